//! Rules that need a session, behind a gateway that hears of none: they would refuse every request.

use alloc::format;
use alloc::string::String;

use super::report::Report;
use crate::policy::{Gateway, IdentitySource};
use crate::template::{CanaryBy, CounterRule, SessionNeed, Template};

const HELP: &str = r#"add `{ "session_token": { "header": "authorization" } }` to `identity` in the gateway document"#;
const BY_TOKEN: &str = "no identity source of the gateway takes session tokens: no request can be";
const AT_ALL: &str = "no identity source of the gateway names a session: no request can be";

pub(super) fn unnamed(template: &Template, gateway: &Gateway, report: &mut Report<'_>) {
    let token = gateway.identity.iter().any(|source| matches!(source, IdentitySource::SessionToken(_)));
    if token {
        return;
    }
    let named = gateway.identity.iter().any(|source| matches!(source, IdentitySource::Claim { session: Some(_), .. }));
    let mut warn = |pointer: String, missing: &str, what: &str| {
        report.warning(&pointer, format!("{missing} {what}"), Some(HELP.into()));
    };
    let mut counters = |rules: &[CounterRule], at: &str| {
        for (position, counter) in rules.iter().enumerate() {
            let at = format!("{at}/counters/{position}");
            let per = counter.per.iter().flatten().position(|per| per == "session");
            match per {
                _ if counter.window == "session" => warn(format!("{at}/window"), BY_TOKEN, "counted here"),
                Some(per) if !named => warn(format!("{at}/per/{per}"), AT_ALL, "counted here"),
                _ => {}
            }
        }
    };
    counters(&template.counters, "");
    for (position, rule) in template.permit.iter().enumerate() {
        counters(&rule.counters, &format!("/permit/{position}"));
    }
    if template.session == Some(SessionNeed::Required) {
        warn("/session".into(), BY_TOKEN, "permitted by this page");
    }
    for (position, rule) in template.permit.iter().enumerate() {
        if rule.critical == Some(true) {
            warn(format!("/permit/{position}/critical"), BY_TOKEN, "permitted by this rule");
        }
        if !named && rule.canary.as_ref().is_some_and(|canary| canary.by == CanaryBy::Session) {
            warn(format!("/permit/{position}/canary/by"), AT_ALL, "inside this canary");
        }
    }
}
