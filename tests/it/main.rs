//! The integration tests: one binary.
mod template;
