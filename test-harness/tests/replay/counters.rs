//! A9, A10, A11, F3: counters over a replay: what a recording shows was done is used up, or only what would have passed;
//! `--counters` says how much.

use std::path::Path;

use serde_json::{Value, json};

use crate::ambit::ambit;
use crate::day::Day;
use crate::library;
use crate::shop::{self, Shop, decisions};

/// A shop whose agent may write three prices a minute, move each by a tenth a day and spend 100 a day.
fn shop() -> Shop {
    Shop::open(&json!({
        "approvers": { "lead": {} },
        "permit": [
            { "id": "look", "scope": "shop:products.get" },
            {
                "id": "reprice", "scope": "shop:products.update", "fields": { "only": ["price"] },
                "limits": [{ "id": "most", "field": "price", "max": 500 }],
                "counters": [
                    { "id": "pace", "count": "requests", "max": 3, "window": "1m", "charge": "attempt" },
                    {
                        "id": "moved", "drift": "net", "field": "price", "per": ["resource"], "window": "24h",
                        "max": { "percent": 10 }, "beyond": { "approval": "lead" }
                    }
                ]
            },
            {
                "id": "order", "scope": "shop:orders.create", "fields": { "only": ["total", "note"], "require": ["total"] },
                "counters": [{ "id": "spend", "sum": "total", "max": "100.00", "window": "24h" }]
            }
        ]
    }))
}

/// Two seconds from one request to the next.
fn day() -> Day {
    Day::every(2)
}

fn order(total: &str) -> String {
    format!(r#"POST /v1/orders {{"total":"{total}"}}"#)
}

/// The report of a replay with counters.
#[track_caller]
fn replayed(policies: &Path, recording: &str, world: &str) -> Value {
    shop::replayed(policies, recording, &["--world", world, "--counters"])
}

fn counter<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut all = report["counters"].as_array().unwrap().iter();
    all.find(|counter| counter["counter"] == name).unwrap_or_else(|| panic!("no counter {name} in {report}"))
}

/// Orders of 60: the second does not fit. Recorded, it was paid all the same, and the third finds 120 used.
#[test]
fn what_a_recording_shows_was_done_is_used_up() {
    let shop = shop();
    let totals = ["60.00", "60.00", "40.00", "0.01"];
    let day = totals.iter().fold(day(), |day, total| day.exchange(&order(total), "201"));
    let (policies, file) = (shop.path(), day.recording());

    let recorded = replayed(policies, &file, "recorded");
    assert_eq!(decisions(&recorded), ["allow", "deny", "deny", "deny"]);
    let third = recorded["decisions"][2]["reasons"][0]["message"].as_str().unwrap();
    assert_eq!(third, "120 of 100 within 1d is used, and this is 40 more (counter `spend`)");
    let spend = counter(&recorded, "spend");
    assert_eq!((&spend["used"], &spend["asked"], &spend["spent"]), (&json!("160.01"), &json!("160.01"), &json!("60")));

    let enforced = replayed(policies, &file, "enforced");
    assert_eq!(decisions(&enforced), ["allow", "deny", "allow", "deny"]);
    let expected = json!({
        "agent": "keeper", "rule": "order", "counter": "spend", "counts": "sum", "window": "1d", "of": [], "max": "100",
        "used": "100", "percent": false, "at": "2026-11-20T08:00:04Z", "requests": 4, "passed": 2, "asked": "160.01",
        "spent": "100"
    });
    assert_eq!(counter(&enforced, "spend"), &expected);
}

/// An order that the upstream refused cost nothing; one that it may have taken did.
#[test]
fn what_certainly_did_nothing_is_given_back() {
    let shop = shop();
    let day = ["422", "503", "201"].iter().fold(day(), |day, status| day.exchange(&order("60.00"), status));
    for world in ["recorded", "enforced"] {
        let report = replayed(shop.path(), &day.recording(), world);
        assert_eq!(decisions(&report), ["allow", "allow", "deny"], "{world}");
    }
}

