//! Combining what the rules say: within a permit the strictest finding, across permits the most permissive verdict,
//! across operations the strictest.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::matching::Matches;
use super::names::Scope;
use super::route::{Route, Variables};
use super::step::{blank, denied};
use super::{Finding, fields, head_rules, limits};
use crate::decision::{Code, Considered, Decision, EventOperation, Outcome, Reason};
use crate::decode::{Body, Content, Input, Operation, Unfolded, decode, decoder_of, read_body, unfold, waiting};
use crate::document::{Document, Kind};
use crate::limits::REASONS;
use crate::policy::{
    Action, CallKind, Decoder, FieldRule, Inner, Limit, Measure, Name, Page, Permit, PolicySet, Predicate, RuleRef,
    RuleTarget,
};
use crate::quote::{list, quote};
use crate::request::Request;
use crate::secrets;

/// Judges a request whose body is known.
pub(crate) fn judge(set: &PolicySet, page: &Page, request: &Request, route: &Route, body: Body) -> Outcome {
    let Some(api) = page.apis.get(route.api as usize) else {
        let reason = Reason { code: Code::Gateway, message: "the policy set is torn".into(), pointer: None };
        return denied(page, reason, None);
    };
    let limit = api.body_limit.unwrap_or(set.set.gateway.body_limit);
    let actions: Vec<&Action> = route.actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect();
    let decoder = decoder_of(api, &actions);
    let content = match read_body(api, decoder, request, body, limit as usize) {
        Ok(content) => content,
        Err(reason) => return denied(page, reason, None),
    };
    let document = match &content {
        Content::Document(document) => Some(document),
        Content::None | Content::Unread(_) => None,
    };
    // Bytes that were not read cannot be taken apart, and what is not judged is not allowed.
    if let Content::Unread(reason) = &content
        && actions.iter().any(|action| action.is_carrier())
    {
        return denied(page, reason.clone(), None);
    }
    let variables = &route.variables;
    let input = Input { api, decoder, actions, variables, request, document: document.map(Document::root) };
    let judged = unfold(&input).and_then(|unfolded| {
        let operations = operations(&input, &unfolded)?;
        let (content, operations, unfolded) = (&content, operations.as_slice(), &unfolded);
        let mut outcome =
            Bench { set, page, api, request, route, content, body: document, unfolded, operations }.outcome();
        let documents = document.into_iter().chain(&unfolded.documents);
        let mut texts = documents.map(Some).chain(core::iter::once(None));
        if let Some(secret) = texts.find_map(|document| secrets::find(request, document, &api.loosen.secrets)) {
            withhold(&mut outcome, page, secret);
        }
        Ok(outcome)
    });
    let mut outcome = judged.unwrap_or_else(|reason| denied(page, reason, None));
    if decoder == Decoder::Jsonrpc {
        outcome.rpc = document.and_then(waiting);
    }
    outcome
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
    if outcome.decision != Decision::Deny {
        outcome.decision = Decision::Deny;
        outcome.rule = None;
        outcome.reasons = Vec::new();
        outcome.more_reasons = 0;
        outcome.obligations = Vec::new();
        outcome.forward = page.shadow;
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

/// One resource twice in a request: the second row would be judged against a value that the first has changed.
fn duplicate(operations: &[Operation<'_>]) -> Option<Reason> {
    let mut seen = BTreeSet::new();
    operations.iter().find_map(|operation| {
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
    set: &'a PolicySet,
    page: &'a Page,
    pub(super) api: &'a crate::policy::Api,
    pub(super) request: &'a Request,
    pub(super) route: &'a Route,
    content: &'a Content,
    body: Option<&'a Document>,
    unfolded: &'a Unfolded,
    operations: &'a [Operation<'a>],
}

impl<'a> Bench<'a> {
    pub(super) fn scope(&self, operation: &'a Operation<'a>, variables: &'a Variables) -> Scope<'a> {
        let Self { set, page, api, request, body, .. } = *self;
        let unread = matches!(self.content, Content::Unread(_));
        Scope { set, page, api, request, body, unread, variables, facts: &self.unfolded.facts, operation }
    }

    fn outcome(&self) -> Outcome {
        // Which operations each permit matches: counts and sums speak of all of them.
        let mut matched: BTreeMap<u32, Vec<Scope<'a>>> = BTreeMap::new();
        for operation in self.operations {
            let mut seen = BTreeSet::new();
            for candidate in self.candidates(operation) {
                if let RuleTarget::Permit(index) = candidate.rule.target
                    && self.matches(candidate, operation) == Matches::Yes
                    && seen.insert(index)
                {
                    matched.entry(index).or_default().push(self.scope(operation, candidate.variables));
                }
            }
        }
        let whole: BTreeMap<u32, Vec<Finding>> = matched
            .iter()
            .filter_map(|(index, scopes)| Some((*index, self.request_findings(self.permit(*index)?, scopes))))
            .collect();

        let mut outcome = blank();
        outcome.decision = Decision::Allow;
        outcome.agent = Some(self.page.agent.clone());
        outcome.version = Some(self.page.version.clone());
        for (position, operation) in self.operations.iter().enumerate() {
            let judged = self.operation(position, operation, &whole, &mut outcome.considered);
            let first = position == 0 && judged.decision == outcome.decision;
            if first || judged.decision > outcome.decision {
                outcome.rule = judged.rule;
            }
            match judged.decision.cmp(&outcome.decision) {
                core::cmp::Ordering::Greater => {
                    outcome.decision = judged.decision;
                    outcome.reasons = Vec::new();
                    outcome.more_reasons = 0;
                    add_reasons(&mut outcome, judged.reasons);
                }
                core::cmp::Ordering::Equal => add_reasons(&mut outcome, judged.reasons),
                core::cmp::Ordering::Less => {}
            }
        }
        outcome.operations = self
            .operations
            .iter()
            .map(|operation| EventOperation {
                action: operation.action.map(|action| format!("{}:{}", self.api.alias, action.name)),
                effect: operation.action.map(|action| action.effect.name()),
            })
            .collect();
        outcome.shadow = self.page.shadow;
        outcome.forward = self.page.shadow || outcome.decision == Decision::Allow;
        outcome
    }

    fn permit(&self, index: u32) -> Option<&'a Permit> {
        self.page.permits.get(index as usize)
    }

    /// What a permit says of the request as a whole: query, headers, body, counts and sums.
    fn request_findings(&self, permit: &'a Permit, scopes: &[Scope<'a>]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(first) = scopes.first() else {
            return findings;
        };
        // What cannot be read has one reason; everything else would only follow from it.
        if matches!(self.content, Content::Unread(_)) && !permit.body.opaque {
            head_rules::body(permit, first, self.content, &mut findings);
            return findings;
        }
        head_rules::query(&permit.query, scopes, &self.route.variables, &mut findings);
        head_rules::headers(permit, first, &mut findings);
        head_rules::body(permit, first, self.content, &mut findings);
        for limit in self.api.limits.iter().chain(&permit.limits) {
            if is_of_request(limit) {
                limits::limit(limit, scopes, &mut findings);
            }
        }
        findings
    }

    fn operation(
        &self,
        position: usize,
        operation: &'a Operation<'a>,
        whole: &BTreeMap<u32, Vec<Finding>>,
        considered: &mut Vec<Considered>,
    ) -> Judged {
        if let Some(judged) = self.forbids(position, operation, considered) {
            return judged;
        }
        if operation.action.is_some_and(|action| action.inner.iter().any(|inner| matches!(inner, Inner::Unread))) {
            let message = "this endpoint's texts hold operations of their own, which this version cannot judge".into();
            let reason = Reason { code: Code::EndpointNotAllowed, message, pointer: None };
            return Judged { decision: Decision::Deny, rule: None, reasons: alloc::vec![reason] };
        }
        let mut best: Option<Judged> = None;
        let mut filtered = false;
        for candidate in self.candidates(operation) {
            let RuleTarget::Permit(index) = candidate.rule.target else {
                continue;
            };
            let Some(permit) = self.permit(index) else {
                continue;
            };
            if self.matches(candidate, operation) != Matches::Yes {
                filtered = true;
                considered.push(considering(position, &permit.id, "permit", None, permit.shadow, Vec::new()));
                continue;
            }
            let mut findings = whole.get(&index).cloned().unwrap_or_default();
            if permit.body.opaque || !matches!(self.content, Content::Unread(_)) {
                self.operation_findings(permit, candidate.variables, operation, &mut findings);
            }
            if let Some(role) = &permit.approval {
                let reason = Reason {
                    code: Code::ApprovalRequired,
                    message: format!("every action under {} needs the approval of {}", quote(&permit.id), quote(role)),
                    pointer: None,
                };
                findings.push(Finding { decision: Decision::ApprovalRequired, reason });
            }
            let judged = Judged::of(&permit.id, findings);
            considered.push(considering(
                position,
                &permit.id,
                "permit",
                Some(judged.decision),
                permit.shadow,
                judged.reasons.clone(),
            ));
            if permit.shadow {
                continue;
            }
            if best.as_ref().is_none_or(|known| judged.decision < known.decision) {
                best = Some(judged);
            }
        }
        best.unwrap_or_else(|| self.nothing_permits(operation, filtered))
    }

    /// What a permit says of one operation: its document and its path.
    fn operation_findings(
        &self,
        permit: &'a Permit,
        variables: &'a Variables,
        operation: &'a Operation<'a>,
        findings: &mut Vec<Finding>,
    ) {
        let scope = self.scope(operation, variables);
        // A call is known by its body: a permit on it lets none pass unread.
        if !permit.body.opaque || operation.outer.is_some() {
            fields::fields(&permit.fields, &scope, findings);
            self.shape(permit, operation, findings);
        }
        for limit in permit.limits.iter().filter(|limit| !is_of_request(limit)) {
            limits::limit(limit, core::slice::from_ref(&scope), findings);
        }
        // The page's limits on the API speak of the catalog's variables, whatever a rule calls them.
        let named = if self.route.actions.is_empty() { variables } else { &self.route.variables };
        let of_api = self.scope(operation, named);
        for limit in self.api.limits.iter().filter(|limit| !is_of_request(limit)) {
            limits::limit(limit, core::slice::from_ref(&of_api), findings);
        }
        self.shadowed_path(operation, findings);
    }

    /// Where parameters are merged, a body member of the name of a path variable replaces the path: it must say the same.
    /// Source: WordPress, `WP_REST_Request::get_parameter_order` (JSON before form before query before path).
    fn shadowed_path(&self, operation: &'a Operation<'a>, findings: &mut Vec<Finding>) {
        let Some(document) = operation.document.filter(|_| self.api.quirks.php_names && !operation.is_enclosed())
        else {
            return;
        };
        for (name, value) in &self.route.variables {
            let Some(member) = document.member(name) else { continue };
            if member.string().or_else(|| member.number()) != Some(value.as_str()) {
                let message = format!("the member {} replaces a part of the path", quote(name));
                let pointer = self.scope(operation, &self.route.variables).pointer_of(member);
                findings.push(Finding::deny(Code::ParamShadow, message).at(pointer));
            }
        }
    }

    /// A rule that speaks of a body is never satisfied by a missing one, nor by one of another shape.
    fn shape(&self, permit: &Permit, operation: &Operation<'_>, findings: &mut Vec<Finding>) {
        let of_body = |name: &Name| matches!(name, Name::Field(..) | Name::Pointer(_) | Name::Value(_));
        let limits_body = permit.limits.iter().any(|limit| match &limit.test.measure {
            Measure::Values(names) => names.iter().any(of_body),
            Measure::Count(name) | Measure::Sum(name) => of_body(name),
            Measure::Rows => false,
        });
        let speaks = limits_body || matches!(permit.fields, FieldRule::Listed(_));
        if !speaks || (operation.outer.is_none() && self.request.method.is_bodiless()) {
            return;
        }
        match operation.document {
            // A call without arguments is one with none: `require` decides.
            None if operation.call.is_some() => {}
            None => {
                let message = format!("the rule {} judges a body, and the request has none", quote(&permit.id));
                findings.push(Finding::deny(Code::MissingRequired, message));
            }
            Some(document)
                if document.kind() != Kind::Object
                    && operation.key_value.is_none()
                    && !findings.iter().any(|finding| finding.decision == Decision::Deny) =>
            {
                let message = format!("the rule {} judges a JSON object", quote(&permit.id));
                findings.push(Finding::deny(Code::BatchShape, message));
            }
            Some(_) => {}
        }
    }

    /// A forbid that matches, or cannot be known not to match, denies.
    fn forbids(
        &self,
        position: usize,
        operation: &'a Operation<'a>,
        considered: &mut Vec<Considered>,
    ) -> Option<Judged> {
        let mut denied = None;
        let around = Self::around(operation).flat_map(|outer| self.candidates(outer).map(move |rule| (outer, rule)));
        for (operation, candidate) in around {
            let RuleTarget::Forbid(index) = candidate.rule.target else {
                continue;
            };
            let Some(forbid) = self.page.forbids.get(index as usize) else {
                continue;
            };
            let scope = self.scope(operation, candidate.variables);
            let applies = self.matches(candidate, operation) != Matches::No
                && limits::conjunction(&forbid.when, &scope) != limits::Truth::Fails;
            let message = format!("the rule {} forbids this", quote(&forbid.id));
            let reason = Reason { code: Code::Forbidden, message, pointer: None };
            let (decision, reasons) =
                if applies { (Some(Decision::Deny), alloc::vec![reason.clone()]) } else { (None, Vec::new()) };
            considered.push(considering(position, &forbid.id, "forbid", decision, forbid.shadow, reasons));
            if applies && !forbid.shadow && denied.is_none() {
                denied = Some(Judged {
                    decision: Decision::Deny,
                    rule: Some(forbid.id.clone()),
                    reasons: alloc::vec![reason],
                });
            }
        }
        denied
    }

    fn nothing_permits(&self, operation: &Operation<'_>, filtered: bool) -> Judged {
        let action = operation.action.map(|action| quote(&format!("{}:{}", self.api.alias, action.name)));
        let called = operation.call.map(|call| format!("the {} {}", call.kind.noun(), quote(call.name)));
        let what = called.or(action).unwrap_or_else(|| "this endpoint".into());
        let by_name = operation.call.filter(|call| matches!(call.kind, CallKind::Tool | CallKind::Rpc));
        let (code, message) = match by_name {
            _ if filtered => {
                let why = "is permitted only for other resources: the filter of the rule does not match";
                (Code::ScopeFilter, format!("{what} {why}"))
            }
            Some(call) => {
                let permitted = list(self.permitted(call.kind), 8);
                (Code::ToolNotAllowed, format!("no rule of this page permits {what}; permitted: {permitted}"))
            }
            None => (Code::EndpointNotAllowed, format!("no rule of this page permits {what}")),
        };
        let reason = Reason { code, message, pointer: None };
        Judged { decision: Decision::Deny, rule: None, reasons: alloc::vec![reason] }
    }

    /// Names of this kind that some permit of the page is about.
    fn permitted(&self, kind: CallKind) -> impl Iterator<Item = &'a str> {
        let api = self.api;
        let permits = |rule: &RuleRef| match rule.target {
            RuleTarget::Permit(index) => self.permit(index).is_some_and(|permit| !permit.shadow),
            RuleTarget::Forbid(_) => false,
        };
        api.calls.iter().filter(move |call| call.kind == kind).filter_map(move |call| {
            let action = call.action.and_then(|index| api.actions.get(index as usize));
            let of_action = action.map(|action| action.rules.as_slice()).unwrap_or_default();
            call.rules.iter().chain(of_action).any(permits).then_some(call.name.as_str())
        })
    }
}

/// A verdict on one operation.
struct Judged {
    decision: Decision,
    rule: Option<String>,
    reasons: Vec<Reason>,
}

impl Judged {
    /// Within a permit, the strictest finding.
    fn of(rule: &str, findings: Vec<Finding>) -> Self {
        let decision = findings.iter().map(|finding| finding.decision).max().unwrap_or(Decision::Allow);
        let reasons = findings.into_iter().filter(|f| f.decision == decision).map(|f| f.reason).collect();
        Self { decision, rule: Some(rule.into()), reasons }
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
    Considered { operation, rule: rule.into(), effect, decision, shadow, reasons }
}

fn add_reasons(outcome: &mut Outcome, reasons: Vec<Reason>) {
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

/// Whether a limit is judged once for the request rather than once per operation.
fn is_of_request(limit: &Limit) -> bool {
    let head_only = |names: &[Name]| names.iter().all(|name| matches!(name, Name::Query(_) | Name::Header(..)));
    match &limit.test.measure {
        Measure::Count(_) | Measure::Rows | Measure::Sum(_) => true,
        Measure::Values(names) => {
            head_only(names) || limit.test.predicates.iter().any(|p| matches!(p, Predicate::Unique))
        }
    }
}
