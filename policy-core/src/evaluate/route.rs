//! From a request to the rules that may apply: host, path and method.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::decode::possible_actions;
use crate::ordered::Set;
use crate::policy::{
    Action, Api, Band, Decoder, Effect, Found, Page, Permit, PolicySet, Refusal, RuleRef, RuleTarget, Trie, Variable,
    is_id,
};
use crate::quote::{list, quote};
use crate::reason::{Code, Reason};
use crate::request::{PathSegment, Request};

/// Path variables by name.
pub(crate) type Variables = Vec<(String, String)>;

/// Where a request arrives.
#[derive(Debug)]
pub(crate) struct Route {
    /// Index of the API on the page.
    pub(crate) api: u32,
    /// The catalog's actions at this endpoint.
    pub(crate) actions: Vec<u32>,
    /// Path variables by the catalog's names.
    pub(crate) variables: Variables,
    /// Rules that name this endpoint, with the path variables by the rule's names.
    pub(crate) endpoint_rules: Vec<(RuleRef, Variables)>,
    /// Every permit that could match lets the body pass unread.
    pub(crate) opaque: bool,
    /// And somebody may have to approve it all the same: its digest is wanted.
    pub(crate) held: bool,
}

/// Why a request ends before any permit is judged.
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    /// The forbid that names the place, if one does.
    pub(crate) rule: Option<String>,
}

/// Finds the endpoint of a request.
///
/// # Errors
/// A [`Refused`] when no permit could match, so that the body need not be waited for.
pub(crate) fn find(set: &PolicySet, page: &Page, request: &Request) -> Result<Route, Refused> {
    let Some(trie) = page.trie(&request.host) else {
        let hosts = list(page.hosts.iter().map(|(host, _)| host.as_str()), 4);
        return Err(deny(
            Code::HostMismatch,
            format!("the host {} is not on this page; it speaks of {hosts}", quote(&request.host)),
        ));
    };
    let found = trie.find(&request.segments, &|index, text| set.matches(index, text)).map_err(|refusal| {
        let message = match refusal {
            Refusal::CaseVariant(literal) => {
                format!("the path spells {} in other letters", quote(&literal))
            }
            Refusal::EncodedLiteral(literal) => {
                format!("the path spells {} with percent-encoding", quote(&literal))
            }
        };
        deny(Code::PathAmbiguous, message)
    })?;
    let routed = request.method.routed_as();
    let mut slash = false;
    let mut encoded = false;
    let ends: Vec<&Found<'_>> = found
        .iter()
        .filter(|found| {
            let Some(api) = page.apis.get(found.end.api as usize) else {
                return false;
            };
            let slash_here = request.trailing_slash && !api.loosen.trailing_slash;
            let encoded_here = holds_unlisted_slash(request, api, found);
            slash |= slash_here;
            encoded |= encoded_here;
            !slash_here && !encoded_here
        })
        .collect();
    let methods = || -> String {
        let names: Set<&str> = ends.iter().map(|found| found.end.method.name()).collect();
        list(names, 6)
    };
    let here: Vec<&&Found<'_>> = ends.iter().filter(|found| found.end.method == routed).collect();
    // A variable does not stand for the literal of another endpoint: such a match grants nothing.
    let catalog = here.iter().find(|found| !found.end.actions.is_empty() && !found.shadowed);
    let Some(first) = catalog.or(here.first()) else {
        return Err(if slash {
            deny(Code::PathAmbiguous, "the path ends in a slash".into())
        } else if encoded {
            deny(Code::PathAmbiguous, "the path holds an encoded slash".into())
        } else if ends.is_empty() {
            other_reading(set, trie, request).unwrap_or_else(|| {
                deny(Code::EndpointNotAllowed, format!("no rule of this page covers {}", place(request)))
            })
        } else {
            let message = format!("no rule of this page covers {}; known here: {}", place(request), methods());
            deny(Code::EndpointNotAllowed, message)
        });
    };
    let api_index = first.end.api;
    let api = page.apis.get(api_index as usize).ok_or_else(|| deny(Code::Gateway, "the policy set is torn".into()))?;
    let actions: Vec<u32> = catalog.map(|found| found.end.actions.clone()).unwrap_or_default();
    let resolved: Vec<&Action> = actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect();
    // A wide template (`GET /{any:path}`) must not turn a GET that the catalog knows to have an effect into a read: such
    // a permit does not reach it. A forbid reaches whatever it matches.
    let has_effect = resolved.iter().any(|action| action.effect != Effect::Read);
    let template = catalog.map(|found| found.template);
    let endpoint_rules: Vec<(RuleRef, Variables)> = here
        .iter()
        .filter(|found| found.end.api == api_index)
        .flat_map(|found| {
            let wider = routed.is_bodiless() && has_effect && template.is_some_and(|t| t != found.template);
            let grants = !wider && !found.shadowed;
            let reaches = move |rule: &&RuleRef| grants || matches!(rule.target, RuleTarget::Forbid(_));
            let variables = variables(request, found);
            found.end.rules.iter().filter(reaches).map(move |rule| (rule.clone(), variables.clone()))
        })
        .collect();
    if let Some(refused) = decoded_slash(set, page, trie, request) {
        return Err(refused);
    }
    if resolved.iter().any(|action| action.decoder == Decoder::GoogleBatch) {
        return batch(api, &resolved, (api_index, actions, endpoint_rules));
    }
    let possible = possible_actions(api, &resolved);
    let carrier = resolved.iter().any(|action| action.decoder.carries());
    let named = possible.iter().flat_map(|action| action.rules.iter());
    let permits: Vec<u32> = if carrier {
        // What grants the calls that a request carries is known before they are.
        api.calls.permits().to_vec()
    } else {
        named.chain(endpoint_rules.iter().map(|(rule, _)| rule)).filter_map(permit_of).collect()
    };
    if permits.is_empty() {
        return Err(no_permit(page, api, &resolved, &endpoint_rules, request));
    }
    let live = permits.iter().filter_map(|index| page.permits.get(*index as usize)).filter(|permit| !permit.shadow);
    let opaque = !carrier && live.clone().next().is_some() && live.clone().all(|permit| permit.body.opaque);
    let held = opaque && !page.shadow && live.clone().any(|permit| asks(page, api, permit));
    Ok(Route {
        api: api_index,
        actions,
        variables: catalog.map(|found| variables(request, found)).unwrap_or_default(),
        endpoint_rules,
        opaque,
        held,
    })
}

