//! The routing tree: which nodes an alert reaches, and what they say about its groups.
//!
//! A node that does not match yields nothing. Children are tried in order; the first that matches and does not
//! continue ends the search among its siblings. If no child matched, the node itself is the match. The root
//! matches everything. Matching costs what matches: the children of a node with many are indexed by their
//! matchers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::matcher_index::MatcherIndex;
use super::plan::{GroupBy, PlanError, RouteDefinition, compile};
use crate::model::{LabelSet, Matcher, Matchers, format_label_set};

/// What a route says about its groups, its parents' options included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteOptions {
    /// Who is notified.
    pub receiver: Arc<str>,
    /// By what alerts are grouped.
    pub group_by: GroupBy,
    /// How long a new group waits before its first flush.
    pub group_wait: Duration,
    /// How long a group waits from flush to flush.
    pub group_interval: Duration,
    /// When a group tells again what it told.
    pub repeat_interval: Duration,
    /// The time intervals in which the route is silent.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// The time intervals outside of which it is silent.
    pub active_time_intervals: Vec<Arc<str>>,
    /// The route's labels: templates.
    pub labels: Arc<BTreeMap<SmolStr, String>>,
}

impl RouteOptions {
    /// The labels of the group that an alert with `labels` belongs to.
    #[must_use]
    pub fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) if names.is_empty() => LabelSet::default(),
            GroupBy::Labels(names) => {
                labels.iter().filter(|(name, _)| names.iter().any(|by| by == name)).collect()
            }
        }
    }
}

/// A node of the tree.
#[derive(Debug)]
pub struct Route {
    /// What must match, sorted as Alertmanager prints it.
    pub matchers: Matchers,
    /// Whether later siblings are tried after this one matched.
    pub continues: bool,
    /// The keys of the parents and the matchers: `{}/{service="a"}`. Not unique.
    pub key: Arc<str>,
    /// Like the key, with each node's place among its siblings: `{}/{service="a"}/0`.
    pub id: Arc<str>,
    /// What it says about its groups.
    pub options: Arc<RouteOptions>,
    /// The children's places in the tree, in the order of the file.
    pub children: Vec<usize>,
    /// By place in `children`; only for many.
    index: Option<MatcherIndex>,
}

/// From how many children on an index is worth it.
const INDEXED: usize = 9;

/// The routes of a plan; a route is known by its place, which is that of its definition.
#[derive(Debug)]
pub struct RouteTree(Vec<Route>);

impl RouteTree {
    /// Builds the tree: inheritance, keys and ids, index.
    pub fn new(definitions: &[RouteDefinition]) -> Result<Self, PlanError> {
        let mut routes: Vec<Route> = Vec::with_capacity(definitions.len());
        for (place, definition) in definitions.iter().enumerate() {
            let route = if place == 0 {
                root(definition)?
            } else {
                let parent = routes.get_mut(definition.parent).ok_or(PlanError::Order(place))?;
                parent.children.push(place);
                child(definition, parent)?
            };
            if route.options.group_interval.is_zero() {
                return Err(PlanError::ZeroGroupInterval);
            }
            if route.options.repeat_interval.is_zero() {
                return Err(PlanError::ZeroRepeatInterval);
            }
            routes.push(route);
        }
        if routes.is_empty() {
            return Err(PlanError::NoRoutes);
        }
        for place in 0..routes.len() {
            if routes[place].children.len() >= INDEXED {
                let mut index = MatcherIndex::default();
                for (number, child) in (0_u32..).zip(&routes[place].children) {
                    index.insert(number, routes[*child].matchers.as_slice());
                }
                routes[place].index = Some(index);
            }
        }
        Ok(Self(routes))
    }

    /// The route at `place`.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Route> {
        self.0.get(place)
    }

    /// All routes, parents before their children.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Route> {
        self.0.iter()
    }

    /// The places of the nodes that an alert with `labels` reaches, in the order of the search.
    #[must_use]
    pub fn matching(&self, labels: &LabelSet) -> Vec<usize> {
        let mut found = Vec::new();
        self.search(0, labels, &mut found);
        found
    }

    fn search(&self, place: usize, labels: &LabelSet, found: &mut Vec<usize>) -> bool {
        let Some(route) = self.0.get(place) else { return false };
        if !route.matchers.matches(labels) {
            return false;
        }
        let before = found.len();
        if let Some(index) = &route.index {
            let mut candidates = Vec::new();
            index.candidates(labels, &mut candidates);
            for candidate in candidates {
                if let Some(child) = route.children.get(candidate as usize)
                    && self.search(*child, labels, found)
                    && !self.0[*child].continues
                {
                    break;
                }
            }
        } else {
            for child in &route.children {
                if self.search(*child, labels, found) && !self.0[*child].continues {
                    break;
                }
            }
        }
        if found.len() == before {
            found.push(place);
        }
        true
    }
}

/// Whether all matchers match; a missing label is an empty value.
#[must_use]
pub(super) fn matches_all(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// The key of the group with `labels` under the route with `route_key`: the text by which the notification log,
/// the cluster and receivers know it.
#[must_use]
pub fn group_key(route_key: &str, labels: &LabelSet) -> String {
    [route_key, &format_label_set(labels)].join(":")
}

fn root(definition: &RouteDefinition) -> Result<Route, PlanError> {
    if !definition.matchers.is_empty() {
        return Err(PlanError::RootMatchers);
    }
    if definition.continues {
        return Err(PlanError::RootContinues);
    }
    let defaults = RouteOptions {
        receiver: definition.receiver.clone().ok_or(PlanError::NoDefaultReceiver)?,
        group_by: GroupBy::Labels(Vec::new()),
        group_wait: Duration::from_secs(30),
        group_interval: Duration::from_mins(5),
        repeat_interval: Duration::from_hours(4),
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        labels: Arc::default(),
    };
    let text: Arc<str> = Arc::from("{}");
    Ok(Route {
        matchers: Matchers::default(),
        continues: false,
        key: Arc::clone(&text),
        id: text,
        options: Arc::new(inherit(&defaults, definition)),
        children: Vec::new(),
        index: None,
    })
}

fn child(definition: &RouteDefinition, parent: &Route) -> Result<Route, PlanError> {
    let mut matchers = Matchers::from(compile(&definition.matchers)?);
    matchers.sort();
    let own = matchers.to_string();
    let sibling = parent.children.len() - 1;
    Ok(Route {
        matchers,
        continues: definition.continues,
        key: Arc::from(format!("{}/{own}", parent.key)),
        id: Arc::from(format!("{}/{own}/{sibling}", parent.id)),
        options: Arc::new(inherit(&parent.options, definition)),
        children: Vec::new(),
        index: None,
    })
}

fn inherit(parent: &RouteOptions, own: &RouteDefinition) -> RouteOptions {
    let labels = if own.labels.is_empty() {
        Arc::clone(&parent.labels)
    } else {
        let mut labels = BTreeMap::clone(&parent.labels);
        labels.extend(own.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
        Arc::new(labels)
    };
    RouteOptions {
        receiver: own.receiver.clone().unwrap_or_else(|| Arc::clone(&parent.receiver)),
        group_by: own.group_by.clone().unwrap_or_else(|| parent.group_by.clone()),
        group_wait: own.group_wait.unwrap_or(parent.group_wait),
        group_interval: own.group_interval.unwrap_or(parent.group_interval),
        repeat_interval: own.repeat_interval.unwrap_or(parent.repeat_interval),
        mute_time_intervals: own.mute_time_intervals.clone(),
        active_time_intervals: own.active_time_intervals.clone(),
        labels,
    }
}
