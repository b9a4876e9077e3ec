//! The plan: the configuration as the engine sees it. Routes, receiver names with their integrations' kinds,
//! inhibition rules, time intervals and limits; no secret and no template.
//!
//! A [`PlanDefinition`] is what the configuration says, in values that can be written down: it goes into the
//! journal as JSON, so that recovery replays what was decided by it. A [`Plan`] is the definition with its matchers
//! compiled and indexed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::inhibit::InhibitRule;
use super::route::RouteTree;
use super::time_interval::{TimeInterval, TimeIntervals, ZoneError};
use crate::model::{IntegrationId, LabelSet, MatchType, Matcher, RegexError};

/// What the configuration says to the engine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanDefinition {
    /// The routing tree, parents before their children, siblings in the order of the file; the first is the
    /// root, whose `parent` does not matter.
    pub routes: Vec<RouteDefinition>,
    /// The receivers that routes may name.
    pub receivers: Vec<Receiver>,
    /// The inhibition rules in the order of the file.
    #[serde(default)]
    pub inhibit_rules: Vec<InhibitRuleDefinition>,
    /// The time intervals that routes may name.
    #[serde(default)]
    pub time_intervals: Vec<NamedTimeInterval>,
    /// What flags set.
    #[serde(default)]
    pub options: Options,
}

/// A node of the routing tree; what is `None` is inherited.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RouteDefinition {
    /// The place of the parent in [`PlanDefinition::routes`], before this one's.
    #[serde(default)]
    pub parent: usize,
    /// All of these must match; sorted when the tree is built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<MatcherDefinition>,
    /// Whether later siblings are tried after this one matched.
    #[serde(default, rename = "continue")]
    pub continues: bool,
    /// Who is notified; the root must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<Arc<str>>,
    /// By what alerts are grouped; the root's default is one group for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<GroupBy>,
    /// How long a new group waits; 30 s at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_wait: Option<Duration>,
    /// How long a group waits after a flush; 5 min at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_interval: Option<Duration>,
    /// When a group tells again what it told; 4 h at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_interval: Option<Duration>,
    /// The time intervals in which the route is silent; not inherited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mute_time_intervals: Vec<Arc<str>>,
    /// The time intervals outside of which it is silent; not inherited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active_time_intervals: Vec<Arc<str>>,
    /// Labels of the route, merged with those of its parents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<SmolStr, String>,
}

/// By which labels a route groups alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// By all that an alert has (`...`).
    All,
    /// By these; by none, all alerts of the route are one group.
    Labels(Vec<SmolStr>),
}

/// A matcher as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatcherDefinition {
    /// The label's name.
    pub name: String,
    /// One of `=`, `!=`, `=~`, `!~`.
    pub op: String,
    /// What the label's value is compared with.
    pub value: String,
}

/// A receiver and what it is made of. One without integrations is told everything, and nobody hears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// The name that routes use.
    pub name: Arc<str>,
    /// In the order in which they are built; at most [`MAX_INTEGRATIONS`].
    #[serde(default)]
    pub integrations: Vec<Integration>,
}

/// How many integrations one receiver may have: a group keeps one bit for each with every alert.
pub const MAX_INTEGRATIONS: usize = 64;

/// One integration of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// Its kind, such as `webhook`.
    pub kind: Arc<str>,
    /// Its place among the receiver's integrations of this kind.
    pub index: u32,
    /// Whether it wants to hear of ends.
    pub send_resolved: bool,
}

/// While a source fires, targets with the same values of `equal` are not told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InhibitRuleDefinition {
    /// The rule's name, for people; may be empty.
    #[serde(default)]
    pub name: String,
    /// What a source must match.
    #[serde(default)]
    pub source_matchers: Vec<MatcherDefinition>,
    /// What a target must match.
    #[serde(default)]
    pub target_matchers: Vec<MatcherDefinition>,
    /// The labels whose values must be the same; a missing label and an empty value are the same.
    #[serde(default)]
    pub equal: Vec<SmolStr>,
}

/// A time interval with the name by which routes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTimeInterval {
    /// The name.
    pub name: Arc<str>,
    /// Its specifications, any of which may match.
    pub intervals: Vec<TimeInterval>,
}

