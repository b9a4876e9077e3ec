//! The deterministic core of local delivery: a pure state machine.
//!
//! Everything that decides is a function of (state, event, time). [`Engine::handle`] takes an event and the time at
//! which it happened and says what follows; [`Engine::poll`] fires what is due. There is no clock, no I/O, no lock,
//! no randomness and no hash order that shows, so a journal of the events with their times reproduces the state.
//!
//! | file | what it owns |
//! |---|---|
//! | `alerts` | the store: every active alert once, merged by Alertmanager's rule |
//! | `ledger` | who has been told what: the books of "no silent loss", and what a destination must hear to catch up |
//! | `event` | what can happen |
//! | `record` | the journal's form of an event |
//! | `snapshot` | the whole state as bytes |
//! | `codec` | the numbers, texts and times that records and snapshots are made of |
//! | `engine` | the state machine that holds the parts together |

mod alerts;
mod codec;
#[expect(clippy::module_inception, reason = "the room and its state machine have one name")]
mod engine;
mod event;
mod ledger;
mod record;
mod snapshot;

pub use alerts::{Alerts, Full, Stored};
pub use codec::DecodeError;
pub use engine::{Engine, Plan, Replayed};
pub use event::{Event, Handled};
pub use ledger::Ledger;
pub use record::decode_record;
pub use snapshot::Snapshot;
