//! What an engine says of one request.

use policy_core::decision::Code;
use policy_core::{Decision, Outcome};
use serde::Serialize;

use super::candidate::CandidateJudgement;
use crate::recording::RecordedBody;
use crate::world::{Fate, Lookup};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes upstream.
    Allow,
    /// It is held for a person.
    ApprovalRequired,
    /// It is refused.
    Deny,
    /// No agent is asking, and the gateway lets that pass.
    NotAnAgent,
    /// The recording lacks what the decision needs.
    Undecidable,
}

impl Verdict {
    /// Every verdict, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Deny, Self::ApprovalRequired, Self::NotAnAgent, Self::Undecidable];

    /// The word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ApprovalRequired => "approval_required",
            Self::Deny => "deny",
            Self::NotAnAgent => "not_an_agent",
            Self::Undecidable => "undecidable",
        }
    }

    /// The verdict of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Allow => Self::Allow,
            Decision::ApprovalRequired => Self::ApprovalRequired,
            Decision::Deny => Self::Deny,
        }
    }
}

/// A reason, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedReason {
    /// Its kind; see [`policy_core::decision::Code`].
    pub code: String,
    /// A sentence; `None` where the filter only gives the code (a page in shadow).
    pub message: Option<String>,
    /// RFC 6901 pointer into the body, where the reason has a place there.
    pub pointer: Option<String>,
}

/// What an engine says of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What the page says, also when it only records.
    pub verdict: Verdict,
    /// The agent, where one is named.
    pub agent: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why; empty for an allow.
    pub reasons: Vec<JudgedReason>,
    /// The page only records: the request goes upstream whatever the verdict.
    pub shadow: bool,
    /// What the candidate says, where there is one.
    pub candidate: Option<CandidateJudgement>,
}

impl Judgement {
    /// Undecidable for `why`.
    pub(super) fn undecidable(agent: Option<String>, lack: Lack) -> Self {
        let reason = JudgedReason { code: lack.code.to_owned(), message: Some(lack.message), pointer: None };
        Self { verdict: Verdict::Undecidable, agent, rule: None, reasons: vec![reason], shadow: false, candidate: None }
    }

    /// Of a command to the gateway, which is no agent's request: whether it is carried out is for the gateway to say.
    pub(super) fn of_command() -> Self {
        Self {
            verdict: Verdict::NotAnAgent,
            agent: None,
            rule: None,
            reasons: Vec::new(),
            shadow: false,
            candidate: None,
        }
    }

    /// The same, for an entry of an access log. A log holds the headers that its format names and no others: that no
    /// agent is named in it does not mean that none was named in the request.
    #[must_use]
    pub fn of_access_log(self) -> Self {
        let unknown = |reason: &JudgedReason| reason.code == Code::UnknownAgent.text();
        match self.reasons.first() {
            Some(reason) if self.agent.is_none() && unknown(reason) => {
                let why = reason.message.as_deref().unwrap_or_default();
                let lack = Lack {
                    code: Code::UnknownAgent.text(),
                    message: format!("agent not in the access log: {why}; log the header that names it"),
                };
                let candidate = self.candidate.map(CandidateJudgement::where_enforced_is_unknown);
                Self { candidate, ..Self::undecidable(None, lack) }
            }
            _ => self,
        }
    }

    /// What becomes of the request: a page in shadow lets it pass.
    pub fn fate(&self) -> Fate {
        match self.verdict {
            _ if self.shadow => Fate::Passed,
            Verdict::Allow | Verdict::NotAnAgent => Fate::Passed,
            Verdict::Deny | Verdict::ApprovalRequired => Fate::Refused,
            Verdict::Undecidable => Fate::Undecided,
        }
    }

    /// What the core said; `lack` is what the recording does not hold of the request.
    pub(super) fn of(outcome: Outcome, lack: Option<Lack>) -> Self {
        if let (Some(_), Some(lack)) = (&outcome.undecidable, lack) {
            let candidate = outcome.candidate.map(|candidate| (*candidate).into());
            return Self { candidate, ..Self::undecidable(outcome.agent, lack) };
        }
        // A refused notification is answered by a status alone: what is left of its reasons are the codes in the event.
        let silent = !outcome.forward && outcome.rpc.as_ref().is_some_and(|rpc| rpc.ids.is_empty());
        let reasons = outcome.reasons.into_iter().map(|reason| JudgedReason {
            code: reason.code.text().to_owned(),
            message: Some(reason.message).filter(|_| !silent),
            pointer: reason.pointer.filter(|_| !silent),
        });
        Self {
            verdict: if outcome.not_an_agent { Verdict::NotAnAgent } else { outcome.decision.into() },
            agent: outcome.agent,
            rule: outcome.rule,
            reasons: reasons.collect(),
            shadow: outcome.shadow,
            candidate: outcome.candidate.map(|candidate| (*candidate).into()),
        }
    }
}

/// Something a decision may need and the recording does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lack {
    /// The kind of reason.
    code: &'static str,
    /// What is lacking and why, for people.
    message: String,
}

impl Lack {
    /// What is lacking of a body, if anything.
    pub(super) fn of_body(body: &RecordedBody) -> Option<Self> {
        let what = match body {
            RecordedBody::Empty | RecordedBody::Complete(_) => return None,
            RecordedBody::Truncated { .. } => "body truncated in the recording",
            RecordedBody::Missing { .. } => "body not in the recording",
            RecordedBody::Undecodable { .. } => "body not readable in the recording",
        };
        let why = body.unknown_because().unwrap_or_default();
        Some(Self { code: Code::BodyNotSeen.text(), message: format!("{what}: {why}") })
    }

    /// What is lacking of the present, if the decision depends on it.
    pub(super) fn of_present(outcome: &Outcome, lookups: &[Lookup]) -> Option<Self> {
        let why = outcome.undecidable.as_ref()?;
        let mut lacking = lookups.iter().filter(|lookup| lookup.lacking).map(|lookup| lookup.call.as_str());
        let first = lacking.next().map(|call| format!(": {call}")).unwrap_or_default();
        let more = match lacking.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(Self { code: Code::UnknownState.text(), message: format!("{why}{first}{more}") })
    }

    /// No time was recorded.
    pub(super) fn of_time() -> Self {
        Self {
            code: Code::NotValidNow.text(),
            message: "time not in the recording: give the time to judge at with --now".to_owned(),
        }
    }
}