/// What flags set, and not the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// How many aggregation groups there may be (`--dispatch.max-aggregation-groups`); 0 for any number.
    pub max_aggregation_groups: usize,
    /// How long after a start all groups are held back (`--dispatch.start-delay`).
    pub start_delay: Duration,
    /// Whether the end of what was told as firing is told although the alert is silenced, inhibited or muted
    /// (`--notify.resolve-when-muted`).
    pub resolve_when_muted: bool,
    /// How long silences are kept after their end, and the most that log entries are (`--data.retention`).
    pub retention: Duration,
    /// How often what has expired is removed (`--data.maintenance-interval`).
    pub maintenance_interval: Duration,
    /// How many silences there may be, expired ones included (`--silences.max-silences`); 0 for any number.
    pub max_silences: usize,
    /// How large a silence may be in the cluster's encoding (`--silences.max-silence-size-bytes`); 0 for any size.
    pub max_silence_size_bytes: usize,
    /// Whether names of labels must be of the classic kind (feature `classic-mode`).
    pub classic_mode: bool,
    /// A change is told from here only when no Alertmanager has taken it for so long (`--delivery.fallback-after` with
    /// `--delivery.local=fallback`); `None`: always, and at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_after: Option<Duration>,
    /// How long each peer waits for the one before it (`--cluster.peer-timeout`).
    pub peer_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_aggregation_groups: 0,
            start_delay: Duration::ZERO,
            resolve_when_muted: false,
            retention: Duration::from_hours(120),
            maintenance_interval: Duration::from_mins(15),
            max_silences: 0,
            max_silence_size_bytes: 0,
            classic_mode: false,
            fallback_after: None,
            peer_timeout: Duration::from_secs(15),
        }
    }
}

/// Why a definition is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// There is no route at all.
    #[error("no routes provided")]
    NoRoutes,
    /// A route's parent does not stand before it.
    #[error("route {0} stands before its parent")]
    Order(usize),
    /// The root route names no receiver.
    #[error("root route must specify a default receiver")]
    NoDefaultReceiver,
    /// The root route has matchers, so that some alerts would be told to nobody.
    #[error("root route must not have any matchers")]
    RootMatchers,
    /// The root route continues, which means nothing.
    #[error("cannot have continue in root route")]
    RootContinues,
    /// A route names a receiver that is not there.
    #[error("undefined receiver {0:?} used in route")]
    UndefinedReceiver(Arc<str>),
    /// Two receivers of one name.
    #[error("notification config name {0:?} is not unique")]
    ReceiverTwice(Arc<str>),
    /// A receiver with more integrations than the engine counts.
    #[error("receiver {0:?} has more than {MAX_INTEGRATIONS} integrations")]
    TooManyIntegrations(Arc<str>),
    /// A route names a time interval that is not there.
    #[error("undefined time interval {0:?} used in route")]
    UndefinedTimeInterval(Arc<str>),
    /// A group interval of zero would flush without end.
    #[error("group_interval cannot be zero")]
    ZeroGroupInterval,
    /// A repeat interval of zero means nothing.
    #[error("repeat_interval cannot be zero")]
    ZeroRepeatInterval,
    /// A matcher that cannot be compiled.
    #[error("matcher on label {name:?}: {error}")]
    Matcher {
        /// The label's name.
        name: String,
        /// What is wrong.
        error: RegexError,
    },
    /// An operator that is none.
    #[error("unknown matcher operator {0:?}")]
    Operator(String),
    /// A time interval in a time zone that nobody knows.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

impl MatcherDefinition {
    /// The matcher, compiled.
    pub fn compile(&self) -> Result<Matcher, PlanError> {
        let kind = match self.op.as_str() {
            "=" => MatchType::Equal,
            "!=" => MatchType::NotEqual,
            "=~" => MatchType::Regex,
            "!~" => MatchType::NotRegex,
            other => return Err(PlanError::Operator(other.to_owned())),
        };
        Matcher::new(kind, &self.name, &self.value)
            .map_err(|error| PlanError::Matcher { name: self.name.clone(), error })
    }
}

impl From<&Matcher> for MatcherDefinition {
    fn from(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name().to_owned(),
            op: matcher.kind().as_str().to_owned(),
            value: matcher.value().to_owned(),
        }
    }
}

