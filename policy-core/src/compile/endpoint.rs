//! Endpoints: `METHOD|METHOD /path/{x}/{y:text}`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::pattern::Patterns;
use crate::policy::{Method, Segment, VariableType};
use crate::quote::quote;
use crate::template::OneOrMany;

/// A parsed endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) methods: Vec<Method>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) names: Vec<String>,
}

/// Types of path variables: by the catalog, by the endpoint itself, else digits.
pub(crate) struct VariableTypes<'c> {
    pub(crate) catalog: &'c BTreeMap<String, OneOrMany>,
}

impl VariableTypes<'_> {
    pub(super) fn of(&self, name: &str, inline: Option<&str>, patterns: &mut Patterns) -> Result<VariableType, String> {
        match (inline, self.catalog.get(name)) {
            (Some(word), _) => word_type(word)
                .ok_or_else(|| format!("unknown type {} of a path variable: token, text, path or digits", quote(word))),
            (None, Some(OneOrMany::Many(values))) => {
                let mut values = values.clone();
                values.sort();
                Ok(VariableType::OneOf(values))
            }
            (None, Some(OneOrMany::One(text))) => match word_type(text) {
                Some(kind) => Ok(kind),
                None => patterns.add(text).map(VariableType::Pattern),
            },
            (None, None) => Ok(VariableType::Digits),
        }
    }
}

fn word_type(word: &str) -> Option<VariableType> {
    Some(match word {
        "digits" => VariableType::Digits,
        "token" => VariableType::Token,
        "text" => VariableType::Text,
        "path" => VariableType::Path,
        _ => return None,
    })
}

/// Reads an endpoint below `base`; a path that begins with `//` starts at the root of the host.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(crate) fn parse(
    text: &str,
    base: &str,
    types: &VariableTypes<'_>,
    patterns: &mut Patterns,
) -> Result<Endpoint, String> {
    let (methods, path) = text.split_once(' ').ok_or_else(|| "an endpoint is `METHOD /path`".to_string())?;
    let methods = methods
        .split('|')
        .map(|method| match Method::parse(method) {
            Some(Method::Head) => Err("HEAD is allowed wherever GET is; write GET".to_string()),
            Some(method) => Ok(method),
            None => Err(format!("unknown method {}: one of GET, POST, PUT, PATCH, DELETE", quote(method))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if !path.starts_with('/') {
        return Err(format!("the path {} begins with `/`", quote(path)));
    }
    let whole = match path.strip_prefix("//") {
        Some(rest) => format!("/{rest}"),
        None if path == "/" && !base.is_empty() => base.to_string(),
        None => format!("{base}{path}"),
    };
    let Some(rest) = whole.strip_prefix('/') else {
        return Err("a path begins with `/`".to_string());
    };
    let mut segments = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for segment in rest.split('/') {
        if rest.is_empty() {
            break;
        }
        if matches!(segments.last(), Some(Segment::Variable(VariableType::Path))) {
            return Err("a variable of type `path` must be last".to_string());
        }
        if segment.is_empty() {
            return Err("the path has an empty segment".to_string());
        }
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(variable) => {
                let (name, inline) = match variable.split_once(':') {
                    Some((name, kind)) => (name, Some(kind)),
                    None => (variable, None),
                };
                if names.iter().any(|known| known == name) {
                    return Err(format!("the path variable {} occurs twice", quote(name)));
                }
                segments.push(Segment::Variable(types.of(name, inline, patterns)?));
                names.push(name.to_string());
            }
            None if segment.contains(['{', '}', '%', '?', '#', ';', '\\']) || !segment.is_ascii() => {
                return Err(format!("{} is neither a literal segment nor a variable", quote(segment)));
            }
            None => segments.push(Segment::Literal(segment.to_string())),
        }
    }
    Ok(Endpoint { methods, segments, names })
}

/// Whether some path matches both templates.
pub(crate) fn overlap(a: &[Segment], b: &[Segment]) -> bool {
    match (a.split_first(), b.split_first()) {
        (None, None) => true,
        (Some((Segment::Variable(VariableType::Path), _)), Some(_))
        | (Some(_), Some((Segment::Variable(VariableType::Path), _))) => true,
        (Some((x, a)), Some((y, b))) => segments_overlap(x, y) && overlap(a, b),
        _ => false,
    }
}

fn segments_overlap(x: &Segment, y: &Segment) -> bool {
    use VariableType as V;
    let token = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let literal = |text: &str, kind: &V| match kind {
        V::OneOf(values) => values.iter().any(|value| value == text),
        V::Digits => text.bytes().all(|b| b.is_ascii_digit()),
        V::Token => token(text),
        // Patterns are taken to match: an overlap that is only feared is reported, a real one never missed.
        V::Pattern(_) | V::Text | V::Path => true,
    };
    match (x, y) {
        (Segment::Literal(a), Segment::Literal(b)) => a == b,
        (Segment::Literal(text), Segment::Variable(kind)) | (Segment::Variable(kind), Segment::Literal(text)) => {
            literal(text, kind)
        }
        (Segment::Variable(V::OneOf(values)), Segment::Variable(kind))
        | (Segment::Variable(kind), Segment::Variable(V::OneOf(values))) => {
            values.iter().any(|value| literal(value, kind))
        }
        (Segment::Variable(_), Segment::Variable(_)) => true,
    }
}
