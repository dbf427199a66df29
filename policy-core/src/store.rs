//! What a host keeps: slots of bytes, each set only by who has seen what it holds. Counters stand there, and who is paused.

use crate::ordered::Map;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::limits::CAS_TRIES;
use crate::policy::Reach;

/// The name of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotName {
    /// Where it is kept: for one worker, or for all of a gateway.
    pub reach: Reach,
    /// What it belongs to: a counter; zeros: the table of counters; ones: that of a candidate's.
    pub region: [u8; 16],
    /// Which of its slots.
    pub index: u32,
}

/// Digits of a region's name.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// `ambit.REACH.REGION.INDEX`, a name for stores whose keys are text.
impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reach {
            Reach::Worker => "ambit.worker.",
            Reach::Node => "ambit.node.",
        })?;
        // At once: a name is made for every look at a slot.
        let digits =
            |byte: &u8| [byte >> 4, byte & 15].map(|half| HEX.get(usize::from(half)).copied().unwrap_or_default());
        let region: [[u8; 2]; 16] = core::array::from_fn(|at| self.region.get(at).map(digits).unwrap_or_default());
        f.write_str(core::str::from_utf8(region.as_flattened()).unwrap_or_default())?;
        write!(f, ".{}", self.index)
    }
}

/// What a slot held when it was read: it is set only if nobody has set it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cas(pub u32);

/// A store of slots. Every slot is created before anything is set in it ([`Table::open`](crate::counters::Table::open)), by
/// one at a time.
pub trait Store {
    /// What a slot holds; `None`: there is no such slot.
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)>;

    /// Sets a slot. With `cas`: only if it has not been set since it was read so; without: creates it. `false`: it was not
    /// set.
    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool;
}

/// A store in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    slots: Map<SlotName, (Vec<u8>, u32)>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes in all slots.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slots.values().map(|(value, _)| value.len()).sum()
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }
}

impl Store for Memory {
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
        self.slots.get(&slot).map(|(value, cas)| (value.clone(), Cas(*cas)))
    }

    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
        match (self.slots.get_mut(&slot), cas) {
            (None, None) => self.slots.insert(slot, (value.to_vec(), 1)).is_none(),
            (Some((known, version)), Some(Cas(seen))) if *version == seen => {
                *known = value.to_vec();
                *version = version.wrapping_add(1);
                true
            }
            _ => false,
        }
    }
}

/// Why a slot could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSet {
    /// There is no such slot.
    Missing,
    /// Others set it all the time.
    Contended,
}

/// Sets a slot to what `change` makes of it, again if somebody else has set it meanwhile. `None` leaves it as it is.
///
/// # Errors
/// [`NotSet`], or what `change` says.
pub(crate) fn update<T, E: From<NotSet>>(
    store: &mut dyn Store,
    slot: SlotName,
    mut change: impl FnMut(&[u8]) -> Result<(Option<Vec<u8>>, T), E>,
) -> Result<T, E> {
    let mut made = None;
    set_again(store, slot, &mut |bytes| match change(bytes) {
        Ok((new, result)) => {
            made = Some(Ok(result));
            new
        }
        Err(error) => {
            made = Some(Err(error));
            None
        }
    })?;
    made.unwrap_or_else(|| Err(NotSet::Missing.into()))
}

/// [`update`] without a result: there is one of it in the filter, whatever is set.
///
/// # Errors
/// [`NotSet`].
pub(crate) fn set_again(
    store: &mut dyn Store,
    slot: SlotName,
    change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), NotSet> {
    for _ in 0..CAS_TRIES {
        let (bytes, cas) = store.get(slot).ok_or(NotSet::Missing)?;
        match change(&bytes) {
            None => return Ok(()),
            Some(new) if store.set(slot, &new, Some(cas)) => return Ok(()),
            Some(_) => {}
        }
    }
    Err(NotSet::Contended)
}

/// The region of this name, which no counter has.
pub(crate) fn region(name: &str) -> [u8; 16] {
    let digest = Sha256::digest(name.as_bytes());
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_are_one_text_each() {
        let mut region = [0; 16];
        region[0] = 0x0f;
        region[15] = 0xa0;
        let name = SlotName { reach: Reach::Node, region, index: 12 };
        assert_eq!(name.to_string(), "ambit.node.0f0000000000000000000000000000a0.12");
        let worker = SlotName { reach: Reach::Worker, region: [0xff; 16], index: 0 };
        assert_eq!(worker.to_string(), "ambit.worker.ffffffffffffffffffffffffffffffff.0");
    }
}
