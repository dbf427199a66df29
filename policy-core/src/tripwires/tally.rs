//! What one request brings to the tripwires of its page.

use crate::decision::Outcome;
use crate::policy::{Page, Watched};
use crate::reason::{Code, Decision};

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
            if outcome.is_out_of_scope() {
                tally.add(Watched::OutOfScope, 1);
            }
        }
        if goes_on(outcome, page) {
            tally.add(Watched::Writes, outcome.writes());
        }
        Some(tally)
    }
}

/// Whether a request goes on, or would if its page were enforced.
pub(super) fn goes_on(outcome: &Outcome, page: &Page) -> bool {
    outcome.forward && (!page.shadow || outcome.decision == Decision::Allow)
}
