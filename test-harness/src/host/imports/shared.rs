//! Shared data.

use super::super::Status;
use super::super::memory::{Guest, Hostcall};

pub(super) fn get(
    guest: &mut Guest<'_>,
    key: u32,
    key_size: u32,
    value_at: u32,
    size_at: u32,
    cas_at: u32,
) -> Hostcall {
    let key = guest.bytes(key, key_size)?;
    let options = &guest.state().options;
    let found = options.shared_data.value(&options.vm_id, &key);
    let (value, cas) = found.ok_or(Status::NotFound)?;
    guest.hand_over(&value, value_at, size_at)?;
    guest.write_u32(cas_at, cas)
}

pub(super) fn set(guest: &mut Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) -> Hostcall {
    let key = guest.bytes(key, key_size)?;
    let value = guest.bytes(value, value_size)?;
    let options = &guest.state().options;
    Ok(options.shared_data.set(&options.vm_id, &key, &value, cas)?)
}
