//! Ambit's replay harness.
pub mod host;
pub mod recording;
