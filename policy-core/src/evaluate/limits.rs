//! Limits and the tests of `when`: what is measured, and what a breach means.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Finding;
use super::names::{Datum, Scope, Values};
use super::test::{Verdict, equal, name_text, predicate, well_formed};
use crate::decision::{Code, Decision, Reason};
use crate::document::Kind;
use crate::limits::REASONS;
use crate::number::Decimal;
use crate::policy::{Band, FieldType, Limit, Measure, Name, Predicate, Test};
use crate::quote::quote;

/// Judges one limit over the operations that a permit matched (one of them for a measure of values, all of them for
/// counts and sums).
pub(crate) fn limit<'a>(limit: &'a Limit, scopes: &[Scope<'a>], findings: &mut Vec<Finding>) {
    match applies(&limit.when, scopes) {
        Truth::Holds => {}
        Truth::Fails => return,
        Truth::Unknown(why) => {
            let message = format!("whether the limit {} applies cannot be known: {why}", quote(&limit.id));
            findings.push(Finding::deny(Code::UnknownState, message));
            return;
        }
    }
    let mut denied = 0;
    let mut held = 0;
    measure(&limit.test, scopes, &mut |verdict, place| {
        let (decision, code, message) = match (verdict, &limit.beyond) {
            (Verdict::Holds, _) => return true,
            (Verdict::Fails(_, message), Band::Approval(role)) => {
                let message = format!("{message}; past that, {} must approve", quote(role));
                (Decision::ApprovalRequired, Code::ApprovalRequired, message)
            }
            (Verdict::Fails(code, message) | Verdict::Hard(code, message), _) => (Decision::Deny, code, message),
        };
        let count = if decision == Decision::Deny { &mut denied } else { &mut held };
        *count += 1;
        // More of the same would be cut anyway; what is held may still turn out to be denied.
        if *count <= REASONS {
            let message = format!("{message} (limit {})", quote(&limit.id));
            findings.push(Finding { decision, reason: Reason { code, message, pointer: place.pointer() } });
        }
        denied < REASONS
    });
}

/// Three-valued result of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It cannot be known, or the value is malformed.
    Unknown(String),
}

/// Whether a limit's `when` holds for any of the operations. For each, one test that fails is enough to say no; what
/// cannot be known is unknown only where nothing says no.
fn applies<'a>(when: &'a [Test], scopes: &[Scope<'a>]) -> Truth {
    if when.is_empty() {
        return Truth::Holds;
    }
    let mut result = Truth::Fails;
    for scope in scopes {
        match conjunction(when, scope) {
            Truth::Holds => return Truth::Holds,
            Truth::Fails => {}
            unknown @ Truth::Unknown(_) => result = unknown,
        }
    }
    result
}

/// All tests of a `when`, for one operation.
pub(crate) fn conjunction<'a>(when: &'a [Test], scope: &Scope<'a>) -> Truth {
    let mut result = Truth::Holds;
    for condition in when {
        match truth(condition, scope) {
            Truth::Fails => return Truth::Fails,
            Truth::Holds => {}
            unknown @ Truth::Unknown(_) => result = unknown,
        }
    }
    result
}

/// One test as a condition. Where a name has several values, one that holds is enough: a condition brings a rule into
/// force, and adding a value to a request must not take it out again. A name without values holds.
fn truth<'a>(condition: &'a Test, scope: &Scope<'a>) -> Truth {
    let Measure::Values(names) = &condition.measure else {
        // The compiler lets conditions look at values only.
        return Truth::Unknown("a condition looks at values".to_string());
    };
    let mut any = false;
    let mut unknown = None;
    for name in names {
        let what = name_text(name);
        let (data, kind) = match known(name, &what, scope) {
            Ok(values) => values,
            Err(Verdict::Hard(_, why)) => {
                unknown = Some(why);
                continue;
            }
            Err(_) => continue,
        };
        if let Some(Verdict::Fails(..)) = presence(&condition.predicates, &what, data.is_empty()) {
            any = true;
            continue;
        }
        if data.is_empty() && condition.predicates.iter().any(|p| matches!(p, Predicate::Present(_))) {
            return Truth::Holds;
        }
        let others = others(&condition.predicates, scope);
        for datum in &data {
            any = true;
            match value(&condition.predicates, &others, &what, (datum, kind), scope) {
                Verdict::Holds => return Truth::Holds,
                Verdict::Fails(..) => {}
                Verdict::Hard(_, why) => unknown = Some(why),
            }
        }
    }
    match (unknown, any) {
        (Some(why), _) => Truth::Unknown(why),
        (None, true) => Truth::Fails,
        (None, false) => Truth::Holds,
    }
}

