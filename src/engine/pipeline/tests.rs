use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::dedup::{Candidate, dedup};
use super::{inhibit, retry, set_notifies, settle, silence, time_active, time_mute, wait};
use crate::engine::flush::{Flush, FlushAlert, Phase};
use crate::engine::{
    Cluster, GroupMarker, InhibitRuleDefinition, Inhibitor, Integration, MatcherDefinition,
    NamedTimeInterval, Nflog, Options, Plan, PlanDefinition, Receiver, RouteDefinition, Silences,
    TimeInterval, TimeRange, alert_hash,
};
use crate::model::{
    Alert, AlertId, DeliveryId, IntegrationId, LabelSet, LogEntry, MatchType, NotificationReason,
    ReceiverValue, Silence, SilenceMatcher, Timestamp,
};

const NOW: Timestamp = Timestamp::from_unix(1_767_700_800, 0);

fn entry(firing: &[u64], resolved: &[u64], minutes_ago: u64) -> LogEntry {
    LogEntry {
        timestamp: NOW - Duration::from_mins(minutes_ago),
        expires_at: NOW,
        firing: firing.into(),
        resolved: resolved.into(),
        receiver_data: None,
        from_peer: false,
    }
}

#[test]
fn dedup_compares_with_what_was_told() {
    use NotificationReason::{
        AllAlertsResolved, FirstNotification, NewAlertsAdded, RepeatIntervalElapsed, SomeAlertsResolved,
    };
    let nothing = NotificationReason::None;
    let ten = Duration::from_mins(10);
    let cases = [
        (None, &[2, 3, 4][..], &[][..], true, FirstNotification),
        (None, &[], &[2, 3, 4], true, nothing),
        (Some(entry(&[1, 2, 3], &[], 0)), &[2, 3, 4], &[], true, NewAlertsAdded),
        (Some(entry(&[], &[1], 0)), &[1], &[], true, FirstNotification),
        (Some(entry(&[1, 2, 3], &[], 9)), &[1, 2, 3], &[], true, nothing),
        (Some(entry(&[1, 2, 3], &[], 10)), &[1, 2, 3], &[], true, nothing),
        (Some(entry(&[1, 2, 3], &[], 11)), &[1, 2, 3], &[], true, RepeatIntervalElapsed),
        (Some(entry(&[1, 2, 3], &[], 9)), &[1, 2], &[], true, nothing),
        (Some(entry(&[], &[1, 2, 3], 11)), &[], &[3, 4, 5], true, nothing),
        (Some(entry(&[1, 2], &[3], 9)), &[1], &[2, 3], false, nothing),
        (Some(entry(&[1, 2], &[3], 9)), &[1], &[2, 3], true, SomeAlertsResolved),
        (Some(entry(&[1, 2], &[3], 9)), &[1], &[3], true, nothing),
        (Some(entry(&[1, 2], &[3], 9)), &[], &[1, 2, 3], false, AllAlertsResolved),
        (Some(entry(&[1, 2], &[3], 9)), &[], &[1, 2, 3], true, AllAlertsResolved),
    ];
    for (entry, firing, resolved, send_resolved, reason) in cases {
        let candidate = Candidate { firing, resolved, send_resolved, repeat_interval: ten };
        assert_eq!(dedup(entry.as_ref(), candidate, NOW), reason, "{entry:?} {candidate:?}");
    }
}

#[test]
fn large_lists_are_compared_as_sets() {
    let many: Vec<u64> = (0..1000).collect();
    let candidate = Candidate {
        firing: &many[1..],
        resolved: &[],
        send_resolved: true,
        repeat_interval: Duration::from_mins(10),
    };
    assert_eq!(dedup(Some(&entry(&many, &[], 1)), candidate, NOW), NotificationReason::None);
    assert_eq!(dedup(Some(&entry(&many[2..], &[], 1)), candidate, NOW), NotificationReason::NewAlertsAdded);
}

#[test]
fn attempts_are_made_ever_more_slowly_and_never_at_the_same_time() {
    let mut nominal = 0.5;
    for attempt in 1..30 {
        let seconds = retry::back_off(DeliveryId(7), attempt).as_secs_f64();
        assert!(seconds >= nominal * 0.499 && seconds <= nominal * 1.501, "{attempt}: {seconds}");
        nominal = (nominal * 1.5_f64).min(60.0);
    }
    assert_eq!(retry::back_off(DeliveryId(7), 3), retry::back_off(DeliveryId(7), 3));
    assert_ne!(retry::back_off(DeliveryId(7), 3), retry::back_off(DeliveryId(8), 3));
}

