//! Measures of a whole request: counts, rows and sums.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::found::{Found, Sink};
use super::names::{Datum, Scope};
use super::test::{Verdict, name_text, well_formed};
use super::value::known;
use crate::document::{Kind, Path, Step, Value};
use crate::number::Decimal;
use crate::policy::{Name, Predicate};
use crate::reason::Code;

/// What of a total is not known, of which the next elements can tell no more than that they are not known either.
#[derive(Default)]
struct Open {
    away: Option<Verdict>,
    awaits: bool,
}

impl Open {
    /// Keeps what may yet be known; `Some`: that cannot be.
    fn keep(&mut self, verdict: Verdict) -> Option<Verdict> {
        match verdict {
            Verdict::Awaits => self.awaits = true,
            away @ Verdict::Away(_) => self.away = Some(away),
            other => return Some(other),
        }
        None
    }

    /// The verdict where not everything is known.
    fn verdict(self) -> Option<Verdict> {
        if self.awaits { Some(Verdict::Awaits) } else { self.away }
    }
}

pub(super) fn count<'a>(name: &'a Name, predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
    let what = format!("the number of elements of {}", name_text(name));
    if let Name::Fact(fact) = name {
        if let Some(total) = Scope::fact_count(scopes, fact) {
            let place = (Code::BatchLimit, Found::NOWHERE);
            bounds(&what, Decimal::from_count(total), predicates, place, sink);
        }
        return;
    }
    let mut total = 0usize;
    let mut first = None;
    let mut known_now = false;
    let mut open = Open::default();
    for scope in scopes {
        let data = match known(name, &what, scope) {
            Ok((data, _)) => data,
            Err(verdict) => match open.keep(verdict) {
                None => continue,
                Some(verdict) => {
                    sink(verdict, Found::NOWHERE);
                    return;
                }
            },
        };
        match elements(name, scope) {
            Elements::Stand => {}
            Elements::Now => {
                known_now = true;
                first = first.or_else(|| data.first().map(|datum| (scope, datum.clone())));
                total = total.saturating_add(data.len());
                continue;
            }
            Elements::Of(arrays) => {
                for array in arrays {
                    first.get_or_insert((scope, Datum::Json(array)));
                    total = total.saturating_add(array.children().count());
                }
                continue;
            }
        }
        for datum in &data {
            match datum {
                Datum::Json(value) if value.kind() == Kind::Array => {
                    first.get_or_insert((scope, datum.clone()));
                    total = total.saturating_add(value.children().count());
                }
                _ => {
                    let message = format!("{} must be an array", name_text(name));
                    sink(Verdict::Hard(Code::ValueFormat, message), Found { scope: Some(scope), datum: Some(datum) });
                    return;
                }
            }
        }
    }
    if let Some(verdict) = open.verdict() {
        sink(verdict, Found::NOWHERE);
        return;
    }
    // Absent: limits hold, `require` decides.
    if let Some((scope, datum)) = &first {
        let place = Found { scope: Some(scope), datum: Some(datum) };
        bounds(&what, Decimal::from_count(total), predicates, (Code::BatchLimit, place), sink);
    } else if known_now {
        bounds(&what, Decimal::from_count(total), predicates, (Code::BatchLimit, Found::NOWHERE), sink);
    }
}

/// What a name that is counted means.
enum Elements<'a> {
    /// Arrays: their elements are counted.
    Stand,
    /// Elements of the present: each value is one, and none at all is a count of 0.
    Now,
    /// The elements of these arrays of the request. An array without elements is there all the same.
    Of(Vec<Value<'a>>),
}

