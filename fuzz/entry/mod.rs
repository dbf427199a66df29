//! What is fuzzed: each entry takes any bytes and panics where a statement about them does not hold. The fuzz targets and
//! the test that replays saved inputs (`policy-core/tests/saved_inputs.rs`) run these same functions.
//!
//! `documents` holds the policy sets, `message` reads a request from bytes, `drive` takes an evaluation to its end and
//! states what holds for every outcome, `page` says a second time what one page allows, `unique` reads JSON a second time;
//! `lenient_batch` reads multipart batches as a naive server might, `sql_oracle` asks another parser about SQL;
//! `store` is a page on the present with a second opinion on it, `reread` reads JSON with its numbers as they are written;
//! `answers`, `bundle`, `command`, `compile`, `google_batch`, `graphql`, `request`, `sql` and `steps` are the entries.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each target uses its part")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a panic is a finding")]

pub mod answers;
pub mod bundle;
pub mod command;
pub mod compile;
pub mod documents;
pub mod drive;
pub mod google_batch;
pub mod graphql;
pub mod lenient_batch;
pub mod message;
pub mod page;
pub mod request;
pub mod reread;
pub mod sql;
pub mod sql_oracle;
pub mod steps;
pub mod store;
pub mod unique;

/// Arithmetic that shares nothing with the product's.
#[path = "../../policy-core/tests/support/exact.rs"]
pub mod exact;

/// Constants: two catalogs that the tests of the policy core use.
#[path = "../../policy-core/tests/support/catalogs.rs"]
pub mod catalogs;
