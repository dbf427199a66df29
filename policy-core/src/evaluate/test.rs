//! Whether a value holds what a test says. A value that is missing holds; a value of the wrong kind never does.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};

use super::names::{Datum, Lack, NoNumber, Scope};
use crate::document::Kind;
use crate::number::Decimal;
use crate::policy::{Constant, FieldKind, FieldType, Format, Predicate};
use crate::quote::{list, quote};
use crate::reason::Code;

/// What a test says of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds.
    Holds,
    /// A known, well-formed value lies outside: `beyond` may soften this.
    Fails(Code, String),
    /// The value is malformed, or not known: never softened.
    Hard(Code, String),
    /// The present could not be looked up: the page's `on_unavailable` may soften this.
    Away(String),
    /// What the present says is yet to be looked up.
    Awaits,
}

impl Verdict {
    /// A value that is not known.
    pub(crate) fn lacking(what: &str, lack: Lack) -> Self {
        match lack {
            Lack::Unknown(why) | Lack::Absent(why) => {
                Self::Hard(Code::UnknownState, format!("{what} is not known: {why}"))
            }
            Lack::Away(why) => Self::Away(format!("{what} is not known: {why}")),
            Lack::Awaited => Self::Awaits,
        }
    }

    /// A value that is no number.
    pub(crate) fn no_number(what: &str, why: NoNumber) -> Self {
        match why {
            NoNumber::Malformed(why) => Self::Hard(Code::ValueFormat, format!("{what} is {why}")),
            NoNumber::Lacking(lack) => Self::lacking(&format!("the currency of {what}"), lack),
        }
    }
}

/// Judges one value against one predicate.
pub(crate) fn predicate<'a>(
    scope: &Scope<'a>,
    what: &str,
    datum: &Datum<'a>,
    kind: Option<&'a FieldType>,
    predicate: &'a Predicate,
) -> Verdict {
    let hard = |expected: &str| Verdict::Hard(Code::ValueFormat, format!("{what} must be {expected}"));
    match predicate {
        Predicate::In(constants) => match is_one_of(scope, what, datum, kind, constants) {
            Err(verdict) => verdict,
            Ok(None) => hard("a single value"),
            Ok(Some(true)) => Verdict::Holds,
            Ok(Some(false)) => {
                Verdict::Fails(Code::ValueFormat, format!("{what} must be one of {}", constants_text(constants)))
            }
        },
        Predicate::NotIn(constants) => match is_one_of(scope, what, datum, kind, constants) {
            Err(verdict) => verdict,
            Ok(None) => hard("a single value"),
            Ok(Some(false)) => Verdict::Holds,
            Ok(Some(true)) => {
                Verdict::Fails(Code::ValueFormat, format!("{what} must not be one of {}", constants_text(constants)))
            }
        },
        Predicate::Min(bound) => numeric(scope, what, datum, kind, |n| n >= *bound, "at least", bound),
        Predicate::Max(bound) => numeric(scope, what, datum, kind, |n| n <= *bound, "at most", bound),
        Predicate::Over(bound) => numeric(scope, what, datum, kind, |n| n > *bound, "more than", bound),
        Predicate::Under(bound) => numeric(scope, what, datum, kind, |n| n < *bound, "less than", bound),
        Predicate::Pattern { index, text } => match string(datum) {
            None => hard("a string"),
            Some(value) if scope.set.matches(*index, &value) => Verdict::Holds,
            Some(_) => Verdict::Fails(Code::ValueFormat, format!("{what} must match the pattern {}", quote(text))),
        },
        Predicate::Prefix(prefixes) => match string(datum) {
            None => hard("a string"),
            Some(value) if prefixes.iter().any(|prefix| value.starts_with(prefix.as_str())) => Verdict::Holds,
            Some(_) => {
                let prefixes = list(prefixes.iter().map(String::as_str), 8);
                Verdict::Fails(Code::ValueFormat, format!("{what} must begin with {prefixes}"))
            }
        },
        Predicate::Domain(domains) => match string(datum).as_deref().and_then(email_domain) {
            None => hard("an e-mail address"),
            Some(domain) if domains.contains(&domain) => Verdict::Holds,
            Some(_) => {
                let domains = list(domains.iter().map(String::as_str), 8);
                Verdict::Fails(Code::ValueFormat, format!("{what} must be an address at {domains}"))
            }
        },
        Predicate::Length { min, max } => match string(datum) {
            None => hard("a string"),
            Some(value) => {
                let count = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
                if min.is_some_and(|min| count < min) || max.is_some_and(|max| count > max) {
                    let bounds = match (min, max) {
                        (Some(min), Some(max)) => format!("{min} to {max}"),
                        (Some(min), None) => format!("at least {min}"),
                        (_, max) => format!("at most {}", max.unwrap_or(u32::MAX)),
                    };
                    Verdict::Fails(Code::ValueFormat, format!("{what} must have {bounds} characters, has {count}"))
                } else {
                    Verdict::Holds
                }
            }
        },
        Predicate::Format(wanted) => {
            if has_format(datum, *wanted) {
                Verdict::Holds
            } else {
                Verdict::Hard(Code::ValueFormat, format!("{what} must have the format {}", wanted.name()))
            }
        }
        // Judged where the other side is found, and where the values of the request are counted.
        Predicate::Equals(_) | Predicate::Unique | Predicate::Present(_) | Predicate::Change(_) => Verdict::Holds,
    }
}

