//! What permits and forbids say of one operation.

use alloc::string::String;
use alloc::vec::Vec;

use super::Finding;
use crate::approval::Roles;
use crate::decision::Considered;
use crate::reason::{Code, Decision, Reason};
use crate::state::Want;

/// A verdict on one operation.
pub(super) struct Judged {
    pub(super) decision: Decision,
    pub(super) rule: Option<String>,
    pub(super) reasons: Vec<Reason>,
    /// Who must approve it.
    pub(super) roles: Roles,
    /// It could be stricter, by what is yet to be looked up.
    pub(super) awaits: bool,
    /// What that is.
    pub(super) wants: Vec<Want>,
    /// It is only recorded: the permit that says it is in shadow for this resource.
    pub(super) waived: bool,
    /// It would have to be looked up, which is not done for what is only recorded.
    pub(super) lacking: bool,
}

impl Judged {
    /// How it compares with what other permits say, the better one first: what is only recorded lets pass.
    pub(super) fn rank(&self) -> (Decision, bool, Decision) {
        let passes = if self.waived { Decision::Allow } else { self.decision };
        (passes, self.awaits, self.decision)
    }

    /// Within a permit, the strictest finding.
    pub(super) fn of(rule: &str, findings: Vec<Finding>) -> Self {
        let decision = findings.iter().map(|finding| finding.decision).max().unwrap_or(Decision::Allow);
        let awaits = findings.iter().any(|finding| finding.decision == Decision::Allow);
        let counts = |finding: &Finding| finding.decision == decision && decision != Decision::Allow;
        let mut reasons = Vec::new();
        let mut roles = Roles::default();
        for finding in findings.into_iter().filter(counts) {
            if let Some(role) = &finding.role {
                roles.add(role);
            }
            reasons.push(finding.reason);
        }
        Self { decision, rule: Some(rule.into()), reasons, roles, awaits, ..Self::blank() }
    }

    /// A refusal that no rule says.
    pub(super) fn refused(reason: Reason) -> Self {
        Self { reasons: alloc::vec![reason], ..Self::blank() }
    }

    fn blank() -> Self {
        Self {
            decision: Decision::Deny,
            rule: None,
            reasons: Vec::new(),
            roles: Roles::default(),
            awaits: false,
            wants: Vec::new(),
            waived: false,
            lacking: false,
        }
    }
}

/// What an explanation says of a rule that the present would have to decide, where the request is refused without it.
pub(super) fn not_looked_up() -> Reason {
    let message = "depends on what is now, which was not looked up: the request is refused anyway".into();
    Reason { code: Code::UnknownState, message, pointer: None }
}

/// How a rule judged an operation, for an explanation.
pub(super) fn considering(
    operation: usize,
    rule: &str,
    effect: &'static str,
    decision: Option<Decision>,
    shadow: bool,
    reasons: Vec<Reason>,
) -> Considered {
    let reasons = reasons.into_iter().map(Reason::bounded).collect();
    Considered { operation, rule: rule.into(), effect, decision, shadow, reasons }
}
