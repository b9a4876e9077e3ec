//! The script language: a configuration, what happens in which order, and who is told what.
//!
//! A script is a text of parts that lines of `---` separate:
//!
//! 1. what it shows, as `#` lines, and settings: `flag FLAG`, `members N` (a cluster), `prefix /PATH`;
//! 2. the `alertmanager.yml`, with `$SINK` for the address of the webhook sink;
//! 3. commands, one a line;
//! 4. what the sink is told and the API answers, in the form of [`Transcript::shown`](super::transcript::Transcript);
//! 5. after a line `--- upstream`, what Alertmanager does where tocsin is deliberately better. Without this part both
//!    must do the same, JSON member by member.
//!
//! Commands follow from what was told, not from the clock, so that a slow machine runs the same story.

use std::time::Duration;

use serde_json::{Value, json};

/// One step of a script.
#[derive(Debug, Clone)]
pub(super) enum Command {
    /// `alert NAME label=value … [start=TIME] [end=TIME] [note=TEXT] [link=URL]; NAME …`: one request. A time is
    /// `now`, or relative to the script's begin (`-5s`).
    Alert(Vec<AlertLine>),
    /// `silence NAME MATCHER … [after=DURATION] [for=DURATION]`: created, or updated if the name is known.
    Silence { name: String, matchers: Vec<String>, after: Duration, lasts: Duration },
    /// `expire NAME`
    Expire(String),
    /// `await N`: until the sink has taken so many notifications.
    Await(usize),
    /// `pass DURATION`: at least that long.
    Pass(Duration),
    /// `reply PATH ok|never|STATUS`: how the sink answers.
    Reply(String, String),
    /// `reload OLD => NEW` and `reload-fails OLD => NEW`: replaces text of the configuration and has it read.
    Reload { old: String, new: String, fails: bool },
    /// `restart`: a clean stop and a start.
    Restart,
    /// `get PATH`, `request METHOD PATH BODY`: the answer is part of the transcript.
    Request { method: String, path: String, body: Option<String> },
}

/// One alert of an `alert` command.
#[derive(Debug, Clone)]
pub(super) struct AlertLine {
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    start: Option<String>,
    end: Option<String>,
    link: Option<String>,
}

/// A script.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) name: String,
    pub(super) flags: Vec<String>,
    pub(super) members: usize,
    pub(super) prefix: Option<String>,
    pub(super) config: String,
    pub(super) commands: Vec<Command>,
    pub(super) expected: String,
    /// What Alertmanager does, where that is something else.
    pub(super) upstream: Option<String>,
}

impl Script {
    /// Reads a script; panics with its name where it is none.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut upstream = None;
        for line in text.lines() {
            if line.starts_with("---") {
                if line == "--- upstream" {
                    upstream = Some(parts.len());
                }
                parts.push(String::new());
            } else if let Some(part) = parts.last_mut() {
                part.push_str(line);
                part.push('\n');
            }
        }
        let part =
            |place: usize| parts.get(place).cloned().unwrap_or_else(|| panic!("{name}: too few parts"));
        let mut script = Self {
            name: name.to_owned(),
            flags: Vec::new(),
            members: 1,
            prefix: None,
            config: part(1),
            commands: part(2).lines().filter(|line| !line.trim().is_empty()).map(command).collect(),
            expected: part(3),
            upstream: upstream.map(part),
        };
        for line in part(0).lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            match line.split_once(' ') {
                Some(("flag", flag)) => script.flags.push(flag.to_owned()),
                Some(("members", count)) => script.members = count.parse().expect("a number"),
                Some(("prefix", prefix)) => script.prefix = Some(prefix.to_owned()),
                _ => panic!("{name}: {line}"),
            }
        }
        script
    }
}

