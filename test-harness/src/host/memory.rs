//! The guest's memory, seen from a hostcall.

use super::limits::{BYTES_PER_FUEL, HOSTCALL_FUEL};
use super::pairs;
use super::state::State;
use super::{HeaderMap, Status};
use wasmtime::{Caller, Extern, Memory, Trap};

/// Why a hostcall does not end in [`Status::Ok`].
pub(crate) enum Refusal {
    /// The guest gets the status.
    Status(Status),
    /// The guest is stopped: its allocator trapped, or its fuel is used up.
    Trap(wasmtime::Error),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<wasmtime::Error> for Refusal {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

pub(crate) type Hostcall<T = ()> = Result<T, Refusal>;

/// The guest that is calling.
pub(crate) struct Guest<'a>(Caller<'a, State>);

impl<'a> Guest<'a> {
    /// Runs a hostcall and turns its result into what the guest gets.
    pub(crate) fn serve(
        caller: Caller<'a, State>,
        hostcall: impl FnOnce(&mut Self) -> Hostcall,
    ) -> wasmtime::Result<u32> {
        let mut guest = Self(caller);
        match guest.charge(HOSTCALL_FUEL).and_then(|()| hostcall(&mut guest)) {
            Ok(()) => Ok(Status::Ok as u32),
            Err(Refusal::Status(status)) => Ok(status as u32),
            Err(Refusal::Trap(error)) => Err(error),
        }
    }

    pub(crate) fn state(&mut self) -> &mut State {
        self.0.data_mut()
    }

    /// Copies `length` bytes at `pointer` out of the guest.
    pub(crate) fn bytes(&mut self, pointer: u32, length: u32) -> Hostcall<Vec<u8>> {
        let memory = self.memory()?;
        let (start, size) = (offset(pointer)?, offset(length)?);
        let end = start.checked_add(size).ok_or(Status::InvalidMemoryAccess)?;
        // Bounds first: an address that is no good costs no copying.
        if end > memory.data_size(&self.0) {
            return Err(Status::InvalidMemoryAccess.into());
        }
        self.charge(u64::from(length) / BYTES_PER_FUEL)?;
        let bytes = memory.data(&self.0).get(start..end).ok_or(Status::InvalidMemoryAccess)?;
        Ok(bytes.to_vec())
    }

    /// Reads a name that the host keeps as text: a cluster, a metric.
    pub(crate) fn text(&mut self, pointer: u32, length: u32) -> Hostcall<String> {
        let bytes = self.bytes(pointer, length)?;
        Ok(String::from_utf8(bytes).map_err(|_| Status::BadArgument)?)
    }

    /// Reads serialized pairs.
    pub(crate) fn pairs(&mut self, pointer: u32, length: u32) -> Hostcall<HeaderMap> {
        let bytes = self.bytes(pointer, length)?;
        Ok(pairs::deserialize(&bytes).map_err(|_| Status::ParseFailure)?)
    }

    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Hostcall {
        let memory = self.memory()?;
        memory.write(&mut self.0, offset(pointer)?, bytes).map_err(|_| Refusal::Status(Status::InvalidMemoryAccess))
    }

    pub(crate) fn write_u32(&mut self, pointer: u32, value: u32) -> Hostcall {
        self.write(pointer, &value.to_le_bytes())
    }

    pub(crate) fn write_u64(&mut self, pointer: u32, value: u64) -> Hostcall {
        self.write(pointer, &value.to_le_bytes())
    }

    /// Hands `bytes` to the guest in memory of its own allocator, and writes address and size.
    /// Nothing at all is a null address: the allocator is not asked.
    pub(crate) fn hand_over(&mut self, bytes: &[u8], address_at: u32, size_at: u32) -> Hostcall {
        let size = u32::try_from(bytes.len()).map_err(|_| Status::SerializationFailure)?;
        let mut address = 0;
        if size > 0 {
            self.charge(u64::from(size) / BYTES_PER_FUEL)?;
            let allocate = self.state().allocate.clone().ok_or(Status::InternalFailure)?;
            address = allocate.call(&mut self.0, size)?;
            if address == 0 {
                return Err(Status::InvalidMemoryAccess.into());
            }
            self.write(address, bytes)?;
        }
        self.write_u32(address_at, address)?;
        self.write_u32(size_at, size)
    }

    /// Takes fuel for work of the host, or ends the guest when there is not enough.
    fn charge(&mut self, fuel: u64) -> Hostcall {
        if self.0.data().fueled {
            match self.0.get_fuel()?.checked_sub(fuel) {
                Some(left) => self.0.set_fuel(left)?,
                None => {
                    self.0.set_fuel(0)?;
                    return Err(Refusal::Trap(Trap::OutOfFuel.into()));
                }
            }
        }
        Ok(())
    }

    fn memory(&mut self) -> Hostcall<Memory> {
        if let Some(memory) = self.0.data().memory {
            return Ok(memory);
        }
        // Only while the module's own start function runs.
        match self.0.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => Err(Status::InvalidMemoryAccess.into()),
        }
    }
}

fn offset(value: u32) -> Hostcall<usize> {
    Ok(usize::try_from(value).map_err(|_| Status::InvalidMemoryAccess)?)
}
