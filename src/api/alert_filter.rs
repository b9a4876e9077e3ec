//! Which alerts a query asks for: the parameters that `/api/v2/alerts` and `/api/v2/alerts/groups` share.

use std::collections::HashSet;

use http::StatusCode;

use super::answer::{self, Answer};
use super::query::Query;
use crate::config::AlertmanagerFile;
use crate::engine::AlertStatus;
use crate::model::{Alert, LabelSet, MatcherMode, Matchers, Regex};

/// The parameters, read.
#[derive(Debug)]
pub(super) struct AlertFilter {
    active: bool,
    silenced: bool,
    inhibited: bool,
    labels: Matchers,
    receiver: Option<Regex>,
    /// The names of the receivers whose labels `receiver_matchers` want; `None` without the parameter.
    receivers: Option<HashSet<String>>,
}

impl AlertFilter {
    /// Reads the parameters; the answer to one that is wrong.
    pub(super) fn read(
        query: &Query,
        mode: MatcherMode,
        file: Option<&AlertmanagerFile>,
    ) -> Result<Self, Box<Answer>> {
        let refuse = |message: &str| Box::new(answer::json_string(StatusCode::BAD_REQUEST, message));
        let labels = query.matchers("filter", mode).map_err(|error| refuse(&error))?;
        let receiver = query
            .regex("receiver")
            .map_err(|error| refuse(&format!("failed to parse receiver param: {error}")))?;
        let matchers = query
            .matchers("receiver_matchers", mode)
            .map_err(|error| refuse(&format!("failed to parse receiver_matchers param: {error}")))?;
        let receivers = (!matchers.is_empty()).then(|| {
            let all = file.map(|file| file.receivers.as_slice()).unwrap_or_default().iter();
            let wanted =
                all.filter(|receiver| matchers.passes_filter(&receiver.labels.iter().collect::<LabelSet>()));
            wanted.map(|receiver| receiver.name.clone()).collect()
        });
        Ok(Self {
            active: query.switch("active", true),
            silenced: query.switch("silenced", true),
            inhibited: query.switch("inhibited", true),
            labels,
            receiver,
            receivers,
        })
    }

    /// Whether alerts with these labels are asked for.
    pub(super) fn wants_labels(&self, alert: &Alert) -> bool {
        self.labels.passes_filter(&alert.labels)
    }

    /// Whether alerts that go to this receiver are asked for.
    pub(super) fn wants_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|receiver| receiver.is_match(name))
            && self.receivers.as_ref().is_none_or(|receivers| receivers.contains(name))
    }

    /// Whether alerts that go to one of these receivers are asked for; each parameter may be met by another.
    pub(super) fn wants_receivers(&self, names: &[impl AsRef<str>]) -> bool {
        let any = |wanted: &dyn Fn(&str) -> bool| names.iter().any(|name| wanted(name.as_ref()));
        self.receiver.as_ref().is_none_or(|receiver| any(&|name| receiver.is_match(name)))
            && self.receivers.as_ref().is_none_or(|receivers| any(&|name| receivers.contains(name)))
    }

    /// Whether alerts of this status are asked for.
    pub(super) fn wants_status(&self, status: &AlertStatus) -> bool {
        let (silenced, inhibited) = (!status.silenced_by.is_empty(), !status.inhibited_by.is_empty());
        (self.active || silenced || inhibited)
            && (self.silenced || !silenced)
            && (self.inhibited || !inhibited)
    }
}
