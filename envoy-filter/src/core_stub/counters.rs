//! Counters of one number, as text in a slot for each reach.

pub use policy_core::counters::{Budget, Cas, Memory, OpenError, Reach, Signals, SlotName, Store};

use super::{MOST, PolicySet, Timestamp};

const REACHES: [Reach; 2] = [Reach::Node, Reach::Worker];
const TRIES: usize = 4;

pub fn slot(reach: Reach) -> SlotName {
    SlotName { reach, region: [7; 16], index: 0 }
}

/// Since when there is something to keep.
pub struct Table(Option<Timestamp>);

impl Table {
    pub fn birth(&self) -> Option<Timestamp> {
        self.0
    }

    pub fn open(set: &PolicySet, store: &mut dyn Store, _budget: Budget, now: Timestamp) -> Result<Self, OpenError> {
        let tripwires = set.trips().then(super::tripwires::slot);
        for slot in REACHES.map(slot).into_iter().filter(|_| set.counts()).chain(tripwires) {
            if store.get(slot).is_none() && !store.set(slot, &[], None) {
                return Err(OpenError::Store);
            }
        }
        Ok(Self(set.counts().then_some(now)))
    }
}

pub struct Plan {
    pub reach: Reach,
}

#[derive(Debug)]
pub struct Receipt(Reach);

pub struct Tallied {
    pub receipt: Option<Receipt>,
    pub now: Timestamp,
}

pub fn carry_out(plan: &Plan, _table: &Table, store: &mut dyn Store, now: Timestamp) -> Tallied {
    let more = |used: usize| used.checked_add(1).filter(|used| *used <= MOST);
    let charged = update(store, plan.reach, more) == Some(true);
    Tallied { receipt: charged.then_some(Receipt(plan.reach)), now }
}

pub fn give_back(receipts: Vec<Receipt>, store: &mut dyn Store) -> Vec<Receipt> {
    receipts.into_iter().filter(|Receipt(reach)| update(store, *reach, |used| used.checked_sub(1)).is_none()).collect()
}

/// `None`: others set the slot all the time.
fn update(store: &mut dyn Store, reach: Reach, change: impl Fn(usize) -> Option<usize>) -> Option<bool> {
    for _ in 0..TRIES {
        let Some((value, cas)) = store.get(slot(reach)) else { return Some(false) };
        let used = str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
        let Some(used) = change(used) else { return Some(false) };
        if store.set(slot(reach), used.to_string().as_bytes(), Some(cas)) {
            return Some(true);
        }
    }
    None
}
