"""The cases of Go's own tests (Go 1.27's text/template and html/template), rewritten over Alertmanager's data and functions: what each
looks at is Go's, the template is ours. `docs/templates.md` says which are left out and why.

A case is (what it looks at, as Go's test names it; template). Values stand in for those of Go's test struct: `list 3 4 5` for a slice,
`dict` for a map, KV for a map of strings, an alert for a struct with methods."""

EXEC = [
    # Trivial cases and constants.
    ("empty", ""), ("text", "plain words"), ("nil action", "{{nil}}"),
    ("ideal int", "{{printf `%T` 7}}"), ("ideal float", "{{printf `%T` 2.0}}"), ("ideal exp float", "{{printf `%T` 2e1}}"),
    ("ideal int, largest", "{{printf `%T` 0x7fffffffffffffff}}"), ("ideal too big", "{{printf `%T` 0x8000000000000000}}"),
    ("ideal nil without type", "a{{nil}}b"),
    # Fields of structs, keys of maps.
    (".X", "-{{.Status}}-"), (".U.V", "-{{(index .Alerts 0).Status}}-"), (".unexported", "{{.routeLabelsRendered}}"),
    ("map .one", "{{$m := dict `one` 1 `two` 2}}{{$m.one}}"), ("map .two", "{{$m := dict `one` 1 `two` 2}}{{$m.two}}"),
    ("map .NO", "{{$m := dict `one` 1}}{{$m.NO}}|{{.CommonLabels.NO}}"), ("map .WRONG args", "{{$m := dict `one` 1}}{{$m.one 1}}"),
    ("map .WRONG args, map of strings", "{{.CommonLabels.job 1}}"),
    # Dots of all kinds.
    ("dot int", "{{with 21}}<{{.}}>{{end}}"), ("dot float", "{{with 2.25}}<{{.}}>{{end}}"), ("dot bool", "{{with true}}<{{.}}>{{end}}"),
    ("dot string", "{{with `salut`}}<{{.}}>{{end}}"), ("dot slice", "{{with list -7 -8}}<{{.}}>{{end}}"), ("dot map", "{{with dict `deux` 22}}<{{.}}>{{end}}"),
    ("dot struct", "{{with index .GroupLabels.SortedPairs 0}}<{{.}}>{{end}}"),
    # Variables.
    ("$ int", "{{define `v`}}{{$}}{{end}}{{template `v` 321}}"), ("$.I", "{{$.Status}}"), ("$.U.V", "{{$.CommonLabels.job}}"),
    ("declare in action", "{{$x := $.CommonLabels.job}}{{$x}}"), ("simple assignment", "{{$x := 4}}{{$x = 5}}{{$x}}"),
    ("nested assignment", "{{$x := 4}}{{with 1}}{{$x = 5}}{{end}}{{$x}}"),
    ("nested assignment changes the last declaration", "{{$x := 4}}{{if true}}{{$x := 5}}{{if true}}{{$x = 6}}{{end}}<{{$x}}>{{end}}{{$x}}"),
    # Types with a String method.
    ("V{6666}.String()", "-{{.CommonLabels}}-{{.CommonLabels.SortedPairs}}-"), ("&V{7777}.String()", "-{{since (now.Add -90e9)}}-{{now.UTC.Month}}-"),
    # Values in an interface.
    ("empty nil", "{{index (list nil) 0}}"), ("empty with int", "{{index (list 4) 0}}"), ("empty with string", "{{index (list `leer`) 0}}"),
    ("empty with slice", "{{index (list (list 8 9)) 0}}"), ("empty with struct", "{{index (list (index .GroupLabels.SortedPairs 0)) 0}}"),
    ("empty with struct, field", "{{(index (list (index .GroupLabels.SortedPairs 0)) 0).Name}}"),
    ("field on interface", "{{define `n`}}{{.foo}}{{end}}{{template `n`}}"), ("field on parenthesized interface", "{{define `n`}}{{(.).foo}}{{end}}{{template `n`}}"),
    # Parenthesised first element.
    ("unparenthesized non-function", "{{5 6}}"), ("parenthesized non-function", "{{(5) 6}}"), ("parenthesized non-function with no args", "{{(5)}}"),
    ("TestIssue31810", "{{define `p`}}{{ (.)  }}{{end}}{{template `p` `r`}}"),
    # Methods.
    (".Method0", "-{{.CommonLabels.Names}}-"), (".Method1(1234)", "-{{now.UTC.Add 1234}}-"), (".Method1(.I)", "-{{now.UTC.Add (since now)}}-"),
    (".Method2(3, .X)", "-{{now.UTC.AddDate 3 0 (len .Status)}}-"), (".Method2(.U16, `str`)", "-{{now.UTC.Format `2006`}}-"),
    (".Method2(.U16, $x)", "{{if $x := `02.01.`}}-{{now.UTC.Format $x}}{{end}}-"), (".Method3(nil constant)", "-{{.CommonLabels.Remove nil}}-"),
    (".Method3(nil value)", "-{{print (dict).unset}}-"), ("method on var", "{{if $x := .}}-{{$x.CommonLabels.Remove $x.GroupLabels.Names}}{{end}}-"),
    ("method on chained var", "{{range list 1}}{{if $.CommonLabels.Names.Join `+`}}{{$.CommonLabels.Names.Join `+`}}{{else}}WRONG{{end}}{{end}}"),
    ("chained method", "{{range list 1}}{{if $.Alerts.Firing}}{{len $.Alerts.Firing}}{{else}}NONE{{end}}{{end}}"),
    ("chained method on variable", "{{with $x := .}}{{with list 1}}{{$.CommonLabels.Values.Join `,`}}{{end}}{{end}}"),
    # The function call.
    ("call nil", "{{call nil}}"), ("empty call", "{{call}}"), ("empty call after pipe invalid", "{{5 | call}}"), ("TestFunctionCheckDuringCall, non-function", "{{call .Status}}"),
    ("TestFunctionCheckDuringCall, pipeline", "{{call (len `test`)}}"), ("TestExecutePanicDuringCall, direct", "{{reReplaceAll `(` `a` `b`}}"),
    ("Interface Call", "{{humanizeDuration `90`}}{{humanizeDuration 90}}"),
    (".BinaryFuncTooFew", "{{match `a`}}"), (".BinaryFuncTooMany", "{{match `a` `b` `c`}}"), (".BinaryFuncBad0", "{{match 1 3}}"), (".BinaryFuncBad1", "{{match `a` 3}}"),
    (".VariadicFunc0", "{{stringSlice}}"), (".VariadicFunc2", "{{stringSlice `he` `llo`}}"), (".VariadicFuncInt", "{{printf `%d` 33 `he`}}"),
    (".VariadicFuncBad0", "{{stringSlice 3}}"), (".VariadicFuncIntBad0", "{{printf}}"), (".VariadicFuncIntBad`", "{{printf 3}}"), (".VariadicFuncNilBad", "{{stringSlice nil}}"),
    # Pipelines.
    ("pipeline", "-{{.CommonLabels.Names | join `;`}}-"), ("pipeline func", "-{{stringSlice `llo` | printf `%s %s` `he`}}-"),
    ("nil pipeline", "{{ index (list nil) 0 | print }}"), ("nil call arg", "{{ print (index (list nil) 0) }}"), ("bad nil pipeline", "{{ index (list nil) 0 | toUpper }}"),
    ("parens in pipeline", "{{printf `%d %d %d` (1) (`ab` | len) (len (print 4 (len (print 5 6))))}}"), ("parens: $ in paren", "{{($).Status}}"),
    ("parens: $.GetU in paren", "{{($.GroupLabels).alertname}}"), ("parens: $ in paren in pipe", "{{($.GroupLabels.SortedPairs | slice).Names}}"),
    ("parens: spaces and args", "{{(dict `auf` `ab` `links` `rechts`).links}}"),
    # If.
    ("if true", "{{if true}}Y{{end}}"), ("if false", "{{if false}}Y{{else}}N{{end}}"), ("if nil", "{{if nil}}Y{{end}}"), ("if 1", "{{if 1}}Y{{else}}N{{end}}"), ("if 0", "{{if 0}}Y{{else}}N{{end}}"),
    ("if 1.5", "{{if 2.5}}Y{{else}}N{{end}}"), ("if 0.0", "{{if 0.0}}Y{{else}}N{{end}}"), ("if nonNilPointer", "{{if .}}Y{{else}}N{{end}}"), ("if nilPointer", "{{define `p`}}{{if .}}Y{{else}}N{{end}}{{end}}{{template `p`}}"),
    ("if emptystring", "{{if ``}}Y{{else}}N{{end}}"), ("if string", "{{if `voll`}}Y{{else}}N{{end}}"), ("if emptyslice", "{{if list}}Y{{else}}N{{end}}"), ("if slice", "{{if list 0}}Y{{else}}N{{end}}"),
    ("if emptymap", "{{if dict}}Y{{else}}N{{end}}"), ("if map", "{{if .GroupLabels}}Y{{else}}N{{end}}"), ("if map unset", "{{if (dict).none}}Y{{else}}N{{end}}"), ("if map not unset", "{{if not (dict).none}}N{{else}}Y{{end}}"),
    ("if $x with $y int", "{{if $x := true}}{{with $y := 18}}{{$x}},{{$y}}{{end}}{{end}}"), ("if $x with $x int", "{{if $x := true}}{{with $x := 18}}{{$x}},{{end}}{{$x}}{{end}}"),
    ("if else if", "{{if false}}A{{else if true}}B{{end}}"), ("if else chain", "{{if eq 2 4}}a{{else if eq 3 4}}b{{else if eq 4 4}}c{{end}}"),
    # Print and its kin.
    ("print", '{{print "bonjour, print"}}'), ("print 123", "{{print 4 5 6}}"), ("print nil", "{{print nil}}"), ("println", "{{println 4 5 6}}"), ("printf int", "{{printf `%04x` 126}}"), ("printf float", "{{printf `%g` 4.5}}"),
    ("printf string", "{{printf `%s` `bonjour`}}"), ("printf function", "{{printf `%#q` stringSlice}}"), ("printf field", "{{printf `%s` .CommonLabels.job}}"), ("printf method", "{{printf `%s` .CommonLabels.Names}}"),
    ("printf dot", "{{with 18}}{{printf `%d` .}}{{end}}"), ("printf var", "{{with $x := 18}}{{printf `%d` $x}}{{end}}"), ("printf lots", "{{printf `%d %s %g %s` 126 `salut` 7.5 .GroupLabels.Names}}"),
    # The escaping built-ins.
    ("html", '{{html "<b>say(\\"X\\");</b>"}}'), ("html pipeline", '{{printf "<b>say(\\"X\\");</b>" | html}}'), ("html, pointer", "{{html .Status}}"), ("html untyped nil", "{{html (index (list nil) 0)}}"),
    ("js", "{{js `It'd do.`}}"), ("urlquery", '{{"http://www.example.com/"|urlquery}}'), ("TestJSEscaping", "{{range list `a` `'foo` `Go \"jump\" \\` `says \"今日は世界\"` `<p>` `a = b` `&#x27; no entity`}}{{js .}}\n{{end}}{{js \"unprintable \\ufffe\"}}"),
    # Booleans.
    ("not", "{{not true}} {{not false}}"), ("and", "{{and false 0}} {{and 1 0}} {{and 0 true}} {{and 1 2}}"), ("or", "{{or 0 0}} {{or 1 0}} {{or 0 true}} {{or 2 1}}"), ("or short-circuit", "{{or 0 1 (index `` 9)}}"),
    ("and short-circuit", "{{and 1 0 (index `` 9)}}"), ("or short-circuit2", "{{or 0 0 (index `` 9)}}"), ("and short-circuit2", "{{and 1 1 (index `` 9)}}"), ("and pipe-true", "{{2 | and 1}}"), ("and pipe-false", "{{0 | and 1}}"),
    ("or pipe-true", "{{2 | or 0}}"), ("or pipe-false", "{{0 | or 0}}"), ("and undef", "{{and 1 (dict).Unknown}}"), ("or undef", "{{or 0 (dict).Unknown}}"), ("boolean if", "{{if and true 1 `hi`}}Y{{else}}N{{end}}"),
    ("boolean if not", "{{if and true 1 `hi` | not}}Y{{else}}N{{end}}"), ("boolean if pipe", "{{if true | not | and 1}}Y{{else}}N{{end}}"),
    # Indexing.
    ("slice[0]", "{{index (list 3 4 5) 0}}"), ("slice[1]", "{{index .GroupLabels.Names 0}}"), ("slice[HUGE]", "{{index (list 3 4 5) 10}}"), ("slice[WRONG]", "{{index (list 3) `x`}}"), ("slice[nil]", "{{index (list 3) nil}}"),
    ("map[one]", "{{index (dict `one` 1) `one`}}"), ("map[two]", "{{index .GroupLabels `alertname`}}"), ("map[NO]", "{{index .GroupLabels `XXX`}}|{{index (dict) `XXX`}}"), ("map[nil]", "{{index .GroupLabels nil}}"),
    ("map[``]", "{{index .GroupLabels ``}}|"), ("map[WRONG]", "{{index .GroupLabels 10}}"), ("double index", "{{index (list 1 (dict `eleven` 11)) 1 `eleven`}}"), ("nil[1]", "{{index nil 1}}"), ("index of an interface field", "{{index (index (list (list 7)) 0) 0}}"),
    ("TestExecError", "1\n2\n3\n{{template `one` .}}\n{{define `one`}}{{template `two` .}}{{end}}\n{{define `two`}}{{template `three` 5}}{{end}}\n{{define `three`}}{{index `hi` $}}{{end}}"),
    # Slicing.
    ("slice[:]", "{{slice (list 3 4 5)}}"), ("slice[1:]", "{{slice (list 3 4 5) 1}}"), ("slice[1:2]", "{{slice (list 3 4 5) 1 2}}"), ("slice[-1:]", "{{slice (list 3 4 5) -1}}"), ("slice[1:-2]", "{{slice (list 3 4 5) 1 -2}}"),
    ("slice[1:2:-1]", "{{slice (list 3 4 5) 1 2 -1}}"), ("slice[2:1]", "{{slice (list 3 4 5) 2 1}}"), ("slice[2:2:1]", "{{slice (list 3 4 5) 2 2 1}}"), ("out of range", "{{slice (list 3 4 5) 4 5}}"), ("out of range, three", "{{slice (list 3 4 5) 2 2 5}}"),
    ("string[:]", "{{slice `uvw`}}"), ("string[0:1]", "{{slice `uvw` 0 1}}"), ("string[1:]", "{{slice `uvw` 1}}"), ("string[1:2]", "{{slice `uvw` 1 2}}"), ("string out of range", "{{slice `uvw` 1 5}}"), ("3-index slice of string", "{{slice `uvw` 1 2 2}}"),
    ("slice of an interface field", "{{slice (index (list (list 7 8)) 0) 0 1}}"), ("slice of a typed list", "{{slice .GroupLabels.Names 0 1}}"),
    # Len.
    ("slice", "{{len (list 3 4 5)}}"), ("map", "{{len (dict `a` 1)}}{{len .CommonLabels}}"), ("len of int", "{{len 3}}"), ("len of nothing", "{{len (index (list nil) 0)}}"), ("len of an interface field", "{{len (index (list (list 7 8)) 0)}}"),
    # With.
    ("with true", "{{with true}}{{.}}{{end}}"), ("with false", "{{with false}}{{.}}{{else}}N{{end}}"), ("with 1", "{{with 1}}{{.}}{{else}}N{{end}}"), ("with 0", "{{with 0}}{{.}}{{else}}N{{end}}"), ("with 1.5", "{{with 2.5}}{{.}}{{else}}N{{end}}"),
    ("with 0.0", "{{with 0.0}}{{.}}{{else}}N{{end}}"), ("with emptystring", "{{with ``}}{{.}}{{else}}N{{end}}"), ("with string", "{{with `voll`}}{{.}}{{else}}N{{end}}"), ("with emptyslice", "{{with list}}{{.}}{{else}}N{{end}}"), ("with slice", "{{with list 3 4}}{{.}}{{else}}N{{end}}"),
    ("with emptymap", "{{with dict}}{{.}}{{else}}N{{end}}"), ("with map", "{{with dict `one` 1}}{{.}}{{else}}N{{end}}"), ("with empty interface, struct field", "{{with index (list (index .GroupLabels.SortedPairs 0)) 0}}{{.Value}}{{end}}"), ("with $x int", "{{with $x := 18}}{{$x}}{{end}}"),
    ("with $x struct.U.V", "{{with $x := $}}{{$x.GroupLabels.alertname}}{{end}}"), ("with variable and action", "{{with $x := $}}{{$y := $.Status}}{{$y}}{{end}}"), ("with else with", "{{with 0}}{{.}}{{else with true}}{{.}}{{end}}"),
    ("with else with chain", "{{with 0}}{{.}}{{else with false}}{{.}}{{else with `voll`}}{{.}}{{end}}"),
    # Range.
    ("range []int", "{{range list 3 4}}-{{.}}-{{end}}"), ("range empty no else", "{{range list}}-{{.}}-{{end}}"), ("range []int else", "{{range list 3 4}}-{{.}}-{{else}}E{{end}}"), ("range empty else", "{{range list}}-{{.}}-{{else}}E{{end}}"),
    ("range []int break else", "{{range list 3 4}}-{{.}}-{{break}}X{{else}}E{{end}}"), ("range []int continue else", "{{range list 3 4}}-{{.}}-{{continue}}X{{else}}E{{end}}"), ("range []bool", "{{range list true false}}-{{.}}-{{end}}"),
    ("range []int method", "{{range .GroupLabels.Names | .CommonLabels.Remove}}-{{.}}-{{end}}"), ("range map", "{{range dict `b` 1 `a` 2}}-{{.}}-{{end}}"),
    ("range empty map no else", "{{range dict}}-{{.}}-{{end}}"), ("range map else", "{{range .GroupLabels}}-{{.}}-{{else}}E{{end}}"), ("range empty map else", "{{range dict}}-{{.}}-{{else}}E{{end}}"), ("range empty interface", "{{range index (list (list 7 8)) 0}}-{{.}}-{{else}}E{{end}}"),
    ("range empty nil", "{{range index (list nil) 0}}-{{.}}-{{end}}"), ("range $x SI", "{{range $x := list 3 4}}<{{$x}}>{{end}}"), ("range $x $y SI", "{{range $x, $y := list 3 4}}<{{$x}}={{$y}}>{{end}}"), ("range $x MSIone", "{{range $x := dict `one` 1}}<{{$x}}>{{end}}"),
    ("range $x $y MSIone", "{{range $x, $y := dict `one` 1}}<{{$x}}={{$y}}>{{end}}"), ("range $x PSI", "{{range $x := stringSlice `p` `q`}}<{{$x}}>{{end}}"), ("declare in range", "{{range $x := list 3 4}}<{{$foo:=$x}}{{$x}}>{{end}}"),
    ("range int", "{{range $v := 4}}{{printf `%T%d` $v $v}}{{end}}"), ("range int64", "{{range $v := (now.Unix | printf `%d` | len)}}{{$v}}{{end}}"), ("range uint8", "{{range $v := index `\\x04` 0}}{{printf `%T%d` $v $v}}{{end}}"), ("range 5", "{{range $v := 3}}{{printf `%T%d` $v $v}}{{else}}E{{end}}"),
    ("issue56490", "{{$i := 0}}{{$x := 0}}{{range $i = list 3 4 5}}{{end}}{{$i}}"), ("issue60801", "{{$k := 0}}{{$v := 0}}{{range $k, $v = list 3 4 5}}{{$k}}={{$v}} {{end}}"),
    # Cute examples, errors from methods.
    ("or as if true", "{{or (list 3) `is empty`}}"), ("or as if false", "{{or list `is empty`}}"), ("error method, error", "{{mustToDate `2006` `x`}}"), ("error method, no error", "{{(mustToDate `2006` `2020`).Year}}"),
    # Numbers.
    ("decimal", "{{print 4321}}"), ("decimal _", "{{print 43_21}}"), ("binary", "{{print 0b110}}"), ("binary _", "{{print 0b_1_1_0}}"), ("BINARY", "{{print 0B110}}"), ("octal0", "{{print 0376}}"), ("octal", "{{print 0o376}}"), ("octal _", "{{print 0o_3_7_6}}"), ("OCTAL", "{{print 0O376}}"),
    ("hex", "{{print 0x124}}"), ("hex _", "{{print 0x1_24}}"), ("HEX", "{{print 0X124ABC}}"), ("float", "{{print 432.1}}"), ("float _", "{{print 0_0_4_3_2.1}}"), ("hex float", "{{print +0x1.cp+2}}"), ("hex float _", "{{print +0x_1.c_0p+0_2}}"), ("HEX float", "{{print +0X1.CP+2}}"),
    ("print multi", "{{print 4_3_2_1 2.5_00_00}}"), ("print multi2", "{{print 4321 0x0_1.c_0p+02}}"),
    # Fixed bugs.
    ("bug0", "{{range list 1}}{{if $.Alerts}}{{if $.CommonLabels.Remove nil}}X{{end}}{{end}}{{end}}"), ("bug3", "{{with $}}{{.GroupLabels.Names}}{{end}}"), ("bug4", "{{if index (list nil) 0}}Y{{else}}nil{{end}}"), ("bug5", "{{now.UTC.Weekday}}"),
    ("bug7a", "{{6 5}}"), ("bug7b", "{{$x := 1}}{{$x 2}}"), ("bug7c", "{{$x := 1}}{{3 | $x}}"), ("bug8a", "{{3|toUpper}}"), ("bug8b", "{{4|printf 3}}"), ("bug9", "{{.CommonLabels.alertname}}"), ("bug10", "{{(dict `three` 3).three}}-{{now.UTC.Year}}-{{(now).UTC.Year}}"),
    ("bug11", "{{define `n`}}{{toUpper .}}{{end}}{{template `n`}}"), ("bug12xe", "{{printf `%T` 0xef}}"), ("bug12xE", "{{printf `%T` 0xEE}}"), ("bug12Xe", "{{printf `%T` 0Xef}}"), ("bug12XE", "{{printf `%T` 0XEE}}"), ("bug13", "{{print (.GroupLabels.Remove nil).alertname}}"),
    ("bug14a", "{{(nil).True}}"), ("bug14b", "{{$x := nil}}{{$x.anything}}"), ("bug14c", "{{$x := (1.0)}}{{$y := (`hello`)}}{{$x.anything}}{{$y.true}}"), ("bug15", "{{toUpper (len `a`)}}"), ("bug16a", "{{true|printf}}"), ("bug16b", "{{1|printf}}"), ("bug16c", "{{1.1|printf}}"),
    ("bug16d", "{{'x'|printf}}"), ("bug16f", "{{true|match `xxx`}}"), ("bug16g", "{{`aaa` |match `bbb`}}"), ("bug16h", "{{1|toUpper}}"), ("bug16i", "{{`aaa`|toUpper}}"), ("bug16k", "{{`aaa`|printf }}"), ("bug17c", "{{len .CommonLabels.Names}}"), ("bug17d", "{{index .GroupLabels.Names 0}}"),
    ("bug17e", "{{range .GroupLabels.Names}}-{{.}}-{{end}}"), ("bug18a", "{{eq (index `.` 0) '.'}}"), ("bug18b", "{{eq (index `e` 0) 'e'}}"), ("bug18c", "{{eq (index `P` 0) 'P'}}"),
    # The other tests of the file.
    ("TestDelims, default", "{{.Status}}{{/*comment*/}}{{\"{{\"}}"), ("TestTree", "{{define `tree`}}[{{- index . 0 -}}{{- range slice . 1 -}}{{template `tree` . -}}{{- end -}}]{{end}}{{template `tree` (list 1 (list 2 (list 3 (list 4)) (list 5)) (list 7))}}"),
    ("TestFinalForPrintf", "{{`x` | printf}}"), ("TestMissingMapKey", "{{$m := dict `x` 99}}{{$m.x}} {{$m.y}}"), ("TestUnterminatedStringError", "hello\n\n{{`unterminated\n\n\n\n}}\n some more\n\n"), ("TestExecuteGivesExecError", "hello, {{define `i`}}{{.X.Y}}{{end}}{{template `i` 0}}"),
    ("TestIsTrue", "{{range list 1 0 2.0 0.0 true false (list 1) (list) (dict `a` 1) (dict) `a` `` now}}{{if .}}y{{else}}n{{end}}{{end}}"), ("TestBlock", "a({{block `inner` .Status}}bar({{.}})baz{{end}})b"), ("TestBlock, defined again", "{{define `inner`}}foo({{.}})bar{{end}}a({{block `inner` .Status}}bar({{.}})baz{{end}})b"),
    ("TestEvalFieldErrors, MissingFieldOnNonNil", "{{.MissingField}}"), ("TestEvalFieldErrors, MissingKeyOnNilMap", "{{(index (list nil) 0).MissingKey}}"), ("TestEvalFieldErrors, MissingKeyOnMapPtrToNil", "{{.RouteLabels.MissingKey}}"), ("TestMaxExecDepth", "{{define `t`}}{{template `t` .}}{{end}}{{template `t` .}}"),
    ("TestInterfaceValues, index", "{{index (dict).Nil 1}}"), ("TestInterfaceValues, slice", "{{index (list 0 1 2) (index (list 2) 0)}}"), ("TestInterfaceValues, call", "{{call (dict).Nil 1}}"), ("TestInterfaceValues, and", "{{and (index (list 0 1) 0) true}} {{and (index (list 0 1) 1) false}} {{and (index (list 0) 0) true}}"),
    ("TestInterfaceValues, or", "{{or (index (list 0 1) 0) false}} {{or (index (list 0 1) 1) true}}"), ("TestInterfaceValues, not", "{{not (index (list 0 1) 0)}} {{not (index (list 0 1) 1)}}"),
    ("TestInterfaceValues, compare", "{{$s := list 0 1}}{{eq (index $s 0) 0}} {{ne (index $s 1) 1}} {{ge (index $s 0) 1}} {{gt (index $s 1) 0}} {{le (index $s 0) 1}} {{lt (index $s 1) 0}}"), ("TestAddrOfIndex", "{{range list .GroupLabels}}{{.String}}{{end}}{{with index (list .GroupLabels) 0}}{{.String}}{{end}}"),
]

