//! Recordings of traffic, in every format that is read. Bounds of memory have a program of their own: `recording_memory.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod words;

mod errors;
mod formats;
mod har;
mod properties;
mod tap_stream;
