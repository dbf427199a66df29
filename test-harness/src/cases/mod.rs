//! Cases: a request, the facts around it, and the verdict a page must come to.
//!
//! ```text
//! FILE.ndjson ──> record (one case a line) ──> request (as a gateway delivers it), grants
//! MAP.json    ──> map    (which page answers which intent, and what it cannot judge yet)
//!                                     both ──> scene (the request in its world) ──> an engine of `replay`
//!                                                                  its verdict ──> report: met, waiting or differs
//! ```
//!
//! A case speaks of an *intent*, not of a page: the same file can be held against any library that has a map. What a
//! page cannot judge yet is told by the map, by rule and kind of reason and never by the name of a case, so that the map
//! fits cases it has not seen.

mod grants;
mod map;
mod record;
mod report;
mod request;
mod scene;

pub use grants::{CaseGrants, ShownGrant};
pub use map::{CaseMap, Intent, Wait, Waited};
pub use record::{CaseRequest, CaseState, Cases, Expected, Record};
pub use report::{CaseResult, CaseSummary, Fate};
pub use request::as_delivered;
pub use scene::Scene;

/// Why a file of cases or a map cannot be used. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A file cannot be read.
    #[error("cannot read `{file}`: {source}; name a file that exists")]
    Unreadable {
        /// The file, as it was named.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no case.
    #[error("{file}, line {line}: not a case: {problem}; docs/cases.md describes the record")]
    NotACase {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The map is no map.
    #[error("`{file}` is not a map of cases: {problem}; docs/cases.md describes the map")]
    NotAMap {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The map does not speak of the intent of a case.
    #[error("{file}, line {line}: the map has no intent `{intent}`; add it to `intents`")]
    NoIntent {
        /// The file of cases.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The intent.
        intent: String,
    },
}
