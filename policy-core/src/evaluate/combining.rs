//! Combining what the rules say to an outcome: across the operations of a request the strictest verdict holds for all of
//! them.

use alloc::format;
use alloc::vec::Vec;

use super::bench::Bench;
use super::canary;
use super::counting::Tallies;
use super::ending::blank;
use super::judged::Judged;
use super::matching::Matches;
use super::moved::moved;
use super::names::Scope;
use super::permits::Whole;
use crate::decision::{EventOperation, Outcome};
use crate::ordered::Map;
use crate::policy::{RuleTarget, Watched};
use crate::reason::Decision;

/// The operations that a permit matches, and whether these are all, whatever the present is.
struct Matched<'a> {
    scopes: Vec<Scope<'a>>,
    settled: bool,
}

impl<'a> Bench<'a> {
    /// Which operations each permit matches: counts and sums speak of all of them.
    fn matched(&self) -> Map<u32, Matched<'a>> {
        let mut matched: Map<u32, Matched<'a>> = Map::new();
        for operation in self.operations {
            let mut here: Map<u32, (Scope<'a>, bool)> = Map::new();
            for candidate in self.candidates(operation) {
                let RuleTarget::Permit(index) = candidate.rule.target else { continue };
                let awaited = match self.matches(candidate, operation) {
                    Matches::Yes => false,
                    Matches::Awaited => true,
                    Matches::No(_) | Matches::Unknown { .. } => continue,
                };
                here.alter(index, (self.scope(operation, candidate.variables), awaited), |_| ());
            }
            let grants = |index: &u32| self.permit(*index).is_some_and(|permit| !permit.shadow);
            let several = here.keys().filter(|index| grants(index)).count() > 1;
            for (index, (scope, awaited)) in here {
                let first = Matched { scopes: Vec::new(), settled: true };
                matched.alter(index, first, |matched| {
                    matched.scopes.push(scope);
                    // Where only this permit could grant the operation, it must match, or the request is refused.
                    matched.settled &= !awaited || !several;
                });
            }
        }
        self.known.take_wants();
        matched
    }

    /// What the page says of the request.
    pub(super) fn outcome(&self) -> Outcome {
        let mut whole: Map<u32, Whole> = Map::new();
        let mut tallies = Tallies::default();
        let mut changed = Vec::new();
        let reverts = self.page.tripwires.count(Watched::Reverts);
        for (index, Matched { scopes, settled }) in self.matched() {
            let Some(permit) = self.permit(index) else { continue };
            let mut findings = self.request_findings(permit, &scopes, settled);
            tallies.add((self.page, permit), &scopes, settled, &mut findings);
            whole.insert(index, Whole { findings, wants: self.known.take_wants() });
            if reverts && !permit.shadow {
                moved((self.page, permit), &scopes, &mut changed);
                // Nothing is looked up for this alone.
                self.known.take_wants();
            }
        }

        let mut outcome = blank();
        outcome.decision = Decision::Allow;
        outcome.agent = Some(self.page.agent.clone());
        outcome.version = Some(self.page.version.clone());
        let mut all: Vec<Judged> = Vec::with_capacity(self.operations.len());
        for (position, operation) in self.operations.iter().enumerate() {
            all.push(self.operation(position, operation, &whole, &mut outcome.considered));
        }
        // What is only recorded counts where nothing else refuses.
        let refused = all.iter().any(|judged| judged.decision != Decision::Allow && !judged.waived);
        let hopeless = all.iter().any(|judged| judged.decision == Decision::Deny && !judged.waived);
        let mut wants = Vec::new();
        for (position, mut judged) in all.into_iter().enumerate() {
            wants.append(&mut judged.wants);
            if refused && judged.waived {
                continue;
            }
            let first = position == 0 && judged.decision == outcome.decision;
            if first || judged.decision > outcome.decision {
                outcome.rule = judged.rule;
            }
            match judged.decision.cmp(&outcome.decision) {
                core::cmp::Ordering::Greater => {
                    outcome.decision = judged.decision;
                    outcome.reasons = Vec::new();
                    outcome.more_reasons = 0;
                    outcome.roles = judged.roles;
                    outcome.add_reasons(judged.reasons);
                }
                core::cmp::Ordering::Equal => {
                    outcome.roles.add_all(&judged.roles);
                    outcome.add_reasons(judged.reasons);
                }
                core::cmp::Ordering::Less => {}
            }
            if judged.lacking {
                outcome.undecidable = Some(canary::NOT_LOOKED_UP.into());
            }
        }
        outcome.operations = self
            .operations
            .iter()
            .map(|operation| EventOperation {
                action: operation.action.map(|action| format!("{}:{}", self.api.alias, action.name)),
                effect: operation.action.map(|action| action.effect.name()),
                call: operation
                    .call
                    .filter(|call| operation.action.is_some() || !call.rules.is_empty())
                    .map(|call| format!("{} {}", call.kind.noun(), call.name)),
            })
            .collect();
        if self.known.is_traced() {
            self.describe(self.operations);
        }
        outcome.tallies = tallies.into_amounts();
        outcome.moved = changed;
        outcome.shadow = self.page.shadow || (outcome.decision != Decision::Allow && !refused);
        outcome.forward = self.page.shadow || !refused;
        // Nothing is looked up for what is refused anyway.
        if !hopeless {
            self.known.put_back(wants);
        }
        outcome
    }
}
