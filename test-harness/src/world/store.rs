//! What is kept of resources, within a bound.

use std::collections::{BTreeMap, VecDeque};

use super::json::Json;

/// Most bytes of what is kept: texts and the names they stand under.
pub(super) const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// What is known under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The resource.
    Resource {
        /// Its members.
        json: Json,
        /// These are all it has.
        whole: bool,
    },
    /// A list as it was answered, with the headers that say whether it is all.
    List {
        /// The answer.
        json: Json,
        /// Its headers.
        headers: Vec<(String, String)>,
    },
    /// There is none.
    Missing,
    /// The recording holds a part of its last answer.
    Cut,
    /// Nobody knows.
    Unknown,
}

/// A text takes less room than a tree.
#[derive(Clone, Debug)]
enum Kept {
    Resource { text: Box<str>, whole: bool },
    List { text: Box<str>, headers: Vec<(String, String)> },
    Missing,
    Cut,
    Unknown,
}

#[derive(Clone, Debug)]
struct Slot {
    kept: Kept,
    /// Later recordings say nothing of it.
    frozen: bool,
    bytes: usize,
    /// The entry of the queue that is its own.
    turn: u64,
}

/// Resources by name. Past the bound, what was longest not heard of is forgotten.
#[derive(Clone, Debug)]
pub(super) struct Store {
    slots: BTreeMap<String, Slot>,
    queue: VecDeque<(u64, String)>,
    turn: u64,
    bytes: usize,
    most: usize,
    forgotten: u64,
    /// Something frozen was forgotten: what is not known may be frozen.
    thawed: bool,
}

impl Store {
    pub(super) fn new(most: usize) -> Self {
        Self { slots: BTreeMap::new(), queue: VecDeque::new(), turn: 0, bytes: 0, most, forgotten: 0, thawed: false }
    }

    /// How many were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn get(&self, name: &str) -> Option<Known> {
        let read = |text: &str| Json::read(text.as_bytes()).ok();
        Some(match &self.slots.get(name)?.kept {
            Kept::Resource { text, whole } => Known::Resource { json: read(text)?, whole: *whole },
            Kept::List { text, headers } => Known::List { json: read(text)?, headers: headers.clone() },
            Kept::Missing => Known::Missing,
            Kept::Cut => Known::Cut,
            Kept::Unknown => Known::Unknown,
        })
    }

    pub(super) fn is_frozen(&self, name: &str) -> bool {
        self.slots.get(name).map_or(self.thawed, |slot| slot.frozen)
    }

    /// From now on recordings say nothing of it.
    pub(super) fn freeze(&mut self, name: &str) {
        if !self.slots.contains_key(name) {
            self.put(name, Known::Unknown);
        }
        if let Some(slot) = self.slots.get_mut(name) {
            slot.frozen = true;
        }
    }

    pub(super) fn put(&mut self, name: &str, known: Known) {
        let frozen = self.slots.get(name).is_some_and(|slot| slot.frozen);
        self.forget(name);
        let kept = match known {
            Known::Resource { json, whole } => Kept::Resource { text: json.to_string().into(), whole },
            Known::List { json, headers } => Kept::List { text: json.to_string().into(), headers },
            Known::Missing => Kept::Missing,
            Known::Cut => Kept::Cut,
            Known::Unknown => Kept::Unknown,
        };
        let text = match &kept {
            Kept::Resource { text, .. } | Kept::List { text, .. } => text.len(),
            Kept::Missing | Kept::Cut | Kept::Unknown => 0,
        };
        // The name stands in the queue too.
        let bytes = text + 2 * name.len() + size_of::<Slot>();
        self.turn += 1;
        self.queue.push_back((self.turn, name.to_owned()));
        self.slots.insert(name.to_owned(), Slot { kept, frozen, bytes, turn: self.turn });
        self.bytes += bytes;
        self.make_room();
    }

    pub(super) fn forget(&mut self, name: &str) {
        if let Some(slot) = self.slots.remove(name) {
            self.bytes = self.bytes.saturating_sub(slot.bytes);
        }
    }

    fn make_room(&mut self) {
        let is_old = |slots: &BTreeMap<String, Slot>, (turn, name): &(u64, String)| {
            slots.get(name).is_none_or(|slot| slot.turn != *turn)
        };
        while self.bytes > self.most {
            let Some(oldest) = self.queue.pop_front() else { break };
            if !is_old(&self.slots, &oldest) {
                self.thawed |= self.is_frozen(&oldest.1);
                self.forget(&oldest.1);
                self.forgotten += 1;
            }
        }
        // What was heard of again stands in the queue more than once.
        if self.queue.len() > 2 * self.slots.len() + 1_024 {
            let slots = &self.slots;
            self.queue.retain(|entry| !is_old(slots, entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(text: &str) -> Known {
        Known::Resource { json: Json::read(text.as_bytes()).unwrap(), whole: true }
    }

    #[test]
    fn what_was_longest_not_heard_of_is_forgotten_first() {
        let mut store = Store::new(4_000);
        for number in 0..1_000 {
            store.put(&format!("r{number}"), resource(r#"{"price":"1.00"}"#));
            store.put("r0", resource(r#"{"price":"2.00"}"#));
        }
        assert_eq!(store.get("r0"), Some(resource(r#"{"price":"2.00"}"#)));
        assert_eq!(store.get("r1"), None);
        assert!(store.get("r999").is_some());
        assert!(store.forgotten() > 900 && store.bytes <= 4_000 && store.queue.len() < 3_000, "{store:?}");
    }

    #[test]
    fn what_is_frozen_stays_so() {
        let mut store = Store::new(KEPT_BYTES);
        store.freeze("a");
        assert_eq!((store.get("a"), store.is_frozen("a")), (Some(Known::Unknown), true));
        store.put("a", resource("{}"));
        assert!(store.is_frozen("a") && !store.is_frozen("b"));
        // What is forgotten may have been frozen: nothing new counts then.
        let mut small = Store::new(1_000);
        small.freeze("a");
        (0..100).for_each(|number| small.put(&format!("b{number}"), resource("{}")));
        assert!(small.get("a").is_none() && small.is_frozen("a"));
    }
}
