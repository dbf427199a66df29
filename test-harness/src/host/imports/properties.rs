//! Properties: paths of segments separated by NUL.

use super::super::Status;
use super::super::memory::{Guest, Hostcall};

pub(super) fn get(guest: &mut Guest<'_>, path: u32, path_size: u32, value_at: u32, size_at: u32) -> Hostcall {
    let path = guest.bytes(path, path_size)?;
    let state = guest.state();
    let stream = state.http(state.active()).and_then(|http| http.property(&path));
    let value = stream.or_else(|| {
        let options = &state.root(state.active_root())?.options;
        match path.as_slice() {
            b"plugin_name" => Some(options.name.clone().into_bytes()),
            b"plugin_root_id" => Some(options.root_id.clone().into_bytes()),
            b"plugin_vm_id" => Some(state.options.vm_id.clone().into_bytes()),
            _ => None,
        }
    });
    guest.hand_over(&value.ok_or(Status::NotFound)?, value_at, size_at)
}

pub(super) fn set(guest: &mut Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32) -> Hostcall {
    let path = guest.bytes(path, path_size)?;
    let value = guest.bytes(value, value_size)?;
    let state = guest.state();
    let most = state.options.limits.property_bytes;
    let http = state.active_http_mut(Status::NotFound)?;
    let others = http.filter_state.iter().filter(|(key, _)| **key != path);
    let bytes: usize = others.map(|(key, value)| key.len() + value.len()).sum();
    if bytes + path.len() + value.len() > most {
        return Err(Status::InternalFailure.into());
    }
    http.filter_state.insert(path, value);
    Ok(())
}
