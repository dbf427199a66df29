//! C3: a candidate beside the library's policies, over every bundled recording: what is enforced stays as it is to the byte, and
//! both engines say the same of the candidate.

use std::path::Path;
use std::sync::Arc;

use policy_core::decision::Compared;
use serde_json::{Value, json};
use test_harness::host::{
    Callout, CalloutAnswer, Clock, HeaderMap, Module, Plugin, PluginOptions, RequestScript, SharedData, Vm, VmOptions,
};
use test_harness::policies::Policies;
use test_harness::recording::RecordedBody;
use test_harness::replay::{Judgement, WasmEngine, find_module};
use test_harness::world::Values;

use crate::{judging, library};

/// Pages that permit less: without their last permit, and with counters of one.
fn tighter(page: &mut Value) {
    let permits = page["permit"].as_array_mut().expect("permits");
    if permits.len() > 2 {
        permits.pop();
    }
    for permit in permits {
        for counter in permit.get_mut("counters").and_then(Value::as_array_mut).into_iter().flatten() {
            if counter.get("max").is_some_and(Value::is_number) {
                counter["max"] = json!(1);
            }
        }
    }
}

/// Pages that permit more: without limits and counters.
fn wider(page: &mut Value) {
    page["forbid"] = json!([]);
    for permit in page["permit"].as_array_mut().expect("permits") {
        let permit = permit.as_object_mut().expect("a permit");
        permit.remove("limits");
        permit.remove("counters");
    }
}

fn copy(from: &Path, to: &Path, change: fn(&mut Value)) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the library") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        if path.is_dir() && name == "catalogs" {
            copy(&path, &to.join(name), |_| {});
        } else if path.extension().is_some_and(|kind| kind == "json") {
            let text = std::fs::read_to_string(&path).expect("a document");
            let mut document: Value = serde_json::from_str(&text).expect("JSON");
            if name.to_string_lossy().starts_with("agent-policy") {
                change(&mut document);
            }
            std::fs::write(to.join(name), document.to_string()).expect("written");
        }
    }
}

/// The library with a changed copy of itself as its candidate.
fn beside(change: fn(&mut Value)) -> Policies {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&library::folder(), folder.path(), change);
    let library = Policies::open(&library::folder()).unwrap_or_else(|e| panic!("{e}"));
    library.with_candidate(folder.path()).unwrap_or_else(|e| panic!("{e}"))
}

/// The judgements of both engines on everything, and how often the candidate was the same, stricter, looser, undecidable.
fn compared(change: fn(&mut Value), values: Values) -> [usize; 4] {
    let policies = beside(change);
    let plain = Policies::open(&library::folder()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(policies.set.digest(), plain.set.digest(), "the enforced policies have the same name");
    let wasm = find_module(None).unwrap_or_else(|e| panic!("{e}"));
    let mut filter =
        WasmEngine::new(&wasm, &policies.bundle, Arc::clone(&policies.set)).unwrap_or_else(|e| panic!("{e}"));
    let (mut without, mut with) = (judging::native(&plain.set), judging::native(&policies.set));
    let mut counts = [0; 4];
    for (scenario, path) in library::scenarios() {
        let exchanges = library::exchanges(&path);
        let alone = judging::in_turn(&mut without, &plain.set, &exchanges, values);
        let both = judging::in_turn(&mut with, &policies.set, &exchanges, values);
        let shipped = judging::in_turn(&mut filter, &policies.set, &exchanges, values);
        for (((exchange, alone), both), shipped) in exchanges.iter().zip(alone).zip(both).zip(shipped) {
            let place = format!("{scenario}: {}", exchange.position);
            assert_eq!(both, shipped, "{place}");
            let candidate = both.candidate.clone().expect("each request is compared");
            assert_eq!(alone, Judgement { candidate: None, ..both }, "{place}");
            let at = Compared::ALL.iter().position(|word| *word == candidate.compared).expect("a word");
            counts[at] += 1;
        }
    }
    assert_eq!(counts.iter().sum::<usize>(), 846);
    counts
}

#[test]
fn a_tighter_candidate_is_stricter_and_never_looser() {
    assert_eq!(compared(tighter, Values::Recorded), [733, 113, 0, 0]);
}

#[test]
fn a_tighter_candidate_of_an_enforced_world() {
    assert_eq!(compared(tighter, Values::Enforced), [724, 122, 0, 0]);
}

#[test]
fn a_wider_candidate_is_looser_and_never_stricter() {
    assert_eq!(compared(wider, Values::Recorded), [720, 0, 126, 0]);
}

/// The same policies say the same, whatever they count and look up.
#[test]
fn a_candidate_that_is_no_other_is_always_the_same() {
    assert_eq!(compared(|_| {}, Values::Recorded), [846, 0, 0, 0]);
}

fn plugin(module: &Module, clock: &Clock, bundle: &[u8]) -> Plugin {
    let shared_data = SharedData::default();
    let options = VmOptions { clock: clock.clone(), shared_data, ..VmOptions::default() };
    Vm::new(module, options).unwrap().start(PluginOptions::new(bundle)).unwrap()
}

/// What reaches the upstream and the client, the calls that are made and the event are the same bytes, but for the event's
/// member on the candidate.
#[test]
fn what_is_enforced_is_the_same_to_the_byte() {
    let wasm = find_module(None).unwrap_or_else(|e| panic!("{e}"));
    let engine = test_harness::host::Engine::new(Default::default()).unwrap();
    let module = Module::new(&engine, &wasm).unwrap();
    let (bundle, _) = library::bundle();
    let mut seen = 0;
    for change in [tighter as fn(&mut Value), wider] {
        let clock = Clock::default();
        let alone = plugin(&module, &clock, &bundle);
        let both = plugin(&module, &clock, &beside(change).bundle);
        for (scenario, path) in library::scenarios() {
            for exchange in library::exchanges(&path) {
                let (Some(time), RecordedBody::Empty | RecordedBody::Complete(_)) =
                    (exchange.time, &exchange.request.body)
                else {
                    continue;
                };
                clock.set(u64::try_from(time.as_nanosecond()).unwrap());
                let mut script = RequestScript::new(exchange.request.headers.iter().cloned().collect());
                script.body = exchange.request.body.bytes().filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec);
                let run = |plugin: &Plugin| {
                    let mut calls = Vec::new();
                    let report = plugin
                        .run_request_with(&script, |callout: &Callout| {
                            calls.push((callout.cluster.clone(), callout.headers.clone(), callout.body.clone()));
                            Some(answer())
                        })
                        .unwrap();
                    let event = report.property(&["ambit.decision"]).expect("an event").to_vec();
                    (report.verdict, report.upstream, report.client, calls, event)
                };
                let (alone, both) = (run(&alone), run(&both));
                let cut = String::from_utf8(both.4.clone()).expect("JSON");
                let at = cut.find(",\"candidate\":{").expect("the candidate's judgement");
                let cut = format!("{}}}", &cut[..at]).into_bytes();
                assert_eq!(alone, (both.0, both.1, both.2, both.3, cut), "{scenario}: {}", exchange.position);
                seen += 1;
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}

/// An answer to any lookup.
fn answer() -> CalloutAnswer {
    CalloutAnswer::Response {
        headers: HeaderMap::from_iter([(":status", "200"), ("content-type", "application/json")]),
        body: br#"{"id":1,"price":"10"}"#.to_vec(),
        trailers: HeaderMap::default(),
    }
}
