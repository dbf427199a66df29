//! Combining what the rules say: within a permit the strictest finding, across permits the most permissive verdict,
//! across operations the strictest.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::names::{Datum, Scope, Values};
use super::route::{Route, Variables};
use super::step::{blank, denied};
use super::{Finding, fields, head_rules, limits};
use crate::decision::{Code, Considered, Decision, EventOperation, Outcome, Reason};
use crate::decode::{Body, Content, Input, Operation, decode, embedded_tables, read_body};
use crate::document::{Document, Kind};
use crate::limits::REASONS;
use crate::number::Decimal;
use crate::policy::{
    Action, Api, Decoder, FieldRule, Limit, Measure, Name, Page, Permit, PolicySet, Predicate, RuleRef, RuleTarget,
};
use crate::quote::quote;
use crate::request::Request;
use crate::secrets::{self, Sent};

/// Judges a request whose body is known. A live secret in it refuses it, whatever else is said of it.
pub(crate) fn judge(set: &PolicySet, page: &Page, request: &Request, route: &Route, body: Body) -> Outcome {
    let Some(api) = page.apis.get(route.api as usize) else {
        let reason = Reason { code: Code::Gateway, message: "the policy set is torn".into(), pointer: None };
        return denied(page, reason, None);
    };
    let limit = api.body_limit.unwrap_or(set.set.gateway.body_limit);
    let content = read_body(api, request, body, limit as usize);
    let document = match &content {
        Ok(Content::Document(document)) => Some(document),
        Ok(Content::None | Content::Unread(_)) | Err(_) => None,
    };
    let mut outcome = match &content {
        Ok(content) => by_rules(set, page, api, request, route, content),
        Err(reason) => denied(page, reason.clone(), None),
    };
    if let Some(secret) = secrets::find(Sent { gateway: &set.set.gateway, api, request, body: document }) {
        withhold(&mut outcome, page, secret);
    }
    outcome
}

/// What the rules say of a request whose body was read.
fn by_rules(set: &PolicySet, page: &Page, api: &Api, request: &Request, route: &Route, content: &Content) -> Outcome {
    let document = match content {
        Content::Document(document) => Some(document),
        Content::None | Content::Unread(_) => None,
    };
    let actions: Vec<&Action> = route.actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect();
    // Bytes that were not read cannot be taken apart into rows, and rows that are not judged are not allowed.
    if let Content::Unread(reason) = content
        && actions.iter().any(|action| !action.rows.is_empty())
    {
        return denied(page, reason.clone(), None);
    }
    let input = Input { api, actions, variables: &route.variables, request, document: document.map(Document::root) };
    let operations = match decode(&input) {
        Ok(operations) if !operations.is_empty() => operations,
        Ok(_) => {
            let message = "the request holds no operation".to_string();
            return denied(page, Reason { code: Code::BatchShape, message, pointer: None }, None);
        }
        Err(reason) => return denied(page, reason, None),
    };
    if !api.loosen.duplicate_rows
        && let Some(reason) = duplicate(&operations)
    {
        return denied(page, reason, None);
    }
    Bench { set, page, api, request, route, content, body: document, operations: &operations }.outcome()
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

/// What a forbid takes for the same value; a permit takes nothing but the value itself.
#[derive(Clone, Copy)]
struct Fold {
    case: bool,
    number: bool,
}

/// Whether a value is one of a filter's; `None`: it is no plain value.
fn inside(datum: &Datum<'_>, values: &[String], fold: Fold) -> Option<bool> {
    let number = |text: &str| Decimal::parse_json(text).ok();
    let text = match datum {
        Datum::Text(text) => text.clone(),
        Datum::Number(number) => number.to_string(),
        Datum::Json(value) => match value.kind() {
            Kind::String | Kind::Number => value.string().or_else(|| value.number())?.to_string(),
            Kind::Bool(bool) => bool.to_string(),
            Kind::Null | Kind::Array | Kind::Object => return None,
        },
    };
    let same = |value: &String| {
        *value == text
            || (fold.case && value.eq_ignore_ascii_case(&text))
            || (fold.number && number(value).is_some() && number(value) == number(&text))
    };
    Some(values.iter().any(same))
}

/// Everything that is laid out to be judged.
struct Bench<'a> {
    set: &'a PolicySet,
    page: &'a Page,
    api: &'a Api,
    request: &'a Request,
    route: &'a Route,
    content: &'a Content,
    body: Option<&'a Document>,
    operations: &'a [Operation<'a>],
}

/// A rule that names an operation's action or endpoint.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    rule: &'a RuleRef,
    variables: &'a Variables,
}

/// Whether the filters of a target match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matches {
    Yes,
    No,
    Unknown,
}

