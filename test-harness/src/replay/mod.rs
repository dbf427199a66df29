//! Recorded requests, judged as if they came now.
//!
//! ```text
//! Exchange ──> Engine: native (policy_core) | wasm (the real filter in `host`) ──> Judgement
//! ```
//!
//! Both engines give the same judgement for every exchange. What a recording does not hold is never
//! made up: a decision that depends on it is [`Verdict::Undecidable`], with the reason.
//!
//! - **Time** is the recording's: each request is judged at the moment it was made. One without a
//!   time is judged at the time the caller gives, else it is undecidable, since a page is valid
//!   only for a time.
//! - **A body** that is missing, cut or unreadable makes the decision undecidable where the rules
//!   need it. Where the head alone decides, or the part that was seen is already too large, it is
//!   decided.
//! - **The present** is what a [`World`](crate::world::World) answers to lookups: in a replay what the recording has shown by
//!   then. What it lacks makes the decision undecidable where a better answer could change it. The filter cannot be told
//!   of a lack (to it, that is a lookup without an answer), so there the decision point says which decisions those are.
//!
//! The wasm engine learns the reasons of a refusal from the reply the agent would get. A page in
//! shadow sends none, so there the reasons have codes only.

mod callouts;
mod candidate;
mod counting;
mod engine;
mod judgement;
mod labels;
mod mirror;
mod module;
mod native;
mod peaks;
mod report;
mod summary;
mod trips;
mod wasm;

pub use candidate::{CandidateJudgement, ComparedCounts, Differences};
pub use engine::{Delivery, Engine, EngineError, EngineKind, Trailers};
pub use judgement::{JudgedReason, Judgement, Verdict};
pub use labels::{Expected, Label, LabelError, Labels, Manifest, Numbering};
pub use module::{ModuleError, find_module};
pub use native::NativeEngine;
pub use peaks::{Peak, Peaks};
pub use report::{Decided, DecisionWriter, Mismatch};
pub use summary::{Counts, LabelCounts, Summary};
pub use trips::Trips;
pub use wasm::WasmEngine;
