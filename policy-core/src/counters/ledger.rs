//! A plan on a store: what a request is charged to is charged all together, or not at all.

use crate::ordered::Map;
use alloc::vec::Vec;

use super::plan::{Charge, Intent, Plan};
use super::slot::{Receipt, Refusal, release, reserve};
use super::table::Table;
use crate::approval::{Applied, Roles};
use crate::standing::Standing;
use crate::store::{NotSet, SlotName, Store, update};
use crate::time::Timestamp;

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// Charges that did not fit, by their position in the plan. Where there is one, nothing is reserved.
    pub(crate) refusals: Vec<(usize, Refusal)>,
    /// What is reserved, until it is settled.
    pub(crate) receipts: Vec<Receipt>,
    /// Since when the counters are kept.
    pub(crate) since: Option<Timestamp>,
    /// Whether the agent may act at all.
    pub(crate) standing: Standing,
    /// What becomes of the grants.
    pub(crate) applied: Applied,
}

impl Tallied {
    /// What is reserved, until it is settled.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Charges that did not fit, by their position in the plan.
    #[must_use]
    pub fn refusals(&self) -> &[(usize, Refusal)] {
        &self.refusals
    }
}

/// Carries a plan out. Nothing is charged for who may not act. Attempts are charged each alone; then everything else, if
/// all of it fits.
pub fn carry_out(plan: &Plan, table: &Table, store: &mut dyn Store, now: Timestamp) -> Tallied {
    let mut tallied = Tallied::default();
    if let Some(look) = plan.look() {
        tallied.standing = Standing::read(look, store, now);
        if tallied.standing.stops(look.acts) {
            return tallied;
        }
    }
    if plan.charges().is_empty() {
        approve(plan, &Roles::default(), &mut tallied, store, now);
        return tallied;
    }
    tallied.since = table.birth();
    let mut slots: Map<SlotName, Vec<(usize, &Charge)>> = Map::new();
    for (position, charge) in plan.charges().iter().enumerate() {
        if charge.intent == Intent::Leave {
            continue;
        }
        let slot = match slot_of(charge, table, now) {
            Ok(slot) => slot,
            Err(refusal) => {
                tallied.refusals.push((position, refusal));
                continue;
            }
        };
        if charge.intent == Intent::Attempt {
            let charged = update(store, slot, |bytes| {
                reserve(bytes, slot, &[charge], now).map(|reserved| (reserved.slot, ())).map_err(|(_, why)| why)
            });
            tallied.refusals.extend(charged.err().map(|refusal| (position, refusal)));
        } else {
            slots.alter(slot, Vec::new(), |charges| charges.push((position, charge)));
        }
    }
    if !tallied.refusals.is_empty() {
        return tallied;
    }
    // Everything that does not fit has its reason, not only the first. What stands in one slot is charged at once.
    if slots.values().map(Vec::len).sum::<usize>() > 1 {
        for (slot, charges) in &slots {
            look(store, *slot, charges, now, &mut tallied.refusals);
        }
    }
    if !tallied.refusals.is_empty() {
        let in_order: Map<usize, Refusal> = tallied.refusals.into_iter().collect();
        tallied.refusals = in_order.into_iter().collect();
        return tallied;
    }
    let mut past = Roles::default();
    for (slot, charges) in &slots {
        let only: Vec<&Charge> = charges.iter().map(|(_, charge)| *charge).collect();
        let mut refused = 0;
        let charged = update(store, *slot, |bytes| {
            let reserved = reserve(bytes, *slot, &only, now).map_err(|(at, why)| {
                refused = at;
                why
            })?;
            Ok((reserved.slot, (reserved.receipts, reserved.past)))
        });
        match charged {
            Ok((receipts, positions)) => {
                tallied.receipts.extend(receipts);
                for position in positions {
                    if let Some(role) = only.get(position).and_then(|charge| charge.past.as_deref()) {
                        past.add(role);
                    }
                }
            }
            Err(refusal) => {
                let position = charges.get(refused).map_or(0, |(position, _)| *position);
                tallied.refusals.push((position, refusal));
                // What cannot be given back now still is, when the request is settled.
                tallied.receipts = give_back(core::mem::take(&mut tallied.receipts), store);
                return tallied;
            }
        }
    }
    approve(plan, &past, &mut tallied, store, now);
    tallied
}

/// Uses the grants by which a request goes on: after everything else, so that none is used in vain. Where one cannot be
/// used, what was charged is given back.
fn approve(plan: &Plan, past: &Roles, tallied: &mut Tallied, store: &mut dyn Store, now: Timestamp) {
    let Some(grants) = plan.grants().filter(|grants| grants.passes && (grants.asks() || !past.is_empty())) else {
        return;
    };
    tallied.applied = grants.apply(past, store, now);
    if tallied.applied.refused.is_some() {
        tallied.receipts = give_back(core::mem::take(&mut tallied.receipts), store);
    }
}

/// Gives back what was reserved. What is returned could not be given back, because others set its slot all the time: to be
/// tried again.
#[must_use = "what is left is still charged"]
pub fn give_back(receipts: Vec<Receipt>, store: &mut dyn Store) -> Vec<Receipt> {
    let mut slots: Map<SlotName, Vec<Receipt>> = Map::new();
    for receipt in receipts {
        slots.alter(receipt.slot, Vec::new(), |receipts| receipts.push(receipt));
    }
    let mut left = Vec::new();
    for (slot, receipts) in slots {
        let all: Vec<&Receipt> = receipts.iter().collect();
        if update(store, slot, |bytes| Ok((release(bytes, &all), ()))) == Err(NotSet::Contended) {
            left.extend(receipts);
        }
    }
    left
}

/// The slot of a charge, if it has been kept for long enough.
fn slot_of(charge: &Charge, table: &Table, now: Timestamp) -> Result<SlotName, Refusal> {
    let (slot, birth) = place_of(charge, table)?;
    if charge.whole && charge.meter.reaches(birth, now) {
        return Err(Refusal::Young(birth));
    }
    Ok(slot)
}

/// Where a charge stands, and since when that is kept.
pub(super) fn place_of(charge: &Charge, table: &Table) -> Result<(SlotName, Timestamp), Refusal> {
    let (slots, birth) = table.region(charge.reach, &charge.region).ok_or(Refusal::Damaged)?;
    Ok((SlotName { reach: charge.reach, region: charge.region, index: charge.key.slot(slots) }, birth))
}

/// Which charges on a slot do not fit.
fn look(
    store: &mut dyn Store,
    slot: SlotName,
    charges: &[(usize, &Charge)],
    now: Timestamp,
    refusals: &mut Vec<(usize, Refusal)>,
) {
    let bytes = store.get(slot).map(|(bytes, _)| bytes);
    for (position, charge) in charges {
        let fits = bytes.as_deref().ok_or(Refusal::Damaged);
        let fits = fits.and_then(|bytes| reserve(bytes, slot, &[charge], now).map_err(|(_, refusal)| refusal));
        refusals.extend(fits.err().map(|refusal| (*position, refusal)));
    }
}
