//! The routing tree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::sim::{labels, matcher, plan, root, secs};
use crate::engine::{GroupBy, Plan, PlanError, RouteDefinition, RouteTree, group_key};

fn child(parent: usize, matchers: &[&str], receiver: Option<&str>) -> RouteDefinition {
    RouteDefinition {
        parent,
        matchers: matchers.iter().map(|text| matcher(text)).collect(),
        receiver: receiver.map(Arc::from),
        ..RouteDefinition::default()
    }
}

fn by(names: &[&str]) -> Option<GroupBy> {
    Some(GroupBy::Labels(names.iter().map(|name| (*name).into()).collect()))
}

fn tree() -> RouteTree {
    let plain_root =
        RouteDefinition { receiver: Some(Arc::from("notify-def")), ..RouteDefinition::default() };
    let definitions = vec![
        plain_root,
        child(0, &["owner=team-A"], Some("notify-A")),
        RouteDefinition {
            group_by: Some(GroupBy::All),
            ..child(1, &["env=testing"], Some("notify-testing"))
        },
        RouteDefinition {
            group_wait: Some(secs(60)),
            continues: true,
            ..child(1, &["env=production"], Some("notify-productionA"))
        },
        RouteDefinition {
            group_wait: Some(secs(30)),
            group_interval: Some(secs(300)),
            repeat_interval: Some(secs(3600)),
            group_by: by(&["job"]),
            ..child(1, &["job=~^(?:.*)$", "env=~^(?:produ.*)$"], Some("notify-productionB"))
        },
        RouteDefinition {
            group_by: by(&["foo", "bar"]),
            group_wait: Some(secs(120)),
            ..child(0, &["owner=~^(?:team-(B|C))$"], Some("notify-BC"))
        },
        RouteDefinition { group_by: by(&["role"]), ..child(0, &["group_by=role"], None) },
        child(6, &["env=testing"], Some("notify-testing")),
        RouteDefinition { group_wait: Some(secs(120)), ..child(7, &["wait=long"], None) },
    ];
    RouteTree::new(&definitions).unwrap()
}

#[test]
fn finds_the_nodes_depth_first_and_from_left_to_right() {
    let tree = tree();
    let a = "{}/{owner=\"team-A\"}";
    let role = "{}/{group_by=\"role\"}";
    type Case<'a> = (&'a [(&'a str, &'a str)], Vec<(String, &'a str, u64)>);
    let cases: [Case<'_>; 8] = [
        (&[("owner", "team-A")], vec![(a.to_owned(), "notify-A", 30)]),
        (&[("owner", "team-A"), ("env", "unset")], vec![(a.to_owned(), "notify-A", 30)]),
        (&[("owner", "team-C")], vec![("{}/{owner=~\"^(?:team-(B|C))$\"}".to_owned(), "notify-BC", 120)]),
        (
            &[("owner", "team-A"), ("env", "testing")],
            vec![(format!("{a}/{{env=\"testing\"}}"), "notify-testing", 30)],
        ),
        (
            &[("owner", "team-A"), ("env", "production")],
            vec![
                (format!("{a}/{{env=\"production\"}}"), "notify-productionA", 60),
                (format!("{a}/{{env=~\"^(?:produ.*)$\",job=~\"^(?:.*)$\"}}"), "notify-productionB", 30),
            ],
        ),
        (&[("group_by", "role")], vec![(role.to_owned(), "notify-def", 30)]),
        (
            &[("group_by", "role"), ("env", "testing"), ("wait", "long")],
            vec![(format!("{role}/{{env=\"testing\"}}/{{wait=\"long\"}}"), "notify-testing", 120)],
        ),
        (&[("owner", "nobody")], vec![("{}".to_owned(), "notify-def", 30)]),
    ];
    for (pairs, expected) in cases {
        let found: Vec<(String, &str, u64)> = tree
            .matching(&labels(pairs))
            .into_iter()
            .filter_map(|place| tree.get(place))
            .map(|route| {
                let options = &route.options;
                (route.key.to_string(), &*options.receiver, options.group_wait.as_secs())
            })
            .collect();
        assert_eq!(found, expected, "{pairs:?}");
    }
}

#[test]
fn children_inherit_what_they_do_not_say() {
    let tree = tree();
    let options: Vec<&GroupBy> = tree.iter().map(|route| &route.options.group_by).collect();
    assert_eq!(*options[0], GroupBy::Labels(Vec::new()));
    assert_eq!(*options[2], GroupBy::All);
    assert_eq!(*options[8], GroupBy::Labels(vec!["role".into()]));

    let all = RouteDefinition { group_by: Some(GroupBy::All), ..root(&[]) };
    let definitions = [
        all,
        child(0, &["a=1"], None),
        RouteDefinition { group_by: by(&[]), ..child(0, &["a=2"], None) },
        RouteDefinition { group_by: by(&["b"]), ..child(0, &["a=3"], None) },
    ];
    let tree = RouteTree::new(&definitions).unwrap();
    let group_by: Vec<GroupBy> = tree.iter().map(|route| route.options.group_by.clone()).collect();
    let labels = |names: &[&str]| GroupBy::Labels(names.iter().map(|name| (*name).into()).collect());
    assert_eq!(group_by, [GroupBy::All, GroupBy::All, labels(&[]), labels(&["b"])]);
}

#[test]
fn time_intervals_are_not_inherited_and_labels_are_merged() {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<_, String> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())).collect()
    };
    let definitions = [
        RouteDefinition {
            labels: pairs(&[("team", "a"), ("tier", "1")]),
            active_time_intervals: Vec::new(),
            ..root(&[])
        },
        RouteDefinition {
            labels: pairs(&[("tier", "2")]),
            mute_time_intervals: vec![Arc::from("night")],
            ..child(0, &["a=1"], None)
        },
        child(1, &["b=1"], None),
    ];
    let tree = RouteTree::new(&definitions).unwrap();
    let last = &tree.get(2).unwrap().options;
    assert!(last.mute_time_intervals.is_empty());
    assert_eq!(*last.labels, pairs(&[("team", "a"), ("tier", "2")]));
}

