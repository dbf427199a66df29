//! Bundles: what is changed, torn or of another format is refused whole; what loads is judged by without a panic.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy_core::compile::compile;
use policy_core::{PolicySet, bundle};
use serde_json::{Value, json as value};
use support::pages::{shop_page, sources, tables_page};
use support::{Request, check, json, judge, policy, request};

/// A set with something of everything: patterns, filters, values, rows, forbids, suffixes.
fn sealed() -> Vec<u8> {
    let page = shop_page(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.update[category=a]", "fields": { "only": ["price", "category"], "require": ["price"] },
               "limits": [{ "field": "price", "pattern": "[0-9]" }, { "field": "worth", "max": 5, "when": [{ "field": "stock", "min": 1 }] }] },
             { "id": "r", "scope": "shop:products.list", "query": { "only": ["a"] } }],
             "forbid": [{ "id": "f", "endpoint": ["shop:GET /files/{x:path}", "shop:GET /exports/{x:text}.csv"] }] }"#,
    );
    bundle::seal(&compile(&sources(&[page])).set.expect("it compiles")).expect("it is sealed")
}

fn envelope(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("an envelope is JSON")
}

fn with_payload(payload: &[u8]) -> Vec<u8> {
    value!({ "format": bundle::FORMAT, "digest": bundle::digest_of(payload), "payload": STANDARD.encode(payload) })
        .to_string()
        .into_bytes()
}

fn requests() -> Vec<Request> {
    vec![
        request("GET /v3/products?a=1"),
        request("GET /v3/files/a/b"),
        request("GET /v3/exports/a.csv"),
        request("GET /v3/nowhere"),
        json("PUT /v3/products/1", r#"{"price":"5","category":"a","stock":2}"#),
        json("POST /v3/products/batch", r#"{"update":[{"id":1,"price":1,"category":"a"}],"delete":[3]}"#),
    ]
}

#[track_caller]
fn refused(bytes: &[u8], says: &str) {
    let error = bundle::load(bytes).expect_err("it must not load").to_string();
    assert!(error.contains(says), "{error}");
    assert!(!error.contains('\n') && error.len() < 300, "one short line: {error}");
}

#[test]
fn what_was_sealed_loads_and_keeps_its_digest() {
    let bytes = sealed();
    let set = bundle::load(&bytes).unwrap();
    assert_eq!(envelope(&bytes)["digest"], set.digest());
    assert_eq!(set.agents(), 1);
    assert_eq!(sealed(), bytes, "the same documents give the same bytes");
}

#[test]
fn an_envelope_that_is_none_is_refused() {
    refused(b"", "not an Ambit bundle");
    refused(b"{}", "not an Ambit bundle");
    refused(b"\xff", "not an Ambit bundle");
    let bytes = sealed();
    refused(&bytes[..bytes.len() - 1], "not an Ambit bundle");
    let changed = |name: &str, to: Value| {
        let mut envelope = envelope(&bytes);
        envelope[name] = to;
        envelope.to_string().into_bytes()
    };
    refused(&changed("format", value!("ambit-bundle/1")), "`format` is `ambit-bundle/1`");
    refused(&changed("format", value!(1)), "not an Ambit bundle");
    refused(&changed("signatures", value!(["x"])), "`signatures`");
    refused(&changed("payload", value!("*")), "`payload` is not base64");
    refused(&changed("payload", value!("")), "`digest` is");
    refused(&changed("digest", value!("sha256:00")), "`digest` is `sha256:00`");
    refused(&changed("more", value!(1)), "not an Ambit bundle");
}

#[test]
fn a_changed_payload_is_refused_by_its_digest() {
    let bytes = sealed();
    let payload = STANDARD.decode(envelope(&bytes)["payload"].as_str().unwrap()).unwrap();
    for at in (0..payload.len()).step_by(37) {
        let mut changed = payload.clone();
        changed[at] ^= 1;
        let mut envelope = envelope(&bytes);
        envelope["payload"] = value!(STANDARD.encode(&changed));
        refused(envelope.to_string().as_bytes(), "`digest` is");
    }
}

/// A payload of any bytes, under the digest that goes with it, is an error, or a set that judges without a panic.
#[test]
fn a_torn_payload_never_panics() {
    let bytes = sealed();
    let payload = STANDARD.decode(envelope(&bytes)["payload"].as_str().unwrap()).unwrap();
    let requests = requests();
    let survives = |payload: &[u8]| {
        let Ok(set) = bundle::load(&with_payload(payload)) else { return };
        let set: Arc<PolicySet> = Arc::new(set);
        for request in &requests {
            let outcome = judge(&set, request);
            let _ = (outcome.problem(&set), outcome.decision_json(&set));
        }
    };
    for cut in 0..payload.len() {
        assert!(bundle::load(&with_payload(&payload[..cut])).is_err(), "cut at {cut}");
    }
    for at in 0..payload.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut torn = payload.clone();
            torn[at] ^= change;
            survives(&torn);
        }
    }
}

/// A set travels whole: what two pages say is what they say after sealing and loading.
#[test]
fn a_set_of_two_apis_travels() {
    let shop = shop_page(r#"{ "permit": [{ "id": "s", "scope": "shop:products.read" }] }"#);
    let tables = tables_page(
        r#"{ "agent": { "name": "keeper" }, "permit": [{ "id": "t", "scope": "db:rows.read[table=a]" }] }"#,
    );
    let set = policy(&sources(&[shop, tables]));
    assert_eq!(set.agents(), 2);
    check(&set, &request("GET /v3/products"), "allow s");
    check(&set, &request("GET /rest/v1/a"), "deny: endpoint_not_allowed");
    check(&set, &request("GET /rest/v1/a").set("x-agent", Some("keeper")), "allow t");
}

/// Bytes behind the policy set are not ignored.
#[test]
fn trailing_bytes_are_refused() {
    let bytes = sealed();
    let payload = STANDARD.decode(envelope(&bytes)["payload"].as_str().unwrap()).unwrap();
    assert!(bundle::load(&with_payload(&payload)).is_ok());
    for more in [&b"\0"[..], b"junk", &payload] {
        let longer = [&payload, more].concat();
        refused(&with_payload(&longer), &format!("`payload` goes on for {} bytes", more.len()));
    }
}

/// E8: what a broken bundle holds does not break the log's lines.
#[test]
fn a_refusal_is_one_bounded_line() {
    let long = "x".repeat(5_000);
    for member in ["line\\nend", "return\\rhere", "\\u0085", long.as_str()] {
        let bundle = format!(r#"{{"{member}": 1}}"#);
        let why = bundle::load(bundle.as_bytes()).expect_err("no bundle").to_string();
        assert!(!why.chars().any(char::is_control), "{why}");
        assert!(why.chars().count() <= 1_000, "{} characters", why.chars().count());
        assert!(why.starts_with("not an Ambit bundle: unknown field"), "{why}");
    }
}
