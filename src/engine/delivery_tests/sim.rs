//! An engine with a journal, a clock and receivers that answer as told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::flush::Phase;
use crate::engine::{
    Action, ClockStep, Cluster, DeliveryEvent, Engine, Event, Handled, Integration, MatcherDefinition,
    Notice, Plan, PlanDefinition, Receiver, RouteDefinition, StoreLimits,
};
use crate::model::{
    Alert, DeliveryId, DeliveryOutcome, FailureReason, LabelSet, Notification, SilenceMatcher, Timestamp,
};

/// When the stories begin: a Tuesday, 2026-01-06T12:00:00Z.
pub(super) const START: Timestamp = Timestamp::from_unix(1_767_700_800, 0);

pub(super) fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().copied().collect()
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `a="b"`, `a!="b"`, `a=~"b"` and `a!~"b"` without quotes.
pub(super) fn matcher(text: &str) -> MatcherDefinition {
    let place = text.find(['=', '!']).unwrap();
    let (name, rest) = text.split_at(place);
    let op = ["=~", "!~", "!=", "="].into_iter().find(|op| rest.starts_with(op)).unwrap();
    MatcherDefinition { name: name.to_owned(), op: op.to_owned(), value: rest[op.len()..].to_owned() }
}

pub(super) fn silence_matcher(text: &str) -> SilenceMatcher {
    let matcher = matcher(text).compile().unwrap();
    SilenceMatcher { kind: matcher.kind(), name: matcher.name().into(), value: matcher.value().into() }
}

/// A receiver with webhooks; `true` for each that wants to hear of ends.
pub(super) fn receiver(name: &str, send_resolved: &[bool]) -> Receiver {
    let integrations = (0..).zip(send_resolved).map(|(index, &send_resolved)| Integration {
        kind: Arc::from("webhook"),
        index,
        send_resolved,
    });
    Receiver { name: Arc::from(name), integrations: integrations.collect() }
}

/// One route for everything, to the receiver `team`.
pub(super) fn root(group_by: &[&str]) -> RouteDefinition {
    RouteDefinition {
        receiver: Some(Arc::from("team")),
        group_by: Some(crate::engine::GroupBy::Labels(group_by.iter().map(|name| (*name).into()).collect())),
        group_wait: Some(secs(30)),
        group_interval: Some(secs(300)),
        repeat_interval: Some(secs(4 * 3600)),
        ..RouteDefinition::default()
    }
}

pub(super) fn plan(routes: Vec<RouteDefinition>) -> PlanDefinition {
    PlanDefinition { routes, receivers: vec![receiver("team", &[true])], ..PlanDefinition::default() }
}

/// How the receivers answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Ok,
    Retry,
    Refuse,
    /// They take it and never say so.
    Never,
    /// They take it, and the connection is lost before they say so.
    Lost,
}

/// A notification that a receiver took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) notification: Notification,
}

impl Sent {
    /// `name` for a firing alert, `-name` for an ended one, in the order of the message.
    pub(super) fn names(&self) -> Vec<String> {
        let sign = |alert: &Alert| if self.notification.is_resolved(alert) { "-" } else { "" };
        self.notification
            .alerts
            .iter()
            .map(|alert| format!("{}{}", sign(alert), alert.labels.get("name").unwrap_or_default()))
            .collect()
    }
}

pub(super) struct Sim {
    pub(super) engine: Engine,
    pub(super) now: Timestamp,
    pub(super) sent: Vec<Sent>,
    pub(super) notices: Vec<Notice>,
    /// By receiver; those not named answer `Ok`.
    pub(super) answers: BTreeMap<String, Answer>,
    /// How long a request takes.
    pub(super) latency: Duration,
    /// Reports on their way back, the next first.
    reports: VecDeque<(Timestamp, DeliveryId, DeliveryOutcome)>,
    pub(super) snapshot: Option<Vec<u8>>,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) gossip: Vec<Action>,
    pub(super) attempts: usize,
    /// How many requests were given up although the receiver took them, for all that the sender knows.
    pub(super) ambiguous: usize,
    /// The number of the last push: the annotation `number` of what it pushed.
    pushes: usize,
}

impl Sim {
    pub(super) fn new(definition: PlanDefinition) -> Self {
        let mut sim = Self {
            engine: Engine::new(StoreLimits::default()),
            now: START,
            sent: Vec::new(),
            notices: Vec::new(),
            answers: BTreeMap::new(),
            latency: Duration::ZERO,
            reports: VecDeque::new(),
            snapshot: None,
            records: Vec::new(),
            gossip: Vec::new(),
            attempts: 0,
            ambiguous: 0,
            pushes: 0,
        };
        sim.apply(definition);
        sim.handle(Event::Delivery(DeliveryEvent::Started(Cluster::default())));
        sim
    }

    pub(super) fn apply(&mut self, definition: PlanDefinition) {
        let plan = Plan::new(definition).unwrap();
        self.handle(Event::PlanApplied(Arc::new(plan)));
    }

    pub(super) fn handle(&mut self, event: Event) -> Handled {
        let handled = self.engine.handle(self.now, event);
        self.records.extend(handled.record.clone());
        self.engine.poll(self.now);
        self.drain();
        handled
    }

    /// Pushes an alert that fires, until long after the story.
    pub(super) fn fire(&mut self, pairs: &[(&str, &str)]) {
        self.push(pairs, self.now, self.now + Duration::from_hours(1000));
    }

    /// Pushes the end of an alert.
    pub(super) fn resolve(&mut self, pairs: &[(&str, &str)]) {
        self.push(pairs, self.now - secs(1), self.now);
    }

