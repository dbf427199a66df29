//! APIs of a page: a catalog bound to hosts and a base.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::api;
use super::call;
use super::parts::{ApiParts, CatalogParts};
use super::pattern::Patterns;
use super::report::Report;
use crate::catalog::Catalog;
use crate::diagnostic::nearest;
use crate::limits::{BODY_KIB_MAX, FRESH_MS_MAX};
use crate::policy::{CallKind, Decoder};
use crate::quote::quote;
use crate::request::canonical_host;
use crate::secrets::Detector;
use crate::template::{ApiBinding, Hosts, Template};
use crate::time::parse_duration;

/// What to do about a loosening that loosens nothing.
const TAKE_OUT: &str = "take it out: there is nothing that it loosens";

pub(crate) fn bind<'c>(
    template: &Template,
    alias: &str,
    binding: &ApiBinding,
    catalogs: &'c BTreeMap<String, Catalog>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Option<ApiParts<'c>> {
    let pointer = format!("/apis/{alias}");
    let Some(catalog) = catalogs.get(&binding.catalog) else {
        let known = catalogs.keys().map(String::as_str);
        report.unknown(&format!("{pointer}/catalog"), "catalog", &binding.catalog, known);
        return None;
    };
    let base = binding.base.clone().or_else(|| catalog.base.clone()).unwrap_or_default();
    let literal = !base.contains(['{', '}', '%', '?', '#', ';', '\\', ' ']) && base.is_ascii() && !base.contains("//");
    if !(base.is_empty() || base.starts_with('/')) || base.ends_with('/') || !literal {
        report.error(
            &format!("{pointer}/base"),
            "a base is empty, or plain segments that begin with `/` and do not end in one",
            Some("write the path before all endpoints, like `/v1`, or leave `base` out".into()),
        );
    }
    let mut faults = Vec::new();
    let parts = api::compile(catalog, &base, patterns, &mut faults);
    // Faults of the catalog itself were reported with the catalog; here only what this binding adds.
    let hosts = hosts(template, &binding.hosts, &format!("{pointer}/hosts"), report);
    if fresh_ms(binding).is_none() {
        let most = FRESH_MS_MAX / 1000;
        let help = "write `5s`; `0s` asks the API each time";
        report.error(&format!("{pointer}/fresh"), format!("`fresh` is `0s` to `{most}s`"), Some(help.into()));
    }
    let loosen = &binding.loosen;
    for (position, name) in loosen.json_types.iter().enumerate() {
        if name.to_ascii_lowercase().starts_with("multipart/") {
            let at = format!("{pointer}/loosen/json_types/{position}");
            let help = "take it out; other types of JSON are like `application/vnd.api+json`";
            report.error(&at, "a multipart body is not JSON: an upstream would read its parts", Some(help.into()));
        }
    }
    encoded_slash(template, alias, binding, &parts, report);
    if loosen.google_batch.is_some() && !parts.actions.iter().any(|action| action.decoder == Decoder::GoogleBatch) {
        let message = format!("the catalog {} has no action with the decoder `google_batch`", quote(&binding.catalog));
        report.error(&format!("{pointer}/loosen/google_batch"), message, Some(TAKE_OUT.into()));
    }
    for (given, member) in
        [(loosen.jsonrpc_batch.is_some(), "jsonrpc_batch"), (loosen.mcp_input.is_some(), "mcp_input")]
    {
        if given && !call::carried(&parts, CallKind::Rpc) {
            let message = format!("the catalog {} has no endpoint with the decoder `jsonrpc`", quote(&binding.catalog));
            report.error(&format!("{pointer}/loosen/{member}"), message, Some(TAKE_OUT.into()));
        }
    }
    if !parts.decoder.takes_json_types() && !loosen.json_types.is_empty() {
        let decoder = parts.decoder;
        let message = format!(
            "the decoder `{}` reads `{}` alone, so no type can be added to it",
            decoder.name(),
            decoder.default_type()
        );
        report.error(&format!("{pointer}/loosen/json_types"), message, Some(TAKE_OUT.into()));
    }
    for (position, name) in loosen.secrets.iter().enumerate() {
        if Detector::parse(name).is_none() {
            let known = Detector::ALL.iter().map(|detector| detector.name());
            report.unknown(&format!("{pointer}/loosen/secrets/{position}"), "secret detector", name, known);
        }
    }
    if loosen.body_kib.is_some_and(|kib| kib == 0 || kib > BODY_KIB_MAX) {
        let message = format!("`body_kib` is 1 to {BODY_KIB_MAX}");
        report.error(&format!("{pointer}/loosen/body_kib"), message, Some("write how many KiB, like 256".into()));
    }
    Some(ApiParts { catalog, base, parts, hosts })
}

