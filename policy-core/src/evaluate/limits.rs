//! Limits: what is measured of single values, and what a breach means.

use crate::ordered::Set;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Finding;
use super::conditions::{Truth, applies};
use super::found::{Found, Sink};
use super::names::{Datum, Scope};
use super::test::{Verdict, name_text};
use super::totals::{count, rows, sum};
use super::value::{Judged, known, others, presence, value};
use crate::document::Kind;
use crate::limits::REASONS;
use crate::number::Decimal;
use crate::policy::{Band, Limit, Measure, Name, Predicate, Test};
use crate::quote::quote;
use crate::reason::{Code, Decision, Reason};

/// Judges one limit over the operations that a permit matched (one of them for a measure of values, all of them for
/// counts and sums).
pub(crate) fn limit<'a>(limit: &'a Limit, scopes: &[Scope<'a>], findings: &mut Vec<Finding>) {
    let mut awaits = false;
    let unavailable = scopes.first().map_or(&Band::Deny, |scope| &scope.page.on_unavailable);
    match applies(&limit.when, scopes) {
        Truth::Holds => {}
        Truth::Fails => return,
        // What the limit itself needs is looked up in the same round.
        Truth::Awaits => {
            measure(&limit.test, scopes, &mut |_, _| true);
            findings.push(Finding::awaited());
            return;
        }
        Truth::Unknown(why) => {
            let message = format!("whether the limit {} applies cannot be known: {why}", quote(&limit.id));
            findings.push(Finding::deny(Code::UnknownState, message));
            return;
        }
        Truth::Away(why) => {
            let message = format!("whether the limit {} applies cannot be known: {why}", quote(&limit.id));
            findings.push(away(message, unavailable));
            return;
        }
    }
    let mut denied = 0;
    let mut held = 0;
    measure(&limit.test, scopes, &mut |verdict, place| {
        let mut role = None;
        // What could not be looked up may have another reason the next time.
        let measured = matches!(verdict, Verdict::Fails(..));
        let (decision, code, message) = match (verdict, &limit.beyond) {
            (Verdict::Holds, _) => return true,
            (Verdict::Awaits, _) => {
                awaits = true;
                return true;
            }
            (Verdict::Fails(_, message), Band::Approval(by)) => {
                let message = format!("{message}; past that, {} must approve", quote(by));
                role = Some(by.as_str().into());
                (Decision::ApprovalRequired, Code::ApprovalRequired, message)
            }
            (Verdict::Fails(code, message) | Verdict::Hard(code, message), _) => (Decision::Deny, code, message),
            (Verdict::Away(message), _) => {
                let Finding { decision, reason, role: by } = away(message, unavailable);
                role = by;
                (decision, reason.code, reason.message)
            }
        };
        let count = if decision == Decision::Deny { &mut denied } else { &mut held };
        *count += 1;
        // More of the same would be cut anyway; what is held may still turn out to be denied.
        if *count <= REASONS {
            let message = format!("{message} (limit {})", quote(&limit.id));
            if measured && let Some(scope) = scopes.first() {
                scope.known.note(|trace| trace.measured.extend([message.clone()]));
            }
            findings.push(Finding { decision, reason: Reason { code, message, pointer: place.pointer() }, role });
        }
        denied < REASONS
    });
    if awaits {
        findings.push(Finding::awaited());
    }
}

/// What was to be looked up could not be: denied, unless the page lets a person decide.
pub(super) fn unavailable(message: String, scope: &Scope<'_>) -> Finding {
    away(message, &scope.page.on_unavailable)
}

/// The present could not be looked up: denied, unless the page lets a person decide.
fn away(message: String, unavailable: &Band) -> Finding {
    match unavailable {
        Band::Deny => Finding::deny(Code::UnknownState, message),
        Band::Approval(role) => Finding::approval(role, format!("{message}; without it, {} must approve", quote(role))),
    }
}

/// Every verdict of a test, until the sink has enough.
fn measure<'a>(test: &'a Test, scopes: &[Scope<'a>], sink: Sink<'_>) {
    match &test.measure {
        Measure::Values(names) => values(names, &test.predicates, scopes, sink),
        Measure::Count(name) => count(name, &test.predicates, scopes, sink),
        Measure::Rows => rows(&test.predicates, scopes, sink),
        Measure::Sum(name) => sum(name, &test.predicates, scopes, sink),
    }
}

fn values<'a>(names: &'a [Name], predicates: &'a [Predicate], scopes: &[Scope<'a>], sink: Sink<'_>) {
    let mut seen: Set<String> = Set::new();
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
                let place = Found { scope: Some(scope), datum: Some(datum) };
                let Judged { mut verdict, away, awaits } =
                    value(predicates, &others, (name, &what), (datum, kind), scope);
                if verdict == Verdict::Holds && once {
                    verdict = unique(&what, datum, &mut seen);
                }
                let open = away.map(Verdict::Away).into_iter().chain(awaits.then_some(Verdict::Awaits));
                for verdict in open.chain(core::iter::once(verdict)) {
                    if verdict != Verdict::Holds && !sink(verdict, place) {
                        return;
                    }
                }
            }
        }
    }
}

/// Numbers that are equal by value are one value.
fn unique(what: &str, datum: &Datum<'_>, seen: &mut Set<String>) -> Verdict {
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
