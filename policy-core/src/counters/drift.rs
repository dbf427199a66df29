//! Changes of values in a window: how far each has moved from where it was when the window began.
//!
//! The base is the value before the oldest change that still counts, else the value now. Of the oldest part of a window it
//! is not known which of its changes still count: then the base is whichever of the values before them makes the drift
//! largest.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::plan::Move;
use super::window::Frame;
use crate::number::{Decimal, Ratio, Share};
use crate::policy::Change;

/// Changes of the fields of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes(Vec<Field>);

/// Changes of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Field {
    name: String,
    /// The value after the last change.
    last: Decimal,
    parts: Vec<Part>,
}

/// Changes in one part of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    number: u64,
    /// The value before the first of them.
    first: Decimal,
    /// Smallest and largest of the values before each; `None`: all are `first`.
    span: Option<(Decimal, Decimal)>,
    /// All of them, without their signs.
    moved: Decimal,
    /// How many they are.
    changes: u32,
}

/// What a field's drift would be.
struct Drifted {
    /// In units of the value.
    distance: Decimal,
    /// Of the base, the largest that it may be; `None`: the base is 0.
    ratio: Option<Ratio>,
}

impl Changes {
    /// Takes out what does not count any more.
    pub(crate) fn expire(&mut self, frame: Frame) {
        for field in &mut self.0 {
            field.parts.retain(|part| part.number >= frame.oldest);
        }
        self.0.retain(|field| !field.parts.is_empty());
    }

    /// Every number in it.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Decimal> {
        self.0.iter().flat_map(|field| {
            let of_part = |part: &Part| {
                let (low, high) = part.reach();
                [part.first, low, high, part.moved]
            };
            field.parts.iter().flat_map(of_part).chain([field.last])
        })
    }

    /// Whether nothing counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the drift stays within bounds if these changes are made. `None`: it cannot be held exactly.
    pub(crate) fn within(&self, frame: Frame, moves: &[Move], net: bool, bounds: &Change) -> Option<bool> {
        let (distance, share) = self.drift(frame, moves, net, bounds.percent.is_some())?;
        let absolute = bounds.absolute.is_none_or(|most| distance <= most);
        let percent = match (bounds.percent, share) {
            (None, _) => true,
            (Some(percent), Some(share)) => share.within_percent(percent)?,
            (Some(_), None) => false,
        };
        Some(absolute && percent)
    }

    /// The drift if these changes are made: in units of the values, and of their bases (`None`: one of them is 0).
    pub(crate) fn drift<'m>(
        &self,
        frame: Frame,
        moves: &'m [Move],
        net: bool,
        shares: bool,
    ) -> Option<(Decimal, Option<Share>)> {
        let mut distance = Decimal::ZERO;
        let mut share = Some(Share::ZERO);
        let untouched = self.0.iter().filter(|field| moves.iter().all(|change| change.field != field.name));
        let of_change = |change: &'m Move| (self.0.iter().find(|field| field.name == change.field), Some(change));
        let all = untouched.map(|field| (Some(field), None)).chain(moves.iter().map(of_change));
        for (field, change) in all {
            let drifted = drifted(field, frame, change, net)?;
            distance = distance.checked_add(drifted.distance)?;
            // Of a base of 0 no change is within any percentage.
            share = match (share, drifted.ratio) {
                (Some(share), Some(ratio)) if shares => Some(share.checked_add(ratio)?),
                (share, Some(_)) => share,
                (_, None) => None,
            };
        }
        Some((distance, share))
    }

    /// Records changes in the part of now. `None`: they cannot be held exactly.
    pub(crate) fn add(&mut self, frame: Frame, moves: &[Move]) -> Option<()> {
        for change in moves.iter().filter(|change| change.old != change.new) {
            let moved = change.size()?;
            let at = match self.0.iter().position(|field| field.name == change.field) {
                Some(at) => at,
                None => {
                    self.0.push(Field { name: change.field.clone(), last: change.old, parts: Vec::new() });
                    self.0.len().saturating_sub(1)
                }
            };
            let field = self.0.get_mut(at)?;
            field.last = change.new;
            match field.parts.last_mut() {
                Some(part) if part.number == frame.current => {
                    part.moved = part.moved.checked_add(moved)?;
                    part.changes = part.changes.saturating_add(1);
                    part.widen(change.old, change.old);
                }
                _ => field.parts.push(Part { number: frame.current, first: change.old, span: None, moved, changes: 1 }),
            }
        }
        Some(())
    }

    /// Takes changes back that were recorded in a part. What has expired is nowhere to be taken from.
    pub(crate) fn take_back(&mut self, number: u64, moves: &[Move]) {
        for change in moves.iter().filter(|change| change.old != change.new) {
            let Some(field) = self.0.iter_mut().find(|field| field.name == change.field) else { continue };
            let Some(position) = field.parts.iter().position(|part| part.number == number) else { continue };
            let Some(part) = field.parts.get_mut(position) else { continue };
            if field.last == change.new {
                field.last = change.old;
            }
            part.changes = part.changes.saturating_sub(1);
            let rest = change.size().and_then(|moved| part.moved.checked_sub(moved));
            match rest.filter(|rest| part.changes > 0 && !rest.is_negative()) {
                Some(rest) => part.moved = rest,
                None => drop(field.parts.remove(position)),
            }
        }
        self.0.retain(|field| !field.parts.is_empty());
    }

    /// All of it as if it were done now: the parts of another window say nothing here.
    pub(crate) fn gathered(mut self, frame: Frame) -> Option<Self> {
        for field in &mut self.0 {
            let mut parts = core::mem::take(&mut field.parts).into_iter();
            let Some(mut all) = parts.next() else { continue };
            all.number = frame.current;
            for part in parts {
                all.moved = all.moved.checked_add(part.moved)?;
                all.changes = all.changes.saturating_add(part.changes);
                let (low, high) = part.reach();
                all.widen(low, high);
            }
            field.parts.push(all);
        }
        Some(self)
    }
}

