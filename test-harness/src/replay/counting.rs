//! Counters over a replay: the store of a gateway, and what becomes of it when requests come in the order of a recording.
//!
//! | the world | a request is charged |
//! |---|---|
//! | enforced | when it passes, as a gateway charges it |
//! | unenforced, as a recording is | when it was done, whatever the page says of it; what the page says is tried on a copy |
//!
//! Either way an answer by which the upstream certainly did nothing gives back what was charged.

use std::collections::{BTreeMap, BTreeSet};

use policy_core::counters::{
    Cas, Charge, Memory, OpenError, Plan, Signals, SlotName, Store, Table, Tallied, carry_out, give_back, place,
    record, set_used, usage,
};
use policy_core::policy::{Counter, Page};
use policy_core::{Outcome, PolicySet, Timestamp};

use super::peaks::{Asked, Peaks};
use crate::world::{Budget, Used, World};

/// The counters of a policy set.
#[derive(Debug)]
pub(super) struct Counting {
    table: Table,
    store: Memory,
    pub(super) peaks: Peaks,
    pub(super) seen: Seen,
}

/// What slots held around a request that was judged, for another store that is to hold the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// When it came.
    pub(super) before: Vec<(SlotName, Vec<u8>)>,
    /// Once it was settled.
    pub(super) after: Vec<(SlotName, Vec<u8>)>,
}

impl Counting {
    /// Nothing has been used yet, since a moment.
    pub(super) fn new(set: &PolicySet, since: Timestamp) -> Result<Self, OpenError> {
        let mut store = Memory::new();
        let table = Table::open(set, &mut store, set.counters_budget(), since)?;
        Ok(Self { table, store, peaks: Peaks::default(), seen: Seen::default() })
    }

    /// Carries a plan out, in a world that may know what was used before.
    pub(super) fn carry_out(&mut self, page: &Page, plan: &Plan, world: &dyn World, now: Timestamp) -> Tallied {
        for charge in plan.charges() {
            self.tell(page, charge, world, now);
        }
        self.seen.before = self.slots(plan);
        if world.unenforced() {
            carry_out(plan, &self.table, &mut Trial { store: &mut self.store, set: BTreeMap::new() }, now)
        } else {
            carry_out(plan, &self.table, &mut self.store, now)
        }
    }

    /// What the world knows to have been used of a budget, set in the store.
    fn tell(&mut self, page: &Page, charge: &Charge, world: &dyn World, now: Timestamp) {
        let (Some(counter), Some(of)) = (page.counters.get(charge.counter()), charge.budget()) else { return };
        let used = match world.used(&Budget { rule: counter.rule.as_deref(), counter: &counter.id, of: &of }) {
            Used::AsCounted => return,
            Used::Nothing => None,
            Used::So(used) => Some(used),
        };
        // What cannot be set is refused when it is charged.
        let _ = set_used(charge, used, &self.table, &mut self.store, now);
    }

    /// Settles a request: `status` is what the upstream answered, where it is known.
    pub(super) fn settle(
        &mut self,
        page: &Page,
        outcome: &Outcome,
        status: Option<u16>,
        world: &dyn World,
        now: Timestamp,
    ) {
        let sent = Signals {
            upstream: true,
            connect_failed: false,
            attempts: 1,
            status,
            operations: outcome.operations.len(),
        };
        if world.unenforced() {
            if let Some(plan) = &outcome.charged {
                // What has no room is not counted, and says so when it is charged.
                let _ = record(plan, !sent.give_back(), &self.table, &mut self.store, now);
            }
        } else if !outcome.forward || sent.give_back() {
            // Nobody else sets its slots.
            let left = give_back(outcome.reserved.clone(), &mut self.store);
            debug_assert!(left.is_empty(), "{left:?}");
        }
        for charge in outcome.charged.iter().flat_map(Plan::charges) {
            self.look(page, charge, outcome, now);
        }
        self.seen.after = outcome.charged.as_ref().map(|plan| self.slots(plan)).unwrap_or_default();
    }

    /// What the slots of a plan hold.
    fn slots(&mut self, plan: &Plan) -> Vec<(SlotName, Vec<u8>)> {
        let slots: BTreeSet<SlotName> = plan.charges().iter().filter_map(|charge| place(charge, &self.table)).collect();
        slots.into_iter().filter_map(|slot| self.store.get(slot).map(|(bytes, _)| (slot, bytes))).collect()
    }

    /// Notes how much of a budget is used by now.
    fn look(&mut self, page: &Page, charge: &Charge, outcome: &Outcome, now: Timestamp) {
        let Some(counter): Option<&Counter> = page.counters.get(charge.counter()) else { return };
        let Some(usage) = usage(charge, &self.table, &mut self.store, now) else { return };
        let asked = Asked { amount: charge.amount(), passed: outcome.forward };
        self.peaks.note(page, counter, charge.budget(), usage, asked, now);
    }
}

/// A store whose slots are set on a copy.
struct Trial<'s> {
    store: &'s mut Memory,
    set: BTreeMap<SlotName, (Vec<u8>, u32)>,
}

impl Store for Trial<'_> {
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
        match self.set.get(&slot) {
            Some((bytes, cas)) => Some((bytes.clone(), Cas(*cas))),
            None => self.store.get(slot),
        }
    }

    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
        let (Some((_, known)), Some(seen)) = (self.get(slot), cas) else { return false };
        if known == seen {
            self.set.insert(slot, (value.to_vec(), seen.0.wrapping_add(1)));
        }
        known == seen
    }
}
