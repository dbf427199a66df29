//! `ambit cases`; and the library's pages against the cases beside them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ambit::ambit;
use crate::{library, policy_directory};

fn ambit_cases(file: &Path, policies: &Path, map: &Path, more: &[&str]) -> (i32, String, String) {
    let [file, policies, map] = [file, policies, map].map(|path| path.to_str().unwrap());
    ambit(&[&["cases", file, "--policies", policies, "--map", map][..], more].concat())
}

fn files_of_cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(library::folder().join("cases")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Each page of the library that has cases, with the engine; the line of every case comes back in its order.
#[track_caller]
fn assert_library_holds(engine: &str) {
    let files = files_of_cases();
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let cases = lines(&fs::read_to_string(&file).unwrap());
        let map = library::folder().join("intents.map.json");
        let (code, out, err) = ambit_cases(&file, &library::folder(), &map, &["--engine", engine, "--format", "json"]);
        assert_eq!(code, 0, "{}: {err}", file.display());
        let results = lines(&out);
        let ids = |lines: &[Value]| lines.iter().map(|line| line["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&results), ids(&cases), "{}", file.display());
        for result in &results {
            let (expect, got) = (result["expect"].as_str().unwrap(), result["got"].as_str().unwrap());
            assert!(expect == got || result["waits_for"].is_string(), "{result}");
            // What waits is held, never let through and never refused.
            assert!(expect == got || got == "approve", "{result}");
        }
    }
}

#[test]
fn the_librarys_pages_come_to_the_verdicts_of_their_cases() {
    assert_library_holds("native");
}

#[test]
fn the_filter_comes_to_the_verdicts_of_the_librarys_cases() {
    assert_library_holds("wasm");
}

/// A page without cases, or cases without a page, would go unnoticed otherwise.
#[test]
fn the_map_the_pages_and_the_cases_name_each_other() {
    let map: Value =
        serde_json::from_str(&fs::read_to_string(library::folder().join("intents.map.json")).unwrap()).unwrap();
    let agents: BTreeSet<String> = map["intents"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|intent| Some(intent["agent"].as_str()?.into()))
        .collect();
    let with_cases: BTreeSet<String> =
        files_of_cases().iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(agents, with_cases);
    for agent in agents {
        let page = library::folder().join(format!("agent-policy-20261120-{agent}.json"));
        assert!(page.is_file(), "{}", page.display());
    }
}

const NOW: &str = "2026-11-20T12:00:00Z";

/// Cases of the intent `P` against the page of the price agent in `tests/data/cli`.
struct Setting {
    directory: TempDir,
}

impl Setting {
    fn new(map: &Value, cases: &[Value]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("map.json"), map.to_string()).unwrap();
        let cases: Vec<String> = cases.iter().map(Value::to_string).collect();
        fs::write(directory.path().join("cases.ndjson"), cases.join("\n")).unwrap();
        Self { directory }
    }

    fn run(&self, more: &[&str]) -> (i32, String, String) {
        let policies = policy_directory::price_agent().join("policies");
        let at = self.directory.path();
        ambit_cases(
            &at.join("cases.ndjson"),
            &policies,
            &at.join("map.json"),
            &[&["--engine", "native"], more].concat(),
        )
    }

    fn json(&self) -> (i32, Vec<Value>, String) {
        let (code, out, err) = self.run(&["--format", "json"]);
        (code, lines(&out), err)
    }
}

fn map(waits: &Value) -> Value {
    json!({ "now": NOW, "intents": { "P": { "agent": "price-agent", "waits": waits } } })
}

/// A price change by the price agent, whose page asks for approval above 100.
fn case(id: &str, price: &str, expect: &str) -> Value {
    json!({
        "id": id, "category": "price", "policy_intent": "P", "expect": expect,
        "request": {
            "method": "PUT", "path": "/v1/products/7",
            "headers": [["host", "shop.example.com"], ["content-type", "application/json"]],
            "body": json!({ "price": price }).to_string(),
        },
    })
}

#[test]
fn a_verdict_that_differs_is_exit_code_2_and_named() {
    let (code, out, err) =
        Setting::new(&map(&json!([])), &[case("one", "5", "allow"), case("two", "5", "deny")]).json();
    assert_eq!(code, 2);
    let of = |line: &Value| (line["id"].clone(), line["expect"].clone(), line["got"].clone(), line["rule"].clone());
    let expected = |id, expect| (json!(id), json!(expect), json!("allow"), json!("reprice"));
    assert_eq!(out.iter().map(of).collect::<Vec<_>>(), [expected("one", "allow"), expected("two", "deny")]);
    assert!(err.contains("not as expected: two (expected deny, got allow)\n"), "{err}");
    let summary: Vec<&str> = err.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(summary, ["price", "2", "1", "0", "1"], "{err}");
}

#[test]
fn what_is_held_for_a_person_is_called_approve() {
    let (code, out, _) = Setting::new(&map(&json!([])), &[case("one", "120.00", "approve")]).json();
    assert_eq!((code, &out[0]["got"]), (0, &json!("approve")));
    assert_eq!(out[0]["reasons"][0]["code"], "approval_required");
}

#[test]
fn a_case_waits_for_what_the_map_says_and_is_not_skipped() {
    let waits = json!([{ "for": "current_value", "rules": ["reprice"], "expect": "allow", "got": "approve" }]);
    let mut known = case("known", "120.00", "allow");
    known["state"] = json!({ "resources": { "products": { "7": { "price": "119.00" } } } });
    let (code, out, err) = Setting::new(&map(&waits), &[known, case("unknown", "120.00", "allow")]).json();
    assert_eq!(code, 2, "a case without a current value does not wait for one");
    assert_eq!((&out[0]["waits_for"], &out[1]["waits_for"]), (&json!("current_value"), &Value::Null));
    assert!(err.contains("waiting for the current value: known\n"), "{err}");
    assert!(err.contains("not as expected: unknown (expected allow, got approve)\n"), "{err}");
}

#[test]
fn an_intent_without_a_page_waits_for_one() {
    let map = json!({ "now": NOW, "intents": { "P": {} } });
    let (code, out, err) = Setting::new(&map, &[case("one", "5", "allow")]).json();
    assert_eq!((code, &out[0]["got"], &out[0]["waits_for"]), (0, &Value::Null, &json!("page")));
    assert!(err.contains("waiting for a page: one\n"), "{err}");
}

#[test]
fn a_case_that_asks_for_another_reason_differs() {
    let mut wrong = case("wrong", "x", "deny");
    wrong["reason"] = json!("endpoint_not_allowed");
    let mut right = case("right", "x", "deny");
    right["reason"] = json!("value_format");
    let (code, out, err) = Setting::new(&map(&json!([])), &[wrong, right]).json();
    assert_eq!((code, &out[0]["missing_reason"]), (2, &json!("endpoint_not_allowed")));
    assert_eq!(out[1]["missing_reason"], Value::Null);
    assert!(err.contains("not as expected: wrong (expected deny for `endpoint_not_allowed`, got deny)\n"), "{err}");
}

/// The page does not hold for ever; the clock is the case's, else the map's.
#[test]
fn the_case_sets_the_clock() {
    let mut later = case("later", "5", "deny");
    later["state"] = json!({ "now": "2190-01-01T00:00:00Z" });
    later["reason"] = json!("not_valid_now");
    let (code, _, err) = Setting::new(&map(&json!([])), &[later, case("now", "5", "allow")]).json();
    assert_eq!(code, 0, "{err}");
}

#[test]
fn the_agent_of_the_intent_asks_whoever_the_request_says_it_is() {
    let mut other = case("other", "5", "allow");
    other["request"]["headers"].as_array_mut().unwrap().push(json!(["X-Agent-Name", "nobody"]));
    let (code, _, err) = Setting::new(&map(&json!([])), &[other]).json();
    assert_eq!(code, 0, "{err}");
}

#[test]
fn a_table_says_how_each_case_went() {
    let cases = [case("fine", "5", "allow"), case("wrong", "5", "deny")];
    let (code, out, _) = Setting::new(&map(&json!([])), &cases).run(&[]);
    let row = |id: &str| out.lines().find(|line| line.contains(id)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(code, 2);
    assert_eq!(row("fine"), ["fine", "allow", "allow", "reprice"]);
    assert_eq!(row("wrong"), ["wrong", "deny", "allow", "differs", "reprice"]);
}

#[test]
fn what_cannot_be_read_is_one_line_and_exit_code_1() {
    let of = |map: &Value, cases: &[Value]| {
        let (code, _, err) = Setting::new(map, cases).run(&[]);
        assert_eq!((code, err.lines().count()), (1, 1), "{err}");
        err
    };
    let mut unmapped = case("one", "5", "allow");
    unmapped["policy_intent"] = json!("Q");
    let err = of(&map(&json!([])), &[unmapped]);
    assert!(err.ends_with("cases.ndjson, line 1: the map has no intent `Q`; add it to `intents`\n"), "{err}");
    let mut two_bodies = case("one", "5", "allow");
    two_bodies["request"]["body_base64"] = json!("AA==");
    let err = of(&map(&json!([])), &[two_bodies]);
    assert!(err.contains("line 1: not a case: it has a `body` and a `body_base64`;"), "{err}");
    let err = of(&map(&json!([])), &[json!({ "id": "one" })]);
    assert!(err.contains("line 1: not a case: missing field"), "{err}");
    let passes = json!([{ "for": "current_value", "rules": [], "expect": "approve", "got": "allow" }]);
    let err = of(&map(&passes), &[]);
    assert!(err.contains("is not a map of cases: intent `P`, wait 0: `got` is `allow`;"), "{err}");
    for (state, unknown) in [
        (json!({ "resources": { "products": { "resource": "shop:product" } } }), "resource `shop:product`"),
        (json!({ "counters": { "writes": { "counter": "reprice/pac" } } }), "counter `reprice/pac`"),
    ] {
        let mut mistaken = map(&json!([]));
        mistaken["intents"]["P"]["state"] = state;
        let err = of(&mistaken, &[]);
        assert!(err.contains(&format!("intent `P`: the page of `price-agent` has no {unknown};")), "{err}");
    }
}
