//! What the filter counts of itself. In Envoy each metric appears as `wasmcustom.<name>`, summed over its workers.

use crate::host;
use crate::policy::{Decision, Outcome};

/// One metric, which only goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
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
    /// A lookup was answered with what the agent itself had got a moment before, instead of a call.
    LookupReused,
    /// A request went on that is charged to counters.
    Charged,
    /// What such a request was charged is given back: it certainly did nothing.
    GivenBack,
    /// A charge could not be given back at once, because others set its slot all the time. It is tried again.
    GiveBackLate,
    /// A charge was not given back after all: it counts until its window is over.
    GiveBackLost,
    /// The candidate decides the same. Each request that a candidate judges is counted as one of four, besides the decision.
    CandidateSame,
    /// It would hold what is let pass, or refuse what is held for a person.
    CandidateStricter,
    /// It would let pass what is held, or hold for a person what is refused.
    CandidateLooser,
    /// It would go by something that is not known.
    CandidateUndecidable,
    /// A request came on the control route.
    Command,
    /// Its command was not carried out. Counted besides.
    CommandRefused,
    /// A tripwire has tripped: its record is in the log.
    Tripped,
    /// What a request brings to tripwires could not be counted at once, because others set the slots all the time. It is tried
    /// again.
    TripwireLate,
    /// It was not counted after all, or the record of a tripwire that trips lacks it.
    TripwireLost,
}

/// All metrics, in the order of their numbers, with their names.
const METRICS: [(Metric, &str); 23] = [
    (Metric::Allow, "ambit.allow"),
    (Metric::Deny, "ambit.deny"),
    (Metric::ApprovalRequired, "ambit.approval_required"),
    (Metric::NotAnAgent, "ambit.not_an_agent"),
    (Metric::ShadowWouldDeny, "ambit.shadow_would_deny"),
    (Metric::Failed, "ambit.failed"),
    (Metric::NotRecorded, "ambit.not_recorded"),
    (Metric::Lookup, "ambit.lookup"),
    (Metric::LookupUnavailable, "ambit.lookup_unavailable"),
    (Metric::LookupReused, "ambit.lookup_reused"),
    (Metric::Charged, "ambit.charged"),
    (Metric::GivenBack, "ambit.given_back"),
    (Metric::GiveBackLate, "ambit.give_back_late"),
    (Metric::GiveBackLost, "ambit.give_back_lost"),
    (Metric::CandidateSame, "ambit.candidate_same"),
    (Metric::CandidateStricter, "ambit.candidate_stricter"),
    (Metric::CandidateLooser, "ambit.candidate_looser"),
    (Metric::CandidateUndecidable, "ambit.candidate_undecidable"),
    (Metric::Command, "ambit.commands"),
    (Metric::CommandRefused, "ambit.commands_refused"),
    (Metric::Tripped, "ambit.tripped"),
    (Metric::TripwireLate, "ambit.tripwire_late"),
    (Metric::TripwireLost, "ambit.tripwire_lost"),
];

/// The host's numbers of the metrics. A metric that the host refused is not counted: counting never decides.
pub(crate) struct Metrics([Option<u32>; METRICS.len()]);

impl Metrics {
    /// Defines all metrics with the host.
    pub(crate) fn define() -> Self {
        Self(METRICS.map(|(_, name)| host::define_counter(name).ok()))
    }

    /// Counts one.
    pub(crate) fn count(&self, which: Metric) {
        if let Some(Some(metric)) = self.0.get(which as usize) {
            // A count the host does not take is lost, as the type says.
            let _ = host::increment(*metric, 1);
        }
    }

    /// Counts a decision.
    ///
    /// This happens when it is made, not when the stream ends: an event stream can stay open for hours.
    pub(crate) fn count_outcome(&self, outcome: &Outcome) {
        if outcome.not_an_agent {
            return self.count(Metric::NotAnAgent);
        }
        self.count(match outcome.decision {
            Decision::Allow => Metric::Allow,
            Decision::Deny => Metric::Deny,
            Decision::ApprovalRequired => Metric::ApprovalRequired,
        });
        if outcome.forward && outcome.decision != Decision::Allow {
            self.count(Metric::ShadowWouldDeny);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_at_the_place_of_its_number() {
        for (place, (metric, name)) in METRICS.iter().enumerate() {
            assert_eq!(*metric as usize, place, "{name}");
        }
    }
}
