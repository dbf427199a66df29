//! Bounds on changes: `change`, `increase`, `decrease`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::names::{known, of_present};
use super::numeral::number;
use super::report::Report;
use super::unusual;
use crate::evaluate::name_text;
use crate::number::Decimal;
use crate::policy::{Action, CURRENT, Change, Direction, Measure, Name, Predicate};
use crate::quote::quote;
use crate::template::{Change as ChangeRule, Number, TestRule};

/// The bounds on changes that a test has.
pub(crate) fn compile(
    rule: &TestRule,
    at: &str,
    measure: &Measure,
    actions: &[&Action],
    report: &mut Report<'_>,
) -> Vec<Predicate> {
    let mut out = Vec::new();
    for (word, direction, given) in [
        ("change", Direction::Both, &rule.change),
        ("increase", Direction::Up, &rule.increase),
        ("decrease", Direction::Down, &rule.decrease),
    ] {
        if let Some(given) = given {
            let at = format!("{at}/{word}");
            let compiled = change(given, &at, (word, direction), measure, actions, report);
            if let Some(bound) = &compiled {
                unusual::change(bound, &at, report);
            }
            out.extend(compiled.map(Predicate::Change));
        }
    }
    out
}

/// A bound on the change of what is measured.
pub(crate) fn change(
    rule: &ChangeRule,
    at: &str,
    (word, direction): (&str, Direction),
    measure: &Measure,
    actions: &[&Action],
    report: &mut Report<'_>,
) -> Option<Change> {
    let Measure::Values(names) = measure else {
        let help = "name the value that changes: `\"field\": \"price\"`";
        report.error(
            at,
            format!("`{word}` bounds the change of a `field`, not of a count or a sum"),
            Some(help.into()),
        );
        return None;
    };
    if rule.percent.is_none() && rule.absolute.is_none() {
        let help = "write `{\"percent\": 5}`, `{\"absolute\": \"5.00\"}` or both";
        report.error(at, format!("`{word}` needs `percent`, `absolute` or both"), Some(help.into()));
        return None;
    }
    let percent = bound(rule.percent.as_ref(), &format!("{at}/percent"), report)?;
    let absolute = bound(rule.absolute.as_ref(), &format!("{at}/absolute"), report)?;
    let mut against = Vec::new();
    for (position, text) in rule.against.iter().flatten().enumerate() {
        let pointer = format!("{at}/against/{position}");
        match of_present(text).and_then(|name| measured_against(name, actions)) {
            Ok(name) => against.push(name),
            Err(message) => {
                report.wrong_name(&pointer, message);
                return None;
            }
        }
    }
    if rule.against.as_ref().is_some_and(Vec::is_empty) {
        let help = "name current values, like `[\"price\"]`, or leave it out";
        report.error(&format!("{at}/against"), "`against` names nothing", Some(help.into()));
        return None;
    }
    if against.is_empty()
        && let Some(message) = names.iter().find_map(|name| without_base(name, actions))
    {
        let help = "name the current values to measure it against: `\"against\": [\"price\"]`";
        report.error(at, message, Some(help.into()));
        return None;
    }
    Some(Change { direction, percent, absolute, against })
}

/// A bound, which is not negative. `None`: it was reported.
fn bound(given: Option<&Number>, at: &str, report: &mut Report<'_>) -> Option<Option<Decimal>> {
    let Some(given) = given else { return Some(None) };
    let value = number(given, at, report)?;
    if value.is_negative() {
        let help =
            "write how large the change may be, without a sign; for one direction alone use `increase` or `decrease`";
        report.error(at, "the bound of a change is not negative", Some(help.into()));
        return None;
    }
    Some(Some(value))
}

/// A name of the present that every action knows, and that has one value.
fn measured_against(name: Name, actions: &[&Action]) -> Result<Name, String> {
    if actions.is_empty() {
        return Err("no catalog lists this target: nothing says what is there now".into());
    }
    for action in actions {
        known(&name, action)?;
        let Name::State { lookup, .. } = &name else { continue };
        if action.lookup(lookup).is_some_and(|lookup| !lookup.each.is_empty()) {
            return Err(format!(
                "the lookup {} is made per element, and a change is measured against one value",
                quote(lookup)
            ));
        }
    }
    Ok(name)
}

/// Why a name has nothing that its change is measured against.
fn without_base(name: &Name, actions: &[&Action]) -> Option<String> {
    let text = name_text(name);
    let Name::Field(field, tail) = name else {
        return Some(format!("nothing says what {text} is measured against"));
    };
    if !tail.0.is_empty() || actions.is_empty() {
        return Some(format!("nothing says what {text} is measured against"));
    }
    actions.iter().find_map(|action| {
        let based = match action.field(field) {
            Some(field) => !field.base.is_empty(),
            None => action.lookup(CURRENT).is_some_and(|lookup| lookup.knows(field)),
        };
        if based {
            return None;
        }
        let current = Name::State { lookup: CURRENT.into(), field: field.clone(), tail: tail.clone() };
        let why = known(&current, action).err().map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("nothing says what {text} of `{}` is measured against{why}", action.name))
    })
}
