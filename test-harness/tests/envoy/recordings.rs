//! Every bundled recording through a live Envoy: the decisions are those of the native core (and so, by
//! `replay/engines.rs`, of the module in the harness), and nothing but what is allowed reaches the upstream.

use std::sync::Arc;

use policy_core::Timestamp;
use test_harness::recording::{Exchange, RecordedBody};
use test_harness::replay::NativeEngine;

use crate::client_h1::{self, RequestHead};
use crate::config::Gateway;
use crate::library;
use crate::library_live::{Decided, policies};
use crate::upstream::Upstream;

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

/// G1, F1.
#[tokio::test]
async fn every_recording_is_decided_as_the_native_core_decides_it() {
    let (bundle, set) = policies();
    let upstream = Upstream::http1().await;
    let envoy = Gateway::to(&upstream).with_static(&bundle).start().await;
    let now = Timestamp::parse("2026-11-20T12:00:00Z").expect("a time");
    // Both count since now, and the same requests.
    let engine = NativeEngine::counting(Arc::clone(&set), now).unwrap_or_else(|e| panic!("{e}"));
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
            expected.push((exchange.position.to_string(), Decided::natively(&outcome)));
        }
    }
    assert!(expected.len() > 400, "{} requests", expected.len());
    let lines = envoy.access_log(expected.len()).await;
    assert_eq!(lines.len(), expected.len());
    for ((position, native), line) in expected.iter().zip(&lines) {
        assert_eq!(Some(native), Decided::in_line(line).as_ref(), "{position}");
    }
    let allowed = expected.iter().filter(|(_, decided)| decided.decision == "allow").count();
    assert_eq!(upstream.received().len(), allowed);
}
