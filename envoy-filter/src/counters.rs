//! What the filter counts. In Envoy the counters appear as `wasmcustom.<name>`, summed over its workers.

use crate::host;
use crate::policy::{Decision, Outcome};

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// The decision was `allow`.
    Allow,
    /// The decision was `deny`, in enforce or shadow mode.
    Deny,
    /// The decision was `approval_required`, in enforce or shadow mode.
    ApprovalRequired,
    /// The request is of nobody a policy is for. Counted here alone, not as a decision.
    NotAnAgent,
    /// The decision was not `allow`, and shadow mode forwarded the request. Counted besides the decision.
    ShadowWouldDeny,
    /// The filter or the gateway could not judge the request, or not carry the decision out, and refused it.
    /// Counted besides the decision, if there was one.
    Failed,
    /// The host did not take the decision's event, so the access log goes without it.
    NotRecorded,
    /// A call was made to look up the present.
    Lookup,
    /// A lookup had no answer: its call could not be made, or failed, took too long, was too large, or was answered with a
    /// status from 500 on, as the gateway's own timeouts and resets are.
    LookupUnavailable,
}

/// All counters, in the order of their numbers, with their names.
const COUNTERS: [(Counter, &str); 9] = [
    (Counter::Allow, "ambit.allow"),
    (Counter::Deny, "ambit.deny"),
    (Counter::ApprovalRequired, "ambit.approval_required"),
    (Counter::NotAnAgent, "ambit.not_an_agent"),
    (Counter::ShadowWouldDeny, "ambit.shadow_would_deny"),
    (Counter::Failed, "ambit.failed"),
    (Counter::NotRecorded, "ambit.not_recorded"),
    (Counter::Lookup, "ambit.lookup"),
    (Counter::LookupUnavailable, "ambit.lookup_unavailable"),
];

/// The host's numbers of the counters. A counter that the host refused is not counted: counting never decides.
pub(crate) struct Counters([Option<u32>; COUNTERS.len()]);

impl Counters {
    /// Defines all counters with the host.
    pub(crate) fn define() -> Self {
        Self(COUNTERS.map(|(_, name)| host::define_counter(name).ok()))
    }

    /// Counts one.
    pub(crate) fn count(&self, counter: Counter) {
        if let Some(Some(metric)) = self.0.get(counter as usize) {
            // A count the host does not take is lost, as the type says.
            let _ = host::increment(*metric, 1);
        }
    }

    /// Counts a decision.
    ///
    /// This happens when it is made, not when the stream ends: an event stream can stay open for hours.
    pub(crate) fn count_outcome(&self, outcome: &Outcome) {
        if outcome.not_an_agent {
            return self.count(Counter::NotAnAgent);
        }
        self.count(match outcome.decision {
            Decision::Allow => Counter::Allow,
            Decision::Deny => Counter::Deny,
            Decision::ApprovalRequired => Counter::ApprovalRequired,
        });
        if outcome.forward && outcome.decision != Decision::Allow {
            self.count(Counter::ShadowWouldDeny);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_at_the_place_of_its_number() {
        for (place, (counter, name)) in COUNTERS.iter().enumerate() {
            assert_eq!(*counter as usize, place, "{name}");
        }
    }
}
