//! The inputs that fuzzing starts from, and those it has found, through the entries of the fuzz targets
//! (`fuzz/entry/`): what was once a finding stays fixed, on the stable toolchain.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../../fuzz/entry/mod.rs"]
mod entry;

use std::fs;
use std::path::{Path, PathBuf};

use policy_core::Decision;

/// The inputs of a target: what it starts from (`seeds`) and what it has found (`findings`).
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut all = Vec::new();
    for folder in [fuzz.join("seeds").join(target), fuzz.join("findings").join(target)] {
        // A target that has found nothing has no such folder.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

/// Replays every input of a target, and says which ones fail.
#[track_caller]
fn replay(target: &str, least: usize, run: fn(&[u8])) {
    let inputs = inputs(target);
    assert!(inputs.len() >= least, "the saved inputs of {target} are there: {}", inputs.len());
    let failed: Vec<&PathBuf> = inputs
        .iter()
        .filter(|(_, bytes)| std::panic::catch_unwind(|| run(bytes)).is_err())
        .map(|(path, _)| path)
        .collect();
    assert!(failed.is_empty(), "a statement does not hold for {failed:#?}; see above, and fuzz/README.md");
}

#[test]
fn answers() {
    replay("answers", 40, |bytes| {
        entry::answers::run(bytes);
    });
}

#[test]
fn bundles() {
    replay("bundle", 8, entry::bundle::run);
}

#[test]
fn commands() {
    replay("command", 10, entry::command::run);
}

#[test]
fn documents() {
    replay("compile", 14, entry::compile::run);
}

#[test]
fn graphql_documents() {
    replay("graphql", 48, entry::graphql::run);
}

#[test]
fn requests() {
    replay("request", 50, entry::request::run);
}

#[test]
fn sql() {
    replay("sql", 36, entry::sql::run);
}

#[test]
fn batches_of_requests() {
    replay("google_batch", 10, entry::google_batch::run);
}

#[test]
fn sequences() {
    replay("steps", 7, entry::steps::run);
}

/// Seeds that are named after a decision reach it: fuzzing starts from requests that pass, not only from refusals.
#[test]
fn seeds_reach_what_their_names_say() {
    let of_request = |bytes: &[u8]| {
        let outcome = entry::drive::judge(&entry::documents::LIBRARY, &entry::message::read(bytes));
        Some(outcome.decision)
    };
    type Decide<'d> = &'d dyn Fn(&[u8]) -> Option<Decision>;
    let targets: [(&str, Decide<'_>); 2] = [("request", &of_request), ("answers", &entry::answers::run)];
    for (target, decide) in targets {
        let mut seen = [0; 3];
        for (path, bytes) in inputs(target) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let (place, expect) = match name.split('-').next() {
                Some("allow") => (0, Decision::Allow),
                Some("approve") => (1, Decision::ApprovalRequired),
                Some("deny") => (2, Decision::Deny),
                _ => continue,
            };
            assert_eq!(decide(&bytes), Some(expect), "{target}: {name}");
            seen[place] += 1;
        }
        assert!(seen.iter().all(|count| *count > 0), "{target}: {seen:?}");
    }
}

/// Dictionaries are read by libFuzzer alone: here their form is tested.
#[test]
fn dictionaries_are_lists_of_quoted_strings() {
    for target in ["answers", "bundle", "compile", "google_batch", "graphql", "request", "sql"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/dictionaries/{target}.dict"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.len() > 2 && line.starts_with('"') && line.ends_with('"'), "{}: {line}", path.display());
        }
    }
}
