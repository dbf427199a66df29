//! Names in templates and catalogs: what each refers to.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::diagnostic::nearest;
use crate::document::{Path, Step};
use crate::policy::{Action, CURRENT, Name};
use crate::quote::{list, quote};

/// What decoders find out about a request. A fact that the request's decoder does not produce is absent.
pub(crate) const FACTS: [&str; 3] = ["calls", "protocol_version", "root_fields"];

/// Reads a name without knowing the resource's values: `price`, `attendees/*/email`, `/totals/tax`, `path.x`, `query.x`,
/// `header.x`, `header.x/parameter`, `request.x`, `current.x`, `LOOKUP.x`.
///
/// # Errors
/// What it would need that this version does not have, or what is wrong with it.
pub(crate) fn head(text: &str) -> Result<Name, String> {
    if text.starts_with('/') {
        return Path::parse(text).filter(one_deep).map(Name::Pointer).ok_or_else(|| {
            format!("{} is not a pointer: it is like `/price` or `/lines/*/price`, with one `**` at most", quote(text))
        });
    }
    let (first, tail) = match text.find('/') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let place = |prefix: &str| text.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    if let Some(name) = place("path.") {
        return Ok(Name::Path(name.into()));
    }
    if let Some(name) = place("query.") {
        return Ok(Name::Query(name.into()));
    }
    if let Some(name) = place("header.") {
        let name = name.to_ascii_lowercase();
        return Ok(match name.split_once('/') {
            Some((header, parameter)) => Name::Header(header.into(), Some(parameter.into())),
            None => Name::Header(name, None),
        });
    }
    if let Some(fact) = place("request.") {
        return if FACTS.contains(&fact) {
            Ok(Name::Fact(fact.into()))
        } else {
            Err(format!("the fact {} (there is {}) is not supported yet", quote(text), list(FACTS, 8)))
        };
    }
    if let Some((lookup, field)) = first.split_once('.') {
        let wrong =
            || format!("{} is not a name like `current.price`, the name of a lookup and of a field", quote(text));
        if lookup.is_empty() || field.is_empty() || field.contains('.') {
            return Err(wrong());
        }
        let tail = Path::parse(tail).filter(one_deep).ok_or_else(wrong)?;
        return Ok(Name::State { lookup: lookup.into(), field: field.into(), tail });
    }
    if first.is_empty() {
        return Err("a name is missing".to_string());
    }
    Path::parse(tail).filter(one_deep).map(|tail| Name::Field(first.into(), tail)).ok_or_else(|| {
        format!("{} is not a name: write a field, and below it a place, like `lines/*/price`", quote(text))
    })
}

/// Reads a name of a rule that applies to these actions: a field of all of them, or a named value.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(crate) fn resolve(text: &str, actions: &[&Action]) -> Result<Name, String> {
    let name = head(text)?;
    if let Name::State { .. } = &name {
        if actions.is_empty() {
            return Err(format!("{} is a catalog name, and no catalog lists this target", quote(text)));
        }
        return actions.iter().try_for_each(|action| known(&name, action)).map(|()| name);
    }
    let Name::Field(first, tail) = &name else {
        return Ok(name);
    };
    if actions.is_empty() {
        return Err(format!(
            "{} is a catalog name, and no catalog lists this target: use a pointer like `/{first}`",
            quote(text)
        ));
    }
    let is_value = |action: &&Action| action.values.iter().any(|(known, _)| known == first);
    if tail.0.is_empty() && actions.iter().any(&is_value) {
        let name = Name::Value(first.clone());
        return match actions.iter().find(|action| !is_value(action)) {
            None => Ok(name),
            Some(other) => {
                Err(format!("{} is a value of some of the rule's actions, not of `{}`", quote(text), other.name))
            }
        };
    }
    match actions.iter().find(|action| !known_to(action, &name)) {
        None => Ok(name),
        Some(action) => {
            let known =
                action.fields.iter().map(|f| f.name.as_str()).chain(action.values.iter().map(|(v, _)| v.as_str()));
            let hint = match nearest(first, known.clone()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; it has {}", list(known, 12)),
            };
            Err(format!("unknown name {}: `{}` has no such field{hint}", quote(text), action.name))
        }
    }
}

