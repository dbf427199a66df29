//! Which credentials the gateway adds: the internal route header, and its value for each host.

use crate::ordered::Map;
use alloc::format;
use alloc::string::String;

use super::near::WELL_KNOWN;
use super::report::Report;
use crate::diagnostic::nearest;
use crate::gateway::CredentialsEntry;
use crate::policy::{Credentials, Gateway, IdentitySource, Page};
use crate::quote::quote;
use crate::request::canonical_host;

/// The internal header where the document names none: the shipped gateway removes what clients send in `x-ambit-…`.
const ROUTE_HEADER: &str = "x-ambit-route";

/// Headers of the connection, and of credentials, that requests may have beside the well-known ones.
const TAKEN: [&str; 11] = [
    "apikey",
    "connection",
    "content-range",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-forwarded-host",
];

pub(super) fn compile(entry: &CredentialsEntry, identity: &[IdentitySource], report: &mut Report<'_>) -> Credentials {
    let name = entry.route_header.as_deref().unwrap_or(ROUTE_HEADER);
    let route_header = name.to_ascii_lowercase();
    if let Some((message, help)) = unfit(&route_header, identity) {
        report.error("/credentials/route_header", format!("{} {message}", quote(name)), Some(help.into()));
    }
    let mut routes: Map<String, String> = Map::new();
    for (host, route) in &entry.routes {
        let pointer = pointer(host);
        if route.is_empty() || !route.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            let help = "write the value that the gateway's route matches: letters, digits, `-`, `_` and `.`";
            let message = format!("{} is not a value of the internal header", quote(route));
            report.error(&pointer, message, Some(help.into()));
        }
        let Some(canonical) = canonical_host(host) else {
            let help = "write `shop.example.com` or `shop.example.com:8443`";
            report.error(&pointer, format!("{} is not a host", quote(host)), Some(help.into()));
            continue;
        };
        if routes.insert(canonical.clone(), route.clone()).is_some() {
            let message = format!("the host {} is listed twice", quote(&canonical));
            report.error(&pointer, message, Some("keep one of the two".into()));
        }
    }
    Credentials { route_header, routes }
}

/// Why the internal header cannot have this name, in small letters, and what to write instead.
fn unfit(name: &str, identity: &[IdentitySource]) -> Option<(&'static str, &'static str)> {
    const OWN: &str = "name a header that nothing else uses, such as `x-ambit-route`";
    let names_agent = identity.iter().any(|source| source.header() == Some(name));
    // No `_`: gateways refuse such headers, or read them as another.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        Some(("is not a name for the internal header", "write letters, digits and `-`, as in `x-ambit-route`"))
    } else if names_agent {
        Some(("names the agent already", OWN))
    } else if WELL_KNOWN.contains(&name) || TAKEN.contains(&name) {
        Some(("has a meaning of its own in requests", OWN))
    } else {
        None
    }
}

/// Hosts for which a credential is kept and that no page speaks of: nobody gets it.
pub(super) fn report_unmet<'p>(
    gateway: &Gateway,
    pages: impl Iterator<Item = &'p Page> + Clone,
    report: &mut Report<'_>,
) {
    let known = pages.flat_map(|page| &page.hosts).map(|(host, _)| host.as_str());
    let Some(entry) = report.document.root().member("credentials").and_then(|entry| entry.member("routes")) else {
        return;
    };
    let hosts: alloc::vec::Vec<String> = entry.children().map(|value| value.name().into()).collect();
    for host in hosts {
        let meant = |canonical: &String| gateway.credentials.iter().any(|c| c.routes.contains_key(canonical));
        let Some(canonical) = canonical_host(&host).filter(meant) else { continue };
        if known.clone().any(|known| known == canonical) {
            continue;
        }
        let help = match nearest(&canonical, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add the host to the page of an agent, or take it out".into(),
        };
        let message = format!("no page speaks of the host {}: no agent gets its credential", quote(&host));
        report.warning(&pointer(&host), message, Some(help));
    }
}

fn pointer(host: &str) -> String {
    format!("/credentials/routes/{}", host.replace('~', "~0").replace('/', "~1"))
}