/// Attempts count whatever becomes of them, drift counts by what the price was when it first moved.
#[test]
fn attempts_and_drift_follow_the_recording() {
    let shop = shop();
    let put = |price: &str| format!(r#"PUT /v1/products/7 {{"price":"{price}"}}"#);
    let day = day()
        .exchange("GET /v1/products/7", r#"200 {"id":7,"price":"100.00"}"#)
        .exchange(&put("108.00"), "200")
        .exchange(&put("115.00"), "200")
        .exchange(&put("109.00"), "200")
        .exchange(&put("108.00"), "200");
    let (policies, file) = (shop.path(), day.recording());

    let recorded = replayed(policies, &file, "recorded");
    assert_eq!(decisions(&recorded), ["allow", "allow", "approval_required", "allow", "deny"]);
    let moved = counter(&recorded, "moved");
    assert_eq!(
        (&moved["used"], &moved["percent"], &moved["of"]),
        (&json!("15"), &json!(true), &json!(["shop:products/7"]))
    );
    assert_eq!(moved["asked"], Value::Null);
    // The fourth attempt was made.
    assert_eq!(counter(&recorded, "pace")["used"], "4");

    let enforced = replayed(policies, &file, "enforced");
    assert_eq!(decisions(&enforced), ["allow", "allow", "approval_required", "allow", "deny"]);
    assert_eq!(counter(&enforced, "moved")["used"], "9");
    assert_eq!(counter(&enforced, "pace")["used"], "3");
}

/// What is refused by another rule uses nothing up, and was done all the same where it is recorded.
#[test]
fn what_another_rule_refuses_is_counted_as_it_was_done() {
    let shop = shop();
    let day =
        day().exchange(r#"POST /v1/orders {"total":"90.00","gift":true}"#, "201").exchange(&order("20.00"), "201");
    let file = day.recording();
    assert_eq!(decisions(&replayed(shop.path(), &file, "recorded")), ["deny", "deny"]);
    assert_eq!(decisions(&replayed(shop.path(), &file, "enforced")), ["deny", "allow"]);
}

/// A11, s03: of the $47,141.22 that the recording shows, this much would have passed.
#[test]
fn the_money_that_passes_stands_beside_the_money_that_was_spent() {
    let recording = library::folder().join("recordings/s03-procurement-cases-vs-units.har");
    let recording = recording.to_str().unwrap();
    let spend = |world: &str| counter(&replayed(&library::folder(), recording, world), "spend-24h").clone();
    let recorded = spend("recorded");
    assert_eq!((&recorded["used"], &recorded["asked"]), (&json!("47141.22"), &json!("47141.22")));
    let enforced = spend("enforced");
    assert_eq!((&enforced["asked"], &enforced["max"]), (&json!("47141.22"), &json!("5000")));
    assert_eq!((&enforced["spent"], &enforced["passed"]), (&json!("4230.66"), &json!(6)));
    let policies = library::folder();
    let arguments = ["replay", recording, "--policies", policies.to_str().unwrap(), "--engine", "native"];
    let (_, table, _) = ambit(&[&arguments[..], &["--world", "enforced", "--counters"]].concat());
    let (_, counters) = table.split_once("\nCounters\n").unwrap_or_else(|| panic!("{table}"));
    let row = counters.lines().find(|line| line.contains("order/spend-24h")).unwrap_or_else(|| panic!("{table}"));
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[cells.len() - 2..], ["47141.22", "4230.66"]);
}

/// One request alone: nothing has been used before it. One of a recording comes after those before it.
#[test]
fn an_explanation_counts_what_came_before() {
    let shop = shop();
    let day = day().exchange(&order("60.00"), "201").exchange(&order("60.00"), "201");
    let file = day.recording();
    let policies = shop.path().to_str().unwrap();
    let evaluate = |index: &str, expect: &str| {
        let (code, out, err) =
            ambit(&["evaluate", "--file", &file, "--index", index, "--policies", policies, "--expect", expect]);
        assert_eq!(code, 0, "{out}{err}");
        out
    };
    evaluate("0", "allow");
    let second = evaluate("1", "deny");
    assert!(second.contains("budget_exceeded: 60 of 100 within 1d is used"), "{second}");
}
