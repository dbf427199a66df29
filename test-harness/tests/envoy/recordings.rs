//! Every bundled recording through a live Envoy: the decisions are those of the native core (and so, by the agreement
//! tests, of the module in the harness), and nothing but what is allowed reaches the upstream.

#[path = "../support/library.rs"]
mod library;

use std::sync::Arc;

use policy_core::compile::{Source, SourceKind, compile};
use policy_core::{Outcome, PolicySet, Timestamp};
use serde_json::Value;
use test_harness::recording::{Exchange, RecordedBody};
use test_harness::replay::NativeEngine;

use crate::client_h1::{self, RequestHead};
use crate::config::Gateway;
use crate::upstream::Upstream;

/// The library's policies, valid whenever this test runs: a live gateway judges by its own clock.
fn policies() -> (String, Arc<PolicySet>) {
    let folder = library::folder();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{e}"));
    let mut sources = Vec::new();
    let mut add = |path: &std::path::Path, kind| {
        let mut text = read(path);
        if kind == SourceKind::Template {
            let mut template: Value = serde_json::from_str(&text).expect("a template is JSON");
            template["valid"] = serde_json::json!({ "from": "2000-01-01T00:00:00Z", "until": "2200-01-01T00:00:00Z" });
            text = template.to_string();
        }
        sources.push(Source { name: path.display().to_string(), kind, text });
    };
    add(&folder.join("gateway.json"), SourceKind::Gateway);
    let json = |folder: &std::path::Path| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}"));
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect()
    };
    for path in json(&folder.join("catalogs")) {
        add(&path, SourceKind::Catalog);
    }
    for path in json(&folder) {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent-policy-")) {
            add(&path, SourceKind::Template);
        }
    }
    let compiled = compile(&sources);
    let set = compiled.set.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let bundle = policy_core::bundle::seal(&set).expect("the set seals");
    let set = policy_core::bundle::load(&bundle).expect("the bundle loads");
    (String::from_utf8(bundle).expect("a bundle is text"), Arc::new(set))
}

/// The recorded request as bytes on the wire.
fn wire(exchange: &Exchange) -> Vec<u8> {
    let request = &exchange.request;
    let pseudo = |name: &[u8]| {
        let value = request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        String::from_utf8(value.expect("a pseudo-header")).expect("text")
    };
    let mut head = RequestHead::new(&pseudo(b":method"), &pseudo(b":path"), &pseudo(b":authority"));
    for (name, value) in &request.headers {
        let name = String::from_utf8_lossy(name);
        // The gateway of the recording added its own headers; this one does so again.
        let own = name.starts_with(':') || name.starts_with("x-envoy-") || name == "content-length" || name == "host";
        if !own {
            head = head.header(&name, value);
        }
    }
    match &request.body {
        RecordedBody::Empty if exchange.request.headers.iter().any(|(name, _)| name == b"content-length") => {
            head.with_body(b"")
        }
        RecordedBody::Empty => head.bytes(),
        RecordedBody::Complete(body) => head.with_body(body),
        other => panic!("{}: {other:?}", exchange.position),
    }
}

fn live(line: &Value) -> (String, Option<String>, Vec<String>) {
    let decision: Value = serde_json::from_str(line["decision"].as_str().expect("a decision")).expect("JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let reasons = decision["reasons"].as_array().map(|codes| codes.iter().filter_map(text).collect());
    (text(&decision["decision"]).expect("a word"), text(&decision["rule"]), reasons.unwrap_or_default())
}

fn native(outcome: &Outcome) -> (String, Option<String>, Vec<String>) {
    let codes = outcome.reasons.iter().map(|reason| reason.code.text().to_owned()).collect();
    (outcome.decision.name().to_owned(), outcome.rule.clone(), codes)
}

/// G1, F1.
#[tokio::test]
async fn every_recording_is_decided_as_the_native_core_decides_it() {
    let (bundle, set) = policies();
    let engine = NativeEngine::new(Arc::clone(&set));
    let upstream = Upstream::http1().await;
    let envoy = Gateway::to(&upstream).with_static(&bundle).start().await;
    let now = Timestamp::parse("2026-11-20T12:00:00Z").expect("a time");
    let mut expected = Vec::new();
    for (_, path) in library::scenarios() {
        for exchange in library::exchanges(&path) {
            // HAR files of the library lack the bodies of some requests: a gateway always sees them.
            if matches!(exchange.request.body, RecordedBody::Missing { .. }) {
                continue;
            }
            let bytes = wire(&exchange);
            let status = if bytes.starts_with(b"HEAD ") {
                client_h1::exchange_head(envoy.address, &bytes).await
            } else {
                client_h1::exchange(envoy.address, &bytes).await.status
            };
            let outcome = engine.outcome(&exchange.request, now);
            // A refused call of JSON-RPC is answered with 200: what was refused has no other status than its reply.
            let due = if outcome.forward { 200 } else { outcome.reply(&set).status };
            assert_eq!(status, due, "{}", exchange.position);
            expected.push((exchange.position.to_string(), native(&outcome)));
        }
    }
    assert!(expected.len() > 400, "{} requests", expected.len());
    let lines = envoy.access_log(expected.len()).await;
    assert_eq!(lines.len(), expected.len());
    for ((position, native), line) in expected.iter().zip(&lines) {
        assert_eq!(*native, live(line), "{position}");
    }
    let allowed = expected.iter().filter(|(_, (decision, ..))| decision == "allow").count();
    assert_eq!(upstream.received().len(), allowed);
}