/// Whether a value is what its catalog says of the field.
pub(crate) fn well_formed(what: &str, datum: &Datum<'_>, kind: Option<&FieldType>) -> Verdict {
    let wrong = |expected: &str| Verdict::Hard(Code::ValueFormat, format!("{what} must be {expected}"));
    if let Datum::Json(value) = datum
        && value.kind() == Kind::Null
    {
        return wrong("a value, not null");
    }
    let Some(kind) = kind else {
        return Verdict::Holds;
    };
    let spelled = match datum {
        Datum::Json(value) if value.untyped().is_some() => true,
        Datum::Json(value) => match value.kind() {
            Kind::Number => kind.spelled.number,
            Kind::String => kind.spelled.string,
            Kind::Bool(_) => kind.kind == FieldKind::Boolean,
            _ => false,
        },
        _ => true,
    };
    let holds = spelled
        && match &kind.kind {
            FieldKind::Decimal | FieldKind::Integer | FieldKind::Money(_) => {
                let number = plain_number(datum);
                let integral = kind.kind != FieldKind::Integer || number.is_some_and(Decimal::is_integer);
                // The sign, like every spelling, must be one the catalog speaks of: an amount has none.
                let sized = number.is_some_and(|n| {
                    kind.digits.is_none_or(|most| n.whole_digits() <= most && !n.is_negative())
                        && kind.decimals.is_none_or(|most| n.decimals() <= most)
                }) && text_of(datum).is_none_or(|text| {
                    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
                    kind.digits.is_none_or(|most| whole.len() <= most as usize)
                        && kind.decimals.is_none_or(|most| fraction.len() <= most as usize)
                });
                integral && sized
            }
            FieldKind::Digits => text_of(datum).is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())),
            FieldKind::Boolean => match datum {
                Datum::Json(value) => {
                    matches!(value.kind(), Kind::Bool(_)) || matches!(value.untyped(), Some("true" | "false"))
                }
                Datum::Text(text) => matches!(text.as_str(), "true" | "false"),
                Datum::Number(_) => false,
            },
            FieldKind::String => string(datum).is_some(),
            FieldKind::Email => string(datum).as_deref().and_then(email_domain).is_some(),
        };
    if holds {
        return Verdict::Holds;
    }
    let mut expected = match &kind.kind {
        FieldKind::Decimal | FieldKind::Money(_) => "a decimal number in plain notation".to_string(),
        FieldKind::Integer => "a whole number".to_string(),
        FieldKind::Digits => "digits".to_string(),
        FieldKind::Boolean => "true or false".to_string(),
        FieldKind::String => "a string".to_string(),
        FieldKind::Email => "an e-mail address".to_string(),
    };
    if let Some(digits) = kind.digits {
        expected.push_str(&format!(", at most {digits} digits before the point"));
    }
    if let Some(decimals) = kind.decimals {
        expected.push_str(&format!(", at most {decimals} behind it"));
    }
    let typed = matches!(datum, Datum::Json(value) if value.untyped().is_none());
    match (kind.spelled.string, kind.spelled.number) {
        _ if !typed => {}
        (true, false) if kind.kind != FieldKind::String && kind.kind != FieldKind::Email => {
            expected.push_str(", as a JSON string");
        }
        (false, true) => expected.push_str(", as a JSON number"),
        _ => {}
    }
    wrong(&expected)
}

