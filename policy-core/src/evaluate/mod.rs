//! Judging a request: from its head to the decision, asking the host for what is missing.
//!
//! `step` is the state machine a host drives, `judging` what it does between needs, `suspended` what is known while it
//! waits, `ending` how it ends. The way of a
//! request: `route` finds the rules that may apply; `reading` goes from its bytes to its operations; `judge` lays them on the
//! `bench`; `matching` finds the rules that do apply, `forbids` and `permits` what they say of an operation, `combining` what
//! that comes to for all of them;
//! `candidate` judges once more by a set that only looks on;
//! `batch` judges the requests within a request; `canary` says on which resources a permit is tried;
//! `credential` says what comes off a request that is forwarded, and where a credential is added;
//! `operations` says what a request asks for, whatever the rules say;
//! `head_rules`, `fields` and `limits` are the parts of a permit; `names` resolves a name to values, `test` judges
//! them.

mod approving;
mod batch;
mod bench;
mod canary;
mod candidate;
mod change;
mod combining;
mod conditions;
mod counting;
mod credential;
mod described;
mod ending;
mod fields;
mod findings;
mod forbids;
mod formula;
mod found;
mod head_rules;
mod hours;
mod judge;
mod judged;
mod judging;
mod leaks;
mod limits;
mod matching;
mod moved;
mod names;
#[cfg(feature = "author")]
mod operations;
mod permits;
mod place;
mod precondition;
mod present;
mod reading;
mod route;
mod step;
mod suspended;
mod tallied;
mod test;
mod totals;
mod unpermitted;
mod value;
mod words;

pub(crate) use canary::folded;
#[cfg(feature = "author")]
pub(crate) use test::name_text;

pub use candidate::{Count, Evidence, Tried};
#[cfg(feature = "author")]
pub use operations::{Asked, operations};
pub use step::{NeedBody, NeedCurrent, NeedStore, Step, evaluate};

use alloc::boxed::Box;
use alloc::string::String;

use crate::reason::{Code, Decision, Reason};

/// What one part of a rule found: a reason, and how severe it is.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) decision: Decision,
    pub(crate) reason: Reason,
    /// Who must approve, where that is what it says.
    pub(crate) role: Option<Box<str>>,
}

impl Finding {
    pub(crate) fn deny(code: Code, message: impl Into<String>) -> Self {
        Self { decision: Decision::Deny, reason: Reason { code, message: message.into(), pointer: None }, role: None }
    }

    /// Whether this denies is yet to be looked up. It allows, as long as nothing else does not.
    pub(crate) fn awaited() -> Self {
        let message = "depends on what is yet to be looked up".into();
        Self {
            decision: Decision::Allow,
            reason: Reason { code: Code::UnknownState, message, pointer: None },
            role: None,
        }
    }

    /// A role must approve.
    pub(crate) fn approval(role: &str, message: String) -> Self {
        let reason = Reason { code: Code::ApprovalRequired, message, pointer: None };
        Self { decision: Decision::ApprovalRequired, reason, role: Some(role.into()) }
    }

    pub(crate) fn at(mut self, pointer: Option<String>) -> Self {
        self.reason.pointer = pointer;
        self
    }
}
