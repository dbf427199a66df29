//! From a template to the page the filter evaluates.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::api::{self, CatalogParts, name_patterns};
use super::endpoint::Endpoint;
use super::limit::{self, Surroundings};
use super::overlap;
use super::pattern::Patterns;
use super::report::Report;
use super::target::{self, Targets};
use super::{CatalogSource, names};
use crate::catalog::Catalog;
use crate::limits::BODY_KIB_MAX;
use crate::policy::{
    Action, Api, BodyRule, End, FieldRule, Fields, Forbid, HeaderRule, Loosen, Name, Page, Permit, QueryRule, Quirks,
    Role, RuleRef, RuleTarget, Trie,
};
use crate::quote::quote;
use crate::request::canonical_host;
use crate::template::{ApiBinding, FieldList, FieldSet, ForbidRule, HeaderRules, Hosts, Mode, PermitRule, Template};
use crate::time::{Timestamp, parse_duration};

/// An API of a page while it is compiled.
pub(crate) struct ApiParts<'c> {
    pub(crate) catalog: &'c Catalog,
    pub(crate) base: String,
    pub(crate) parts: CatalogParts,
    pub(crate) hosts: Vec<String>,
}

/// A rule with what it applies to, for the search for overlaps.
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) pointer: String,
    pub(crate) targets: BTreeMap<String, Targets>,
    /// It grants nothing.
    pub(crate) shadow: bool,
    /// Softens: has an approval or a `beyond`.
    pub(crate) softens: bool,
}

/// Compiles a page. Errors are in the report; the page is then not used.
pub(crate) fn compile(
    template: &Template,
    catalogs: &BTreeMap<String, CatalogSource>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Page {
    let (from, until) = validity(template, report);
    later_parts(template, report);
    let mut apis: BTreeMap<String, ApiParts<'_>> = BTreeMap::new();
    for (alias, binding) in &template.apis {
        if let Some(parts) = bind(template, alias, binding, catalogs, patterns, report) {
            apis.insert(alias.clone(), parts);
        }
    }
    one_api_per_path(&apis, report);
    let roles = roles(template, report);
    let mut page = Page {
        agent: template.agent.name.clone(),
        version: template.version.clone(),
        from,
        until,
        shadow: template.mode == Mode::Shadow,
        hosts: Vec::new(),
        tries: Vec::new(),
        apis: Vec::new(),
        permits: Vec::new(),
        forbids: Vec::new(),
        currency: template.money.as_ref().map(|money| money.currency.to_ascii_lowercase()),
        rates: rates(template, report),
        roles,
    };
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut once = |id: &str, pointer: &str, report: &mut Report<'_>| {
        if ids.insert(id.to_string(), pointer.to_string()).is_some() {
            report.error(&format!("{pointer}/id"), format!("two rules are named {}", quote(id)), None);
        }
    };
    let mut placed: Vec<Placed> = Vec::new();
    let mut attached: Vec<(RuleTarget, BTreeMap<String, Targets>)> = Vec::new();
    for (position, rule) in template.permit.iter().enumerate() {
        let pointer = format!("/permit/{position}");
        once(&rule.id, &pointer, report);
        let targets = target::resolve(&rule.targets(), &pointer, &apis, patterns, report).unwrap_or_default();
        let actions = actions_of(&targets, &apis);
        let late = late_values(&actions, &targets, &apis);
        let variables = path_variables(&targets, &apis);
        let known = Known { actions: &actions, late: &late, variables: &variables };
        batch_endpoints(&pointer, &targets, &apis, report);
        let permit = permit(rule, &pointer, template, &known, patterns, report);
        risky_absences(rule, &pointer, &targets, &apis, report);
        only_batches(rule, &pointer, &actions, &targets, report);
        let softens = !permit.shadow
            && (permit.approval.is_some() || permit.limits.iter().any(|l| l.beyond != crate::policy::Band::Deny));
        page.permits.push(permit);
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        placed.push(Placed {
            id: rule.id.clone(),
            pointer,
            softens,
            shadow: rule.mode == Some(Mode::Shadow),
            targets: clone_targets(&targets),
        });
        attached.push((RuleTarget::Permit(index), targets));
    }
    for (position, rule) in template.forbid.iter().enumerate() {
        let pointer = format!("/forbid/{position}");
        once(&rule.id, &pointer, report);
        let targets = target::resolve(&rule.targets(), &pointer, &apis, patterns, report).unwrap_or_default();
        let actions = actions_of(&targets, &apis);
        let late = late_values(&actions, &targets, &apis);
        let variables = path_variables(&targets, &apis);
        let known = Known { actions: &actions, late: &late, variables: &variables };
        page.forbids.push(forbid(rule, &pointer, template, &known, patterns, report));
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        attached.push((RuleTarget::Forbid(index), targets));
    }
    if template.permit.is_empty() {
        report.warning("/permit", "the page permits nothing: every request of this agent is refused", None);
    }
    overlap::report(&placed, &apis, report);
    overlap::never_allows(&placed, &template.forbid, &attached, report);
    lay_out(template, apis, attached, &mut page, patterns, report);
    page
}

