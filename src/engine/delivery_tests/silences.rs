//! The store of silences.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sim::{START as NOW, labels, secs, silence_matcher};
use crate::engine::{Options, SilenceError, SilenceQuery, Silences, check_times, validate};
use crate::model::{MatchType, Silence, SilenceMatcher, SilenceState, Timestamp};

fn silence(matchers: &[&str], starts: i64, ends: i64) -> Silence {
    Silence {
        id: "".into(),
        matcher_sets: vec![matchers.iter().map(|text| silence_matcher(text)).collect()],
        starts_at: after(starts),
        ends_at: after(ends),
        updated_at: Timestamp::ZERO,
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
        annotations: BTreeMap::new(),
        wire: None,
    }
}

fn after(seconds: i64) -> Timestamp {
    if seconds < 0 { NOW - secs(seconds.unsigned_abs()) } else { NOW + secs(seconds.unsigned_abs()) }
}

/// A silence as somebody else made it.
fn merged(silences: &mut Silences, id: &str, starts: i64, ends: i64) {
    let other = Silence { id: id.into(), updated_at: after(-9000), ..silence(&["a=b"], starts, ends) };
    assert!(silences.merge(other, after(ends) + secs(3600), NOW));
}

fn set(silences: &mut Silences, silence: Silence, new_id: &str) -> Result<Vec<String>, SilenceError> {
    let change = silences.set(silence, new_id.into(), NOW, &Options::default())?;
    assert!(change.changed.iter().all(|version| silences.get(&version.id) == Some(version)));
    Ok(std::iter::once(&change.id)
        .chain(change.changed.iter().map(|silence| &silence.id))
        .map(ToString::to_string)
        .collect())
}

#[test]
fn states_include_both_bounds() {
    let silence = silence(&["a=b"], 10, 20);
    let states = [9, 10, 20, 21].map(|at| silence.state_at(after(at)));
    use SilenceState::{Active, Expired, Pending};
    assert_eq!(states, [Pending, Active, Active, Expired]);
    assert_eq!(silence.shown_state_at(after(20)), Expired, "as API v2 shows it");
}

#[test]
fn says_what_is_wrong_in_upstreams_words() {
    let valid = silence(&["a=b"], 0, 10);
    let with = |matchers: &[(&str, MatchType, &str)]| Silence {
        matcher_sets: vec![
            matchers
                .iter()
                .map(|(name, kind, value)| SilenceMatcher {
                    kind: *kind,
                    name: (*name).into(),
                    value: (*value).into(),
                })
                .collect(),
        ],
        ..valid.clone()
    };
    use MatchType::{Equal, NotEqual, Regex};
    let cases = [
        (valid.clone(), ""),
        (Silence { matcher_sets: vec![], ..valid.clone() }, "at least one matcher set required"),
        (Silence { matcher_sets: vec![vec![]], ..valid.clone() }, "matcher set 0 is empty"),
        (
            with(&[("a", Equal, "b"), ("", Equal, "x")]),
            "invalid label matcher 1 in set 0: invalid label name \"\"",
        ),
        (
            with(&[("a", Regex, "(")]),
            "invalid label matcher 0 in set 0: invalid regular expression \"(\": error parsing regexp: \
             missing closing ): `(`",
        ),
        (
            with(&[("a", Equal, ""), ("b", Regex, ".*")]),
            "matcher set 0: at least one matcher must not match the empty string",
        ),
        (with(&[("a", NotEqual, "x")]), ""),
        (with(&[("a", Regex, "x")]), ""),
        (Silence { starts_at: Timestamp::ZERO, ..valid.clone() }, "invalid zero start timestamp"),
        (Silence { ends_at: Timestamp::ZERO, ..valid.clone() }, "invalid zero end timestamp"),
        (Silence { ends_at: after(-1), ..valid.clone() }, "end time must not be before start time"),
    ];
    for (silence, expected) in cases {
        assert_eq!(validate(&silence, false).err().unwrap_or_default(), expected, "{silence:?}");
    }
    let unicode = with(&[("fo\u{3a3}", Equal, "b")]);
    assert_eq!(validate(&unicode, false), Ok(()));
    assert!(validate(&unicode, true).unwrap_err().contains("invalid label name"));
    assert_eq!(check_times(&silence(&["a=b"], 5, 5), NOW), Err(SilenceError::StartAfterEnd));
    assert_eq!(check_times(&silence(&["a=b"], -5, -1), NOW), Err(SilenceError::EndInPast));
    assert_eq!(check_times(&silence(&["a=b"], -5, 1), NOW), Ok(()));
}

