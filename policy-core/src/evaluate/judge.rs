//! Judging one request whose body has been read, by one look at the present: its operations by the rules, and whatever the
//! rules say, no live secret leaves.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::bench::Bench;
use super::ending::denied;
use super::leaks::{self, Sent};
use super::reading::{actions, operations, torn, unfold_read};
use super::route::Route;
use crate::decision::Outcome;
use crate::decode::{Content, Input, decoder_of, waiting};
use crate::document::Document;
use crate::failure::Shape;
use crate::limits::REASONS;
use crate::policy::{Decoder, Page, PolicySet, Watched};
use crate::reason::{Decision, Reason};
use crate::request::Request;
use crate::state::Known;

/// Judges one request by its content and what is known of the present. Where that is not enough, the outcome is what it
/// would be if nothing of the present stood against the request, and `known` holds what is to be looked up. A live secret in
/// it refuses it, whatever else is said of it.
pub(super) fn judge_one(
    set: &PolicySet,
    page: &Page,
    request: &Request,
    route: &Route,
    content: &Result<Content, Reason>,
    known: &Known,
) -> Outcome {
    let Some(api) = page.apis.get(route.api as usize) else {
        return denied(page, torn(), None);
    };
    let document = match content {
        Ok(Content::Document(document)) => Some(document),
        // Each part of a batch is a request, which is judged by itself.
        Ok(Content::None | Content::Unread(_) | Content::Batch(_)) | Err(_) => None,
    };
    let actions = actions(api, route);
    let decoder = decoder_of(api, &actions);
    let variables = &route.variables;
    let input = Input { api, decoder, actions, variables, request, document: document.map(Document::root) };
    let unfolded = content.as_ref().map_err(Clone::clone).and_then(|content| unfold_read(&input, content));
    let judged = content.as_ref().and_then(|content| Ok((content, unfolded.as_ref()?))).map_err(Clone::clone);
    let judged = judged.and_then(|(content, unfolded)| {
        let operations = operations(&input, unfolded)?;
        let operations = operations.as_slice();
        let embedded = OnceCell::new();
        let bench =
            Bench { set, page, api, request, route, content, body: document, unfolded, known, operations, embedded };
        Ok(bench.outcome())
    });
    let mut outcome = judged.unwrap_or_else(|reason| denied(page, reason, None));
    // What the body unfolds to holds texts that it does not spell as they are.
    let unfolded = unfolded.as_ref().map(|unfolded| unfolded.documents.as_slice()).unwrap_or_default();
    let sent = Sent { gateway: &set.set.gateway, api, request: Some(request), body: document };
    let inside = || unfolded.iter().find_map(|document| leaks::find_unfolded(sent, document));
    if let Some(secret) = leaks::find(sent).or_else(inside) {
        // Nothing is looked up for what is refused anyway.
        known.take_wants();
        withhold(&mut outcome, page, secret);
    }
    if outcome.forward && (page.tripwires.count(Watched::Failed) || page.tripwires.count(Watched::Reverts)) {
        outcome.shape = Shape::of(api, decoder).map(Box::new);
    }
    if decoder == Decoder::Jsonrpc {
        outcome.rpc = document.and_then(|document| waiting(request, document));
    }
    outcome
}

/// Refuses a request that holds a live secret, whatever permits it. What the rules said may quote the secret: of that,
/// the codes stay.
fn withhold(outcome: &mut Outcome, page: &Page, secret: Reason) {
    if outcome.decision != Decision::Deny || outcome.shadow != page.shadow {
        outcome.decision = Decision::Deny;
        outcome.rule = None;
        outcome.reasons = Vec::new();
        outcome.more_reasons = 0;
        outcome.obligations = Vec::new();
        outcome.shadow = page.shadow;
        outcome.forward = page.shadow;
        outcome.undecidable = None;
    }
    let of_rules = outcome.considered.iter_mut().flat_map(|considered| &mut considered.reasons);
    for reason in outcome.reasons.iter_mut().chain(of_rules) {
        reason.message = "not repeated, for the request holds a secret".into();
        reason.pointer = None;
    }
    if outcome.reasons.len() == REASONS {
        outcome.reasons.pop();
        outcome.more_reasons = outcome.more_reasons.saturating_add(1);
    }
    outcome.add_reasons(alloc::vec![secret]);
}