COMPARE = [
    "eq true true", "eq true false", "eq 1.5 1.5", "eq 1.5 2.5", "eq 1 1", "eq 1 2", "eq `xy` `xy`", "eq `xy` `xyz`", "eq 3 4 5 6 3", "eq 3 4 5 6 7", "ne true true", "ne true false", "ne 1.5 1.5", "ne 1.5 2.5", "ne 1 1", "ne 1 2", "ne `xy` `xy`", "ne `xy` `xyz`",
    "lt 1.5 1.5", "lt 1.5 2.5", "lt 1 1", "lt 1 2", "lt `xy` `xy`", "lt `xy` `xyz`", "le 1.5 1.5", "le 1.5 2.5", "le 2.5 1.5", "le 1 1", "le 1 2", "le 2 1", "le `xy` `xy`", "le `xy` `xyz`", "le `xyz` `xy`",
    "gt 1.5 1.5", "gt 1.5 2.5", "gt 1 1", "gt 2 1", "gt 1 2", "gt `xy` `xy`", "gt `xy` `xyz`", "ge 1.5 1.5", "ge 1.5 2.5", "ge 2.5 1.5", "ge 1 1", "ge 1 2", "ge 2 1", "ge `xy` `xy`", "ge `xy` `xyz`", "ge `xyz` `xy`",
    # Signed and unsigned: the bytes of a string are unsigned.
    "eq $u 3", "eq 3 $u", "le $u 3", "le 3 $u", "ge $u 3", "ge 3 $u", "lt $u 3", "lt 3 $u", "gt $u 3", "gt 3 $u", "eq $u $u", "eq $u $v", "ne $u $u", "ne $u $v", "lt $u $u", "lt $u $v", "le $u $v", "le $v $u", "gt $u $v", "gt $v $u", "ge $u $v", "ge $v $u",
    "eq $v 3", "lt $v 3", "gt $v 3", "eq -1 $u", "eq $u -1", "ne -1 $u", "ne $u -1", "lt -1 $u", "lt $u -1", "le -1 $u", "le $u -1", "gt -1 $u", "gt $u -1", "ge -1 $u", "ge $u -1", "eq (index `x` 0) 'x'", "eq (index `x` 0) 'y'",
    # Structs, pointers, nothing, maps.
    "eq $p $p", "eq . .", "eq $n $n", "eq $n 0", "eq 0 $n", "eq $n `a`", "eq .CommonLabels nil", "eq nil .CommonLabels", "eq (dict) nil", "eq `xy` 1", "eq 2 2.0", "lt true true", "eq . 1", "eq . -1", "eq .CommonLabels $p", "eq .CommonLabels .CommonLabels",
]
COMPARE_PREFIX = "{{$u := index `\\x03` 0}}{{$v := index `\\x04` 0}}{{$p := index .GroupLabels.SortedPairs 0}}{{$n := index (list nil) 0}}"


def cases():
    compare = [("TestComparison: " + expr, COMPARE_PREFIX + "{{if %s}}true{{else}}false{{end}}" % expr) for expr in COMPARE]
    from go_html_cases import ERRORS, ESCAPE
    # One alert, whose labels are the common ones too; and three, for the loops of the HTML cases.
    groups = [(False, 1, "exec_test", EXEC + compare), (True, 4, "escape_test", ESCAPE + ERRORS)]
    return [{"html": html, "go": "%s: %s" % (file, name), "text": text, "data": data}
            for html, data, file, group in groups for name, text in group]
