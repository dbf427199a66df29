//! From a template to the page the filter evaluates.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::binding::{bind, one_api_per_path};
use super::known::Known;
use super::layout::lay_out;
use super::parts::ApiParts;
use super::pattern::Patterns;
use super::placed::Placed;
use super::report::Report;
use super::rule::{carrier_endpoints, forbid, forbids_beside_batches, only_carriers, permit, risky_absences};
use super::target::Targets;
use super::{band, canary, counter, hours, keys, money, near, overlap, present, sessions, targeting, tripwire, unmet};
use crate::catalog::Catalog;
use crate::policy::{Band, Gateway, Limit, Page, Permit, Reuse, Role, RuleTarget, Tripwires};
use crate::quote::quote;
use crate::template::{Mode, SessionNeed, Template};
use crate::time::{Timestamp, parse_duration};

/// Compiles a page. Errors are in the report; the page is then not used.
pub(crate) fn compile(
    template: &Template,
    catalogs: &BTreeMap<String, Catalog>,
    gateway: Option<&Gateway>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Page {
    if template.agent.name.trim().is_empty() {
        let help = "write the name by which the gateway knows the agent";
        report.error("/agent/name", "the page is for no agent: the name is empty", Some(help.into()));
    }
    let (from, until) = validity(template, report);
    about(template, report);
    let mut apis: BTreeMap<String, ApiParts<'_>> = BTreeMap::new();
    for (alias, binding) in &template.apis {
        if let Some(parts) = bind(template, alias, binding, catalogs, patterns, report) {
            apis.insert(alias.clone(), parts);
        }
    }
    one_api_per_path(&apis, report);
    for (alias, api) in &apis {
        near::in_api(alias, api, template, report);
    }
    let roles = roles(template, report);
    let mut page = Page {
        agent: template.agent.name.clone(),
        version: template.version.clone(),
        from,
        until,
        shadow: template.mode == Mode::Shadow,
        session_required: template.session == Some(SessionNeed::Required),
        hosts: Vec::new(),
        tries: Vec::new(),
        apis: Vec::new(),
        permits: Vec::new(),
        forbids: Vec::new(),
        currency: template.money.as_ref().map(|money| money.currency.to_ascii_lowercase()),
        rates: money::rates(template, report),
        roles,
        on_unavailable: match &template.on_unavailable {
            None => Band::Deny,
            Some(rule) => band::compile(rule, "/on_unavailable", &template.approvers, report),
        },
        counters: Vec::new(),
        tripwires: Tripwires::default(),
        zone: hours::zone(template.time_zone.as_deref(), (from, until), report),
    };
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut once = |id: &str, pointer: &str, report: &mut Report<'_>| {
        if id.trim().is_empty() {
            let help = "name what it is for: every record of what the rule decides names it";
            report.error(&format!("{pointer}/id"), "a rule needs an id", Some(help.into()));
            return;
        }
        if ids.insert(id.to_string(), pointer.to_string()).is_some() {
            report.error(
                &format!("{pointer}/id"),
                format!("two rules are named {}", quote(id)),
                Some("give one of them another id: events and approvals name the rule".into()),
            );
        }
    };
    let mut placed: Vec<Placed> = Vec::new();
    let mut attached: Vec<(RuleTarget, BTreeMap<String, Targets>)> = Vec::new();
    for (position, rule) in template.permit.iter().enumerate() {
        let pointer = format!("/permit/{position}");
        once(&rule.id, &pointer, report);
        // Names mean nothing under a target that is not understood: what follows would be noise.
        let Some(targets) = targeting::resolve(&rule.targets(), &pointer, (&apis, template), patterns, report) else {
            continue;
        };
        let known = Known::of(&targets, &apis);
        carrier_endpoints(&pointer, &targets, &apis, report);
        let canary = canary::compile(rule, &pointer, &targets, &apis, report);
        let counters = counter::own(rule, &pointer, template, &known, &mut page.counters, report);
        let permit = Permit { canary, counters, ..permit(rule, &pointer, template, &known, patterns, report) };
        risky_absences(rule, &pointer, &targets, &apis, report);
        only_carriers(rule, &pointer, &known.actions, &targets, report);
        near::in_permit(rule, &pointer, &targets, (&apis, template), report);
        let unavailable = page.on_unavailable != Band::Deny;
        let softened =
            |limit: &Limit| limit.beyond != Band::Deny || (unavailable && present::is_looked_up(limit, &known.actions));
        let compared = unavailable && known.actions.iter().any(|action| present::is_compared(action));
        let softens = !permit.shadow && (permit.approval.is_some() || compared || permit.limits.iter().any(softened));
        page.permits.push(permit);
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        placed.push(Placed {
            id: rule.id.clone(),
            pointer,
            softens,
            counts: counter::is_counted(rule, template),
            shadow: rule.mode == Some(Mode::Shadow),
            targets: targets.clone(),
        });
        attached.push((RuleTarget::Permit(index), targets));
    }
    for (position, rule) in template.forbid.iter().enumerate() {
        let pointer = format!("/forbid/{position}");
        once(&rule.id, &pointer, report);
        let Some(targets) = targeting::resolve(&rule.targets(), &pointer, (&apis, template), patterns, report) else {
            continue;
        };
        let known = Known::of(&targets, &apis);
        forbids_beside_batches(rule, &pointer, &targets, &known.actions, &apis, report);
        near::in_forbid(rule, &pointer, &targets, (&apis, template), report);
        page.forbids.push(forbid(rule, &pointer, template, &known, patterns, report));
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        attached.push((RuleTarget::Forbid(index), targets));
    }
    if template.permit.is_empty() {
        let help = "add what the agent may do: `{\"id\": \"look\", \"scope\": \"API:RESOURCE.ACTION\"}`";
        report.warning(
            "/permit",
            "the page permits nothing: every request of this agent is refused",
            Some(help.into()),
        );
    }
    unmet::forbidden_endpoints(template, &attached, &apis, report);
    counter::shared(template, &placed, &apis, &mut page, report);
    page.tripwires = tripwire::compile(template, &page, report);
    money::plain(template, &placed, &apis, report);
    overlap::report(&placed, &apis, report);
    overlap::never_allows(&placed, &template.forbid, &attached, &apis, report);
    let hosts: BTreeMap<String, Vec<String>> =
        apis.iter().map(|(alias, api)| (alias.clone(), api.hosts.clone())).collect();
    lay_out(template, apis, attached, &mut page, patterns, report);
    money::unused(template, &page, report);
    if let Some(gateway) = gateway {
        present::without_cluster(&page, &hosts, gateway, report);
        sessions::unnamed(template, gateway, report);
        keys::unsigned(template, gateway, report);
    }
    page
}

