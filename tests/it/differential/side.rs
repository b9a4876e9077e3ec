//! The two programs that play a script, each with a sink of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::script::{Command, Script, matcher, written};
use super::transcript::{Answer, Transcript};
use crate::harness::{Alertmanager, Api, Reply, Sink, Tocsin, TocsinBuilder, free_port};

/// How long a script waits for a notification before it goes on without.
const PATIENCE: Duration = Duration::from_secs(40);

/// Which program plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Alertmanager,
    Tocsin,
}

#[derive(Debug)]
enum Process {
    Alertmanager(Box<Alertmanager>),
    Tocsin(Box<Tocsin>),
}

#[derive(Debug)]
struct Member {
    process: Process,
    api: Api,
}

/// A program, alone or as a cluster, and whom it tells.
#[derive(Debug)]
pub(super) struct Side {
    members: Vec<Member>,
    sink: Sink,
    config: String,
    silences: BTreeMap<String, String>,
    answers: Vec<Answer>,
}

impl Side {
    /// Starts all members; `None` where the program is not here.
    pub(super) async fn start(program: Program, script: &Script) -> Option<Self> {
        let sink = Sink::start().await;
        let config = script.config.replace("$SINK", &sink.address().to_string());
        let ports: Vec<u16> = (0..script.members).map(|_| free_port()).collect();
        let mut members = Vec::new();
        for port in &ports {
            let mut flags = vec!["--web.external-url=http://am.example".to_owned()];
            flags.extend_from_slice(&script.flags);
            if script.members == 1 {
                flags.push("--cluster.listen-address=".to_owned());
            } else {
                flags.push(format!("--cluster.listen-address=127.0.0.1:{port}"));
                flags.push("--cluster.settle-timeout=0s".to_owned());
                let peers = ports.iter().take_while(|peer| *peer != port);
                flags.extend(peers.map(|peer| format!("--cluster.peer=127.0.0.1:{peer}")));
            }
            members.push(Member::start(program, script, &config, flags).await?);
        }
        let side = Self { members, sink, config, silences: BTreeMap::new(), answers: Vec::new() };
        side.wait_for_members().await;
        Some(side)
    }

    async fn wait_for_members(&self) {
        for member in self.members.iter().filter(|_| self.members.len() > 1) {
            crate::harness::eventually("all members know each other", || async {
                let status = member.api.json("/api/v2/status").await;
                let peers = status["cluster"]["peers"].as_array().map_or(0, Vec::len);
                (peers == self.members.len()).then_some(())
            })
            .await;
        }
    }

    /// Plays the script, whose times are relative to `began`.
    pub(super) async fn play(mut self, script: &Script, began: jiff::Timestamp) -> Transcript {
        for command in &script.commands {
            self.step(command, began).await;
        }
        for member in self.members.iter().filter(|_| self.members.len() == 1) {
            if matches!(member.process, Process::Tocsin(_)) {
                member.api.assert_balance().await;
            }
        }
        Transcript::new(&self.sink, self.answers)
    }

    async fn step(&mut self, command: &Command, began: jiff::Timestamp) {
        match command {
            Command::Alert(alerts) => {
                let alerts: Value = alerts.iter().map(|alert| alert.json(began)).collect();
                for member in &self.members {
                    assert_eq!(member.api.push(&alerts).await, Ok(200), "{alerts}");
                }
            }
            Command::Silence { name, matchers, after, lasts } => {
                self.silence(name, matchers, *after, *lasts).await;
            }
            Command::Expire(name) => {
                let path = format!("/api/v2/silence/{}", self.silences[name]);
                let answer = self.api().request(reqwest::Method::DELETE, &path).send().await;
                assert_eq!(answer.expect("an answer").status().as_u16(), 200);
            }
            Command::Await(count) => self.wait(*count).await,
            Command::Pass(time) => tokio::time::sleep(*time).await,
            Command::Reply(path, reply) => self.sink.set_reply_at(
                path,
                match reply.as_str() {
                    "ok" => Reply::Ok,
                    "never" => Reply::Never,
                    status => Reply::Status(status.parse().expect("a status")),
                },
            ),
            Command::Reload { old, new, fails } => self.reload(old, new, *fails).await,
            Command::Restart => {
                for member in &mut self.members {
                    member.restart().await;
                }
            }
            Command::Request { method, path, body } => self.request(method, path, body.clone()).await,
        }
    }

