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

/// TestHandlerSendAll: failing Alertmanagers hold up nobody, and get what they missed.
#[tokio::test(start_paused = true)]
async fn sends_to_all_and_again_to_those_that_failed() {
    let rig = Rig::with(&["one", "two", "three"], |_| {}).await;
    rig.network.set("two", Mood::Status(404));
    rig.network.set("three", Mood::Status(500));
    rig.push(rig.firing(numbered(0..10)));
    rig.settle().await;
    assert_eq!(rig.network.names("one"), numbered(0..10));
    assert_eq!(rig.metric("prometheus_notifications_sent_total", "one"), Some(10.0));
    assert_eq!(rig.metric("prometheus_notifications_errors_total", "one"), Some(0.0));
    assert_eq!(rig.metric("prometheus_notifications_errors_total", "two"), Some(10.0));
    assert_eq!(rig.metric("prometheus_notifications_dropped_total", "two"), Some(0.0));
    for host in ["two", "three"] {
        rig.network.set(host, Mood::Up);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for host in ["one", "two", "three"] {
        assert_eq!(rig.network.names(host), numbered(0..10), "{host}");
    }
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 30));
}

/// The fallback must know from whom nothing is to be expected.
#[tokio::test(start_paused = true)]
async fn a_failure_is_lost_contact_and_a_refusal_is_not() {
    let rig = Rig::with(&["one", "two"], |_| {}).await;
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    rig.network.set("one", Mood::Refuses("alert0001"));
    rig.network.set("two", Mood::Status(503));
    rig.push(rig.firing(numbered(1..2)));
    rig.settle().await;
    let lost = rig.store.lost.lock().expect("no panic").clone();
    assert_eq!(lost.iter().map(|url| &**url).collect::<Vec<_>>(), ["http://two:9093/api/v2/alerts"]);
    rig.stop().await;
}

/// TestHandlerSendAllRemapPerAm, TestAlerstRelabelingIsIsolated.
#[tokio::test(start_paused = true)]
async fn every_set_relabels_for_itself() {
    let rig = Rig::new(|_| {});
    let relabelling = |number, rules| SetConfig { alert_relabel_configs: rules, ..set(number) };
    rig.apply(vec![
        set(1),
        relabelling(2, vec![rule(RelabelAction::Drop, "alertname", "alert0001", "", "$1")]),
        relabelling(3, vec![rule(RelabelAction::Drop, "alertname", ".*", "", "$1")]),
        relabelling(4, vec![rule(RelabelAction::Replace, "alertname", "(.*)", "parasite", "$1")]),
        set(5),
    ]);
    rig.discover(&[(1, &["all"]), (2, &["half"]), (3, &["none"]), (4, &["more"]), (5, &[])]).await;
    rig.settle().await;
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    assert_eq!(rig.network.names("all"), numbered(0..2));
    assert_eq!(rig.network.names("half"), numbered(0..1));
    assert_eq!(rig.network.attempts("none"), 0);
    assert_eq!(rig.network.alerts("more")[0]["labels"]["parasite"], "alert0000");
    assert_eq!(rig.network.alerts("all")[0]["labels"].get("parasite"), None);
    let suppressed = Outcome::Suppressed(crate::model::Suppression::Relabel);
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(suppressed), balance.count(Outcome::Delivered)), (0, 3, 5));
}

/// TestHandlerQueuing: the batch in flight is not counted; the one that left the full queue arrives last.
#[tokio::test(start_paused = true)]
async fn a_full_queue_keeps_the_newest_and_the_rest_follows() {
    let rig = Rig::with(&["am"], |options| {
        options.queue_capacity = 30;
        options.max_batch_size = 10;
    })
    .await;
    rig.network.set("am", Mood::Hangs);
    for batch in 0..5 {
        rig.push(rig.firing(numbered(batch * 10..batch * 10 + 10)));
        rig.settle().await;
    }
    let queue = rig.manager.queues().await.remove(0);
    assert_eq!((queue.length, queue.capacity, queue.in_flight, queue.behind), (30, 30, 10, true));
    assert_eq!(rig.metric("prometheus_notifications_queue_length", "am"), Some(30.0));
    assert_eq!(rig.metric("prometheus_notifications_queue_capacity", "am"), Some(30.0));
    rig.network.set("am", Mood::Up);
    rig.settle().await;
    let order: Vec<String> = [0..10, 20..30, 30..40, 40..50, 10..20].into_iter().flat_map(numbered).collect();
    assert_eq!(rig.network.names("am"), order);
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 50));
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_all_arrive_once_and_in_order_although_the_queue_was_too_small() {
    let rig = Rig::with(&["am"], |options| options.queue_capacity = 100).await;
    rig.network.set("am", Mood::Down);
    rig.push(rig.firing(numbered(0..150)));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(rig.network.attempts("am") < 30, "it backs off");
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(rig.network.names("am"), numbered(0..150));
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 150));
}