/// Where a verdict was found. The pointer is worked out only for verdicts that are reported.
#[derive(Clone, Copy)]
struct Found<'s, 'a> {
    scope: Option<&'s Scope<'a>>,
    datum: Option<&'s Datum<'a>>,
}

impl Found<'_, '_> {
    const NOWHERE: Self = Self { scope: None, datum: None };

    fn pointer(&self) -> Option<String> {
        self.scope.zip(self.datum).and_then(|(scope, datum)| scope.pointer(datum))
    }
}

/// Takes verdicts; false: enough.
type Sink<'k> = &'k mut dyn FnMut(Verdict, Found<'_, '_>) -> bool;

/// Every verdict of a test, until the sink has enough.
fn measure<'a>(test: &'a Test, scopes: &[Scope<'a>], sink: Sink<'_>) {
    match &test.measure {
        Measure::Values(names) => values(names, &test.predicates, scopes, sink),
        Measure::Count(name) => count(name, &test.predicates, scopes, sink),
        Measure::Rows => rows(&test.predicates, scopes, sink),
        Measure::Sum(name) => sum(name, &test.predicates, scopes, sink),
    }
}

type Known<'a> = (Vec<Datum<'a>>, Option<&'a FieldType>);

fn known<'a>(name: &'a Name, what: &str, scope: &Scope<'a>) -> Result<Known<'a>, Verdict> {
    match scope.values(name) {
        Values::Known(data, kind) => Ok((data, kind)),
        Values::Ambiguous(why) => Err(Verdict::Hard(Code::ParamShadow, format!("{what}: {why}"))),
        Values::Unknown(why) => Err(Verdict::Hard(Code::UnknownState, format!("{what} is not known: {why}"))),
    }
}

fn presence(predicates: &[Predicate], what: &str, absent: bool) -> Option<Verdict> {
    predicates.iter().find_map(|wanted| match wanted {
        Predicate::Present(true) if absent => {
            Some(Verdict::Fails(Code::MissingRequired, format!("{what} must be present")))
        }
        Predicate::Present(false) if !absent => {
            Some(Verdict::Fails(Code::FieldNotAllowed, format!("{what} must not be present")))
        }
        _ => None,
    })
}

/// What an `equals` compares with, found once for all values that are compared.
struct Other<'a> {
    name: &'a Name,
    value: Result<(Datum<'a>, Option<&'a FieldType>), &'static str>,
}

fn others<'a>(predicates: &'a [Predicate], scope: &Scope<'a>) -> Vec<Other<'a>> {
    let names = predicates.iter().filter_map(|wanted| match wanted {
        Predicate::Equals(name) => Some(name),
        _ => None,
    });
    names
        .map(|name| {
            let value = match scope.values(name) {
                Values::Known(mut data, kind) => match (data.pop(), data.is_empty()) {
                    (Some(datum), true) => Ok((datum, kind)),
                    (Some(_), false) => Err("it has several values"),
                    (None, _) => Err("it is not there"),
                },
                Values::Ambiguous(why) | Values::Unknown(why) => Err(why),
            };
            Other { name, value }
        })
        .collect()
}

fn equals<'a>(
    scope: &Scope<'a>,
    what: &str,
    datum: (&Datum<'a>, Option<&'a FieldType>),
    name: &Name,
    others: &[Other<'a>],
) -> Verdict {
    let other = others.iter().find(|other| other.name == name).map(|other| &other.value);
    match other {
        Some(Ok((other, kind))) if equal(scope, datum, (other, *kind)) => Verdict::Holds,
        Some(Ok(_)) => Verdict::Fails(Code::ValueFormat, format!("{what} must equal {}", name_text(name))),
        Some(Err(why)) => Verdict::Hard(
            Code::UnknownState,
            format!("{what} must equal {}, which is not known: {why}", name_text(name)),
        ),
        None => Verdict::Hard(Code::UnknownState, format!("{what} must equal {}, which is not known", name_text(name))),
    }
}