fn numeric<'a>(
    scope: &Scope<'a>,
    what: &str,
    datum: &Datum<'a>,
    kind: Option<&'a FieldType>,
    holds: impl Fn(Decimal) -> bool,
    relation: &str,
    bound: &Decimal,
) -> Verdict {
    match scope.number(datum, kind) {
        Ok(number) if holds(number) => Verdict::Holds,
        Ok(number) => Verdict::Fails(Code::EnvelopeExceeded, format!("{what} must be {relation} {bound}, is {number}")),
        Err(why) => Verdict::no_number(what, why),
    }
}

/// Whether a value is one of the constants, numbers by what they mean: money in major units of the page's currency, the
/// number of a field with a scale times that. `None`: it is no plain value.
///
/// # Errors
/// What its number is cannot be known, or held.
fn is_one_of<'a>(
    scope: &Scope<'a>,
    what: &str,
    datum: &Datum<'a>,
    kind: Option<&'a FieldType>,
    constants: &[Constant],
) -> Result<Option<bool>, Verdict> {
    let spelled_otherwise = kind.is_some_and(|kind| kind.scale.is_some() || matches!(kind.kind, FieldKind::Money(_)));
    let number = match datum {
        Datum::Json(value) => value.kind() == Kind::Number || value.untyped().is_some(),
        Datum::Text(_) => true,
        Datum::Number(_) => false,
    };
    if !(spelled_otherwise && number && constants.iter().any(|constant| matches!(constant, Constant::Number(_)))) {
        return Ok(one_of(datum, constants));
    }
    let value = Datum::Number(scope.number(datum, kind).map_err(|why| Verdict::no_number(what, why))?);
    let text = string(datum);
    let as_text =
        constants.iter().any(|constant| matches!(constant, Constant::String(c) if text.as_deref() == Some(c)));
    Ok(one_of(&value, constants).map(|found| found || as_text))
}

/// Whether a value is one of the constants; `None` for null, arrays and objects, which are no values.
fn one_of(datum: &Datum<'_>, constants: &[Constant]) -> Option<bool> {
    let matches = |constant: &Constant| match (datum, constant) {
        (Datum::Json(value), Constant::String(text)) => value.string() == Some(text),
        (Datum::Json(value), Constant::Bool(bool)) => value.kind() == Kind::Bool(*bool),
        (Datum::Json(value), Constant::Number(number)) => {
            value.number().is_some_and(|text| Decimal::parse_json(text) == Ok(*number))
        }
        (Datum::Text(value), Constant::String(text)) => value == text,
        (Datum::Text(value), Constant::Bool(bool)) => value == if *bool { "true" } else { "false" },
        (Datum::Text(value), Constant::Number(number)) => Decimal::parse_plain(value) == Ok(*number),
        (Datum::Number(value), Constant::Number(number)) => value == number,
        (Datum::Number(_), _) => false,
    };
    if let Datum::Json(value) = datum {
        if matches!(value.kind(), Kind::Null | Kind::Array | Kind::Object) {
            return None;
        }
        if let Some(text) = value.untyped() {
            return one_of_spelled(text, constants);
        }
    }
    Some(constants.iter().any(matches))
}

