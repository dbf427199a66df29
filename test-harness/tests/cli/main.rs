//! The `ambit` command, on the built program: one file for each subcommand.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/ambit.rs"]
mod ambit;
#[path = "../support/day.rs"]
mod day;
#[path = "../support/library.rs"]
mod library;
#[path = "../support/policy_directory.rs"]
mod policy_directory;

mod candidate;
mod cases;
mod control;
mod evaluate;
mod grant;
mod keygen;
mod policies;
mod present;
mod replay;
mod token;
