//! libFuzzer's side of `entry/command.rs`.
#![no_main]

#[path = "../entry/mod.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::command::run(bytes));