/// [`one_of`] for a text without a type. `None`: it is no constant's spelling, but an upstream could read it as the
/// number or boolean that a constant is (`05`, `5e0`, ` 5`, `TRUE`, `1`).
fn one_of_spelled(text: &str, constants: &[Constant]) -> Option<bool> {
    let mut readable = true;
    for constant in constants {
        let (holds, plain) = match constant {
            Constant::String(wanted) => (text == wanted, true),
            Constant::Bool(wanted) => {
                (text == if *wanted { "true" } else { "false" }, matches!(text, "true" | "false"))
            }
            Constant::Number(wanted) => {
                let number = Decimal::parse_plain(text);
                (number == Ok(*wanted), number.is_ok())
            }
        };
        if holds {
            return Some(true);
        }
        readable &= plain;
    }
    readable.then_some(false)
}

fn string<'d>(datum: &'d Datum<'_>) -> Option<Cow<'d, str>> {
    match datum {
        Datum::Json(value) => value.string().map(Cow::Borrowed),
        Datum::Text(text) => Some(Cow::Borrowed(text)),
        Datum::Number(_) => None,
    }
}

/// The text of a number or a string.
fn text_of<'d>(datum: &'d Datum<'_>) -> Option<Cow<'d, str>> {
    match datum {
        Datum::Json(value) => value.string().or_else(|| value.number()).map(Cow::Borrowed),
        Datum::Text(text) => Some(Cow::Borrowed(text)),
        Datum::Number(number) => Some(Cow::Owned(number.to_string())),
    }
}

fn plain_number(datum: &Datum<'_>) -> Option<Decimal> {
    text_of(datum).and_then(|text| Decimal::parse_plain(&text).ok())
}

fn has_format(datum: &Datum<'_>, format: Format) -> bool {
    let text = match datum {
        Datum::Json(value) if value.untyped().is_some() => value.untyped(),
        Datum::Json(value) => match (value.kind(), format) {
            (Kind::Bool(_), Format::Boolean) => return true,
            (Kind::Number, Format::Decimal | Format::Integer) => value.number(),
            (Kind::String, Format::Integer | Format::Boolean) => None,
            (Kind::String, _) => value.string(),
            _ => None,
        },
        Datum::Text(text) => Some(text.as_str()),
        Datum::Number(number) => {
            return format == Format::Decimal || (format == Format::Integer && number.is_integer());
        }
    };
    let Some(text) = text else { return false };
    match format {
        Format::Decimal => Decimal::parse_plain(text).is_ok(),
        Format::Integer => Decimal::parse_plain(text).is_ok() && !text.contains('.'),
        Format::Digits => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
        Format::Boolean => matches!(text, "true" | "false"),
        Format::String => true,
        Format::Email => email_domain(text).is_some(),
        Format::DateTime => is_date_time(text),
        Format::PlainText => is_plain_text(text),
    }
}

/// RFC 3339 with any offset: the shape only, for values that are passed on.
fn is_date_time(text: &str) -> bool {
    let Some((date_time, offset)) = text.get(..19).zip(text.get(19..)) else {
        return false;
    };
    let offset = match offset.strip_prefix('.') {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => offset,
    };
    let shape = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(p, t)| if p == b'0' { t.is_ascii_digit() } else { p == t })
    };
    let zone = offset == "Z" || shape("+00:00", offset) || shape("-00:00", offset);
    zone && crate::time::Timestamp::parse(&format!("{date_time}Z")).is_some()
}

/// Text a mail client or a web page shows as it is: no markup, no entity, no control character but line ends and tabs.
fn is_plain_text(text: &str) -> bool {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let bidi = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| control(c) || bidi(c) || matches!(c, '<' | '>')) && !has_entity(text)
}

fn has_entity(text: &str) -> bool {
    text.split('&').skip(1).any(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '#')).unwrap_or(rest.len());
        end > 0 && rest.get(end..).is_some_and(|rest| rest.starts_with(';'))
    })
}

