//! What a request changes of values whose changes are bounded: for tripwires that see what is set back.

use crate::ordered::Set;
use alloc::format;
use alloc::vec::Vec;

use super::names::{Scope, Values};
use super::test::name_text;
use crate::counters::Key;
use crate::decision::Moved;
use crate::policy::{CURRENT, Counted, Measure, Name, Page, Permit, Predicate};

/// Changes of the fields that a permit's limits and counters bound, where both values are known: the field as it is now,
/// and as it is to be.
pub(super) fn moved<'a>((page, permit): (&'a Page, &'a Permit), scopes: &[Scope<'a>], all: &mut Vec<Moved>) {
    let of_limits = permit.limits.iter().flat_map(|limit| {
        let bounded = limit.test.predicates.iter().any(|predicate| matches!(predicate, Predicate::Change(_)));
        match &limit.test.measure {
            Measure::Values(names) if bounded => names.as_slice(),
            _ => &[],
        }
    });
    let counters = permit.counters.iter().filter_map(|index| page.counters.get(*index as usize));
    let of_counters = counters.flat_map(|counter| match &counter.counted {
        Counted::Drift(drift) => drift.fields.as_slice(),
        _ => &[],
    });
    let names: Vec<&'a Name> = of_limits.chain(of_counters.map(|(_, name)| name)).collect();
    if names.is_empty() {
        return;
    }
    let mut seen = Set::new();
    for moved in all.iter() {
        seen.insert(moved.field());
    }
    for scope in scopes {
        let Some((action, key)) = scope.operation.action.zip(scope.operation.key.as_deref()) else { continue };
        let resource = Key::of_resource(&format!("{}:{}", scope.api.alias, action.resource), key);
        for name in &names {
            let moved = one(&resource, name, scope);
            all.extend(moved.filter(|moved| seen.insert(moved.field())));
        }
    }
}

fn one<'a>(resource: &str, name: &'a Name, scope: &Scope<'a>) -> Option<Moved> {
    let Name::Field(field, tail) = name else { return None };
    let number = |values| match values {
        Values::Known(data, kind) => match data.as_slice() {
            [one] => scope.number(one, kind).ok(),
            _ => None,
        },
        Values::Ambiguous(_) | Values::Lacking(_) => None,
    };
    // Not what the change is measured against, which may be another field.
    let (new, old) = (number(scope.values(name))?, number(scope.present((CURRENT, field, tail), None))?);
    Moved::of(resource, &name_text(name), old, new)
}
