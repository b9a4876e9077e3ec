//! The manager against Alertmanagers that do as they are told, with the engine as its store, in virtual time.

mod outages;
mod sending;
mod sets;

use std::collections::BTreeMap;

use prometheus::Registry;
use serde_json::Value;

use super::*;
use crate::discovery::TargetGroup;
use crate::engine::{Engine, Event, StoreLimits};
use crate::forward::post::Answer;
use crate::forward::post::BoxFuture;
use crate::forward::set::SetConfig;
use crate::forward::store::Clock;
use crate::model::Refill;
use crate::model::{Alert, LabelSet, NameValidation, RelabelAction, RelabelConfig, RelabelRule};

/// How an Alertmanager of these tests answers.
#[derive(Debug, Clone, PartialEq)]
enum Mood {
    Up,
    Down,
    Status(u16),
    Hangs,
    Slow(Duration),
    Refuses(&'static str),
    RetryAfter(Duration),
    Tocsin(&'static str),
}

/// All Alertmanagers: their moods, and what they took.
#[derive(Default)]
struct Network {
    moods: Mutex<BTreeMap<String, Mood>>,
    taken: Mutex<Vec<(String, Vec<Value>)>>,
    attempts: Mutex<Vec<(String, usize, String)>>,
    changed: tokio::sync::Notify,
}

impl Network {
    fn set(&self, host: &str, mood: Mood) {
        self.moods.lock().expect("no panic").insert(host.to_owned(), mood);
        self.changed.notify_waiters();
    }

    fn mood(&self, url: &str) -> Mood {
        let moods = self.moods.lock().expect("no panic");
        moods.iter().find(|(host, _)| url.contains(*host)).map_or(Mood::Up, |(_, mood)| mood.clone())
    }

    /// The names of the alerts that this one took, in order.
    fn names(&self, host: &str) -> Vec<String> {
        self.alerts(host)
            .iter()
            .map(|alert| alert["labels"]["alertname"].as_str().unwrap_or("").to_owned())
            .collect()
    }

    fn alerts(&self, host: &str) -> Vec<Value> {
        let taken = self.taken.lock().expect("no panic");
        taken.iter().filter(|(url, _)| url.contains(host)).flat_map(|(_, alerts)| alerts.clone()).collect()
    }

    fn batches(&self, host: &str) -> Vec<usize> {
        let taken = self.taken.lock().expect("no panic");
        taken.iter().filter(|(url, _)| url.contains(host)).map(|(_, alerts)| alerts.len()).collect()
    }

    fn attempts(&self, host: &str) -> usize {
        self.attempts.lock().expect("no panic").iter().filter(|(url, ..)| url.contains(host)).count()
    }
}

fn status(code: u16) -> Answer {
    Answer { status: code, status_text: code.to_string(), ..Answer::default() }
}

struct Client(Arc<Network>);

impl Post for Client {
    fn post(&self, request: PostRequest) -> BoxFuture<Result<Answer, String>> {
        let network = Arc::clone(&self.0);
        Box::pin(async move {
            let alerts: Vec<Value> = serde_json::from_slice(&request.body).expect("a JSON list");
            let attempt = (request.url.to_string(), alerts.len(), request.path.to_string());
            network.attempts.lock().expect("no panic").push(attempt);
            let mut answer = status(200);
            match network.mood(&request.url) {
                Mood::Up => {}
                Mood::Down => return Err("connection refused".to_owned()),
                Mood::Status(code) => return Ok(status(code)),
                Mood::Hangs => {
                    let wait = async {
                        while network.mood(&request.url) == Mood::Hangs {
                            network.changed.notified().await;
                        }
                    };
                    if tokio::time::timeout(request.timeout, wait).await.is_err() {
                        return Err("no answer".to_owned());
                    }
                }
                Mood::Slow(pause) => tokio::time::sleep(pause).await,
                Mood::Refuses(name) => {
                    if alerts.iter().any(|alert| alert["labels"]["alertname"] == name) {
                        return Ok(Answer { body: format!("\"bad {name}\"\n"), ..status(400) });
                    }
                }
                Mood::RetryAfter(pause) => return Ok(Answer { retry_after: Some(pause), ..status(429) }),
                Mood::Tocsin(id) => answer.tocsin = Some(Arc::from(id)),
            }
            network.taken.lock().expect("no panic").push((request.url.to_string(), alerts));
            Ok(answer)
        })
    }
}

/// The engine as the store.
struct EngineStore {
    engine: Mutex<Engine>,
    /// With whom contact was lost, each time.
    lost: Mutex<Vec<Arc<str>>>,
    clock: Clock,
}

impl Store for EngineStore {
    fn destinations(&self, active: Vec<Destination>, draining: Vec<Destination>) -> BoxFuture<()> {
        let event = Event::Destinations { active, draining };
        self.engine.lock().expect("no panic").handle((self.clock)(), event);
        Box::pin(std::future::ready(()))
    }

    fn report(&self, destination: Destination, told: Vec<Told>) -> BoxFuture<()> {
        let event = Event::Outcomes { destination, told };
        self.engine.lock().expect("no panic").handle((self.clock)(), event);
        Box::pin(std::future::ready(()))
    }

    fn contact_lost(&self, destination: Destination) -> BoxFuture<()> {
        self.lost.lock().expect("no panic").push(Arc::clone(&destination.url));
        let event = Event::ContactLost(destination);
        self.engine.lock().expect("no panic").handle((self.clock)(), event);
        Box::pin(std::future::ready(()))
    }

    fn refill(&self, destination: Destination, forgotten: bool, limit: usize) -> BoxFuture<Refill> {
        let refill =
            self.engine.lock().expect("no panic").refill((self.clock)(), &destination, forgotten, limit);
        Box::pin(std::future::ready(refill))
    }
}

/// A manager with its store and Alertmanagers.
struct Rig {
    manager: Manager,
    network: Arc<Network>,
    store: Arc<EngineStore>,
    targets: Option<mpsc::Sender<TargetSets>>,
    task: tokio::task::JoinHandle<()>,
    clock: Clock,
    registry: Registry,
}

impl Rig {
    fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let start = Instant::now();
        let clock: Clock = Arc::new(move || Timestamp::from_unix(1_700_000_000, 0) + start.elapsed());
        let mut options = Options {
            queue_capacity: 10_000,
            max_batch_size: 256,
            drain_on_shutdown: true,
            drain_timeout: Duration::from_secs(20),
            end_expiry: Duration::from_secs(86_400),
            id: Arc::from("us"),
            listeners: Vec::new(),
            clock: Arc::clone(&clock),
            seed: 1,
        };
        adjust(&mut options);
        let store = Arc::new(EngineStore {
            engine: Mutex::new(Engine::new(StoreLimits::default())),
            lost: Mutex::default(),
            clock: Arc::clone(&clock),
        });
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).expect("the names are free");
        let manager = Manager::new(options, Arc::clone(&store) as Arc<dyn Store>, metrics);
        let (sender, receiver) = mpsc::channel(8);
        let running = manager.clone();
        let task = tokio::spawn(async move { running.run(receiver).await });
        Self { manager, network: Arc::default(), store, targets: Some(sender), task, clock, registry }
    }