fn clone_targets(targets: &BTreeMap<String, Targets>) -> BTreeMap<String, Targets> {
    targets
        .iter()
        .map(|(alias, t)| (alias.clone(), Targets { actions: t.actions.clone(), endpoints: t.endpoints.clone() }))
        .collect()
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
        report.error("/valid/until", "the page ends before it begins: `until` must be later than `from`", None);
    }
    (from, until)
}

/// Parts of the language that later versions evaluate: refused, never ignored.
fn later_parts(template: &Template, report: &mut Report<'_>) {
    if !template.counters.is_empty() {
        report.not_yet("/counters", "`counters`");
    }
    if !template.tripwires.is_empty() {
        report.not_yet("/tripwires", "`tripwires`");
    }
    if template.on_unavailable.is_some() {
        report.not_yet("/on_unavailable", "`on_unavailable`");
    }
    if template.after_restart.is_some() {
        report.not_yet("/after_restart", "`after_restart`");
    }
    if template.time_zone.as_deref().is_some_and(|zone| zone != "UTC") {
        report.not_yet("/time_zone", "a `time_zone` other than UTC");
    }
    for (position, rule) in template.permit.iter().enumerate() {
        for (name, given) in [
            ("counters", !rule.counters.is_empty()),
            ("hours", rule.hours.is_some()),
            ("canary", rule.canary.is_some()),
            ("critical", rule.critical == Some(true)),
        ] {
            if given {
                report.not_yet(&format!("/permit/{position}/{name}"), &format!("`{name}`"));
            }
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
        report.error("/observability/retention_days", "events must be kept for at least one day", None);
    }
    for (position, review) in template.reviews.iter().enumerate() {
        if Timestamp::parse(&format!("{}T00:00:00Z", review.date)).is_none() {
            let message = format!("{} is not a date like 2026-11-20", quote(&review.date));
            report.error(&format!("/reviews/{position}/date"), message, None);
        }
    }
}

fn roles(template: &Template, report: &mut Report<'_>) -> Vec<Role> {
    let mut roles = Vec::new();
    for (name, info) in &template.approvers {
        let pointer = format!("/approvers/{name}");
        let expires = match &info.expires {
            None => 900,
            Some(text) => parse_duration(text).unwrap_or_else(|| {
                let help = "write 30s, 5m, 24h or 7d";
                report.error(
                    &format!("{pointer}/expires"),
                    format!("{} is not a duration", quote(text)),
                    Some(help.into()),
                );
                900
            }),
        };
        if info.reuse.is_some_and(|reuse| reuse != crate::template::Reuse::Once) {
            report.not_yet(&format!("{pointer}/reuse"), "`reuse` of grants");
        }
        if info.hold.as_deref().is_some_and(|hold| hold != "0s") {
            report.not_yet(&format!("{pointer}/hold"), "`hold`");
        }
        roles.push(Role { name: name.clone(), expires });
    }
    roles
}

fn rates(template: &Template, report: &mut Report<'_>) -> Vec<(String, crate::number::Decimal)> {
    let Some(money) = &template.money else {
        return Vec::new();
    };
    let mut code = |text: &str, pointer: &str| {
        if !(text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic())) {
            report.error(pointer, format!("{} is not an ISO 4217 currency code", quote(text)), None);
        }
    };
    code(&money.currency, "/money/currency");
    for name in money.rates.keys() {
        code(name, &format!("/money/rates/{name}"));
    }
    let mut rates = Vec::new();
    for (name, rate) in &money.rates {
        if let Some(rate) = limit::number(rate, &format!("/money/rates/{name}"), report) {
            rates.push((name.to_ascii_lowercase(), rate));
        }
    }
    rates
}