#[test]
fn ids_say_the_place_among_the_siblings() {
    let definitions = [
        root(&[]),
        child(0, &["foo=bar"], None),
        child(1, &["bar=baz"], None),
        child(0, &["foo=bar"], None),
        child(3, &["bar=baz"], None),
        child(3, &["qux=corge"], None),
        child(0, &["corge!~[0-9]+", "a!=b"], None),
    ];
    let tree = RouteTree::new(&definitions).unwrap();
    let ids: Vec<&str> = tree.iter().map(|route| &*route.id).collect();
    assert_eq!(
        ids,
        [
            "{}",
            "{}/{foo=\"bar\"}/0",
            "{}/{foo=\"bar\"}/0/{bar=\"baz\"}/0",
            "{}/{foo=\"bar\"}/1",
            "{}/{foo=\"bar\"}/1/{bar=\"baz\"}/0",
            "{}/{foo=\"bar\"}/1/{qux=\"corge\"}/1",
            "{}/{a!=\"b\",corge!~\"[0-9]+\"}/2",
        ]
    );
}

#[test]
fn group_keys_are_upstreams_to_the_byte() {
    let set = labels(&[("job", "y\t\"\u{1F642}\""), ("alertname", "X")]);
    assert_eq!(
        group_key("{}/{severity=\"critical\"}", &set),
        "{}/{severity=\"critical\"}:{alertname=\"X\", job=\"y\\t\\\"\u{1F642}\\\"\"}"
    );
    assert_eq!(group_key("{}", &labels(&[])), "{}:{}");
}

#[test]
fn an_index_finds_what_trying_all_would() {
    let mut definitions = vec![root(&[])];
    for number in 0..2000 {
        let text = match number % 5 {
            0 => format!("service=s{number}"),
            1 => format!("service=~s{number}|t{number}"),
            2 => format!("host=~h{number}-.*"),
            3 => format!("team!=t{}", number % 3),
            _ => format!("zone=~.*-{number}"),
        };
        let second = format!("rank=~[0-9]*{}", number % 7);
        definitions.push(RouteDefinition { continues: number % 3 == 0, ..child(0, &[&text, &second], None) });
    }
    let tree = RouteTree::new(&definitions).unwrap();
    for number in 0..300 {
        let set = labels(&[
            ("service", &format!("{}{number}", if number % 2 == 0 { "s" } else { "t" })),
            ("host", &format!("h{number}-x")),
            ("zone", &format!("z-{number}")),
            ("team", &format!("t{}", number % 3)),
            ("rank", &(number % 9).to_string()),
        ]);
        let mut expected = Vec::new();
        for (place, route) in tree.iter().enumerate().skip(1) {
            if route.matchers.matches(&set) {
                expected.push(place);
                if !route.continues {
                    break;
                }
            }
        }
        if expected.is_empty() {
            expected.push(0);
        }
        assert_eq!(tree.matching(&set), expected, "{set:?}");
    }
}

#[test]
fn refuses_what_is_no_tree() {
    let fail = |routes: Vec<RouteDefinition>| Plan::new(plan(routes)).unwrap_err();
    assert_eq!(fail(vec![]).to_string(), "no routes provided");
    let nobody = RouteDefinition { receiver: None, ..root(&[]) };
    assert_eq!(fail(vec![nobody]).to_string(), "root route must specify a default receiver");
    let matching = RouteDefinition { matchers: vec![matcher("a=b")], ..root(&[]) };
    assert_eq!(fail(vec![matching]).to_string(), "root route must not have any matchers");
    let continuing = RouteDefinition { continues: true, ..root(&[]) };
    assert_eq!(fail(vec![continuing]).to_string(), "cannot have continue in root route");
    assert_eq!(
        fail(vec![root(&[]), child(0, &[], Some("lost"))]).to_string(),
        "undefined receiver \"lost\" used in route"
    );
    let muted = RouteDefinition { mute_time_intervals: vec![Arc::from("lost")], ..child(0, &[], None) };
    assert_eq!(fail(vec![root(&[]), muted]).to_string(), "undefined time interval \"lost\" used in route");
    assert_eq!(fail(vec![root(&[]), child(5, &[], None)]), PlanError::Order(1));
    let zero = RouteDefinition { group_interval: Some(Duration::ZERO), ..root(&[]) };
    assert_eq!(fail(vec![zero]).to_string(), "group_interval cannot be zero");
    let zero = RouteDefinition { repeat_interval: Some(Duration::ZERO), ..root(&[]) };
    assert_eq!(fail(vec![zero]).to_string(), "repeat_interval cannot be zero");
    let broken = child(0, &["a=~("], None);
    assert!(fail(vec![root(&[]), broken]).to_string().contains("missing closing )"));
}

#[test]
fn a_plan_survives_the_journal() {
    let mut definition = plan(vec![root(&["a", "b"]), child(0, &["x=~a|b", "y!=z"], None)]);
    definition.options.resolve_when_muted = true;
    let compiled = Plan::new(definition.clone()).unwrap();
    assert_eq!(Plan::decode(&compiled.encode()).unwrap(), definition);
}
