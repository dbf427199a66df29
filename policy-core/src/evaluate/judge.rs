//! Combining what the rules say: within a permit the strictest finding, across permits the most permissive verdict,
//! across operations the strictest.

use crate::ordered::{Map, Set};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::Finding;
use super::batch::judge_parts;
use super::canary;
use super::conditions::{Truth, conjunction};
use super::counting::Tallies;
use super::ending::{blank, denied};
use super::judged::Judged;
use super::matching::Matches;
use super::moved::moved;
use super::names::Scope;
use super::route::{Route, Variables};
use crate::decision::{Code, Considered, Decision, EventOperation, Outcome, Reason};
use crate::decode::{
    Body, Content, Input, Operation, Unfolded, decode, decoder_of, embedded_tables, read_body, unfold, waiting,
};
use crate::document::Document;
use crate::limits::{CRITICAL_SESSION_SECONDS, REASONS};
use crate::policy::{Action, Api, Decoder, Effect, Inner, Page, Permit, PolicySet, RuleTarget, Watched};
use crate::quote::quote;
use crate::request::Request;
use crate::secrets::{self, Sent};
use crate::state::{Known, Want};
use crate::tripwires::Shape;

/// Reads the body of a request.
///
/// # Errors
/// A [`Reason`] to deny, whatever the permits say.
pub(crate) fn read(
    set: &PolicySet,
    page: &Page,
    request: &Request,
    route: &Route,
    body: Body,
) -> Result<Content, Reason> {
    let api = page.apis.get(route.api as usize).ok_or_else(torn)?;
    let limit = api.body_limit.unwrap_or(set.set.gateway.body_limit);
    read_body(api, decoder_of(api, &actions(api, route)), request, body, limit as usize)
}

/// Judges a request by its content and what is known of the present. Where that is not enough, the outcome is what it
/// would be if nothing of the present stood against the request, and `known` holds what is to be looked up. A live secret in
/// it refuses it, whatever else is said of it.
pub(crate) fn judge(
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
        // Each part is a request, whose secrets are looked for with it.
        Ok(Content::Batch(bytes)) => return judge_parts(set, page, request, route, (bytes, known)),
        Ok(Content::None | Content::Unread(_)) | Err(_) => None,
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
    let inside = || unfolded.iter().find_map(|document| secrets::find_unfolded(sent, document));
    if let Some(secret) = secrets::find(sent).or_else(inside) {
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

/// What the operations of a request will refer to. Bytes that were not read cannot be taken apart, and what is not judged
/// is not allowed.
fn unfold_read(input: &Input<'_>, content: &Content) -> Result<Unfolded, Reason> {
    match content {
        Content::Unread(reason)
            if input.actions.iter().any(|action| {
                action.is_carrier() || action.inner.iter().any(|inner| !matches!(inner, Inner::Unread))
            }) =>
        {
            Err(reason.clone())
        }
        Content::Unread(_) | Content::None | Content::Document(_) | Content::Batch(_) => unfold(input),
    }
}

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

/// The actions of an endpoint.
pub(super) fn actions<'a>(api: &'a Api, route: &Route) -> Vec<&'a Action> {
    route.actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect()
}

fn torn() -> Reason {
    Reason { code: Code::Gateway, message: "the policy set is torn".into(), pointer: None }
}

/// The operations of a request, of which there is at least one, and none twice.
fn operations<'a>(input: &Input<'a>, unfolded: &'a Unfolded) -> Result<Vec<Operation<'a>>, Reason> {
    let operations = decode(input, unfolded)?;
    if operations.is_empty() {
        let message = "the request holds no operation".to_string();
        return Err(Reason { code: Code::BatchShape, message, pointer: None });
    }
    match duplicate(&operations) {
        Some(reason) if !input.api.loosen.duplicate_rows => Err(reason),
        _ => Ok(operations),
    }
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
    add_reasons(outcome, alloc::vec![secret]);
}