fn bind<'c>(
    template: &Template,
    alias: &str,
    binding: &ApiBinding,
    catalogs: &'c BTreeMap<String, CatalogSource>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Option<ApiParts<'c>> {
    let pointer = format!("/apis/{alias}");
    let Some(source) = catalogs.get(&binding.catalog) else {
        let known = catalogs.keys().map(String::as_str);
        report.unknown(&format!("{pointer}/catalog"), "catalog", &binding.catalog, known);
        return None;
    };
    let catalog = &source.catalog;
    let base = binding.base.clone().or_else(|| catalog.base.clone()).unwrap_or_default();
    let literal = !base.contains(['{', '}', '%', '?', '#', ';', '\\', ' ']) && base.is_ascii() && !base.contains("//");
    if !(base.is_empty() || base.starts_with('/')) || base.ends_with('/') || !literal {
        report.error(
            &format!("{pointer}/base"),
            "a base is empty, or plain segments that begin with `/` and do not end in one",
            None,
        );
    }
    let mut faults = Vec::new();
    let parts = api::compile(catalog, &base, patterns, &mut faults);
    // Faults of the catalog itself were reported with the catalog; here only what this binding adds.
    let hosts = hosts(template, &binding.hosts, &format!("{pointer}/hosts"), report);
    if binding.fresh.as_deref().is_some_and(|fresh| fresh != "0s") {
        report.not_yet(&format!("{pointer}/fresh"), "`fresh`");
    }
    let loosen = &binding.loosen;
    for (name, given) in [
        ("gzip", loosen.gzip == Some(true)),
        ("google_batch", loosen.google_batch.is_some()),
        ("jsonrpc_batch", loosen.jsonrpc_batch.is_some()),
        ("secrets", !loosen.secrets.is_empty()),
    ] {
        if given {
            report.not_yet(&format!("{pointer}/loosen/{name}"), &format!("`loosen.{name}`"));
        }
    }
    if loosen.body_kib.is_some_and(|kib| kib == 0 || kib > BODY_KIB_MAX) {
        let message = format!("`body_kib` is 1 to {BODY_KIB_MAX}");
        report.error(&format!("{pointer}/loosen/body_kib"), message, None);
    }
    Some(ApiParts { catalog, base, parts, hosts })
}

fn hosts(template: &Template, hosts: &Hosts, pointer: &str, report: &mut Report<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let mut add = |text: &str, pointer: &str, report: &mut Report<'_>| match canonical_host(text) {
        Some(host) => out.push(host),
        None => {
            let help = "write `shop.example.com` or `shop.example.com:8443`";
            report.error(pointer, format!("{} is not a host", quote(text)), Some(help.into()));
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
    if out.is_empty() {
        report.error(pointer, "no host of this API is reachable: its rules could never match", None);
    }
    out
}

/// Two APIs on one host need bases that do not lie within each other.
fn one_api_per_path(apis: &BTreeMap<String, ApiParts<'_>>, report: &mut Report<'_>) {
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

fn actions_of<'p>(targets: &BTreeMap<String, Targets>, apis: &'p BTreeMap<String, ApiParts<'_>>) -> Vec<&'p Action> {
    let mut out: Vec<&'p Action> = Vec::new();
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        let mut push = |index: u32| {
            if let Some(action) = api.parts.actions.get(index as usize)
                && !out.iter().any(|known| core::ptr::eq(*known, action))
            {
                out.push(action);
            }
        };
        for (index, _) in &targets.actions {
            push(*index);
        }
        for endpoint in &targets.endpoints {
            for (index, listed) in &api.parts.endpoints {
                let method = endpoint.methods.iter().any(|method| listed.methods.contains(method));
                if method && listed.segments == endpoint.segments {
                    push(*index);
                }
            }
        }
    }
    out
}

/// What the names of a rule can refer to.
struct Known<'a> {
    actions: &'a [&'a Action],
    late: &'a [String],
    variables: &'a [String],
}

