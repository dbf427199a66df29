//! The present while a request is judged: what the APIs behind the gateway would answer to lookups.
//!
//! ```text
//! call        a lookup, as an API gets it: from the decision point's `Fetch`, or from the filter's callout
//! addresses   policy set + call -> which resources it asks for
//! facts       resources by the names of their fields, and answers as they are -> an answer
//! recorded    exchanges of a recording, one after another -> an answer
//!   sight       what one exchange shows
//!   kinds       the kinds of resources that lookups ask for
//!   store       what is kept of them, within a bound
//! said        what is known of single resources -> the answer to a call
//! named       names that may be said -> why one is none
//! paper       fields by their pointers -> the document that an API would send
//! budgets     what has been used of counters, as somebody says it
//! watched     any of these, and what was asked of it
//! ```
//!
//! Both engines ask the same world, so what they judge by is the same. Whether an answer counts is for the decision point
//! to say: a world hands over refusals and pages of errors too.

mod addresses;
mod budgets;
mod call;
mod facts;
mod json;
mod kinds;
mod named;
mod paper;
mod recorded;
mod said;
mod sight;
mod store;
mod watched;

pub use budgets::{Budget, Budgets, Used};
pub use call::{Call, Reply};
pub use facts::{Facts, FactsError, Rest};
pub use json::Json;
pub use recorded::{Fate, Recorded, Values};
pub use watched::{Lookup, Watched};

/// What answers lookups, and knows what was done before.
pub trait World {
    /// What the API answers to a call.
    fn reply(&self, call: &Call<'_>) -> Reply;

    /// What has been used of a budget before this request.
    fn used(&self, _: &Budget<'_>) -> Used {
        Used::AsCounted
    }

    /// Whether what is refused was done all the same, as it is in a recording: then it is counted as done.
    fn unenforced(&self) -> bool {
        false
    }
}

/// Nothing of the present is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl World for Unrecorded {
    fn reply(&self, _: &Call<'_>) -> Reply {
        Reply::NotRecorded
    }
}
