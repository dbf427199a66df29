//! Which rules name an operation, and whether their filters match it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::bench::Bench;
use super::names::{Datum, Lack, Values};
use super::route::Variables;
use crate::decode::Operation;
use crate::document::Kind;
use crate::number::Decimal;
use crate::policy::{Decoder, Name, RuleRef, RuleTarget};
use crate::quote::{list, quote};

/// A rule that names an operation's action or endpoint.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) rule: &'a RuleRef,
    pub(super) variables: &'a Variables,
}

/// Whether the filters of a target match.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Matches {
    Yes,
    /// Why not, where the present says so.
    No(Option<String>),
    /// It cannot be known: why, for a message, and whether it is the present that does not say.
    Unknown {
        why: String,
        present: bool,
    },
    /// The present is yet to be looked up.
    Awaited,
}

/// What a forbid takes for the same value; a permit takes nothing but the value itself.
#[derive(Clone, Copy)]
struct Fold {
    case: bool,
    number: bool,
}

/// Whether a value is one of a filter's; `None`: it is no plain value.
fn inside(datum: &Datum<'_>, values: &[String], fold: Fold) -> Option<bool> {
    let number = |text: &str| Decimal::parse_json(plain_number(text)).ok();
    let text = match datum {
        Datum::Text(text) => text.clone(),
        Datum::Number(number) => number.to_string(),
        Datum::Json(value) => match value.kind() {
            Kind::String | Kind::Number => value.string().or_else(|| value.number())?.to_string(),
            Kind::Bool(bool) => bool.to_string(),
            Kind::Null | Kind::Array | Kind::Object => return None,
        },
    };
    let same = |value: &String| {
        *value == text
            || (fold.case && value.eq_ignore_ascii_case(&text))
            || (fold.number && number(value).is_some() && number(value) == number(&text))
    };
    Some(values.iter().any(same))
}

/// A number without what lenient upstreams read over: blanks around it, a `+`, a point with nothing behind it.
fn plain_number(text: &str) -> &str {
    let blank = |c: char| c.is_whitespace() || c.is_control();
    let text = text.trim_matches(blank);
    let text = text.strip_prefix('+').map_or(text, |text| text.trim_start_matches(blank));
    text.strip_suffix('.').unwrap_or(text)
}

impl<'a> Bench<'a> {
    /// The rules that name the operation: its action, its call, its endpoint. A forbid on a batch holds for each of its
    /// rows. The endpoint of a call is that of what carries it: its rules are found there.
    pub(super) fn candidates(&self, operation: &'a Operation<'a>) -> impl Iterator<Item = Candidate<'a>> + use<'a> {
        let of_action = operation.action.map(|action| action.rules.as_slice()).unwrap_or_default();
        let of_call = operation.call.map(|call| call.rules).unwrap_or_default();
        let variables = &self.route.variables;
        let api = self.api;
        let of_batch = self
            .route
            .actions
            .iter()
            .filter_map(move |index| api.actions.get(*index as usize))
            .filter(|action| !action.rows.is_empty())
            .flat_map(|action| action.rules.iter())
            .filter(|rule| matches!(rule.target, RuleTarget::Forbid(_)));
        // An endpoint says nothing of what its rows are: only a scope grants a row. A forbid holds for all of them.
        let reaches = move |rule: &RuleRef| !operation.row || matches!(rule.target, RuleTarget::Forbid(_));
        let endpoint_rules =
            if operation.outer.is_some() { Default::default() } else { self.route.endpoint_rules.as_slice() };
        let of_endpoint = endpoint_rules
            .iter()
            .filter(move |(rule, _)| reaches(rule))
            .map(|(rule, variables)| Candidate { rule, variables });
        let named = of_action.iter().chain(of_call).chain(of_batch);
        named.map(move |rule| Candidate { rule, variables }).chain(of_endpoint)
    }

    /// An operation and what it stands in, from the inside.
    pub(super) fn around(operation: &'a Operation<'a>) -> impl Iterator<Item = &'a Operation<'a>> {
        core::iter::successors(Some(operation), |operation| operation.outer.as_deref())
    }