fn command(line: &str) -> Command {
    let (word, rest) = line.trim().split_once(' ').unwrap_or_else(|| (line.trim(), ""));
    match word {
        "alert" => Command::Alert(rest.split(';').map(alert).collect()),
        "silence" => silence(rest),
        "expire" => Command::Expire(rest.to_owned()),
        "await" => Command::Await(rest.parse().expect("a number")),
        "pass" => Command::Pass(duration(rest)),
        "reply" => {
            let (path, reply) = rest.split_once(' ').expect("a path and a reply");
            Command::Reply(path.to_owned(), reply.to_owned())
        }
        "reload" | "reload-fails" => {
            let (old, new) = rest.split_once(" => ").expect("old => new");
            Command::Reload { old: old.to_owned(), new: new.to_owned(), fails: word == "reload-fails" }
        }
        "restart" => Command::Restart,
        "get" => Command::Request { method: "GET".to_owned(), path: rest.to_owned(), body: None },
        "request" => {
            let mut words = rest.splitn(3, ' ').map(str::to_owned);
            let method = words.next().expect("a method");
            Command::Request { method, path: words.next().expect("a path"), body: words.next() }
        }
        _ => panic!("no command: {line}"),
    }
}

fn alert(text: &str) -> AlertLine {
    let mut alert =
        AlertLine { labels: Vec::new(), annotations: Vec::new(), start: None, end: None, link: None };
    for word in text.split_whitespace() {
        match word.split_once('=') {
            None => alert.labels.push(("alertname".to_owned(), word.to_owned())),
            Some(("start", time)) => alert.start = Some(time.to_owned()),
            Some(("end", time)) => alert.end = Some(time.to_owned()),
            Some(("link", url)) => alert.link = Some(url.to_owned()),
            Some(("note", text)) => alert.annotations.push(("summary".to_owned(), text.to_owned())),
            Some((name, value)) => alert.labels.push((name.to_owned(), value.to_owned())),
        }
    }
    alert
}

fn silence(text: &str) -> Command {
    let mut words = text.split_whitespace();
    let name = words.next().expect("a name").to_owned();
    let (mut after, mut lasts) = (Duration::ZERO, Duration::from_hours(1));
    let mut matchers = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some(("after", time)) => after = duration(time),
            Some(("for", time)) => lasts = duration(time),
            _ => matchers.push(word.to_owned()),
        }
    }
    Command::Silence { name, matchers, after, lasts }
}

fn duration(text: &str) -> Duration {
    tocsin::model::parse_duration(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A matcher as the API takes it.
pub(super) fn matcher(text: &str) -> Value {
    let place = text.find(['=', '!']).unwrap_or_else(|| panic!("no matcher: {text}"));
    let (name, rest) = text.split_at(place);
    let (operator, value) = ["=~", "!~", "!=", "="]
        .into_iter()
        .find_map(|operator| Some((operator, rest.strip_prefix(operator)?)))
        .unwrap_or_else(|| panic!("no matcher: {text}"));
    json!({
        "name": name, "value": value,
        "isRegex": operator.ends_with('~'), "isEqual": operator.starts_with('='),
    })
}

/// A moment as JSON carries it.
pub(super) fn written(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

impl AlertLine {
    /// The alert as it is pushed, in a script that began at `began`.
    pub(super) fn json(&self, began: jiff::Timestamp) -> Value {
        let object = |pairs: &[(String, String)]| -> Value {
            pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
        };
        let mut alert = json!({ "labels": object(&self.labels) });
        if !self.annotations.is_empty() {
            alert["annotations"] = object(&self.annotations);
        }
        for (member, time) in [("startsAt", &self.start), ("endsAt", &self.end)] {
            if let Some(time) = time {
                alert[member] = json!(moment(time, began));
            }
        }
        if let Some(link) = &self.link {
            alert["generatorURL"] = json!(link);
        }
        alert
    }
}

fn moment(text: &str, began: jiff::Timestamp) -> String {
    let signed = |text: &str| jiff::SignedDuration::try_from(duration(text)).expect("a short duration");
    let time = match text.split_at(1) {
        ("-", rest) => began - signed(rest),
        ("+", rest) => began + signed(rest),
        _ if text == "now" => jiff::Timestamp::now(),
        _ => panic!("no time: {text}"),
    };
    written(time)
}
