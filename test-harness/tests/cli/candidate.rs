//! C3: candidates on the command line: bundles that carry one, and replays that compare with one.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ambit::ambit_in;
use crate::policy_directory::{self, PAGE};

/// The policies with another bound on prices.
fn changed(max: u32) -> TempDir {
    policy_directory::with_page(|text| {
        let mut page: Value = serde_json::from_str(&text).unwrap();
        page["permit"][1]["limits"][0]["max"] = json!(max);
        page.to_string()
    })
}

fn ambit(arguments: &[&str]) -> (i32, String, String) {
    ambit_in(&policy_directory::price_agent(), arguments)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn replay(arguments: &[&str]) -> (i32, String, String) {
    ambit(&[&["replay", "--engine", "native", "day.ndjson"], arguments].concat())
}

#[test]
fn a_replay_lists_what_the_candidate_decides_otherwise() {
    let wider = changed(500);
    let with = ["--policies", "policies", "--candidate", text(wider.path())];
    let (code, out, err) = replay(&[&with[..], &["--labels", "labels.json"]].concat());
    assert_eq!((code, err.as_str()), (0, ""), "the exit code is that of the enforced policies");
    let told = out.lines().find(|line| line.starts_with("Candidate sha256:")).unwrap_or_else(|| panic!("{out}"));
    assert!(told.ends_with(": 5 same, 0 stricter, 1 looser, 2 undecidable"), "{told}");
    let row = out.lines().find(|line| line.trim_start().starts_with("looser")).unwrap_or_else(|| panic!("{out}"));
    let words = row.split_whitespace().collect::<Vec<_>>().join(" ");
    let enforced = "approval_required reprice: approval_required";
    assert_eq!(words, format!("looser 1 price-agent PUT /v1/products/{{…}} {enforced} allow reprice"));

    let (_, out, _) = replay(&[&with[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&out).unwrap();
    let digest = &report["candidate"]["policy"];
    let counts = json!({ "policy": digest, "same": 5, "stricter": 0, "looser": 1, "undecidable": 2 });
    assert_eq!(report["candidate"], counts);
    assert_ne!(digest, &report["policy"]);
    let candidate = |index: usize| &report["decisions"][index]["candidate"];
    let looser = json!({ "policy": digest, "compared": "looser", "decision": "allow", "rule": "reprice" });
    assert_eq!(candidate(2), &looser);
    for unknown in [5, 7] {
        let undecided = json!({ "policy": digest, "compared": "undecidable", "undecidable": "enforced" });
        assert_eq!(candidate(unknown), &undecided);
    }
    let (_, without, _) = replay(&["--policies", "policies", "--format", "json"]);
    assert!(!without.contains("candidate"), "{without}");
}

#[test]
fn a_bundle_carries_a_candidate() {
    let (wider, out) = (changed(500), tempfile::tempdir().unwrap());
    let file = out.path().join("both.bundle");
    let bundle =
        |candidate: &str, file: &Path| ambit(&["bundle", "policies", "--candidate", candidate, "-o", text(file)]);
    let (code, said, err) = bundle(text(wider.path()), &file);
    assert_eq!((code, err.as_str()), (0, ""));
    let envelope: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let [enforced, candidate] = [&envelope, &envelope["candidate"]].map(|member| member["digest"].as_str().unwrap());
    assert!(said.ends_with(&format!(" written: {enforced}, candidate {candidate}\n")), "{said}");

    let (code, told, _) = replay(&["--policies", text(&file)]);
    assert_eq!(code, 0);
    assert!(told.contains(&format!("Candidate {candidate}: 5 same, 0 stricter, 1 looser")), "{told}");

    // Another one takes its place; one with a candidate of its own is none.
    let tighter = changed(10);
    let (_, told, _) = replay(&["--policies", text(&file), "--candidate", text(tighter.path())]);
    assert!(told.contains(": 5 same, 1 stricter, 0 looser, 2 undecidable"), "{told}");
    let (code, _, err) = bundle(text(&file), &out.path().join("nested.bundle"));
    assert_ne!(code, 0);
    assert!(err.contains("has a candidate of its own"), "{err}");
}

/// What does not load is not written, and not replayed in silence.
#[test]
fn a_broken_candidate_is_refused_before_it_ships() {
    let (broken, out) = (changed(500), tempfile::tempdir().unwrap());
    fs::write(broken.path().join(PAGE), "{}").unwrap();
    let file = out.path().join("both.bundle");
    let (code, _, _) = ambit(&["bundle", "policies", "--candidate", text(broken.path()), "-o", text(&file)]);
    assert_eq!(code, 3);
    assert!(!file.exists());

    let sound = changed(500);
    let (code, ..) = ambit(&["bundle", "policies", "--candidate", text(sound.path()), "-o", text(&file)]);
    assert_eq!(code, 0);
    let mut envelope: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    envelope["candidate"]["digest"] = json!("sha256:0");
    fs::write(&file, envelope.to_string()).unwrap();
    for arguments in [&["validate", text(&file)][..], &["replay", "--policies", text(&file), "day.ndjson"]] {
        let (code, _, err) = ambit(arguments);
        assert_ne!(code, 0);
        assert!(err.contains("is no candidate: `digest` is"), "{err}");
    }
}
