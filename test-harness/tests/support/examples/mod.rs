//! The examples of `docs/examples`: read from Markdown, put together with the base documents, compiled, judged.
//!
//! ```text
//! chapter     Markdown -> fenced blocks, by example
//! documents   base + chapter + example -> gateway, catalogs, page
//! lines       a line of `requests` -> the request, and the answer that is written down
//! trial       documents + lines -> what the compiler and the decision point say
//! constructs  JSON Schema + fragment -> the constructs of the language that it uses
//! coverage    examples -> the constructs they show, and those the compiler refuses
//! ```

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod chapter;
pub(crate) mod constructs;
pub(crate) mod coverage;
pub(crate) mod documents;
pub(crate) mod lines;
pub(crate) mod trial;

use std::path::{Path, PathBuf};

/// A file of the repository.
pub(crate) fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// Its text.
pub(crate) fn text(file: &str) -> String {
    let path = repository(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
