//! C4, F5: tripwires over a replay: which trip, when and by what; where the world is enforced they pause, in a recording they are only
//! told. Both engines, which must say the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

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

/// A shop whose answers say in `error` that they failed; prices may move by half.
fn shop(tripwires: &Value) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().join("policies");
    fs::create_dir_all(policies.join("catalogs")).unwrap();
    let gateway = json!({
        "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }],
        "lookups": { "clusters": { "shop.example.com": "lookups" } }
    });
    let catalog = json!({
        "catalog": "shop", "base": "/v1", "errors": { "ok_status_failures": "/error" },
        "resources": { "products": {
            "key": "path.id",
            "current": { "try": [{ "get": "/products/{id}" }], "same": { "id": "id" } },
            "fields": { "id": { "at": "/id" }, "price": { "at": "/price", "type": "decimal" }, "note": { "at": "/note" } },
            "actions": {
                "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
                "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" }
            }
        } }
    });
    let page = json!({
        "ambit": "v1", "agent": { "name": "keeper", "purpose": "keep the shop", "impact": "high" }, "version": "1",
        "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" }, "mode": "enforce",
        "apis": { "shop": { "catalog": "shop", "hosts": ["shop.example.com"] } },
        "permit": [
            { "id": "look", "scope": "shop:products.get" },
            {
                "id": "reprice", "scope": "shop:products.update", "fields": { "only": ["price", "note"] },
                "limits": [{ "id": "most", "field": "price", "change": { "percent": 50 } }]
            }
        ],
        "tripwires": tripwires,
        "owners": { "product": "shop@example.com" }
    });
    for (file, document) in
        [("gateway.json", gateway), ("catalogs/shop.json", catalog), ("agent-policy-20261120-keeper.json", page)]
    {
        fs::write(policies.join(file), document.to_string()).unwrap();
    }
    directory
}