/// Names of the path variables of a target's endpoints.
fn path_variables(targets: &BTreeMap<String, Targets>, apis: &BTreeMap<String, ApiParts<'_>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        let named = |index: &u32| targets.actions.iter().any(|(action, _)| action == index);
        let of_actions = api.parts.endpoints.iter().filter(|(index, _)| named(index)).map(|(_, endpoint)| endpoint);
        for endpoint in targets.endpoints.iter().chain(of_actions) {
            names.extend(endpoint.names.iter().cloned());
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Endpoint permits that cannot grant: rows of a batch are granted by what they are, and texts that hold operations of
/// their own cannot be judged yet.
fn batch_endpoints(
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        for endpoint in &targets.endpoints {
            let meets = |listed: &Endpoint| {
                listed.segments == endpoint.segments && listed.methods.iter().any(|m| endpoint.methods.contains(m))
            };
            let listed = api.parts.endpoints.iter().find(|(_, listed)| meets(listed));
            let action = listed.and_then(|(index, _)| api.parts.actions.get(*index as usize));
            match action {
                Some(action) if !action.rows.is_empty() => {
                    let message =
                        format!("`{}` is a batch: each of its rows is judged as the action it is", action.name);
                    let help = "name the rows' actions by `scope`";
                    report.error(&format!("{pointer}/endpoint"), message, Some(help.into()));
                }
                Some(action) if action.inner => {
                    report.not_yet(&format!("{pointer}/endpoint"), &format!("the texts of `{}`", action.name));
                }
                _ => {}
            }
        }
    }
}

/// Values of the targeted resources that need the current state.
fn late_values(
    actions: &[&Action],
    targets: &BTreeMap<String, Targets>,
    apis: &BTreeMap<String, ApiParts<'_>>,
) -> Vec<String> {
    let of_apis = targets.keys().filter_map(|alias| apis.get(alias)).flat_map(|api| api.parts.late_values.iter());
    let here = of_apis.filter(|(resource, _)| actions.iter().any(|action| action.resource == *resource));
    here.map(|(_, value)| value.clone()).collect()
}

/// Fields whose absence is dangerous, and that the permit does not require.
fn risky_absences(
    rule: &PermitRule,
    pointer: &str,
    targets: &BTreeMap<String, Targets>,
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    let required: &[String] = match &rule.fields {
        Some(FieldSet::Listed(listed)) => &listed.require,
        _ => &[],
    };
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        for (index, _) in &targets.actions {
            let Some(action) = api.parts.actions.get(*index as usize) else { continue };
            let own = action.name.rsplit_once('.').map(|(_, name)| name).unwrap_or_default();
            let entry = api.catalog.resources.get(&action.resource).and_then(|resource| resource.actions.get(own));
            for (field, then) in entry.iter().flat_map(|entry| &entry.risky_when_absent) {
                if !required.contains(field) {
                    let message =
                        format!("{} may leave out {}: the upstream then {then}", quote(&rule.id), quote(field));
                    report.warning(
                        &format!("{pointer}/id"),
                        message,
                        Some(format!("add `{field}` to `fields.require`")),
                    );
                }
            }
        }
    }
}

/// A permit that names nothing but batches: rows are judged by the actions they are.
fn only_batches(
    rule: &PermitRule,
    pointer: &str,
    actions: &[&Action],
    targets: &BTreeMap<String, Targets>,
    report: &mut Report<'_>,
) {
    let scopes = targets.values().all(|targets| targets.endpoints.is_empty());
    if scopes && !actions.is_empty() && actions.iter().all(|action| !action.rows.is_empty()) {
        let message = format!("{} names only batches, and each row is judged as the action it is", quote(&rule.id));
        report.error(&format!("{pointer}/id"), message, Some("name the rows' actions: `update`, `create` …".into()));
    }
}