    /// A rig with one set that has these Alertmanagers.
    async fn with(hosts: &[&str], adjust: impl FnOnce(&mut Options)) -> Self {
        let rig = Self::new(adjust);
        rig.apply(vec![set(1)]);
        rig.discover(&[(1, hosts)]).await;
        rig.settle().await;
        rig
    }

    fn apply(&self, sets: Vec<SetConfig>) {
        let client: Arc<dyn Post> = Arc::new(Client(Arc::clone(&self.network)));
        let sets = sets.into_iter().map(|set| (set, Arc::clone(&client))).collect();
        self.manager.apply_config(Prepared { sets });
    }

    async fn discover(&self, sets: &[(u8, &[&str])]) {
        let groups = sets.iter().map(|(number, hosts)| {
            let addresses: Vec<String> = hosts.iter().map(|host| format!("{host}:9093")).collect();
            let group = TargetGroup::new("0".to_owned(), &addresses, LabelSet::default());
            (ConfigHash::from_bytes([*number; 16]).to_string(), vec![group])
        });
        self.targets.as_ref().expect("open").send(groups.collect()).await.expect("it runs");
    }

    fn push(&self, alerts: Vec<Alert>) {
        let mut engine = self.store.engine.lock().expect("no panic");
        let handled = engine.handle((self.clock)(), Event::Alerts { alerts, path: None });
        self.manager.send(handled.accepted);
    }

    fn push_through(&self, path: &str, alerts: Vec<Alert>) {
        let mut engine = self.store.engine.lock().expect("no panic");
        let handled = engine.handle((self.clock)(), Event::Alerts { alerts, path: Some(Arc::from(path)) });
        self.manager.send(handled.accepted);
    }

    /// Firing for four minutes from now.
    fn firing(&self, names: impl IntoIterator<Item = String>) -> Vec<Alert> {
        let now = (self.clock)();
        names
            .into_iter()
            .map(|name| alert(&name, Timestamp::from_unix(1_700_000_000, 0), now + Duration::from_secs(240)))
            .collect()
    }

    fn ended(&self, names: impl IntoIterator<Item = String>) -> Vec<Alert> {
        let now = (self.clock)();
        names.into_iter().map(|name| alert(&name, Timestamp::from_unix(1_700_000_000, 0), now)).collect()
    }

    /// Lets everything run that needs no time.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn metric(&self, name: &str, host: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metric = family.get_metric().iter().find(|metric| {
            metric.get_label().iter().any(|label| label.value().contains(host))
                || metric.get_label().is_empty()
        })?;
        Some(metric.get_counter().get_value() + metric.get_gauge().get_value())
    }

    async fn stop(self) -> (Arc<Network>, crate::model::Balance) {
        self.manager.stop();
        self.task.await.expect("it ends");
        let balance = self.store.engine.lock().expect("no panic").ledger().balance();
        assert!(balance.holds());
        (self.network, balance)
    }
}

fn alert(name: &str, starts_at: Timestamp, ends_at: Timestamp) -> Alert {
    Alert {
        labels: LabelSet::from_iter([("alertname", name)]),
        annotations: LabelSet::default(),
        starts_at,
        ends_at,
        updated_at: Timestamp::ZERO,
        generator_url: Arc::from(""),
        timeout: false,
    }
}

fn set(number: u8) -> SetConfig {
    SetConfig {
        hash: ConfigHash::from_bytes([number; 16]),
        position: format!("prometheus.yml:{number}:7"),
        scheme: "http".to_owned(),
        path_prefix: String::new(),
        timeout: Duration::from_secs(10),
        relabel_configs: Vec::new(),
        alert_relabel_configs: Vec::new(),
    }
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("alert{number:04}")).collect()
}

fn rule(action: RelabelAction, source: &str, regex: &str, target: &str, replacement: &str) -> RelabelRule {
    let config = RelabelConfig {
        source_labels: Some(vec![source.into()]),
        regex: Some(crate::model::Regex::relabel(regex).expect("a regex")),
        action: Some(action),
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        ..RelabelConfig::default()
    };
    config.compile(NameValidation::Utf8).expect("a rule")
}
