//! Whether requests of an action say which resource they are about.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::parts::ApiParts;
use super::target::Targets;
use crate::policy::Name;

/// Names of a target's actions whose requests never say which resource they are about.
pub(crate) fn keyless<'a>(
    targets: &BTreeMap<String, Targets>,
    apis: &'a BTreeMap<String, ApiParts<'_>>,
) -> Vec<&'a str> {
    let mut out = Vec::new();
    for (alias, targets) in targets {
        let Some(api) = apis.get(alias) else { continue };
        let without = targets.actions.iter().filter(|(index, _)| !says_key(*index, api));
        let actions = without.filter_map(|(index, _)| api.parts.actions.get(*index as usize));
        // What holds operations is never counted itself.
        out.extend(actions.filter(|action| !action.is_carrier() && action.inner.is_empty()).map(|a| a.name.as_str()));
    }
    out
}

/// Whether some request of an action can say which resource it is about.
pub(crate) fn says_key(index: u32, api: &ApiParts<'_>) -> bool {
    let Some(action) = api.parts.actions.get(index as usize) else { return false };
    let mut endpoints = api.parts.endpoints.iter().filter(|(of, _)| *of == index).map(|(_, endpoint)| endpoint);
    let called = || api.parts.calls.values().any(|of| *of == index);
    let by_row =
        || api.parts.actions.iter().flat_map(|a| &a.rows).any(|list| list.action == index && list.key.is_some());
    match &action.key {
        None => false,
        Some(Name::Path(name)) => {
            endpoints.any(|endpoint| endpoint.names.contains(name))
                || by_row()
                || (called() && action.field(name).is_some())
        }
        Some(Name::Query(_)) => {
            endpoints.any(|endpoint| endpoint.methods.iter().any(|method| !method.is_bodiless())) || by_row()
        }
        Some(_) => called() || by_row(),
    }
}
