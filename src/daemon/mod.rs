//! The daemon: builds the parts from the configuration and wires them. The only place that knows everybody.
//!
//! | file | what it owns |
//! |---|---|
//! | `run` | start, serving, stop |
//! | `engine_task` | the engine, and the order of its records in the journal |
//! | `delivery` | how an `alertmanager.yml` reaches the engine and the integrations |
//! | `template_files` | the files of templates that a configuration names |
//! | `cluster` | local delivery as a member of a cluster |
//! | `state_files` | Alertmanager's own files of silences and notification log |
//! | `maintenance` | when those are written |
//! | `figures`, `metrics`, `delivery_metrics` | what is counted, and how it is shown |
//! | `notices` | what the engine has to tell the operator |
//! | `upstream_silences` | the Alertmanagers' silences, for the fallback |
//! | `store` | the engine's mailbox as the notifier manager needs it |
//! | `backend` | the daemon as the HTTP server sees it |
//! | `wiring` | how a configuration reaches the parts |
//! | `reload` | the coordinator, and when the configuration is read again |
//! | `recovery` | from the journal to the engine |

mod backend;
mod clock;
mod cluster;
mod delivery;
mod delivery_metrics;
mod engine_task;
mod figures;
mod instance;
mod log;
mod maintenance;
mod metrics;
mod notices;
mod options;
mod recovery;
mod reload;
mod run;
mod state_files;
mod store;
mod systemd;
mod template_files;
mod upstream_silences;
mod wiring;

pub use log::{LogFormat, LogLevel, start as start_logging};
pub use options::{LocalDelivery, Options};
pub use run::{run, run_until};
pub use template_files::{TemplateFileError, load_templates};