/// Names in `encoded_slash` that no path has: nothing is loosened.
fn encoded_slash(
    template: &Template,
    alias: &str,
    binding: &ApiBinding,
    parts: &CatalogParts,
    report: &mut Report<'_>,
) {
    let names: Vec<&str> =
        parts.endpoints.iter().flat_map(|(_, endpoint)| endpoint.names.iter().map(String::as_str)).collect();
    let of_page = template.permit.iter().filter_map(|permit| permit.endpoint.as_ref()).flat_map(|e| e.values());
    let of_api: Vec<&str> = of_page
        .filter_map(|entry| entry.split_once(':'))
        .filter(|(of, _)| *of == alias)
        .map(|(_, text)| text)
        .collect();
    for (position, name) in binding.loosen.encoded_slash.iter().enumerate() {
        let written = |text: &&str| text.contains(&format!("{{{name}}}")) || text.contains(&format!("{{{name}:"));
        if names.contains(&name.as_str()) || of_api.iter().any(written) {
            continue;
        }
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write the name of a variable of a path, as in `{{{name}}}`"),
        };
        let message = format!("no path of this API has the variable {}", quote(name));
        report.warning(&format!("/apis/{alias}/loosen/encoded_slash/{position}"), message, Some(help));
    }
}

pub(crate) fn hosts(template: &Template, hosts: &Hosts, pointer: &str, report: &mut Report<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let mut wrong = false;
    let mut add = |text: &str, pointer: &str, report: &mut Report<'_>| match canonical_host(text) {
        Some(host) if out.contains(&host) => {
            report.error(
                pointer,
                format!("the host {} is listed twice", quote(&host)),
                Some("keep one of the two".into()),
            );
        }
        Some(host) => out.push(host),
        None => {
            let help = "write `shop.example.com` or `shop.example.com:8443`";
            report.error(pointer, format!("{} is not a host", quote(text)), Some(help.into()));
            wrong = true;
        }
    };
    match hosts {
        Hosts::All(all) => {
            if template.released_for.is_some() {
                let help = "write hosts by stage: `{\"staging\": [\"…\"]}`";
                report.error(pointer, "`released_for` needs hosts by stage", Some(help.into()));
            }
            for (position, text) in all.iter().enumerate() {
                add(text, &format!("{pointer}/{position}"), report);
            }
        }
        Hosts::ByStage(stages) => {
            for stage in template.released_for.iter().flatten() {
                if !stages.contains_key(stage) {
                    report.unknown("/released_for", "stage", stage, stages.keys().map(String::as_str));
                }
            }
            for (stage, listed) in stages {
                let released = template.released_for.as_ref().is_none_or(|released| released.contains(stage));
                for (position, text) in listed.iter().enumerate() {
                    if released {
                        add(text, &format!("{pointer}/{stage}/{position}"), report);
                    }
                }
            }
        }
    }
    // A host that is not understood is the real mistake.
    if out.is_empty() && !wrong {
        let help = "list a host, like `[\"shop.example.com\"]`; with stages, for a stage of `released_for`";
        report.error(pointer, "no host of this API is reachable: its rules could never match", Some(help.into()));
    }
    out
}

/// Two APIs on one host need bases that do not lie within each other.
pub(crate) fn one_api_per_path(apis: &BTreeMap<String, ApiParts<'_>>, report: &mut Report<'_>) {
    let list: Vec<(&String, &ApiParts<'_>)> = apis.iter().collect();
    for (position, (alias, api)) in list.iter().enumerate() {
        for (other_alias, other) in list.iter().skip(position + 1) {
            let host = api.hosts.iter().find(|host| other.hosts.contains(host));
            let within = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
            if let Some(host) = host
                && (within(&api.base, &other.base) || within(&other.base, &api.base))
            {
                let message =
                    format!("`{alias}` and `{other_alias}` share the host {} and their bases overlap", quote(host));
                report.error(&format!("/apis/{other_alias}"), message, Some("give them bases that differ".into()));
            }
        }
    }
}

/// `fresh` of an API in milliseconds; `None`: it is no duration, or too long.
pub(crate) fn fresh_ms(binding: &ApiBinding) -> Option<u64> {
    let Some(text) = &binding.fresh else { return Some(0) };
    parse_duration(text)?.checked_mul(1000).filter(|fresh| *fresh <= FRESH_MS_MAX)
}
