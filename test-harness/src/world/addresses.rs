//! From a call to the resources it asks for, by the lookups of the policy set.

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::policy::{
    Action, Address, Api, Ask, Attempt, CURRENT, CallKind, Lookup, Method, Page, Part, Several, Supply,
};
use policy_core::request::PathSegment;

use super::call::{Call, ToolCall, canonical_host, canonical_target, encoded, tool_name, unencoded};
use super::json::Json;

/// The addresses that lookups of a policy set can have.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    set: Arc<PolicySet>,
    /// The one page whose lookups count; all, where it is not known who asks.
    agent: Option<String>,
}

/// A lookup that a call may be, and what it asks for then.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) api: &'a Api,
    pub(super) action: &'a Action,
    pub(super) lookup: &'a Lookup,
    pub(super) attempt: &'a Attempt,
    /// Names of what is asked for: the resource whose address it is, then the lookup's own.
    pub(super) named: Vec<&'a str>,
    /// One, or the several of a list call.
    pub(super) wanted: Vec<Wanted>,
    /// It is a list call.
    pub(super) listed: bool,
}

/// One resource that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Values of the lookup's variables, as far as the address says them.
    pub(super) values: Vec<Option<String>>,
    /// The variable that tells it from others of its kind.
    pub(super) key: Option<u32>,
}

impl Wanted {
    /// What tells it from others of its kind.
    pub(super) fn key(&self) -> &str {
        let value = self.key.and_then(|index| self.values.get(index as usize)?.as_deref());
        value.unwrap_or_default()
    }
}

impl Addresses {
    /// The addresses of one page, or of all.
    pub(super) fn of(set: Arc<PolicySet>, agent: Option<&str>) -> Self {
        Self { set, agent: agent.map(str::to_owned) }
    }

    /// Every lookup that the call may be.
    pub(super) fn asked(&self, call: &Call<'_>) -> Vec<Asked<'_>> {
        let (host, target, tool) = (canonical_host(call.host), canonical_target(call.target), call.tool());
        let mut asked = Vec::new();
        for page in self.pages(&host) {
            let routed = if tool.is_some() { None } else { routed(page, &host, &target) };
            for (api, action, lookup, attempt) in attempts(page) {
                let Some((wanted, listed)) = wanted(lookup, attempt, &target, tool.as_ref()) else { continue };
                let of_tool = tool.as_ref().and_then(|tool| of_tool(api, tool));
                let own = if lookup.name == CURRENT { action.resource.as_str() } else { lookup.name.as_str() };
                let named = routed.or(of_tool).into_iter().chain([own]).collect();
                asked.push(Asked { api, action, lookup, attempt, named, wanted, listed });
            }
        }
        asked
    }

    /// Every page whose lookups count.
    pub(super) fn every(&self) -> impl Iterator<Item = &Page> {
        let counts = |page: &&Page| self.agent.as_ref().is_none_or(|agent| *agent == page.agent);
        self.set.pages().iter().filter(counts)
    }

    fn pages(&self, host: &str) -> impl Iterator<Item = &Page> {
        self.every().filter(move |page| page.trie(host).is_some())
    }
}

/// Every address that a page can look up.
fn attempts(page: &Page) -> impl Iterator<Item = (&Api, &Action, &Lookup, &Attempt)> {
    page.apis.iter().flat_map(|api| {
        api.actions.iter().flat_map(move |action| {
            let lookups = action.lookups.iter();
            lookups.flat_map(move |lookup| lookup.attempts.iter().map(move |attempt| (api, action, lookup, attempt)))
        })
    })
}

/// The resource that the catalog says a GET of this target reads.
pub(super) fn routed<'p>(page: &'p Page, host: &str, target: &str) -> Option<&'p str> {
    let path = target.split('?').next()?.strip_prefix('/')?;
    let segment = |text| Some(PathSegment { text: unencoded(text)?, encoded: 0, encoded_slash: false });
    let segments: Vec<PathSegment> = path.split('/').map(segment).collect::<Option<_>>()?;
    // Patterns of variables are held to by whoever makes the address.
    let found = page.trie(host)?.find(&segments, &|_, _| true).ok()?;
    let read = found.iter().find(|found| found.end.method == Method::Get && !found.shadowed)?;
    let api = page.apis.get(read.end.api as usize)?;
    api.actions.get(*read.end.actions.first()? as usize).map(|action| action.resource.as_str())
}

fn of_tool<'p>(api: &'p Api, tool: &ToolCall) -> Option<&'p str> {
    let action = api.calls.find(CallKind::Tool, &tool.name)?.action?;
    api.actions.get(action as usize).map(|action| action.resource.as_str())
}

