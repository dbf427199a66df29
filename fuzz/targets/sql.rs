//! libFuzzer's side of `entry/sql.rs`.
#![no_main]

#[path = "../entry/mod.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::sql::run(bytes));
