//! What a request brings to the counters of the permits that match it.

use super::value::known;
use crate::ordered::{Map, Set};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Finding;
use super::change::current;
use super::names::{Datum, Scope, Values};
use super::test::{Verdict, name_text, well_formed};
use crate::counters::{Amount, Key, Move, Tally};
use crate::document::Kind;
use crate::number::Decimal;
use crate::policy::{Counted, Counter, Drift, Name, Page, Per, Permit, Window};
use crate::quote::quote;
use crate::reason::Code;

/// What one request brings to each counter under each key.
#[derive(Default)]
pub(super) struct Tallies {
    amounts: Vec<Tally>,
    /// Counters of requests, and the keys under which this one is counted already.
    requests: Set<(u32, Key)>,
}

impl Tallies {
    /// Everything together.
    pub(super) fn into_amounts(self) -> Vec<Tally> {
        self.amounts
    }

    /// Adds what a permit's counters count of the operations that it matches. `settled`: these are the operations that
    /// it matches, whatever the present is.
    pub(super) fn add<'a>(
        &mut self,
        (page, permit): (&'a Page, &'a Permit),
        scopes: &[Scope<'a>],
        settled: bool,
        findings: &mut Vec<Finding>,
    ) {
        if permit.shadow {
            return;
        }
        // Outside a canary that only records nothing is counted either.
        let inside = |scope: &&Scope<'a>| {
            permit.canary.is_none_or(|canary| {
                !canary.shadow || canary.has((&page.agent, scope.known.session()), scope.operation)
            })
        };
        let scopes: Vec<Scope<'a>> = scopes.iter().filter(inside).copied().collect();
        for index in &permit.counters {
            let Some(counter) = page.counters.get(*index as usize) else { continue };
            match counted(counter, &scopes) {
                Ok(amounts) => {
                    let once = matches!(counter.counted, Counted::Requests(_));
                    for (key, amount) in amounts {
                        if !once || self.requests.insert((*index, key.clone())) {
                            self.amounts.push(Tally { counter: *index, key, amount });
                        }
                    }
                }
                Err(verdict) if settled => findings.push(finding(counter, verdict)),
                // Of fewer operations it may count less.
                Err(_) => findings.push(Finding::awaited()),
            }
        }
    }
}

/// What cannot be counted is denied: nothing softens that.
fn finding(counter: &Counter, verdict: Verdict) -> Finding {
    match verdict {
        Verdict::Awaits | Verdict::Holds => Finding::awaited(),
        Verdict::Hard(code, message) | Verdict::Fails(code, message) => {
            Finding::deny(code, format!("{message} (counter {})", quote(&counter.id)))
        }
        Verdict::Away(message) => {
            Finding::deny(Code::UnknownState, format!("{message} (counter {})", quote(&counter.id)))
        }
    }
}

/// How much a counter counts of these operations, by key.
fn counted<'a>(counter: &'a Counter, scopes: &[Scope<'a>]) -> Result<Map<Key, Amount>, Verdict> {
    let mut all: Map<Key, Amount> = Map::new();
    let mut open = None;
    for scope in scopes {
        let (key, amount) = match one(counter, scope) {
            Ok(Some(counted)) => counted,
            Ok(None) => continue,
            // What else is to be looked up is asked for in the same round.
            Err(Verdict::Awaits) => {
                open = Some(Verdict::Awaits);
                continue;
            }
            Err(verdict) => return Err(verdict),
        };
        let amount = match (all.remove(&key), &counter.counted) {
            (Some(known), Counted::Requests(_)) => known,
            (Some(known), _) => known.and(amount).ok_or_else(inexact)?,
            (None, _) => amount,
        };
        all.insert(key, amount);
    }
    if let Some(open) = open {
        return Err(open);
    }
    let negative = |amount: &Amount| matches!(amount, Amount::Number(number) if number.is_negative());
    if all.values().any(negative) {
        // Else an agent could make room in its budget.
        return Err(Verdict::Hard(Code::ValueFormat, "the total is negative, and a counter only counts up".into()));
    }
    Ok(all)
}

fn inexact() -> Verdict {
    Verdict::Hard(Code::UnknownState, "the total is too large to be held exactly".into())
}

