//! The daemon: builds the parts from the configuration and wires them. The only place that knows everybody.
//!
//! | file | what it owns |
//! |---|---|
//! | `run` | start, serving, stop |
//! | `engine_task` | the engine, and the order of its records in the journal |
//! | `store` | the engine's mailbox as the notifier manager needs it |
//! | `backend` | the daemon as the HTTP server sees it |
//! | `wiring` | how a configuration reaches the parts |
//! | `reload` | the coordinator, and when the configuration is read again |
//! | `recovery` | from the journal to the engine |

mod backend;
mod clock;
mod engine_task;
mod instance;
mod log;
mod metrics;
mod options;
mod recovery;
mod reload;
mod run;
mod store;
mod systemd;
mod wiring;

pub use log::{LogFormat, LogLevel, start as start_logging};
pub use options::Options;
pub use run::{run, run_until};
