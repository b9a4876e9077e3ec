//! Tests of the engine in virtual time.

mod contact_model;
mod dispatcher;
mod fallback;
mod inhibition;
mod log;
mod peers;
mod property;
mod reload;
mod routes;
mod silences;
mod sim;
mod stages;