/// One resource written twice in a request: the second row would be judged against a value that the first has changed.
fn duplicate(operations: &[Operation<'_>]) -> Option<Reason> {
    let mut seen = Set::new();
    let writes = |operation: &&Operation<'_>| operation.action.is_none_or(|action| action.effect != Effect::Read);
    operations.iter().filter(writes).find_map(|operation| {
        let key = operation.key.as_deref()?;
        let resource = operation.action.map(|action| action.resource.as_str());
        (!seen.insert((resource, key))).then(|| Reason {
            code: Code::DuplicateTarget,
            message: format!("the resource {} occurs twice in one request", quote(key)),
            pointer: None,
        })
    })
}

/// Everything that is laid out to be judged.
pub(super) struct Bench<'a> {
    pub(super) set: &'a PolicySet,
    pub(super) page: &'a Page,
    pub(super) api: &'a Api,
    pub(super) request: &'a Request,
    pub(super) route: &'a Route,
    pub(super) content: &'a Content,
    pub(super) body: Option<&'a Document>,
    unfolded: &'a Unfolded,
    pub(super) known: &'a Known,
    operations: &'a [Operation<'a>],
    /// Tables that a `select` embeds, read when the first filter asks for them.
    embedded: OnceCell<Vec<Option<String>>>,
}

/// The operations that a permit matches, and whether these are all, whatever the present is.
struct Matched<'a> {
    scopes: Vec<Scope<'a>>,
    settled: bool,
}

/// What a permit says of the request as a whole.
struct Whole {
    findings: Vec<Finding>,
    wants: Vec<Want>,
}

impl<'a> Bench<'a> {
    /// The tables that the request's `select` embeds; `None` for what cannot be read.
    pub(super) fn embedded(&self) -> &[Option<String>] {
        self.embedded.get_or_init(|| embedded_tables(self.request))
    }

    pub(super) fn scope(&self, operation: &'a Operation<'a>, variables: &'a Variables) -> Scope<'a> {
        let Self { set, page, api, request, body, known, .. } = *self;
        let unread = matches!(self.content, Content::Unread(_));
        Scope { set, page, api, request, body, unread, variables, facts: &self.unfolded.facts, known, operation }
    }

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

    fn outcome(&self) -> Outcome {
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
                    add_reasons(&mut outcome, judged.reasons);
                }
                core::cmp::Ordering::Equal => {
                    outcome.roles.add_all(&judged.roles);
                    add_reasons(&mut outcome, judged.reasons);
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

    pub(super) fn permit(&self, index: u32) -> Option<&'a Permit> {
        self.page.permits.get(index as usize)
    }

    /// Whether the session of who asks may use a permit. What its counters count is counted all the same: a session that may
    /// use less never gets more than one that may use all.
    pub(super) fn may_use(&self, permit: &Permit) -> bool {
        self.known.session().is_none_or(|session| session.may_use(&permit.id))
    }

    /// Whether the session of who asks may not use all permits.
    pub(super) fn is_narrowed(&self) -> bool {
        self.page.permits.iter().any(|permit| !self.may_use(permit))
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

    fn operation(
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

    /// A forbid that matches, or cannot be known not to match, denies. Else: what is to be looked up to know whether one
    /// matches.
    fn forbids(
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

/// What an explanation says of a rule that the present would have to decide, where the request is refused without it.
fn not_looked_up() -> Reason {
    let message = "depends on what is now, which was not looked up: the request is refused anyway".into();
    Reason { code: Code::UnknownState, message, pointer: None }
}

/// Why a forbid applies that may not be meant: what it looks at is not known.
fn unknown(matches: &Matches, when: &Truth) -> String {
    match (matches, when) {
        (Matches::Unknown { why, .. }, _) | (_, Truth::Unknown(why) | Truth::Away(why)) => format!(": {why}"),
        _ => String::new(),
    }
}

fn considering(
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

pub(super) fn add_reasons(outcome: &mut Outcome, reasons: Vec<Reason>) {
    for reason in reasons {
        let reason = reason.bounded();
        if outcome.reasons.contains(&reason) {
            continue;
        }
        if outcome.reasons.len() < REASONS {
            outcome.reasons.push(reason);
        } else {
            outcome.more_reasons = outcome.more_reasons.saturating_add(1);
        }
    }
}
