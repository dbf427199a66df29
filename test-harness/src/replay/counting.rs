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
use policy_core::tripwires::{self, Answered, Consequence, End, decided};
use policy_core::{Outcome, PolicySet, Timestamp, approval, standing};

use super::peaks::{Asked, Peaks};
use super::trips::Trips;
use crate::recording::RecordedResponse;
use crate::world::{Budget, Used, World};

/// The counters of a policy set.
#[derive(Debug)]
pub(super) struct Counting {
    table: Table,
    store: Memory,
    pub(super) peaks: Peaks,
    pub(super) seen: Seen,
    pub(super) trips: Trips,
    /// How many of them have tripped at the last request.
    pub(super) tripped: usize,
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
        Ok(Self { table, store, peaks: Peaks::default(), seen: Seen::default(), trips: Trips::default(), tripped: 0 })
    }

    /// Nothing of what was approved has been used.
    pub(super) fn forget_grants(&mut self) {
        for slot in approval::slots() {
            let cas = self.store.get(slot).map(|(_, cas)| cas);
            // Policies without approvals have no such slots.
            let _ = cas.is_some_and(|cas| self.store.set(slot, &[], Some(cas)));
        }
    }

    /// Carries a plan out, in a world that may know what was used before.
    pub(super) fn carry_out(&mut self, page: &Page, plan: &Plan, world: &dyn World, now: Timestamp) -> Tallied {
        for charge in plan.charges() {
            self.tell(page, charge, world, now);
        }
        self.seen.before = self.slots(plan);
        let of_page = self.slots_of(page);
        self.seen.before.extend(of_page);
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

    /// Tells the tripwires of a request and of its response, where one is recorded; else as if it had been done. What a
    /// recording shows was done whatever they say: there they only tell.
    pub(super) fn watch(
        &mut self,
        set: &PolicySet,
        page: &Page,
        outcome: &mut Outcome,
        response: Option<&RecordedResponse>,
        world: &dyn World,
        now: Timestamp,
    ) {
        if !set.trips() {
            return;
        }
        let consequence = if world.unenforced() { Consequence::Tell } else { Consequence::Pause };
        let (watch, told) = decided(set, outcome, &mut self.store, now, consequence);
        let mut trips = told.trips;
        if let Some(watch) = watch {
            let end = response.map_or(End::Answered(DONE, None), |response| {
                let answered = watch.copies(response.status).and_then(|limit| answered(response, limit));
                End::Answered(response.status, answered)
            });
            trips.extend(watch.ended(set, end, &mut self.store, now).trips);
        }
        self.tripped = trips.len();
        self.trips.note(trips);
        let of_page = self.slots_of(page);
        self.seen.after.extend(of_page);
    }

    /// What the slots of a page's tripwires hold, and who is paused.
    fn slots_of(&mut self, page: &Page) -> Vec<(SlotName, Vec<u8>)> {
        let slots: Vec<SlotName> = tripwires::slots(page).collect();
        let paused = (!slots.is_empty()).then(standing::slot);
        let slots = slots.into_iter().chain(paused);
        slots.filter_map(|slot| self.store.get(slot).map(|(bytes, _)| (slot, bytes))).collect()
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

/// What is taken for the status of a request whose response is not recorded.
pub(super) const DONE: u16 = 200;

/// What a response says besides its status, where all of it is recorded and it is small enough to be read.
pub(super) fn answered(response: &RecordedResponse, limit: usize) -> Option<Answered<'_>> {
    let body = response.body.bytes().filter(|body| !body.is_empty() && body.len() <= limit)?;
    let one = |name: &str| {
        let mut values = response.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        let value = values.next().filter(|_| values.next().is_none())?;
        std::str::from_utf8(&value.1).ok()
    };
    let encoding = one("content-encoding").filter(|_| !response.decoded);
    Some(Answered { content_type: one("content-type"), encoding, body })
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
