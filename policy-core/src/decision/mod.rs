//! What an evaluation ends in: a decision with its reasons and obligations, the event that records it, and the
//! problem document that tells the agent.

mod candidate;
mod effects;
mod event;
mod moved;
mod problem;
mod reply;

pub use candidate::{Candidate, Compared, Undecided};
pub use event::{Event, EventOperation};
pub(crate) use moved::Moved;
pub use problem::Problem;
pub use reply::Reply;

pub use crate::decode::Rpc;
pub use crate::reason::{Code, Decision, Reason};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::approval::{Approved, Roles, Ticket};
use crate::counters::{Plan, Receipt, Tally};
use crate::failure::Shape;
use crate::limits::REASONS;
use crate::state::Keep;
use crate::time::Timestamp;

/// What the enforcement point must carry out with a request that is forwarded. If one cannot be carried out, the
/// decision becomes deny.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obligation {
    /// Replace a request header.
    SetRequestHeader {
        /// Lower-case name.
        name: String,
        /// Value.
        value: Vec<u8>,
    },
    /// Take a request header off.
    RemoveRequestHeader {
        /// Lower-case name.
        name: String,
    },
}

/// How one rule judged one operation: the material of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Index of the operation in the request.
    pub operation: usize,
    /// The rule.
    pub rule: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// What the rule alone says; `None`: it does not match the operation.
    pub decision: Option<Decision>,
    /// The rule is in shadow: what it says does not count.
    pub shadow: bool,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A request that is held for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it would do.
    pub ticket: Ticket,
    /// Digest of the ticket.
    pub digest: String,
    /// Who must approve it.
    pub roles: Roles,
}

/// The end of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the page says.
    pub decision: Decision,
    /// Whether the request goes upstream: the decision is allow or only recorded, or no agent is asking.
    pub forward: bool,
    /// The decision is only recorded: the page is in shadow, or what refuses is a permit outside its canary.
    pub shadow: bool,
    /// No agent is named, and the gateway lets such requests pass.
    pub not_an_agent: bool,
    /// The agent, where one is named.
    pub agent: Option<String>,
    /// Id of the agent's session, where the request names one.
    pub session: Option<String>,
    /// Version of its page.
    pub version: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why; empty for an allow.
    pub reasons: Vec<Reason>,
    /// Reasons beyond the bound on how many are named.
    pub more_reasons: usize,
    /// To be carried out when the request is forwarded.
    pub obligations: Vec<Obligation>,
    /// The operations that were judged.
    pub operations: Vec<EventOperation>,
    /// Every rule that was looked at.
    pub considered: Vec<Considered>,
    /// Who waits for an answer, where the request came by JSON-RPC.
    pub rpc: Option<Rpc>,
    /// What is reserved of counters, until [`settled`](crate::counters::give_back): given back where the request is not
    /// forwarded, or [where it certainly had no effect](crate::counters::Signals::give_back).
    pub reserved: Vec<Receipt>,
    /// Since when the counters are kept. Known where some were asked; a host that keeps any says it of every outcome.
    pub counters_since: Option<Timestamp>,
    /// What the request is charged to, or would be if it went on. `None`: no counter counts it, or it was refused before any
    /// rule was looked at.
    pub charged: Option<Plan>,
    /// What the request brings to counters, until they are asked.
    pub(crate) tallies: Vec<Tally>,
    /// What it changes of values whose changes are bounded, for the page's tripwires.
    pub(crate) moved: Vec<Moved>,
    /// How its answer says that it failed, for the page's tripwires.
    pub(crate) shape: Option<Box<Shape>>,
    /// Who must approve it.
    pub(crate) roles: Roles,
    /// What a person would approve, where the request is held: in a box, since it is rare and outcomes are moved often.
    pub held: Option<Box<Held>>,
    /// By what it was approved.
    pub approved: Vec<Approved>,
    /// A need that nobody could answer decided: the same request with the answer may be decided otherwise.
    pub undecidable: Option<String>,
    /// What the upstream answers may be kept for the agent's lookups. Only of a read that is allowed, not of one that is
    /// let pass. In a box, since it is rare and outcomes are moved often.
    pub keep: Option<Box<Keep>>,
    /// What the candidate says of the request, for the record alone. In a box, since most policy sets have none.
    pub candidate: Option<Box<Candidate>>,
}

impl Outcome {
    /// Adds reasons, each once, and as many as are named.
    pub(crate) fn add_reasons(&mut self, reasons: Vec<Reason>) {
        for reason in reasons {
            let reason = reason.bounded();
            if self.reasons.contains(&reason) {
                continue;
            }
            if self.reasons.len() < REASONS {
                self.reasons.push(reason);
            } else {
                self.more_reasons = self.more_reasons.saturating_add(1);
            }
        }
    }
}
