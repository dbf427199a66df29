//! Answers that agents got and that lookups of the same agent may use for a while (`fresh` of an API).
//!
//! Of one plugin, in the memory of this VM: the gateway's other workers know nothing of them. A write drops what is kept
//! of its host and of its agent when it is forwarded, when it is answered and when its stream ends; in between nothing of
//! that host is kept or used, since the write may take effect at any time. So a read that was under way before a write,
//! and ends after it, is not kept either.

use policy_core::ordered::Map;
use std::cell::RefCell;

use crate::calls::NANOSECONDS_PER_MILLISECOND;
use crate::policy::state::{Answer, Fetch, Keep, Reader};
use crate::types::Fields;

/// Most answers, those that are still coming included.
pub(crate) const ANSWERS: usize = 256;
/// Most bytes that all of them take, heads and bodies.
pub(crate) const BYTES: usize = 4 * 1024 * 1024;
/// Bytes that an answer takes besides its texts, roughly.
const OVERHEAD: usize = 512;

/// What a write may change.
pub(crate) struct Written {
    /// Canonical host; `None`: it is not known, so it may be any.
    pub(crate) host: Option<String>,
    /// The agent that writes. It may write through one host what it reads through another.
    pub(crate) agent: Option<String>,
}

impl Written {
    fn touches(&self, host: &str, agent: &str) -> bool {
        self.host.as_deref().is_none_or(|written| written == host) || self.agent.as_deref() == Some(agent)
    }
}

/// An answer, whole or on its way.
struct Entry {
    keep: Keep,
    /// When the request was forwarded, in nanoseconds since the Unix epoch: the answer is no older, however long it took.
    since: u64,
    head: Fields,
    body: Vec<u8>,
    whole: bool,
}

impl Entry {
    fn bytes(&self) -> usize {
        let head = self.head.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(64));
        let texts = [OVERHEAD, self.keep.host.len(), self.keep.target.len(), self.body.capacity()];
        texts.into_iter().chain(head).fold(0, usize::saturating_add)
    }

    fn is_fresh(&self, fresh_ms: u64, now: u64) -> bool {
        // A clock that was set back tells no age.
        now.checked_sub(self.since)
            .is_some_and(|age| age < fresh_ms.min(self.keep.fresh_ms).saturating_mul(NANOSECONDS_PER_MILLISECOND))
    }
}

/// Names an answer or a write of one [`Kept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(u64);

#[derive(Default)]
struct Store {
    /// Oldest first.
    entries: Map<Id, Entry>,
    /// Writes that are under way.
    writes: Map<Id, Written>,
    next: u64,
}

impl Store {
    fn id(&mut self) -> Id {
        self.next = self.next.saturating_add(1);
        Id(self.next)
    }

    fn is_written(&self, host: &str, agent: &str) -> bool {
        self.writes.values().any(|write| write.touches(host, agent))
    }

    fn drop_written(&mut self, id: Id) {
        if let Some(write) = self.writes.get(&id) {
            self.entries.retain(|_, entry| !write.touches(&entry.keep.host, &entry.keep.reader.agent));
        }
    }

    /// Makes room, the oldest first: of whole answers and of those that are still coming, which an agent can make last.
    fn shrink(&mut self) {
        let mut bytes = self.entries.values().map(Entry::bytes).fold(0, usize::saturating_add);
        while self.entries.len() > ANSWERS || bytes > BYTES {
            let Some(oldest) = self.entries.pop_first() else { break };
            bytes = bytes.saturating_sub(oldest.bytes());
        }
    }
}

/// What is kept.
#[derive(Default)]
pub(crate) struct Kept(RefCell<Store>);

impl Kept {
    /// The store, for an operation that calls nobody: the borrow is never held across a host call, so it never fails.
    fn store<R>(&self, operation: impl FnOnce(&mut Store) -> R) -> Option<R> {
        self.0.try_borrow_mut().ok().map(|mut store| operation(&mut store))
    }

