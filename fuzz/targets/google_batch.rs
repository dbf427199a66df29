//! libFuzzer's side of `entry/google_batch.rs`.
#![no_main]

#[path = "../entry/mod.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::google_batch::run(bytes));