    /// Whether the filters of a target match an operation. A permit needs every value inside; a forbid is set off by
    /// one. A resource that is in several groups now is in each of them: there one is enough for a permit too. What is no
    /// plain value is unknown: a forbid then matches, a permit does not.
    pub(super) fn matches(&self, candidate: Candidate<'a>, operation: &'a Operation<'a>) -> Matches {
        let scope = self.scope(operation, candidate.variables);
        let forbids = matches!(candidate.rule.target, RuleTarget::Forbid(_));
        let mut unknown: Option<Matches> = None;
        let mut awaited = false;
        for (name, values) in &candidate.rule.filters {
            let filter = operation.action.and_then(|action| action.filters.iter().find(|filter| filter.name == *name));
            let Some(filter) = filter else {
                return Matches::Unknown {
                    why: format!("{} could be any: nothing says it", quote(name)),
                    present: false,
                };
            };
            let present = matches!(filter.source, Name::State { .. });
            let (data, why) = match scope.values(&filter.source) {
                Values::Known(data, _) if data.is_empty() => (data, Cow::Borrowed("it is missing")),
                Values::Known(data, _) => (data, Cow::Borrowed("it is no plain value")),
                Values::Lacking(Lack::Awaited) => {
                    awaited = true;
                    continue;
                }
                Values::Lacking(Lack::Unknown(why) | Lack::Absent(why) | Lack::Away(why)) if present => {
                    unknown = Some(Matches::Unknown { why: format!("{} is not known: {why}", quote(name)), present });
                    continue;
                }
                Values::Lacking(Lack::Unknown(why) | Lack::Absent(why) | Lack::Away(why)) => (Vec::new(), why),
                Values::Ambiguous(why) => (Vec::new(), Cow::Borrowed(why)),
            };
            let fold = Fold { case: forbids && self.api.quirks.case_insensitive, number: forbids };
            let mut places: Vec<Option<bool>> = data.iter().map(|datum| inside(datum, values, fold)).collect();
            // A table that a select embeds is looked at like the one in the path.
            let mut unread = false;
            if self.embeds(&filter.source) && (forbids || !self.api.loosen.embedding) {
                for table in self.embedded() {
                    unread |= table.is_none();
                    places.push(table.clone().and_then(|table| inside(&Datum::Text(table), values, fold)));
                }
            }
            // An empty list of the present is known.
            let unclear = (places.is_empty() && !present) || places.contains(&None);
            let matches = if forbids || present {
                places.contains(&Some(true))
            } else {
                !unclear && places.iter().all(|place| *place == Some(true))
            };
            if matches {
                continue;
            }
            if !unclear {
                return Matches::No(present.then(|| outside(name, &data, values)));
            }
            let why = if unread { Cow::Borrowed(UNREAD_SELECT) } else { why };
            let why = format!("{} could be any: {why}", quote(name));
            unknown.get_or_insert(Matches::Unknown { why, present: false });
        }
        // What is unknown settles a permit; for a forbid, what is awaited may still say that it does not match.
        match unknown {
            Some(unknown) if !(forbids && awaited) => unknown,
            _ if awaited => Matches::Awaited,
            _ => Matches::Yes,
        }
    }

    /// Whether a `select` can bring in more of what this filter looks at.
    fn embeds(&self, source: &Name) -> bool {
        self.api.decoder == Decoder::Postgrest && matches!(source, Name::Path(_))
    }

    /// For a permit that does not match: the table that a `select` embeds, where that is the reason.
    pub(super) fn embedded_outside(&self, candidate: Candidate<'a>, operation: &'a Operation<'a>) -> Option<String> {
        let scope = self.scope(operation, candidate.variables);
        let fold = Fold { case: false, number: false };
        let mut reason = None;
        for (name, values) in &candidate.rule.filters {
            let filter = operation.action?.filters.iter().find(|filter| filter.name == *name)?;
            let Values::Known(data, _) = scope.values(&filter.source) else { return None };
            if !data.iter().all(|datum| inside(datum, values, fold) == Some(true)) {
                return None;
            }
            if self.embeds(&filter.source) && !self.api.loosen.embedding {
                let outside = |table: &Option<String>| !table.as_ref().is_some_and(|table| values.contains(table));
                let first = self.embedded().iter().find(|table| outside(table));
                reason = reason.or(first.map(|table| match table {
                    Some(table) => format!("`select` embeds {}, which the filter does not list", quote(table)),
                    None => UNREAD_SELECT.into(),
                }));
            }
        }
        reason
    }
}

const UNREAD_SELECT: &str = "the tables that `select` embeds cannot be read";
/// What a resource is now, and what it would have to be.
fn outside(name: &str, data: &[Datum<'_>], values: &[String]) -> String {
    let texts: Vec<String> = data
        .iter()
        .map(|datum| match datum {
            Datum::Text(text) => text.clone(),
            Datum::Number(number) => number.to_string(),
            Datum::Json(value) => {
                value.string().or_else(|| value.number()).unwrap_or("another kind of value").to_string()
            }
        })
        .collect();
    let now = list(texts.iter().map(String::as_str), 4);
    format!("{} is {now}, not {}", quote(name), list(values.iter().map(String::as_str), 8))
}
