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

#[path = "../repository.rs"]
mod repository;

use repository::{repository, text};