#[test]
fn each_peer_waits_for_those_before_it() {
    let at = |position| wait::wait(Cluster { position, settled: true }, Duration::from_secs(15));
    assert_eq!([at(0), at(1), at(2)].map(|wait| wait.as_secs()), [0, 15, 30]);
    assert!(settle::settle(Cluster::default()));
    assert!(!settle::settle(Cluster { position: 0, settled: false }));
}

#[test]
fn the_log_entry_lives_for_two_repeats_but_no_longer_than_the_retention() {
    let (plan, _) = world();
    let data = Arc::new([("thread".to_owned(), ReceiverValue::Text("1".to_owned()))].into());
    let mut nflog = Nflog::default();
    let key: Arc<str> = Arc::from("{}:{}");
    let integration = IntegrationId { receiver: Arc::from("team"), kind: Arc::from("webhook"), index: 0 };
    let flush = flush(&plan, &["a", "-b"]);
    for (retention_hours, kept_hours) in [(120, 8), (1, 1)] {
        let retention = Duration::from_hours(retention_hours);
        let data = Some(Arc::clone(&data));
        let (_, entry) =
            set_notifies::set_notifies(&mut nflog, &key, &integration, &flush, data, NOW, retention);
        assert_eq!(entry.expires_at, NOW + Duration::from_hours(kept_hours));
        assert_eq!(entry.firing[..], [alert_hash(&labels("a"))]);
        assert_eq!(entry.resolved[..], [alert_hash(&labels("b"))]);
        assert_eq!(entry.receiver_data.as_ref().map(|data| data.len()), Some(1));
    }
    // The second was written at the same time as the first, and is newer all the same.
    assert_eq!(nflog.len(), 1);
    assert!(nflog.get(&key, &integration).is_some_and(|entry| entry.timestamp > NOW));
}

