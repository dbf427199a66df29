//! The store of counters: bounded, shared out, and never forgetting.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::counters::{Budget, Cas, Memory, OpenError, SlotName, Store, Table};
use policy_core::{Code, Timestamp};
use support::counting::{DONE, Gateway};
use support::pages::{framed, permits, sources};
use support::{Request, json, policy, text_of};

const KIB: u64 = 1024;

fn put(id: u64) -> Request {
    json(&format!("PUT /v3/products/{id}"), "{}")
}

fn each(id: &str) -> String {
    format!(
        r#"{{ "id": "{id}", "scope": "shop:products.update", "fields": "any", "counters": [{{ "id": "each", "count": "requests", "max": 2, "window": "1h", "per": ["resource"] }}] }}"#
    )
}

/// A gateway with so little memory for counters.
fn small(set: std::sync::Arc<policy_core::PolicySet>, bytes: u64) -> Gateway {
    let mut gateway = Gateway::new(set);
    gateway.memory = Memory::new();
    let birth = Timestamp::parse("2026-10-01T00:00:00Z").expect("a time");
    gateway.table = Table::open(&gateway.set, &mut gateway.memory, Budget { bytes }, birth).expect("a table");
    gateway
}

/// Any number of resources: the memory stays within its bound, what does not fit is refused, what fits is not forgotten, and
/// room that is free again is used again.
#[test]
fn a_full_table_refuses_and_forgets_nothing() {
    let mut gateway = small(permits(&each("w")), 32 * KIB);
    let mut passed = Vec::new();
    let mut full = 0;
    for id in 1..=1_500u64 {
        let outcome = gateway.send(&put(id), DONE);
        match text_of(&outcome).as_str() {
            "allow w" => passed.push(id),
            "deny w: state_full" => full += 1,
            other => panic!("{other}"),
        }
    }
    assert!(gateway.memory.bytes() as u64 <= 32 * KIB, "{}", gateway.memory.bytes());
    assert!(passed.len() > 300 && full > 300, "{} passed, {full} did not", passed.len());
    // Each of those that passed is still counted: one more, and no third.
    for id in passed.iter().step_by(20) {
        assert_eq!(text_of(&gateway.send(&put(*id), DONE)), "allow w");
        assert_eq!(text_of(&gateway.send(&put(*id), DONE)), "deny w: rate_limited");
    }
    gateway.pass(3_700);
    for id in 10_000..10_100 {
        assert_eq!(text_of(&gateway.send(&put(id), DONE)), "allow w");
    }
}

/// One agent that uses up its share leaves another's alone; so do two counters of one agent.
#[test]
fn shares_are_apart() {
    let page = |name: &str| {
        framed(&[
            r#"{ "apis": { "shop": { "catalog": "shop-v3", "hosts": ["shop.example.com"] } } }"#,
            &format!(r#"{{ "agent": {{ "name": "{name}" }}, "permit": [{}] }}"#, each("w")),
        ])
    };
    let mut gateway = small(policy(&sources(&[page("agent"), page("other")])), 64 * KIB);
    for id in 1..=1_500 {
        gateway.send(&put(id), DONE);
    }
    let mut ids = 10_001..=11_500;
    let is_full = |outcome: &policy_core::Outcome| outcome.reasons.iter().any(|reason| reason.code == Code::StateFull);
    let refused = ids.any(|id| is_full(&gateway.send(&put(id), DONE)));
    assert!(refused, "the first agent has no room left");
    for id in 1..=50 {
        let outcome = gateway.send(&put(id).set("x-agent", Some("other")), DONE);
        assert_eq!(text_of(&outcome), "allow w", "{id}");
    }
}

/// What is there stays; what is new gets its place; what does not fit is said.
#[test]
fn tables_are_opened_again() {
    let now = Timestamp::from_seconds(1_000);
    let later = Timestamp::from_seconds(2_000);
    let budget = Budget { bytes: 1024 * KIB };
    let set = permits(&each("w"));
    let mut memory = Memory::new();
    let first = Table::open(&set, &mut memory, budget, now).expect("a table");
    let slots = first.slots();
    assert!((1..=256).contains(&slots), "{slots}");
    // Half is left for counters of later policies.
    assert_eq!(memory.slots() as u64, slots + 1);
    let again = Table::open(&set, &mut memory, budget, later).expect("a table");
    assert_eq!((again.birth(), again.slots()), (Some(now), slots));
    let grown = Table::open(&permits(&each("x")), &mut memory, budget, later).expect("a table");
    assert_eq!(grown.birth(), Some(now));
    assert!(grown.slots() > slots && grown.slots() <= 256, "{}", grown.slots());

    let without =
        Table::open(&permits(r#"{ "id": "r", "scope": "shop:products.get" }"#), &mut Memory::new(), budget, now);
    assert_eq!(without.expect("a table").birth(), None);
    let tight = Table::open(&set, &mut Memory::new(), Budget { bytes: 4 * KIB - 1 }, now);
    assert_eq!(tight.err(), Some(OpenError::Budget));
}

/// Something else in the store, or a store that keeps nothing: nothing is charged, and nothing passes.
#[test]
fn a_damaged_store_refuses() {
    struct Broken(Memory, Vec<u8>);
    impl Store for Broken {
        fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
            self.0.get(slot).map(|(_, cas)| (self.1.clone(), cas))
        }

        fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
            self.0.set(slot, value, cas)
        }
    }
    struct Nothing;
    impl Store for Nothing {
        fn get(&mut self, _: SlotName) -> Option<(Vec<u8>, Cas)> {
            None
        }

        fn set(&mut self, _: SlotName, _: &[u8], _: Option<Cas>) -> bool {
            false
        }
    }
    let set = permits(&each("w"));
    let budget = Budget { bytes: 1024 * KIB };
    let now = Timestamp::from_seconds(1_000);
    for bytes in [vec![], vec![0], vec![9; 300]] {
        let opened = Table::open(&set, &mut Broken(Memory::new(), bytes), budget, now);
        assert_eq!(opened.err(), Some(OpenError::Store));
    }
    assert_eq!(Table::open(&set, &mut Nothing, budget, now).err(), Some(OpenError::Store));

    // A table whose slots are gone.
    let mut gateway = Gateway::new(set);
    gateway.memory = Memory::new();
    assert_eq!(text_of(&gateway.send(&put(1), DONE)), "deny w: unknown_state");
}

/// Names of slots are short texts, one for each.
#[test]
fn slots_have_names() {
    let slot = SlotName { reach: policy_core::policy::Reach::Node, region: [0xab; 16], index: 7 };
    assert_eq!(slot.to_string(), format!("ambit.node.{}.7", "ab".repeat(16)));
}
