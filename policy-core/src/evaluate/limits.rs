//! Limits: what is measured of single values, and what a breach means.

use crate::ordered::Set;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Finding;
use super::change::change;
use super::conditions::{Truth, applies};
use super::names::{Datum, Lack, Scope, Values};
use super::test::{Verdict, equal, name_text, predicate, well_formed};
use super::totals::{count, rows, sum};
use crate::decision::{Code, Decision, Reason};
use crate::document::Kind;
use crate::limits::REASONS;
use crate::number::Decimal;
use crate::policy::{Band, FieldType, Limit, Measure, Name, Predicate, Test};
use crate::quote::quote;

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

/// Where a verdict was found. The pointer is worked out only for verdicts that are reported.
#[derive(Clone, Copy)]
pub(super) struct Found<'s, 'a> {
    pub(super) scope: Option<&'s Scope<'a>>,
    pub(super) datum: Option<&'s Datum<'a>>,
}

impl Found<'_, '_> {
    pub(super) const NOWHERE: Self = Self { scope: None, datum: None };

    fn pointer(&self) -> Option<String> {
        self.scope.zip(self.datum).and_then(|(scope, datum)| scope.pointer(datum))
    }
}

/// Takes verdicts; false: enough.
pub(super) type Sink<'k> = &'k mut dyn FnMut(Verdict, Found<'_, '_>) -> bool;

/// Every verdict of a test, until the sink has enough.
fn measure<'a>(test: &'a Test, scopes: &[Scope<'a>], sink: Sink<'_>) {
    match &test.measure {
        Measure::Values(names) => values(names, &test.predicates, scopes, sink),
        Measure::Count(name) => count(name, &test.predicates, scopes, sink),
        Measure::Rows => rows(&test.predicates, scopes, sink),
        Measure::Sum(name) => sum(name, &test.predicates, scopes, sink),
    }
}

pub(super) type Known<'a> = (Vec<Datum<'a>>, Option<&'a FieldType>);

pub(super) fn known<'a>(name: &'a Name, what: &str, scope: &Scope<'a>) -> Result<Known<'a>, Verdict> {
    match scope.values(name) {
        Values::Known(data, kind) => Ok((data, kind)),
        Values::Ambiguous(why) => Err(Verdict::Hard(Code::ParamShadow, format!("{what}: {why}"))),
        Values::Lacking(lack) => Err(Verdict::lacking(what, lack)),
    }
}

pub(super) fn presence(predicates: &[Predicate], what: &str, absent: bool) -> Option<Verdict> {
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
pub(super) struct Other<'a> {
    name: &'a Name,
    value: Result<(Datum<'a>, Option<&'a FieldType>), Lack>,
}

pub(super) fn others<'a>(predicates: &'a [Predicate], scope: &Scope<'a>) -> Vec<Other<'a>> {
    let names = predicates.iter().filter_map(|wanted| match wanted {
        Predicate::Equals(name) => Some(name),
        _ => None,
    });
    names
        .map(|name| {
            let value = match scope.values(name) {
                Values::Known(mut data, kind) => match (data.pop(), data.is_empty()) {
                    (Some(datum), true) => Ok((datum, kind)),
                    (Some(_), false) => Err(Lack::Unknown("it has several values".into())),
                    (None, _) => Err(Lack::Unknown("it is not there".into())),
                },
                Values::Ambiguous(why) => Err(Lack::Unknown(why.into())),
                Values::Lacking(lack) => Err(lack),
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
    let lacking = |lack| Verdict::lacking(&format!("{what} must equal {}, which", name_text(name)), lack);
    match others.iter().find(|other| other.name == name).map(|other| &other.value) {
        Some(Ok((other, kind))) => match equal(scope, datum, (other, *kind)) {
            Ok(true) => Verdict::Holds,
            Ok(false) => Verdict::Fails(Code::ValueFormat, format!("{what} must equal {}", name_text(name))),
            Err(lack) => lacking(lack),
        },
        Some(Err(lack)) => lacking(lack.clone()),
        None => lacking(Lack::Unknown("it was not found".into())),
    }
}

/// What all predicates of a test say of one value.
pub(super) struct Judged {
    /// The first that does not hold, a hard one before any other. What is not known yet is left out.
    pub(super) verdict: Verdict,
    /// The present could not be looked up for one of them.
    pub(super) away: Option<String>,
    /// One of them awaits the present.
    pub(super) awaits: bool,
}

/// One value against all predicates.
pub(super) fn value<'a>(
    predicates: &'a [Predicate],
    others: &[Other<'a>],
    (name, what): (&'a Name, &str),
    (datum, kind): (&Datum<'a>, Option<&'a FieldType>),
    scope: &Scope<'a>,
) -> Judged {
    let mut judged = Judged { verdict: well_formed(what, datum, kind), away: None, awaits: false };
    if judged.verdict != Verdict::Holds {
        return judged;
    }
    for wanted in predicates {
        let verdict = match wanted {
            Predicate::Equals(name) => equals(scope, what, (datum, kind), name, others),
            Predicate::Change(bounds) => change(scope, what, name, (datum, kind), bounds),
            wanted => predicate(scope, what, datum, kind, wanted),
        };
        match verdict {
            Verdict::Holds => {}
            Verdict::Awaits => judged.awaits = true,
            Verdict::Away(why) => judged.away = Some(why),
            hard @ Verdict::Hard(..) => return Judged { verdict: hard, away: None, awaits: false },
            fails @ Verdict::Fails(..) => {
                if judged.verdict == Verdict::Holds {
                    judged.verdict = fails;
                }
            }
        }
    }
    judged
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
