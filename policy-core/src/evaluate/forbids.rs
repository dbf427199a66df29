//! What the forbids of a page say: one that matches, or cannot be known not to match, denies.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::bench::Bench;
use super::conditions::{Truth, conjunction};
use super::judged::{Judged, considering, not_looked_up};
use super::matching::Matches;
use super::route::Route;
use crate::decision::Considered;
use crate::decode::{Content, Operation, Unfolded};
use crate::policy::{Page, PolicySet, RuleTarget};
use crate::quote::quote;
use crate::reason::{Code, Decision, Reason};
use crate::request::Request;
use crate::state::{Known, Want};

/// What forbids a request whatever it holds.
pub(super) struct Forbidding {
    pub(super) rule: String,
    pub(super) reason: Reason,
}

/// The forbid on a request that carries others, and every one that was looked at: it holds for all that it carries.
pub(super) fn forbidden(
    set: &PolicySet,
    page: &Page,
    request: &Request,
    route: &Route,
    known: &Known,
) -> (Option<Forbidding>, Vec<Considered>) {
    let Some(api) = page.apis.get(route.api as usize) else { return (None, Vec::new()) };
    let action = route.actions.first().and_then(|index| api.actions.get(*index as usize));
    let (content, unfolded, operation) = (&Content::None, &Unfolded::default(), &Operation::of(action, None));
    let (operations, embedded) = (core::slice::from_ref(operation), OnceCell::new());
    let bench = Bench { set, page, api, request, route, content, body: None, unfolded, known, operations, embedded };
    let mut considered = Vec::new();
    let judged = bench.forbids(0, operation, &mut considered).err();
    let forbidding =
        judged.and_then(|judged| Some(Forbidding { rule: judged.rule?, reason: judged.reasons.into_iter().next()? }));
    (forbidding, considered)
}

impl<'a> Bench<'a> {
    /// A forbid that matches, or cannot be known not to match, denies. Else: what is to be looked up to know whether one
    /// matches.
    pub(super) fn forbids(
        &self,
        position: usize,
        operation: &'a Operation<'a>,
        considered: &mut Vec<Considered>,
    ) -> Result<Vec<Want>, Judged> {
        let mut denied = None;
        let mut wants = Vec::new();
        let around = Self::around(operation).flat_map(|outer| self.candidates(outer).map(move |rule| (outer, rule)));
        for (operation, candidate) in around {
            let RuleTarget::Forbid(index) = candidate.rule.target else {
                continue;
            };
            let Some(forbid) = self.page.forbids.get(index as usize) else {
                continue;
            };
            let scope = self.scope(operation, candidate.variables);
            let matches = self.matches(candidate, operation);
            let when = match matches {
                Matches::No(_) => Truth::Fails,
                _ => conjunction(&forbid.when, &scope),
            };
            let mut own = self.known.take_wants();
            let awaits = when != Truth::Fails && (matches == Matches::Awaited || when == Truth::Awaits);
            let applies = when != Truth::Fails && !awaits;
            let message = format!("the rule {} forbids this{}", quote(&forbid.id), unknown(&matches, &when));
            let reason = Reason { code: Code::Forbidden, message, pointer: None };
            let (decision, reasons) = match (applies, awaits) {
                (true, _) => (Some(Decision::Deny), alloc::vec![reason.clone()]),
                (false, true) => (None, alloc::vec![not_looked_up()]),
                (false, false) => (None, Vec::new()),
            };
            considered.push(considering(position, &forbid.id, "forbid", decision, forbid.shadow, reasons));
            if forbid.shadow {
                continue;
            }
            if applies && denied.is_none() {
                denied = Some(Judged { rule: Some(forbid.id.clone()), ..Judged::refused(reason) });
            }
            if awaits {
                wants.append(&mut own);
            }
        }
        denied.map_or(Ok(wants), Err)
    }
}

/// Why a forbid applies that may not be meant: what it looks at is not known.
fn unknown(matches: &Matches, when: &Truth) -> String {
    match (matches, when) {
        (Matches::Unknown { why, .. }, _) | (_, Truth::Unknown(why) | Truth::Away(why)) => format!(": {why}"),
        _ => String::new(),
    }
}
