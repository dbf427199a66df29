//! What each agent does, as metrics: `ambit.agent.AGENT.WHAT`, in Envoy `wasmcustom.ambit.agent.AGENT.WHAT`. Rates and shares
//! (writes to reads, failures, what is out of scope) are for whoever reads them.
//!
//! Only agents with a page are counted, so that nobody makes up metrics. In a name every character but letters, digits, `_` and
//! `-` is `_`: agents whose names differ in nothing else are counted together.

use policy_core::ordered::Map;
use std::cell::RefCell;
use std::rc::Rc;

use crate::host;
use crate::policy::{Decision, Outcome};

/// What is counted of an agent. Each request counts as one of the first four, and besides as what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A request that went on, and only reads or stops an effect.
    Reads,
    /// A request that went on and does more.
    Writes,
    /// A refused request.
    Refused,
    /// A request that is held for a person.
    Held,
    /// A refused request that no permit is about, or that a forbid is about.
    OutOfScope,
    /// A request that went on because a person had approved it.
    Approved,
    /// A request that went on, and was answered with a status from 400 on, or not at all.
    Failed,
}

const DEEDS: [(Deed, &str); 7] = [
    (Deed::Reads, "reads"),
    (Deed::Writes, "writes"),
    (Deed::Refused, "refused"),
    (Deed::Held, "held"),
    (Deed::OutOfScope, "out_of_scope"),
    (Deed::Approved, "approved"),
    (Deed::Failed, "failed"),
];

/// The host's numbers of one agent's metrics; one that the host refused is not counted.
pub(crate) struct Agent([Option<u32>; DEEDS.len()]);

/// The agents that have been seen.
#[derive(Default)]
pub(crate) struct Agents(RefCell<Map<String, Rc<Agent>>>);

impl Agents {
    /// Counts a decision, and returns whose it is where the request goes on; `None`: nobody's with a page.
    pub(crate) fn count(&self, outcome: &Outcome) -> Option<Rc<Agent>> {
        // Only a page has a version.
        let name = outcome.agent.as_deref().filter(|_| outcome.version.is_some())?;
        let agent = self.of(name)?;
        agent.count(match outcome.decision {
            _ if outcome.forward && outcome.acts() => Deed::Writes,
            _ if outcome.forward => Deed::Reads,
            Decision::ApprovalRequired => Deed::Held,
            Decision::Allow | Decision::Deny => Deed::Refused,
        });
        if outcome.decision == Decision::Deny && outcome.is_out_of_scope() {
            agent.count(Deed::OutOfScope);
        }
        if outcome.forward && outcome.is_approved() {
            agent.count(Deed::Approved);
        }
        outcome.forward.then_some(agent)
    }

    /// The borrow is never held across a host call that comes back, so it never fails.
    fn of(&self, name: &str) -> Option<Rc<Agent>> {
        let mut agents = self.0.try_borrow_mut().ok()?;
        if !agents.contains_key(name) {
            agents.insert(name.to_owned(), Rc::new(Agent::define(name)));
        }
        agents.get(name).cloned()
    }
}

impl Agent {
    fn define(name: &str) -> Self {
        let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
        let name: String = name.chars().map(kept).collect();
        Self(DEEDS.map(|(_, deed)| host::define_counter(&format!("ambit.agent.{name}.{deed}")).ok()))
    }

    fn count(&self, deed: Deed) {
        if let Some(Some(metric)) = self.0.get(deed as usize) {
            // A count the host does not take is lost, as the type says.
            let _ = host::increment(*metric, 1);
        }
    }

    /// Counts what a request that went on came to: the status of its answer, or none.
    pub(crate) fn end(&self, status: Option<u16>) {
        if status.is_none_or(|status| status >= 400) {
            self.count(Deed::Failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deed_is_at_the_place_of_its_number() {
        for (place, (deed, name)) in DEEDS.iter().enumerate() {
            assert_eq!(*deed as usize, place, "{name}");
        }
    }
}
