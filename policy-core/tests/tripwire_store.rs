//! Tripwires on a store that several workers share: nothing is lost, and what trips does so once.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;

use policy_core::counters::{Budget, Cas, Memory, SlotName, Store, Table};
use policy_core::standing::Pauses;
use policy_core::tripwires::{Consequence, End, Told, Watch, again, decided};
use policy_core::{Outcome, PolicySet, Timestamp};
use proptest::prelude::*;
use support::counting::{BUDGET, DONE, Gateway};
use support::json;
use support::pages::shop;

const SECOND: u64 = 1_000_000_000;

fn set(max: u32) -> Arc<PolicySet> {
    shop(&format!(
        r#"{{ "tripwires": [{{ "id": "t", "count": "failed", "window": "5m", "max": {max}, "then": "pause_writes" }}],
             "permit": [{{ "id": "write", "scope": "shop:products.update", "fields": "any" }}] }}"#
    ))
}

/// What is said of a write that is allowed.
fn outcome(set: &Arc<PolicySet>) -> Outcome {
    let outcome = Gateway::new(set.clone()).send(&json("PUT /v3/products/1", "{}"), DONE);
    assert!(outcome.forward, "{:?}", outcome.reasons);
    outcome
}

/// A store that others keep from being set so many times, or of which some slots are gone.
struct Others {
    memory: Memory,
    sets: usize,
    /// Slots that others leave alone.
    alone: Vec<SlotName>,
    without: Option<SlotName>,
}

impl Store for Others {
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
        self.memory.get(slot).filter(|_| self.without != Some(slot))
    }

    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
        if self.sets > 0 && !self.alone.contains(&slot) {
            self.sets -= 1;
            return false;
        }
        self.memory.set(slot, value, cas)
    }
}

fn others(set: &PolicySet) -> Others {
    let mut memory = Memory::new();
    Table::open(set, &mut memory, BUDGET, Timestamp(0)).expect("a table");
    Others { memory, sets: 0, alone: Vec::new(), without: None }
}

fn watch(set: &PolicySet, outcome: &Outcome, store: &mut dyn Store, now: Timestamp) -> Watch {
    let (watch, told) = decided(set, &mut outcome.clone(), store, now, Consequence::Pause);
    assert_eq!(told, Told::default());
    watch.expect("it goes on")
}

/// What others keep from being counted is told again, and trips then; what is lost for good is said.
#[test]
fn what_is_contended_is_told_again() {
    let set = set(0);
    let outcome = outcome(&set);
    let now = Timestamp(SECOND);
    let of_agent: Vec<SlotName> = policy_core::tripwires::slots(set.page("agent").unwrap()).collect();
    // Everything, or only who is paused.
    for (contended, alone) in [(40, &[][..]), (70, &[]), (100, &[]), (40, &of_agent), (100, &of_agent)] {
        let mut store = others(&set);
        store.alone = alone.to_vec();
        let watch = watch(&set, &outcome, &mut store, now);
        store.sets = contended;
        let mut told = watch.ended(&set, End::Unanswered, &mut store, now);
        let mut trips = told.trips.len();
        let mut rounds = 0;
        while let Some(late) = told.late.take() {
            rounds += 1;
            assert!(rounds < 10, "{contended}");
            told = again(&set, late, &mut store, now);
            trips += told.trips.len();
        }
        assert_eq!(trips, 1, "{contended}");
        assert_eq!(Pauses::read(&mut store).expect("pauses").pauses.len(), 1);
    }
    let mut store = others(&set);
    store.without = Some(of_agent[0]);
    let (watch, told) = decided(&set, &mut outcome.clone(), &mut store, now, Consequence::Pause);
    assert!(told.lost);
    let told = watch.unwrap().ended(&set, End::Unanswered, &mut store, now);
    assert!(told.lost && told.trips.is_empty() && told.late.is_none());
}

