//! F1: what was replayed is what ships. Every bundled recording is decided alike by the native core and by the module,
//! whatever way its bodies arrive; and where a label applies, the decision is the label's.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/library.rs"]
mod library;

use std::num::NonZeroUsize;

use test_harness::recording::Exchange;
use test_harness::replay::{
    Decided, Delivery, Engine, Judgement, Label, Manifest, Mismatch, NativeEngine, Numbering, Trailers, Verdict,
    WasmEngine, find_module,
};

fn judge(engine: &mut dyn Engine, exchanges: &[Exchange]) -> Vec<Judgement> {
    exchanges.iter().map(|exchange| engine.judge(exchange, None).unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[test]
fn native_and_wasm_agree_on_every_recording_and_delivery() {
    let (bundle, set) = library::bundle();
    let wasm = find_module(None).unwrap_or_else(|e| panic!("{e}"));
    let one = NonZeroUsize::new(1);
    let deliveries = [
        Delivery { chunk: None, trailers: Trailers::Never },
        Delivery { chunk: None, trailers: Trailers::Always },
        Delivery { chunk: one, trailers: Trailers::Never },
        Delivery { chunk: one, trailers: Trailers::Always },
    ];
    let mut engines: Vec<WasmEngine> = Vec::new();
    for delivery in deliveries {
        let engine = WasmEngine::new(&wasm, &bundle, set.clone()).unwrap_or_else(|e| panic!("{e}"));
        engines.push(engine.with_delivery(delivery));
    }
    let mut requests = 0;
    for (scenario, path) in library::scenarios() {
        let exchanges = library::exchanges(&path);
        let native = judge(&mut NativeEngine::new(set.clone()), &exchanges);
        for (engine, delivery) in engines.iter_mut().zip(deliveries) {
            let shipped = judge(engine, &exchanges);
            for ((exchange, native), shipped) in exchanges.iter().zip(&native).zip(&shipped) {
                assert_eq!(native, shipped, "{scenario}: {} with {delivery:?}", exchange.position);
            }
        }
        requests += exchanges.len();
    }
    assert_eq!(requests, 846);
}

fn decide(path: &std::path::Path, scenario: &str) -> Vec<(Decided, Option<Label>)> {
    let (_, set) = library::bundle();
    let manifest =
        Manifest::open(&library::folder().join("recordings/manifest.json")).unwrap_or_else(|e| panic!("{e}"));
    let recording = test_harness::recording::Recording::open(path).unwrap_or_else(|e| panic!("{e}"));
    let numbering = Numbering::from(recording.format());
    let mut labels = manifest.labels(Some(scenario), path, numbering).unwrap_or_else(|e| panic!("{e}"));
    let mut native = NativeEngine::new(set);
    let mut decided = Vec::new();
    for exchange in library::exchanges(path) {
        let judgement = native.judge(&exchange, None).unwrap_or_else(|e| panic!("{e}"));
        let label = labels.take(&exchange).unwrap_or_else(|e| panic!("{e}"));
        decided.push((Decided::new(&exchange, judgement, false), label));
    }
    assert_eq!(labels.unmet(), 0, "{scenario}: every label has its request");
    decided
}

/// A1, A5, A16, A18: the policies of the library decide the recordings as their labels say.
#[test]
fn every_label_that_applies_is_met() {
    let mut met = 0;
    for (scenario, path) in library::scenarios() {
        for (decided, label) in decide(&path, &scenario) {
            let Some(label) = label else { continue };
            let mismatch = Mismatch::between(&label, &decided);
            assert!(mismatch.is_none(), "{scenario}: {mismatch:?}");
            met += 1;
        }
    }
    assert!(met > 300, "{met} labels");
}

fn verdicts(scenario: &str) -> Vec<(String, String, Verdict)> {
    let (_, path) = library::scenarios().into_iter().find(|(name, _)| name == scenario).expect("the scenario");
    let (_, set) = library::bundle();
    let mut native = NativeEngine::new(set);
    library::exchanges(&path)
        .iter()
        .map(|exchange| {
            let header = |name: &[u8]| {
                let value = exchange.request.headers.iter().find(|(known, _)| known == name);
                String::from_utf8_lossy(&value.expect("a pseudo-header").1).into_owned()
            };
            let verdict = native.judge(exchange, None).unwrap_or_else(|e| panic!("{e}")).verdict;
            (header(b":method"), header(b":path"), verdict)
        })
        .collect()
}

/// s01: reads are allowed; every price write waits for a person until the page can look at the current price.
#[test]
fn pricing_reads_pass_and_price_writes_are_held() {
    for (method, path, verdict) in verdicts("s01") {
        let expected = if method == "GET" { Verdict::Allow } else { Verdict::ApprovalRequired };
        assert_eq!(verdict, expected, "{method} {path}");
    }
}

/// A18, s10: no agent writes the other's table.
#[test]
fn cross_table_writes_are_refused() {
    let (_, path) = library::scenarios().into_iter().find(|(name, _)| name == "s10").expect("the scenario");
    let mut crossing = 0;
    for (decided, _) in decide(&path, "s10") {
        let own = match decided.agent.as_deref() {
            Some("research-agent") => "/rest/v1/topics",
            Some("script-agent") => "/rest/v1/scripts",
            other => panic!("{other:?}"),
        };
        let (method, path) = (decided.method.unwrap_or_default(), decided.path.unwrap_or_default());
        let table = path.split('?').next().unwrap_or_default();
        if method != "GET" && table != own {
            crossing += 1;
            assert_eq!(decided.decision, Verdict::Deny, "{method} {path}");
        }
    }
    assert!(crossing >= 5, "{crossing} writes to another table");
}

/// A16, s06: what leaves the building is not allowed; drafts are.
#[test]
fn sends_are_held_and_drafts_pass() {
    let (mut sends, mut drafts) = (0, 0);
    for (method, path, verdict) in verdicts("s06") {
        let endpoint = path.split('?').next().unwrap_or_default();
        if endpoint.ends_with("/messages/send") || endpoint.ends_with("/drafts/send") {
            sends += 1;
            assert_eq!(verdict, Verdict::ApprovalRequired, "{method} {path}");
        } else if (method == "POST" && endpoint.ends_with("/drafts"))
            || (method == "PUT" && endpoint.contains("/drafts/"))
        {
            drafts += 1;
            assert_eq!(verdict, Verdict::Allow, "{method} {path}");
        }
    }
    assert!(sends >= 6 && drafts >= 8, "{sends} sends, {drafts} drafts");
}

/// A1, s05: a read-only agent writes no row and no file.
#[test]
fn row_and_file_writes_are_refused() {
    let mut writes = 0;
    for (method, path, verdict) in verdicts("s05") {
        let row =
            path.starts_with("/rest/v1/") && !path.contains("/rpc/") && !matches!(method.as_str(), "GET" | "HEAD");
        let file = path.contains("/contents/") && method != "GET";
        if row || file {
            writes += 1;
            assert_eq!(verdict, Verdict::Deny, "{method} {path}");
        }
    }
    assert!(writes >= 5, "{writes} writes");
}

/// B1, s09: an agent of MCP calls what its page lists, whatever the client, the protocol's version and the spelling.
#[test]
fn tools_are_held_to_their_names() {
    let (_, path) = library::scenarios().into_iter().find(|(name, _)| name == "s09").expect("the scenario");
    let (_, set) = library::bundle();
    let mut native = NativeEngine::new(set);
    let mut seen = std::collections::BTreeMap::new();
    for exchange in library::exchanges(&path) {
        let body = String::from_utf8_lossy(exchange.request.body.bytes().unwrap_or_default()).into_owned();
        let verdict = native.judge(&exchange, None).unwrap_or_else(|e| panic!("{e}")).verdict;
        for (tool, expected) in [
            ("delete_table", Verdict::Deny),
            (r"delete\u005ftable", Verdict::Deny),
            ("Delete_Table", Verdict::Deny),
            ("DROP TABLE", Verdict::Deny),
            ("make_coffee", Verdict::Deny),
            ("send_email", Verdict::ApprovalRequired),
            ("export_report", Verdict::Allow),
        ] {
            if body.contains(tool) && !(tool == "send_email" && verdict == Verdict::Deny) {
                assert_eq!(verdict, expected, "{body}");
                *seen.entry(tool).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
}
