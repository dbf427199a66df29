//! A9, A10, A11, F5: counters over a replay: what a recording shows was done is used up, or only what would have passed; `--counters`
//! says how much. Both engines, which must say the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/library.rs"]
mod library;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The command, and what it says: exit code, standard output, standard error.
fn ambit(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("ambit").unwrap().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A shop whose agent may write three prices a minute, move each by a tenth a day and spend 100 a day.
fn shop() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().join("policies");
    fs::create_dir_all(policies.join("catalogs")).unwrap();
    let gateway = json!({
        "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }],
        "lookups": { "clusters": { "shop.example.com": "lookups" } }
    });
    let catalog = json!({
        "catalog": "shop", "base": "/v1",
        "resources": {
            "products": {
                "key": "path.id",
                "current": { "try": [{ "get": "/products/{id}" }], "same": { "id": "id" } },
                "fields": { "id": { "at": "/id" }, "price": { "at": "/price", "type": "decimal" } },
                "actions": {
                    "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
                    "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" }
                }
            },
            "orders": {
                "fields": { "total": { "at": "/total", "type": "decimal" }, "note": { "at": "/note" } },
                "actions": { "create": { "endpoints": ["POST /orders"], "effect": "door" } }
            }
        }
    });
    let page = json!({
        "ambit": "v1", "agent": { "name": "keeper", "purpose": "keep the shop", "impact": "high" }, "version": "1",
        "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" }, "mode": "enforce",
        "apis": { "shop": { "catalog": "shop", "hosts": ["shop.example.com"] } },
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
        ],
        "owners": { "product": "shop@example.com" }
    });
    for (file, document) in
        [("gateway.json", gateway), ("catalogs/shop.json", catalog), ("agent-policy-20261120-keeper.json", page)]
    {
        fs::write(policies.join(file), document.to_string()).unwrap();
    }
    directory
}

/// A recording of these requests, two seconds apart, with the status each got.
fn record(directory: &Path, requests: &[(&str, Value, u16)]) -> String {
    let lines = requests.iter().enumerate().map(|(at, (request, body, status))| {
        let (method, path) = request.split_once(' ').unwrap();
        let mut line = json!({
            "time": format!("2026-11-20T08:00:{:02}Z", 2 * at), "method": method, "path": path, "host": "shop.example.com",
            "scheme": "https", "headers": [["x-agent-name", "keeper"], ["content-type", "application/json"]],
            "response": { "status": status, "headers": [["content-type", "application/json"]] }
        });
        if method == "GET" {
            line["headers"] = json!([["x-agent-name", "keeper"]]);
            line["response"]["body"] = body.to_string().into();
        } else {
            line["body"] = body.to_string().into();
        }
        format!("{line}\n")
    });
    let file = directory.join("day.ndjson");
    fs::write(&file, lines.collect::<String>()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The report of a replay with counters; both engines have said the same.
fn replayed(policies: &Path, recording: &str, world: &str) -> Value {
    let report = |engine: &str| {
        let policies = policies.to_str().unwrap();
        let arguments = ["replay", recording, "--policies", policies, "--engine", engine, "--world", world];
        let (code, out, err) = ambit(&[&arguments[..], &["--counters", "--format", "json"]].concat());
        assert_eq!(code, 0, "{err}");
        let mut report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["engine"].take(), engine);
        report
    };
    let native = report("native");
    assert_eq!(native, report("wasm"));
    native
}

fn decisions(report: &Value) -> Vec<&str> {
    report["decisions"].as_array().unwrap().iter().map(|decided| decided["decision"].as_str().unwrap()).collect()
}

fn counter<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut all = report["counters"].as_array().unwrap().iter();
    all.find(|counter| counter["counter"] == name).unwrap_or_else(|| panic!("no counter {name} in {report}"))
}