/// Whether a name of a rule means something for an action.
fn known_to(action: &Action, name: &Name) -> bool {
    match name {
        Name::Field(field, _) => action.field(field).is_some() || action.open_fields.is_some(),
        Name::State { .. } => known(name, action).is_ok(),
        Name::Value(value) => action.values.iter().any(|(known, _)| known == value),
        _ => true,
    }
}

/// Whether an action knows a name of the present.
///
/// # Errors
/// What it knows instead, in one sentence.
pub(crate) fn known(name: &Name, action: &Action) -> Result<(), String> {
    let Name::State { lookup, field, .. } = name else { return Ok(()) };
    let text = quote(&format!("{lookup}.{field}"));
    let Some(found) = action.lookup(lookup) else {
        let lookups = action.lookups.iter().map(|lookup| lookup.name.as_str());
        let what = if lookup == CURRENT {
            format!("nothing says how to look `{}` up as it is now", action.name)
        } else {
            format!("`{}` has no lookup {}, but {}", action.name, quote(lookup), list(lookups, 8))
        };
        let field = action
            .field(field)
            .filter(|_| lookup != CURRENT)
            .map(|field| format!("; for the field of the request write `{}`", field.name));
        let what = format!("{what}{}", field.unwrap_or_default());
        return Err(format!("unknown name {text}: {what}"));
    };
    if found.knows(field) {
        return Ok(());
    }
    let fields = found.fields.iter().map(|field| field.name.as_str());
    let known = fields.chain(found.totals.iter().map(|total| total.name.as_str()));
    let hint = match nearest(field, known.clone()) {
        Some(near) => format!("did you mean `{lookup}.{near}`?"),
        None => format!("it has {}", list(known, 12)),
    };
    Err(format!("unknown name {text}: the answer has no such field; {hint}"))
}

/// Whether an action has the lookup of a name that it does not know.
pub(crate) fn is_close(name: &Name, action: &Action) -> bool {
    matches!(name, Name::State { lookup, .. } if action.lookup(lookup).is_some())
}

/// Reads a name of the present; one without a lookup is of `current`.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(crate) fn of_present(text: &str) -> Result<Name, String> {
    match head(text)? {
        name @ Name::State { .. } => Ok(name),
        Name::Field(field, tail) => Ok(Name::State { lookup: CURRENT.into(), field, tail }),
        _ => Err(format!("{} is no name of the resource as it is now", quote(text))),
    }
}

/// Where the array stands that a name of the resource means.
pub(crate) fn places(text: &str, action: &Action) -> Result<Vec<Path>, String> {
    match head(text)? {
        Name::Pointer(path) => Ok(alloc::vec![path]),
        Name::Field(name, tail) => match action.field(&name) {
            Some(field) => {
                let with_tail = |at: &Path| Path(at.0.iter().chain(&tail.0).cloned().collect());
                Ok(field.at.iter().map(with_tail).collect())
            }
            None => Err(format!("{} is not a field of this resource", quote(text))),
        },
        _ => Err(format!("{} is no place in a document", quote(text))),
    }
}

/// One `**` at most: two could reach a value in more than one way.
pub(crate) fn one_deep(path: &Path) -> bool {
    path.0.iter().filter(|step| matches!(step, Step::Deep)).count() <= 1
}

/// A name as a template writes it.
pub(crate) fn text_of(name: &Name) -> String {
    match name {
        Name::Field(name, _) | Name::Value(name) => quote(name),
        Name::Pointer(_) => "a pointer".into(),
        Name::Path(name) => quote(&format!("path.{name}")),
        Name::Query(name) => quote(&format!("query.{name}")),
        Name::Header(name, _) => quote(&format!("header.{name}")),
        Name::Fact(name) => quote(&format!("request.{name}")),
        Name::State { lookup, field, .. } => quote(&format!("{lookup}.{field}")),
    }
}
