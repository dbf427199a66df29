//! The event of a decision: what is recorded of a request, without any value of it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::{Candidate, Outcome};
use crate::approval::{Approved, Ticket};
use crate::policy::PolicySet;

/// One operation of a request, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventOperation {
    /// `resource.action` of the catalog; absent for an endpoint no catalog lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The action's effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<&'static str>,
    /// `tool NAME`: what is called, where the policy knows the name. A name that only the request knows is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// The record of one decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event<'a> {
    /// `allow`, `deny`, `approval_required`.
    pub decision: &'a str,
    /// Whether the request went upstream.
    pub forwarded: bool,
    /// The decision is only recorded.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub shadow: bool,
    /// No agent was named.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub not_an_agent: bool,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a str>,
    /// Id of its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    /// Version of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'a str>,
    /// Digest of the policy set that decided.
    pub policy: &'a str,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a str>,
    /// Codes of the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<&'static str>,
    /// What was asked for: the first operations and how many there were.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub operations: &'a [EventOperation],
    /// Number of operations.
    pub operation_count: usize,
    /// The ticket of a request that is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<&'a str>,
    /// By what a request was approved.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub approval: &'a [Approved],
    /// Since when the counters are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters_since: Option<String>,
    /// What the candidate says, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<&'a Candidate>,
}

/// Most operations an event names one by one.
const NAMED: usize = 4;

impl Outcome {
    /// The record of this decision under `set`.
    #[must_use]
    pub fn event<'a>(&'a self, set: &'a PolicySet) -> Event<'a> {
        Event {
            decision: self.decision.name(),
            forwarded: self.forward,
            shadow: self.shadow,
            not_an_agent: self.not_an_agent,
            agent: self.agent.as_deref(),
            session: self.session.as_deref(),
            version: self.version.as_deref(),
            policy: set.digest(),
            rule: self.rule.as_deref(),
            reasons: self.reasons.iter().map(|r| r.code.text()).collect(),
            operations: self.operations.get(..NAMED.min(self.operations.len())).unwrap_or_default(),
            operation_count: self.operations.len(),
            ticket: self.held.as_ref().map(|held| Ticket::id(&held.digest)),
            approval: &self.approved,
            counters_since: self.counters_since.map(|since| since.to_string()),
            candidate: self.candidate.as_deref(),
        }
    }

    /// [`Outcome::event`] as JSON, for the gateway's access log.
    #[must_use]
    pub fn decision_json(&self, set: &PolicySet) -> Vec<u8> {
        // Serializing strings and numbers cannot fail.
        serde_json::to_vec(&self.event(set)).unwrap_or_default()
    }
}
