//! Conditions of writes: the name by which an API refuses a write to what has changed since it was read. An action may ask
//! for it; then every permit on the action does.

use alloc::format;
use alloc::string::ToString;

use super::Finding;
use super::limits::unavailable;
use super::names::{Datum, Lack, Scope, Values};
use super::test::{Verdict, equal, name_text, well_formed};
use crate::document::Kind;
use crate::policy::{Condition, FieldType, Name};
use crate::reason::Code;
use crate::time::Timestamp;

/// The header whose value names versions, of which `*` is any.
/// Source: RFC 9110, §13.1.1.
const IF_MATCH: &str = "if-match";

/// The header whose value is the time after which nothing may have changed.
/// Source: RFC 9110, §13.1.4.
const IF_UNMODIFIED_SINCE: &str = "if-unmodified-since";

/// Seconds of a day.
const DAY: u64 = 86_400;

impl<'a> Scope<'a> {
    /// The condition that the operation's action asks for.
    pub(super) fn condition(&self) -> Option<&'a Condition> {
        self.operation.action.and_then(|action| action.condition.as_ref())
    }

    /// The field in which the operation carries its condition: it may be there, whatever fields a permit lists.
    pub(super) fn field_of_condition(&self) -> Option<&'a Name> {
        self.condition()
            .map(|condition| &condition.name)
            .filter(|name| matches!(name, Name::Field(..) | Name::Pointer(_)))
    }

    /// Whether the operation carries its condition in this query parameter.
    pub(super) fn condition_in_query(&self, parameter: &str) -> bool {
        self.of_head().is_some_and(|name| matches!(name, Name::Query(known) if known == parameter))
    }

    /// Whether the operation carries its condition in this header, or this parameter (`prefer/return`) of one.
    pub(super) fn condition_in_header(&self, header: &str) -> bool {
        self.of_head().is_some_and(|name| match name {
            Name::Header(known, None) => known == header,
            Name::Header(known, Some(parameter)) => {
                header.split_once('/') == Some((known.as_str(), parameter.as_str()))
            }
            _ => false,
        })
    }

    /// The condition's name in the head of a request that is the operation.
    fn of_head(&self) -> Option<&'a Name> {
        let name = self.condition().map(|condition| &condition.name)?;
        (matches!(name, Name::Query(_) | Name::Header(..)) && !self.operation.is_enclosed()).then_some(name)
    }
}

/// Judges whether an operation carries the condition of its action, and the version it must have.
pub(super) fn condition(scope: &Scope<'_>) -> Option<Finding> {
    let condition = scope.condition()?;
    let what = name_text(&condition.name);
    let missing = |why: &str| Some(Finding::deny(Code::MissingRequired, format!("{what} {why}")));
    if scope.of_head().is_none() && scope.field_of_condition().is_none() {
        return missing("is required, and a row or call of a request has none of its own: send it alone");
    }
    let (data, kind) = match scope.values(&condition.name) {
        Values::Known(data, kind) => (data, kind),
        Values::Ambiguous(why) => return Some(Finding::deny(Code::ParamShadow, format!("{what}: {why}"))),
        Values::Lacking(lack) => return finding(scope, Verdict::lacking(&what, lack)),
    };
    let datum = match data.as_slice() {
        [one] if says_something(one) => one,
        [] | [_] => return missing("is required: the version that is changed, so that no other one is"),
        _ => return missing("must stand once: the version that is changed"),
    };
    let at = |found: Option<Finding>| found.map(|finding| finding.at(scope.pointer(datum)));
    if let Some(why) = no_version(&condition.name, datum) {
        return missing(why);
    }
    if is_ignored(&condition.name, scope) {
        return missing("is ignored beside `if-match`: leave that out");
    }
    match well_formed(&what, datum, kind) {
        Verdict::Holds => {}
        malformed => return at(finding(scope, malformed)),
    }
    let other = condition.equals.as_ref()?;
    let lacking = |lack| Verdict::lacking(&format!("{what} must be {}, which", name_text(other)), lack);
    let verdict = match scope.values(other) {
        Values::Known(now, of) => match now.as_slice() {
            [now] => match is_version(scope, (datum, kind), (now, of)) {
                Ok(true) => Verdict::Holds,
                Ok(false) => {
                    let message = format!("{what} is not {} as it is now: read it again", name_text(other));
                    Verdict::Fails(Code::ValueFormat, message)
                }
                Err(lack) => lacking(lack),
            },
            _ => lacking(Lack::Unknown("it is not one value now".into())),
        },
        Values::Ambiguous(why) => lacking(Lack::Unknown(why.into())),
        Values::Lacking(lack) => lacking(lack),
    };
    at(finding(scope, verdict))
}

