//! The values that a name has, and what the predicates of a test say of each.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::change::change;
use super::names::{Datum, Lack, Scope, Values};
use super::test::{Verdict, equal, name_text, predicate, well_formed};
use crate::policy::{FieldType, Name, Predicate};
use crate::reason::Code;

/// The values of a name, and their type where the catalog says one.
pub(super) type Known<'a> = (Vec<Datum<'a>>, Option<&'a FieldType>);

/// The values of a name; `Err`: why they are not known.
pub(super) fn known<'a>(name: &'a Name, what: &str, scope: &Scope<'a>) -> Result<Known<'a>, Verdict> {
    match scope.values(name) {
        Values::Known(data, kind) => Ok((data, kind)),
        Values::Ambiguous(why) => Err(Verdict::Hard(Code::ParamShadow, format!("{what}: {why}"))),
        Values::Lacking(lack) => Err(Verdict::lacking(what, lack)),
    }
}

/// What a test says of whether a name has values at all.
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

/// What the predicates of a test compare with.
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