#[test]
fn a_notification_on_its_way_through_all_stages() {
    let (plan, mut silences) = world();
    let mut inhibitor = Inhibitor::new(&plan);
    let mut flush =
        flush(&plan, &["a", "inhibited", "-inhibited-too", "silenced", "-silenced-too", "source", "-z"]);
    for alert in &flush.alerts {
        inhibitor.update(&plan, alert.id, &alert.alert);
    }
    let mut marker = GroupMarker::default();
    let mut story = String::new();
    let options = Arc::clone(&flush.options);
    let alerts = &mut flush.alerts;
    tell(&mut story, "begin", alerts);
    writeln!(story, "settle: {}", settle::settle(Cluster::default())).unwrap();
    inhibit::inhibit(alerts, &inhibitor, &plan, NOW);
    tell(&mut story, "inhibit", alerts);
    time_active::time_active(alerts, &options, &plan.time_intervals, &mut marker, NOW);
    tell(&mut story, "time active", alerts);
    time_mute::time_mute(alerts, &options, &plan.time_intervals, &mut marker, NOW);
    tell(&mut story, "time mute", alerts);
    silence::silence(alerts, &mut silences, NOW);
    tell(&mut story, "silence", alerts);
    let second = Cluster { position: 1, settled: true };
    writeln!(story, "wait: {:?}", wait::wait(second, Duration::from_secs(15))).unwrap();
    let (firing, resolved) = flush.hashes();
    let candidate = Candidate {
        firing: &firing,
        resolved: &resolved,
        send_resolved: true,
        repeat_interval: options.repeat_interval,
    };
    let known = entry(&[alert_hash(&labels("a")), alert_hash(&labels("z"))], &[], 1);
    let reason = dedup(Some(&known), candidate, NOW);
    writeln!(story, "dedup: {}", reason.as_str()).unwrap();
    for send_resolved in [true, false] {
        let sent = retry::to_send(flush.kept(), send_resolved);
        let names: Vec<&str> = sent.iter().map(|alert| alert.name()).collect();
        writeln!(story, "retry (send_resolved {send_resolved}): {names:?}").unwrap();
    }
    insta::assert_snapshot!(story, @r#"
    begin: keeps a inhibited -inhibited-too silenced -silenced-too source -z
    settle: true
    inhibit: keeps a silenced -silenced-too source -z; drops inhibited (inhibition), inhibited-too (inhibition)
    time active: keeps a silenced -silenced-too source -z; drops inhibited (inhibition), inhibited-too (inhibition)
    time mute: keeps a silenced -silenced-too source -z; drops inhibited (inhibition), inhibited-too (inhibition)
    silence: keeps a source -z; drops inhibited (inhibition), inhibited-too (inhibition), silenced (silence), silenced-too (silence)
    wait: 15s
    dedup: new alerts added
    retry (send_resolved true): ["a", "source", "z"]
    retry (send_resolved false): ["a", "source"]
    "#);
}

fn tell(story: &mut String, stage: &str, alerts: &[FlushAlert]) {
    let kept: Vec<String> = alerts
        .iter()
        .filter(|alert| alert.muted.is_none())
        .map(|alert| format!("{}{}", if alert.resolved { "-" } else { "" }, alert.alert.name()))
        .collect();
    let dropped: Vec<String> = alerts
        .iter()
        .filter_map(|alert| Some((alert.muted?, alert.alert.name())))
        .map(|(reason, name)| format!("{name} ({})", crate::model::Outcome::Suppressed(reason).reason()))
        .collect();
    let drops = if dropped.is_empty() { String::new() } else { format!("; drops {}", dropped.join(", ")) };
    writeln!(story, "{stage}: keeps {}{drops}", kept.join(" ")).unwrap();
}

fn labels(name: &str) -> LabelSet {
    LabelSet::from_iter([("alertname", name)])
}

/// A plan that inhibits and knows time intervals, and silences.
fn world() -> (Plan, Silences) {
    let matcher = |op: &str, value: &str| MatcherDefinition {
        name: "alertname".to_owned(),
        op: op.to_owned(),
        value: value.to_owned(),
    };
    let interval = |name: &str, start, end| NamedTimeInterval {
        name: Arc::from(name),
        intervals: vec![TimeInterval {
            times: Some(vec![TimeRange { start, end }]),
            ..TimeInterval::default()
        }],
    };
    let child = RouteDefinition {
        active_time_intervals: vec![Arc::from("day")],
        mute_time_intervals: vec![Arc::from("night")],
        ..RouteDefinition::default()
    };
    let root = RouteDefinition { receiver: Some(Arc::from("team")), ..RouteDefinition::default() };
    let webhook = Integration { kind: Arc::from("webhook"), index: 0, send_resolved: true };
    let definition = PlanDefinition {
        routes: vec![root, child],
        receivers: vec![Receiver { name: Arc::from("team"), integrations: vec![webhook] }],
        inhibit_rules: vec![InhibitRuleDefinition {
            source_matchers: vec![matcher("=", "source")],
            target_matchers: vec![matcher("=~", "inhibited.*")],
            ..InhibitRuleDefinition::default()
        }],
        time_intervals: vec![interval("day", 6 * 60, 20 * 60), interval("night", 0, 6 * 60)],
        options: Options::default(),
    };
    let mut silences = Silences::default();
    let silence = Silence {
        id: "one".into(),
        matcher_sets: vec![vec![SilenceMatcher {
            kind: MatchType::Regex,
            name: "alertname".into(),
            value: "silenced.*".into(),
        }]],
        starts_at: NOW - Duration::from_mins(1),
        ends_at: NOW + Duration::from_mins(1),
        updated_at: NOW,
        created_by: String::new(),
        comment: String::new(),
        annotations: std::collections::BTreeMap::new(),
        wire: None,
    };
    assert!(silences.merge(silence, NOW + Duration::from_hours(1), NOW));
    (Plan::new(definition).unwrap(), silences)
}

/// A flush of alerts with these names; a minus says that one has ended.
fn flush(plan: &Plan, names: &[&str]) -> Flush {
    let alerts = (1..).zip(names).map(|(id, name)| {
        let (resolved, name) = name.strip_prefix('-').map_or((false, *name), |name| (true, name));
        let labels = labels(name);
        let hash = alert_hash(&labels);
        let ends_at = if resolved { NOW } else { NOW + Duration::from_mins(5) };
        let alert = Arc::new(Alert {
            labels,
            annotations: LabelSet::default(),
            starts_at: NOW - Duration::from_mins(5),
            ends_at,
            updated_at: NOW,
            generator_url: Arc::from(""),
            timeout: false,
        });
        FlushAlert { id: AlertId(id), alert, hash, resolved, told: false, pending: 0, muted: None }
    });
    Flush {
        at: NOW,
        deadline: NOW + Duration::from_mins(5),
        phase: Phase::Notifying,
        options: Arc::clone(&plan.routes.get(1).unwrap().options),
        alerts: alerts.collect(),
        runs: Vec::new(),
    }
}
