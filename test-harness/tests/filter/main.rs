//! The filter as it ships, in the harness's host: event by event, in a gateway that does as it is told.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/library.rs"]
mod library;
mod shipped;

mod counters;
mod fresh;
mod imports;
mod jsonrpc;
mod lookups;