fn elements<'a>(name: &'a Name, scope: &Scope<'a>) -> Elements<'a> {
    if let Name::State { lookup, field, tail } = name {
        let lookup = scope.operation.action.and_then(|action| action.lookup(lookup));
        let at = lookup.and_then(|lookup| lookup.field(field)).map(|field| field.at.as_slice()).unwrap_or_default();
        let each = |path: &Path| path.0.contains(&Step::Each);
        let now = each(tail) || (!at.is_empty() && at.iter().all(each));
        return if now { Elements::Now } else { Elements::Stand };
    }
    let places = scope.places(name).unwrap_or_default();
    let Some(arrays) = places.iter().map(|(place, _)| place.of_elements()).collect::<Option<Vec<_>>>() else {
        return Elements::Stand;
    };
    if arrays.is_empty() {
        return Elements::Stand;
    }
    let found = scope.operation.document.into_iter().flat_map(|document| {
        let arrays = arrays.iter().flat_map(move |place| place.select(document));
        arrays.filter(|value| matches!(value.kind(), Kind::Array | Kind::Object))
    });
    Elements::Of(found.collect())
}

pub(super) fn rows<'a>(predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
    if scopes.iter().any(|scope| !scope.operation.counted) {
        let message = "the number of rows is not knowable: name them by one filter on the key (`eq.` or `in.()`)";
        sink(Verdict::Hard(Code::BatchLimit, message.to_string()), Found::NOWHERE);
        return;
    }
    bounds(
        "the number of rows",
        Decimal::from_count(scopes.len()),
        predicates,
        (Code::BatchLimit, Found::NOWHERE),
        sink,
    );
}

pub(super) fn sum<'a>(name: &'a Name, predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
    let what = format!("the total of {}", name_text(name));
    let mut total = Decimal::ZERO;
    let mut first = None;
    let mut open = Open::default();
    for scope in scopes {
        let (data, kind) = match known(name, &what, scope) {
            Ok(values) => values,
            Err(verdict) => match open.keep(verdict) {
                None => continue,
                Some(verdict) => {
                    sink(verdict, Found::NOWHERE);
                    return;
                }
            },
        };
        for datum in &data {
            first.get_or_insert((scope, datum.clone()));
            let number = match well_formed(&name_text(name), datum, kind) {
                Verdict::Holds => scope.number(datum, kind).map_err(|why| Verdict::no_number(&name_text(name), why)),
                verdict => Err(verdict),
            };
            match number {
                Ok(number) => match total.checked_add(number) {
                    Some(sum) => total = sum,
                    None => {
                        let message = format!("{what} is too large to be held exactly");
                        sink(Verdict::Hard(Code::UnknownState, message), Found::NOWHERE);
                        return;
                    }
                },
                Err(verdict) => {
                    if let Some(verdict) = open.keep(verdict) {
                        sink(verdict, Found { scope: Some(scope), datum: Some(datum) });
                        return;
                    }
                }
            }
        }
    }
    if let Some(verdict) = open.verdict() {
        sink(verdict, Found::NOWHERE);
        return;
    }
    let place = match &first {
        Some((scope, datum)) => Found { scope: Some(scope), datum: Some(datum) },
        None => Found::NOWHERE,
    };
    bounds(&what, total, predicates, (Code::EnvelopeExceeded, place), sink);
}

fn bounds(what: &str, value: Decimal, predicates: &[Predicate], (code, place): (Code, Found<'_, '_>), sink: Sink<'_>) {
    for wanted in predicates {
        let (holds, relation, bound) = match wanted {
            Predicate::Min(bound) => (value >= *bound, "at least", bound),
            Predicate::Max(bound) => (value <= *bound, "at most", bound),
            Predicate::Over(bound) => (value > *bound, "more than", bound),
            Predicate::Under(bound) => (value < *bound, "less than", bound),
            // The compiler lets counts and sums have bounds only.
            _ => {
                sink(Verdict::Hard(Code::ValueFormat, format!("{what} can only be bounded")), Found::NOWHERE);
                return;
            }
        };
        if !holds && !sink(Verdict::Fails(code, format!("{what} must be {relation} {bound}, is {value}")), place) {
            return;
        }
    }
}
