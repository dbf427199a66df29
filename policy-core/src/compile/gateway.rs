//! The gateway document.

use crate::ordered::Map;
use alloc::format;
use alloc::string::String;

use super::identity::{self, Sources};
use super::keys;
use super::report::Report;
use super::{control, credentials};
use crate::gateway::{GatewayDocument, LookupsEntry, OldSessions, UnknownWord};
use crate::limits::{
    BODY_KIB, BODY_KIB_MAX, BODY_TIMEOUT_MS, COUNTERS_KIB, COUNTERS_KIB_MAX, FETCHES, LOOKUP_TIMEOUT_MS,
    LOOKUPS_PARALLEL,
};
use crate::policy::{Gateway, Lookups, UnknownAgent};
use crate::quote::quote;
use crate::request::canonical_host;

pub(crate) fn compile(document: &GatewayDocument, report: &mut Report<'_>) -> Gateway {
    let keys = keys::compile(document, report);
    let Sources { identity, properties } = identity::compile(&document.identity, &keys, report);
    let body_kib = document.limits.body_kib.unwrap_or(BODY_KIB);
    if body_kib == 0 || body_kib > BODY_KIB_MAX {
        report.error(
            "/limits/body_kib",
            format!("`body_kib` is 1 to {BODY_KIB_MAX}"),
            Some("write how many KiB, like 256".into()),
        );
    }
    let body_timeout_ms = document.limits.body_timeout_ms.unwrap_or(BODY_TIMEOUT_MS);
    if !(100..=600_000).contains(&body_timeout_ms) {
        report.error(
            "/limits/body_timeout_ms",
            "`body_timeout_ms` is 100 to 600000",
            Some("write milliseconds, like 15000".into()),
        );
    }
    let counters_kib = document.limits.counters_kib.unwrap_or(COUNTERS_KIB);
    if !(64..=COUNTERS_KIB_MAX).contains(&counters_kib) {
        report.error(
            "/limits/counters_kib",
            format!("`counters_kib` is 64 to {COUNTERS_KIB_MAX}"),
            Some("write how many KiB, like 65536".into()),
        );
    }
    let credentials = document.credentials.as_ref().map(|entry| credentials::compile(entry, &identity, report));
    Gateway {
        name: document.name.clone().unwrap_or_default(),
        keys,
        control: control::route(document, report),
        old_sessions: document.sessions.after_restart == OldSessions::Allow,
        paused: control::paused(document, report),
        identity,
        properties,
        unknown_agent: match document.unknown_agent {
            Some(UnknownWord::NotAnAgent) => UnknownAgent::Pass,
            Some(UnknownWord::Deny) | None => UnknownAgent::Deny,
        },
        body_limit: body_kib.saturating_mul(1024),
        body_timeout_ms,
        counters_kib,
        lookups: lookups(&document.lookups, report),
        credentials,
    }
}

fn lookups(entry: &LookupsEntry, report: &mut Report<'_>) -> Lookups {
    let mut clusters: Map<String, String> = Map::new();
    for (host, cluster) in &entry.clusters {
        let pointer = format!("/lookups/clusters/{}", host.replace('~', "~0").replace('/', "~1"));
        if cluster.is_empty() || cluster.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let help = "write the name that the cluster has in the gateway's configuration";
            report.error(&pointer, format!("{} is not the name of a cluster", quote(cluster)), Some(help.into()));
        }
        let Some(canonical) = canonical_host(host) else {
            let help = "write `shop.example.com` or `shop.example.com:8443`";
            report.error(&pointer, format!("{} is not a host", quote(host)), Some(help.into()));
            continue;
        };
        if clusters.insert(canonical.clone(), cluster.clone()).is_some() {
            let message = format!("the host {} is listed twice", quote(&canonical));
            report.error(&pointer, message, Some("keep one of the two".into()));
        }
    }
    let timeout_ms = entry.timeout_ms.unwrap_or(LOOKUP_TIMEOUT_MS);
    if !(50..=60_000).contains(&timeout_ms) {
        report.error(
            "/lookups/timeout_ms",
            "`timeout_ms` is 50 to 60000",
            Some("write milliseconds, like 2000".into()),
        );
    }
    let parallel = entry.parallel.unwrap_or(LOOKUPS_PARALLEL);
    if parallel == 0 || parallel as usize > FETCHES {
        report.error(
            "/lookups/parallel",
            format!("`parallel` is 1 to {FETCHES}"),
            Some("write a whole number, like 8".into()),
        );
    }
    Lookups { clusters, timeout_ms, parallel }
}
