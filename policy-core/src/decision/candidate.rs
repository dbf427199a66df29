//! What a candidate, a second policy set that only looks on, says of a request beside what was enforced.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Code, Decision, Outcome};
use crate::policy::PolicySet;

/// The candidate's judgement beside the enforced one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// It decides the same.
    Same,
    /// It would hold what is let pass, or refuse what is held for a person. Where both let pass or both hold, its decision is
    /// the stricter one.
    Stricter,
    /// The reverse.
    Looser,
    /// It would go by something that the enforced judgement did not need, or is not known.
    Undecidable,
}

impl Compared {
    /// Every comparison, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Same, Self::Stricter, Self::Looser, Self::Undecidable];

    /// The word used in events and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Stricter => "stricter",
            Self::Looser => "looser",
            Self::Undecidable => "undecidable",
        }
    }

    /// How the candidate's outcome stands to the enforced one. A grant holds under one policy set alone, and is not shown to
    /// a candidate: what a person has approved was held there too.
    pub(crate) fn between(enforced: &Outcome, candidate: &Outcome) -> Self {
        let asked = |outcome: &Outcome| {
            outcome.is_approved() || outcome.reasons.iter().any(|reason| reason.code == Code::ApprovalInvalid)
        };
        let held = |outcome: &Outcome| match asked(outcome) {
            true => (true, Decision::ApprovalRequired),
            false => (!outcome.forward, outcome.decision),
        };
        match held(candidate).cmp(&held(enforced)) {
            core::cmp::Ordering::Equal => Self::Same,
            core::cmp::Ordering::Greater => Self::Stricter,
            core::cmp::Ordering::Less => Self::Looser,
        }
    }
}

/// Why a candidate comes to no judgement. The texts are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undecided {
    /// It needs the body, which was not read for the enforced judgement, or not as far.
    Body,
    /// It needs a resource as it is now that was not looked up for the enforced judgement.
    Present,
    /// Its counters cannot be had, have no room left, or have not been kept for long enough.
    Counters,
    /// Too much of other requests is held for candidates.
    Memory,
    /// The enforced judgement itself depends on what is not known.
    Enforced,
}

impl Undecided {
    /// The stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Body => "body_not_read",
            Self::Present => "not_looked_up",
            Self::Counters => "counters",
            Self::Memory => "memory",
            Self::Enforced => "enforced",
        }
    }
}

/// The record of a candidate's judgement, without any value of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Digest of the candidate.
    pub policy: String,
    /// How it stands to what was enforced.
    pub compared: Compared,
    /// Why it comes to no judgement: [`Undecided::text`]. Then nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecidable: Option<&'static str>,
    /// What it decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<&'static str>,
    /// It would only record the decision.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub shadow: bool,
    /// Version of the agent's page in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The rule that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Codes of the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<&'static str>,
    /// Since when its counters are kept, where some were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters_since: Option<String>,
}

impl Candidate {
    /// No judgement, for `why`.
    #[must_use]
    pub fn undecided(set: &PolicySet, why: Undecided) -> Self {
        Self { undecidable: Some(why.text()), ..Self::blank(set, Compared::Undecidable) }
    }

    /// What `outcome`, the candidate's, is beside the enforced one.
    pub(crate) fn judged(set: &PolicySet, enforced: &Outcome, outcome: &Outcome) -> Self {
        Self {
            decision: Some(outcome.decision.name()),
            shadow: outcome.shadow,
            version: outcome.version.clone(),
            rule: outcome.rule.clone(),
            reasons: outcome.reasons.iter().map(|reason| reason.code.text()).collect(),
            counters_since: outcome.counters_since.map(|since| since.to_string()),
            ..Self::blank(set, Compared::between(enforced, outcome))
        }
    }

    /// Of a request that is stopped because of who is asking, whatever it asks for: so it would be under the candidate.
    pub(crate) fn stopped(set: &PolicySet, enforced: &Outcome) -> Self {
        Self { version: None, ..Self::judged(set, enforced, enforced) }
    }

    fn blank(set: &PolicySet, compared: Compared) -> Self {
        Self {
            policy: set.digest().to_string(),
            compared,
            undecidable: None,
            decision: None,
            shadow: false,
            version: None,
            rule: None,
            reasons: Vec::new(),
            counters_since: None,
        }
    }
}
