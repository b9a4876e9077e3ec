use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::config::{FileSdConfig, HttpClientConfig, HttpSdConfig, Source, Url};
use crate::discovery::{DiscoverySet, Manager, TargetSets};
use crate::net::testing::Server;

/// A running manager and the last state it handed on.
struct Running {
    manager: Manager,
    registry: Registry,
    targets: mpsc::Receiver<TargetSets>,
    state: TargetSets,
    _stop: DropGuard,
}

fn set(id: &str, service_discovery: Vec<SdConfig>) -> DiscoverySet {
    DiscoverySet { id: id.to_owned(), config: format!("config-{id}"), service_discovery }
}

impl Running {
    fn start() -> Self {
        let (metrics, registry) = metrics();
        let (manager, task, targets) = Manager::new(metrics, "Prometheus/3.14.0".to_owned());
        let stop = CancellationToken::new();
        tokio::spawn(task.run(stop.clone()));
        Self { manager, registry, targets, state: TargetSets::new(), _stop: stop.drop_guard() }
    }

    fn apply(&self, sets: &[DiscoverySet]) {
        self.manager.commit(self.manager.prepare(sets.to_vec()).unwrap());
    }

    async fn next(&mut self) -> BTreeMap<&str, Vec<&str>> {
        self.state =
            tokio::time::timeout(Duration::from_secs(60), self.targets.recv()).await.unwrap().unwrap();
        self.state
            .iter()
            .map(|(id, groups)| {
                let targets = groups.iter().flat_map(|group| &group.targets);
                (id.as_str(), targets.map(|target| target.get("__address__").unwrap()).collect())
            })
            .collect()
    }

    /// Waits until the state is this one.
    async fn expect(&mut self, expected: &[(&str, &[&str])]) {
        let expected: BTreeMap<&str, Vec<&str>> =
            expected.iter().map(|(id, all)| (*id, all.to_vec())).collect();
        for _ in 0..50 {
            if self.next().await == expected {
                return;
            }
        }
        panic!("{:?} instead of {expected:?}", self.state);
    }
}

/// Upstream's TestTargetSetTargetGroupsPresentOnConfigReload and …Rename.
#[tokio::test(start_paused = true)]
async fn targets_are_there_after_a_reload_and_a_rename() {
    let mut running = Running::start();
    running.apply(&[set("0", vec![statics(&["foo:9090"])])]);
    running.expect(&[("0", &["foo:9090"])]).await;
    running.apply(&[set("0", vec![statics(&["foo:9090"])])]);
    running.expect(&[("0", &["foo:9090"])]).await;
    running.apply(&[set("1", vec![statics(&["foo:9090"])])]);
    running.expect(&[("1", &["foo:9090"])]).await;
}

/// Upstream's …PresentOnConfigDuplicateAndDeleteOriginal and …Change.
#[tokio::test(start_paused = true)]
async fn a_duplicate_outlives_the_original() {
    let mut running = Running::start();
    let original = set("0", vec![statics(&["foo:9090"])]);
    running.apply(std::slice::from_ref(&original));
    running.expect(&[("0", &["foo:9090"])]).await;
    let copy = set("1", vec![statics(&["foo:9090"])]);
    running.apply(&[original, copy.clone()]);
    running.expect(&[("0", &["foo:9090"]), ("1", &["foo:9090"])]).await;
    running.apply(&[copy]);
    running.expect(&[("1", &["foo:9090"])]).await;
    running.apply(&[set("1", vec![statics(&["bar:9090"])])]);
    running.expect(&[("1", &["bar:9090"])]).await;
    assert!(!printed(&running.registry, "prometheus_sd_discovered_targets").contains("config-0"));
}

/// Upstream's TestTargetSetRecreatesEmptyStaticConfigs; also an entry without any section.
#[tokio::test(start_paused = true)]
async fn a_set_without_targets_is_told_so() {
    let mut running = Running::start();
    running.apply(&[set("0", vec![statics(&["foo:9090"])])]);
    running.expect(&[("0", &["foo:9090"])]).await;
    running.apply(&[set("0", vec![statics(&[])]), set("1", vec![])]);
    running.expect(&[("0", &[]), ("1", &[])]).await;
}

