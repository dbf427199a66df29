//! Names in templates and catalogs: what each refers to.

use alloc::format;
use alloc::string::{String, ToString};

use crate::document::Path;
use crate::policy::{Action, Name};
use crate::quote::quote;

/// Why a name means nothing.
pub(crate) enum Missing {
    /// No such field or value.
    Field,
}

/// What decoders find out about a request. A fact that the request's decoder does not produce is absent.
pub(crate) const FACTS: [&str; 3] = ["calls", "protocol_version", "root_fields"];

/// Reads a name without knowing the resource's values: `price`, `attendees/*/email`, `/totals/tax`, `path.x`, `query.x`,
/// `header.x`, `header.x/parameter`, `request.x`, `current.x`, `LOOKUP.x`.
///
/// # Errors
/// What it would need that this version does not have, or what is wrong with it.
pub(crate) fn head(text: &str) -> Result<Name, String> {
    if text.starts_with('/') {
        return Path::parse(text).filter(super::field::one_deep).map(Name::Pointer).ok_or_else(|| {
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
            Err(format!("the fact {} (there is {}) is not supported yet", quote(text), crate::quote::list(FACTS, 8)))
        };
    }
    if let Some((lookup, field)) = first.split_once('.') {
        let wrong =
            || format!("{} is not a name like `current.price`, the name of a lookup and of a field", quote(text));
        if lookup.is_empty() || field.is_empty() || field.contains('.') {
            return Err(wrong());
        }
        let tail = Path::parse(tail).filter(super::field::one_deep).ok_or_else(wrong)?;
        return Ok(Name::State { lookup: lookup.into(), field: field.into(), tail });
    }
    if first.is_empty() {
        return Err("a name is missing".to_string());
    }
    Path::parse(tail).filter(super::field::one_deep).map(|tail| Name::Field(first.into(), tail)).ok_or_else(|| {
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
        return actions.iter().try_for_each(|action| super::lookup::known(&name, action)).map(|()| name);
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
    match actions.iter().find(|action| super::api::known_to(action, &name).is_err()) {
        None => Ok(name),
        Some(action) => {
            let known =
                action.fields.iter().map(|f| f.name.as_str()).chain(action.values.iter().map(|(v, _)| v.as_str()));
            let hint = match crate::diagnostic::nearest(first, known.clone()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; it has {}", crate::quote::list(known, 12)),
            };
            Err(format!("unknown name {}: `{}` has no such field{hint}", quote(text), action.name))
        }
    }
}
