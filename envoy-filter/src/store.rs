//! Where counters are kept: those of a gateway in the data that its VMs share, those of a worker in this VM.
//!
//! Both outlive a change of the policies, and not the gateway. Shared data is named by the VM's id: filters that have one
//! `vm_id` share their counters. What a worker keeps also ends with its VM, when that fails and is started afresh. Either
//! takes its memory when it is used: a slot begins empty.

use std::cell::RefCell;

use crate::host;
use crate::policy::counters::{Cas, Memory, Reach, SlotName, Store, Table};
use crate::policy::{PolicySet, Timestamp};

thread_local! {
    /// The counters of this worker, over all plugins of its VM.
    static WORKER: RefCell<Memory> = RefCell::new(Memory::new());
}

/// Opens the table of a set's counters, with every slot of it.
///
/// A gateway tries a configuration on its main thread before any worker has it: the slots are made there, one VM at a time,
/// and found by the others.
///
/// # Errors
/// Why counters cannot be kept here. A set that keeps nothing has no such error, and costs no host call.
pub(crate) fn open(set: &PolicySet) -> Result<Table, String> {
    let now = match host::now() {
        Ok(now) => now,
        Err(_) if !set.counts() && !set.stands() && !set.approves() => 0,
        Err(status) => return Err(format!("the gateway does not tell the time ({status:?})")),
    };
    Table::open(set, &mut Slots, set.counters_budget(), Timestamp(now)).map_err(|error| error.to_string())
}

/// Every slot, wherever it is kept.
pub(crate) struct Slots;

impl Store for Slots {
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
        match slot.reach {
            Reach::Worker => worker(|memory| memory.get(slot)).flatten(),
            Reach::Node => host::shared_data(&slot.to_string()).ok().map(|(value, cas)| (value, Cas(cas))),
        }
    }

    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
        match slot.reach {
            Reach::Worker => worker(|memory| memory.set(slot, value, cas)).unwrap_or(false),
            Reach::Node => match cas {
                // 0 compares nothing, and is no number that a value has: it would overwrite what others charge.
                Some(Cas(0)) => false,
                cas => host::set_shared_data(&slot.to_string(), value, cas.map_or(0, |Cas(seen)| seen)).is_ok(),
            },
        }
    }
}

/// The borrow is never held across a host call, so it never fails; the thread's storage is gone only when the VM is.
fn worker<R>(operation: impl FnOnce(&mut Memory) -> R) -> Option<R> {
    WORKER.try_with(|memory| memory.try_borrow_mut().ok().map(|mut memory| operation(&mut memory))).ok().flatten()
}

/// Forgets what this worker keeps, as a fresh VM has nothing.
#[cfg(test)]
pub(crate) fn reset() {
    worker(|memory| *memory = Memory::new());
}