impl Part {
    /// Smallest and largest of the values before the changes.
    fn reach(&self) -> (Decimal, Decimal) {
        self.span.unwrap_or((self.first, self.first))
    }

    fn widen(&mut self, low: Decimal, high: Decimal) {
        let (least, most) = self.reach();
        let (least, most) = (least.min(low), most.max(high));
        self.span = (least != self.first || most != self.first).then_some((least, most));
    }
}

/// What a field's drift would be with a change, or is without one.
fn drifted(field: Option<&Field>, frame: Frame, change: Option<&Move>, net: bool) -> Option<Drifted> {
    let parts = field.map(|field| field.parts.as_slice()).unwrap_or_default();
    let now = change.map(|change| change.old).or(field.map(|field| field.last))?;
    let new = change.map_or(now, |change| change.new);
    let mut bases = Vec::new();
    match parts {
        [] => bases.push(now),
        [oldest, rest @ ..] if frame.partial && oldest.number == frame.oldest => {
            let (low, high) = oldest.reach();
            let next = rest.first().map_or(now, |part| part.first);
            bases.extend([low, high, next]);
            // Somewhere on the way it may have been nothing.
            if bases.iter().any(|base| base.is_negative()) && bases.iter().any(|base| !base.is_negative()) {
                bases.push(Decimal::ZERO);
            }
        }
        [oldest, ..] => bases.push(oldest.first),
    }
    let before = parts.iter().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(part.moved))?;
    let gross = before.checked_add(change.map_or(Some(Decimal::ZERO), Move::size)?)?;
    let mut all = Drifted { distance: Decimal::ZERO, ratio: Some(Ratio::ZERO) };
    for base in bases {
        let distance = if net { new.checked_sub(base)?.abs() } else { gross };
        all.distance = all.distance.max(distance);
        let ratio = if distance == Decimal::ZERO {
            Some(Ratio::ZERO)
        } else if base == Decimal::ZERO {
            None
        } else {
            Some(Ratio::of(distance, base)?)
        };
        all.ratio = match (all.ratio, ratio) {
            (Some(known), Some(ratio)) => Some(known.larger(ratio)?),
            _ => None,
        };
    }
    Some(all)
}