/// What a call asks for, if it is made by this attempt; and whether it is its list call.
fn wanted(lookup: &Lookup, attempt: &Attempt, target: &str, tool: Option<&ToolCall>) -> Option<(Vec<Wanted>, bool)> {
    let mut values = vec![None; lookup.variables.len()];
    let mut set = |index: u32, value: String| {
        if let Some(slot) = values.get_mut(index as usize) {
            *slot = Some(value);
        }
    };
    match (&attempt.ask, tool) {
        (Ask::Tool { path, name, arguments }, Some(tool)) => {
            if canonical_target(path) != target || *name != tool.name {
                return None;
            }
            for (argument, index) in arguments {
                set(*index, tool.arguments.member(argument)?.scalar()?.to_owned());
            }
            let last = arguments.last().map(|(_, index)| *index);
            Some((vec![Wanted { values, key: key(lookup, last) }], false))
        }
        (Ask::Get(address), None) => {
            if let Some(found) = captured(address, target) {
                for (index, value) in found {
                    set(index, unencoded(&value)?);
                }
                let wanted = Wanted { values, key: key(lookup, last_variable(address)) };
                return Some((vec![wanted], false));
            }
            let Several { address, joined } = attempt.several.as_ref()?;
            let mut several = String::new();
            for (index, value) in captured(address, target)? {
                if index == *joined {
                    several = value;
                } else {
                    set(index, unencoded(&value)?);
                }
            }
            let one = |value: &str| {
                let mut values = values.clone();
                *values.get_mut(*joined as usize)? = Some(unencoded(value)?);
                Some(Wanted { values, key: Some(*joined) })
            };
            Some((several.split(',').map(one).collect::<Option<_>>()?, true))
        }
        _ => None,
    }
}

/// The one name of the call that asks by this attempt for the resource of these values, at the host and endpoint of `call`.
pub(super) fn name_of(call: &Call<'_>, attempt: &Attempt, values: &[Option<String>]) -> Option<String> {
    let host = canonical_host(call.host);
    let value = |index: &u32| values.get(*index as usize).and_then(Option::as_deref);
    match &attempt.ask {
        Ask::Get(address) => {
            let mut name = host;
            for part in &address.0 {
                match part {
                    Part::Text(text) => name.push_str(&canonical_target(text)),
                    Part::Variable(index, _) => name.push_str(&encoded(value(index)?)),
                }
            }
            Some(name)
        }
        Ask::Tool { path, name, arguments } => {
            let argument = |(argument, index): &(String, u32)| Some((argument.clone(), Json::text(value(index)?)));
            let arguments = arguments.iter().map(argument).collect::<Option<_>>()?;
            Some(tool_name(&host, &canonical_target(path), name, &Json::Object(arguments)))
        }
    }
}

/// The variable that is the key of the resource; else the last one of the address.
pub(super) fn key(lookup: &Lookup, last: Option<u32>) -> Option<u32> {
    let own = lookup.variables.iter().position(|variable| variable.from.contains(&Supply::Key));
    own.and_then(|index| u32::try_from(index).ok()).or(last)
}

pub(super) fn last_variable(address: &Address) -> Option<u32> {
    address.0.iter().rev().find_map(|part| match part {
        Part::Variable(index, _) => Some(*index),
        Part::Text(_) => None,
    })
}

/// The values of the variables, if the target is of this address.
pub(super) fn captured(address: &Address, target: &str) -> Option<Vec<(u32, String)>> {
    let mut found = Vec::new();
    capture(&address.0, target, &mut found).then_some(found)
}

fn capture(parts: &[Part], text: &str, found: &mut Vec<(u32, String)>) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Text(literal), rest @ ..] => {
            text.strip_prefix(&canonical_target(literal)).is_some_and(|text| capture(rest, text, found))
        }
        [Part::Variable(index, _), rest @ ..] => {
            let end = text.find(['/', '?', '&', '=']).unwrap_or(text.len());
            for (at, character) in text.char_indices().take_while(|(at, _)| *at < end) {
                let (value, behind) = text.split_at(at + character.len_utf8());
                found.push((*index, value.to_owned()));
                if capture(rest, behind, found) {
                    return true;
                }
                found.pop();
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_core::policy::VariableType;

    fn address(text: &str) -> Address {
        let mut parts = Vec::new();
        let mut index = 0;
        for piece in text.split_inclusive(['{', '}']) {
            match piece.strip_suffix('}') {
                Some(_) => {
                    parts.push(Part::Variable(index, VariableType::Text));
                    index += 1;
                }
                None => parts.push(Part::Text(piece.trim_end_matches('{').to_owned())),
            }
        }
        Address(parts)
    }

    #[test]
    fn values_are_read_back_from_an_address() {
        let of = |template: &str, target: &str| {
            let found = captured(&address(template), &canonical_target(target))?;
            Some(found.into_iter().map(|(_, value)| value).collect::<Vec<_>>())
        };
        let some = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        assert_eq!(of("/products/{id}", "/products/42"), some(&["42"]));
        assert_eq!(of("/products/{id}", "/products/42/notes"), None);
        assert_eq!(of("/products/{id}", "/products/"), None);
        assert_eq!(of("/variants/{id}.json", "/variants/a.b.json"), some(&["a.b"]));
        assert_eq!(of("/{table}?id=in.({id})&n=5", "/rows?id=in.(1,2)&n=5"), some(&["rows", "1,2"]));
        assert_eq!(of("/mail/{id}", "/mail/team%40example.com"), some(&["team%40example.com"]));
    }
}