/// The domain, lower case, of a plain address (`local@domain`, no display name, no comment, no quoted local part).
fn email_domain(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let good = !local.is_empty()
        && local.len() <= 64
        && local.bytes().all(atom)
        && domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(label);
    good.then(|| domain.to_ascii_lowercase())
}

/// Ids and numbers by value, everything else byte for byte.
///
/// # Errors
/// Which number one of them is cannot be known.
pub(crate) fn equal<'a>(
    scope: &Scope<'a>,
    (a, a_kind): (&Datum<'a>, Option<&'a FieldType>),
    (b, b_kind): (&Datum<'a>, Option<&'a FieldType>),
) -> Result<bool, Lack> {
    let number = |datum: &Datum<'a>, kind| match scope.number(datum, kind) {
        Ok(number) => Ok(Some(number)),
        Err(NoNumber::Malformed(_)) => Ok(None),
        Err(NoNumber::Lacking(lack)) => Err(lack),
    };
    Ok(match (number(a, a_kind)?, number(b, b_kind)?) {
        (Some(a), Some(b)) => a == b,
        _ => match (a, b) {
            (Datum::Json(x), Datum::Json(y)) if matches!((x.kind(), y.kind()), (Kind::Bool(_), Kind::Bool(_))) => {
                x.kind() == y.kind()
            }
            _ => match (text_of(a), text_of(b)) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        },
    })
}

fn constants_text(constants: &[Constant]) -> String {
    let texts: alloc::vec::Vec<String> = constants
        .iter()
        .map(|constant| match constant {
            Constant::String(text) => text.clone(),
            Constant::Number(number) => number.to_string(),
            Constant::Bool(bool) => bool.to_string(),
        })
        .collect();
    list(texts.iter().map(String::as_str), 12)
}

/// A name as a template writes it.
pub(crate) fn name_text(name: &crate::policy::Name) -> String {
    use crate::policy::Name;
    let path = |path: &crate::document::Path| {
        let mut text = String::new();
        for step in &path.0 {
            text.push('/');
            match step {
                crate::document::Step::Member(name) => text.push_str(name),
                crate::document::Step::Each => text.push('*'),
                crate::document::Step::Deep => text.push_str("**"),
            }
        }
        text
    };
    quote(&match name {
        Name::Field(name, tail) => format!("{name}{}", path(tail)),
        Name::Pointer(at) => path(at),
        Name::Path(name) => format!("path.{name}"),
        Name::Query(name) => format!("query.{name}"),
        Name::Header(name, None) => format!("header.{name}"),
        Name::Header(name, Some(parameter)) => format!("header.{name}/{parameter}"),
        Name::Value(name) => name.clone(),
        Name::Fact(name) => format!("request.{name}"),
        Name::State { lookup, field, tail } => format!("{lookup}.{field}{}", path(tail)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_and_domains_fold_case() {
        assert_eq!(email_domain("a.b+c@Example.COM").as_deref(), Some("example.com"));
        for wrong in ["a", "@x.y", "a@", "a@b", "a@b@c.d", "A <a@b.c>", "a@-b.c", "a@b..c", "\"a b\"@c.d", "a@b.c "] {
            assert_eq!(email_domain(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn plain_text_has_no_markup() {
        for fine in ["5 & 6; 7", "a\nb", "AT&T", "“quoted” – ü"] {
            assert!(is_plain_text(fine), "{fine}");
        }
        for wrong in ["<b>", "a > b", "&lt;", "&#60;", "\u{1b}[0m", "\u{202e}x", "a\0"] {
            assert!(!is_plain_text(wrong), "{wrong}");
        }
    }

    #[test]
    fn date_times() {
        for fine in ["2026-11-20T12:00:00Z", "2026-11-20T12:00:00.123+01:00"] {
            assert!(is_date_time(fine), "{fine}");
        }
        for wrong in ["2026-11-20", "2026-13-20T12:00:00Z", "2026-11-20T12:00:00", "2026-11-20T12:00:00+1", "é"] {
            assert!(!is_date_time(wrong), "{wrong}");
        }
    }
}