/// One exchange: request line, body, status, body of the response.
type Sent = (&'static str, Value, u16, Value);

/// A recording of these, two seconds apart.
fn record(directory: &Path, exchanges: &[Sent]) -> String {
    let lines = exchanges.iter().enumerate().map(|(at, (request, body, status, answer))| {
        let (method, path) = request.split_once(' ').unwrap();
        let mut line = json!({
            "time": format!("2026-11-20T08:00:{:02}Z", 2 * at), "method": method, "path": path, "host": "shop.example.com",
            "scheme": "https", "headers": [["x-agent-name", "keeper"], ["content-type", "application/json"]],
            "response": { "status": status, "headers": [["content-type", "application/json"]], "body": answer.to_string() }
        });
        if method == "GET" {
            line["headers"] = json!([["x-agent-name", "keeper"]]);
        } else {
            line["body"] = body.to_string().into();
        }
        format!("{line}\n")
    });
    let file = directory.join("day.ndjson");
    fs::write(&file, lines.collect::<String>()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The report of a replay; both engines have said the same.
fn replayed(shop: &TempDir, exchanges: &[Sent], world: &str) -> Value {
    let file = record(shop.path(), exchanges);
    let policies = shop.path().join("policies");
    let report = |engine: &str| {
        let policies = policies.to_str().unwrap();
        let arguments = ["replay", &file, "--policies", policies, "--engine", engine, "--world", world];
        let (code, out, err) = ambit(&[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(code, 0, "{err}");
        let mut report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["engine"].take(), engine);
        report
    };
    let native = report("native");
    assert_eq!(native, report("wasm"));
    native
}

/// Decisions by their first letters.
fn decisions(report: &Value) -> String {
    report["decisions"].as_array().unwrap().iter().map(|decided| &decided["decision"].as_str().unwrap()[..1]).collect()
}

/// `TIME TRIPWIRE COUNTED` of each trip.
fn trips(report: &Value) -> Vec<String> {
    let all = report["tripwires"].as_array().unwrap().iter();
    let one = |trip: &Value| {
        let time = trip["time"].as_str().unwrap();
        format!("{} {} {}", &time[17..19], trip["tripwire"].as_str().unwrap(), trip["counted"])
    };
    all.map(one).collect()
}

fn note(status: u16, answer: Value) -> Sent {
    ("PUT /v1/products/1", json!({ "note": "x" }), status, answer)
}

fn failed() -> Sent {
    note(200, json!({ "error": { "code": "busy" } }))
}

fn look() -> Sent {
    ("GET /v1/products/1", json!({}), 200, json!({ "id": 1, "price": "10.00" }))
}

/// C4: failures inside a 200 count; enforced, writes are paused and reads go on; recorded, it is told again and again.
#[test]
fn failures_of_a_recording() {
    let tripwire = json!({ "id": "failures", "count": "failed", "window": "5m", "max": 2, "then": "pause_writes" });
    let shop = shop(&json!([tripwire]));
    let done = || note(200, json!({ "id": 1, "error": null }));
    let day = [failed(), done(), note(503, json!({})), look(), failed(), done(), look(), failed(), failed(), failed()];

    let recorded = replayed(&shop, &day, "recorded");
    assert_eq!(decisions(&recorded), "a".repeat(10));
    assert_eq!(trips(&recorded), ["08 failures 3", "18 failures 3"]);
    let trip = &recorded["tripwires"][0];
    assert_eq!((&trip["only_told"], &trip["max"], &trip["then"]), (&json!(true), &json!(2), &json!("pause_writes")));
    let last = trip["actions"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &last["failed"], &last["rule"]), (&json!(200), &json!(true), &json!("reprice")));

    let enforced = replayed(&shop, &day, "enforced");
    assert_eq!(decisions(&enforced), "aaaaadaddd");
    assert_eq!(trips(&enforced), ["08 failures 3"]);
    assert_eq!(enforced["tripwires"][0]["only_told"], Value::Null);
    let refused = &enforced["decisions"][5]["reasons"][0];
    assert_eq!(refused["code"], "paused");
}

/// C4: a value that is set back, by what the recording shows it to have been.
#[test]
fn reverts_of_a_recording() {
    let tripwire =
        json!({ "id": "reverts", "count": "reverts", "window": "1h", "max": 0, "then": "pause_agent", "until": "4s" });
    let shop = shop(&json!([tripwire]));
    let price = |price: &'static str| {
        ("PUT /v1/products/1", json!({ "price": price }), 200, json!({ "id": 1, "price": price }))
    };
    let day = [look(), price("12.00"), price("13.00"), price("10"), look(), look(), price("13.00")];
    let recorded = replayed(&shop, &day, "recorded");
    assert_eq!(decisions(&recorded), "aaaaaaa");
    assert_eq!(trips(&recorded), ["06 reverts 1", "12 reverts 1"]);
    let enforced = replayed(&shop, &day, "enforced");
    assert_eq!(decisions(&enforced), "aaaadaa");
    assert_eq!(trips(&enforced), ["06 reverts 1", "12 reverts 1"]);
}

/// The table says what JSON does, and that there are tripwires where none has tripped.
#[test]
fn the_table() {
    let tripwire =
        json!({ "id": "failures", "count": "failed", "window": "5m", "max": 1, "then": "pause_writes", "until": "1h" });
    let shop = shop(&json!([tripwire]));
    let told = |day: &[Sent]| {
        let file = record(shop.path(), day);
        let policies = shop.path().join("policies");
        let (code, out, err) =
            ambit(&["replay", &file, "--policies", policies.to_str().unwrap(), "--engine", "native"]);
        assert_eq!(code, 0, "{err}");
        out
    };
    let table = told(&[failed(), failed()]);
    let row = table.lines().find(|line| line.contains("2026-11-20T08:00:02Z")).unwrap();
    for part in ["keeper", "failures", "2 failed", "1 in 300s", "would pause writes until 2026-11-20T09:00:02Z"] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert!(told(&[failed()]).ends_with("\nTripwires: none of them tripped\n"));
}
