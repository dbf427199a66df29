//! What one request brings to the tripwires of its page.

use crate::decision::{Code, Decision, Outcome};
use crate::evaluate::harmless;
use crate::policy::{Page, Watched};

/// How much of each that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally([u32; Watched::ALL.len()]);

impl Tally {
    pub(super) fn add(&mut self, what: Watched, count: u32) {
        if let Some(known) = self.0.get_mut(what as usize) {
            *known = known.saturating_add(count);
        }
    }

    pub(super) fn of(&self, what: Watched) -> u32 {
        self.0.get(what as usize).copied().unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// What a decision brings; `None`: it is not of the page, so that it says nothing of what the agent does.
    pub(super) fn of_decision(outcome: &Outcome, page: &Page) -> Option<Self> {
        let elsewhere = |code| matches!(code, Code::Paused | Code::SessionEnded | Code::NotValidNow);
        if outcome.reasons.iter().any(|reason| elsewhere(reason.code)) {
            return None;
        }
        let mut tally = Self::default();
        tally.add(Watched::Requests, 1);
        // What a recording lacks says nothing against the agent.
        let refused =
            outcome.decision == Decision::Deny && (page.shadow || !outcome.forward) && outcome.undecidable.is_none();
        if refused {
            tally.add(Watched::Refused, 1);
            if outcome.reasons.iter().any(|reason| is_outside(reason.code)) {
                tally.add(Watched::OutOfScope, 1);
            }
        }
        if goes_on(outcome, page) {
            tally.add(Watched::Writes, writes(outcome));
        }
        Some(tally)
    }
}

/// Whether a request goes on, or would if its page were enforced.
pub(super) fn goes_on(outcome: &Outcome, page: &Page) -> bool {
    outcome.forward && (!page.shadow || outcome.decision == Decision::Allow)
}

/// Operations that may do anything else than to read, or to stop an effect.
fn writes(outcome: &Outcome) -> u32 {
    if outcome.operations.is_empty() {
        // Its bytes pass unread.
        return 1;
    }
    let acts = outcome.operations.iter().filter(|operation| !operation.effect.is_some_and(harmless));
    u32::try_from(acts.count()).unwrap_or(u32::MAX)
}

/// Codes of what no permit is about, or what a forbid is.
fn is_outside(code: Code) -> bool {
    matches!(
        code,
        Code::EndpointNotAllowed | Code::ToolNotAllowed | Code::Forbidden | Code::HostMismatch | Code::ScopeFilter
    )
}