fn validity(template: &Template, report: &mut Report<'_>) -> (Timestamp, Timestamp) {
    let mut read = |text: &str, pointer: &str| {
        Timestamp::parse(text).unwrap_or_else(|| {
            let help = "write RFC 3339 in UTC, like 2026-11-01T00:00:00Z";
            report.error(pointer, format!("{} is not a time", quote(text)), Some(help.into()));
            Timestamp(0)
        })
    };
    let from = read(&template.valid.from, "/valid/from");
    let until = read(&template.valid.until, "/valid/until");
    if until <= from && until != Timestamp(0) {
        let help = "write a later time, or swap the two";
        report.error(
            "/valid/until",
            "the page ends before it begins: `until` must be later than `from`",
            Some(help.into()),
        );
    }
    (from, until)
}

/// Parts of the page that no decision depends on.
fn about(template: &Template, report: &mut Report<'_>) {
    for (name, text) in [("version", &template.version), ("agent/purpose", &template.agent.purpose)] {
        if text.trim().is_empty() {
            let help = match name {
                "version" => "write one that changes with the page, like 2026-11-20.1: events name it",
                _ => "say in one sentence what the agent is for",
            };
            report.warning(&format!("/{name}"), "this text is empty", Some(help.into()));
        }
    }
    if template.owners.is_empty() {
        report.error(
            "/owners",
            "the page has no owner",
            Some("name who answers for the agent: `\"product\": \"…\"`".into()),
        );
    }
    if let Some(observability) = &template.observability
        && observability.retention_days == 0
    {
        let help = "write 1 or more, like 90";
        report.error("/observability/retention_days", "events must be kept for at least one day", Some(help.into()));
    }
    for (position, review) in template.reviews.iter().enumerate() {
        if Timestamp::parse(&format!("{}T00:00:00Z", review.date)).is_none() {
            let message = format!("{} is not a date", quote(&review.date));
            report.error(&format!("/reviews/{position}/date"), message, Some("write it like 2026-11-20".into()));
        }
    }
}

fn roles(template: &Template, report: &mut Report<'_>) -> Vec<Role> {
    let mut roles = Vec::new();
    for (name, info) in &template.approvers {
        let pointer = format!("/approvers/{name}");
        let expires = seconds(info.expires.as_ref(), 900, &format!("{pointer}/expires"), report);
        let hold = match info.hold.as_deref() {
            None | Some("0s") => 0,
            Some(_) => seconds(info.hold.as_ref(), 0, &format!("{pointer}/hold"), report),
        };
        if expires == 0 {
            let help =
                "write how long an approval holds after it was signed, like \"30m\", or leave `expires` out: then 15m";
            report.error(
                &format!("{pointer}/expires"),
                "an approval of this role ends when it begins",
                Some(help.into()),
            );
        } else if hold >= expires {
            let help = "write a shorter `hold` or a longer `expires`: both count from when the approval is signed";
            report.error(
                &pointer,
                "an approval of this role is never usable: `hold` is not shorter than `expires`",
                Some(help.into()),
            );
        }
        let reuse = match info.reuse {
            None | Some(crate::template::Reuse::Once) => Reuse::Once,
            Some(crate::template::Reuse::Session) => Reuse::Session,
            Some(crate::template::Reuse::Rule) => Reuse::Rule,
        };
        roles.push(Role { name: name.clone(), expires, hold, reuse });
    }
    roles
}

fn seconds(text: Option<&String>, default: u64, pointer: &str, report: &mut Report<'_>) -> u64 {
    let Some(text) = text else { return default };
    parse_duration(text).unwrap_or_else(|| {
        let help = "write 30s, 5m, 24h or 7d";
        report.error(pointer, format!("{} is not a duration", quote(text)), Some(help.into()));
        default
    })
}
