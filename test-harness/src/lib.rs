//! Ambit's replay harness.
pub mod recording;
