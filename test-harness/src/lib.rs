//! Ambit's replay harness.

pub mod host;
