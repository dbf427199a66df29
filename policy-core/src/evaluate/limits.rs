//! Limits and the tests of `when`: what is measured, and what a breach means.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Finding;
use super::names::{Datum, Scope, Values};
use super::test::{Verdict, name_text, predicate, well_formed};
use crate::decision::{Code, Decision, Reason};
use crate::document::Kind;
use crate::number::Decimal;
use crate::policy::{Band, Limit, Measure, Name, Predicate, Test};
use crate::quote::quote;

/// Judges one limit over the operations that a permit matched (one of them for a measure of values, all of them for
/// counts and sums).
pub(crate) fn limit<'a>(limit: &'a Limit, scopes: &[Scope<'a>], findings: &mut Vec<Finding>) {
    if !applies(&limit.when, scopes, findings, &limit.id) {
        return;
    }
    for (verdict, pointer) in test(&limit.test, scopes) {
        let (decision, code, message) = match (verdict, &limit.beyond) {
            (Verdict::Holds, _) => continue,
            (Verdict::Fails(_, message), Band::Approval(role)) => {
                let message = format!("{message}; past that, {} must approve", quote(role));
                (Decision::ApprovalRequired, Code::ApprovalRequired, message)
            }
            (Verdict::Fails(code, message) | Verdict::Hard(code, message), _) => (Decision::Deny, code, message),
        };
        let message = format!("{message} (limit {})", quote(&limit.id));
        findings.push(Finding { decision, reason: Reason { code, message, pointer } });
    }
}

/// Whether a limit's `when` holds. What cannot be known denies.
fn applies<'a>(when: &'a [Test], scopes: &[Scope<'a>], findings: &mut Vec<Finding>, id: &str) -> bool {
    for condition in when {
        match truth(condition, scopes) {
            Truth::Holds => {}
            Truth::Fails => return false,
            Truth::Unknown(why) => {
                let message = format!("whether the limit {} applies cannot be known: {why}", quote(id));
                findings.push(Finding::deny(Code::UnknownState, message));
                return false;
            }
        }
    }
    true
}

/// Three-valued result of a test.
pub(crate) enum Truth {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It cannot be known, or the value is malformed.
    Unknown(String),
}

/// A test as a condition: of a forbid, or of a limit.
pub(crate) fn truth<'a>(condition: &'a Test, scopes: &[Scope<'a>]) -> Truth {
    let mut result = Truth::Holds;
    for (verdict, _) in test(condition, scopes) {
        match verdict {
            Verdict::Holds => {}
            Verdict::Fails(..) => result = Truth::Fails,
            Verdict::Hard(_, why) => return Truth::Unknown(why),
        }
    }
    result
}

/// Every verdict of a test, with the place of the value.
fn test<'a>(test: &'a Test, scopes: &[Scope<'a>]) -> Vec<(Verdict, Option<String>)> {
    match &test.measure {
        Measure::Values(names) => values(names, &test.predicates, scopes),
        Measure::Count(name) => count(name, &test.predicates, scopes),
        Measure::Rows => rows(&test.predicates, scopes),
        Measure::Sum(name) => sum(name, &test.predicates, scopes),
    }
}