/// Orders of 60: the second does not fit. Recorded, it was paid all the same, and the third finds 120 used.
#[test]
fn what_a_recording_shows_was_done_is_used_up() {
    let shop = shop();
    let order = |total: &str| ("POST /v1/orders", json!({ "total": total }), 201);
    let file = record(shop.path(), &[order("60.00"), order("60.00"), order("40.00"), order("0.01")]);
    let policies = shop.path().join("policies");

    let recorded = replayed(&policies, &file, "recorded");
    assert_eq!(decisions(&recorded), ["allow", "deny", "deny", "deny"]);
    let third = recorded["decisions"][2]["reasons"][0]["message"].as_str().unwrap();
    assert_eq!(third, "120 of 100 within 1d is used, and this is 40 more (counter `spend`)");
    let spend = counter(&recorded, "spend");
    assert_eq!((&spend["used"], &spend["asked"], &spend["spent"]), (&json!("160.01"), &json!("160.01"), &json!("60")));

    let enforced = replayed(&policies, &file, "enforced");
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
    let order = |status: u16| ("POST /v1/orders", json!({ "total": "60.00" }), status);
    let file = record(shop.path(), &[order(422), order(503), order(201)]);
    for world in ["recorded", "enforced"] {
        let report = replayed(&shop.path().join("policies"), &file, world);
        assert_eq!(decisions(&report), ["allow", "allow", "deny"], "{world}");
    }
}

/// Attempts count whatever becomes of them, drift counts by what the price was when it first moved.
#[test]
fn attempts_and_drift_follow_the_recording() {
    let shop = shop();
    let put = |price: &str| ("PUT /v1/products/7", json!({ "price": price }), 200);
    let get = ("GET /v1/products/7", json!({ "id": 7, "price": "100.00" }), 200);
    let file = record(shop.path(), &[get, put("108.00"), put("115.00"), put("109.00"), put("108.00")]);
    let policies = shop.path().join("policies");

    let recorded = replayed(&policies, &file, "recorded");
    assert_eq!(decisions(&recorded), ["allow", "allow", "approval_required", "allow", "deny"]);
    let moved = counter(&recorded, "moved");
    assert_eq!(
        (&moved["used"], &moved["percent"], &moved["of"]),
        (&json!("15"), &json!(true), &json!(["shop:products/7"]))
    );
    assert_eq!(moved["asked"], Value::Null);
    // The fourth attempt was made.
    assert_eq!(counter(&recorded, "pace")["used"], "4");

    let enforced = replayed(&policies, &file, "enforced");
    assert_eq!(decisions(&enforced), ["allow", "allow", "approval_required", "allow", "deny"]);
    assert_eq!(counter(&enforced, "moved")["used"], "9");
    assert_eq!(counter(&enforced, "pace")["used"], "3");
}

/// What is refused by another rule uses nothing up, and was done all the same where it is recorded.
#[test]
fn what_another_rule_refuses_is_counted_as_it_was_done() {
    let shop = shop();
    let order = |total: &str, more: Value| {
        let mut body = json!({ "total": total });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("POST /v1/orders", body, 201)
    };
    let file = record(shop.path(), &[order("90.00", json!({ "gift": true })), order("20.00", json!({}))]);
    let policies = shop.path().join("policies");
    assert_eq!(decisions(&replayed(&policies, &file, "recorded")), ["deny", "deny"]);
    assert_eq!(decisions(&replayed(&policies, &file, "enforced")), ["deny", "allow"]);
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
    let order = ("POST /v1/orders", json!({ "total": "60.00" }), 201);
    let file = record(shop.path(), &[order.clone(), order]);
    let policies = shop.path().join("policies");
    let evaluate = |index: &str, expect: &str| {
        let policies = policies.to_str().unwrap();
        let (code, out, err) =
            ambit(&["evaluate", "--file", &file, "--index", index, "--policies", policies, "--expect", expect]);
        assert_eq!(code, 0, "{out}{err}");
        out
    };
    evaluate("0", "allow");
    let second = evaluate("1", "deny");
    assert!(second.contains("budget_exceeded: 60 of 100 within 1d is used"), "{second}");
}
