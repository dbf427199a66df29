//! F1: what was replayed is what ships. The native core and the filter give the same judgement of every request, whatever
//! way its body arrives.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use test_harness::policies::Policies;
use test_harness::recording::Exchange;
use test_harness::replay::{Delivery, Judgement, NativeEngine, Trailers, Verdict, WasmEngine, find_module};
use test_harness::world::Values;

use crate::{judging, library, policy_directory};

/// The module that `cargo xtask wasm` has built.
fn module() -> Vec<u8> {
    find_module(None).unwrap_or_else(|e| panic!("{e}"))
}

/// Whole, byte by byte and in sevens; with trailers and without.
fn deliveries() -> Vec<Delivery> {
    let chunks = [None, NonZeroUsize::new(1), NonZeroUsize::new(7)];
    let trailers = [Trailers::AsRecorded, Trailers::Always, Trailers::Never];
    chunks.into_iter().flat_map(|chunk| trailers.map(|trailers| Delivery { chunk, trailers })).collect()
}

#[track_caller]
fn assert_same(exchanges: &[Exchange], native: &[Judgement], filter: &[Judgement], delivery: Delivery) {
    assert_eq!((native.len(), filter.len()), (exchanges.len(), exchanges.len()));
    for ((exchange, native), filter) in exchanges.iter().zip(native).zip(filter) {
        assert_eq!(filter, native, "{}, {delivery:?}", exchange.position);
    }
}

/// Each request of these recordings by itself, in every delivery.
#[track_caller]
fn assert_agree_alone(policies: &Policies, recordings: &[PathBuf]) {
    let mut native = judging::native(&policies.set);
    let mut filter = WasmEngine::new(&module(), &policies.bundle, Arc::clone(&policies.set)).unwrap();
    for delivery in deliveries() {
        filter = filter.with_delivery(delivery);
        for recording in recordings {
            let exchanges = library::exchanges(recording);
            assert!(!exchanges.is_empty());
            let (native, filter) = (judging::alone(&mut native, &exchanges), judging::alone(&mut filter, &exchanges));
            assert_same(&exchanges, &native, &filter, delivery);
        }
    }
}

#[test]
fn they_agree_on_the_librarys_recordings_request_by_request() {
    let policies = Policies::open(&library::folder()).unwrap();
    let recordings: Vec<PathBuf> = library::scenarios().into_iter().map(|(_, path)| path).collect();
    assert_eq!(recordings.len(), 7);
    assert_agree_alone(&policies, &recordings);
}

#[test]
fn they_agree_on_the_librarys_recordings_with_what_came_before() {
    let (bundle, set) = library::bundle();
    let one = NonZeroUsize::new(1);
    let mut requests = 0;
    for (chunk, trailers) in
        [(None, Trailers::Never), (None, Trailers::Always), (one, Trailers::Never), (one, Trailers::Always)]
    {
        let delivery = Delivery { chunk, trailers };
        let mut filter = WasmEngine::new(&module(), &bundle, Arc::clone(&set)).unwrap().with_delivery(delivery);
        let mut native = judging::native(&set);
        for (_, path) in library::scenarios() {
            let exchanges = library::exchanges(&path);
            let shipped = judging::in_turn(&mut filter, &set, &exchanges, Values::Recorded);
            let native = judging::in_turn(&mut native, &set, &exchanges, Values::Recorded);
            assert_same(&exchanges, &native, &shipped, delivery);
            requests += exchanges.len();
        }
    }
    assert_eq!(requests, 4 * 846);
}

#[test]
fn they_agree_on_bodies_that_are_missing_cut_or_too_large() {
    let data = policy_directory::price_agent();
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
    let verdicts: Vec<_> =
        judging::alone(&mut native, &library::exchanges(&recording)).iter().map(|j| j.verdict).collect();
    let (undecidable, deny) = (Verdict::Undecidable, Verdict::Deny);
    assert_eq!(verdicts, [undecidable, undecidable, undecidable, deny, deny, deny, Verdict::Allow]);
    assert_agree_alone(&policies, &[recording, data.join("day.ndjson")]);
}

/// A page in shadow answers nothing: the filter's event has the codes of the reasons, and no sentences.
#[test]
fn they_agree_on_a_page_in_shadow_but_for_the_sentences() {
    let directory = policy_directory::with_page(|page| page.replace(r#""enforce""#, r#""shadow""#));
    let policies = Policies::open(directory.path()).unwrap();
    let exchanges = library::exchanges(&policy_directory::price_agent().join("day.ndjson"));
    let mut wasm = WasmEngine::new(&module(), &policies.bundle, Arc::clone(&policies.set)).unwrap();
    let found = judging::alone(&mut wasm, &exchanges);
    let mut expected = judging::alone(&mut NativeEngine::new(Arc::clone(&policies.set)), &exchanges);
    assert!(expected.iter().any(|judgement| judgement.shadow && judgement.verdict == Verdict::Deny));
    for judgement in expected.iter_mut().filter(|judgement| judgement.shadow) {
        for reason in &mut judgement.reasons {
            (reason.message, reason.pointer) = (None, None);
        }
    }
    assert_eq!(found, expected);
}
