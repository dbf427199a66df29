//! The present: what rules need to know of resources as they are now, and what is known of it.
//!
//! `lookup` turns a lookup of the catalog and the values of a request into what is fetched; `plan` merges and bounds
//! what one request needs; the host fetches; `answer` (with `event_stream` for MCP) reads what came, as strictly as a
//! request; `known` finds the resource that was asked for in it; `pages` says
//! what stands against a list being whole. `fresh` says which answers to an agent a host may give instead.
//!
//! Nothing here sends anything: the core says what it needs, the host answers. No credential of the agent is in what is
//! fetched.

mod answer;
mod event_stream;
mod fresh;
mod known;
mod lookup;
mod pages;
mod plan;

pub use answer::Answer;
pub use fresh::{Keep, Reader};
pub use plan::Fetch;

pub(crate) use event_stream::messages;
pub(crate) use fresh::{keep, reader};
pub(crate) use known::{Asked, Known, Missing, Trace};
pub(crate) use lookup::{Value as VariableValue, wanted};
pub(crate) use plan::{Plan, Target, Want};

use alloc::borrow::Cow;

use crate::decode::Unavailable;

/// Why a resource is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Why {
    /// What went wrong, for people: part of a sentence.
    pub(crate) message: Cow<'static, str>,
    /// It could not be had: the page may let a person decide instead. Everything else is an answer that is not good
    /// enough, which an agent could bring about.
    pub(crate) away: bool,
    /// A recording, or the way the page is run, is what lacks the answer.
    pub(crate) undecidable: Option<&'static str>,
}

impl Why {
    /// An answer, or a question, that is not good enough.
    pub(crate) fn unfit(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), away: false, undecidable: None }
    }

    /// No answer.
    pub(crate) fn away(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), away: true, undecidable: None }
    }

    /// The host cannot answer.
    pub(crate) fn host(why: Unavailable) -> Self {
        match why {
            Unavailable::TooLarge => Self::unfit("the answer to its lookup is larger than what is read"),
            Unavailable::NotRecorded => Self {
                undecidable: Some("current value not in the recording"),
                ..Self::away("the recording does not hold its current state")
            },
            Unavailable::Truncated => Self {
                undecidable: Some("current value truncated in the recording"),
                ..Self::away("the recording holds only a part of its current state")
            },
            Unavailable::NotSupported => Self::away("this enforcement point cannot look it up"),
            Unavailable::Timeout => Self::away("its lookup was not answered in time"),
            Unavailable::Unreachable => Self::away("its API could not be reached for the lookup"),
            Unavailable::NotSeen | Unavailable::NotDelivered => Self::away("its lookup was not answered"),
        }
    }

    /// What a recording holds of the answer does not say.
    pub(crate) fn part() -> Self {
        Self { message: Cow::Borrowed("the recording does not hold it"), ..Self::host(Unavailable::NotRecorded) }
    }

    /// The request needs more than a bound.
    pub(crate) fn too_many() -> Self {
        Self::unfit("the request needs more lookups than one may")
    }

    /// The page is in shadow: nothing is looked up for it.
    pub(crate) fn shadow() -> Self {
        Self {
            undecidable: Some("current value not looked up: the page is in shadow"),
            ..Self::away("a page in shadow looks nothing up")
        }
    }
}
