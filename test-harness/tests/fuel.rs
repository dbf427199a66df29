//! What a decision costs in the real module: independent of the number of rules, and no more than it cost before.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/fuel.rs"]
mod fuel;
#[path = "support/synthetic.rs"]
mod synthetic;

use fuel::{Fuel, measure, module};

/// Where the accepted cost is kept. `AMBIT_BLESS=1 cargo test -p test-harness --test fuel` writes what it measures.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fuel.json");
/// How far a measurement may lie above the baseline, in percent.
const TOLERANCE: u64 = 10;

/// The trie and the indices make a decision cost the same under ten rules and under ten thousand.
#[test]
fn cost_does_not_grow_with_the_number_of_rules() {
    let module = module();
    let (few, many) = (measure(&module, 10), measure(&module, 10_000));
    for (what, few, many) in [("header-only", few.head, many.head), ("1 KiB body", few.body, many.body)] {
        assert!(many * 10 < few * 13, "{what}: {few} fuel under 10 rules, {many} under 10,000");
    }
}

#[test]
fn cost_stays_within_the_baseline() {
    let Fuel { head, body } = measure(&module(), 1_000);
    if std::env::var_os("AMBIT_BLESS").is_some() {
        let text = format!("{{ \"rules\": 1000, \"head\": {head}, \"body\": {body} }}\n");
        std::fs::write(BASELINE, text).expect("the baseline can be written");
    }
    let text = std::fs::read_to_string(BASELINE).expect("the baseline is in the repository");
    let baseline: serde_json::Value = serde_json::from_str(&text).expect("the baseline is JSON");
    for (what, measured) in [("head", head), ("body", body)] {
        let accepted = baseline[what].as_u64().expect("a number");
        assert!(
            measured * 100 <= accepted * (100 + TOLERANCE),
            "{what}: {measured} fuel, accepted are {accepted} + {TOLERANCE} %; if the cost is worth it, run \
             `AMBIT_BLESS=1 cargo test -p test-harness --test fuel` and say why in the commit"
        );
    }
}