/// Whether people may have to approve what a permit allows.
fn asks(page: &Page, api: &Api, permit: &Permit) -> bool {
    let of_counters = permit.counters.iter().filter_map(|index| page.counters.get(*index as usize));
    let of_limits = permit.limits.iter().chain(&api.limits).map(|limit| &limit.beyond);
    let mut bands = of_limits.chain(of_counters.map(|counter| &counter.beyond)).chain([&page.on_unavailable]);
    permit.approval.is_some() || bands.any(|band| *band != Band::Deny)
}

/// The endpoint of the catalog at which a request arrives, whatever the rules say: its API, its actions, the path variables.
#[cfg(feature = "author")]
pub(super) fn listed<'p>(
    set: &PolicySet,
    page: &'p Page,
    request: &Request,
) -> Option<(&'p Api, Vec<&'p Action>, Variables)> {
    let found = page.trie(&request.host)?.find(&request.segments, &|index, text| set.matches(index, text)).ok()?;
    let here = |found: &&Found<'_>| found.end.method == request.method.routed_as() && !found.end.actions.is_empty();
    let first = found.iter().filter(|found| !found.shadowed).find(here)?;
    let api = page.apis.get(first.end.api as usize)?;
    let actions = first.end.actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect();
    Some((api, actions, variables(request, first)))
}

/// Of a path that matches nothing: whether another reading of it does. It is refused either way; the reason tells an agent
/// that misspells an id from one that is out of its scope. One more walk, on the way to a refusal alone.
fn other_reading(set: &PolicySet, trie: &Trie, request: &Request) -> Option<Refused> {
    let mut why = None;
    let mut read: Vec<PathSegment> = Vec::new();
    for segment in &request.segments {
        let (text, query) = match segment.text.split_once('?') {
            Some((text, _)) => (text, true),
            None => (segment.text.as_str(), false),
        };
        for text in text.split('/').filter(|text| !text.is_empty()) {
            let number = is_misspelled_number(text);
            if number {
                why.get_or_insert_with(|| format!("{} is not an id in its one spelling", quote(text)));
            }
            let text = if number { "1" } else { text };
            read.push(PathSegment { text: text.into(), encoded: 0, encoded_slash: false });
        }
        if query {
            why.get_or_insert_with(|| "the path holds an encoded `?`: decoded, it ends there".into());
            break;
        }
        if segment.encoded_slash {
            why.get_or_insert_with(|| "the path holds an encoded slash: decoded, it has other segments".into());
        }
    }
    let why = why?;
    // A variant of a listed literal is as near.
    let listed = trie.find(&read, &|index, text| set.matches(index, text)).map_or(true, |found| !found.is_empty());
    listed.then(|| deny(Code::PathAmbiguous, format!("no rule of this page covers {}; {why}", place(request))))
}

/// Whether some readers take a text for a number that [`is_id`] does not: with a sign, a leading zero, a fraction, an
/// exponent, blanks around it, in another base, in digits of another script, or too long.
fn is_misspelled_number(text: &str) -> bool {
    let around = |c: char| c.is_whitespace() || matches!(c, '+' | '-' | '\u{2212}' | '.' | ',' | '_');
    let digits = text.trim_start_matches(around);
    let base = digits.starts_with("0x") || digits.starts_with("0X");
    let spells = |c: char| {
        c.is_numeric()
            || around(c)
            || matches!(c, 'e' | 'E')
            || (base && (c.is_ascii_hexdigit() || matches!(c, 'x' | 'X')))
    };
    digits.starts_with(char::is_numeric) && digits.chars().all(spells) && !is_id(text) && text != "0"
}

