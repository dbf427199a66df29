//! Counters against an exact oracle that keeps every charge with its moment: never less is counted, and at most one part of
//! the window more. Clocks jump back and forth.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::{Arc, LazyLock};

use policy_core::counters::{SlotName, release, reserve};
use policy_core::limits::SLOT_BYTES;
use policy_core::policy::Reach;
use policy_core::{Body, PolicySet, Step, Timestamp, evaluate};
use proptest::prelude::*;
use support::counting::{DONE, Gateway, SENT, UNSENT};
use support::pages::permits;
use support::present::{World, store_permits};
use support::{Request, json};

const SECOND: u64 = 1_000_000_000;
/// Seconds of a window, and of one of its sixty parts.
const WINDOW: u64 = 600;
const PART: u64 = WINDOW / 60;
const MAX: u64 = 20;

static SUM: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    permits(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{ "id": "c", "sum": "/x", "max": 20, "window": "10m" }] }"#,
    )
});

fn put(x: u64) -> Request {
    json("PUT /v3/products/1", &format!(r#"{{"x":{x}}}"#))
}

/// One request: how far the clock moved since the last, how much it asks for, what becomes of it.
#[derive(Clone, Debug)]
struct Move {
    clock: i64,
    amount: u64,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Done,
    Unsent,
    Unknown,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    // In tenths of a second: mostly forth, sometimes back, sometimes far.
    let clock = prop_oneof![
        6 => 0i64..300,
        3 => 0i64..7_000,
        2 => -3_000i64..0,
        1 => prop::sample::select(vec![-100_000i64, 100_000, 6_000, 5_999, 6_001, 100, 99, 101]),
    ];
    let end = prop_oneof![4 => Just(End::Done), 1 => Just(End::Unsent), 1 => Just(End::Unknown)];
    let one = (clock, 1u64..8, end).prop_map(|(clock, amount, end)| Move { clock, amount, end });
    prop::collection::vec(one, 1..80)
}

/// Every charge with its moment. Time never goes back in a counter that has been charged.
#[derive(Default)]
struct Oracle {
    charges: Vec<(u64, u64)>,
    latest: u64,
}

impl Oracle {
    /// What is used of a window that ends now.
    fn used(&self, now: u64, window: u64) -> u64 {
        let now = now.max(self.latest);
        self.charges.iter().filter(|(at, _)| at + window > now).map(|(_, amount)| amount).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A9, A11: what passes never exceeds the bound in any window; what is refused would exceed it in a window of one part
    /// more.
    #[test]
    fn rolling_windows_hold_exactly(moves in moves()) {
        let mut gateway = Gateway::new(Arc::clone(&SUM));
        let mut oracle = Oracle::default();
        // Of all that was forwarded, by true time: the clock may jump, the bound holds by what it says.
        for Move { clock, amount, end } in moves {
            gateway.now = Timestamp(gateway.now.0.saturating_add_signed(clock * 100_000_000));
            let now = gateway.now.0.max(oracle.latest);
            let signals = match end {
                End::Done => DONE,
                End::Unsent => UNSENT,
                End::Unknown => SENT,
            };
            let passed = gateway.send(&put(amount), signals).forward;
            let exact = oracle.used(now, WINDOW * SECOND) + amount;
            let most = oracle.used(now, (WINDOW + PART) * SECOND) + amount;
            if passed {
                prop_assert!(exact <= MAX, "passed {amount} at {now}: {exact} in the window");
                oracle.latest = now;
                if end != End::Unsent {
                    oracle.charges.push((now, amount));
                }
            } else {
                prop_assert!(most > MAX, "refused {amount} at {now}: {most} in the window and a part");
            }
        }
    }
}

static GROSS: LazyLock<Arc<PolicySet>> = LazyLock::new(|| drift("gross"));
static NET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| drift("net"));

fn drift(kind: &str) -> Arc<PolicySet> {
    store_permits(&format!(
        r#"{{ "id": "p", "scope": "store:products.update", "fields": {{ "only": ["price"] }}, "counters": [{{ "id": "d", "drift": "{kind}", "field": "price", "per": ["resource"], "max": {{ "percent": 20 }}, "window": "10m" }}] }}"#
    ))
}

/// A change that was made: when, from what, to what.
type Made = (u64, i64, i64);

/// Whether a change would be within a fifth of the base, exactly; the window begins behind `start`.
fn within(made: &[Made], start: u64, old: i64, new: i64, net: bool) -> bool {
    let live: Vec<&Made> = made.iter().filter(|(at, ..)| *at > start).collect();
    let base = live.first().map_or(old, |(_, before, _)| *before);
    let size = if net {
        (new - base).abs()
    } else {
        live.iter().map(|(_, before, after)| (after - before).abs()).sum::<i64>() + (new - old).abs()
    };
    size * 5 <= base
}

#[derive(Clone, Debug)]
struct Reprice {
    clock: i64,
    /// What somebody else does to the price before.
    other: i64,
    change: i64,
    undone: bool,
}

fn reprices() -> impl Strategy<Value = Vec<Reprice>> {
    let clock =
        prop_oneof![5 => 0i64..400, 3 => 0i64..7_000, 1 => -3_000i64..0, 1 => Just(6_000i64), 1 => Just(100i64)];
    let other = prop_oneof![4 => Just(0i64), 1 => -150i64..150];
    let one = (clock, other, -160i64..160, prop::bool::weighted(0.15));
    let one = one.prop_map(|(clock, other, change, undone)| Reprice { clock, other, change, undone });
    prop::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A10: a drift that passes is within its bound exactly; one that is refused is not, or would not be if what happened in
    /// the oldest part of the window still counted, measured against one of the values that stood then.
    #[test]
    fn drifts_hold_exactly(moves in reprices(), net in any::<bool>()) {
        let mut gateway = Gateway::new(Arc::clone(if net { &NET } else { &GROSS }));
        let (mut made, mut latest): (Vec<Made>, u64) = (Vec::new(), 0);
        let mut price = 1_000i64;
        for Reprice { clock, other, change, undone } in moves {
            gateway.now = Timestamp(gateway.now.0.saturating_add_signed(clock * 100_000_000));
            let now = gateway.now.0.max(latest);
            price = (price + other).max(200);
            let new = (price + change).max(100);
            let product = format!(r#"{{"id":42,"price":{price}}}"#);
            gateway.world = World::of(&[("/v1/products/42", &product), ("/v1/products?include=42&per_page=100", &format!("[{product}]"))]);
            let request = json("PUT /v1/products/42", &format!(r#"{{"price":{new}}}"#));
            let passed = gateway.send(&request, if undone { UNSENT } else { DONE }).forward;
            let start = now - WINDOW * SECOND;
            let exact = within(&made, start, price, new, net);
            if passed {
                prop_assert!(exact, "{made:?}: {price} to {new} at {now}");
                // What changes nothing sets nothing.
                if new != price {
                    latest = now;
                    if !undone {
                        made.push((now, price, new));
                        price = new;
                    }
                }
            } else if made.iter().all(|(at, ..)| *at > start || *at + PART * SECOND < start) {
                // Nothing happened in what is left of the oldest part, nor in the part before it.
                let partly = made.iter().any(|(at, ..)| *at > start && *at <= start + PART * SECOND);
                prop_assert!(!exact || partly, "{made:?}: {price} to {new} at {now}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever stands in a slot, it is read or refused, and what is refused is not changed.
    #[test]
    fn slots_are_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let mut gateway = Gateway::new(Arc::clone(&SUM));
        let judged = evaluate(&gateway.set, put(3).head(), gateway.now);
        let Step::NeedBody(need) = judged else { panic!("a body: {judged:?}") };
        let judged = need.answer(Body::Complete(br#"{"x":3}"#.to_vec()));
        let Step::NeedStore(need) = judged else { panic!("counters: {judged:?}") };
        let charge = &need.plan().charges()[0];
        let slot = SlotName { reach: Reach::Node, region: [1; 16], index: 0 };
        // A slot that is sound but for one byte.
        let sound = reserve(&[], slot, &[charge], gateway.now).expect("room").slot.expect("something new");
        let mut torn = sound.clone();
        let place = at.index(torn.len());
        torn[place] ^= flip;
        for bytes in [noise, torn] {
            if let Ok(reserved) = reserve(&bytes, slot, &[charge], gateway.now) {
                let new = reserved.slot.expect("something new");
                prop_assert!(new.len() <= SLOT_BYTES);
                prop_assert!(reserve(&new, slot, &[charge], gateway.now).is_ok_and(|again| again.slot.is_some()) || flip != 0);
                let receipts: Vec<_> = reserved.receipts.iter().collect();
                prop_assert!(release(&new, &receipts).is_some());
            }
        }
        prop_assert!(gateway.send(&put(3), DONE).forward);
    }
}
