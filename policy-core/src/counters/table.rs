//! Where the slots are: for each counter as many as it gets, created before anything is charged, kept over updates of the
//! policies.

use crate::ordered::Map;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::approval;
use crate::limits::{CAS_TRIES, COUNTER_SLOTS, COUNTERS_KIB, SLOT_BYTES};
use crate::policy::{Counter, PolicySet, Reach};
use crate::standing;
use crate::store::{SlotName, Store};
use crate::time::Timestamp;
use crate::tripwires;

/// The form of a table's bytes.
const FORM: u8 = 1;

/// How much a store may hold for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of all slots together, per reach.
    pub bytes: u64,
}

impl Default for Budget {
    /// [`COUNTERS_KIB`].
    fn default() -> Self {
        Self { bytes: u64::from(COUNTERS_KIB) * 1024 }
    }
}

/// The slots of a set's counters, and since when they are kept.
#[derive(Clone, Debug)]
pub struct Table {
    reaches: Map<Reach, Header>,
}

/// What the table's own slot holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    form: u8,
    birth: Timestamp,
    /// Number of slots of each counter.
    regions: Map<[u8; 16], u32>,
}

/// Why a table cannot be opened. Nothing may then be charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The counters do not fit into the budget.
    Budget,
    /// The store does not keep what is set, or something else stands in the table's slot.
    Store,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Budget => {
                "the counters of these policies, and of those before them, do not fit into the memory for counters: give \
                 them more, or restart the gateway to drop counters that no policy has any more"
            }
            Self::Store => "the store for counters does not keep what is set, or is used by something else",
        })
    }
}

impl core::error::Error for OpenError {}

/// Where the table of an enforced set stands among the slots, and that of a candidate: neither is the name of a counter.
const ENFORCED: [u8; 16] = [0; 16];
const CANDIDATE: [u8; 16] = [0xff; 16];

impl Table {
    /// Opens the table of a set's counters; creates what is not there yet, and the slots for who may act and for tripwires. What is there stays
    /// as it is. One at a time may do this with a store.
    ///
    /// A candidate has a table of its own, so that its budget is apart from that of the enforced set.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(set: &PolicySet, store: &mut dyn Store, budget: Budget, now: Timestamp) -> Result<Self, OpenError> {
        if set.stands() && !standing::open(store, now) {
            return Err(OpenError::Store);
        }
        let opened = tripwires::open(set, store) && (!set.approves() || approval::open(store, now));
        if !opened {
            return Err(OpenError::Store);
        }
        let mut reaches = Map::new();
        for reach in [Reach::Worker, Reach::Node] {
            let counters = set.pages().iter().flat_map(|page| &page.counters);
            let counters: Vec<&Counter> = counters.filter(|counter| counter.reach == reach).collect();
            if !counters.is_empty() {
                let region = if set.is_candidate { CANDIDATE } else { ENFORCED };
                let name = SlotName { reach, region, index: 0 };
                reaches.insert(reach, open(name, &counters, store, budget, now)?);
            }
        }
        Ok(Self { reaches })
    }

    /// Since when everything that was charged is known: the later one, where workers keep counters of their own.
    #[must_use]
    pub fn birth(&self) -> Option<Timestamp> {
        self.reaches.values().map(|header| header.birth).max()
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(&self) -> u64 {
        self.reaches.values().flat_map(|header| header.regions.values()).map(|slots| u64::from(*slots)).sum()
    }

    /// Number of slots of a counter, and since when they are kept.
    pub(super) fn region(&self, reach: Reach, region: &[u8; 16]) -> Option<(u32, Timestamp)> {
        let header = self.reaches.get(&reach)?;
        header.regions.get(region).map(|slots| (*slots, header.birth))
    }
}

fn open(
    name: SlotName,
    counters: &[&Counter],
    store: &mut dyn Store,
    budget: Budget,
    now: Timestamp,
) -> Result<Header, OpenError> {
    if store.get(name).is_none() {
        let fresh = Header { form: FORM, birth: now, regions: Map::new() };
        let bytes = postcard::to_allocvec(&fresh).map_err(|_| OpenError::Store)?;
        store.set(name, &bytes, None);
    }
    for _ in 0..CAS_TRIES {
        let (bytes, cas) = store.get(name).ok_or(OpenError::Store)?;
        let header: Option<Header> = postcard::from_bytes(&bytes).ok();
        let mut header = header.filter(|header| header.form == FORM).ok_or(OpenError::Store)?;
        let new: Vec<&&Counter> = counters.iter().filter(|c| !header.regions.contains_key(&c.region)).collect();
        if new.is_empty() {
            return Ok(header);
        }
        for (region, slots) in share(&header, &new, budget)? {
            for index in 0..slots {
                let slot = SlotName { reach: name.reach, region, index };
                if store.get(slot).is_none() && !store.set(slot, &[], None) {
                    return Err(OpenError::Store);
                }
            }
            header.regions.insert(region, slots);
        }
        let bytes = postcard::to_allocvec(&header).map_err(|_| OpenError::Store)?;
        if store.set(name, &bytes, Some(cas)) {
            return Ok(header);
        }
    }
    Err(OpenError::Store)
}

/// How many slots each new counter gets: one where it has one budget, else its share of half of what is left, so that
/// counters of later policies find room.
fn share(header: &Header, new: &[&&Counter], budget: Budget) -> Result<Vec<([u8; 16], u32)>, OpenError> {
    let all = budget.bytes.checked_div(SLOT_BYTES as u64).unwrap_or_default();
    let used: u64 = header.regions.values().map(|slots| u64::from(*slots)).sum();
    let (single, keyed): (Vec<&&Counter>, Vec<&&Counter>) = new.iter().partition(|counter| counter.per.is_empty());
    let left = all.checked_sub(used).and_then(|left| left.checked_sub(single.len() as u64)).ok_or(OpenError::Budget)?;
    let each = left.div_ceil(2).checked_div(keyed.len() as u64).unwrap_or_default().min(u64::from(COUNTER_SLOTS));
    if !keyed.is_empty() && each == 0 {
        return Err(OpenError::Budget);
    }
    let each = u32::try_from(each).unwrap_or(COUNTER_SLOTS);
    let single = single.into_iter().map(|counter| (counter.region, 1));
    Ok(single.chain(keyed.into_iter().map(|counter| (counter.region, each))).collect())
}
