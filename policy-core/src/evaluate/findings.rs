//! What one permit says: of the request as a whole, and of each operation.

use alloc::format;
use alloc::vec::Vec;

use super::bench::Bench;
use super::names::Scope;
use super::precondition::condition;
use super::route::Variables;
use super::{Finding, fields, head_rules, hours, limits};
use crate::decode::{Content, Operation};
use crate::document::Kind;
use crate::policy::{FieldRule, Limit, Measure, Name, Permit, Predicate};
use crate::quote::quote;
use crate::reason::{Code, Decision};

impl<'a> Bench<'a> {
    /// What a permit says of the request as a whole: query, headers, body, counts and sums.
    /// `settled`: these are the operations that the permit matches, whatever the present is.
    pub(super) fn request_findings(&self, permit: &'a Permit, scopes: &[Scope<'a>], settled: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(first) = scopes.first() else {
            return findings;
        };
        // What cannot be read has one reason; everything else would only follow from it.
        if matches!(self.content, Content::Unread(_)) && !permit.body.opaque {
            head_rules::body(permit, first, self.content, &mut findings);
            return findings;
        }
        // Of fewer operations it may say less.
        let settle = |found: Vec<Finding>| {
            if settled || found.is_empty() { found } else { alloc::vec![Finding::awaited()] }
        };
        let mut of_query = Vec::new();
        head_rules::query(&permit.query, scopes, &self.route.variables, &mut of_query);
        findings.append(&mut settle(of_query));
        head_rules::headers(permit, first, &mut findings);
        head_rules::body(permit, first, self.content, &mut findings);
        hours::hours(permit, first.page, first.known.now(), &mut findings);
        let mut of_limits = Vec::new();
        for limit in self.api.limits.iter().chain(&permit.limits) {
            if is_of_request(limit) {
                limits::limit(limit, scopes, &mut of_limits);
            }
        }
        findings.append(&mut settle(of_limits));
        findings
    }

    /// What a permit says of one operation: its document and its path.
    pub(super) fn operation_findings(
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
        findings.extend(condition(&scope));
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

    /// Whether the page's limits on the API hold, whatever a permit says.
    pub(super) fn within_api(&self, variables: &'a Variables, operation: &'a Operation<'a>) -> bool {
        let named = if self.route.actions.is_empty() { variables } else { &self.route.variables };
        let scope = self.scope(operation, named);
        let mut findings = Vec::new();
        for limit in &self.api.limits {
            limits::limit(limit, core::slice::from_ref(&scope), &mut findings);
        }
        findings.is_empty()
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