/// A batch of requests: what permits it is what permits its parts, which only its body says.
fn batch(
    api: &Api,
    actions: &[&Action],
    (index, found, endpoint_rules): (u32, Vec<u32>, Vec<(RuleRef, Variables)>),
) -> Result<Route, Refused> {
    if !api.loosen.google_batch {
        let name = actions.first().map(|action| format!("{}:{}", api.alias, action.name)).unwrap_or_default();
        let message = format!("{} holds requests of its own; send them one by one", quote(&name));
        return Err(deny(Code::NestedRequest, message));
    }
    Ok(Route { api: index, actions: found, variables: Variables::new(), endpoint_rules, opaque: false, held: false })
}

/// A page may let a variable hold an encoded slash; an upstream may still read a slash there. What it would then reach
/// must not be forbidden.
fn decoded_slash(set: &PolicySet, page: &Page, trie: &Trie, request: &Request) -> Option<Refused> {
    if !request.segments.iter().any(|segment| segment.encoded_slash) {
        return None;
    }
    let split: Vec<PathSegment> = request
        .segments
        .iter()
        .flat_map(|segment| segment.text.split('/'))
        .filter(|text| !text.is_empty())
        .map(|text| PathSegment { text: text.into(), encoded: 0, encoded_slash: false })
        .collect();
    let found = match trie.find(&split, &|index, text| set.matches(index, text)) {
        Ok(found) => found,
        Err(_) => {
            let message = "read with a plain slash, the path spells a listed one in other letters".to_string();
            return Some(deny(Code::PathAmbiguous, message));
        }
    };
    found.iter().filter(|found| found.end.method == request.method.routed_as()).find_map(|found| {
        let api = page.apis.get(found.end.api as usize)?;
        let actions = found.end.actions.iter().filter_map(|index| api.actions.get(*index as usize));
        let rules = actions.flat_map(|action| action.rules.iter()).chain(&found.end.rules);
        let forbid = rules.into_iter().find_map(|rule| match rule.target {
            RuleTarget::Forbid(index) => page.forbids.get(index as usize).filter(|forbid| !forbid.shadow),
            RuleTarget::Permit(_) => None,
        })?;
        let message = format!("read with a plain slash, the path is one that the rule {} forbids", quote(&forbid.id));
        Some(Refused { rule: Some(forbid.id.clone()), ..deny(Code::PathAmbiguous, message) })
    })
}

/// The refusal where no permit could match: a forbid that names the place explains more than silence does.
fn no_permit(
    page: &Page,
    api: &Api,
    actions: &[&Action],
    endpoint_rules: &[(RuleRef, Variables)],
    request: &Request,
) -> Refused {
    let name = actions.first().map(|action| format!(" ({})", quote(&format!("{}:{}", api.alias, action.name))));
    let place = format!("{}{}", place(request), name.unwrap_or_default());
    let forbid = actions
        .iter()
        .flat_map(|action| action.rules.iter())
        .chain(endpoint_rules.iter().map(|(rule, _)| rule))
        .find_map(|rule| match rule.target {
            RuleTarget::Forbid(index) if rule.filters.is_empty() => page.forbids.get(index as usize),
            _ => None,
        })
        .filter(|forbid| forbid.when.is_empty() && !forbid.shadow);
    match forbid {
        Some(forbid) => Refused {
            rule: Some(forbid.id.clone()),
            ..deny(Code::Forbidden, format!("the rule {} forbids {place}", quote(&forbid.id)))
        },
        None => deny(Code::EndpointNotAllowed, format!("no rule of this page permits {place}")),
    }
}

fn permit_of(rule: &RuleRef) -> Option<u32> {
    match rule.target {
        RuleTarget::Permit(index) => Some(index),
        RuleTarget::Forbid(_) => None,
    }
}

fn place(request: &Request) -> String {
    let path = request.target.split('?').next().unwrap_or_default();
    format!("{} {}", request.method.name(), quote(path))
}

fn deny(code: Code, message: String) -> Refused {
    Refused { reason: Reason { code, message, pointer: None }, rule: None }
}

fn variables(request: &Request, found: &Found<'_>) -> Variables {
    let text = |place: &Variable<'_>| {
        let mut out = String::new();
        for (position, segment) in request.segments.get(place.start..place.end).unwrap_or_default().iter().enumerate() {
            if position > 0 {
                out.push('/');
            }
            out.push_str(&segment.text);
        }
        match out.strip_suffix(place.suffix) {
            Some(value) => value.to_string(),
            None => out,
        }
    };
    found.end.names.iter().zip(&found.variables).map(|(name, place)| (name.clone(), text(place))).collect()
}

fn holds_unlisted_slash(request: &Request, api: &Api, found: &Found<'_>) -> bool {
    let mut listed = Vec::new();
    for (name, place) in found.end.names.iter().zip(&found.variables) {
        if api.loosen.encoded_slash.contains(name) {
            listed.extend(place.start..place.end);
        }
    }
    request.segments.iter().enumerate().any(|(index, segment)| segment.encoded_slash && !listed.contains(&index))
}
