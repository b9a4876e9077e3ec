//! What a notification's template sees: Alertmanager's data model, as values that `notify` fills.

use std::sync::Arc;

use super::{text::Text, time::Time, value::Items};

/// A set of name/value pairs (`template.KV`): label sets and annotations. Cheap to clone.
///
/// Kept in the order in which templates show it, `alertname` first and the others by name, so that `.SortedPairs` costs
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kv(Option<Items<Pair>>);

/// Up to this many pairs a look at each is faster than a search.
const FEW: usize = 16;

/// The label that is shown before all others.
const FIRST: &[u8] = b"alertname";

impl Kv {
    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shown().len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown().is_empty()
    }

    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Text> {
        let (first, others) = self.parts();
        if name == FIRST {
            return first.first().map(|pair| &pair.value);
        }
        if others.len() <= FEW {
            return others.iter().find(|pair| pair.name.as_ref() == name).map(|pair| &pair.value);
        }
        let at = others.binary_search_by(|pair| pair.name.as_ref().cmp(name)).ok()?;
        others.get(at).map(|pair| &pair.value)
    }

    /// Names and values, in the order of the names.
    pub fn pairs(&self) -> impl Iterator<Item = (&Text, &Text)> {
        let (first, others) = self.parts();
        let (before, after) = others.split_at(others.partition_point(|pair| pair.name.as_ref() < FIRST));
        before.iter().chain(first).chain(after).map(|pair| (&pair.name, &pair.value))
    }

    /// The set without the given names.
    #[must_use]
    pub fn remove(&self, names: &[Text]) -> Self {
        self.filter(|pair| !names.contains(&pair.name))
    }

    /// The pairs with `alertname` first, the order in which templates show them.
    pub(super) fn sorted_pairs(&self) -> Items<Pair> {
        self.0.clone().unwrap_or_else(|| Vec::new().into())
    }

    fn shown(&self) -> &[Pair] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The pair that is shown first on account of its name, if there is one, and the others.
    fn parts(&self) -> (&[Pair], &[Pair]) {
        let shown = self.shown();
        shown.split_at(usize::from(shown.first().is_some_and(|pair| pair.name.as_ref() == FIRST)))
    }

    /// What is the same in both sets.
    fn common(&self, other: &Self) -> Self {
        self.filter(|pair| other.get(&pair.name) == Some(&pair.value))
    }

    fn filter(&self, keep: impl Fn(&Pair) -> bool) -> Self {
        let mut kept = Vec::with_capacity(self.len());
        kept.extend(self.shown().iter().filter(|pair| keep(pair)).cloned());
        Self((!kept.is_empty()).then(|| kept.into()))
    }
}

impl<N: Into<Text>, V: Into<Text>> FromIterator<(N, V)> for Kv {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pair = |(name, value): (N, V)| Pair { name: name.into(), value: value.into() };
        let mut pairs: Vec<Pair> = pairs.into_iter().map(pair).collect();
        let is_other = |pair: &Pair| pair.name.as_ref() != FIRST;
        pairs.sort_by(|one, two| (is_other(one), &one.name).cmp(&(is_other(two), &two.name)));
        // The last of equal names wins, as in a map.
        pairs.reverse();
        pairs.dedup_by(|later, earlier| later.name == earlier.name);
        pairs.reverse();
        Self((!pairs.is_empty()).then(|| pairs.into()))
    }
}

/// One of the pairs of a set (`template.Pair`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The label's or annotation's name.
    pub name: Text,
    /// Its value.
    pub value: Text,
}

/// One alert of a notification (`template.Alert`).
#[derive(Debug, Clone)]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: Text,
    /// The alert's labels.
    pub labels: Kv,
    /// The alert's annotations.
    pub annotations: Kv,
    /// When it began.
    pub starts_at: Time,
    /// When it ended; [`Time::ZERO`] while it fires.
    pub ends_at: Time,
    /// Where the rule can be seen.
    pub generator_url: Text,
    /// The hash of the label set, 16 hexadecimal digits.
    pub fingerprint: Text,
}