/// Upstream's TestIdenticalConfigurationsAreCoalesced, seen from the server that is asked.
#[tokio::test]
async fn equal_sections_share_a_provider_that_survives_reloads() {
    let server = Server::start(|_| {
        (200, vec![("content-type", "application/json".to_owned())], r#"[{"targets":["h:1"]}]"#.to_owned())
    })
    .await;
    let http = SdConfig::Http(Box::new(HttpSdConfig {
        url: Url::parse(server.url("/sd").as_str()).unwrap(),
        refresh_interval: Duration::from_secs(3600),
        http_client: HttpClientConfig::default(),
        position: Position::default(),
    }));
    let mut running = Running::start();
    let sets = [set("0", vec![http.clone(), http.clone()]), set("1", vec![statics(&["s:1"]), http.clone()])];
    running.apply(&sets);
    running.expect(&[("0", &["h:1"]), ("1", &["s:1", "h:1"])]).await;
    running.apply(&[set("2", vec![http])]);
    running.expect(&[("2", &["h:1"])]).await;
    assert_eq!(server.seen().len(), 1);
    let refreshed = printed(&running.registry, "prometheus_sd_refresh_duration_histogram_seconds_count");
    assert_eq!(refreshed, "prometheus_sd_refresh_duration_histogram_seconds_count{mechanism=\"http\"} 1");
}

/// Upstream's TestApplyConfigDoesNotModifyStaticTargets.
#[tokio::test(start_paused = true)]
async fn groups_and_their_sources_are_those_of_the_file() {
    let mut running = Running::start();
    let group_of = |address: &str, label: &str| StaticConfig {
        targets: vec![address.to_owned()],
        labels: LabelSet::from_iter([("l", label)]),
        position: Position::default(),
    };
    let groups: Vec<StaticConfig> = (0..12).map(|i| group_of(&format!("h{i}:1"), &i.to_string())).collect();
    running.apply(&[set("0", vec![SdConfig::Static(groups)])]);
    running.next().await;
    let expected: Vec<TargetGroup> =
        (0..12).map(|i| group(&i.to_string(), &[&format!("h{i}:1")], &[("l", &i.to_string())])).collect();
    assert_eq!(running.state["0"], expected);
}

/// Upstream's TestGaugeFailedConfigs. Ours refuses the reload as well, and goes on as before.
#[tokio::test(start_paused = true)]
async fn a_section_that_cannot_be_built_changes_nothing() {
    let mut running = Running::start();
    let good = vec![set("0", vec![statics(&["foo:9090"])])];
    running.apply(&good);
    running.expect(&[("0", &["foo:9090"])]).await;
    let broken = |port: u16| {
        let mut http_client = HttpClientConfig::default();
        http_client.tls_config.ca = Some(Source::File("/no/such/ca.crt".into()));
        SdConfig::Http(Box::new(HttpSdConfig {
            url: Url::parse(&format!("https://sd:{port}")).unwrap(),
            refresh_interval: NEVER,
            http_client,
            position: Position::default(),
        }))
    };
    let error =
        running.manager.prepare(vec![set("0", vec![broken(1), broken(2), statics(&["x:1"])])]).unwrap_err();
    assert!(
        error.to_string().starts_with("http_sd_configs: (built in):1:1: unable to read CA cert"),
        "{error}"
    );
    let failed = |running: &Running| printed(&running.registry, "prometheus_sd_failed_configs");
    assert_eq!(failed(&running), "prometheus_sd_failed_configs{name=\"notify\"} 2");
    running.apply(&good);
    running.expect(&[("0", &["foo:9090"])]).await;
    assert_eq!(failed(&running), "prometheus_sd_failed_configs{name=\"notify\"} 0");
}

/// Upstream's TestCoordinationWithReceiver: a slow receiver finds the newest state, and the manager does not wait.
#[tokio::test(start_paused = true)]
async fn a_slow_receiver_gets_the_newest_state() {
    let mut running = Running::start();
    for round in 0..5 {
        running.apply(&[set("0", vec![statics(&[&format!("round{round}:1")])])]);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let delayed = printed(&running.registry, "prometheus_sd_updates_delayed_total");
    assert_ne!(delayed, "prometheus_sd_updates_delayed_total{name=\"notify\"} 0");
    assert_eq!(running.next().await["0"], ["round0:1"]);
    assert_eq!(running.next().await["0"], ["round4:1"]);
}

/// Changes in quiet times are passed on at once, many in a row as few.
#[tokio::test(start_paused = true)]
async fn emissions_are_throttled() {
    let mut running = Running::start();
    let begin = tokio::time::Instant::now();
    running.apply(&[set("0", vec![statics(&["a:1"])])]);
    running.next().await;
    let waited = begin.elapsed();
    assert!((Duration::from_millis(50)..=Duration::from_millis(151)).contains(&waited), "{waited:?}");
    let mut emissions = 0;
    let end = begin + Duration::from_secs(60);
    let mut round = 0;
    while tokio::time::Instant::now() < end {
        round += 1;
        running.apply(&[set("0", vec![statics(&[&format!("r{round}:1")])])]);
        tokio::time::sleep(Duration::from_millis(10)).await;
        emissions += usize::from(running.targets.try_recv().is_ok());
    }
    assert!((12..=40).contains(&emissions), "{emissions} emissions for {round} changes in a minute");
}

/// Upstream's TestConfigReloadAndShutdownRace: the receiver ends when the manager stops, whatever it does.
#[tokio::test]
async fn stopping_ends_the_receiver() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start();
    for round in 0..20 {
        let files = vec![directory.path().join(format!("{round}-*.json"))];
        let file = FileSdConfig {
            files,
            refresh_interval: Duration::from_millis(10),
            position: Position::default(),
        };
        running.apply(&[set("0", vec![SdConfig::File(file), statics(&["a:1"])])]);
        tokio::task::yield_now().await;
    }
    let Running { mut targets, _stop, .. } = running;
    drop(_stop);
    while targets.recv().await.is_some() {}
}