fn permit(
    rule: &PermitRule,
    pointer: &str,
    template: &Template,
    known: &Known<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Permit {
    let Known { actions, late, variables } = *known;
    let around =
        Surroundings { actions, late, variables, lists: &template.lists, roles: &template.approvers, head_only: false };
    if let Some(role) = &rule.approval
        && !template.approvers.contains_key(role)
    {
        let known = template.approvers.keys().map(String::as_str);
        report.unknown(&format!("{pointer}/approval"), "role", role, known);
    }
    let fields = fields(rule.fields.as_ref(), &format!("{pointer}/fields"), known, report);
    if rule.body.opaque {
        if !matches!(fields, FieldRule::Default) {
            report.error(
                &format!("{pointer}/body/opaque"),
                "an opaque body is not read: `fields` cannot be judged",
                None,
            );
        }
        let body_limit = |limit: &crate::template::TestRule| {
            let head = |text: &str| ["path.", "query.", "header."].iter().any(|prefix| text.starts_with(prefix));
            !limit.field.as_ref().is_some_and(|field| field.values().iter().all(|text| head(text)))
        };
        if rule.limits.iter().any(body_limit) {
            report.error(
                &format!("{pointer}/body/opaque"),
                "an opaque body is not read: its limits cannot be judged",
                None,
            );
        }
    }
    for name in &rule.query.require {
        if rule.query.only.as_ref().is_some_and(|only| !only.contains(name)) {
            let message = format!("{} is required and not in `only`", quote(name));
            report.error(&format!("{pointer}/query/require"), message, Some("add it to `only`".into()));
        }
    }
    Permit {
        id: rule.id.clone(),
        shadow: rule.mode == Some(Mode::Shadow),
        query: QueryRule { only: rule.query.only.clone(), require: rule.query.require.clone() },
        headers: headers(&rule.headers),
        body: BodyRule {
            types: rule.body.types.iter().map(|text| text.to_ascii_lowercase()).collect(),
            opaque: rule.body.opaque,
        },
        fields,
        limits: limit::limits(&rule.limits, &format!("{pointer}/limits"), &around, patterns, report),
        approval: rule.approval.clone(),
    }
}

fn forbid(
    rule: &ForbidRule,
    pointer: &str,
    template: &Template,
    known: &Known<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Forbid {
    let Known { actions, late, variables } = *known;
    let around =
        Surroundings { actions, late, variables, lists: &template.lists, roles: &template.approvers, head_only: false };
    Forbid {
        id: rule.id.clone(),
        shadow: rule.mode == Some(Mode::Shadow),
        when: limit::conditions(&rule.when, &format!("{pointer}/when"), &around, patterns, report),
    }
}

fn headers(rules: &HeaderRules) -> HeaderRule {
    let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
    HeaderRule { allow: lower(&rules.allow), require: lower(&rules.require) }
}

fn fields(set: Option<&FieldSet>, pointer: &str, known: &Known<'_>, report: &mut Report<'_>) -> FieldRule {
    let listed = match set {
        None => return FieldRule::Default,
        Some(FieldSet::Word(word)) => {
            if word != "any" {
                report.error(
                    pointer,
                    format!("unknown value {}", quote(word)),
                    Some("write \"any\" or an object".into()),
                );
            }
            return FieldRule::Any;
        }
        Some(FieldSet::Listed(listed)) => listed,
    };
    let mut names = |texts: &[String], pointer: &str| -> Vec<Name> {
        let mut out = Vec::new();
        for (position, text) in texts.iter().enumerate() {
            match names::resolve(text, known.actions, known.late) {
                Ok(name @ (Name::Field(..) | Name::Pointer(_))) => out.push(name),
                Ok(_) => {
                    let message = format!("{} is not a field of the document", quote(text));
                    report.error(&format!("{pointer}/{position}"), message, None);
                }
                Err(message) => report.wrong_name(&format!("{pointer}/{position}"), message),
            }
        }
        out
    };
    let FieldList { only, require, never, exactly_one, at_least_one } = listed;
    let only = only.as_ref().map(|texts| names(texts, &format!("{pointer}/only")));
    let require = names(require, &format!("{pointer}/require"));
    let never = names(never, &format!("{pointer}/never"));
    let mut groups = |groups: &[Vec<String>], kind: &str| -> Vec<Vec<Name>> {
        groups
            .iter()
            .enumerate()
            .map(|(position, group)| names(group, &format!("{pointer}/{kind}/{position}")))
            .collect()
    };
    let exactly_one = groups(exactly_one, "exactly_one");
    let at_least_one = groups(at_least_one, "at_least_one");
    if let Some(name) = only.iter().flatten().find(|name| never.contains(name)) {
        let message = format!("{} is in `only` and in `never`", super::text_of(name));
        report.error(pointer, message, Some("take it out of one of them".to_string()));
    }
    FieldRule::Listed(Fields { only, require, never, exactly_one, at_least_one })
}

/// Puts APIs, hosts and rules into the form the filter walks.
fn lay_out(
    template: &Template,
    apis: BTreeMap<String, ApiParts<'_>>,
    attached: Vec<(RuleTarget, BTreeMap<String, Targets>)>,
    page: &mut Page,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) {
    let index_of: BTreeMap<String, u32> =
        apis.keys().enumerate().map(|(i, alias)| (alias.clone(), u32::try_from(i).unwrap_or(u32::MAX))).collect();
    let mut endpoint_rules: BTreeMap<String, Vec<(RuleTarget, Endpoint)>> = BTreeMap::new();
    let mut action_rules: BTreeMap<(String, u32), Vec<RuleRef>> = BTreeMap::new();
    for (target, by_api) in attached {
        for (alias, targets) in by_api {
            for (action, filters) in targets.actions {
                action_rules.entry((alias.clone(), action)).or_default().push(RuleRef { target, filters });
            }
            for endpoint in targets.endpoints {
                endpoint_rules.entry(alias.clone()).or_default().push((target, endpoint));
            }
        }
    }
    // Hosts that serve the same APIs share a trie.
    let mut served: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (alias, api) in &apis {
        for host in &api.hosts {
            let aliases = served.entry(host.clone()).or_default();
            if !aliases.contains(alias) {
                aliases.push(alias.clone());
            }
        }
    }
    let mut tries: BTreeMap<Vec<String>, u32> = BTreeMap::new();
    for (host, aliases) in served {
        let index = *tries.entry(aliases.clone()).or_insert_with(|| {
            let index = u32::try_from(page.tries.len()).unwrap_or(u32::MAX);
            page.tries.push(trie(&aliases, &apis, &index_of, &endpoint_rules));
            index
        });
        page.hosts.push((host, index));
    }
    for (alias, api) in apis {
        let Some(binding) = template.apis.get(&alias) else {
            continue;
        };
        let mut variables: Vec<String> =
            api.parts.endpoints.iter().flat_map(|(_, e)| e.names.iter().cloned()).collect();
        let own = endpoint_rules.get(&alias).into_iter().flatten();
        variables.extend(own.flat_map(|(_, endpoint)| endpoint.names.iter().cloned()));
        let mut actions = api.parts.actions;
        for (index, action) in actions.iter_mut().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            action.rules = action_rules.remove(&(alias.clone(), index)).unwrap_or_default();
        }
        let around = Surroundings {
            actions: &[],
            late: &[],
            variables: &variables,
            lists: &template.lists,
            roles: &template.approvers,
            head_only: true,
        };
        let limits = limit::limits(&binding.limits, &format!("/apis/{alias}/limits"), &around, patterns, report);
        let catalog = api.catalog;
        let types =
            if catalog.types.is_empty() { alloc::vec!["application/json".to_string()] } else { catalog.types.clone() };
        page.apis.push(Api {
            alias,
            catalog: catalog.catalog.clone(),
            decoder: api.parts.decoder,
            types: types.iter().map(|text| text.to_ascii_lowercase()).collect(),
            write_query: catalog.write_query.clone(),
            guarded_headers: catalog.guarded.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            guarded_query: name_patterns(&catalog.guarded.query),
            headers: api.parts.headers,
            query: api.parts.query,
            quirks: Quirks { php_names: catalog.quirks.get("php_names").copied().unwrap_or(false) },
            loosen: loosen(binding),
            actions,
            header_rule: headers(&binding.headers),
            limits,
            body_limit: binding.loosen.body_kib.map(|kib| kib.saturating_mul(1024)),
        });
    }
}

fn loosen(binding: &ApiBinding) -> Loosen {
    let given = &binding.loosen;
    Loosen {
        trailing_slash: given.trailing_slash.is_some(),
        encoded_slash: given.encoded_slash.clone(),
        json_types: given.json_types.iter().map(|text| text.to_ascii_lowercase()).collect(),
        query_credentials: name_patterns(&given.query_credentials),
        write_query: given.write_query.clone(),
        duplicate_rows: given.duplicate_rows.is_some(),
    }
}

fn trie(
    aliases: &[String],
    apis: &BTreeMap<String, ApiParts<'_>>,
    index_of: &BTreeMap<String, u32>,
    endpoint_rules: &BTreeMap<String, Vec<(RuleTarget, Endpoint)>>,
) -> Trie {
    let mut trie = Trie::new();
    for alias in aliases {
        let (Some(api), Some(index)) = (apis.get(alias), index_of.get(alias)) else {
            continue;
        };
        let mut insert = |endpoint: &Endpoint, actions: &[u32], rules: &[RuleRef]| {
            for method in &endpoint.methods {
                let end = End {
                    method: *method,
                    api: *index,
                    names: endpoint.names.clone(),
                    actions: actions.to_vec(),
                    rules: rules.to_vec(),
                };
                trie.insert(&endpoint.segments, end);
            }
        };
        for (action, endpoint) in &api.parts.endpoints {
            insert(endpoint, &[*action], &[]);
        }
        for (target, endpoint) in endpoint_rules.get(alias).into_iter().flatten() {
            insert(endpoint, &[], &[RuleRef { target: *target, filters: Vec::new() }]);
        }
    }
    trie
}
