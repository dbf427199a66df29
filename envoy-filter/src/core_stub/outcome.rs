//! What an evaluation ends in, and what is said of it.

use super::candidate::Candidate;
use super::counters::Receipt;
use super::state::Keep;
use super::{Code, Decision, Obligation, PolicySet, Reason, Reply, Timestamp};

pub struct Outcome {
    pub decision: Decision,
    pub forward: bool,
    pub not_an_agent: bool,
    pub rule: Option<String>,
    pub reasons: Vec<Reason>,
    pub obligations: Vec<Obligation>,
    pub agent: Option<String>,
    pub version: Option<String>,
    pub keep: Option<Box<Keep>>,
    pub candidate: Option<Box<Candidate>>,
    pub operations: Vec<()>,
    pub reserved: Vec<Receipt>,
    pub counters_since: Option<Timestamp>,
    pub(super) charged_at: Option<u64>,
    pub(super) status: u16,
    /// The body of a JSON-RPC error.
    pub(super) rpc: Option<&'static str>,
    /// Nobody waits for an answer.
    pub(super) silent: bool,
    /// What lookups were answered.
    pub(super) answers: Option<String>,
}

impl Outcome {
    pub(super) fn new(decision: Decision) -> Self {
        Self {
            decision,
            forward: decision == Decision::Allow,
            not_an_agent: false,
            rule: None,
            reasons: Vec::new(),
            obligations: Vec::new(),
            agent: None,
            version: None,
            keep: None,
            candidate: None,
            operations: Vec::new(),
            reserved: Vec::new(),
            counters_since: None,
            charged_at: None,
            status: 403,
            rpc: None,
            silent: false,
            answers: None,
        }
    }
    pub fn only_reads(&self) -> bool {
        true
    }
    pub fn acts(&self) -> bool {
        !self.operations.is_empty()
    }
    pub fn is_out_of_scope(&self) -> bool {
        self.rpc.is_none()
    }
    pub fn is_approved(&self) -> bool {
        false
    }
    pub fn reply(&self, _set: &PolicySet) -> Reply {
        if let Some(answer) = self.rpc {
            return Reply { status: 200, content_type: Some("application/json"), body: answer.into() };
        }
        if let Some(answers) = &self.answers {
            return Reply { status: 403, content_type: Some("text/plain"), body: answers.clone().into() };
        }
        if self.silent {
            return Reply { status: 403, content_type: None, body: Vec::new() };
        }
        let status = match self.reasons.first().map(|reason| reason.code) {
            Some(Code::Gateway | Code::BodyNotDelivered) => 503,
            Some(Code::BodyTimeout) => 408,
            _ => self.status,
        };
        let body = format!("{{\"status\":{status}}}").into_bytes();
        Reply { status, content_type: Some("application/problem+json"), body }
    }
    pub fn decision_json(&self, _set: &PolicySet) -> Vec<u8> {
        if let Some(candidate) = &self.candidate {
            return format!("{{\"decision\":\"{:?}\",\"candidate\":\"{}\"}}", self.decision, candidate.told).into();
        }
        match (self.charged_at, self.counters_since) {
            (Some(at), _) => format!("{{\"charged_at\":{at}}}").into_bytes(),
            (None, Some(Timestamp(since))) => {
                format!("{{\"decision\":\"{:?}\",\"since\":{since}}}", self.decision).into_bytes()
            }
            (None, None) => format!("{{\"decision\":\"{:?}\"}}", self.decision).into_bytes(),
        }
    }
}
