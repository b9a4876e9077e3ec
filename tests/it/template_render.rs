//! `tocsin template render` beside amtool: the same bytes and the same exit code. Where amtool is not at hand, the bytes
//! are those written here.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::program;

const DATA: &str = r##"{
  "Receiver": "team\\.x", "status": "firing", "unknown": [1],
  "alerts": [
    {"status": "firing", "labels": {"alertname": "HighCPU", "job": "<node>", "b": ""},
     "annotations": {"summary": "a & b"}, "startsAt": "2026-08-01T10:20:30.123+02:00",
     "generatorURL": "javascript:alert(1)", "fingerprint": "00ff"},
    {"status": "resolved", "labels": {"alertname": "HighCPU", "job": "db"}, "annotations": null,
     "startsAt": "2026-08-01T10:20:30Z", "endsAt": "2026-08-01T11:20:30Z"}
  ],
  "groupLabels": {"alertname": "HighCPU"}, "commonLabels": {"alertname": "HighCPU"},
  "commonAnnotations": {}, "externalURL": "http://am:9093"
}"##;

fn files() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("data.json", DATA),
        ("a.tmpl", "{{ define `own` }}[{{ .Receiver }}]{{ end }}{{ define `twice` }}a{{ end }}"),
        ("b.tmpl", "{{ define `twice` }}b{{ end }}{{ define `__alertmanager` }}mine{{ end }}"),
        ("bad.txt", "one\n{{ nope }}"),
        ("cut.json", "{\"receiver\":\n \"a\""),
        ("number.json", r#"{"alerts": [{"labels": {"a": 5}}]}"#),
        ("time.json", r#"{"alerts": [{"endsAt": "soon"}]}"#),
        ("list.json", "[]"),
    ] {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn run(program: &Path, directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program);
    command.args(["template", "render"]).args(arguments).current_dir(directory).env("TZ", "UTC");
    let Output { status, stdout, stderr } = command.output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn tocsin(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    run(Path::new(env!("CARGO_BIN_EXE_tocsin")), directory, arguments)
}

/// What each case prints on [`DATA`], with the files `*.tmpl` loaded.
const PRINTED: [(&str, &str, &str); 9] = [
    ("text", "{{ .Status }} {{ len .Alerts }}", "firing 2"),
    ("text", "{{ template `own` . }} {{ template `twice` }}", r"[team\.x] b"),
    ("text", "{{ template `slack.default.title` . }}", "[FIRING:1] HighCPU "),
    ("text", "{{ template `slack.default.username` . }}", "mine"),
    (
        "text",
        "{{ range .Alerts }}{{ .StartsAt }}|{{ .EndsAt.Unix }}|{{ .Labels }}{{ \"\\n\" }}{{ end }}",
        "2026-08-01 10:20:30.123 +0200 +0200|-62135596800|alertname=HighCPU, b=, job=<node>\n\
         2026-08-01 10:20:30 +0000 UTC|1785583230|alertname=HighCPU, job=db\n",
    ),
    ("text", "{{ .CommonAnnotations }}|{{ .GroupLabels.nope }}|{{ .ExternalURL }}", "||http://am:9093"),
    (
        "html",
        "{{ range .Alerts }}<a href='{{ .GeneratorURL }}'>{{ .Labels.job }}</a>{{ end }}",
        "<a href='#ZgotmplZ'>&lt;node&gt;</a><a href=''>db</a>",
    ),
    ("html", "{{ template `__subject` . }}<b>{{ .Receiver }}</b>", r"[FIRING:1] HighCPU <b>team\.x</b>"),
    ("text", "no line break at the end", "no line break at the end"),
];

#[test]
fn it_prints_what_amtool_prints() {
    let directory = files();
    let amtool = program("prometheus-alertmanager", "0.33", "amtool");
    for (kind, text, printed) in PRINTED {
        let own = ["--template.type", kind, "--template.data=data.json", "--template.text", text];
        let arguments = [&["--template.glob=*.tmpl", "--template.glob", "none/*"], own.as_slice()].concat();
        let (code, out, err) = tocsin(directory.path(), &arguments);
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), printed, ""), "{text}");
        let Some(amtool) = &amtool else { continue };
        // Debian's build has the default templates in files.
        let shipped = amtool.ancestors().nth(2).expect("usr").join(SHIPPED);
        let shipped = format!("--template.glob={}", shipped.display());
        let (code, theirs, err) =
            run(amtool, directory.path(), &[&[shipped.as_str()], arguments.as_slice()].concat());
        assert_eq!((code, theirs.as_str(), err.as_str()), (Some(0), printed, ""), "amtool: {text}");
    }
}

