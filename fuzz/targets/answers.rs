//! libFuzzer's side of `entry/answers.rs`.
#![no_main]

#[path = "../entry/mod.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    entry::answers::run(bytes);
});
