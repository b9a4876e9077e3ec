//! Instruments that the metrics crate lacks. Each room owns its own metrics; this is what they are made of.

mod summary;

pub use summary::SummaryVec;
