//! Canaries of permits: how large a part, and whether requests say which resource they are about.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use super::call_name::CallName;
use super::endpoint::Endpoint;
use super::keyless::says_key;
use super::numeral;
use super::parts::ApiParts;
use super::report::Report;
use super::target::Targets;
use crate::number::Decimal;
use crate::policy::{Action, Canary};
use crate::quote::quote;
use crate::template::{CanaryBy, OutsideCanary, PermitRule};

/// What to write where a target has requests that never say which resource they are about.
const HELP: &str = "name the actions whose requests say it, without `*`; put the others into a permit of their own";

/// The canary of a permit.
pub(crate) fn compile(
    rule: &PermitRule,
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) -> Option<Canary> {
    let canary = rule.canary.as_ref()?;
    let at = |member: &str| format!("{pointer}/canary/{member}");
    let by_session = canary.by == CanaryBy::Session;
    let share = share(numeral::number(&canary.percent, &at("percent"), report)?);
    let Some(share) = share else {
        let help = "write 5 or \"0.25\"; two digits behind the point at most";
        report.error(&at("percent"), "the percentage of a canary is 0 to 100, in hundredths", Some(help.into()));
        return None;
    };
    if share == 0 {
        let message = format!("a canary of 0 % has no {} inside", if by_session { "session" } else { "resource" });
        report.warning(&at("percent"), message, Some("leave the permit out, or give it `\"mode\": \"shadow\"`".into()));
    }
    let shadow = canary.outside == Some(OutsideCanary::Shadow);
    if shadow {
        let message =
            format!("outside its canary {} refuses nothing: what it would refuse goes upstream", quote(&rule.id));
        let help = "write `\"deny\"` where the others must be left as they are";
        report.warning(&at("outside"), message, Some(help.into()));
    }
    for (alias, targets) in targets.iter().filter(|_| !by_session) {
        let Some(api) = apis.get(alias) else { continue };
        if let Some(message) = unaddressed(targets, api) {
            report.error(&at("by"), message, Some(HELP.into()));
        }
    }
    Some(Canary { share, by_session, shadow })
}

/// Hundredths of a percent; `None`: there is no such share.
fn share(percent: Decimal) -> Option<u32> {
    let hundredths = percent.checked_mul(Decimal::from_count(100))?;
    hundredths.to_string().parse().ok().filter(|share| *share <= 10_000)
}

/// Why no request of a target is ever inside.
fn unaddressed(targets: &Targets, api: &ApiParts<'_>) -> Option<String> {
    let never = |index: u32| {
        // Permits on what holds operations grant nothing.
        let holds = |action: &&Action| action.is_carrier() || !action.inner.is_empty();
        let action = api.parts.actions.get(index as usize).filter(|action| !holds(action) && !says_key(index, api))?;
        Some(format!("no request of `{}` says which resource it is about: a canary does not divide them", action.name))
    };
    let unlisted = || Some("no catalog lists this target: nothing says which resource a request is about".into());
    let listed = |endpoint: &Endpoint| {
        let is = |(_, listed): &&(u32, Endpoint)| {
            listed.segments == endpoint.segments && endpoint.methods.iter().all(|m| listed.methods.contains(m))
        };
        api.parts.endpoints.iter().find(is).map(|(index, _)| *index)
    };
    let of_endpoint = |endpoint: &Endpoint| listed(endpoint).map_or_else(unlisted, never);
    let of_call = |call: &CallName| api.parts.calls.get(call).map_or_else(unlisted, |index| never(*index));
    let by_action = targets.actions.iter().find_map(|(index, _)| never(*index));
    by_action
        .or_else(|| targets.endpoints.iter().find_map(of_endpoint))
        .or_else(|| targets.calls.iter().find_map(of_call))
}