fn finding(scope: &Scope<'_>, verdict: Verdict) -> Option<Finding> {
    match verdict {
        Verdict::Holds => None,
        Verdict::Awaits => Some(Finding::awaited()),
        Verdict::Away(message) => Some(unavailable(message, scope)),
        Verdict::Fails(code, message) | Verdict::Hard(code, message) => Some(Finding::deny(code, message)),
    }
}

/// A single value that is not empty.
fn says_something(datum: &Datum<'_>) -> bool {
    match datum {
        Datum::Json(value) => match value.kind() {
            Kind::String => value.string().is_some_and(|text| !text.is_empty()),
            Kind::Number | Kind::Bool(_) => true,
            Kind::Null | Kind::Array | Kind::Object => false,
        },
        Datum::Text(text) => !text.is_empty(),
        Datum::Number(_) => true,
    }
}

/// What a value must be to name one version, where its header does not read it as one.
fn no_version(name: &Name, datum: &Datum<'_>) -> Option<&'static str> {
    let (Name::Header(header, None), Datum::Text(text)) = (name, datum) else { return None };
    match header.as_str() {
        IF_MATCH if !is_strong_tag(text) => {
            Some("must name the one version that is changed: one strong entity tag, like `\"v3\"`")
        }
        IF_UNMODIFIED_SINCE if !is_http_date(text) => {
            Some("must be the time of the version that is changed, like `Sun, 06 Nov 1994 08:49:37 GMT`")
        }
        _ => None,
    }
}

/// Whether an API ignores the condition because of another header.
/// Source: RFC 9110, §13.1.4.
fn is_ignored(name: &Name, scope: &Scope<'_>) -> bool {
    let headers = &scope.request.headers;
    matches!(name, Name::Header(header, None) if header == IF_UNMODIFIED_SINCE)
        && (headers.has(IF_MATCH) || headers.twin(IF_MATCH).is_some())
}

/// Whether a text is one entity tag that `if-match` can match: quoted, and not weak, for weak tags stay the same while
/// the content changes. An empty one says nothing.
/// Source: RFC 9110, §8.8.3 and §13.1.1; of its characters those of ASCII.
fn is_strong_tag(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

/// Whether a text is a time of a header, in the one form that is written today. A recipient ignores what is no date.
/// Source: RFC 9110, §5.6.7 (IMF-fixdate) and §13.1.4.
fn is_http_date(text: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some((weekday, rest)) = text.split_once(", ") else { return false };
    let mut words = rest.split(' ');
    let (Some(day), Some(month), Some(year), Some(time), Some("GMT"), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let Some(month) = (1..).zip(MONTHS).find_map(|(number, name)| (name == month).then_some(number)) else {
        return false;
    };
    // The fraction that RFC 3339 may have is none of an HTTP date.
    let at = if time.len() == 8 { Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")) } else { None };
    // 1970-01-01 was a Thursday.
    at.is_some_and(|at| {
        DAYS.into_iter().cycle().skip(3).zip(0..7).any(|(name, past)| name == weekday && at.seconds() / DAY % 7 == past)
    })
}

/// Whether a value is the version there is now. A header may have it in the quotes of an entity tag.
fn is_version<'a>(
    scope: &Scope<'a>,
    (datum, kind): (&Datum<'a>, Option<&'a FieldType>),
    now: (&Datum<'a>, Option<&'a FieldType>),
) -> Result<bool, Lack> {
    if equal(scope, (datum, kind), now)? {
        return Ok(true);
    }
    let Datum::Text(text) = datum else { return Ok(false) };
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => equal(scope, (&Datum::Text(inner.to_string()), kind), now),
        None => Ok(false),
    }
}