const SHIPPED: &str = "share/prometheus/alertmanager/*.tmpl";

#[test]
fn without_data_it_renders_amtools_example() {
    let directory = files();
    let text = "{{ .Status }} {{ .GroupLabels }} {{ .CommonLabels }} {{ .CommonAnnotations }} {{ .ExternalURL }}\
        {{ range .Alerts }}{{ \"\\n\" }}{{ .Status }} {{ .Labels }} {{ .Annotations }} {{ .Fingerprint }} \
        {{ .GeneratorURL }} {{ (.EndsAt.Sub .StartsAt).Round 1000000000 }}{{ end }}";
    let arguments = ["--template.glob=*.tmpl", "--template.text", text];
    let (code, out, err) = tocsin(directory.path(), &arguments);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "alertstatus grouplabelkey1=grouplabelvalue1, grouplabelkey2=grouplabelvalue2 \
         commonlabelkey1=commonlabelvalue1, commonlabelkey2=commonlabelvalue2 \
         commonannotationkey1=commonannotationvalue1, commonannotationkey2=commonannotationvalue2 \
         https://example.com\n\
         firing commonlabelkey1=commonlabelvalue1, commonlabelkey2=commonlabelvalue2, instance=foo.bar:1234, \
         label1=value1, label2=value2 annotation1=value1, annotation2=value2, \
         commonannotationkey1=commonannotationvalue1, commonannotationkey2=commonannotationvalue2 fingerprint1 \
         https://generatorurl.com 5m0s\n\
         resolved baz=qux, commonlabelkey1=commonlabelvalue1, commonlabelkey2=commonlabelvalue2, foo=bar \
         aaa=bbb, ccc=ddd, commonannotationkey1=commonannotationvalue1, \
         commonannotationkey2=commonannotationvalue2 fingerprint2 https://generatorurl.com 10m0s"
    );
    if let Some(amtool) = program("prometheus-alertmanager", "0.33", "amtool") {
        assert_eq!(run(&amtool, directory.path(), &arguments), (Some(0), out, String::new()));
    }
}

/// Arguments, and what standard error then has in it.
const REFUSED: [(&[&str], &str); 14] = [
    (&["--template.text=x"], "--template.glob"),
    (&["--template.glob=*.tmpl"], "--template.text"),
    (&["--template.glob=*.tmpl", "--template.text=a", "--template.text=b"], "--template.text"),
    (&["--template.glob=*.tmpl", "--template.text=a", "--template.type=xml"], "xml"),
    (&["--template.glob=*.tmpl", "--template.text=a", "more"], "more"),
    (&["--template.glob=[", "--template.text=a"], "syntax error in pattern"),
    (&["--template.glob=bad.txt", "--template.text=a"], "template: bad.txt:2: function \"nope\" not defined"),
    (
        &["--template.glob=*.tmpl", "--template.text={{ nope }}"],
        "template: :1: function \"nope\" not defined",
    ),
    (
        &["--template.glob=*.tmpl", "--template.text=a\n{{ (index .Alerts 9).Status }}"],
        "template: :2:4: executing \"\" at <index .Alerts 9>: error calling index: ",
    ),
    (&["--template.glob=*.tmpl", "--template.text=a", "--template.data=none.json"], "none.json"),
    (
        &["--template.glob=*.tmpl", "--template.text=a", "--template.data=cut.json"],
        "cut.json: EOF while parsing an object at line 2 column 4",
    ),
    (
        &["--template.glob=*.tmpl", "--template.text=a", "--template.data=number.json"],
        "number.json: alerts[0].labels.a: expected a string, found a number",
    ),
    (
        &["--template.glob=*.tmpl", "--template.text=a", "--template.data=time.json"],
        "time.json: alerts[0].endsAt: \"soon\" is not a time",
    ),
    (
        &["--template.glob=*.tmpl", "--template.text=a", "--template.data=list.json"],
        "list.json: expected an object, found a list",
    ),
];

#[test]
fn what_amtool_refuses_is_refused_with_its_exit_code() {
    let directory = files();
    let amtool = program("prometheus-alertmanager", "0.33", "amtool");
    for (arguments, told) in REFUSED {
        let (code, out, err) = tocsin(directory.path(), arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
        assert!(err.contains(told), "{arguments:?}: {err}");
        let Some(amtool) = &amtool else { continue };
        let (code, out, theirs) = run(amtool, directory.path(), arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "amtool: {arguments:?}: {theirs}");
        // What is wrong in a template is told in the same words.
        assert!(!told.starts_with("template:") || theirs.contains(told), "{theirs}");
    }
}
