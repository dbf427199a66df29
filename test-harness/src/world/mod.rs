//! The present while a request is judged: what the APIs behind the gateway would answer to lookups.
//!
//! ```text
//! call        a lookup, as an API gets it: from the decision point's `Fetch`, or from the filter's callout
//! addresses   policy set + call -> which resources it asks for
//! facts       resources by the names of their fields, and answers as they are -> an answer
//! paper       fields by their pointers -> the document that an API would send
//! watched     any of these, and what was asked of it
//! ```
//!
//! Both engines ask the same world, so what they judge by is the same. Whether an answer counts is for the decision point
//! to say: a world hands over refusals and pages of errors too.

mod addresses;
mod call;
mod facts;
mod json;
mod paper;
mod watched;

pub use call::{Call, Reply};
pub use facts::{Facts, FactsError, Rest};
pub use json::Json;
pub use watched::{Lookup, Watched};

/// What answers lookups.
pub trait World {
    /// What the API answers to a call.
    fn reply(&self, call: &Call<'_>) -> Reply;
}

/// Nothing of the present is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl World for Unrecorded {
    fn reply(&self, _: &Call<'_>) -> Reply {
        Reply::NotRecorded
    }
}
