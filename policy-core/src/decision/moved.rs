//! What a request changes of values whose changes are bounded, by digests alone.

use sha2::{Digest as _, Sha256};

use crate::limits::REVERT_SLOTS;
use crate::number::Decimal;

/// A change of one field that a request makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The resource.
    resource: u64,
    /// The field of the resource.
    pub(crate) field: u64,
    /// Digests of the value before and after.
    pub(crate) old: u64,
    pub(crate) new: u64,
}

impl Moved {
    /// `resource`: what one has a key of its own; `field`: its name on the page. `None`: nothing changes.
    pub(crate) fn of(resource: &str, field: &str, old: Decimal, new: Decimal) -> Option<Self> {
        let value = |value: Decimal| digest(&[&alloc::format!("{value}")]);
        (old != new).then(|| Self {
            resource: digest(&[resource]),
            field: digest(&[resource, field]),
            old: value(old),
            new: value(new),
        })
    }

    /// What it is a change of.
    pub(crate) fn field(&self) -> u64 {
        self.field
    }

    pub(crate) fn resource(&self) -> u64 {
        self.resource
    }

    /// Which of the agent's slots it is kept in.
    pub(crate) fn slot(&self) -> u32 {
        u32::try_from(self.field.checked_rem(u64::from(REVERT_SLOTS)).unwrap_or_default()).unwrap_or_default()
    }
}

fn digest(parts: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default()
}