fn values<'a>(names: &'a [Name], predicates: &'a [Predicate], scopes: &[Scope<'a>]) -> Vec<(Verdict, Option<String>)> {
    let mut out = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for scope in scopes {
        for name in names {
            let what = name_text(name);
            let (data, kind) = match scope.values(name) {
                Values::Known(data, kind) => (data, kind),
                Values::Ambiguous(why) => {
                    out.push((Verdict::Hard(Code::ParamShadow, format!("{what}: {why}")), None));
                    continue;
                }
                Values::Unknown(why) => {
                    out.push((Verdict::Hard(Code::UnknownState, format!("{what} is not known: {why}")), None));
                    continue;
                }
            };
            for wanted in predicates {
                if let Predicate::Present(wanted) = wanted
                    && *wanted == data.is_empty()
                {
                    let verdict = if *wanted {
                        Verdict::Fails(Code::MissingRequired, format!("{what} must be present"))
                    } else {
                        Verdict::Fails(Code::FieldNotAllowed, format!("{what} must not be present"))
                    };
                    out.push((verdict, data.first().and_then(|datum| scope.pointer(datum))));
                }
            }
            for datum in &data {
                let mut verdicts = alloc::vec![well_formed(&what, datum, kind)];
                verdicts.extend(predicates.iter().map(|wanted| predicate(scope, &what, datum, kind, wanted)));
                if predicates.iter().any(|wanted| matches!(wanted, Predicate::Unique)) {
                    verdicts.push(unique(&what, datum, &mut seen));
                }
                for verdict in verdicts {
                    if verdict != Verdict::Holds {
                        out.push((verdict, scope.pointer(datum)));
                    }
                }
            }
        }
    }
    out
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

fn count<'a>(name: &'a Name, predicates: &'a [Predicate], scopes: &[Scope<'a>]) -> Vec<(Verdict, Option<String>)> {
    let what = format!("the number of elements of {}", name_text(name));
    let mut total = 0usize;
    let mut pointer = None;
    let mut present = false;
    for scope in scopes {
        let data = match scope.values(name) {
            Values::Known(data, _) => data,
            Values::Ambiguous(why) | Values::Unknown(why) => {
                return alloc::vec![(Verdict::Hard(Code::UnknownState, format!("{what} is not known: {why}")), None)];
            }
        };
        for datum in &data {
            match datum {
                Datum::Json(value) if value.kind() == Kind::Array => {
                    present = true;
                    total = total.saturating_add(value.children().count());
                    pointer = pointer.or_else(|| scope.pointer(datum));
                }
                _ => {
                    let message = format!("{} must be an array", name_text(name));
                    return alloc::vec![(Verdict::Hard(Code::ValueFormat, message), scope.pointer(datum))];
                }
            }
        }
    }
    // Absent: limits hold, `require` decides.
    if present { bounds(&what, Decimal::from_count(total), predicates, Code::BatchLimit, pointer) } else { Vec::new() }
}

fn rows<'a>(predicates: &'a [Predicate], scopes: &[Scope<'a>]) -> Vec<(Verdict, Option<String>)> {
    if scopes.iter().any(|scope| !scope.operation.counted) {
        let message = "the number of rows is not knowable: name them by one filter on the key (`eq.` or `in.()`)";
        return alloc::vec![(Verdict::Hard(Code::BatchLimit, message.to_string()), None)];
    }
    bounds("the number of rows", Decimal::from_count(scopes.len()), predicates, Code::BatchLimit, None)
}

fn sum<'a>(name: &'a Name, predicates: &'a [Predicate], scopes: &[Scope<'a>]) -> Vec<(Verdict, Option<String>)> {
    let what = format!("the total of {}", name_text(name));
    let unknown =
        |why: &str| alloc::vec![(Verdict::Hard(Code::UnknownState, format!("{what} is not known: {why}")), None)];
    let mut total = Decimal::ZERO;
    let mut first = None;
    for scope in scopes {
        let (data, kind) = match scope.values(name) {
            Values::Known(data, kind) => (data, kind),
            Values::Ambiguous(why) | Values::Unknown(why) => return unknown(why),
        };
        for datum in &data {
            let pointer = scope.pointer(datum);
            if let Verdict::Hard(code, message) = well_formed(&name_text(name), datum, kind) {
                return alloc::vec![(Verdict::Hard(code, message), pointer)];
            }
            match scope.number(datum, kind) {
                Ok(number) => match total.checked_add(number) {
                    Some(sum) => total = sum,
                    None => return unknown("it is too large"),
                },
                Err(why) => {
                    return alloc::vec![(
                        Verdict::Hard(Code::ValueFormat, format!("{} is {why}", name_text(name))),
                        pointer
                    )];
                }
            }
            first = first.or(pointer);
        }
    }
    bounds(&what, total, predicates, Code::EnvelopeExceeded, first)
}

fn bounds(
    what: &str,
    value: Decimal,
    predicates: &[Predicate],
    code: Code,
    pointer: Option<String>,
) -> Vec<(Verdict, Option<String>)> {
    let mut out = Vec::new();
    for wanted in predicates {
        let (holds, relation, bound) = match wanted {
            Predicate::Min(bound) => (value >= *bound, "at least", bound),
            Predicate::Max(bound) => (value <= *bound, "at most", bound),
            Predicate::Over(bound) => (value > *bound, "more than", bound),
            Predicate::Under(bound) => (value < *bound, "less than", bound),
            // The compiler lets counts and sums have bounds only.
            _ => {
                out.push((Verdict::Hard(Code::ValueFormat, format!("{what} can only be bounded")), pointer.clone()));
                continue;
            }
        };
        if !holds {
            let message = format!("{what} must be {relation} {bound}, is {value}");
            out.push((Verdict::Fails(code, message), pointer.clone()));
        }
    }
    out
}
