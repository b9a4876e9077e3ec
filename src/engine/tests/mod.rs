//! Tests of the engine in virtual time.

mod dispatcher;
mod property;
mod reload;
mod sim;
mod stages;
