//! The processes of a pair, and what they and the webhook have seen.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::case::{Case, Victim};
use crate::harness::{Api, Prometheus, Sink, Tocsin, TocsinBuilder, eventually, free_addr};

pub(super) const GROUP_WAIT: Duration = Duration::from_secs(2);
pub(super) const GROUP_INTERVAL: Duration = Duration::from_secs(2);
/// Long enough that a busy machine does not come too late with the log entry.
pub(super) const PEER_TIMEOUT: Duration = Duration::from_secs(3);
/// The alerts of the rules, in order; each is a group of its own.
pub(super) const INCIDENTS: [&str; 2] = ["DiskFull", "InstanceDown"];

/// Who pushes to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wiring {
    /// Each Prometheus lists both tocsins.
    EachToBoth,
    /// Each Prometheus lists the tocsin beside it, and each tocsin lists the other.
    EachToItsOwn,
}

/// Both incidents last until `end`, in seconds since 1970: for both Prometheis at the same moment.
fn rules(end: i64) -> String {
    let rule = |name: &str, instance: &str| {
        format!(
            "      - alert: {name}\n        expr: label_replace(vector(time()) < {end}, \"instance\", \"{instance}\", \"\", \"\")\n        \
             labels: {{severity: critical}}\n        annotations: {{summary: '{{{{ $labels.instance }}}} has a problem'}}\n"
        )
    };
    format!(
        "groups:\n  - name: hosts\n    interval: 2s\n    rules:\n{}{}",
        rule(INCIDENTS[0], "db1:9100"),
        rule(INCIDENTS[1], "web1:9100")
    )
}

fn prometheus_yml(replica: &str, tocsins: &[String]) -> String {
    format!(
        "global:\n  evaluation_interval: 2s\n  external_labels: {{site: eu1, replica: {replica}}}\nrule_files: [rules.yml]\n\
         alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: {tocsins:?}\n"
    )
}

/// The replica's name must be gone before alerts are grouped, or the two would hold different groups.
fn forwarding_yml(wiring: Wiring) -> String {
    let others = match wiring {
        Wiring::EachToBoth => "",
        Wiring::EachToItsOwn => {
            "  alertmanagers:\n    - file_sd_configs:\n        - files: [alertmanagers.json]\n"
        }
    };
    format!("alerting:\n  alert_relabel_configs:\n    - action: labeldrop\n      regex: replica\n{others}")
}

fn alertmanager_yml(webhook: &Sink) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: {GROUP_WAIT:?}\n  group_interval: {GROUP_INTERVAL:?}\n  \
         repeat_interval: 1h\nreceivers:\n  - name: hook\n    webhook_configs:\n      - url: 'http://{}/'\n",
        webhook.address()
    )
}

pub(super) struct Pair {
    wiring: Wiring,
    webhook: Sink,
    tocsins: [Tocsin; 2],
    prometheis: [Prometheus; 2],
    /// Who is down.
    dead: Victim,
    rules: String,
}

impl Pair {
    /// Starts all four, without incidents as yet, and waits until the cluster has settled; `None` where there is no
    /// Prometheus.
    pub(super) async fn start(wiring: Wiring) -> Option<Self> {
        let webhook = Sink::start().await;
        let members = [free_addr(), free_addr()];
        let tocsin = |side: usize| {
            TocsinBuilder::new(&forwarding_yml(wiring))
                .file("alertmanager.yml", alertmanager_yml(&webhook))
                .file("alertmanagers.json", "[]")
                .flag("--config.file=alertmanager.yml")
                .flag(format!("--cluster.listen-address={}", members[side]))
                .flag(format!("--cluster.peer={}", members[1 - side]))
                .flag(format!("--cluster.peer-name={}", ["a", "b"][side]))
                .flag(format!("--cluster.peer-timeout={PEER_TIMEOUT:?}"))
                // It settles four times as fast.
                .flag("--cluster.gossip-interval=50ms")
        };
        let tocsins = [tocsin(0).start().await, tocsin(1).start().await];
        let addresses = [tocsins[0].address(), tocsins[1].address()];
        let rules = rules(0);
        let prometheus = |side: usize| {
            let listed = match wiring {
                Wiring::EachToBoth => &addresses[..],
                Wiring::EachToItsOwn => &addresses[side..=side],
            };
            let yaml = prometheus_yml(["a", "b"][side], listed);
            let rules = &rules;
            async move { Prometheus::start("3.", &yaml, rules).await }
        };
        let prometheis = [prometheus(0).await?, prometheus(1).await?];
        for side in [0, 1] {
            if wiring == Wiring::EachToItsOwn {
                tocsins[side].set_targets(&addresses[1 - side..=1 - side]);
                tocsins[side].wait_for_metric("prometheus_notifications_alertmanagers_discovered", 1.0).await;
            }
            settled(&tocsins[side]).await;
        }
        Some(Self { wiring, webhook, tocsins, prometheis, dead: Victim::Nobody, rules })
    }

    pub(super) async fn kill(&mut self, victim: Victim) {
        self.dead = victim;
        match victim {
            Victim::Nobody => {}
            Victim::Prometheus(side) => self.prometheis[side].kill().await,
            Victim::Tocsin(side) => self.tocsins[side].kill().await,
        }
    }

    pub(super) async fn revive(&mut self, victim: Victim) {
        self.dead = Victim::Nobody;
        match victim {
            Victim::Nobody => {}
            Victim::Prometheus(side) => {
                self.prometheis[side].write_rules(&self.rules);
                self.prometheis[side].start_again().await;
            }
            Victim::Tocsin(side) => {
                self.tocsins[side].start().await;
                settled(&self.tocsins[side]).await;
            }
        }
    }

