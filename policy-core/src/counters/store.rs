//! What a host keeps: slots of bytes, each set only by who has seen what it holds.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::policy::Reach;

/// The name of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotName {
    /// Where it is kept: for one worker, or for all of a gateway.
    pub reach: Reach,
    /// The counter it belongs to; zeros: the table itself.
    pub region: [u8; 16],
    /// Which of the counter's slots.
    pub index: u32,
}

/// `ambit.NODE.REGION.INDEX`, a name for stores whose keys are text.
impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reach {
            Reach::Worker => "ambit.worker.",
            Reach::Node => "ambit.node.",
        })?;
        self.region.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, ".{}", self.index)
    }
}

/// What a slot held when it was read: it is set only if nobody has set it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cas(pub u32);

/// A store of slots. Every slot is created before anything is charged to it ([`Table::open`](super::Table::open)), by one
/// at a time.
pub trait Store {
    /// What a slot holds; `None`: there is no such slot.
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)>;

    /// Sets a slot. With `cas`: only if it has not been set since it was read so; without: creates it. `false`: it was not
    /// set.
    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool;
}

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    slots: BTreeMap<SlotName, (Vec<u8>, u32)>,
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