#[tokio::test(start_paused = true)]
async fn while_a_request_hangs_the_newest_stay_queued_and_the_others_follow() {
    let rig = Rig::with(&["am"], |options| options.queue_capacity = 100).await;
    rig.network.set("am", Mood::Hangs);
    rig.push(rig.firing(["first".to_owned()]));
    rig.settle().await;
    rig.push(rig.firing(numbered(0..150)));
    rig.settle().await;
    assert_eq!(rig.manager.queues().await[0].length, 100);
    rig.network.set("am", Mood::Up);
    rig.settle().await;
    let order = [vec!["first".to_owned()], numbered(50..150), numbered(0..50)].concat();
    assert_eq!(rig.network.names("am"), order);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_thirty_repeats_costs_one_state_an_alert() {
    let rig = Rig::with(&["am"], |options| options.queue_capacity = 100).await;
    rig.network.set("am", Mood::Down);
    for minute in 0..30 {
        rig.push(rig.firing(numbered(0..500 - minute)));
        rig.push(rig.ended(numbered(500 - minute..500)));
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let mut last = BTreeMap::new();
    let alerts = rig.network.alerts("am");
    for alert in &alerts {
        last.insert(
            alert["labels"]["alertname"].as_str().expect("a name").to_owned(),
            alert["endsAt"].clone(),
        );
    }
    assert_eq!(last.len(), 500);
    assert!(alerts.len() <= 600, "{} alerts", alerts.len());
    let now = (rig.clock)().to_rfc3339_millis();
    let ended = last.values().filter(|ends| ends.as_str().is_some_and(|ends| ends < now.as_str())).count();
    assert_eq!(ended, 29);
    let (_, balance) = rig.stop().await;
    assert_eq!(balance.pending, 0);
}

#[tokio::test(start_paused = true)]
async fn one_refused_alert_of_256_is_dead_lettered_by_name() {
    let rig = Rig::with(&["am"], |_| {}).await;
    rig.network.set("am", Mood::Refuses("alert0100"));
    rig.push(rig.firing(numbered(0..256)));
    rig.settle().await;
    let mut names = rig.network.names("am");
    names.sort();
    assert_eq!(names, numbered(0..256).into_iter().filter(|name| name != "alert0100").collect::<Vec<_>>());
    let queue = rig.manager.queues().await.remove(0);
    assert_eq!(queue.dead_letters.len(), 1);
    assert_eq!(queue.dead_letters[0].labels["alertname"], "alert0100");
    assert!(queue.dead_letters[0].reason.contains("bad alert0100"), "{:?}", queue.dead_letters);
    assert_eq!(rig.metric("prometheus_notifications_dropped_total", "am"), Some(1.0));
    let (_, balance) = rig.stop().await;
    assert_eq!(
        (balance.pending, balance.count(Outcome::DeadLettered), balance.count(Outcome::Delivered)),
        (0, 1, 255)
    );
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_401_503_or_301_loses_nothing() {
    for code in [401, 403, 404, 301, 303, 429, 503] {
        let rig = Rig::with(&["am"], |_| {}).await;
        rig.network.set("am", Mood::Status(code));
        rig.push(rig.firing(numbered(0..20)));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(rig.metric("prometheus_notifications_dropped_total", "am"), Some(0.0));
        rig.network.set("am", Mood::Up);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(rig.network.names("am"), numbered(0..20), "{code}");
        let (_, balance) = rig.stop().await;
        assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 20));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let rig = Rig::with(&["am"], |_| {}).await;
    rig.network.set("am", Mood::RetryAfter(Duration::from_secs(90)));
    rig.push(rig.firing(numbered(0..1)));
    tokio::time::sleep(Duration::from_secs(89)).await;
    assert_eq!(rig.network.attempts("am"), 1);
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.network.names("am").len(), 1);
}

/// TestNotifierQueueIndependentOfFailedAlertmanager, and the slow, dead and hanging neighbours.
#[tokio::test(start_paused = true)]
async fn a_slow_a_dead_and_a_hanging_neighbour_delay_nobody() {
    let rig = Rig::with(&["healthy", "slow", "dead", "hanging"], |_| {}).await;
    rig.network.set("slow", Mood::Slow(Duration::from_secs(5)));
    rig.network.set("dead", Mood::Down);
    rig.network.set("hanging", Mood::Hangs);
    for batch in 0..40 {
        rig.push(rig.firing(numbered(batch * 100..batch * 100 + 100)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.network.names("healthy"), numbered(0..4000));
}

#[tokio::test(start_paused = true)]
async fn a_new_alertmanager_gets_all_that_fires_at_once() {
    let rig = Rig::with(&["one"], |_| {}).await;
    rig.push(rig.firing(numbered(0..500)));
    rig.settle().await;
    rig.discover(&[(1, &["one", "two"])]).await;
    rig.settle().await;
    assert_eq!(rig.network.names("two"), numbered(0..500));
    assert_eq!(rig.network.names("one").len(), 500);
}

#[tokio::test(start_paused = true)]
async fn signals_are_not_doubled() {
    let rig = Rig::new(|_| {});
    for _ in 0..1000 {
        rig.manager.set_more();
    }
    let mut more = rig.manager.0.more_receiver.lock().expect("no panic").take().expect("it has not run");
    assert!(more.try_recv().is_ok());
    assert!(more.try_recv().is_err());
}

/// TestHangingNotifier: discovery is heard while one hangs and the other has much to do.
#[tokio::test(start_paused = true)]
async fn a_hanging_alertmanager_can_be_removed() {
    let rig = Rig::with(&["healthy", "hanging"], |options| {
        options.max_batch_size = 1;
        options.drain_on_shutdown = false;
    })
    .await;
    rig.network.set("hanging", Mood::Hangs);
    rig.network.set("healthy", Mood::Slow(Duration::from_millis(100)));
    rig.push(rig.firing(numbered(0..100)));
    rig.settle().await;
    rig.discover(&[(1, &["healthy"])]).await;
    rig.settle().await;
    assert_eq!(rig.manager.alertmanagers().active.len(), 1);
    assert!(rig.network.names("healthy").len() < 10);
    assert_eq!(rig.metric("prometheus_notifications_alertmanagers_discovered", ""), Some(1.0));
}

/// TestReload, TestDroppedAlertmanagers.
#[tokio::test(start_paused = true)]
async fn targets_become_urls_and_dropped_ones_are_listed() {
    let rig = Rig::new(|options| options.listeners = vec!["127.0.0.1:9093".parse().expect("an address")]);
    let drop = rule(RelabelAction::Drop, "__address__", "bad.*", "", "$1");
    rig.apply(vec![SetConfig { relabel_configs: vec![drop], path_prefix: "/p".to_owned(), ..set(1) }]);
    rig.discover(&[(1, &["alertmanager", "bad", "127.0.0.1"])]).await;
    rig.settle().await;
    let shown = rig.manager.alertmanagers();
    let texts = |urls: &[Arc<str>]| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&shown.active), ["http://alertmanager:9093/p/api/v2/alerts"]);
    assert_eq!(
        texts(&shown.dropped),
        ["http://bad:9093/p/api/v2/alerts", "http://127.0.0.1:9093/p/api/v2/alerts"]
    );
}

/// TestStop_DrainingDisabled, TestStop_DrainingEnabled.
#[tokio::test(start_paused = true)]
async fn stopping_drains_the_queue_unless_that_is_off() {
    for (draining, expected) in [(true, 2), (false, 1)] {
        let rig = Rig::with(&["am"], |options| {
            options.max_batch_size = 1;
            options.drain_on_shutdown = draining;
        })
        .await;
        rig.network.set("am", Mood::Slow(Duration::from_secs(1)));
        rig.push(rig.firing(numbered(0..2)));
        rig.settle().await;
        let (network, balance) = rig.stop().await;
        assert_eq!(network.names("am").len(), expected);
        assert_eq!(balance.pending, 2 - expected as u64, "what is left follows after the next start");
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_the_dead() {
    let rig = Rig::with(&["dead", "hanging"], |_| {}).await;
    rig.network.set("dead", Mood::Down);
    rig.network.set("hanging", Mood::Hangs);
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    let started = Instant::now();
    let (_, balance) = rig.stop().await;
    assert!(started.elapsed() <= Duration::from_secs(20));
    assert_eq!(balance.pending, 4);
}

/// TestQueuesDrainingOnApplyConfig.
#[tokio::test(start_paused = true)]
async fn what_is_queued_for_a_removed_entry_is_sent_unless_that_is_off() {
    for (draining, expected) in [(true, 20), (false, 10)] {
        let rig = Rig::with(&["am"], |options| {
            options.max_batch_size = 10;
            options.drain_on_shutdown = draining;
        })
        .await;
        rig.network.set("am", Mood::Slow(Duration::from_secs(1)));
        rig.push(rig.firing(numbered(0..20)));
        rig.settle().await;
        rig.apply(Vec::new());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(rig.network.names("am").len(), expected);
        assert!(rig.manager.alertmanagers().active.is_empty());
        assert!(rig.manager.queues().await.is_empty());
        assert_eq!(rig.metric("prometheus_notifications_sent_total", "am"), None, "its series is gone");
        let (_, balance) = rig.stop().await;
        let gone = Outcome::Expired(crate::model::Expiry::DestinationGone);
        assert_eq!((balance.pending, balance.count(gone)), (0, 20 - expected as u64));
    }
}

/// TestApplyConfig, TestApplyConfigSendLoopsNotStoppedOnKeyChange, TestApplyConfigDuplicateHashSharesSendLoops,
/// TestApplyConfigHashChangeLeaksSendLoops.
#[tokio::test(start_paused = true)]
async fn sets_survive_a_reload_wherever_their_entries_move() {
    let rig = Rig::new(|_| {});
    rig.apply(vec![set(1), set(2)]);
    rig.discover(&[(1, &["one"]), (2, &["two"])]).await;
    rig.settle().await;
    rig.network.set("one", Mood::Hangs);
    rig.push(rig.firing(numbered(0..5)));
    rig.settle().await;
    rig.push(rig.firing(numbered(5..10)));
    rig.settle().await;
    rig.apply(vec![set(2), set(1), set(1)]);
    rig.settle().await;
    assert_eq!(rig.manager.alertmanagers().active.len(), 2, "the same entry twice is one set");
    let queues = rig.manager.queues().await;
    assert_eq!(queues.iter().map(|queue| queue.length).sum::<usize>(), 5, "the queue moved along");
    // Either copy goes away: the queue stays.
    rig.apply(vec![set(1), set(2)]);
    rig.network.set("one", Mood::Up);
    rig.settle().await;
    assert_eq!(rig.network.names("one"), numbered(0..10), "each once");

    rig.apply(vec![SetConfig { path_prefix: "/new".to_owned(), ..set(3) }, set(2)]);
    rig.settle().await;
    assert_eq!(rig.manager.alertmanagers().active.len(), 1, "a changed entry waits for its targets");
    rig.discover(&[(3, &["one"]), (2, &["two"])]).await;
    rig.settle().await;
    assert_eq!(rig.network.names("one/new").len() + rig.network.names("one:9093/new").len(), 10);
}

/// TestManagerClosedTargetSetsChannel.
#[tokio::test(start_paused = true)]
async fn the_end_of_discovery_is_not_the_end() {
    let mut rig = Rig::with(&["am"], |_| {}).await;
    rig.targets = None;
    rig.settle().await;
    rig.push(rig.firing(numbered(0..3)));
    rig.settle().await;
    assert_eq!(rig.network.names("am").len(), 3);
    assert!(!rig.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn alerts_wait_in_the_store_while_there_is_no_alertmanager() {
    let rig = Rig::new(|_| {});
    rig.push(rig.firing(numbered(0..3)));
    rig.settle().await;
    rig.apply(vec![set(1)]);
    rig.discover(&[(1, &["am"])]).await;
    rig.settle().await;
    assert_eq!(rig.network.names("am"), numbered(0..3));
}

#[tokio::test(start_paused = true)]
async fn what_came_from_a_tocsin_goes_to_no_other() {
    let rig = Rig::with(&["peer", "am"], |_| {}).await;
    rig.network.set("peer", Mood::Tocsin("them"));
    rig.push(rig.firing(numbered(0..1)));
    rig.settle().await;
    rig.push_through("them", rig.firing(numbered(1..2)));
    rig.settle().await;
    assert_eq!(rig.network.names("am"), numbered(0..2));
    assert_eq!(rig.network.names("peer"), numbered(0..1));
    let attempts = rig.network.attempts.lock().expect("no panic").clone();
    let paths: Vec<&str> =
        attempts.iter().filter(|(url, ..)| url.contains("//am")).map(|(_, _, path)| path.as_str()).collect();
    assert_eq!(paths, ["us", "them,us"]);
    let (_, balance) = rig.stop().await;
    let peer = Outcome::Suppressed(crate::model::Suppression::Peer);
    assert_eq!((balance.pending, balance.count(peer)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_ourselves_drops_the_target() {
    let rig = Rig::with(&["alias", "am"], |_| {}).await;
    rig.network.set("alias", Mood::Tocsin("us"));
    rig.push(rig.firing(numbered(0..1)));
    rig.settle().await;
    let shown = rig.manager.alertmanagers();
    assert_eq!((shown.active.len(), shown.dropped.len()), (1, 1));
    rig.push(rig.firing(numbered(1..2)));
    rig.settle().await;
    assert_eq!(rig.network.attempts("alias"), 1);
}

/// TestMetrics: series exist from the start, are removed with the Alertmanager, and can come again.
#[tokio::test(start_paused = true)]
async fn series_come_and_go_with_their_alertmanager() {
    let rig = Rig::with(&["am"], |_| {}).await;
    let names = ["sent_total", "errors_total", "dropped_total", "queue_length"];
    let values = |rig: &Rig| names.map(|name| rig.metric(&format!("prometheus_notifications_{name}"), "am"));
    assert_eq!(values(&rig), [Some(0.0); 4]);
    rig.discover(&[(1, &[])]).await;
    rig.settle().await;
    assert_eq!(values(&rig), [None; 4]);
    rig.discover(&[(1, &["am"])]).await;
    rig.settle().await;
    assert_eq!(values(&rig), [Some(0.0); 4]);
    rig.push(rig.firing(numbered(0..1)));
    rig.settle().await;
    let text = prometheus::TextEncoder::new().encode_to_string(&rig.registry.gather()).expect("text");
    assert!(text.contains("prometheus_notifications_latency_seconds{alertmanager=\"http://am:9093/api/v2/alerts\",quantile=\"0.99\"}"), "{text}");
    assert!(text.contains("prometheus_notifications_latency_histogram_seconds_bucket{alertmanager=\"http://am:9093/api/v2/alerts\",le=\"0.01\"}"));
}

#[tokio::test(start_paused = true)]
async fn the_firing_who_were_told_are_told_their_end_and_restarted_ones_everything() {
    let rig = Rig::with(&["am"], |_| {}).await;
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    // It restarts: one request fails, one alert ends meanwhile.
    rig.network.set("am", Mood::Down);
    rig.push(rig.ended(numbered(0..1)));
    tokio::time::sleep(Duration::from_secs(3)).await;
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        rig.network.names("am"),
        ["alert0000", "alert0001", "alert0001", "alert0000"],
        "what fires is told before what ended"
    );
    assert_eq!(rig.network.batches("am"), [2, 1, 1], "and not in one request with it");
}