    fn live_tocsins(&self) -> impl Iterator<Item = (usize, &Tocsin)> {
        self.tocsins.iter().enumerate().filter(|(side, _)| self.dead != Victim::Tocsin(*side))
    }

    fn live_prometheis(&self) -> impl Iterator<Item = (usize, &Prometheus)> {
        self.prometheis.iter().enumerate().filter(|(side, _)| self.dead != Victim::Prometheus(*side))
    }

    pub(super) async fn incidents_begin(&mut self) {
        self.set_rules(i64::from(u32::MAX)).await;
    }

    pub(super) async fn incidents_end(&mut self) {
        self.set_rules(jiff::Timestamp::now().as_second() + 1).await;
    }

    async fn set_rules(&mut self, end: i64) {
        self.rules = rules(end);
        for (_, prometheus) in self.live_prometheis() {
            prometheus.set_rules(&self.rules).await;
        }
    }

    /// Waits until every tocsin knows of all incidents.
    pub(super) async fn wait_known(&self) {
        for (_, tocsin) in self.live_tocsins() {
            eventually("the incidents are known", || async {
                (tocsin.firing("alertname").await == INCIDENTS).then_some(())
            })
            .await;
        }
    }

    /// The incidents of which the webhook took messages with this status, in order.
    pub(super) fn told(&self, status: &str) -> Vec<String> {
        let bodies = self.webhook.bodies();
        let told = bodies.iter().filter(|body| body["status"] == status);
        told.filter_map(|body| body["groupLabels"]["alertname"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until all incidents were told so, and gives when that was seen.
    pub(super) async fn wait_told(&self, status: &str) -> Instant {
        eventually(&format!("all incidents are told as {status}"), || async {
            let told: BTreeSet<String> = self.told(status).into_iter().collect();
            told.iter().eq(INCIDENTS.iter()).then(Instant::now)
        })
        .await
    }

    /// Waits until one tocsin has heard from the other what was told of each incident.
    pub(super) async fn wait_log_shared(&self) {
        eventually("the log is shared", || async {
            let mut heard = 0.0;
            for (_, tocsin) in self.live_tocsins() {
                heard += tocsin.metric("alertmanager_nflog_gossip_messages_propagated_total", &[]).await?;
            }
            (heard >= INCIDENTS.len() as f64).then_some(())
        })
        .await;
    }

    /// Every message is of one incident, by the name that both Prometheis give it.
    pub(super) fn assert_messages(&self, case: &Case) {
        for body in self.webhook.bodies() {
            let alerts = body["alerts"].as_array().expect("alerts");
            assert_eq!(alerts.len(), 1, "{case:?}: {body}");
            let labels = &alerts[0]["labels"];
            assert_eq!(
                (&labels["site"], &labels["replica"]),
                (&"eu1".into(), &Value::Null),
                "{case:?}: {body}"
            );
        }
    }

    /// The Prometheis go on repeating the ends. Nothing of that goes from one tocsin to the other, nor did more than
    /// each was given by its own Prometheus.
    pub(super) async fn assert_nothing_goes_round(&self, case: &Case) {
        for (side, tocsin) in self.live_tocsins() {
            tocsin.assert_balance().await;
            let other = self.live_tocsins().find(|(other, _)| *other != side).map(|(_, tocsin)| tocsin);
            let (Some(other), Wiring::EachToItsOwn) = (other, self.wiring) else { continue };
            let looped = other.metric("tocsin_requests_looped_total", &[]).await.expect("a number");
            assert!(looped <= 1.0, "{case:?}: {looped} requests came back: {}", self.story());
            let before = sent(tocsin).await;
            let Some((_, prometheus)) = self.live_prometheis().find(|(own, _)| *own == side) else {
                continue;
            };
            let given = prometheus.metric(SENT, &[]).await.unwrap_or(0.0);
            // Who has been away is told what fires; who has been away counts from then on.
            let refill = if case.returns { 2.0 * INCIDENTS.len() as f64 } else { 0.0 };
            let most = given + refill + looped * INCIDENTS.len() as f64;
            let counts = case.victim != Victim::Prometheus(side);
            assert!(!counts || before <= most, "{case:?}: sent {before}, given {given}: {}", self.story());
            eventually("Prometheus repeats the ends", || async {
                let now = prometheus.metric(SENT, &[]).await?;
                (now >= given + 2.0 * INCIDENTS.len() as f64).then_some(())
            })
            .await;
            assert_eq!(sent(tocsin).await, before, "{case:?}: the ends go on: {}", self.story());
        }
    }

    /// What has happened, for whoever reads of a failure.
    pub(super) fn story(&self) -> String {
        let mut story = String::new();
        for body in self.webhook.bodies() {
            let by = body["externalURL"].as_str().unwrap_or_default();
            // Writing to a string does not fail.
            writeln!(
                story,
                "\n{} {} by {by}: {}",
                body["groupLabels"]["alertname"], body["status"], body["alerts"]
            )
            .ok();
        }
        for (side, tocsin) in self.tocsins.iter().enumerate() {
            writeln!(story, "--- tocsin {side} at {}\n{}", tocsin.address(), tocsin.log()).ok();
        }
        story
    }
}

const SENT: &str = "prometheus_notifications_sent_total";

async fn sent(tocsin: &Api) -> f64 {
    tocsin.metric(SENT, &[]).await.unwrap_or(0.0)
}

/// Waits until the tocsin may notify, with both members in the cluster unless the other is down.
async fn settled(tocsin: &Tocsin) {
    eventually("the cluster has settled", || async {
        let status = tocsin.json("/api/v2/status").await;
        let members = status["cluster"]["peers"].as_array()?.len();
        (status["cluster"]["status"] == "ready" && members == 2).then_some(())
    })
    .await;
}
