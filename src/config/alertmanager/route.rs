//! `route`: the tree that says who is notified.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::matchers::WrittenMatchers;
use crate::config::position::Position;
use crate::config::yaml::{Decode, Fields, Value};
use crate::model::{MatcherMode, Matchers, format_duration};

/// A node of the routing tree. What is `None` is inherited from the parent; the root has Alertmanager's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteConfig {
    /// `receiver`; the root has one.
    pub receiver: Option<Located<String>>,
    /// `group_by`.
    pub group_by: Option<GroupBy>,
    #[serde(rename = "match")]
    equal: BTreeMap<String, String>,
    #[serde(rename = "match_re")]
    regex: BTreeMap<String, Option<String>>,
    #[serde(rename = "matchers")]
    list: Vec<String>,
    /// `mute_time_intervals`: names of intervals in which the route is silent.
    pub mute_time_intervals: Vec<Located<String>>,
    /// `active_time_intervals`: names of intervals outside of which the route is silent.
    pub active_time_intervals: Vec<Located<String>>,
    /// `continue`: later siblings are tried as well.
    #[serde(rename = "continue", serialize_with = "crate::config::yaml::always")]
    pub continues: bool,
    /// `routes`, in the order in which they are tried.
    pub routes: Vec<Self>,
    /// `group_wait`, 30 seconds at the root.
    #[serde(serialize_with = "serialize_duration")]
    pub group_wait: Option<Duration>,
    /// `group_interval`, never zero; 5 minutes at the root.
    #[serde(serialize_with = "serialize_duration")]
    pub group_interval: Option<Duration>,
    /// `repeat_interval`, never zero; 4 hours at the root.
    #[serde(serialize_with = "serialize_duration")]
    pub repeat_interval: Option<Duration>,
    /// `labels`, merged with those of the parents; the values are templates.
    pub labels: BTreeMap<String, String>,
    /// What an alert must match: all of `match`, `match_re` and `matchers`, sorted.
    #[serde(skip)]
    pub matchers: Matchers,
    /// Where the route begins.
    #[serde(skip)]
    pub position: Position,
}

/// A value with its place, for faults that only the whole file shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub position: Position,
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// By which labels a route groups alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// By all (`['...']`).
    All,
    /// By these; by none, all alerts of the route are one group.
    Labels(Vec<String>),
}

impl Serialize for GroupBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => ["..."].serialize(serializer),
            Self::Labels(labels) => labels.serialize(serializer),
        }
    }
}

fn serialize_duration<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(format_duration).serialize(serializer)
}

/// Names that the tree uses and somebody else defines.
pub(super) struct Names<'n> {
    pub(super) receivers: &'n dyn Fn(&str) -> bool,
    pub(super) time_intervals: &'n dyn Fn(&str) -> bool,
}

impl RouteConfig {
    /// Reads the root route and checks what must not be in it.
    pub(super) fn decode_root(value: &Value<'_>, names: &Names<'_>, mode: MatcherMode) -> Option<Self> {
        value.fields(|fields| {
            let root = Self::decode(fields, names, mode);
            if root.receiver.is_none() {
                fields.value().fault("root route must specify a default receiver");
            }
            if !root.matchers.is_empty() {
                let message = "root route must not have any matchers";
                fields.fault_at(&["match", "match_re", "matchers"], message);
            }
            if !root.mute_time_intervals.is_empty() {
                let message = "root route must not have any mute time intervals";
                fields.fault_at(&["mute_time_intervals"], message);
            }
            if !root.active_time_intervals.is_empty() {
                let message = "root route must not have any active time intervals";
                fields.fault_at(&["active_time_intervals"], message);
            }
            if root.continues {
                fields.fault_at(&["continue"], "cannot have continue in root route");
            }
            root
        })
    }

    fn decode(fields: &mut Fields<'_>, names: &Names<'_>, mode: MatcherMode) -> Self {
        let receiver = fields.value_of("receiver").and_then(|value| {
            let name = if value.is_null() { None } else { String::decode(&value) }
                .filter(|name| !name.is_empty())?;
            if !(names.receivers)(&name) {
                value.fault(format!("undefined receiver {name:?} used in route"));
            }
            Some(Located { value: name, position: value.position() })
        });
        let matchers = WrittenMatchers::decode(fields, ["match", "match_re", "matchers"], mode);
        Self {
            receiver,
            group_by: GroupBy::decode(fields, mode),
            equal: matchers.equal,
            regex: matchers.regex,
            list: matchers.list,
            mute_time_intervals: interval_names(fields, "mute_time_intervals", names),
            active_time_intervals: interval_names(fields, "active_time_intervals", names),
            continues: fields.get_or_default("continue"),
            routes: fields.blocks("routes", |fields| Self::decode(fields, names, mode)),
            group_wait: fields.pointer("group_wait", None),
            group_interval: not_zero(fields, "group_interval"),
            repeat_interval: not_zero(fields, "repeat_interval"),
            labels: decode_labels(fields, mode),
            matchers: matchers.all,
            position: fields.position(),
        }
    }

    /// The route and all below it, parents before their children.
    pub fn walk(&self) -> impl Iterator<Item = &Self> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let route = waiting.pop()?;
            waiting.extend(route.routes.iter().rev());
            Some(route)
        })
    }
}

fn interval_names(fields: &mut Fields<'_>, key: &'static str, names: &Names<'_>) -> Vec<Located<String>> {
    let used = fields.items(key).into_iter().filter_map(|item| {
        let name = String::decode(&item)?;
        if !(names.time_intervals)(&name) {
            item.fault(format!("undefined time interval {name:?} used in route"));
        }
        Some(Located { value: name, position: item.position() })
    });
    used.collect()
}

fn not_zero(fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    let interval = fields.pointer(key, None);
    if interval.is_some_and(|interval: Duration| interval.is_zero()) {
        fields.fault_at_key(key, &format!("{key} cannot be zero"));
    }
    interval
}

fn decode_labels(fields: &mut Fields<'_>, mode: MatcherMode) -> BTreeMap<String, String> {
    let labels = fields.value_of("labels").map(|value| value.entries()).unwrap_or_default();
    let labels = labels.into_iter().filter_map(|(name, value)| {
        if !mode.is_label_name(name) {
            value.key_fault(format!("invalid label name {name:?} in route labels"));
        }
        let text = if value.is_null() { String::null() } else { String::decode(&value) };
        text.map(|text| (name.to_owned(), text))
    });
    labels.collect()
}

impl GroupBy {
    fn decode(fields: &mut Fields<'_>, mode: MatcherMode) -> Option<Self> {
        let value = fields.value_of("group_by").filter(|value| !value.is_null())?;
        let mut labels: Vec<String> = Vec::new();
        let mut all = false;
        for item in value.items() {
            let name = if item.is_null() { String::new() } else { String::decode(&item)? };
            if name == "..." {
                all = true;
                continue;
            }
            if !mode.is_label_name(&name) {
                item.fault(format!("invalid label name {name:?} in group_by list"));
            } else if labels.contains(&name) {
                item.fault(format!("duplicated label {name:?} in group_by"));
            }
            labels.push(name);
        }
        if all && !labels.is_empty() {
            value.fault("cannot have wildcard group_by (`...`) and other labels at the same time");
        }
        Some(if all { Self::All } else { Self::Labels(labels) })
    }
}