/// One value against all predicates: the first that does not hold, a hard one before any other.
fn value<'a>(
    predicates: &'a [Predicate],
    others: &[Other<'a>],
    what: &str,
    (datum, kind): (&Datum<'a>, Option<&'a FieldType>),
    scope: &Scope<'a>,
) -> Verdict {
    let formed = well_formed(what, datum, kind);
    if formed != Verdict::Holds {
        return formed;
    }
    let mut first = Verdict::Holds;
    for wanted in predicates {
        let verdict = match wanted {
            Predicate::Equals(name) => equals(scope, what, (datum, kind), name, others),
            wanted => predicate(scope, what, datum, kind, wanted),
        };
        match verdict {
            Verdict::Holds => {}
            hard @ Verdict::Hard(..) => return hard,
            fails @ Verdict::Fails(..) => {
                if first == Verdict::Holds {
                    first = fails;
                }
            }
        }
    }
    first
}

fn values<'a>(names: &'a [Name], predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let once = predicates.iter().any(|wanted| matches!(wanted, Predicate::Unique));
    for scope in scopes {
        let others = others(predicates, scope);
        for name in names {
            let what = name_text(name);
            let (data, kind) = match known(name, &what, scope) {
                Ok(values) => values,
                Err(verdict) => {
                    if !sink(verdict, Found::NOWHERE) {
                        return;
                    }
                    continue;
                }
            };
            if let Some(verdict) = presence(predicates, &what, data.is_empty())
                && !sink(verdict, Found { scope: Some(scope), datum: data.first() })
            {
                return;
            }
            for datum in &data {
                let mut verdict = value(predicates, &others, &what, (datum, kind), scope);
                if verdict == Verdict::Holds && once {
                    verdict = unique(&what, datum, &mut seen);
                }
                if verdict != Verdict::Holds && !sink(verdict, Found { scope: Some(scope), datum: Some(datum) }) {
                    return;
                }
            }
        }
    }
}

/// Numbers that are equal by value are one value.
fn unique(what: &str, datum: &Datum<'_>, seen: &mut BTreeSet<String>) -> Verdict {
    let text = match datum {
        Datum::Json(value) => match value.kind() {
            Kind::String | Kind::Number => value.string().or_else(|| value.number()).unwrap_or_default().to_string(),
            _ => return Verdict::Hard(Code::ValueFormat, format!("{what} must be a single value")),
        },
        Datum::Text(text) => text.clone(),
        Datum::Number(number) => number.to_string(),
    };
    let canonical = Decimal::parse_json(&text).map(|number| number.to_string()).unwrap_or(text);
    if seen.insert(canonical) {
        Verdict::Holds
    } else {
        Verdict::Fails(Code::DuplicateTarget, format!("{what} occurs twice with the same value"))
    }
}

fn count<'a>(name: &'a Name, predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
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
    for scope in scopes {
        let data = match known(name, &what, scope) {
            Ok((data, _)) => data,
            Err(verdict) => {
                sink(verdict, Found::NOWHERE);
                return;
            }
        };
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
    // Absent: limits hold, `require` decides.
    if let Some((scope, datum)) = &first {
        let place = Found { scope: Some(scope), datum: Some(datum) };
        bounds(&what, Decimal::from_count(total), predicates, (Code::BatchLimit, place), sink);
    }
}

fn rows<'a>(predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
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

fn sum<'a>(name: &'a Name, predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
    let what = format!("the total of {}", name_text(name));
    let mut total = Decimal::ZERO;
    let mut first = None;
    for scope in scopes {
        let (data, kind) = match known(name, &what, scope) {
            Ok(values) => values,
            Err(verdict) => {
                sink(verdict, Found::NOWHERE);
                return;
            }
        };
        for datum in &data {
            first.get_or_insert((scope, datum.clone()));
            let number = match well_formed(&name_text(name), datum, kind) {
                Verdict::Holds => scope
                    .number(datum, kind)
                    .map_err(|why| Verdict::Hard(Code::ValueFormat, format!("{} is {why}", name_text(name)))),
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
                    sink(verdict, Found { scope: Some(scope), datum: Some(datum) });
                    return;
                }
            }
        }
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