/// Compiles all of `definitions`.
pub(crate) fn compile(definitions: &[MatcherDefinition]) -> Result<Vec<Matcher>, PlanError> {
    definitions.iter().map(MatcherDefinition::compile).collect()
}

/// A plan that the engine works by.
#[derive(Debug)]
pub struct Plan {
    definition: PlanDefinition,
    /// The routing tree.
    pub routes: RouteTree,
    receivers: HashMap<Arc<str>, Arc<PlannedReceiver>>,
    /// The inhibition rules, compiled.
    pub inhibit_rules: Vec<InhibitRule>,
    /// The time intervals, with their zones.
    pub time_intervals: TimeIntervals,
}

/// A receiver with the names of its integrations as the notification log writes them.
#[derive(Debug, PartialEq, Eq)]
pub struct PlannedReceiver {
    /// Its name.
    pub name: Arc<str>,
    /// Its integrations and whether they want to hear of ends.
    pub integrations: Vec<(IntegrationId, bool)>,
}

impl Plan {
    /// Checks and compiles `definition`. What a configuration file can get wrong is reported there with its
    /// position; the errors here are the last line of defence.
    pub fn new(definition: PlanDefinition) -> Result<Self, PlanError> {
        let mut receivers = HashMap::with_capacity(definition.receivers.len());
        for receiver in &definition.receivers {
            if receiver.integrations.len() > MAX_INTEGRATIONS {
                return Err(PlanError::TooManyIntegrations(Arc::clone(&receiver.name)));
            }
            if receivers.insert(Arc::clone(&receiver.name), Arc::new(planned(receiver))).is_some() {
                return Err(PlanError::ReceiverTwice(Arc::clone(&receiver.name)));
            }
        }
        let time_intervals = TimeIntervals::new(
            definition.time_intervals.iter().map(|named| (&named.name, named.intervals.as_slice())),
        )?;
        let routes = RouteTree::new(&definition.routes)?;
        for route in routes.iter() {
            if !receivers.contains_key(&route.options.receiver) {
                return Err(PlanError::UndefinedReceiver(Arc::clone(&route.options.receiver)));
            }
            let intervals =
                route.options.mute_time_intervals.iter().chain(&route.options.active_time_intervals);
            for name in intervals {
                if !time_intervals.defines(name) {
                    return Err(PlanError::UndefinedTimeInterval(Arc::clone(name)));
                }
            }
        }
        let inhibit_rules =
            definition.inhibit_rules.iter().map(InhibitRule::new).collect::<Result<_, _>>()?;
        Ok(Self { definition, routes, receivers, inhibit_rules, time_intervals })
    }

    /// What the plan was made from.
    #[must_use]
    pub fn definition(&self) -> &PlanDefinition {
        &self.definition
    }

    /// What flags set.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.definition.options
    }

    /// The receiver of this name.
    #[must_use]
    pub fn receiver(&self, name: &str) -> Option<&Arc<PlannedReceiver>> {
        self.receivers.get(name)
    }

    /// The names of the receivers that an alert with `labels` goes to, in the order of the routes.
    #[must_use]
    pub fn receivers_of(&self, labels: &LabelSet) -> Vec<Arc<str>> {
        self.routes
            .matching(labels)
            .into_iter()
            .filter_map(|place| self.routes.get(place))
            .map(|route| Arc::clone(&route.options.receiver))
            .collect()
    }

    /// How long an alert with `labels` waits in a new group, on that of its routes where it waits longest.
    #[must_use]
    pub fn longest_group_wait(&self, labels: &LabelSet) -> Duration {
        let routes = self.routes.matching(labels).into_iter().filter_map(|place| self.routes.get(place));
        routes.map(|route| route.options.group_wait).max().unwrap_or_default()
    }

    /// The definition as the journal keeps it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Text keys and plain values: nothing that JSON cannot write.
        serde_json::to_vec(&self.definition).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<PlanDefinition, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

fn planned(receiver: &Receiver) -> PlannedReceiver {
    let integrations = receiver
        .integrations
        .iter()
        .map(|integration| {
            let id = IntegrationId {
                receiver: Arc::clone(&receiver.name),
                kind: Arc::clone(&integration.kind),
                index: integration.index,
            };
            (id, integration.send_resolved)
        })
        .collect();
    PlannedReceiver { name: Arc::clone(&receiver.name), integrations }
}
