//! Native core and real filter give the same judgement for every bundled recording, however a request is delivered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy_core::Timestamp;
use test_harness::policies::Policies;
use test_harness::recording::{Exchange, Recording};
use test_harness::replay::{Delivery, Engine, Judgement, NativeEngine, Trailers, Verdict, WasmEngine, find_module};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The module that `cargo xtask wasm` has built.
fn module() -> Vec<u8> {
    find_module(None).unwrap_or_else(|e| panic!("{e}"))
}

fn exchanges(path: &Path) -> Vec<Exchange> {
    Recording::open(path).unwrap().map(Result::unwrap).collect()
}

fn judge(engine: &mut dyn Engine, exchanges: &[Exchange]) -> Vec<Judgement> {
    exchanges.iter().map(|exchange| engine.judge(exchange, None).unwrap()).collect()
}

fn assert_agree(policies: &Policies, recordings: &[PathBuf], deliveries: &[Delivery]) {
    let module = module();
    let mut native = NativeEngine::counting(Arc::clone(&policies.set), Timestamp::default()).unwrap();
    let mut wasm = WasmEngine::new(&module, &policies.bundle, Arc::clone(&policies.set)).unwrap();
    for delivery in deliveries {
        wasm = wasm.with_delivery(*delivery);
        for recording in recordings {
            let exchanges = exchanges(recording);
            assert!(!exchanges.is_empty());
            let (expected, found) = (judge(&mut native, &exchanges), judge(&mut wasm, &exchanges));
            for ((exchange, expected), found) in exchanges.iter().zip(&expected).zip(&found) {
                assert_eq!(found, expected, "{}, {delivery:?}", exchange.position);
            }
        }
    }
}

fn deliveries() -> Vec<Delivery> {
    let chunks = [None, NonZeroUsize::new(1), NonZeroUsize::new(7)];
    let trailers = [Trailers::AsRecorded, Trailers::Always, Trailers::Never];
    chunks.into_iter().flat_map(|chunk| trailers.map(|trailers| Delivery { chunk, trailers })).collect()
}

#[test]
fn bundled_recordings() {
    let policies = Policies::open(&root().join("policies")).unwrap();
    let mut recordings: Vec<_> = fs::read_dir(root().join("policies/recordings"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('s'))
        .collect();
    recordings.sort();
    assert_eq!(recordings.len(), 7);
    assert_agree(&policies, &recordings, &deliveries());
}

#[test]
fn bodies_that_are_missing_cut_or_too_large() {
    let data = root().join("test-harness/tests/data/cli");
    let policies = Policies::open(&data.join("policies")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("bodies.ndjson");
    // The policies judge 1 KiB.
    let large = "x".repeat(1500);
    let bodies = [
        r#""body_missing":"not kept""#.to_owned(),
        r#""body":"{\"pri","body_truncated":"cut""#.to_owned(),
        r#""body_undecodable":"lost""#.to_owned(),
        format!(r#""body":"{large}""#),
        format!(r#""body":"{large}","body_truncated":"cut""#),
        r#""body":"""#.to_owned(),
        r#""body":"{\"price\":\"1\"}""#.to_owned(),
    ];
    let lines: Vec<_> = bodies
        .iter()
        .map(|body| {
            format!(
                r#"{{"time":"2026-11-20T08:00:00Z","method":"PUT","path":"/v1/products/7","host":"shop.example.com","headers":[["x-agent-name","price-agent"],["content-type","application/json"]],{body}}}"#
            )
        })
        .collect();
    fs::write(&recording, lines.join("\n")).unwrap();

    let mut native = NativeEngine::new(Arc::clone(&policies.set));
    let verdicts: Vec<_> = judge(&mut native, &exchanges(&recording)).iter().map(|j| j.verdict).collect();
    let (undecidable, deny) = (Verdict::Undecidable, Verdict::Deny);
    assert_eq!(verdicts, [undecidable, undecidable, undecidable, deny, deny, deny, Verdict::Allow]);
    assert_agree(&policies, &[recording, data.join("day.ndjson")], &deliveries());
}

/// A page in shadow answers nothing: the filter's event has the codes of the reasons, and no sentences.
#[test]
fn a_page_in_shadow_agrees_but_for_the_sentences() {
    let data = root().join("test-harness/tests/data/cli");
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("catalogs")).unwrap();
    for file in ["gateway.json", "catalogs/shop-v1.json", "agent-policy-20261120-price-agent.json"] {
        let text = fs::read_to_string(data.join("policies").join(file)).unwrap();
        fs::write(directory.path().join(file), text.replace(r#""enforce""#, r#""shadow""#)).unwrap();
    }
    let policies = Policies::open(directory.path()).unwrap();
    let exchanges = exchanges(&data.join("day.ndjson"));
    let mut wasm = WasmEngine::new(&module(), &policies.bundle, Arc::clone(&policies.set)).unwrap();
    let found = judge(&mut wasm, &exchanges);
    let mut expected = judge(&mut NativeEngine::new(Arc::clone(&policies.set)), &exchanges);
    assert!(expected.iter().any(|judgement| judgement.shadow && judgement.verdict == Verdict::Deny));
    for judgement in expected.iter_mut().filter(|judgement| judgement.shadow) {
        for reason in &mut judgement.reasons {
            (reason.message, reason.pointer) = (None, None);
        }
    }
    assert_eq!(found, expected);
}
