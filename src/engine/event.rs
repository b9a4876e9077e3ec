//! What can happen to the engine, and what it answers.

use std::sync::Arc;

use smol_str::SmolStr;

use super::action::DeliveryEvent;
use super::plan::Plan;
use super::silence::{SilenceChange, SilenceError};
use crate::model::{Accepted, Alert, Destination, Silence, Told};

/// Something that happened. With the time at which it did, it is all that the engine ever learns.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Alerts arrived: validated, with external labels and global relabelling applied. Their `updated_at` is set
    /// by the engine.
    Alerts {
        /// The states, in the order received.
        alerts: Vec<Alert>,
        /// The ids of the tocsins they came through, separated by commas; `None` from a rule engine.
        path: Option<Arc<str>>,
    },
    /// The Alertmanagers that have to be told, all of them.
    Destinations {
        /// Those discovered: they have to be told every change from now on.
        active: Vec<Destination>,
        /// Those gone whose queues are still being drained: what was accepted before is still told.
        draining: Vec<Destination>,
    },
    /// An Alertmanager was told states, or it was decided not to tell it.
    Outcomes {
        /// Which one.
        destination: Destination,
        /// What became of which state.
        told: Vec<Told>,
    },
    /// An Alertmanager answered something else than a push.
    Answered(Destination),
    /// A request to an Alertmanager failed: it may be gone, and what it took may be forgotten.
    ContactLost(Destination),
    /// An `alertmanager.yml` was read: local delivery works by this plan from now on.
    PlanApplied(Arc<Plan>),
    /// There is no `alertmanager.yml` any longer: nothing is notified here from now on. Silences and the
    /// notification log stay.
    PlanRemoved,
    /// Somebody sets a silence.
    SilenceSet {
        /// What is asked for; with an id, what that silence is to become.
        silence: Box<Silence>,
        /// The id for a silence that has to be made anew: a random UUID.
        new_id: SmolStr,
    },
    /// Somebody ends a silence.
    SilenceExpired(SmolStr),
    /// Something happened to local delivery.
    Delivery(DeliveryEvent),
}

/// What follows from an event.
#[derive(Debug, Default)]
pub struct Handled {
    /// What the journal must keep; `None` when nothing durable changed.
    pub record: Option<Vec<u8>>,
    /// The states that were accepted, in the order received: to be forwarded.
    pub accepted: Vec<Accepted>,
    /// How many alerts were refused because the store is full ([`StoreLimits::alerts_max`](super::StoreLimits::alerts_max)).
    /// They are not accepted: whoever sent them must be told.
    pub refused: usize,
    /// How many alerts [`StoreLimits::per_alertname`](super::StoreLimits::per_alertname) dropped.
    pub limited: usize,
    /// What [`Event::SilenceSet`] and [`Event::SilenceExpired`] did.
    pub silence: Option<Result<SilenceChange, SilenceError>>,
}
