//! The policies of the library decide its recordings as their labels say: what was harmless passes, what did harm does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy_core::PolicySet;
use test_harness::recording::{Exchange, Recording};
use test_harness::replay::{Decided, Judgement, Label, Manifest, Mismatch, Numbering, Verdict};
use test_harness::world::Values;

use crate::{judging, library};

fn judged(set: &Arc<PolicySet>, exchanges: &[Exchange]) -> Vec<Judgement> {
    judging::in_turn(&mut judging::native(set), set, exchanges, Values::Recorded)
}

fn decide(path: &Path, scenario: &str) -> Vec<(Decided, Option<Label>)> {
    let (_, set) = library::bundle();
    let manifest =
        Manifest::open(&library::folder().join("recordings/manifest.json")).unwrap_or_else(|e| panic!("{e}"));
    let recording = Recording::open(path).unwrap_or_else(|e| panic!("{e}"));
    let numbering = Numbering::from(recording.format());
    let mut labels = manifest.labels(Some(scenario), path, numbering).unwrap_or_else(|e| panic!("{e}"));
    let mut decided = Vec::new();
    let exchanges = library::exchanges(path);
    for (exchange, judgement) in exchanges.iter().zip(judged(&set, &exchanges)) {
        let label = labels.take(exchange).unwrap_or_else(|e| panic!("{e}"));
        decided.push((Decided::new(exchange, judgement, false), label));
    }
    assert_eq!(labels.unmet(), 0, "{scenario}: every label has its request");
    decided
}

/// What the labels of a scenario expect and find: those met, and those that wait, by what they wait for.
fn met_and_waiting(scenario: &str, path: &Path) -> (usize, BTreeMap<String, usize>) {
    let (mut met, mut waiting) = (0, BTreeMap::new());
    for (decided, label) in decide(path, scenario) {
        let Some(label) = label else { continue };
        let mismatch = Mismatch::between(&label, &decided);
        assert!(mismatch.is_none(), "{scenario}: {mismatch:?}");
        match label.waits_for {
            None => met += 1,
            Some(what) => *waiting.entry(what).or_insert(0) += 1,
        }
    }
    (met, waiting)
}

/// A1, A5, A6, A7, A8, A9, A10, A11, A16, A18: the policies of the library decide the recordings as their labels say.
#[test]
fn every_label_that_applies_is_met() {
    let mut found = BTreeMap::new();
    for (scenario, path) in library::scenarios() {
        let (met, waiting) = met_and_waiting(&scenario, &path);
        assert!(waiting.is_empty(), "{scenario}: {waiting:?}");
        found.insert(scenario, met);
    }
    let expected = [("s01", 97), ("s02", 367), ("s03", 126), ("s05", 52), ("s06", 62), ("s09", 69), ("s10", 73)];
    assert_eq!(found, BTreeMap::from(expected.map(|(scenario, met)| (scenario.to_owned(), met))));
}

fn recording(scenario: &str) -> PathBuf {
    let (_, path) = library::scenarios().into_iter().find(|(name, _)| name == scenario).expect("the scenario");
    path
}

/// The verdicts on a scenario, each with method and path of its request.
fn verdicts(scenario: &str) -> Vec<(String, String, Verdict)> {
    let (path, (_, set)) = (recording(scenario), library::bundle());
    let exchanges = library::exchanges(&path);
    let judged = judged(&set, &exchanges);
    let of = |(exchange, judgement): (&Exchange, Judgement)| {
        let header = |name: &[u8]| {
            let value = exchange.request.headers.iter().find(|(known, _)| known == name);
            String::from_utf8_lossy(&value.expect("a pseudo-header").1).into_owned()
        };
        (header(b":method"), header(b":path"), judgement.verdict)
    };
    exchanges.iter().zip(judged).map(of).collect()
}

/// How often each verdict falls on the writes of a scenario.
fn of_writes(scenario: &str) -> [usize; 3] {
    let writes: Vec<Verdict> =
        verdicts(scenario).into_iter().filter(|(method, ..)| method != "GET").map(|(.., verdict)| verdict).collect();
    let count = |wanted| writes.iter().filter(|verdict| **verdict == wanted).count();
    let counts = [count(Verdict::Allow), count(Verdict::ApprovalRequired), count(Verdict::Deny)];
    assert_eq!(counts.iter().sum::<usize>(), writes.len(), "{scenario}: none is undecidable");
    counts
}

/// A7, A8, s01: on a normal day every price is within its step, and nobody is asked.
#[test]
fn small_steps_of_prices_pass() {
    assert_eq!(of_writes("s01"), [42, 0, 0]);
}

/// A6, A7, A8, A9, A10, s02: steps beyond 5 % or 50 dollars are held, and so are small ones that add up to a tenth; a batch of 80, a
/// cent, no price, a status and whatever comes after the sixtieth write are refused.
#[test]
fn a_runaway_is_held_and_then_refused() {
    assert_eq!(of_writes("s02"), [38, 19, 64]);
}

/// A9, A11, s03: an order over 1,500 dollars, with a wrong total, or of cases where units were meant, is held, and so is what makes more
/// than 5,000 a day; from the eleventh of an hour on all are refused.
#[test]
fn orders_that_are_too_large_are_held() {
    let orders: Vec<Verdict> = verdicts("s03")
        .into_iter()
        .filter(|(method, path, _)| method == "POST" && path.ends_with("/purchase_orders"))
        .map(|(.., verdict)| verdict)
        .collect();
    let held = orders.iter().filter(|verdict| **verdict == Verdict::ApprovalRequired).count();
    let refused = orders.iter().filter(|verdict| **verdict == Verdict::Deny).count();
    assert_eq!((orders.len(), held, refused), (38, 8, 28));
}

/// A18, s10: no agent writes the other's table.
#[test]
fn cross_table_writes_are_refused() {
    let mut crossing = 0;
    for (decided, _) in decide(&recording("s10"), "s10") {
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

/// A16, s06: what leaves the building is held for a person; drafts pass.
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

/// A19, s09: an agent of MCP calls what its page lists, whatever the client, the protocol's version and the spelling.
#[test]
fn tools_are_held_to_their_names() {
    const TOOLS: [&str; 7] = [
        "delete_table",
        r"delete\u005ftable",
        "Delete_Table",
        "DROP TABLE",
        "make_coffee",
        "send_email",
        "export_report",
    ];
    let (path, (_, set)) = (recording("s09"), library::bundle());
    let mut seen = BTreeMap::new();
    let exchanges = library::exchanges(&path);
    for (exchange, judgement) in exchanges.iter().zip(judged(&set, &exchanges)) {
        let body = String::from_utf8_lossy(exchange.request.body.bytes().unwrap_or_default()).into_owned();
        for tool in TOOLS.into_iter().filter(|tool| body.contains(tool)) {
            *seen.entry((tool, judgement.verdict.name())).or_insert(0) += 1;
        }
    }
    let expected = [
        (("delete_table", "deny"), 7),
        ((r"delete\u005ftable", "deny"), 1),
        (("Delete_Table", "deny"), 1),
        (("DROP TABLE", "deny"), 3),
        (("make_coffee", "deny"), 2),
        (("send_email", "approval_required"), 3),
        // Of `catalog-helper`, whose page does not list it.
        (("send_email", "deny"), 1),
        (("export_report", "allow"), 1),
    ];
    assert_eq!(seen, BTreeMap::from(expected));
}