impl<'a> Bench<'a> {
    fn scope(&self, operation: &'a Operation<'a>, variables: &'a Variables) -> Scope<'a> {
        let Self { set, page, api, request, body, .. } = *self;
        let unread = matches!(self.content, Content::Unread(_));
        Scope { set, page, api, request, body, unread, variables, operation }
    }

    /// The rules that name the operation's action or its endpoint. A forbid on a batch holds for each of its rows.
    fn candidates(&self, operation: &'a Operation<'a>) -> impl Iterator<Item = Candidate<'a>> + use<'a> {
        let of_action = operation.action.map(|action| action.rules.as_slice()).unwrap_or_default();
        let variables = &self.route.variables;
        let api = self.api;
        let of_batch = self
            .route
            .actions
            .iter()
            .filter_map(move |index| api.actions.get(*index as usize))
            .filter(|action| !action.rows.is_empty())
            .flat_map(|action| action.rules.iter())
            .filter(|rule| matches!(rule.target, RuleTarget::Forbid(_)));
        // An endpoint says nothing of what its rows are: only a scope grants a row. A forbid holds for all of them.
        let reaches = move |rule: &RuleRef| !operation.row || matches!(rule.target, RuleTarget::Forbid(_));
        let of_endpoint = self
            .route
            .endpoint_rules
            .iter()
            .filter(move |(rule, _)| reaches(rule))
            .map(|(rule, variables)| Candidate { rule, variables });
        of_action.iter().chain(of_batch).map(move |rule| Candidate { rule, variables }).chain(of_endpoint)
    }

    /// Whether the filters of a target match an operation. A permit needs every value inside; a forbid is set off by
    /// one. What is no plain value is unknown: a forbid then matches, a permit does not.
    fn matches(&self, candidate: Candidate<'a>, operation: &'a Operation<'a>) -> Matches {
        let scope = self.scope(operation, candidate.variables);
        let forbids = matches!(candidate.rule.target, RuleTarget::Forbid(_));
        let mut result = Matches::Yes;
        for (name, values) in &candidate.rule.filters {
            let filter = operation.action.and_then(|action| action.filters.iter().find(|filter| filter.name == *name));
            let Some(filter) = filter else { return Matches::Unknown };
            let data = match scope.values(&filter.source) {
                Values::Known(data, _) => data,
                Values::Ambiguous(_) | Values::Unknown(_) => Vec::new(),
            };
            let fold = Fold { case: forbids && self.api.quirks.case_insensitive, number: forbids };
            let mut places: Vec<Option<bool>> = data.iter().map(|datum| inside(datum, values, fold)).collect();
            // A table that a select embeds is looked at like the one in the path.
            if self.api.decoder == Decoder::Postgrest
                && matches!(filter.source, Name::Path(_))
                && (forbids || !self.api.loosen.embedding)
            {
                let embedded = embedded_tables(self.request);
                places.extend(embedded.into_iter().map(|table| inside(&Datum::Text(table), values, fold)));
            }
            let unknown = places.is_empty() || places.contains(&None);
            let matches = if forbids {
                places.contains(&Some(true))
            } else {
                !unknown && places.iter().all(|place| *place == Some(true))
            };
            if matches {
                continue;
            }
            if !unknown {
                return Matches::No;
            }
            result = Matches::Unknown;
        }
        result
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
        if operation.action.is_some_and(|action| action.inner) {
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
        if !permit.body.opaque {
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
    fn shadowed_path(&self, operation: &Operation<'a>, findings: &mut Vec<Finding>) {
        let Some(document) = operation.document.filter(|_| self.api.quirks.php_names && !operation.row) else { return };
        for (name, value) in &self.route.variables {
            let Some(member) = document.member(name) else { continue };
            if member.string().or_else(|| member.number()) != Some(value.as_str()) {
                let message = format!("the member {} replaces a part of the path", quote(name));
                let pointer = self.body.map(|body| body.pointer_of(member));
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
        if !speaks || self.request.method.is_bodiless() {
            return;
        }
        match operation.document {
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
        for candidate in self.candidates(operation) {
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
        let what = action.unwrap_or_else(|| "this endpoint".into());
        let reason = if filtered {
            let message =
                format!("{what} is permitted only for other resources: the filter of the rule does not match");
            Reason { code: Code::ScopeFilter, message, pointer: None }
        } else {
            let message = format!("no rule of this page permits {what}");
            Reason { code: Code::EndpointNotAllowed, message, pointer: None }
        };
        Judged { decision: Decision::Deny, rule: None, reasons: alloc::vec![reason] }
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
    let reasons = reasons.into_iter().map(Reason::bounded).collect();
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
