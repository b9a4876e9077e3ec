//! The deterministic core of local delivery: a pure state machine.
//!
//! Everything that decides is a function of (state, event, time). [`Engine::handle`] takes an event and the time at
//! which it happened and says what follows; [`Engine::poll`] fires what is due. There is no clock, no I/O, no lock,
//! no randomness and no hash order that shows, so a journal of the events with their times reproduces the state.
//!
//! | file | what it owns |
//! |---|---|
//! | `alerts` | the store: every active alert once, merged by Alertmanager's rule |
//! | `alertname_limit` | how many alerts of one name there may be |
//! | `ledger` | who has been told what: the books of "no silent loss", and what a destination must hear to catch up |
//! | `event` | what can happen |
//! | `record` | the journal's form of an event |
//! | `snapshot` | the whole state as bytes |
//! | `codec` | the numbers, texts and times that records and snapshots are made of |
//! | `engine` | the state machine that holds the parts together |
//! | `plan`, `from_config` | what the configuration says to the engine |
//! | `route` | the routing tree |
//! | `matcher_index` | which of many lists of matchers can match; serves routes, silences and inhibition |
//! | `dispatch`, `timer` | aggregation groups, and when they are due |
//! | `reload` | what becomes of the groups under a new plan |
//! | `start` | what becomes of what was on its way when we died |
//! | `local_delivery` | groups, inhibition, silences, log and pipeline, held together |
//! | `fallback` | what is told from here only if no Alertmanager takes it |
//! | `contact` | which begins the Alertmanagers took and may not have told |
//! | `flush`, `notify`, `attempt` | a group's flush on its way through the pipeline, and its requests |
//! | `pipeline` | the stages, one a file |
//! | `inhibit`, `silence`, `nflog`, `marker`, `time_interval` | what the stages ask |
//! | `silence_table`, `silence_validation` | the silences that readers see, and what may be set |
//! | `delivery_record`, `delivery_snapshot`, `delivery_replay` | local delivery as bytes, and from them |
//! | `view` | what readers outside see, without holding anything up |
//! | `action` | what the outside is to do, and what it tells |

mod action;
mod alertname_limit;
mod alerts;
mod attempt;
mod codec;
mod contact;
mod delivery_record;
mod delivery_replay;
mod delivery_snapshot;
mod dispatch;
#[expect(clippy::module_inception, reason = "the room and its state machine have one name")]
mod engine;
mod event;
mod fallback;
mod flush;
mod from_config;
mod inhibit;
mod ledger;
mod local_delivery;
mod marker;
mod matcher_index;
mod nflog;
mod notify;
pub mod pipeline;
mod plan;
mod record;
mod reload;
mod route;
mod silence;
mod silence_table;
mod silence_validation;
mod snapshot;
mod start;
mod time_interval;
mod timer;
mod view;

pub use action::{Action, ClockStep, Cluster, DeliveryEvent, IntegrationCounts, Notice, PipelineCounts};
pub use alerts::{Alerts, Full, Stored};
pub use codec::DecodeError;
pub use dispatch::{AggregationGroup, Dispatcher};
pub use engine::{Engine, Replayed, StoreLimits};
pub use event::{Event, Handled};
pub use flush::FlushAlert;
pub use inhibit::{InhibitRule, Inhibitor};
pub use ledger::Ledger;
pub use local_delivery::{AlertStatus, LocalDelivery};
pub use marker::{AlertState, GroupMarker};
pub use nflog::{Nflog, alert_hash};
pub use plan::{
    GroupBy, InhibitRuleDefinition, Integration, MAX_INTEGRATIONS, MatcherDefinition, NamedTimeInterval,
    Options, Plan, PlanDefinition, PlanError, PlannedReceiver, Receiver, RouteDefinition,
};
pub use record::decode_record;
pub use route::{Route, RouteOptions, RouteTree, group_key};
pub use silence::{SilenceChange, SilenceError, Silences};
pub use silence_table::{SilenceCounts, SilenceQuery, SilenceTable};
pub use silence_validation::{check_times, validate};
pub use snapshot::Snapshot;
pub use time_interval::{Range, TimeInterval, TimeIntervals, TimeRange, ZoneError};
pub use view::{DeliveryView, GroupView};

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod tests;
