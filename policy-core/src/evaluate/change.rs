//! How far a value may move from what it is now. Compared by multiplication, exactly, both bounds included.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::names::{Datum, Lack, NoNumber, Scope, Values};
use super::test::Verdict;
use crate::number::{Decimal, Distance};
use crate::policy::{CURRENT, Change, Direction, FieldType, Name};
use crate::reason::Code;

/// Judges the change that a value is.
pub(crate) fn change<'a>(
    scope: &Scope<'a>,
    what: &str,
    name: &'a Name,
    (datum, kind): (&Datum<'a>, Option<&'a FieldType>),
    change: &'a Change,
) -> Verdict {
    let new = match scope.number(datum, kind) {
        Ok(new) => new,
        Err(why) => return Verdict::no_number(what, why),
    };
    let current = match current(scope, name, change) {
        Ok(current) => current,
        Err(lack) => return Verdict::lacking(&format!("the current value of {what}"), lack),
    };
    let decimals =
        kind.and_then(FieldType::decimals_of_value).unwrap_or_else(|| new.decimals().max(current.decimals()));
    let inexact = || Verdict::Hard(Code::UnknownState, format!("the change of {what} cannot be held exactly"));
    let Some(way) = Distance::between(current, new) else { return inexact() };
    let bounded = match (change.direction, way.direction()) {
        (_, Ordering::Equal) | (Direction::Up, Ordering::Less) | (Direction::Down, Ordering::Greater) => false,
        (Direction::Both, _) | (Direction::Up, Ordering::Greater) | (Direction::Down, Ordering::Less) => true,
    };
    if !bounded {
        return Verdict::Holds;
    }
    if current == Decimal::ZERO {
        let message =
            format!("{what} is 0 now, and no change from 0 is within bounds; {} was asked for", new.padded(decimals));
        return Verdict::Fails(Code::EnvelopeExceeded, message);
    }
    let within = |bound: Option<Decimal>, holds: &dyn Fn(Decimal) -> Option<bool>| bound.map_or(Some(true), holds);
    let percent = within(change.percent, &|percent| way.within_percent(percent));
    let absolute = within(change.absolute, &|most| way.within(most));
    match (percent, absolute) {
        (Some(true), Some(true)) => Verdict::Holds,
        (None, _) | (_, None) => inexact(),
        _ => Verdict::Fails(Code::EnvelopeExceeded, breach(what, new, current, change, decimals)),
    }
}

/// The number a change is measured against: the first that is there. One that is there and no number is not passed over.
pub(super) fn current<'a>(scope: &Scope<'a>, name: &'a Name, change: &'a Change) -> Result<Decimal, Lack> {
    let field = |name: &str| scope.operation.action.and_then(|action| action.field(name));
    let against = match (name, change.against.as_slice()) {
        (Name::Field(name, tail), []) if tail.0.is_empty() => {
            field(name).map(|field| field.base.as_slice()).unwrap_or_default()
        }
        (_, against) => against,
    };
    let mut found: Vec<Values<'a>> = Vec::new();
    match (name, against) {
        // An open field has no entry of its own: its name is that of the answer's member.
        (Name::Field(name, tail), []) if field(name).is_none() => {
            found.push(scope.present((CURRENT, name, tail), None))
        }
        (_, against) => {
            for name in against {
                found.push(scope.values(name));
                if !matches!(found.last(), Some(Values::Lacking(Lack::Absent(_)))) {
                    break;
                }
            }
        }
    }
    let mut absent = Cow::Borrowed("nothing says what it is measured against");
    for values in found {
        match values {
            Values::Known(data, kind) => {
                return match data.as_slice() {
                    [one] => scope.number(one, kind).map_err(|why| match why {
                        NoNumber::Malformed(why) => Lack::Unknown(format!("it is {why} now").into()),
                        NoNumber::Lacking(lack) => lack,
                    }),
                    [] => Err(Lack::Unknown("it is empty now".into())),
                    _ => Err(Lack::Unknown("it has several values now".into())),
                };
            }
            Values::Ambiguous(why) => return Err(Lack::Unknown(why.into())),
            Values::Lacking(Lack::Absent(why)) => absent = why,
            Values::Lacking(lack) => return Err(lack),
        }
    }
    Err(Lack::Unknown(absent))
}

/// What was asked, what is now, and the nearest value that holds.
fn breach(what: &str, new: Decimal, current: Decimal, change: &Change, decimals: u32) -> String {
    let up = new > current;
    let side = if up { "above" } else { "below" };
    let moved = match share(new, current) {
        Some(percent) => format!("{percent} % {side} {}", current.padded(decimals)),
        None => format!("{side} {}", current.padded(decimals)),
    };
    let bounds: Vec<String> =
        [change.percent.map(|p| format!("{p} %")), change.absolute.map(|a| format!("{}", a.padded(decimals)))]
            .into_iter()
            .flatten()
            .collect();
    let nearest = nearest(current, change, up, decimals).map(|bound| format!(" ({})", bound.padded(decimals)));
    format!(
        "{what} {} is {moved}; at most {}{}",
        new.padded(decimals),
        bounds.join(" and "),
        nearest.unwrap_or_default()
    )
}

/// The change in percent, rounded away from zero to two digits: a breach never reads as if it held.
fn share(new: Decimal, current: Decimal) -> Option<Decimal> {
    let distance = new.checked_sub(current)?.abs();
    let hundredths = distance.checked_mul(Decimal::from_count(10_000))?.ceil_div(current.abs())?;
    Some(hundredths.shifted_down(2))
}

/// The value furthest from the current one that holds, rounded inward.
fn nearest(current: Decimal, change: &Change, up: bool, decimals: u32) -> Option<Decimal> {
    let share = match change.percent {
        Some(percent) => Some(percent.checked_mul(current.abs())?.shifted_down(2)),
        None => None,
    };
    let most = match (share, change.absolute) {
        (Some(a), Some(b)) => a.min(b),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    if up { current.checked_add(most)?.floor_to(decimals) } else { current.checked_sub(most)?.ceil_to(decimals) }
}
