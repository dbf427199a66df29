//! Policy directories: those of `tests/data`, and those that a test writes.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// `tests/data/cli`: `policies` of the agent `price-agent`, one of its days (`day.ndjson`), and what is expected of it.
pub(crate) fn price_agent() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli")
}

/// The page among the policies of `price-agent`.
pub(crate) const PAGE: &str = "agent-policy-20261120-price-agent.json";

/// A copy of the policies of `price-agent` with another page.
pub(crate) fn with_page(change: impl FnOnce(String) -> String) -> TempDir {
    let from = price_agent().join("policies");
    let text = |file: &str| fs::read_to_string(from.join(file)).expect("a document");
    let directory = tempfile::tempdir().expect("a folder");
    let catalog = "catalogs/shop-v1.json";
    write(
        directory.path(),
        &[("gateway.json", &text("gateway.json")), (catalog, &text(catalog)), (PAGE, &change(text(PAGE)))],
    );
    directory
}

/// `tests/data/present`: policies of the agent `keeper` of a store, which judge its products by what they are now.
pub(crate) fn store() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/present/policies")
}

/// Writes documents, by their names in a policy directory, and the folders that they lie in.
pub(crate) fn write(directory: &Path, documents: &[(&str, &str)]) {
    for (name, text) in documents {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is made");
        fs::write(file, text).expect("the document is written");
    }
}