/// What one operation brings; `None`: nothing.
fn one<'a>(counter: &'a Counter, scope: &Scope<'a>) -> Result<Option<(Key, Amount)>, Verdict> {
    let amount = match &counter.counted {
        Counted::Requests(_) => Amount::Number(Decimal::ONE),
        Counted::Rows(_) if !scope.operation.counted => {
            let message = "the number of rows is not knowable: name them by one filter on the key (`eq.` or `in.()`)";
            return Err(Verdict::Hard(Code::BatchLimit, message.to_string()));
        }
        Counted::Rows(_) => Amount::Number(Decimal::ONE),
        Counted::Sum { name, .. } => Amount::Number(total(name, scope)?),
        Counted::Drift(drift) => {
            let moves = moves(drift, scope)?;
            if moves.is_empty() {
                return Ok(None);
            }
            Amount::Changes(moves)
        }
    };
    Ok(Some((key(counter, scope)?, amount)))
}

/// The key under which an operation is counted.
fn key<'a>(counter: &'a Counter, scope: &Scope<'a>) -> Result<Key, Verdict> {
    let mut parts = Vec::with_capacity(counter.per.len());
    for per in &counter.per {
        parts.push(match per {
            Per::Resource => {
                let action = scope.operation.action.zip(scope.operation.key.as_deref());
                let (action, key) = action.ok_or_else(|| {
                    Verdict::Hard(Code::UnknownState, "the request does not say which resource it is about".into())
                })?;
                Key::of_resource(&format!("{}:{}", scope.api.alias, action.resource), key)
            }
            Per::Name(name) => part(name, scope)?,
            Per::Session => {
                let session = scope.known.session();
                // What ends with a session must know when that is.
                let session = session.filter(|session| counter.window != Window::Session || session.token.is_some());
                let without = || {
                    let message = "a session has this budget, and the request names none: send a session token";
                    Verdict::Hard(Code::SessionRequired, message.to_string())
                };
                Key::of_session(&session.ok_or_else(without)?.id)
            }
        });
    }
    Ok(Key::of(&parts))
}

/// The one value of a name, as a part of a key. A name that is not there is a value too.
fn part<'a>(name: &'a Name, scope: &Scope<'a>) -> Result<String, Verdict> {
    let what = name_text(name);
    let (data, _) = known(name, &what, scope)?;
    let text = match data.as_slice() {
        [] => return Ok(String::new()),
        [Datum::Text(text)] => Some(text.clone()),
        [Datum::Number(number)] => Some(number.to_string()),
        [Datum::Json(value)] => match value.kind() {
            Kind::String | Kind::Number => value.string().or_else(|| value.number()).map(ToString::to_string),
            Kind::Bool(bool) => Some(bool.to_string()),
            Kind::Null | Kind::Array | Kind::Object => None,
        },
        _ => None,
    };
    let text = text.ok_or_else(|| Verdict::Hard(Code::ValueFormat, format!("{what} must be a single value")))?;
    Ok(Key::of_value(&text))
}

/// The total of a name in one operation.
fn total<'a>(name: &'a Name, scope: &Scope<'a>) -> Result<Decimal, Verdict> {
    let what = name_text(name);
    let (data, kind) = known(name, &what, scope)?;
    let mut total = Decimal::ZERO;
    for datum in &data {
        match well_formed(&what, datum, kind) {
            Verdict::Holds => {}
            verdict => return Err(verdict),
        }
        let number = scope.number(datum, kind).map_err(|why| Verdict::no_number(&what, why))?;
        total = total.checked_add(number).ok_or_else(inexact)?;
    }
    Ok(total)
}

/// The changes that an operation makes.
fn moves<'a>(drift: &'a Drift, scope: &Scope<'a>) -> Result<Vec<Move>, Verdict> {
    let mut moves = Vec::new();
    let mut open = None;
    for (field, name) in &drift.fields {
        let what = name_text(name);
        let (data, kind) = match scope.values(name) {
            Values::Known(data, kind) => (data, kind),
            Values::Ambiguous(why) => return Err(Verdict::Hard(Code::ParamShadow, format!("{what}: {why}"))),
            Values::Lacking(lack) => return Err(Verdict::lacking(&what, lack)),
        };
        let datum = match data.as_slice() {
            [] => continue,
            [datum] => datum,
            _ => {
                let message = format!("{what} has several values, and a drift is of one");
                return Err(Verdict::Hard(Code::ValueFormat, message));
            }
        };
        match well_formed(&what, datum, kind) {
            Verdict::Holds => {}
            verdict => return Err(verdict),
        }
        let new = scope.number(datum, kind).map_err(|why| Verdict::no_number(&what, why))?;
        match current(scope, name, &drift.bounds) {
            Ok(old) => moves.push(Move { field: field.clone(), old, new }),
            Err(lack) => match Verdict::lacking(&format!("the current value of {what}"), lack) {
                Verdict::Awaits => open = Some(Verdict::Awaits),
                verdict => return Err(verdict),
            },
        }
    }
    open.map_or(Ok(moves), Err)
}
