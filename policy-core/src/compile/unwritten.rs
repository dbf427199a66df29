//! Parts of a permit that speak of fields which it lets no request write.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::field_rule::may_hold;
use super::known::Known;
use super::report::Report;
use crate::evaluate::name_text;
use crate::policy::{Effect, FieldRule, Limit, Measure, Name, Predicate};
use crate::quote::list;

/// Reports groups that nothing can satisfy, and limits that never see a value.
pub(crate) fn report(
    (fields, limits): (&FieldRule, &[Limit]),
    pointer: &str,
    known: &Known<'_>,
    report: &mut Report<'_>,
) {
    let writes = |effect: Effect| effect != Effect::Read;
    let all_write = known.actions.iter().all(|action| writes(action.effect) && !action.is_carrier());
    if known.actions.is_empty() || !all_write {
        return;
    }
    let (only, never): (&[Name], &[Name]) = match fields {
        FieldRule::Any => return,
        FieldRule::Default => (&[], &[]),
        FieldRule::Listed(listed) => (listed.only.as_deref().unwrap_or_default(), &listed.never),
    };
    // The key of a row, and what the catalog requires, may stand in every request.
    let given = |name: &Name| {
        known.actions.iter().any(|action| {
            action.key.as_ref() == Some(name) || action.condition.as_ref().is_some_and(|c| c.name == *name)
        })
    };
    let may_stand = |name: &Name| {
        !never.contains(name)
            && (!matches!(name, Name::Field(..) | Name::Pointer(_))
                || given(name)
                || only.iter().any(|listed| may_hold(listed, name, &known.actions)))
    };
    if let FieldRule::Listed(listed) = fields {
        for (word, groups) in [("exactly_one", &listed.exactly_one), ("at_least_one", &listed.at_least_one)] {
            for (position, group) in groups.iter().enumerate().filter(|(_, group)| !group.iter().any(&may_stand)) {
                let names: Vec<String> = group.iter().map(plain).collect();
                let names = list(names.iter().map(String::as_str), 8);
                let message = format!("`{word}` asks for one of {names}, and the permit lets none of them be written");
                let help = "add them to `only`";
                report.error(&format!("{pointer}/fields/{word}/{position}"), message, Some(help.into()));
            }
        }
    }
    let mut unseen: Vec<String> = Vec::new();
    for (position, limit) in limits.iter().enumerate() {
        let (names, member): (&[Name], &str) = match &limit.test.measure {
            Measure::Values(names) => (names, "field"),
            Measure::Sum(name) => (core::slice::from_ref(name), "sum"),
            Measure::Count(name) => (core::slice::from_ref(name), "count"),
            Measure::Rows => continue,
        };
        let Some(first) = names.first().filter(|_| !names.iter().any(&may_stand)) else { continue };
        if matches!(fields, FieldRule::Default) {
            unseen.extend(names.iter().map(plain));
            continue;
        }
        let help = format!("add `{}` to `fields.only`, or take the limit out", plain(first));
        let present = limit.test.predicates.iter().any(|p| matches!(p, Predicate::Present(true)));
        let at = format!("{pointer}/limits/{position}");
        if present && limit.when.is_empty() {
            let message =
                format!("{} must be there, and the permit lets nobody write it: it can never allow", name_text(first));
            report.error(&format!("{at}/present"), message, Some(help));
        } else {
            let message = format!("the permit lets nobody write {}: this limit never sees a value", name_text(first));
            report.warning(&format!("{at}/{member}"), message, Some(help));
        }
    }
    if !unseen.is_empty() {
        unseen.dedup();
        let names = list(unseen.iter().map(String::as_str), 8);
        let message = format!(
            "the permit has no `fields`, so that a write may hold none: its limits on {names} never see a value"
        );
        let written: Vec<String> = unseen.iter().map(|name| format!("\"{name}\"")).collect();
        let help = format!("add `\"fields\": {{\"only\": [{}]}}`", written.join(", "));
        report.warning(&format!("{pointer}/limits"), message, Some(help));
    }
}

/// A name as a page writes it, without backticks.
fn plain(name: &Name) -> String {
    name_text(name).trim_matches('`').into()
}
