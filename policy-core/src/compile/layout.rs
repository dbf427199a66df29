//! Laying a page out for the filter: hosts to tries, rules at the actions and endpoints they name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::binding::fresh_ms;
use super::call;
use super::call_name::CallName;
use super::endpoint::Endpoint;
use super::inner;
use super::limit;
use super::parts::ApiParts;
use super::pattern::Patterns;
use super::present;
use super::report::Report;
use super::rule::headers;
use super::surroundings::Surroundings;
use super::target::Targets;
use crate::document::Path;
use crate::policy::{Api, End, Loosen, NamePattern, Page, Quirks, RuleRef, RuleTarget, Trie};
use crate::secrets::Detector;
use crate::template::{ApiBinding, Template};

/// Puts APIs, hosts and rules into the form the filter walks.
pub(crate) fn lay_out(
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
    let mut call_rules: BTreeMap<String, Vec<(CallName, RuleTarget)>> = BTreeMap::new();
    for (target, by_api) in attached {
        for (alias, targets) in by_api {
            for (action, filters) in targets.actions {
                action_rules.entry((alias.clone(), action)).or_default().push(RuleRef { target, filters });
            }
            for call in targets.calls {
                call_rules.entry(alias.clone()).or_default().push((call, target));
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
        let targeted = call_rules.remove(&alias).unwrap_or_default();
        let calls = call::lay_out(&api.parts.calls, &actions, targeted);
        for (index, action) in actions.iter_mut().enumerate() {
            let here = |endpoint: &Endpoint| {
                let own = api.parts.endpoints.iter().filter(|(of, _)| *of as usize == index);
                own.into_iter().any(|(_, listed)| {
                    listed.segments == endpoint.segments && listed.methods.iter().any(|m| endpoint.methods.contains(m))
                })
            };
            let by_endpoint = endpoint_rules.get(&alias).into_iter().flatten();
            let by_endpoint = by_endpoint.filter(|(_, endpoint)| here(endpoint)).map(|(target, _)| *target);
            let named = calls.iter().filter(|call| call.action.is_some_and(|action| action as usize == index));
            let by_call = named.flat_map(|call| &call.rules).map(|rule| rule.target);
            let by_scope = action.rules.iter().map(|rule| rule.target);
            let rules: Vec<RuleTarget> = by_scope.chain(by_call).chain(by_endpoint).collect();
            if !present::is_needed(action, &rules, page) {
                action.lookups.clear();
                action.fields.iter_mut().for_each(|field| field.base.clear());
            }
        }
        let around = Surroundings {
            actions: &[],
            variables: &variables,
            keyless: &[],
            lists: &template.lists,
            roles: &template.approvers,
            money: template.money.as_ref(),
            head_only: true,
        };
        let limits = limit::limits(&binding.limits, &format!("/apis/{alias}/limits"), &around, patterns, report);
        let catalog = api.catalog;
        let quirk = |name: &str| catalog.quirks.get(name).copied().unwrap_or(false);
        let decoder = api.parts.decoder;
        let types = if catalog.types.is_empty() {
            alloc::vec![decoder.default_type().to_string()]
        } else {
            catalog.types.clone()
        };
        page.apis.push(Api {
            alias,
            catalog: catalog.catalog.clone(),
            decoder,
            types: types.iter().map(|text| text.to_ascii_lowercase()).collect(),
            write_query: catalog.write_query.clone(),
            directives: catalog.directives.clone(),
            guarded_headers: catalog.guarded.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            guarded_query: name_patterns(&catalog.guarded.query),
            headers: api.parts.headers,
            query: api.parts.query,
            minor_digits: api.parts.minor_digits,
            quirks: Quirks { php_names: quirk("php_names"), case_insensitive: quirk("case_insensitive") },
            loosen: loosen(binding),
            actions,
            sql: inner::reading(catalog),
            calls,
            header_rule: headers(&binding.headers),
            limits,
            body_limit: binding.loosen.body_kib.map(|kib| kib.saturating_mul(1024)),
            failure: catalog.errors.as_ref().and_then(|errors| Path::parse(errors.ok_status_failures.as_deref()?)),
            fresh_ms: fresh_ms(binding).unwrap_or_default(),
        });
    }
}

pub(crate) fn loosen(binding: &ApiBinding) -> Loosen {
    let given = &binding.loosen;
    Loosen {
        trailing_slash: given.trailing_slash.is_some(),
        encoded_slash: given.encoded_slash.clone(),
        json_types: given.json_types.iter().map(|text| text.to_ascii_lowercase()).collect(),
        query_credentials: name_patterns(&given.query_credentials),
        write_query: given.write_query.clone(),
        duplicate_rows: given.duplicate_rows.is_some(),
        gzip: given.gzip == Some(true),
        embedding: given.embedding.is_some(),
        google_batch: given.google_batch.is_some(),
        jsonrpc_batch: given.jsonrpc_batch.is_some(),
        mcp_input: given.mcp_input.is_some(),
        // Unknown names were reported where the API is bound.
        secrets: given.secrets.iter().filter_map(|name| Detector::parse(name)).collect(),
    }
}

pub(crate) fn trie(
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

/// Names to compare, a trailing `*` matching any rest.
fn name_patterns(names: &[String]) -> Vec<NamePattern> {
    names
        .iter()
        .map(|name| match name.strip_suffix('*') {
            Some(text) => NamePattern { text: text.to_string(), prefix: true },
            None => NamePattern { text: name.clone(), prefix: false },
        })
        .collect()
}