#[test]
fn changes_in_place_only_what_rewrites_no_history() {
    // Start and end of the old one, then of the new one; whether the new one takes its place.
    let cases = [
        ((-3600, -1), (0, 1), false),
        ((3600, 7200), (-60, 3600), false),
        ((3600, 7200), (60, 61), true),
        ((3600, 7200), (0, 7200), true),
        ((-3600, 7200), (-60, 7200), false),
        ((-3600, 7200), (-3600, 0), true),
        ((-3600, 7200), (-3600, 10800), true),
    ];
    for ((starts, ends), (new_starts, new_ends), in_place) in cases {
        let mut silences = Silences::default();
        merged(&mut silences, "old", starts, ends);
        let new = Silence { id: "old".into(), ..silence(&["a=b"], new_starts, new_ends) };
        let ids = set(&mut silences, new, "new").unwrap();
        let was_over = ends < 0;
        let expected: &[&str] = match (in_place, was_over) {
            (true, _) => &["old", "old"],
            (false, true) => &["new", "new"],
            (false, false) => &["new", "old", "new"],
        };
        assert_eq!(ids, expected, "{starts}..{ends} to {new_starts}..{new_ends}");
        if !in_place {
            assert_ne!(silences.get("old").unwrap().state_at(NOW + secs(1)), SilenceState::Active);
            assert!(silences.get("new").unwrap().starts_at >= NOW);
        }
    }
    let mut silences = Silences::default();
    merged(&mut silences, "old", -3600, 7200);
    let other_matchers = Silence { id: "old".into(), ..silence(&["a=c"], -3600, 7200) };
    assert_eq!(set(&mut silences, other_matchers, "new").unwrap(), ["new", "old", "new"]);
    let unknown = Silence { id: "lost".into(), ..silence(&["a=c"], -3600, 7200) };
    assert_eq!(set(&mut silences, unknown, "new"), Err(SilenceError::NotFound));
}

#[test]
fn a_missing_start_is_now_and_an_early_one_is_raised() {
    let mut silences = Silences::default();
    set(&mut silences, Silence { starts_at: Timestamp::ZERO, ..silence(&["a=b"], 0, 10) }, "x").unwrap();
    set(&mut silences, silence(&["a=b"], -100, 10), "y").unwrap();
    set(&mut silences, silence(&["a=b"], 5, 10), "z").unwrap();
    let starts = ["x", "y", "z"].map(|id| silences.get(id).unwrap().starts_at);
    assert_eq!(starts, [NOW, NOW, after(5)]);
    assert_eq!(silences.get("x").unwrap().updated_at, NOW);
}

#[test]
fn ends_active_and_pending_ones_now() {
    let mut silences = Silences::default();
    merged(&mut silences, "active", -10, 10);
    merged(&mut silences, "pending", 5, 10);
    merged(&mut silences, "expired", -10, -5);
    for (id, changes, bounds) in [("active", 1, (-10, 0)), ("pending", 1, (0, 0)), ("expired", 0, (-10, -5))]
    {
        let change = silences.expire(id, NOW, secs(60)).unwrap();
        assert_eq!(change.changed.len(), changes, "{id}");
        let silence = silences.get(id).unwrap();
        assert_eq!((silence.starts_at, silence.ends_at), (after(bounds.0), after(bounds.1)), "{id}");
    }
    assert_eq!(silences.expire("lost", NOW, secs(60)), Err(SilenceError::NotFound));
}

#[test]
fn the_later_version_wins_wherever_it_comes_from() {
    let mut silences = Silences::default();
    let version = |updated: i64, ends: i64| Silence {
        id: "x".into(),
        updated_at: after(updated),
        ..silence(&["a=b"], -10, ends)
    };
    assert!(silences.merge(version(-5, 10), after(100), NOW));
    assert!(!silences.merge(version(-5, 20), after(100), NOW), "an equal one keeps the old");
    assert!(!silences.merge(version(-6, 20), after(100), NOW));
    assert!(silences.merge(version(-4, 20), after(100), NOW));
    assert!(!silences.merge(version(-3, 30), after(-1), NOW), "one past its retention is ignored");
    assert_eq!(silences.get("x").unwrap().ends_at, after(20));
    // A peer's clock is ahead: a local edit must win all the same.
    assert!(silences.merge(version(5000, 40), after(100), NOW));
    let change = silences.expire("x", NOW, secs(60)).unwrap();
    assert_eq!(change.changed.len(), 1);
    assert_eq!(silences.get("x").unwrap().ends_at, NOW);
}