    /// A read is forwarded whose answer may be kept; `None`: a write is under way that may change it.
    pub(crate) fn begin(&self, keep: Keep, now: u64) -> Option<Id> {
        self.store(|store| {
            // What the agent saw before, it now asks for again: that is known to be no longer the last it saw.
            store.entries.retain(|_, entry| {
                let same = entry.keep.target == keep.target && entry.keep.host == keep.host;
                entry.is_fresh(entry.keep.fresh_ms, now) && !(same && entry.keep.reader == keep.reader)
            });
            if store.is_written(&keep.host, &keep.reader.agent) {
                return None;
            }
            let id = store.id();
            store.entries.insert(id, Entry { keep, since: now, head: Vec::new(), body: Vec::new(), whole: false });
            store.shrink();
            Some(id)
        })
        .flatten()
    }

    /// The head of an answer.
    pub(crate) fn head(&self, id: Id, head: Fields) {
        self.store(|store| {
            if let Some(entry) = store.entries.get_mut(&id) {
                entry.head = head;
            }
            store.shrink();
        });
    }

    /// The next part of an answer's body; false if it is not kept any longer.
    pub(crate) fn add(&self, id: Id, part: &[u8]) -> bool {
        self.store(|store| {
            let Some(entry) = store.entries.get_mut(&id) else { return false };
            if entry.body.try_reserve(part.len()).is_err() {
                store.entries.remove(&id);
                return false;
            }
            entry.body.extend_from_slice(part);
            store.shrink();
            store.entries.contains_key(&id)
        })
        .unwrap_or(false)
    }

    /// An answer is whole.
    pub(crate) fn complete(&self, id: Id) {
        self.store(|store| {
            if let Some(entry) = store.entries.get_mut(&id) {
                entry.body.shrink_to_fit();
                entry.whole = true;
            }
        });
    }

    /// An answer is not kept, unless it is whole.
    pub(crate) fn abandon(&self, id: Id) {
        self.store(|store| {
            if store.entries.get(&id).is_some_and(|entry| !entry.whole) {
                store.entries.remove(&id);
            }
        });
    }

    /// A write is forwarded.
    pub(crate) fn write_begins(&self, write: Written) -> Option<Id> {
        self.store(|store| {
            let id = store.id();
            store.writes.insert(id, write);
            store.drop_written(id);
            id
        })
    }

    /// A write is answered.
    pub(crate) fn write_answered(&self, id: Id) {
        self.store(|store| store.drop_written(id));
    }

    /// A write's stream has ended.
    pub(crate) fn write_ends(&self, id: Id) {
        self.store(|store| {
            store.drop_written(id);
            store.writes.remove(&id);
        });
    }

    /// The answer to give in place of a call for `reader`, if one is kept that is young enough.
    pub(crate) fn find(&self, reader: &Reader, fetch: &Fetch, now: u64) -> Option<Answer> {
        self.store(|store| {
            if fetch.fresh_ms == 0 || store.is_written(&fetch.host, &reader.agent) {
                return None;
            }
            let fits = |entry: &&Entry| {
                let Entry { keep, whole, .. } = entry;
                *whole && keep.target == fetch.target && keep.host == fetch.host && keep.reader == *reader
            };
            let entry = store.entries.values().filter(fits).last()?;
            let answer = || Answer::Response { status: 200, headers: entry.head.clone(), body: entry.body.clone() };
            entry.is_fresh(fetch.fresh_ms, now).then(answer)
        })
        .flatten()
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.store(|store| store.entries.is_empty()).unwrap_or(true)
    }

    /// Drops what is too old to be used.
    pub(crate) fn drop_stale(&self, now: u64) {
        self.store(|store| store.entries.retain(|_, entry| entry.is_fresh(entry.keep.fresh_ms, now)));
    }

    /// Number of answers, and bytes they take.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> (usize, usize) {
        self.store(|store| (store.entries.len(), store.entries.values().map(Entry::bytes).sum())).unwrap_or_default()
    }
}
