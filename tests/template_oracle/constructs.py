"""The grammar from which templates are generated: expressions by type, statements around them, HTML contexts, and the
patterns by which a construct is counted."""

LAYOUTS = ["2006-01-02T15:04:05Z07:00", "Mon Jan _2 15:04:05 2006", "02/01/06 03:04PM", "15:04:05.000", "15:04:05.999999",
           "Monday, January 2", "2006-01-02 15:04:05 -0700 MST", "Jan 2 at 3:04pm (MST)", "__2 002 2006", "-07:00:00 Z0700 -07", "5.00,000"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Shanghai", "", "Local", "America/St_Johns"]
UNITS = ["1e9", "3600e9", "60000000000", "-5e8", "86400e9", "1500000"]
FORMATS = ["%v", "%s", "%q", "%d", "%5d", "%-8v|", "%08.3f", "%x", "%X", "%t", "%T", "%c", "%U", "%#U", "%e", "%g", "%+v", "%#v",
           "%6.2f", "%+d", "% d", "%b", "%o", "%O", "%#x", "% x", "%.3s", "%10.2s|", "%+q", "%#q", "%05d", "%E", "%G", "%.2e", "%.3g",
           "%#g", "%x %d", "%[2]v %[1]v", "%*d", "%z", "%!", "%%%v", "%.f", "%-5t|", "%F", "%5c|", "%3x"]

STRINGS = ['"a"', '"HighCPU"', '"critical"', "`raw \\d+`", '"tab\\t\\u00e9"', '""', '"x y&z=1"', '"<i>"', '"%41 é"', '"日本"', '"2"']
INTS = ["0", "1", "2", "3", "-1", "0x1F", "0b101", "0o17", "1_000", "'a'", "'\\n'", "42"]
FLOATS = ["1.5", "1e3", ".25", "-2.5e-3", "1e21", "100000000.0", "0x1p4"]


class Maker:
    def __init__(self, random, html):
        self.random = random
        self.html = html
        self.vars = {}
        self.alert = False
        self.count = 0
        self.defines = []

    def pick(self, options):
        return self.random.choice(options)

    def expr(self, kind, depth=3):
        """An expression of a type, fit to be an argument."""
        known = [name for name, have in self.vars.items() if have == kind]
        if known and self.random.random() < 0.3:
            return self.pick(known)
        return getattr(self, kind)(depth - 1)

    def call(self, function, *args):
        if args and self.random.random() < 0.25:
            *first, last = args
            inner = "%s | %s" % (last.strip("()") if False else last, " ".join([function, *first]))
            return "(%s)" % inner
        return "(%s)" % " ".join([function, *args])

    def string(self, depth):
        simple = ["$.Receiver", "$.Status", "$.ExternalURL", "$.NotificationReason", "$.CommonLabels.job", "$.GroupLabels.alertname",
                  "$.RouteLabels.owner", "$.CommonLabels.nope", '(index $.CommonLabels "severity")', '(routeLabels "owner")',
                  "(index $.GroupLabels `alertname`)", self.pick(STRINGS), self.pick(STRINGS)]
        if self.alert:
            simple += [".Status", ".Labels.alertname", ".Labels.severity", ".Annotations.summary", ".GeneratorURL", ".Fingerprint",
                       ".Labels.job", ".Annotations.description"] * 2
        if depth <= 0:
            return self.pick(simple)
        s = lambda: self.expr("string", depth)
        return self.pick([
            lambda: self.pick(simple), lambda: self.pick(simple),
            lambda: self.call(self.pick(["toUpper", "toLower", "title", "trimSpace", "html", "js", "urlquery", "base64encode", "urlquery"]), s()),
            lambda: self.call("join", s(), self.expr("strings", depth)),
            lambda: "(%s.Join %s)" % (self.expr("named_strings", depth), s()),
            lambda: self.call("reReplaceAll", self.pick(['"[aeiou]+"', "`(\\w+)-(\\w*)`", "`\\s`", '"(?i)H(.)"', '"x*"', "`\\b`", '"[^a-z]"']),
                              self.pick(['"$1"', '"<$0>"', '"${1}x"', '"$2-$1"', '"$$"', '""']), s()),
            lambda: "(printf %s %s)" % (self.pick(['"%s"', '"%q"', '"%-6s|"', '"%.2s"', '"%x"', '"%8q"']), s()),
            lambda: self.call("print", s(), self.expr("int", depth)),
            lambda: "(println %s %s)" % (s(), s()),
            lambda: "(date %s %s)" % (self.layout(), self.expr("time", depth)),
            lambda: "(%s.Format %s)" % (self.expr("time", depth), self.layout()),
            lambda: self.call("humanizeDuration", self.pick([self.expr("int", depth), self.pick(FLOATS[:4]), self.expr("dur", depth), '"93784.5"', '"0.00123"'])),
            lambda: self.call("toJson", self.expr(self.pick(["string", "int", "float", "bool", "kv", "strings", "list", "dict", "alerts", "time", "dur", "pairs"]), depth)),
            lambda: "(slice %s 0 1)" % self.pick(['"abc"', "$.ExternalURL", "$.Status"]),
            lambda: "(urlUnescape %s)" % self.pick(['"a%20b+c"', '"%C3%A9"', s()]),
            lambda: "(base64decode %s)" % self.pick(['"aGk="', '"w6k_"', "(base64encode %s)" % s()]),
            lambda: "(%s.String)" % self.expr(self.pick(["kv", "pairs", "time", "dur"]), depth),
            lambda: "(or %s %s)" % (s(), s()), lambda: "(and %s %s)" % (s(), s()),
            lambda: "(%s.GoString)" % self.expr("time", depth),
            lambda: "(%s.%s.String)" % (self.expr("time", depth), self.pick(["Month", "Weekday", "Location"])),
            lambda: "(index %s 0)" % self.pick(['(stringSlice "q" "r")', "$.GroupLabels.Names", "$.GroupLabels.Values"]),
        ])()

    def layout(self):
        return '"%s"' % self.pick(LAYOUTS)

    def int(self, depth):
        if depth <= 0:
            return self.pick(INTS)
        t = lambda: self.expr("time", depth)
        return self.pick([
            lambda: self.pick(INTS),
            lambda: self.call("len", self.expr(self.pick(["string", "kv", "strings", "list", "dict", "alerts", "pairs"]), depth)),
            lambda: "(%s.%s)" % (t(), self.pick(["Year", "Day", "Hour", "Minute", "Second", "Nanosecond", "YearDay"])),
            lambda: "(%s.Compare %s)" % (t(), t()),
            lambda: "(index (list 7 8 9) %s)" % self.pick(["0", "1", "2"]),
            lambda: '(index (dict "n" 5) "n")',
        ])()

    def int64(self, depth):
        if self.random.random() < 0.5:
            return "(%s.%s)" % (self.expr("time", depth), self.pick(["Unix", "UnixMilli", "UnixMicro", "UnixNano"]))
        return "(%s.%s)" % (self.expr("dur", depth), self.pick(["Milliseconds", "Microseconds", "Nanoseconds"]))

    def float(self, depth):
        if depth <= 0 or self.random.random() < 0.5:
            return self.pick(FLOATS)
        return "(%s.%s)" % (self.expr("dur", depth), self.pick(["Hours", "Minutes", "Seconds"]))

    def bool(self, depth):
        if depth <= 0:
            return self.pick(["true", "false", '(eq $.Status "firing")'])
        b = lambda: self.expr("bool", depth)
        kind = self.pick(["string", "int", "float", "string"])
        pair = lambda: (self.expr(kind, depth), self.expr(kind, depth))
        t = lambda: self.expr("time", depth)
        return self.pick([
            lambda: "(%s %s %s)" % (self.pick(["eq", "ne", "lt", "le", "gt", "ge"]), *pair()),
            lambda: "(%s %s %s)" % (self.pick(["eq", "ne", "lt", "le", "gt", "ge"]), *pair()),
            lambda: "(eq %s %s %s)" % (self.expr("string", depth), self.expr("string", depth), self.expr("string", depth)),
            lambda: "(not %s)" % self.expr(self.pick(["bool", "string", "kv", "int", "list"]), depth),
            lambda: "(and %s %s)" % (b(), b()), lambda: "(or %s %s %s)" % (b(), b(), b()),
            lambda: self.call("match", self.pick(['"^H"', "`^\\d+$`", '"(?i)CRIT"', '"a|b"', "`[[:alpha:]]+`", '"é"']), self.expr("string", depth)),
            lambda: "(%s.%s %s)" % (t(), self.pick(["After", "Before", "Equal"]), t()),
            lambda: "(%s.%s)" % (t(), self.pick(["IsZero", "IsDST"])),
        ])()

    def time(self, depth):
        simple = ["now", "(index $.Alerts 0).StartsAt", '(toDate "2006-01-02" "2026-03-29")', "(now)"]
        if self.alert:
            simple += [".StartsAt", ".EndsAt"] * 4
        else:
            simple = ["now", '(toDate "2006-01-02" "2026-03-29")', "now"]
        if depth <= 0:
            return self.wrap(self.pick(simple))
        t = lambda: self.expr("time", depth)
        return self.pick([
            lambda: self.wrap(self.pick(simple)), lambda: self.wrap(self.pick(simple)),
            lambda: "(%s.Add %s)" % (t(), self.pick(UNITS)),
            lambda: "(%s.AddDate %s %s %s)" % (t(), self.pick(["0", "1", "-1"]), self.pick(["0", "1", "13"]), self.pick(["0", "-30", "31"])),
            lambda: "(%s.%s)" % (t(), self.pick(["UTC", "Local"])),
            lambda: "(%s.%s %s)" % (t(), self.pick(["Round", "Truncate"]), self.pick(UNITS)),
            lambda: '(tz "%s" %s)' % (self.pick(ZONES), t()),
            lambda: "(%s.In %s.Location)" % (t(), t()),
            lambda: "(toDate %s %s)" % self.date_text(), lambda: "(mustToDate %s %s)" % self.date_text(good=True),
        ])()

    @staticmethod
    def wrap(text):
        return "(now)" if text == "now" else text

    def date_text(self, good=False):
        options = [('"2006-01-02"', '"2026-08-01"'), ('"2006-01-02T15:04:05Z07:00"', '"2026-08-01T10:20:30.5+02:00"'),
                   ('"Mon, 02 Jan 2006 15:04:05 MST"', '"Sat, 01 Aug 2026 10:20:30 GMT"'), ('"3:04PM"', '"12:07AM"'), ('"2006 002"', '"2024 060"')]
        if not good:
            options += [('"2006-01-02"', '"2026-13-01"'), ('"15:04"', '"25:00"'), ('"2006-01-02"', '"x"')]
        return self.pick(options)

    def dur(self, depth):
        t = lambda: self.expr("time", depth)
        if depth <= 0:
            return "(since %s)" % t()
        return self.pick([
            lambda: "(%s.Sub %s)" % (t(), t()), lambda: self.call("since", t()),
            lambda: "(%s.%s %s)" % (self.expr("dur", depth), self.pick(["Round", "Truncate"]), self.pick(UNITS)),
            lambda: "(%s.Abs)" % self.expr("dur", depth),
        ])()

    def kv(self, depth):
        simple = ["$.CommonLabels", "$.GroupLabels", "$.CommonAnnotations", "$.RouteLabels"]
        if self.alert:
            simple += [".Labels", ".Annotations"]
        if depth <= 0 or self.random.random() < 0.6:
            return self.pick(simple)
        return "(%s.Remove %s)" % (self.pick(simple), self.expr("strings", depth))

    def named_strings(self, depth):
        return self.pick([lambda: "%s.%s" % (self.expr("kv", depth), self.pick(["Names", "Values"])),
                          lambda: "%s.%s" % (self.expr("pairs", depth), self.pick(["Names", "Values"]))])()

    def strings(self, depth):
        if self.random.random() < 0.5:
            return "(stringSlice %s)" % " ".join(self.expr("string", 1) for _ in range(self.random.randint(0, 3)))
        return self.named_strings(depth)

    def pairs(self, depth):
        return "%s.SortedPairs" % self.expr("kv", depth)

    def alerts(self, depth):
        return self.pick(["$.Alerts", "$.Alerts.Firing", "$.Alerts.Resolved", "(slice $.Alerts 0)"])

    def list(self, depth):
        kinds = ["string", "int", "bool", "float", "dur"]
        if depth <= 0 or self.random.random() < 0.7:
            return "(list %s)" % " ".join(self.expr(self.pick(kinds), depth) for _ in range(self.random.randint(0, 3)))
        return "(append %s %s)" % (self.expr("list", depth), self.expr(self.pick(kinds), depth))

    def dict(self, depth):
        pairs = ['"%s" %s' % (k, self.expr(self.pick(["string", "int", "bool", "list"]), depth)) for k in self.random.sample("abcde", self.random.randint(0, 3))]
        return "(dict %s)" % " ".join(pairs)

    def any(self, depth=3):
        return self.expr(self.pick(["string", "string", "string", "int", "bool", "float", "time", "dur", "kv", "strings", "pairs", "list", "dict", "alerts", "int64", "alert_value"]), depth)

    def alert_value(self, depth):
        return "." if self.alert else self.pick(["$.Alerts", "$.Alerts.Firing"])

    # Statements.

    def left(self):
        return "{{-" if self.random.random() < 0.2 else "{{"

    def action(self, inside):
        right = " -}}" if self.random.random() < 0.2 else " }}"
        return "%s %s%s" % (self.left(), inside, right)

    def variable(self):
        self.count += 1
        return "$v%d" % self.count

    def text(self):
        return self.pick([" ", "\n", "text ", "é\n  ", "- ", "", "a < b ", "\t"] if not self.html else [" ", "\n", "<p>", "</p>", "text ", "<br>", "a &amp; b ", "1 < 2 "])

    def show(self):
        inner = self.any()
        if inner.startswith("(") and inner.endswith(")") and self.random.random() < 0.6 and self.balanced(inner[1:-1]):
            inner = inner[1:-1]
        return self.in_html(inner) if self.html and self.random.random() < 0.6 else self.action(inner)

    @staticmethod
    def balanced(text):
        depth = 0
        for c in text:
            depth += (c == "(") - (c == ")")
            if depth < 0:
                return False
        return depth == 0

    def in_html(self, inner):
        plain = "{{ %s }}" % inner
        s = "{{ %s }}" % self.expr("string")
        return self.pick(HTML_CONTEXTS).replace("@S", s).replace("@", plain)

    def formatted(self):
        n = self.random.randint(0, 3)
        kinds = ["string", "int", "float", "bool", "dur", "list", "kv", "strings", "dict", "int64", "pairs"]
        args = [self.expr(self.pick(kinds), 1) for _ in range(n)]
        spec = "".join(self.pick(FORMATS) + self.pick([" ", "", ","]) for _ in range(max(1, n)))
        return self.action('printf "%s" %s' % (spec, " ".join(args)))

    def block(self, depth):
        saved = dict(self.vars)
        out = "".join(self.statement(depth - 1) for _ in range(self.random.randint(1, 3)))
        self.vars = saved
        return out

    def statement(self, depth=2):
        if depth <= 0:
            return self.text() + self.show()
        return self.text() + self.pick(STATEMENTS)(self, depth)

    def stmt_show(self, depth):
        return self.show()

    def stmt_declare(self, depth):
        name, kind = self.variable(), self.pick(["string", "int", "bool", "float", "list", "kv", "time", "dur"])
        value = self.expr(kind)
        self.vars[name] = kind
        out = self.action("%s := %s" % (name, value))
        if self.random.random() < 0.5:
            out += self.action("%s = %s" % (name, self.expr(kind)))
        return out + self.action(name)

    def stmt_if(self, depth):
        out = self.action("if %s" % self.expr(self.pick(["bool", "bool", "string", "kv", "int", "list"]))) + self.block(depth)
        roll = self.random.random()
        if roll < 0.3:
            out += self.action("else if %s" % self.expr("bool")) + self.block(depth)
        if roll < 0.7:
            out += self.action("else") + self.block(depth)
        return out + self.action("end")

    def stmt_with(self, depth):
        was, self.alert = self.alert, False
        out = self.action("with %s" % self.expr(self.pick(["string", "kv", "list", "int", "strings"]))) + self.action(".") + self.block(depth)
        roll = self.random.random()
        if roll < 0.35:
            out += self.action("else with %s" % self.expr("string")) + self.action("print . 1")
        if roll < 0.7:
            self.alert = was
            out += self.action("else") + self.block(depth)
        self.alert = was
        return out + self.action("end")

    def loop_end(self):
        if self.random.random() < 0.35:
            return self.action("if %s" % self.expr("bool")) + self.action(self.pick(["break", "continue"])) + self.action("end") + self.text()
        return ""

    def stmt_range(self, depth):
        shape = self.pick(["alerts", "alerts", "pairs", "kv", "int", "list", "dict", "strings"])
        saved, was = dict(self.vars), self.alert
        source = self.expr(shape) if shape != "int" else self.pick(["3", "(len $.Alerts)", "2", "0"])
        self.alert = shape == "alerts"
        names = self.pick([0, 1, 2]) if shape != "int" else self.pick([0, 1])
        first, second = self.variable(), self.variable()
        if names == 2 and self.random.random() < 0.25:
            out = self.action("%s := 0" % first) + self.action("%s := 0" % second) + self.action("range %s, %s = %s" % (first, second, source))
        else:
            out = self.action("range %s%s" % (["", "%s := " % first, "%s, %s := " % (first, second)][names], source))
        if names:
            out += self.action(first)
        if names == 2:
            out += self.action(second)
        out += self.loop_end()
        if shape == "pairs":
            out += self.action(".Name") + "=" + self.action(".Value")
        elif shape != "alerts":
            out += self.action(".")
        out += self.block(depth)
        self.alert = was
        if self.random.random() < 0.35:
            out += self.action("else") + self.block(depth)
        self.vars = saved
        return out + self.action("end")

    def stmt_template(self, depth):
        name = "t%d" % len(self.defines)
        saved, was, self.vars, self.alert = self.vars, self.alert, {}, False
        body = self.text() + self.action(".") + "x"
        self.vars, self.alert = saved, was
        self.defines.append('{{ define "%s" }}%s{{ end }}' % (name, body))
        call = self.pick(['template "%s"' % name, 'template "%s" %s' % (name, self.any(2)), 'template "%s" $' % name])
        return self.action(call)

    def stmt_block(self, depth):
        self.count += 1
        return self.action('block "b%d" %s' % (self.count, self.any(2))) + self.action(".") + self.action("end")

    def stmt_comment(self, depth):
        return self.pick(["{{/* a comment */}}", "{{- /* trimmed */ -}}", "{{/* two\nlines */}}"])

    def stmt_printf(self, depth):
        return self.formatted()

    def stmt_bytes(self, depth):
        time = self.expr("time", 2)
        return self.action(self.pick(['printf "%%s" %s.MarshalText', "%s.MarshalText | printf `%%x`", '(printf "%%s" %s.MarshalJSON)',
                                      'printf "%%q" (%s.AppendFormat nil "15:04")', 'printf "%%s" (%s.AppendText nil)', "index %s.MarshalText 0",
                                      "len %s.MarshalBinary", "%s.GobEncode", "%s.AppendBinary nil"]) % time)

    def stmt_call(self, depth):
        return self.action(self.pick(["index $.Alerts 99", "call 1", "toUpper 5", "$.Nope", 'eq 1 "a"', "len 3", "$.CommonLabels.a.b", "(now).Clock",
                                      'slice "abc" 2 1', 'template "none"', "call nil", 'lt 1 1.5', "(now).Zone", "index 3 0"]))

    def stmt_trusted(self, depth):
        return self.action("%s %s" % (self.pick(["safeHtml", "safeUrl"]), self.expr("string")))

    def stmt_nil(self, depth):
        return self.action(self.pick(["print nil", "eq nil nil", "(dict `a` nil).a", "(dict).x", "list nil 1", "not nil", 'printf "%v %d" nil nil', "and nil 1", "or nil `d`"]))

    def stmt_temporal(self, depth):
        return self.action("%s.%s" % (self.expr("time"), self.pick(["Month", "Weekday", "Location", "UTC", "IsDST", "Unix", "UnixNano"])))

    def stmt_once_in_a_while_call(self, depth):
        return self.stmt_call(depth) if self.random.random() < 0.25 else self.show()


STATEMENTS = [Maker.stmt_show, Maker.stmt_show, Maker.stmt_declare, Maker.stmt_if, Maker.stmt_with, Maker.stmt_range, Maker.stmt_range,
              Maker.stmt_template, Maker.stmt_block, Maker.stmt_comment, Maker.stmt_printf, Maker.stmt_printf, Maker.stmt_bytes,
              Maker.stmt_trusted, Maker.stmt_nil, Maker.stmt_temporal, Maker.stmt_once_in_a_while_call]

HTML_CONTEXTS = [
    "<b>@</b>", "<title>@</title>", "<textarea>@</textarea>", '<a title="@">x</a>', "<a title='@'>x</a>", "<a title=@>x</a>",
    '<a href="@S">x</a>', '<a href="/p/@S/q">x</a>', '<a href="/p?q=@S">x</a>', '<a href="/p#@S">x</a>', "<a href=@S>x</a>", '<a href="http://h/{{ if true }}a{{ end }}?x=@S">x</a>',
    '<img src="@S">', '<img srcset="@S 2x, /a.png 1x">', '<p style="color: @S">x</p>', "<p style=\"background: url('@S')\">x</p>",
    '<p style="background: url(@S)">x</p>', "<p style=\"font-family: '@S'\">x</p>", "<style>p { color: @S; /* note */ }</style>", '<a onclick="f(@)">x</a>',
    "<a onclick=\"f('@S')\">x</a>", "<script>var x = @;</script>", '<script>var x = "@S";</script>', "<script>var x = '@S'; // c\n</script>", "<script>var r = /@S/;</script>",
    "<script>var t = `a @S b`;</script>", "<!-- @ -->", '<p @S="1">x</p>', '<meta http-equiv="refresh" content="0; url=@S">', '<p data-x="@" data-src="@S">x</p>',
    '<a href="{{ safeUrl "tel:1 2" }}@S">x</a>', '<p title="{{ safeHtml "<b>i</b> &amp;" }}">x</p>', "<script type=\"text/plain\">@</script>", "<input value=@ checked>", '<svg xmlns:x="@S">',
    '<a href="?a={{ urlquery $.Receiver }}">x</a>', "<p>{{ html $.Receiver }}</p>",
]

_FUNCTIONS = """and or not len index slice print println printf html js urlquery call eq ne lt le gt ge toUpper toLower title trimSpace join
match safeHtml safeUrl urlUnescape reReplaceAll stringSlice routeLabels date tz now since humanizeDuration toDate mustToDate toJson base64encode
base64decode list append dict""".split()
_METHODS = """SortedPairs Remove Names Values Join Firing Resolved String Add AddDate After Before Equal Compare AppendFormat AppendText AppendBinary
Clock Zone Year Month Day Hour Minute Second Nanosecond YearDay Weekday Format GoString GobEncode In IsDST IsZero Local Location MarshalJSON MarshalText
MarshalBinary Round Truncate Sub UTC Unix UnixMicro UnixMilli UnixNano Abs Hours Minutes Seconds Milliseconds Microseconds Nanoseconds""".split()
_FIELDS = "Status Labels Annotations StartsAt EndsAt GeneratorURL Fingerprint Receiver Alerts NotificationReason GroupLabels CommonLabels CommonAnnotations RouteLabels ExternalURL Name Value".split()

FEATURES = {"function " + f: r"(?:\(|\| |\{\{-? |if |with |range |:= |= )%s\b" % f for f in _FUNCTIONS}
FEATURES |= {"method " + m: r"\.%s\b" % m for m in _METHODS}
FEATURES |= {"field " + m: r"\.%s\b" % m for m in _FIELDS}
FEATURES |= {"verb %" + v: r'printf "[^"]*%%[-+# 0-9.*\[\]]*%s' % v for v in "vsqdxXtTcUegfFEGboO"}
FEATURES |= {
    "if": r"\{\{-? if ", "else": r"\{\{-? else -?\}\}", "else if": r"else if ", "with": r"\{\{-? with ", "else with": "else with ",
    "range": r"range ", "range over integer": r"range (\$v\d+ := )?(\d|\(len)", "range with one variable": r"range \$v\d+ := ",
    "range with two variables": r"range \$v\d+, \$v\d+ := ", "range with assignment": r"range \$v\d+, \$v\d+ = ", "break": r"\{\{-? break", "continue": r"\{\{-? continue",
    "define": r"define ", "template": r"\{\{-? template ", "block": r"\{\{-? block ", "comment": r"/\*", "left trim": r"\{\{- ", "right trim": r" -\}\}",
    "declaration": r"\{\{-? \$v\d+ := ", "assignment": r"\{\{-? \$v\d+ = ", "pipe": r" \| ", "raw string": "`", "character": r"'a'|'\\n'", "hexadecimal": "0x1F",
    "binary": "0b101", "octal": "0o17", "underscore": "1_000", "float": r"\b1\.5|1e3", "hexadecimal float": "0x1p4", "nil": r"\bnil\b", "root": r"\$\.", "chain on parentheses": r"\)\.[A-Z]",
    "HTML text": r"<b>\{\{", "HTML title": "<title>", "HTML quoted attribute": r'title="', "HTML unquoted attribute": r"title=\{\{", "HTML URL": r'href="\{\{', "HTML query": r"\?q=\{\{",
    "HTML srcset": "srcset", "HTML style": 'style="', "HTML style element": "<style>", "HTML handler": "onclick", "HTML script": "<script>", "HTML comment": "<!--",
}


def template(random, html, rare):
    """A template; one of a few drafts that has most of the rare constructs."""
    import re
    drafts = []
    for _ in range(6 if rare else 1):
        maker = Maker(random, html)
        body = "".join(maker.statement() for _ in range(random.randint(1, 4)))
        text = "".join(maker.defines) + body
        drafts.append((sum(1 for name in rare if re.search(FEATURES[name], text)), -len(text), text))
    return max(drafts)[2]
