//! The control route of a gateway document, and who is paused by it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::report::Report;
use crate::gateway::{GatewayDocument, PausedEntry, PausedWord};
use crate::limits::{PAUSES, REASON_BYTES};
use crate::policy::{ControlRoute, Gateway, Page};
use crate::quote::quote;
use crate::request::{PathSegment, canonical_host};
use crate::standing::{Cause, Pause, Scope, What};
use crate::time::Timestamp;

const PATH_HELP: &str = "write a path of its own, such as `/.ambit/control`";

pub(super) fn route(document: &GatewayDocument, report: &mut Report<'_>) -> Option<ControlRoute> {
    let signs = document.keys.iter().position(|key| key.control);
    let Some(entry) = &document.control else {
        if let Some(position) = signs {
            let help = "add `\"control\": { \"path\": \"/.ambit/control\" }`";
            let message = "the key signs commands, and this gateway has no route that takes them";
            report.warning(&format!("/keys/{position}/control"), message, Some(help.into()));
        }
        return None;
    };
    if !document.keys.iter().any(|key| key.control || key.sessions) {
        let help = "give a key `\"control\": true`: `ambit keygen --control` makes one";
        let message = "nobody may command this gateway: no key has `control`, and none has `sessions`";
        report.error("/control", message, Some(help.into()));
    }
    if !is_path(&entry.path) {
        report.error("/control/path", format!("{} is not such a path", quote(&entry.path)), Some(PATH_HELP.into()));
    }
    let host = entry.host.as_ref().and_then(|host| {
        let canonical = canonical_host(host);
        if canonical.is_none() {
            let help = "write `gateway.example.com` or `gateway.example.com:8443`";
            report.error("/control/host", format!("{} is not a host", quote(host)), Some(help.into()));
        }
        canonical
    });
    Some(ControlRoute { path: entry.path.clone(), host })
}

/// Whether a path has one spelling: plain segments, nothing encoded, nothing behind it.
fn is_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    let segment = |text: &str| !matches!(text, "" | "." | "..") && text.bytes().all(plain);
    path.len() <= 255 && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

pub(super) fn paused(document: &GatewayDocument, report: &mut Report<'_>) -> Vec<Pause> {
    if document.paused.len() > PAUSES {
        report.error("/paused", format!("more than {PAUSES} pauses"), Some("pause `all`".into()));
    }
    let entries = document.paused.iter().enumerate();
    entries.filter_map(|(position, entry)| pause(entry, &format!("/paused/{position}"), report)).collect()
}

fn pause(entry: &PausedEntry, at: &str, report: &mut Report<'_>) -> Option<Pause> {
    let reason = entry.reason.clone().unwrap_or_default();
    if reason.len() > REASON_BYTES || reason.chars().any(char::is_control) {
        let message = format!("a reason is one line of at most {REASON_BYTES} bytes");
        report.error(&format!("{at}/reason"), message, Some("write it shorter, without line breaks".into()));
    }
    let until = entry.until.as_ref().map(|text| {
        Timestamp::parse(text).unwrap_or_else(|| {
            let help = "write RFC 3339 in UTC: 2026-01-31T00:00:00Z";
            report.error(&format!("{at}/until"), format!("{} is not a time", quote(text)), Some(help.into()));
            Timestamp(0)
        })
    });
    let scope = match (&entry.agent, entry.all) {
        (Some(agent), None) => Scope::Agent(agent.clone()),
        (None, Some(true)) => Scope::All,
        _ => {
            let help = "write `\"agent\": \"NAME\"` or `\"all\": true`";
            report.error(at, "a pause is of one agent or of all", Some(help.into()));
            return None;
        }
    };
    let what = match entry.what {
        PausedWord::Writes => What::Writes,
        PausedWord::Everything => What::Everything,
    };
    Some(Pause { scope, what, cause: Cause::Document { reason }, since: Timestamp(0), until })
}

/// What a gateway document says of pages: whom it pauses must have one, and no endpoint may lie behind the control route.
pub(super) fn held_to_pages(gateway: &Gateway, pages: &BTreeMap<String, Page>, report: &mut Report<'_>) {
    for (position, pause) in gateway.paused.iter().enumerate() {
        if let Scope::Agent(agent) = &pause.scope
            && !pages.contains_key(agent)
        {
            report.unknown(&format!("/paused/{position}/agent"), "agent", agent, pages.keys().map(String::as_str));
        }
    }
    let Some(route) = &gateway.control else { return };
    let segment = |text: &str| PathSegment { text: text.into(), encoded: 0, encoded_slash: false };
    let segments: Vec<PathSegment> = route.path.split('/').skip(1).map(segment).collect();
    for page in pages.values() {
        let hosts = page.hosts.iter().filter(|(host, _)| route.host.as_ref().is_none_or(|only| only == host));
        let mut tries = hosts.filter_map(|(host, trie)| Some((host, page.tries.get(*trie as usize)?)));
        let behind = tries.find(|(_, trie)| trie.find(&segments, &|_, _| true).is_ok_and(|found| !found.is_empty()));
        if let Some((host, _)) = behind {
            let message = format!(
                "an endpoint on {} that the page of {} speaks of has this path too: no request will reach it",
                quote(host),
                quote(&page.agent)
            );
            report.warning("/control/path", message, Some(PATH_HELP.into()));
            return;
        }
    }
}
