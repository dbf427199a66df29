//! Addresses of lookups: paths and queries with variables in them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::endpoint::VariableTypes;
use super::pattern::Patterns;
use crate::policy::{Address, LookupVariable, Part, Several, VariableType};
use crate::quote::quote;

/// Query parameters by which APIs are told how long a page is to be.
const PAGE_SIZES: [&str; 6] = ["per_page", "limit", "page_size", "pageSize", "first", "maxResults"];

/// The index of a variable, which may be new.
pub(super) fn index_of(name: &str, variables: &mut Vec<LookupVariable>) -> u32 {
    let position = variables.iter().position(|variable| variable.name == name).unwrap_or_else(|| {
        variables.push(LookupVariable { name: name.into(), from: Vec::new() });
        variables.len() - 1
    });
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// `/path/{x}?name={y}`, below base; `//` starts at the root of the host.
pub(super) fn address(
    text: &str,
    variables: &mut Vec<LookupVariable>,
    (base, types): (&str, &VariableTypes<'_>),
    patterns: &mut Patterns,
) -> Result<Address, String> {
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    if !path.starts_with('/') {
        return Err(format!("the path {} does not begin with `/`: write `/{path}`", quote(path)));
    }
    let whole = match path.strip_prefix("//") {
        Some(rest) => format!("/{rest}"),
        None if path == "/" && !base.is_empty() => base.to_string(),
        None => format!("{base}{path}"),
    };
    if whole.split('/').skip(1).any(|segment| segment.is_empty() || matches!(segment, "." | "..")) && whole != "/" {
        return Err("the path has an empty segment, or one of dots".into());
    }
    let mut parts = Vec::new();
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '%' | '#' | ';' | '\\' | '}');
    template(&whole, ("path", &odd), types, &mut parts, variables, patterns)?;
    if let Some(query) = query {
        push_text(&mut parts, "?");
        let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '#' | '"' | '<' | '>' | '\\' | '^' | '`' | '|' | '}');
        template(query, ("query", &odd), types, &mut parts, variables, patterns)?;
    }
    Ok(Address(parts))
}

/// Text with `{variables}` in it.
fn template(
    text: &str,
    (place, odd): (&str, &dyn Fn(char) -> bool),
    types: &VariableTypes<'_>,
    parts: &mut Vec<Part>,
    variables: &mut Vec<LookupVariable>,
    patterns: &mut Patterns,
) -> Result<(), String> {
    let mut rest = text;
    loop {
        let (text, variable) = match rest.split_once('{') {
            Some((text, rest)) => (text, Some(rest)),
            None => (rest, None),
        };
        if text.contains(odd) {
            return Err(format!("{} is not part of a {place}", quote(text)));
        }
        push_text(parts, text);
        let Some(variable) = variable else { return Ok(()) };
        let (variable, behind) = variable.split_once('}').ok_or_else(|| "a `{` is not closed".to_string())?;
        let (name, inline) = match variable.split_once(':') {
            Some((name, kind)) => (name, Some(kind)),
            None => (variable, None),
        };
        let kind = types.of(name, inline, patterns)?;
        if kind == VariableType::Path {
            return Err("a variable of an address stands for one segment, not for several".into());
        }
        parts.push(Part::Variable(index_of(name, variables), kind));
        rest = behind;
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(known)) => known.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.into())),
    }
}

/// A list call: the one variable of its query takes several values.
pub(super) fn several(
    text: &str,
    variables: &mut Vec<LookupVariable>,
    (base, types): (&str, &VariableTypes<'_>),
    patterns: &mut Patterns,
) -> Result<Several, String> {
    let query = text.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let wrong = || {
        "a list call has one variable in its query, which takes several values: `/products?include={id}`".to_string()
    };
    let (_, rest) = query.split_once('{').ok_or_else(wrong)?;
    let (name, rest) = rest.split_once('}').ok_or_else(wrong)?;
    if rest.contains('{') {
        return Err(wrong());
    }
    let address = address(text, variables, (base, types), patterns)?;
    let name = name.split(':').next().unwrap_or_default();
    Ok(Several { address, joined: index_of(name, variables) })
}

/// Most elements that a list address asks for.
pub(super) fn page_size(text: &str) -> Option<u32> {
    let query = text.split_once('?').map(|(_, query)| query)?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| PAGE_SIZES.contains(name)).and_then(|(_, value)| value.parse().ok())
}
