//! amtool: the real one drives tocsin as it drives a real Alertmanager, and tocsin's own commands print what it prints.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use regex::Regex;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::harness::{Alertmanager, TocsinBuilder, program};

const CONFIG: &str = "
global: {resolve_timeout: 1h}
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1h
  routes:
    - {matchers: [team=a], receiver: team-a, continue: true}
    - matchers: [severity=critical]
      receiver: pager
      routes: [{match_re: {service: 'foo1|foo2'}, receiver: db}]
inhibit_rules:
  - {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster]}
receivers: [{name: default}, {name: team-a}, {name: pager}, {name: db}]
";

/// Calls one after the other, words between blanks (`_` for a blank within a word). `$1` is the first id that was
/// printed. After `<` comes what is read from standard input, after `|` nothing is compared but the exit code.
const SCRIPT: &str = r#"
alert
alert add foo bar=baz --annotation=summary=hi_there --annotation runbook=http://x --start=2001-01-01T00:00:00Z --end=2090-01-01T00:00:00Z --generator-url=http://gen/
alert add alertname=<x> team=a severity=warning cluster=1 --start=2001-01-02T00:00:00Z --end=2090-01-02T00:00:00Z
alert add c severity=critical cluster=1 --start=2001-01-03T00:00:00Z --end=2090-01-03T00:00:00Z
alert add
alert add x=~y
alert add foo --annotation=x
alert add late --start=2002-01-01T00:00:00Z --end=2001-01-01T00:00:00Z
alert add foo --start=yesterday |
alert
alert -o extended
-o json alert query
alert query foo
alert query {
alert query team=~a|b -o extended
alert -i
alert -s -i
alert -u
alert -a -i -s -o json
alert -r pag.*
alert --receiver=[
silence
silence add foo
silence add -c x
silence add -c x -d 0s foo
silence add -c x --start=2030-01-01T00:00:00Z --end=2029-01-01T00:00:00Z foo
silence add -c x --annotation=k foo
silence add -c x -d bad foo
silence add -c x a=
silence add -c why -a me foo --end=2090-01-01T00:00:00Z
silence add -c planned_work x=y z=~"1" -a you --start=2091-01-01T00:00:00Z -d 2h
silence add --no-require-comment -a me a!=b d!~e|f --end=2092-01-01T00:00:00Z
silence add -c mine {foo=bar} --end=2093-01-01T00:00:00Z
silence
silence -o extended
silence query -o json
silence query foo
silence query x=y -q
silence query --created-by=you
silence query --created-by nobody
silence query --id=$1
silence query --within=1h
silence query --expired
alert -s
silence update $1 -c new_words
silence update $1 --end=2094-01-01T00:00:00Z -o extended
silence update $1 --start=2095-01-01T00:00:00Z
silence update
silence update nope |
silence expire
silence expire nope |
silence expire 00000000-0000-4000-8000-000000000000
silence expire $2 $3
silence query --expired --within=1h -o extended
silence
silence import -w 1 <[{"id":"$1","comment":"again","createdBy":"x","matchers":[{"name":"alertname","value":"foo","isRegex":false,"isEqual":true}],"startsAt":"2096-01-01T00:00:00Z","endsAt":"2097-01-01T00:00:00Z"},{"id":"00000000-0000-4000-8000-000000000000","comment":"c","createdBy":"y","matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2096-01-01T00:00:00Z","endsAt":"2098-01-01T00:00:00Z"}]
silence import -w 1 <[{"comment":"c","createdBy":"y","matchers":[{"name":"a","value":"","isRegex":false}],"startsAt":"2096-01-01T00:00:00Z","endsAt":"2098-01-01T00:00:00Z"}]
silence import <nope |
silence import /nowhere
silence -o json
cluster
cluster show -o extended
cluster -o json
config show
config routes
config routes show --config.file=am.yml
config routes test
config routes test team=a severity=critical service=foo1
config routes test --tree team=a severity=critical service=foo1
config routes test --verify.receivers=pager severity=critical
config routes test --verify.receivers=pager team=a
config routes test foo
config routes test x!=y
config routes test {foo=bar}
"#;

/// A program that speaks as amtool does.
struct Program {
    path: PathBuf,
    /// How its errors begin.
    prefix: &'static str,
    home: PathBuf,
}

/// What a call came to: exit code, standard output, standard error.
type Told = (Option<i32>, String, String);

impl Program {
    /// Runs the script at `url`; what each call told, with ids and times of today made equal.
    async fn run(&self, url: &str) -> Vec<(String, Told)> {
        let id = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern");
        let today = Regex::new(r"20[012]\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{3})?").expect("a pattern");
        let mut ids: Vec<String> = Vec::new();
        let mut told = Vec::new();
        for line in SCRIPT.lines().filter(|line| !line.is_empty()) {
            let mut call = line.trim_end_matches('|').trim().to_owned();
            for (number, id) in ids.iter().enumerate().rev() {
                call = call.replace(&format!("${}", number + 1), id);
            }
            let (call, input) = match call.split_once(" <") {
                Some((call, input)) => (call.to_owned(), input.to_owned()),
                None => (call, String::new()),
            };
            let (code, output, errors) = self.call(url, &call, &input).await;
            // amtool logs how it reads matchers.
            let output: String =
                output.split_inclusive('\n').filter(|line| !line.starts_with("time=")).collect();
            for found in id.find_iter(&output) {
                if !ids.iter().any(|id| id == found.as_str()) {
                    ids.push(found.as_str().to_owned());
                }
            }
            let equal = |text: &str| {
                let mut text = today
                    .replace_all(text, |found: &regex::Captures<'_>| {
                        if found[0].starts_with("2001") { found[0].to_owned() } else { "TODAY".to_owned() }
                    })
                    .into_owned();
                for (number, id) in ids.iter().enumerate() {
                    text = text.replace(id, &format!("ID{}", number + 1));
                }
                text
            };
            let errors = errors.replace(self.prefix, "").trim().to_owned();
            let compared = if line.ends_with('|') {
                (code, String::new(), String::new())
            } else {
                (code, equal(&output), equal(&errors))
            };
            told.push((line.to_owned(), compared));
        }
        told
    }

    async fn call(&self, url: &str, call: &str, input: &str) -> Told {
        let words = call.split(' ').map(|word| word.replace('_', " "));
        let mut child = Command::new(&self.path)
            .arg(format!("--alertmanager.url={url}"))
            .arg("--no-version-check")
            .args(words)
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program");
        let mut stdin = child.stdin.take().expect("its input");
        // A call that reads nothing may have ended.
        let _ended = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().await.expect("its end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status.code(), text(stdout), text(stderr))
    }
}

fn assert_same(theirs: &[(String, Told)], ours: &[(String, Told)], who: &str) {
    for ((call, theirs), (_, ours)) in theirs.iter().zip(ours) {
        assert_eq!(ours, theirs, "{who}: {call}");
    }
    assert_eq!(theirs.len(), ours.len());
}

fn own(home: &Path) -> Program {
    Program { path: env!("CARGO_BIN_EXE_tocsin").into(), prefix: "tocsin: ", home: home.into() }
}

/// A home without a configuration file of its own, and the configuration beside it.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    std::fs::write(home.path().join("am.yml"), CONFIG).expect("the configuration");
    home
}

async fn at_tocsin(program: &Program) -> Vec<(String, Told)> {
    let tocsin = TocsinBuilder::new(CONFIG).start().await;
    program.run(&tocsin.url("/")).await
}

#[tokio::test]
async fn tocsin_answers_amtool_and_prints_as_it_does() {
    let home = home();
    let Some(path) = program("prometheus-alertmanager", "0.33", "amtool") else { return };
    let real = Program { path, prefix: "amtool: error: ", home: home.path().into() };
    let alertmanager = Alertmanager::start("0.33", CONFIG).await.expect("an Alertmanager beside its amtool");
    let (theirs, answered, printed) = tokio::join!(
        async { real.run(&format!("http://{}/", alertmanager.address())).await },
        at_tocsin(&real),
        async { at_tocsin(&own(home.path())).await },
    );
    assert_same(&theirs, &answered, "amtool at tocsin");
    assert_same(&theirs, &printed, "tocsin's own commands");
}

#[tokio::test]
async fn tocsin_answers_an_older_amtool_too() {
    let home = home();
    let Some(path) = program("prometheus-alertmanager", "0.28", "amtool") else { return };
    let real = Program { path, prefix: "amtool: error: ", home: home.path().into() };
    let alertmanager = Alertmanager::start("0.33", CONFIG).await.expect("an Alertmanager beside amtool");
    let url = format!("http://{}/", alertmanager.address());
    let (theirs, answered) = tokio::join!(real.run(&url), at_tocsin(&real));
    assert_same(&theirs, &answered, "amtool at tocsin");
}

#[tokio::test]
async fn flags_come_from_amtools_file_and_the_command_line_wins() {
    let home = home();
    let tocsin = TocsinBuilder::new(CONFIG).start().await;
    let file = home.path().join(".config/amtool");
    std::fs::create_dir_all(&file).expect("a directory");
    let text = format!("alertmanager.url: {}\nauthor: from-file\ncomment_required: false\n", tocsin.url(""));
    std::fs::write(file.join("config.yml"), text).expect("the file");
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tocsin"));
        let command = command.args(arguments).env("HOME", home.path()).kill_on_drop(true);
        let output = command.output().await.expect("the binary");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let first = run(&["silence", "add", "one"]).await;
    run(&["silence", "add", "two", "-a", "me", "-c", "why"]).await;
    let shown = run(&["silence"]).await;
    assert!(shown.contains("from-file") && shown.contains("me          why"), "{shown}");
    let updated = run(&["silence", "update", "-q", first.trim(), "-d", "2h"]).await;
    assert_eq!(updated, first);
}
