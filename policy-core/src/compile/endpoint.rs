//! Endpoints: `METHOD|METHOD /path/{x}/{y:text}.json`.

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
        "name" => VariableType::Name,
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
    if path.contains("://") {
        return Err(format!(
            "{} is a whole address: write the path alone, without the host and the API's base",
            quote(path)
        ));
    }
    if !path.starts_with('/') {
        return Err(format!("the path {} does not begin with `/`: write `/{path}`", quote(path)));
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
        if let Some(name) = segment.strip_prefix(':').filter(|name| !name.is_empty()) {
            return Err(format!("{} is no variable here: write `{{{name}}}`", quote(segment)));
        }
        if matches!(segment, "*" | "**") {
            return Err(format!(
                "`{segment}` stands for nothing here: write a variable like `{{id}}`, or `{{rest:path}}` for all that follows"
            ));
        }
        let Some(variable) = Variable::read(segment)? else {
            if segment.contains(['%', '?', '#', ';', '\\']) || !segment.is_ascii() {
                return Err(format!(
                    "{} is no part of a path: write it in plain characters, or as a variable like `{{id}}`",
                    quote(segment)
                ));
            }
            segments.push(Segment::Literal(segment.to_string()));
            continue;
        };
        if names.iter().any(|known| known == variable.name) {
            return Err(format!("the path variable {} occurs twice", quote(variable.name)));
        }
        let kind = types.of(variable.name, variable.kind, patterns)?;
        names.push(variable.name.to_string());
        segments.push(match variable.suffix {
            "" => Segment::Variable(kind),
            suffix if kind == VariableType::Path => {
                let name = variable.name;
                return Err(format!(
                    "a variable of type `path` has no suffix: write `{{{name}:path}}`, or `{{{name}:text}}{suffix}` for \
                     one segment"
                ));
            }
            suffix => Segment::Suffixed(kind, suffix.to_string()),
        });
    }
    Ok(Endpoint { methods, segments, names })
}

/// A segment with a variable: `{name}`, `{name:type}`, each with a suffix or without.
struct Variable<'s> {
    name: &'s str,
    kind: Option<&'s str>,
    suffix: &'s str,
}

impl<'s> Variable<'s> {
    /// `None`: a segment without a brace.
    fn read(segment: &'s str) -> Result<Option<Self>, String> {
        if !segment.contains(['{', '}']) {
            return Ok(None);
        }
        let Some((variable, suffix)) = segment.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Err(if segment.contains('{') && segment.contains('}') {
                let help =
                    "a variable stands at the beginning of its segment: write `{id}`, or `{id}.json` with a suffix";
                format!("{}: {help}", quote(segment))
            } else {
                format!(
                    "{} is no part of a path: write it in plain characters, or as a variable like `{{id}}`",
                    quote(segment)
                )
            });
        };
        let (name, kind) = match variable.split_once(':') {
            Some((name, kind)) => (name, Some(kind)),
            None => (variable, None),
        };
        if name.is_empty() || name.contains('{') {
            return Err(format!("{}: a variable has a name: write `{{id}}`", quote(segment)));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let understood = suffix.starts_with('.') && suffix.len() > 1 && suffix.bytes().all(plain);
        if !(suffix.is_empty() || understood) {
            let help = "behind a variable stands nothing, or a suffix of `.` and letters, digits, `_`, `-`, `.`: write";
            return Err(format!("{}: {help} `{{{variable}}}` or `{{{variable}}}.json`", quote(segment)));
        }
        Ok(Some(Self { name, kind, suffix }))
    }
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
    match (x, y) {
        (Segment::Literal(a), Segment::Literal(b)) => a == b,
        (Segment::Literal(text), other) | (other, Segment::Literal(text)) => {
            let value = variable(other).and_then(|(kind, suffix)| Some((kind, text.strip_suffix(suffix)?)));
            value.is_some_and(|(kind, value)| !value.is_empty() && admits(kind, value))
        }
        _ => variable(x).zip(variable(y)).is_some_and(|(x, y)| variables_overlap(x, y)),
    }
}

/// The type of a segment's variable, and what stands behind it.
fn variable(segment: &Segment) -> Option<(&VariableType, &str)> {
    match segment {
        Segment::Literal(_) => None,
        Segment::Variable(kind) => Some((kind, "")),
        Segment::Suffixed(kind, suffix) => Some((kind, suffix)),
    }
}

/// Where one suffix is the end of the other, what the longer has more belongs to the value of the shorter.
fn variables_overlap(x: (&VariableType, &str), y: (&VariableType, &str)) -> bool {
    let (shorter, longer, more) = match (x.1.strip_suffix(y.1), y.1.strip_suffix(x.1)) {
        (_, Some(more)) => (x.0, y.0, more),
        (Some(more), None) => (y.0, x.0, more),
        (None, None) => return false,
    };
    match (shorter, longer) {
        (VariableType::OneOf(values), longer) => {
            values.iter().filter_map(|value| value.strip_suffix(more)).any(|value| admits(longer, value))
        }
        (shorter, VariableType::OneOf(values)) => values.iter().any(|value| admits(shorter, &format!("{value}{more}"))),
        (shorter, _) => admits(shorter, more),
    }
}

/// Whether a value, or a piece of one, may be of a type. Patterns are taken to match: an overlap that is only feared is
/// reported, a real one never missed.
pub(crate) fn admits(kind: &VariableType, text: &str) -> bool {
    match kind {
        VariableType::OneOf(values) => values.iter().any(|value| value == text),
        VariableType::Digits => text.bytes().all(|b| b.is_ascii_digit()),
        VariableType::Token | VariableType::Name => {
            text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        }
        VariableType::Pattern(_) | VariableType::Text | VariableType::Path => true,
    }
}