/// What a template gets as `.` (`*template.Data`).
#[derive(Debug, Clone)]
pub struct Data {
    /// The receiver's name with the characters special in regular expressions escaped.
    pub receiver: Text,
    /// `firing` if any alert fires, else `resolved`.
    pub status: Text,
    /// The alerts, in the order in which they are shown.
    pub alerts: Items<Arc<Alert>>,
    /// Why the notification is sent, such as `first notification`.
    pub notification_reason: Text,
    /// The labels by which the alerts are grouped.
    pub group_labels: Kv,
    /// The labels that are the same in all alerts.
    pub common_labels: Kv,
    /// The annotations that are the same in all alerts.
    pub common_annotations: Kv,
    /// The labels of the route.
    pub route_labels: Kv,
    /// Where this process can be reached.
    pub external_url: Text,
    /// Whether `route_labels` are rendered already, so that `routeLabels` returns them as they are.
    pub route_labels_rendered: bool,
}

impl Data {
    /// The data of a notification: status and common labels follow from the alerts, and the receiver's name is escaped
    /// as upstream does it. Route labels count as rendered; see
    /// [`with_templated_route_labels`](Self::with_templated_route_labels).
    #[must_use]
    pub fn new(
        receiver: &str,
        notification_reason: &str,
        external_url: &str,
        group_labels: Kv,
        route_labels: Kv,
        alerts: Vec<Alert>,
    ) -> Self {
        let firing = alerts.iter().any(|alert| alert.status.as_ref() == b"firing");
        let (common_labels, common_annotations) = common(&alerts);
        Self {
            receiver: quote_meta(receiver).into(),
            status: Text::from_static(if firing { "firing" } else { "resolved" }),
            alerts: alerts.into_iter().map(Arc::new).collect(),
            notification_reason: notification_reason.into(),
            group_labels,
            common_labels,
            common_annotations,
            route_labels,
            external_url: external_url.into(),
            route_labels_rendered: true,
        }
    }

    /// Data whose route labels are templates that have yet to be rendered against it.
    #[must_use]
    pub fn with_templated_route_labels(mut self, route_labels: Kv) -> Self {
        self.route_labels = route_labels;
        self.route_labels_rendered = false;
        self
    }
}

fn common(alerts: &[Alert]) -> (Kv, Kv) {
    let Some((first, others)) = alerts.split_first() else { return Default::default() };
    let mut common = (first.labels.clone(), first.annotations.clone());
    for alert in others {
        if common.0.is_empty() && common.1.is_empty() {
            break;
        }
        common = (common.0.common(&alert.labels), common.1.common(&alert.annotations));
    }
    common
}

/// Go's `regexp.QuoteMeta`.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Items<Arc<Alert>> {
    /// The alerts of a status.
    fn with_status(&self, status: &[u8]) -> Self {
        let has = |alert: &&Arc<Alert>| alert.status.as_ref() == status;
        match self.iter().filter(has).count() {
            all if all == self.len() => self.clone(),
            some => {
                let mut alerts = Vec::with_capacity(some);
                alerts.extend(self.iter().filter(has).cloned());
                alerts.into()
            }
        }
    }
}

/// A list of alerts by their status, which templates ask for again and again.
#[derive(Debug)]
pub(super) struct ByStatus {
    of: Items<Arc<Alert>>,
    pub(super) firing: Items<Arc<Alert>>,
    pub(super) resolved: Items<Arc<Alert>>,
}

impl ByStatus {
    pub(super) fn new(of: &Items<Arc<Alert>>) -> Self {
        Self { of: of.clone(), firing: of.with_status(b"firing"), resolved: of.with_status(b"resolved") }
    }

    /// Whether this is about that very list.
    pub(super) fn is_of(&self, alerts: &Items<Arc<Alert>>) -> bool {
        self.of.is_same(alerts)
    }
}
