//! What the page says of one operation: nothing unless a permit matches it, and of several permits the most permissive.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::bench::Bench;
use super::judged::{Judged, considering, not_looked_up};
use super::matching::Matches;
use super::{Finding, canary};
use crate::decision::Considered;
use crate::decode::{Content, Operation};
use crate::limits::CRITICAL_SESSION_SECONDS;
use crate::ordered::Map;
use crate::policy::{Inner, Permit, RuleTarget};
use crate::quote::quote;
use crate::reason::{Code, Decision, Reason};
use crate::state::Want;

/// What a permit says of the request as a whole.
pub(super) struct Whole {
    pub(super) findings: Vec<Finding>,
    pub(super) wants: Vec<Want>,
}

impl<'a> Bench<'a> {
    /// What forbids and permits say of an operation. `whole`: what the permits say of the request as a whole.
    pub(super) fn operation(
        &self,
        position: usize,
        operation: &'a Operation<'a>,
        whole: &Map<u32, Whole>,
        considered: &mut Vec<Considered>,
    ) -> Judged {
        let mut wants = match self.forbids(position, operation, considered) {
            Ok(wants) => wants,
            Err(judged) => return judged,
        };
        if operation.action.is_some_and(|action| action.inner.iter().any(|inner| matches!(inner, Inner::Unread))) {
            let message = "this endpoint's texts hold operations of their own, which this version cannot judge".into();
            return Judged::refused(Reason { code: Code::EndpointNotAllowed, message, pointer: None });
        }
        let mut judged: Vec<Judged> = Vec::new();
        let (mut filtered, mut embedded) = (None, None);
        for candidate in self.candidates(operation) {
            let RuleTarget::Permit(index) = candidate.rule.target else {
                continue;
            };
            let Some(permit) = self.permit(index) else {
                continue;
            };
            if !self.may_use(permit) {
                considered.push(considering(position, &permit.id, "permit", None, permit.shadow, Vec::new()));
                continue;
            }
            let awaited = match self.matches(candidate, operation) {
                Matches::Yes => false,
                Matches::Awaited => true,
                unmatched @ (Matches::No(_) | Matches::Unknown { .. }) => {
                    filtered = Some(unmatched);
                    embedded = embedded.or_else(|| self.embedded_outside(candidate, operation));
                    self.known.take_wants();
                    considered.push(considering(position, &permit.id, "permit", None, permit.shadow, Vec::new()));
                    continue;
                }
            };
            let of_filter = self.known.take_wants();
            let outside =
                permit.canary.filter(|canary| !canary.has((&self.page.agent, self.known.session()), operation));
            let shadowed = outside.is_some_and(|canary| canary.shadow);
            let (mut findings, of_whole) = match (outside, whole.get(&index)) {
                (Some(canary), _) if !canary.shadow => {
                    (alloc::vec![canary::outside(permit, &canary, operation)], Default::default())
                }
                (_, Some(whole)) => (whole.findings.clone(), whole.wants.as_slice()),
                (_, None) => Default::default(),
            };
            let read = permit.body.opaque || !matches!(self.content, Content::Unread(_));
            if read && outside.is_none_or(|canary| canary.shadow) {
                self.operation_findings(permit, candidate.variables, operation, &mut findings);
            }
            // What is only recorded looks nothing up.
            let lacking = shadowed && !awaited && canary::settle(&mut findings);
            if awaited {
                findings.push(Finding::awaited());
            }
            if permit.critical {
                findings.extend(self.critical(permit));
            }
            if let Some(role) = &permit.approval {
                let message = format!("every action under {} needs the approval of {}", quote(&permit.id), quote(role));
                findings.push(Finding::approval(role, message));
            }
            let passes = shadowed && canary::passes(&findings) && self.within_api(candidate.variables, operation);
            let mut of_permit = Judged::of(&permit.id, findings);
            of_permit.waived = passes && of_permit.decision != Decision::Allow;
            of_permit.lacking = lacking;
            if shadowed {
                self.known.take_wants();
            } else {
                self.known.put_back(of_whole.to_vec());
            }
            self.known.put_back(of_filter);
            let own = self.known.take_wants();
            let says = Some(of_permit.decision);
            let mut reasons = of_permit.reasons.clone();
            if of_permit.awaits && of_permit.decision != Decision::Deny {
                reasons.push(not_looked_up());
            }
            let recorded = permit.shadow || of_permit.waived;
            considered.push(considering(position, &permit.id, "permit", says, recorded, reasons));
            if permit.shadow {
                continue;
            }
            of_permit.wants = own;
            self.known.note(|trace| trace.rules.extend([permit.id.clone()]));
            judged.push(of_permit);
        }
        let Some(best) = judged.iter().map(Judged::rank).min() else {
            return self.nothing_permits(operation, filtered, embedded);
        };
        // A permit is worth looking up for only where it could say more than those that need nothing.
        let settled = judged.iter().filter(|judged| !judged.awaits).map(|judged| judged.rank().0).min();
        for open in judged.iter_mut().filter(|judged| judged.awaits) {
            if open.rank().0 < settled.unwrap_or(Decision::Deny) {
                wants.append(&mut open.wants);
            }
        }
        let chosen = judged.into_iter().find(|judged| judged.rank() == best);
        chosen.map_or_else(|| self.nothing_permits(operation, None, None), |chosen| Judged { wants, ..chosen })
    }

    /// What stands against a critical permit: a token that somebody who finds it could use for long.
    fn critical(&self, permit: &Permit) -> Option<Finding> {
        let token = self.known.session().and_then(|session| session.token.as_ref());
        let hours = CRITICAL_SESSION_SECONDS / 3_600;
        let long = token.filter(|token| token.life() > CRITICAL_SESSION_SECONDS);
        let so = match (token, long) {
            (Some(_), None) => return None,
            (None, _) => "the request has none".to_string(),
            (_, Some(token)) => format!("this one is issued for {} minutes", token.life() / 60),
        };
        let id = quote(&permit.id);
        let message =
            format!("{id} is critical: it needs a session token that is issued for at most {hours} hours, and {so}");
        Some(Finding::deny(Code::ShortSessionRequired, message))
    }
}
