//! Ambit's policy decision point: is this agent, by its scope template, allowed to do what this request does?
//!
//! One direction, one module after another; no step reaches back:
//!
//! ```text
//! raw head (bytes)
//!   request    normalize  -> Request | Malformed      one canonical reading, or a refusal
//!   identify              -> Principal
//!   evaluate   route      -> rules that may apply     host, path and method
//!              Step::NeedBody …                       the host answers, or says why it cannot
//!   decode                -> [Operation]              a PUT is one, a batch of 50 is 50
//!   evaluate   judge      -> permits and forbids      fields, query, headers, limits
//!   evaluate   leaks      -> nothing | a refusal       live keys, tokens, card numbers
//!   decision              -> Outcome                  allow | approval_required | deny, with reasons
//! ```
//!
//! What it does not do: it has no clock (`now` is an argument), no network, no store, no logger and no randomness. The
//! same inputs give the same outcome, natively and in wasm. It never panics; nothing an agent sends makes it allocate
//! without bound.
//!
//! With the feature `author` (on by default) it also reads templates and catalogs (`template`, `catalog`), and compiles
//! them (`compile`) into the policy set (`policy`) that travels as a `bundle`. The filter does without that.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod approval;
pub mod bundle;
#[cfg(feature = "author")]
pub mod catalog;
#[cfg(feature = "author")]
pub mod compile;
pub mod control;
pub mod counters;
pub mod decision;
pub mod decode;
#[cfg(feature = "author")]
pub mod diagnostic;
pub mod document;
pub mod evaluate;
mod failure;
#[cfg(feature = "author")]
pub mod gateway;
mod hex;
pub mod identify;
pub mod jws;
pub mod limits;
pub mod number;
pub mod ordered;
pub mod policy;
pub mod quote;
mod reason;
pub mod request;
#[cfg(feature = "schema")]
pub mod schema;
pub mod secrets;
pub mod session;
pub mod standing;
pub mod state;
pub mod store;
#[cfg(feature = "author")]
pub mod template;
pub mod time;
pub mod tripwires;

pub use decision::{Code, Decision, Held, Obligation, Outcome, Problem, Reason, Reply, Rpc};
pub use decode::{Body, Unavailable};
pub use evaluate::{Evidence, NeedBody, NeedCurrent, NeedStore, Step, evaluate};
pub use policy::PolicySet;
pub use request::Head;
pub use time::Timestamp;