    fn api(&self) -> &Api {
        &self.members[0].api
    }

    async fn silence(&mut self, name: &str, matchers: &[String], after: Duration, lasts: Duration) {
        let now = jiff::Timestamp::now();
        let mut silence = json!({
            "matchers": matchers.iter().map(|text| matcher(text)).collect::<Vec<_>>(),
            "startsAt": written(now + after), "endsAt": written(now + after + lasts),
            "createdBy": "alice", "comment": name,
        });
        if let Some(id) = self.silences.get(name) {
            silence["id"] = json!(id);
        }
        let request = self.api().request(reqwest::Method::POST, "/api/v2/silences").json(&silence);
        let text = request.send().await.expect("an answer").text().await.expect("a text");
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let id = answer["silenceID"].as_str().unwrap_or_else(|| panic!("no silence: {text}"));
        self.silences.insert(name.to_owned(), id.to_owned());
    }

    async fn wait(&mut self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.sink.received().iter().filter(|request| request.taken).count() < count {
            if Instant::now() > deadline {
                self.answers.push(Answer {
                    asked: format!("await {count}"),
                    status: 0,
                    body: "not reached".into(),
                });
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn reload(&mut self, old: &str, new: &str, fails: bool) {
        assert!(self.config.contains(old), "the configuration has no {old}");
        let config = self.config.replace(old, new);
        for member in &self.members {
            match &member.process {
                Process::Alertmanager(alertmanager) => alertmanager.set_config(&config),
                Process::Tocsin(tocsin) => tocsin.set_config(&config),
            }
            let (status, text) = member.api.reload().await;
            assert_eq!(status != 200, fails, "{text}");
        }
        if !fails {
            self.config = config;
        }
    }

    async fn request(&mut self, method: &str, path: &str, body: Option<String>) {
        let verb = method.parse().expect("a method");
        let mut request = self.api().request(verb, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| text.trim_end().into());
        self.answers.push(Answer { asked: format!("{method} {path}"), status, body });
    }
}

impl Member {
    async fn start(program: Program, script: &Script, config: &str, flags: Vec<String>) -> Option<Self> {
        let prefix = script.prefix.clone().unwrap_or_default();
        if program == Program::Alertmanager {
            let prefix_flag = script.prefix.iter().map(|prefix| format!("--web.route-prefix={prefix}"));
            let flags: Vec<String> = flags.into_iter().chain(prefix_flag).collect();
            let alertmanager = Alertmanager::start_with("0.33", config, &flags).await?;
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let api = Api::asked_by(client, format!("http://{}{prefix}", alertmanager.address()));
            return Some(Self { process: Process::Alertmanager(Box::new(alertmanager)), api });
        }
        let mut builder = TocsinBuilder::new(config);
        for flag in flags {
            builder = builder.flag(flag);
        }
        if !prefix.is_empty() {
            builder = builder.below(&prefix);
        }
        let tocsin = builder.start().await;
        let api = Api::clone(&tocsin);
        Some(Self { process: Process::Tocsin(Box::new(tocsin)), api })
    }

    async fn restart(&mut self) {
        match &mut self.process {
            Process::Alertmanager(alertmanager) => {
                alertmanager.stop().await;
                alertmanager.start_again().await;
            }
            Process::Tocsin(tocsin) => {
                assert_eq!(tocsin.stop().await, Some(0));
                tocsin.start().await;
            }
        }
    }
}
