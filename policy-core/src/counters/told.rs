//! What was used, as somebody else knows it: a recording that shows what was done, a case that says what has been used; and
//! what is used by now. For replays: a gateway charges by [`carry_out`](super::carry_out) alone.

use alloc::vec::Vec;

use super::ledger::place_of;
use super::plan::{Amount, Bound, Charge, Intent, Move, Plan};
use super::slot::{self, Refusal, State};
use super::table::Table;
use crate::number::{Decimal, Share};
use crate::store::{SlotName, Store, update};
use crate::time::Timestamp;

/// Digits behind the point of a percentage that is shown.
const SHOWN_DECIMALS: u32 = 2;
/// The largest percentage that is shown, in units of its last digit.
const SHOWN_MOST: i128 = 1_000_000_000;

/// How much of a budget is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What is used; of a percentage rounded up to two digits behind the point.
    pub used: Decimal,
    /// The most that may be used.
    pub max: Decimal,
    /// Both are percent of the value when the window began.
    pub percent: bool,
}

/// Charges what was done, whether it fits or not: attempts, and everything else where the request was `done`. Which could
/// not be charged, by their position in the plan, and why.
pub fn record(plan: &Plan, done: bool, table: &Table, store: &mut dyn Store, now: Timestamp) -> Vec<(usize, Refusal)> {
    let charges = plan.charges().iter().enumerate();
    let charges = charges.filter(|(_, charge)| done || charge.intent == Intent::Attempt);
    charges.filter_map(|(at, charge)| one(charge, table, store, now).err().map(|refusal| (at, refusal))).collect()
}

/// The slot where a charge stands. `None`: the table has none.
#[must_use]
pub fn place(charge: &Charge, table: &Table) -> Option<SlotName> {
    place_of(charge, table).ok().map(|(slot, _)| slot)
}

fn one(charge: &Charge, table: &Table, store: &mut dyn Store, now: Timestamp) -> Result<(), Refusal> {
    let (slot, _) = place_of(charge, table)?;
    update(store, slot, |bytes| slot::record(bytes, slot, charge, now).map(|slot| (slot, ())))
}

/// Sets what has been used of the budget that a charge is about, just now. `used` is requests, rows or the sum; of a drift
/// `gross` percent of the value now; of a drift `net` the value when the window began. `None`: nothing.
///
/// # Errors
/// Why it cannot be set: the store, or what cannot be held exactly.
pub fn set_used(
    charge: &Charge,
    used: Option<Decimal>,
    table: &Table,
    store: &mut dyn Store,
    now: Timestamp,
) -> Result<(), Refusal> {
    let amount = match (&charge.bound, &charge.amount, used) {
        (Bound::Drift { net, .. }, Amount::Changes(moves), Some(used)) => {
            let moves = moves.first().map(|first| before(first, used, *net).ok_or(Refusal::Inexact));
            Amount::Changes(moves.transpose()?.unwrap_or_default())
        }
        (_, Amount::Changes(_), _) => Amount::Changes(Vec::new()),
        (_, Amount::Number(_), used) => Amount::Number(used.unwrap_or(Decimal::ZERO)),
    };
    let told = Charge { amount, ..charge.clone() };
    let (slot, _) = place_of(charge, table)?;
    update(store, slot, |bytes| {
        let cleared = slot::without(bytes, charge).ok_or(Refusal::Damaged)?;
        let told = slot::record(&cleared, slot, &told, now)?;
        Ok((Some(told.unwrap_or(cleared)), ()))
    })
}

/// Changes that lead to the value before this one. `None`: they cannot be held exactly.
fn before(change: &Move, used: Decimal, net: bool) -> Option<Vec<Move>> {
    let now = change.old;
    let step = |old, new| Move { field: change.field.clone(), old, new };
    if net {
        return Some(alloc::vec![step(used, now)]);
    }
    // There and back: half of it each way.
    let away = now.checked_add(now.abs().checked_mul(used)?.checked_mul(Decimal::new(5, 3))?)?;
    Some(alloc::vec![step(now, away), step(away, now)])
}

/// What is used by now of the budget that a charge is about. Of a drift with two bounds, the one of which more is used.
/// `None`: the store does not say, or it cannot be held.
pub fn usage(charge: &Charge, table: &Table, store: &mut dyn Store, now: Timestamp) -> Option<Usage> {
    let (bytes, _) = store.get(place(charge, table)?)?;
    let (state, frame) = slot::state(&bytes, charge, now).ok()?;
    match (&state, &charge.bound) {
        (State::Total(total), Bound::Number(max)) => Some(Usage { used: total.used()?, max: *max, percent: false }),
        (State::Drift(changes), Bound::Drift { net, bounds }) => {
            let (distance, share) = changes.drift(frame, &[], *net, bounds.percent.is_some())?;
            let absolute = bounds.absolute.map(|max| Usage { used: distance, max, percent: false });
            let percent = bounds.percent.map(|max| Usage { used: shown(share), max, percent: true });
            match (absolute, percent) {
                (Some(absolute), Some(percent)) if percent.is_more_than(&absolute) => Some(percent),
                (absolute, percent) => absolute.or(percent),
            }
        }
        _ => None,
    }
}

impl Usage {
    /// Whether more of the most is used than of the other's.
    #[must_use]
    pub fn is_more_than(&self, other: &Self) -> bool {
        // Where it cannot be held, the numbers are far beyond any bound.
        match (self.used.checked_mul(other.max), other.used.checked_mul(self.max)) {
            (Some(own), Some(its)) => own > its,
            _ => self.used > other.used,
        }
    }
}

/// A share in percent, rounded up; of a base of 0 the largest that is shown.
fn shown(share: Option<Share>) -> Decimal {
    let (mut low, mut high) = (0i128, SHOWN_MOST);
    let percent = |hundredths: i128| Decimal::new(hundredths, SHOWN_DECIMALS);
    while low < high {
        let middle = low.midpoint(high);
        match share.and_then(|share| share.within_percent(percent(middle))) {
            Some(true) => high = middle,
            _ => low = middle.saturating_add(1),
        }
    }
    percent(low)
}
