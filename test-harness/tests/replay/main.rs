//! Replays of recordings by both engines, the native core and the filter as it ships: they say the same, and what a recording
//! shows counts.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/ambit.rs"]
mod ambit;
#[path = "../support/day.rs"]
mod day;
#[path = "../support/library.rs"]
mod library;
#[path = "../support/policy_directory.rs"]
mod policy_directory;

mod judging;
mod shop;

mod candidate;
mod counters;
mod engines;
mod labels;
mod present;
mod tripwires;