    pub(super) fn push(&mut self, pairs: &[(&str, &str)], starts_at: Timestamp, ends_at: Timestamp) {
        self.pushes += 1;
        let alert = Alert {
            labels: labels(pairs),
            annotations: labels(&[("number", &format!("{:06}", self.pushes))]),
            starts_at,
            ends_at,
            updated_at: self.now,
            generator_url: Arc::from(""),
            timeout: false,
        };
        self.handle(Event::Alerts { alerts: vec![alert], path: None });
    }

    /// Lets time pass, as a punctual process would see it.
    pub(super) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let report = self.reports.front().map(|(at, ..)| *at);
            let due = [report, self.engine.next_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if report.is_some_and(|report| report <= due) {
                self.report();
            } else {
                self.engine.poll(self.now);
                self.drain();
            }
        }
        self.now = end;
        self.engine.poll(end);
        self.drain();
    }

    fn report(&mut self) {
        if let Some((_, delivery, outcome)) = self.reports.pop_front() {
            self.handle(Event::Delivery(DeliveryEvent::Finished { delivery, outcome }));
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.next_action() {
            match action {
                Action::Deliver(notification) => self.deliver(*notification),
                Action::Cancel(delivery) => {
                    let error = "context deadline exceeded".to_owned();
                    let reason = FailureReason::ContextDeadlineExceeded;
                    let late = self.now + secs(4);
                    if let Some(report) =
                        self.reports.iter_mut().find(|(at, id, _)| *id == delivery && *at > late)
                    {
                        self.ambiguous += 1;
                        report.2 = DeliveryOutcome::Failed { error, reason, in_doubt: true };
                    }
                }
                Action::Notice(notice) => self.notices.push(notice),
                other => self.gossip.push(other),
            }
        }
        // Answers that take no time come at once.
        if self.latency.is_zero() && self.reports.front().is_some_and(|(at, ..)| *at <= self.now) {
            self.report();
        }
    }

    fn deliver(&mut self, notification: Notification) {
        self.attempts += 1;
        let answer = self.answers.get(&*notification.integration.receiver).copied().unwrap_or(Answer::Ok);
        let outcome = match answer {
            Answer::Ok => DeliveryOutcome::Delivered(None),
            Answer::Retry => DeliveryOutcome::Retry {
                error: "503 Service Unavailable".to_owned(),
                reason: FailureReason::ServerError,
                in_doubt: false,
                after: None,
            },
            Answer::Refuse => DeliveryOutcome::Failed {
                error: "400 Bad Request".to_owned(),
                reason: FailureReason::ClientError,
                in_doubt: false,
            },
            Answer::Lost => {
                self.ambiguous += 1;
                DeliveryOutcome::Retry {
                    error: "connection lost".to_owned(),
                    reason: FailureReason::Other,
                    in_doubt: true,
                    after: None,
                }
            }
            Answer::Never => {
                self.sent.push(Sent { at: self.now, notification });
                return;
            }
        };
        let at = self.now + self.latency;
        let place = self.reports.partition_point(|(other, ..)| *other <= at);
        self.reports.insert(place, (at, notification.delivery, outcome));
        if matches!(answer, Answer::Ok | Answer::Lost) {
            self.sent.push(Sent { at: self.now, notification });
        }
    }

    /// Sets the clock, and tells the engine.
    pub(super) fn step_clock(&mut self, step: ClockStep) {
        self.now = step.apply(self.now);
        for (at, ..) in &mut self.reports {
            *at = step.apply(*at);
        }
        self.handle(Event::Delivery(DeliveryEvent::ClockStepped(step)));
    }

    /// How many requests are under way, or may be before the next record: of flushes that wait for something too.
    pub(super) fn in_flight(&self) -> usize {
        let groups = self.engine.delivery().dispatcher().groups();
        let open = groups.filter_map(|group| {
            let flush = group.flush.as_ref()?;
            let held = flush.phase == Phase::Settling;
            let runs = flush.runs.iter().filter(|run| !run.is_done()).count();
            Some(if held { group.receiver.integrations.len() } else { runs })
        });
        open.sum()
    }

    /// Makes a snapshot; later records count from it.
    pub(super) fn checkpoint(&mut self) {
        self.snapshot = Some(self.engine.snapshot().to_bytes());
        self.records.clear();
    }

    /// The engine that recovery makes of snapshot and records.
    pub(super) fn recovered(&self) -> Engine {
        let mut engine = match &self.snapshot {
            Some(snapshot) => Engine::restore(StoreLimits::default(), snapshot).unwrap(),
            None => Engine::new(StoreLimits::default()),
        };
        for record in &self.records {
            let replayed = engine.replay(record).unwrap();
            assert_eq!(replayed.skipped, 0, "{record:?}");
        }
        engine
    }

    /// Dies, and starts again from the journal. What was on its way is lost.
    pub(super) fn kill(&mut self) {
        self.engine = self.recovered();
        self.reports.clear();
        self.handle(Event::Delivery(DeliveryEvent::Started(Cluster::default())));
    }

    /// What was sent since the last call, as seconds since the start, receiver and names.
    pub(super) fn take_sent(&mut self) -> Vec<(u64, Vec<String>)> {
        self.sent.drain(..).map(|sent| (sent.at.since(START).as_secs(), sent.names())).collect()
    }
}

/// `(30, ["a", "-b"])`.
pub(super) fn sent(at: u64, names: &[&str]) -> (u64, Vec<String>) {
    (at, names.iter().map(|name| (*name).to_owned()).collect())
}
