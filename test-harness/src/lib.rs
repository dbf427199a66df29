//! Ambit's replay harness.
