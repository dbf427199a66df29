//! A4, A8: `ambit evaluate` and `ambit cases` with rules on resources as they are now.

use std::fs;

use serde_json::{Value, json};

use crate::ambit::ambit;
use crate::day::Day;
use crate::policy_directory::store;

const PRODUCT: &str = "https://shop.example.com/v1/products/1";

fn evaluate(body: &str, more: &[&str]) -> (i32, String, String) {
    let policies = store();
    let request = ["evaluate", PRODUCT, "-X", "PUT", "--json", body, "--agent", "keeper"];
    let around = ["--policies", policies.to_str().unwrap(), "--now", "2026-11-20T12:00:00Z"];
    ambit(&[&request[..], &around, more].concat())
}

#[test]
fn an_explanation_names_what_was_looked_up() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("now.json");
    fs::write(&state, r#"{"resources":{"products":{"1":{"price":"10.00"}}}}"#).unwrap();
    let state = ["--state", state.to_str().unwrap()];
    let (code, out, err) = evaluate(r#"{"price":"11.00"}"#, &[&state[..], &["--expect", "allow"]].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let lookup = "\nlooked up\n  GET shop.example.com/v1/products/1: 200, known in part\n";
    assert!(out.starts_with("allow, by rule `reprice`\n") && out.contains(lookup), "{out}");
    let (code, out, _) = evaluate(r#"{"price":"12.00"}"#, &[&state[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["decision"]), (0, &json!("deny")));
    let lookups = json!([{ "call": "GET shop.example.com/v1/products/1", "answer": "200, known in part" }]);
    assert_eq!(report["lookups"], lookups);
}

#[test]
fn without_an_answer_a_request_is_undecidable() {
    let (code, out, _) = evaluate(r#"{"price":"11.00"}"#, &["--expect", "undecidable"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("undecidable, by rule `reprice`\n  current value not in the recording"), "{out}");
    assert!(out.contains("\nlooked up\n  GET shop.example.com/v1/products/1: not known\n"), "{out}");
    let (code, out, _) = evaluate(r#"{"price":"11.00"}"#, &["--assume", "products/1.price=10", "--expect", "allow"]);
    assert_eq!(code, 0, "{out}");
    // What is refused anyway looks nothing up.
    let (_, out, _) = evaluate(r#"{"name":"x"}"#, &[]);
    assert!(out.starts_with("deny") && !out.contains("looked up"), "{out}");
}

/// A request of a recording is judged by what came before it, as a replay does.
#[test]
fn the_entries_before_say_what_is_there() {
    let product = |price: &str| format!(r#"200 {{"id":1,"price":"{price}"}}"#);
    let day = Day::new()
        .exchange("GET /v1/products/1", &product("10.00"))
        .exchange(r#"PUT /v1/products/1 {"price":"11.00"}"#, &product("11.00"))
        .exchange("GET /v1/products/1", &product("90.00"));
    let (file, policies) = (day.recording(), store());
    let arguments = ["evaluate", "--file", &file, "--index", "1", "--policies", policies.to_str().unwrap()];
    let (_, out, err) = ambit(&arguments);
    assert!(out.starts_with("allow, by rule `reprice`\n"), "{out}{err}");
    assert!(out.contains("GET shop.example.com/v1/products/1: 200\n"), "{out}");
}

/// A case of the store: the request, what is there, the verdict that is right.
fn case(id: &str, (method, path, body): (&str, &str, &Value), resources: &Value, expect: &str) -> Value {
    json!({
        "id": id, "category": "present", "policy_intent": "P", "expect": expect,
        "request": {
            "method": method, "path": path, "body": body.to_string(),
            "headers": [["host", "shop.example.com"], ["content-type", "application/json"]],
        },
        "state": { "resources": resources },
    })
}

/// The names of `state` are those of fields; what it does not hold is not there.
#[test]
fn cases_are_judged_by_what_their_state_says() {
    let put = |id: &str, what: &Value, resources: Value, expect: &str| {
        case(id, ("PUT", "/v1/products/1", what), &json!({ "goods": resources }), expect)
    };
    let price = json!({ "price": "11.00" });
    let sale = json!({ "sale_price": "11.00" });
    let variation = json!({ "kinds": { "5": { "parent": 9, "price": "10.00" } } });
    let cases = [
        put("within", &price, json!({ "1": { "cost": "10.00" } }), "allow"),
        put("beyond", &price, json!({ "1": { "cost": "9.00" } }), "deny"),
        put("a number", &price, json!({ "1": { "cost": 10.5 } }), "allow"),
        put("another", &price, json!({ "2": { "cost": "10.00" } }), "deny"),
        put("none", &price, json!({ "1": null }), "deny"),
        put("late", &price, json!({ "1": "timeout" }), "deny"),
        put("away", &price, json!({ "1": 503 }), "deny"),
        // Whole: there is no sale price, so the price counts.
        put("toy", &sale, json!({ "1": { "cost": "10.00", "categories": ["wood", "toys"] } }), "allow"),
        put("no toy", &sale, json!({ "1": { "cost": "10.00", "categories": ["wood"] } }), "deny"),
        case("parent", ("PUT", "/v1/products/9/variations/5", &price), &variation, "allow"),
        case("other parent", ("PUT", "/v1/products/8/variations/5", &price), &variation, "deny"),
        case(
            "batch",
            (
                "POST",
                "/v1/products/batch",
                &json!({ "update": [{ "id": 1, "price": "11" }, { "id": 2, "price": "22" }] }),
            ),
            &json!({ "goods": { "1": { "cost": "10.00" }, "2": { "cost": "20.00" } } }),
            "allow",
        ),
        case(
            "order",
            (
                "POST",
                "/v1/orders",
                &json!({ "lines": [{ "product": 1, "quantity": 3 }, { "product": 2, "quantity": 2 }] }),
            ),
            &json!({ "goods": { "1": { "cost": "20.00" }, "2": { "cost": "20.01" } } }),
            "deny",
        ),
    ];
    let map = json!({
        "now": "2026-11-20T12:00:00Z",
        "intents": { "P": { "agent": "keeper", "state": { "resources": {
            "goods": { "resource": "shop:products", "fields": { "cost": "price" } },
            "kinds": { "resource": "variations" } } } } },
    });
    let directory = tempfile::tempdir().unwrap();
    let [file, map_file] = ["cases.ndjson", "map.json"].map(|name| directory.path().join(name));
    fs::write(&file, cases.map(|case| case.to_string()).join("\n")).unwrap();
    fs::write(&map_file, map.to_string()).unwrap();
    let policies = store();
    let judged = |engine: &str| {
        let paths = [&file, &policies, &map_file].map(|path| path.to_str().unwrap());
        let arguments = ["cases", paths[0], "--policies", paths[1], "--map", paths[2], "--engine", engine];
        let (code, out, err) = ambit(&[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(code, 0, "{engine}: {err}");
        out
    };
    let native = judged("native");
    assert_eq!(native, judged("wasm"));
    assert_eq!(native.lines().count(), 13);
}

#[test]
fn a_state_that_says_nothing_is_a_mistake() {
    let directory = tempfile::tempdir().unwrap();
    let [file, map] = ["cases.ndjson", "map.json"].map(|name| directory.path().join(name));
    fs::write(&map, r#"{"now":"2026-11-20T12:00:00Z","intents":{"P":{"agent":"keeper"}}}"#).unwrap();
    let body = json!({ "price": "11.00" });
    let late = case("late", ("PUT", "/v1/products/1", &body), &json!({ "products": { "1": "late" } }), "deny");
    fs::write(&file, late.to_string()).unwrap();
    let policies = store();
    let paths = [&file, &policies, &map].map(|path| path.to_str().unwrap());
    let (code, _, err) = ambit(&["cases", paths[0], "--policies", paths[1], "--map", paths[2], "--engine", "native"]);
    assert_eq!((code, err.lines().count()), (1, 1), "{err}");
    assert!(
        err.contains("not a case: in `state`, `resources.products.1` is \"late\": write an object, a status"),
        "{err}"
    );
}
