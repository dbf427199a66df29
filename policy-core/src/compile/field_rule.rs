//! Which fields a permit lets requests write, and which it asks for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::known::Known;
use super::names;
use super::report::Report;
use crate::document::{Path, Step};
use crate::policy::{Action, FieldRule, Fields, Name};
use crate::quote::quote;
use crate::template::{FieldList, FieldSet};

pub(crate) fn compile(set: Option<&FieldSet>, pointer: &str, known: &Known<'_>, report: &mut Report<'_>) -> FieldRule {
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
            match names::resolve(text, &known.actions) {
                Ok(name @ (Name::Field(..) | Name::Pointer(_))) => out.push(name),
                Ok(_) => {
                    let message = format!("{} is not a field of the request's body", quote(text));
                    let help = "name a field of the catalog or a pointer; queries and headers have lists of their own, \
                                `query` and `headers`";
                    report.error(&format!("{pointer}/{position}"), message, Some(help.into()));
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
        let message = format!("{} is in `only` and in `never`", names::text_of(name));
        report.error(pointer, message, Some("take it out of one of them".to_string()));
    }
    for (position, name) in require.iter().enumerate() {
        let at = format!("{pointer}/require/{position}");
        if never.contains(name) {
            let message = format!("{} is required and in `never`", names::text_of(name));
            report.error(&at, message, Some("take it out of one of them".into()));
        } else if only.as_ref().is_some_and(|only| !only.iter().any(|listed| may_hold(listed, name, &known.actions))) {
            let message = format!("{} is required and not in `only`", names::text_of(name));
            report.error(&at, message, Some("add it to `only`".into()));
        }
    }
    let conditions = || known.actions.iter().filter_map(|action| action.condition.as_ref());
    if let Some(condition) = conditions().find(|condition| never.contains(&condition.name)) {
        let message = format!("{} is in `never`, and the catalog requires it", names::text_of(&condition.name));
        report.error(&format!("{pointer}/never"), message, Some("take it out".into()));
    }
    FieldRule::Listed(Fields { only, require, never, exactly_one, at_least_one })
}

/// Whether what `only` lists may hold the required name: it does not where every place of the two begins with another
/// member.
pub(crate) fn may_hold(listed: &Name, required: &Name, actions: &[&Action]) -> bool {
    match (tops(listed, actions), tops(required, actions)) {
        (Some(listed), Some(required)) => listed.iter().any(|top| required.contains(top)),
        _ => true,
    }
}

/// The members of the document below which a name's values stand; `None` where they are not known.
fn tops<'n>(name: &'n Name, actions: &[&'n Action]) -> Option<Vec<&'n str>> {
    let top = |path: &'n Path| match path.0.first() {
        Some(Step::Member(name)) => Some(name.as_str()),
        _ => None,
    };
    match name {
        Name::Pointer(path) => Some(alloc::vec![top(path)?]),
        Name::Field(field, _) => {
            let mut out = Vec::new();
            for action in actions {
                out.extend(action.field(field)?.at.iter().map(top).collect::<Option<Vec<_>>>()?);
            }
            Some(out)
        }
        _ => None,
    }
}
