//! From an `alertmanager.yml` to the plan's definition: names, numbers and matchers; no secret and no template of a
//! message.

use std::sync::Arc;

use smol_str::SmolStr;

use super::plan::{
    GroupBy, InhibitRuleDefinition, Integration, MatcherDefinition, NamedTimeInterval, Options,
    PlanDefinition, Receiver, RouteDefinition,
};
use super::time_interval::{Range, TimeInterval, TimeRange};
use crate::config::AlertmanagerFile;
use crate::config::alertmanager::{self, InhibitRuleConfig, ReceiverConfig, RouteConfig};
use crate::model::Matchers;

impl PlanDefinition {
    /// What `file` says to the engine, with what flags say.
    #[must_use]
    pub fn from_config(file: &AlertmanagerFile, options: Options) -> Self {
        let mut routes = Vec::new();
        push_route(&mut routes, 0, &file.route);
        let intervals = file.mute_time_intervals.iter().chain(&file.time_intervals);
        Self {
            routes,
            receivers: file.receivers.iter().map(receiver).collect(),
            inhibit_rules: file.inhibit_rules.iter().map(inhibit_rule).collect(),
            time_intervals: intervals.map(named_interval).collect(),
            options,
        }
    }
}

fn push_route(routes: &mut Vec<RouteDefinition>, parent: usize, config: &RouteConfig) {
    let place = routes.len();
    let names = |list: &[alertmanager::Located<String>]| {
        list.iter().map(|name| Arc::from(name.value.as_str())).collect::<Vec<Arc<str>>>()
    };
    routes.push(RouteDefinition {
        parent,
        matchers: matchers(&config.matchers),
        continues: config.continues,
        receiver: config.receiver.as_ref().map(|receiver| Arc::from(receiver.value.as_str())),
        group_by: config.group_by.as_ref().map(|by| match by {
            alertmanager::GroupBy::All => GroupBy::All,
            alertmanager::GroupBy::Labels(labels) => {
                GroupBy::Labels(labels.iter().map(SmolStr::new).collect())
            }
        }),
        group_wait: config.group_wait,
        group_interval: config.group_interval,
        repeat_interval: config.repeat_interval,
        mute_time_intervals: names(&config.mute_time_intervals),
        active_time_intervals: names(&config.active_time_intervals),
        labels: config.labels.iter().map(|(name, value)| (SmolStr::new(name), value.clone())).collect(),
    });
    for child in &config.routes {
        push_route(routes, place, child);
    }
}

fn matchers(matchers: &Matchers) -> Vec<MatcherDefinition> {
    matchers.as_slice().iter().map(MatcherDefinition::from).collect()
}

fn receiver(config: &ReceiverConfig) -> Receiver {
    let integrations = config.integrations.iter().map(|integration| Integration {
        kind: Arc::from(integration.kind),
        index: integration.index,
        send_resolved: integration.send_resolved,
    });
    Receiver { name: Arc::from(config.name.as_str()), integrations: integrations.collect() }
}

fn inhibit_rule(config: &InhibitRuleConfig) -> InhibitRuleDefinition {
    InhibitRuleDefinition {
        name: config.name.clone(),
        source_matchers: matchers(&config.source_matchers),
        target_matchers: matchers(&config.target_matchers),
        equal: config.equal.iter().map(SmolStr::new).collect(),
    }
}

fn named_interval(config: &alertmanager::NamedTimeInterval) -> NamedTimeInterval {
    NamedTimeInterval {
        name: Arc::from(config.name.as_str()),
        intervals: config.time_intervals.iter().map(time_interval).collect(),
    }
}

fn time_interval(config: &alertmanager::TimeInterval) -> TimeInterval {
    let ranges = |list: &Option<Vec<alertmanager::InclusiveRange>>| {
        let list = list.as_ref()?;
        Some(list.iter().map(|range| Range { begin: range.begin, end: range.end }).collect::<Vec<_>>())
    };
    let times = config.times.as_ref().map(|times| {
        times.iter().map(|range| TimeRange { start: range.start, end: range.end }).collect::<Vec<_>>()
    });
    TimeInterval {
        times,
        weekdays: ranges(&config.weekdays),
        days_of_month: ranges(&config.days_of_month),
        months: ranges(&config.months),
        years: ranges(&config.years),
        location: config.location.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::engine::Plan;
    use crate::model::{LabelSet, MatcherMode};

    const FILE: &str = "
route:
  receiver: ops
  group_by: [alertname, cluster]
  routes:
    - matchers: ['team=\"db\"']
      receiver: db
      group_by: ['...']
      group_wait: 0s
      mute_time_intervals: [nights]
      continue: true
      routes:
        - match_re: {severity: 'critical|page'}
          receiver: pager
    - {matchers: ['team=web'], group_interval: 1m}
inhibit_rules:
  - {source_matchers: ['severity=critical'], target_matchers: ['severity=warning'], equal: [cluster]}
receivers:
  - {name: ops}
  - name: db
    webhook_configs: [{url: 'http://a/'}, {url: 'http://b/', send_resolved: false}]
  - {name: pager, webhook_configs: [{url: 'http://c/'}]}
mute_time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: '20:00', end_time: '24:00'}], weekdays: ['monday:friday']}]
";

    #[test]
    fn a_file_becomes_a_plan() {
        let file = AlertmanagerFile::parse(Path::new("am.yml"), FILE, MatcherMode::default()).unwrap();
        let plan = Plan::new(PlanDefinition::from_config(&file, Options::default())).unwrap();
        let labels = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<LabelSet>();
        let receivers = |pairs: &[(&str, &str)]| {
            plan.receivers_of(&labels(pairs)).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(receivers(&[("team", "none")]), ["ops"]);
        assert_eq!(receivers(&[("team", "db")]), ["db"]);
        assert_eq!(receivers(&[("team", "db"), ("severity", "page")]), ["pager"]);
        let routes: Vec<_> =
            plan.routes.iter().map(|route| (route.key.to_string(), &route.options)).collect();
        assert_eq!(routes[2].0, "{}/{team=\"db\"}/{severity=~\"^(?:critical|page)$\"}");
        assert_eq!(routes[2].1.group_by, GroupBy::All);
        assert_eq!(routes[1].1.group_wait, Duration::ZERO);
        assert_eq!(routes[3].1.group_interval, Duration::from_secs(60));
        assert_eq!(routes[1].1.mute_time_intervals, [Arc::from("nights")]);
        let wanted = plan.receiver("db").unwrap().integrations.iter();
        let wanted: Vec<_> = wanted.map(|(id, resolved)| (id.to_string(), *resolved)).collect();
        assert_eq!(wanted, [("db/webhook/0".to_owned(), true), ("db/webhook/1".to_owned(), false)]);
        let decoded = Plan::decode(&plan.encode()).unwrap();
        assert_eq!(decoded, *plan.definition());
    }
}