/// Another worker that gets in between: one of both trips.
#[test]
fn two_workers_trip_once() {
    struct Between<'s> {
        memory: &'s mut Memory,
        set: &'s PolicySet,
        /// At which access the other worker ends its request.
        at: usize,
        other: Option<Watch>,
        trips: usize,
    }
    impl Between<'_> {
        fn turn(&mut self) {
            if self.at > 0 {
                self.at -= 1;
            } else if let Some(other) = self.other.take() {
                let told = other.ended(self.set, End::Unanswered, self.memory, Timestamp(SECOND));
                self.trips += told.trips.len();
                assert!(told.late.is_none());
            }
        }
    }
    impl Store for Between<'_> {
        fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
            self.turn();
            self.memory.get(slot)
        }
        fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
            self.turn();
            self.memory.set(slot, value, cas)
        }
    }
    for (max, expect) in [(0, 1), (1, 1), (2, 0)] {
        let set = set(max);
        let outcome = outcome(&set);
        let now = Timestamp(SECOND);
        for at in 0..24 {
            let mut memory = others(&set).memory;
            let one = watch(&set, &outcome, &mut memory, now);
            let other = watch(&set, &outcome, &mut memory, now);
            let mut store = Between { memory: &mut memory, set: &set, at, other: Some(other), trips: 0 };
            let told = one.ended(&set, End::Unanswered, &mut store, now);
            let (left, trips) = (store.other.take(), store.trips + told.trips.len());
            let late = left.map_or(0, |other| other.ended(&set, End::Unanswered, &mut memory, now).trips.len());
            assert_eq!(trips + late, expect, "at most {max}, in between at {at}");
            assert_eq!(Pauses::read(&mut memory).expect("pauses").pauses.len(), expect);
        }
    }
}

/// What is kept of an agent has a bound, whatever it does.
#[test]
fn what_is_kept_is_bounded() {
    let tripwires: Vec<String> = (0..16)
        .map(|id| format!(r#"{{ "id": "t{id}", "count": "failed", "window": "5m", "max_percent": "99.9", "of": "requests", "then": "pause_writes" }}"#))
        .collect();
    let set = shop(&format!(
        r#"{{ "tripwires": [{}], "permit": [{{ "id": "write", "scope": "shop:products.update", "fields": "any" }}] }}"#,
        tripwires.join(",")
    ));
    let outcome = outcome(&set);
    let mut memory = Memory::new();
    Table::open(&set, &mut memory, Budget::default(), Timestamp(0)).expect("a table");
    for second in 0..2_000 {
        let now = Timestamp(1_795_176_000 * SECOND + second * SECOND);
        let end = if second % 2 == 0 { End::Unanswered } else { End::Answered(200, None) };
        assert_eq!(watch(&set, &outcome, &mut memory, now).ended(&set, end, &mut memory, now), Told::default());
    }
    assert!(memory.bytes() < 24 * 1024, "{}", memory.bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against an exact count: no later than the exact window says, and no earlier than one a sixtieth longer does.
    #[test]
    fn a_window_is_counted(max in 0u32..6, steps in prop::collection::vec((0u64..90, prop::bool::ANY), 1..60)) {
        let set = set(max);
        let outcome = outcome(&set);
        let mut memory = others(&set).memory;
        let mut now = Timestamp(1_000_000 * SECOND);
        let mut failures: VecDeque<u64> = VecDeque::new();
        for (pause, failed) in steps {
            now = Timestamp(now.0 + pause * SECOND);
            let watch = watch(&set, &outcome, &mut memory, now);
            let end = if failed { End::Answered(500, None) } else { End::Answered(200, None) };
            let told = watch.ended(&set, end, &mut memory, now);
            if !failed {
                prop_assert!(told.trips.is_empty());
                continue;
            }
            failures.push_back(now.0);
            let within = |window: u64| failures.iter().filter(|at| **at + window > now.0).count();
            let (exact, longer) = (within(300 * SECOND), within(305 * SECOND));
            if exact > max as usize {
                prop_assert_eq!(told.trips.len(), 1);
            }
            if longer <= max as usize {
                prop_assert_eq!(told.trips.len(), 0);
            }
            if !told.trips.is_empty() {
                break;
            }
        }
    }
}