#[test]
fn limits_count_expired_ones_and_bytes() {
    let options = Options { max_silences: 1, ..Options::default() };
    let mut silences = Silences::default();
    merged(&mut silences, "old", -10, -5);
    let refused = silences.set(silence(&["a=b"], 0, 10), "new".into(), NOW, &options).unwrap_err();
    assert_eq!(refused.to_string(), "exceeded maximum number of silences: 1 (limit: 1)");
    let options = Options { max_silence_size_bytes: 100, ..Options::default() };
    let mut large = silence(&["a=b"], 0, 10);
    large.comment = "x".repeat(200);
    let refused = silences.set(large, "new".into(), NOW, &options).unwrap_err();
    // id 5, times 3 × 8, creator 4, comment 203, matcher set 10: 246 with 2 × 3 of framing and the expiry.
    assert!(
        refused.to_string().starts_with("silence exceeded maximum size: 2")
            && refused.to_string().ends_with(" bytes (limit: 100 bytes)"),
        "{refused}"
    );
    assert_eq!(silences.len(), 1, "nothing was changed");
}

#[test]
fn sets_are_alternatives_and_matchers_conditions() {
    let mut silences = Silences::default();
    let mut both = silence(&["a=1", "b=~2.*"], -1, 10);
    both.matcher_sets.push(vec![silence_matcher("c!=3"), silence_matcher("d=4")]);
    set(&mut silences, both, "x").unwrap();
    let mut scratch = Vec::new();
    let mut mutes = |pairs: &[(&str, &str)]| {
        let set = labels(pairs);
        let muted = silences.mutes(&set, NOW, &mut scratch);
        assert_eq!(silences.muting(&set, NOW).len(), usize::from(muted));
        muted
    };
    assert!(mutes(&[("a", "1"), ("b", "22")]));
    assert!(!mutes(&[("a", "1")]));
    assert!(mutes(&[("d", "4")]));
    assert!(!mutes(&[("d", "4"), ("c", "3")]));
}

#[test]
fn a_silence_that_does_not_compile_is_kept_and_silences_nothing() {
    let mut silences = Silences::default();
    let mut poison = Silence { id: "x".into(), updated_at: NOW, ..silence(&["a=b"], -1, 10) };
    poison.matcher_sets[0].push(SilenceMatcher {
        kind: MatchType::Regex,
        name: "c".into(),
        value: "(".into(),
    });
    assert!(silences.merge(poison, after(100), NOW));
    assert_eq!(silences.compile_errors, 1);
    assert!(silences.muting(&labels(&[("a", "b"), ("c", "(")]), NOW).is_empty());
    assert_eq!(silences.iter().count(), 1);
}

#[test]
fn lists_active_then_pending_then_expired_ones() {
    let mut silences = Silences::default();
    for (id, starts, ends) in
        [("e1", -9, -5), ("e2", -9, -3), ("p2", 8, 9), ("p1", 5, 20), ("a2", -1, 30), ("a1", -1, 10)]
    {
        merged(&mut silences, id, starts, ends);
    }
    let ids = |query: &SilenceQuery| -> Vec<String> {
        silences.query(query, NOW).iter().map(|silence| silence.id.to_string()).collect()
    };
    assert_eq!(ids(&SilenceQuery::default()), ["a1", "a2", "p1", "p2", "e2", "e1"]);
    let pending = SilenceQuery { states: vec![SilenceState::Pending], ..SilenceQuery::default() };
    assert_eq!(ids(&pending), ["p1", "p2"]);
    let matchers = |texts: &[&str]| SilenceQuery {
        matchers: texts.iter().map(|text| silence_matcher(text)).collect(),
        ..SilenceQuery::default()
    };
    assert_eq!(ids(&matchers(&["a=b"])).len(), 6);
    assert_eq!(ids(&matchers(&["a=~b"])), Vec::<String>::new(), "compared as text, not evaluated");
    let by_id = SilenceQuery { ids: Some(vec!["e1".into(), "lost".into()]), ..SilenceQuery::default() };
    assert_eq!(ids(&by_id), ["e1"]);
}

#[test]
fn what_is_past_its_retention_leaves_with_its_index() {
    let mut silences = Silences::default();
    merged(&mut silences, "x", -10, 10);
    assert_eq!(silences.gc(after(10) + secs(3600) - Duration::from_nanos(1)), 0);
    assert_eq!(silences.gc(after(10) + secs(3600)), 1);
    assert!(silences.get("x").is_none() && silences.is_empty());
    assert!(silences.muting(&labels(&[("a", "b")]), NOW).is_empty());
}
