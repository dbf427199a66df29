//! The bundled policies and recordings.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy_core::PolicySet;
use test_harness::policies::PolicyDirectory;
use test_harness::recording::{Exchange, Recording};

/// The policy library.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

/// Its bundle, and the same loaded.
pub(crate) fn bundle() -> (Vec<u8>, Arc<PolicySet>) {
    let directory = PolicyDirectory::load(&folder()).unwrap_or_else(|e| panic!("{e}"));
    let bundle = directory.bundle().unwrap_or_else(|e| panic!("{e}"));
    let set = policy_core::bundle::load(&bundle).unwrap_or_else(|e| panic!("{e}"));
    (bundle, Arc::new(set))
}

/// The scenarios and their recordings, as the manifest lists them.
pub(crate) fn scenarios() -> Vec<(String, PathBuf)> {
    let recordings = folder().join("recordings");
    let text = std::fs::read_to_string(recordings.join("manifest.json")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("the manifest is JSON");
    let scenarios = manifest["scenarios"].as_object().expect("scenarios");
    scenarios
        .iter()
        .map(|(name, scenario)| {
            let files = scenario["files"].as_object().expect("files");
            let file = files.values().next().and_then(|file| file.as_str()).expect("one file");
            (name.clone(), recordings.join(file))
        })
        .collect()
}

/// Every exchange of a recording.
pub(crate) fn exchanges(path: &Path) -> Vec<Exchange> {
    let recording = Recording::open(path).unwrap_or_else(|e| panic!("{e}"));
    recording.map(|exchange| exchange.unwrap_or_else(|e| panic!("{e}"))).collect()
}
