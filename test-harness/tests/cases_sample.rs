//! The sample of cases, of every intent and category, with both engines: `tests/data/cases.ndjson` against the pages of the
//! library. `tests/envoy/cases.rs` sends the same cases through a live Envoy.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/ambit.rs"]
mod ambit;
#[path = "support/library.rs"]
mod library;

use std::collections::BTreeMap;
use std::fs;

use ambit::ambit;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.ndjson");
/// How many cases come to the right verdict, and for what the others wait.
/// `AMBIT_BLESS=1 cargo test -p test-harness --test cases_sample` writes what is found.
const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.counts.json");

/// A line of `ambit cases`, as far as this test reads it.
#[derive(Deserialize)]
struct Line {
    id: String,
    expect: String,
    got: Option<String>,
    waits_for: Option<String>,
}

/// What is kept in [`COUNTS`].
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
struct Counts {
    as_expected: usize,
    waiting: BTreeMap<String, usize>,
}

/// One run over all cases: what it says of each, after it has said that none differs.
fn judged(engine: &str) -> String {
    let (policies, map) = (library::folder(), library::folder().join("intents.map.json"));
    let [policies, map] = [&policies, &map].map(|path| path.to_str().unwrap());
    let arguments = ["cases", CASES, "--policies", policies, "--map", map, "--engine", engine, "--format", "json"];
    let (code, out, err) = ambit(&arguments);
    assert_eq!(code, 0, "{engine}: {err}");
    out
}

#[test]
fn no_verdict_differs_and_both_engines_say_the_same() {
    let native = judged("native");
    let wasm = judged("wasm");
    for (native, wasm) in native.lines().zip(wasm.lines()) {
        assert_eq!(native, wasm);
    }
    assert_eq!(native.lines().count(), wasm.lines().count());

    let lines: Vec<Line> = native.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(ids, ids_of_cases());

    let mut counts = Counts::default();
    for Line { id, expect, got, waits_for } in &lines {
        match (waits_for, got.as_deref()) {
            (None, got) => {
                assert_eq!(got, Some(expect.as_str()), "{id}");
                counts.as_expected += 1;
            }
            (Some(waited), got) => {
                // What waits is held for a person or has no page yet: never let through, and what is right is never refused.
                assert_eq!(got, (waited != "page").then_some("approve"), "{id}");
                *counts.waiting.entry(waited.clone()).or_default() += 1;
            }
        }
        assert!(expect == "deny" || got.as_deref() != Some("deny"), "{id}: expected {expect}, refused");
    }
    assert_counts(&counts);
}

fn ids_of_cases() -> Vec<String> {
    let text = fs::read_to_string(CASES).unwrap();
    let ids = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned());
    ids.collect()
}

fn assert_counts(counts: &Counts) {
    if std::env::var_os("AMBIT_BLESS").is_some() {
        fs::write(COUNTS, serde_json::to_string_pretty(counts).unwrap() + "\n").unwrap();
    }
    let text = fs::read_to_string(COUNTS).unwrap_or_default();
    let kept: Counts = serde_json::from_str(&text).unwrap_or_default();
    assert_eq!(
        *counts, kept,
        "as kept in {COUNTS}; if it is meant: AMBIT_BLESS=1 cargo test -p test-harness --test cases_sample"
    );
}
