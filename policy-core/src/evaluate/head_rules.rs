//! What a permit says of the query, the headers and the body as a whole.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Finding;
use super::fields::reads;
use super::names::Scope;
use super::route::Variables;
use crate::decode::Content;
use crate::limits::REASONS;
use crate::policy::{HeaderShape, NamePattern, Permit, QueryRule};
use crate::quote::{list, quote};
use crate::reason::{Code, Decision, Reason};
use crate::request::{mangled, replaces_route};

/// Judges the query by its names; their values are for limits.
pub(crate) fn query(rule: &QueryRule, scopes: &[Scope<'_>], catalog: &Variables, findings: &mut Vec<Finding>) {
    let Some(scope) = scopes.first() else { return };
    let api = scope.api;
    // One write among the rows makes the request a write.
    let reads = scopes.iter().all(reads);
    if scope.request.semicolon_in_query && (api.quirks.php_names || !reads || hides_guarded(scope)) {
        let message = "the query holds a `;`, at which some readers split; write `%3B`";
        findings.push(Finding::deny(Code::ParamShadow, message));
    }
    for (position, pair) in scope.request.query.iter().enumerate() {
        let spelled = if api.quirks.php_names { mangled(&pair.name) } else { pair.name.clone() };
        let is = |patterns: &[NamePattern]| {
            patterns.iter().any(|pattern| pattern.matches(&pair.name) || pattern.matches(&spelled))
        };
        let guarded = is(&api.guarded_query);
        let replaces_route = guarded && replaces_route(&pair.name);
        // Where any name may stand, what PHP reads it as is compared below.
        let any = reads && rule.only.is_none();
        if api.quirks.php_names && !any && !replaces_route && pair.name.chars().any(|c| matches!(c, ' ' | '.')) {
            let message = format!("PHP reads the query name {} as another one", quote(&pair.name));
            findings.push(Finding::deny(Code::ParamShadow, message));
            continue;
        }
        let listed = |names: &[String]| names.contains(&pair.name);
        let credential = api.loosen.query_credentials.iter().any(|pattern| pattern.matches(&pair.name));
        let shadows = api.quirks.php_names && scope.variables.iter().chain(catalog).any(|(name, _)| *name == spelled);
        if findings.len() >= REASONS {
            return;
        }
        let of_condition = scopes.iter().any(|scope| scope.condition_in_query(&pair.name));
        let allowed = match &rule.only {
            _ if of_condition => true,
            Some(only) => listed(only) || credential,
            None if reads => credential || !(guarded || shadows),
            None => credential || (!guarded && (listed(&api.write_query) || listed(&api.loosen.write_query))),
        };
        if !allowed {
            findings.push(refuse_name(rule, scope, &pair.name, guarded, shadows, reads));
        } else if !credential && (!reads || rule.only.is_some()) {
            let again = scope.request.query.iter().skip(position + 1).any(|other| other.name == pair.name);
            if again {
                let message = format!("the query names {} more than once", quote(&pair.name));
                findings.push(Finding::deny(Code::ParamShadow, message));
            }
        }
    }
    for name in &rule.require {
        if !scope.request.query.iter().any(|pair| pair.name == *name) {
            let message = format!("the query parameter {} is required", quote(name));
            findings.push(Finding::deny(Code::MissingRequired, message));
        }
    }
}

/// Whether a reader that splits a query at `;` finds a guarded name behind one.
fn hides_guarded(scope: &Scope<'_>) -> bool {
    let guarded = |name: &str| scope.api.guarded_query.iter().any(|pattern| pattern.matches(name));
    let names = |text: &str| text.split(';').skip(1).any(|piece| guarded(piece.split('=').next().unwrap_or_default()));
    scope.request.query.iter().any(|pair| names(&pair.name) || names(&pair.value))
}

fn refuse_name(rule: &QueryRule, scope: &Scope<'_>, name: &str, guarded: bool, shadows: bool, reads: bool) -> Finding {
    if guarded && replaces_route(name) {
        let message = format!("the query name {} can replace the route", quote(name));
        return Finding::deny(Code::RouteOverride, message);
    }
    if guarded {
        let message = format!("the query name {} changes who or what the request speaks for", quote(name));
        return Finding::deny(Code::ParamShadow, message);
    }
    if shadows {
        let message = format!("the query name {} could replace a part of the path", quote(name));
        return Finding::deny(Code::ParamShadow, message);
    }
    let allowed = rule.only.as_ref().unwrap_or(&scope.api.write_query);
    let allowed = list(allowed.iter().chain(&scope.api.loosen.write_query).map(String::as_str), 8);
    let what = if reads { "read" } else { "write" };
    let message = format!("the query name {} is not listed for this {what}; listed: {allowed}", quote(name));
    Finding::deny(Code::ParamShadow, message)
}

/// Judges the guarded headers.
pub(crate) fn headers(permit: &Permit, scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let api = scope.api;
    let rules = [&permit.headers, &api.header_rule];
    let listed =
        |name: &str| rules.iter().any(|rule| rule.allow.iter().chain(&rule.require).any(|known| known == name));
    let allows = |name: &str| listed(name) || scope.condition_in_header(name);
    for guarded in &api.guarded_headers {
        // CGI-style servers fold `_` and `-`: a folded twin is the guarded header in disguise.
        if let Some(name) = scope.request.headers.twin(guarded) {
            let message = format!("the header {} can be read as {}", quote(name), quote(guarded));
            findings.push(Finding::deny(Code::HeaderNotAllowed, message));
        }
        if !scope.request.headers.has(guarded) {
            continue;
        }
        let listed = api.headers.iter().any(|(name, _)| name == guarded);
        if !listed && scope.request.headers.all(guarded).nth(1).is_some() {
            let message = format!("the header {} stands more than once", quote(guarded));
            findings.push(Finding::deny(Code::HeaderNotAllowed, message));
        }
        if allows(guarded) {
            continue;
        }
        let params = api.headers.iter().any(|(name, shape)| name == guarded && *shape == HeaderShape::Params);
        if !params {
            findings.push(not_allowed(guarded));
            continue;
        }
        match scope.header_items(guarded, HeaderShape::Params) {
            None => {
                let message = format!("the header {} is not a list of plain `name=value` tokens", quote(guarded));
                findings.push(Finding::deny(Code::HeaderNotAllowed, message));
            }
            Some(items) => {
                for (parameter, _) in items {
                    let name = format!("{guarded}/{parameter}");
                    if !allows(&name) {
                        findings.push(not_allowed(&name));
                    }
                }
            }
        }
    }
    for name in rules.iter().flat_map(|rule| &rule.require) {
        let present = match name.split_once('/') {
            None => scope.request.headers.has(name),
            Some((header, parameter)) => scope
                .header_items(header, HeaderShape::Params)
                .is_some_and(|items| items.iter().any(|(key, _)| key == parameter)),
        };
        if !present {
            let message = format!("the header {} is required", quote(name));
            findings.push(Finding::deny(Code::MissingRequired, message));
        }
    }
}

fn not_allowed(name: &str) -> Finding {
    let message = format!("the header {} changes what the request speaks for, and no rule lists it", quote(name));
    Finding::deny(Code::HeaderNotAllowed, message)
}

/// Judges whether the body may be passed at all.
pub(crate) fn body(permit: &Permit, scope: &Scope<'_>, content: &Content, findings: &mut Vec<Finding>) {
    if matches!(content, Content::None) {
        return;
    }
    if !permit.body.types.is_empty() {
        match crate::decode::content_type(scope.request) {
            Ok(declared) if permit.body.types.contains(&declared.essence) => {}
            Ok(declared) => {
                let listed = list(permit.body.types.iter().map(String::as_str), 4);
                let message = format!("the content type {} is not one of {listed}", quote(&declared.essence));
                findings.push(Finding::deny(Code::ContentType, message));
            }
            Err(reason) => findings.push(finding(reason)),
        }
    }
    if let (Content::Unread(reason), false) = (content, permit.body.opaque) {
        findings.push(finding(reason.clone()));
    }
}

fn finding(reason: Reason) -> Finding {
    Finding { decision: Decision::Deny, reason, role: None }
}
