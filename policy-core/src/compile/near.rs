//! Names of headers and query parameters that are nearly one the API knows. Any name may stand in a request, so a
//! mistyped one is no error of the language: the test just never sees the header that was meant.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::parts::ApiParts;
use super::report::Report;
use super::target::Targets;
use crate::diagnostic::nearest;
use crate::quote::quote;
use crate::template::{ApiBinding, ForbidRule, HeaderRules, PermitRule, Template, TestRule};

/// Headers with a meaning of their own everywhere (RFC 9110 and its neighbours, and what proxies add).
pub(super) const WELL_KNOWN: [&str; 30] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "prefer",
    "range",
    "referer",
    "traceparent",
    "user-agent",
    "x-forwarded-for",
    "x-request-id",
];

/// Below this a name is near to too many.
const SHORTEST: usize = 4;

/// What is known of the head of a request.
#[derive(Default)]
struct Heads<'a> {
    headers: Vec<&'a str>,
    query: Vec<&'a str>,
}

impl<'a> Heads<'a> {
    fn api(&mut self, api: &'a ApiParts<'_>, binding: Option<&'a ApiBinding>) {
        let catalog = api.catalog;
        self.headers.extend(catalog.guarded.headers.iter().chain(catalog.headers.keys()).map(String::as_str));
        let query = catalog.guarded.query.iter().filter(|name| !name.ends_with('*'));
        self.query.extend(query.chain(&catalog.write_query).chain(catalog.query.keys()).map(String::as_str));
        if let Some(binding) = binding {
            self.rules(&binding.headers);
            self.query.extend(binding.loosen.write_query.iter().map(String::as_str));
        }
    }

    fn rules(&mut self, rules: &'a HeaderRules) {
        let name = |text: &'a String| text.split('/').next().unwrap_or_default();
        self.headers.extend(rules.allow.iter().chain(&rules.require).map(name));
    }

    fn permit(&mut self, permit: &'a PermitRule) {
        self.rules(&permit.headers);
        self.query.extend(permit.query.only.iter().flatten().chain(&permit.query.require).map(String::as_str));
    }

    /// Names in tests, at the pointer of their list.
    fn tests(&self, tests: &[TestRule], pointer: &str, report: &mut Report<'_>) {
        for (position, test) in tests.iter().enumerate() {
            let at = format!("{pointer}/{position}");
            for (index, text) in test.field.iter().flat_map(|field| field.values()).enumerate() {
                let list = test.field.as_ref().is_some_and(crate::template::OneOrMany::is_list);
                let place = if list { format!("{at}/field/{index}") } else { format!("{at}/field") };
                self.name(text, &place, report);
            }
            for (member, text) in [("count", &test.count), ("sum", &test.sum), ("equals", &test.equals)] {
                if let Some(text) = text {
                    self.name(text, &format!("{at}/{member}"), report);
                }
            }
            self.tests(&test.when, &format!("{at}/when"), report);
        }
    }

    fn name(&self, text: &str, pointer: &str, report: &mut Report<'_>) {
        let (kind, name, known) = if let Some(rest) = text.strip_prefix("header.") {
            let name = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
            if WELL_KNOWN.contains(&name.as_str()) {
                return;
            }
            ("header", name, &self.headers)
        } else if let Some(name) = text.strip_prefix("query.") {
            ("query", name.to_string(), &self.query)
        } else {
            return;
        };
        let same = |known: &&str| if kind == "header" { known.eq_ignore_ascii_case(&name) } else { **known == name };
        if name.chars().count() < SHORTEST || known.iter().any(same) {
            return;
        }
        let near = nearest(&name, known.iter().copied().filter(|near| mistyped(&name, near)));
        if let Some(near) = near {
            let message = match kind {
                "header" => format!("the header {} is neither guarded nor allowed here", quote(&name)),
                _ => format!("the query name {} is listed nowhere here", quote(&name)),
            };
            let help = format!(
                "did you mean `{kind}.{}`?",
                if kind == "header" { near.to_ascii_lowercase() } else { near.into() }
            );
            report.warning(pointer, message, Some(help));
        }
    }
}

/// Whether one name is the other with one slip of the hand. `created_min` and `created_max` differ by two: both may be
/// meant.
fn mistyped(name: &str, near: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    plain(name) == plain(near) || crate::diagnostic::distance(name, near) <= 1
}

/// Names in the limits of an API.
pub(crate) fn in_api(alias: &str, api: &ApiParts<'_>, template: &Template, report: &mut Report<'_>) {
    let Some(binding) = template.apis.get(alias) else { return };
    let mut heads = Heads::default();
    heads.api(api, Some(binding));
    template.permit.iter().for_each(|permit| heads.permit(permit));
    heads.tests(&binding.limits, &format!("/apis/{alias}/limits"), report);
}

fn of_targets<'a>(
    targets: &BTreeMap<String, Targets>,
    template: &'a Template,
    apis: &'a BTreeMap<String, ApiParts<'_>>,
) -> Heads<'a> {
    let mut heads = Heads::default();
    for alias in targets.keys() {
        if let Some(api) = apis.get(alias) {
            heads.api(api, template.apis.get(alias));
        }
    }
    heads
}

/// Names in the limits of a permit.
pub(crate) fn in_permit(
    rule: &PermitRule,
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    (apis, template): (&BTreeMap<String, ApiParts<'_>>, &Template),
    report: &mut Report<'_>,
) {
    let mut heads = of_targets(targets, template, apis);
    heads.permit(rule);
    heads.tests(&rule.limits, &format!("{pointer}/limits"), report);
}

/// Names in the condition of a forbid: what a permit lists may reach it.
pub(crate) fn in_forbid(
    rule: &ForbidRule,
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    (apis, template): (&BTreeMap<String, ApiParts<'_>>, &Template),
    report: &mut Report<'_>,
) {
    let mut heads = of_targets(targets, template, apis);
    template.permit.iter().for_each(|permit| heads.permit(permit));
    heads.tests(&rule.when, &format!("{pointer}/when"), report);
}
