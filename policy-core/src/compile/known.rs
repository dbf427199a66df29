//! What is known under the targets of a rule: actions, path variables, and who says which resource a request is about.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::keyless::keyless;
use super::parts::ApiParts;
use super::surroundings::Surroundings;
use super::target::Targets;
use crate::policy::Action;
use crate::template::Template;

/// What the names of a rule can refer to.
pub(crate) struct Known<'a> {
    /// The targeted actions; none where a call is targeted that no catalog lists: no catalog name means anything there.
    pub(crate) actions: Vec<&'a Action>,
    variables: Vec<String>,
    /// Names of the actions of which no request says which resource it is about.
    keyless: Vec<&'a str>,
}

impl<'a> Known<'a> {
    /// What is known under these targets.
    pub(crate) fn of(targets: &BTreeMap<String, Targets>, apis: &'a BTreeMap<String, ApiParts<'_>>) -> Self {
        let listed = |alias: &String, call| apis.get(alias).is_some_and(|api| api.parts.calls.contains_key(call));
        let all_listed = targets.iter().all(|(alias, targets)| targets.calls.iter().all(|call| listed(alias, call)));
        let actions = if all_listed { actions_of(targets, apis) } else { Vec::new() };
        Self { actions, variables: path_variables(targets, apis), keyless: keyless(targets, apis) }
    }

    /// What is known under all of several targets.
    pub(crate) fn of_all(mut all: Vec<Self>) -> Self {
        let mut joined = all.pop().unwrap_or(Self { actions: Vec::new(), variables: Vec::new(), keyless: Vec::new() });
        for other in all {
            joined.keyless.extend(other.keyless);
            joined.variables.retain(|name| other.variables.contains(name));
            if joined.actions.is_empty() || other.actions.is_empty() {
                joined.actions.clear();
            } else {
                joined.actions.extend(other.actions);
            }
        }
        joined
    }

    /// What the rule's tests and counters may refer to.
    pub(crate) fn around<'k>(&'k self, template: &'k Template) -> Surroundings<'k> {
        let Self { actions, variables, keyless } = self;
        let (lists, roles) = (&template.lists, &template.approvers);
        Surroundings { actions, variables, keyless, lists, roles, money: template.money.as_ref(), head_only: false }
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
        for index in targets.calls.iter().filter_map(|call| api.parts.calls.get(call)) {
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
        let called = |index: &u32| api.parts.calls.values().any(|action| action == index);
        if !targets.calls.is_empty() || targets.actions.iter().any(|(index, _)| called(index)) {
            names.extend(of_carriers(api));
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Path variables that a call has, by whichever endpoint it comes.
fn of_carriers(api: &ApiParts<'_>) -> Vec<String> {
    let carries = |index: u32| api.parts.actions.get(index as usize).is_some_and(|action| action.decoder.carries());
    let mut carriers = api.parts.endpoints.iter().filter(|(index, _)| carries(*index)).map(|(_, endpoint)| endpoint);
    let mut names = carriers.next().map(|first| first.names.clone()).unwrap_or_default();
    for other in carriers {
        names.retain(|name| other.names.contains(name));
    }
    names
}
