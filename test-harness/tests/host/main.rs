//! The harness's proxy-wasm host, seen from guests written in WAT.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod guest;

mod bounds;
mod callouts;
mod hostcalls;
mod missing_flag;
mod pairs;
mod plugins;
mod streams;
