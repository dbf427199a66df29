//! Addresses of a catalog that lead nowhere: the base written twice, a lookup beside an endpoint.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::report::Report;
use crate::catalog::{Catalog, LookupEntry, ResourceEntry};
use crate::diagnostic::distance;
use crate::document::pointer_token;
use crate::quote::quote;

/// Warns of them; `whole` is the catalog with what it extends.
pub(crate) fn report(whole: &Catalog, report: &mut Report<'_>) {
    let templates = templates(whole);
    let base = whole.base.as_deref().unwrap_or_default().trim_end_matches('/');
    for (name, resource) in &whole.resources {
        let own = report.document.root().member("resources").and_then(|resources| resources.member(name));
        if own.is_none() {
            continue;
        }
        let at = format!("/resources/{}", pointer_token(name));
        for (action, entry) in &resource.actions {
            for (position, endpoint) in entry.endpoints.iter().enumerate() {
                let path = endpoint.split_once(' ').map_or(endpoint.as_str(), |(_, path)| path);
                let at = format!("{at}/actions/{}/endpoints/{position}", pointer_token(action));
                based_twice(path, base, &at, report);
            }
        }
        for (at, lookup) in lookups(resource, &at) {
            for (position, attempt) in lookup.attempts.iter().enumerate() {
                for (member, address) in [("get", &attempt.get), ("list", &attempt.list)] {
                    let Some(address) = address else { continue };
                    let at = format!("{at}/try/{position}/{member}");
                    if !based_twice(address, base, &at, report) {
                        unknown(address, &templates, &at, report);
                    }
                }
            }
        }
    }
}

/// Every lookup of a resource, and where it stands.
fn lookups<'c>(resource: &'c ResourceEntry, at: &str) -> Vec<(String, &'c LookupEntry)> {
    let of_actions = resource.actions.iter().flat_map(|(action, entry)| {
        let at = format!("{at}/actions/{}", pointer_token(action));
        let named = entry.lookups.iter().map(|(name, lookup)| (format!("lookups/{}", pointer_token(name)), lookup));
        let current = entry.current.iter().map(|lookup| (String::from("current"), lookup));
        current.chain(named).map(move |(place, lookup)| (format!("{at}/{place}"), lookup))
    });
    let named = resource.lookups.iter().map(|(name, lookup)| (format!("{at}/lookups/{}", pointer_token(name)), lookup));
    let current = resource.current.iter().map(|lookup| (format!("{at}/current"), lookup));
    current.chain(named).chain(of_actions).collect()
}

/// Every path template.
fn templates(whole: &Catalog) -> Vec<&str> {
    let actions = whole.resources.values().flat_map(|resource| resource.actions.values());
    let endpoints = actions.flat_map(|action| &action.endpoints).filter_map(|endpoint| endpoint.split_once(' '));
    endpoints.map(|(_, path)| path).collect()
}

fn based_twice(path: &str, base: &str, at: &str, report: &mut Report<'_>) -> bool {
    let rest = path.strip_prefix(base).filter(|rest| rest.starts_with('/') && base.len() > 1);
    let Some(rest) = rest else { return false };
    let message = format!("{} begins with the base, which is put before it", quote(path));
    report.warning(at, message, Some(format!("write {}", quote(rest))));
    true
}

/// Not all that is looked up need be in the catalog; what nearly is, is meant.
fn unknown(address: &str, templates: &[&str], at: &str, report: &mut Report<'_>) {
    let path = address.split('?').next().unwrap_or_default();
    if templates.iter().any(|template| meets(path, template)) {
        return;
    }
    if let Some(near) = templates.iter().find(|template| one_slip_away(path, template)) {
        let message = format!("the catalog has no endpoint {}", quote(path));
        report.warning(at, message, Some(format!("did you mean {}?", quote(near))));
    }
}

/// Whether a path with variables can be one of a template.
fn meets(path: &str, template: &str) -> bool {
    let is_variable = |segment: &str| segment.contains('{');
    let mut segments = path.trim_start_matches('/').split('/');
    for expected in template.trim_start_matches('/').split('/') {
        if expected.contains(":path}") {
            return segments.next().is_some();
        }
        match segments.next() {
            Some(segment) if segment == expected || is_variable(expected) || is_variable(segment) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// Whether a path is that of a template but for one literal, which is nearly the same.
fn one_slip_away(path: &str, template: &str) -> bool {
    let is_variable = |segment: &str| segment.contains('{');
    if path.split('/').count() != template.split('/').count() {
        return false;
    }
    let pairs = path.split('/').zip(template.split('/'));
    let mut other = pairs.filter(|(one, meant)| one != meant && !(is_variable(one) && is_variable(meant)));
    match (other.next(), other.next()) {
        (Some((one, meant)), None) => !is_variable(one) && distance(one, meant) == 1,
        _ => false,
    }
}
