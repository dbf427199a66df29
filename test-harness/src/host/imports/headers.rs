//! Header and trailer maps.
//!
//! As in Envoy: a map is open from its callback until the guest lets it go on. Reading all pairs of
//! a closed map gives none; anything else on it is a bad argument.

use super::super::callout::CalloutAnswer;
use super::super::memory::{Guest, Hostcall};
use super::super::state::State;
use super::super::{HeaderMap, MapType, Status};
use super::bounded;

pub(super) fn pairs(guest: &mut Guest<'_>, map: u32, pairs_at: u32, size_at: u32) -> Hostcall {
    let map = MapType::try_from(map)?;
    let bytes = match readable(guest.state(), map) {
        Some(map) if !map.is_empty() => {
            super::super::pairs::serialize(map).map_err(|_| Status::SerializationFailure)?
        }
        _ => Vec::new(),
    };
    guest.hand_over(&bytes, pairs_at, size_at)
}

pub(super) fn set_pairs(guest: &mut Guest<'_>, map: u32, pairs: u32, size: u32) -> Hostcall {
    let map = MapType::try_from(map)?;
    let new = guest.pairs(pairs, size)?;
    let (open, most) = writable(guest.state(), map)?;
    bounded(&new, 0, most)?;
    *open = new;
    Ok(())
}

pub(super) fn size(guest: &mut Guest<'_>, map: u32, size_at: u32) -> Hostcall {
    let map = MapType::try_from(map)?;
    let size = readable(guest.state(), map).ok_or(Status::BadArgument)?.byte_size();
    guest.write_u32(size_at, u32::try_from(size).map_err(|_| Status::SerializationFailure)?)
}

pub(super) fn value(
    guest: &mut Guest<'_>,
    map: u32,
    name: u32,
    name_size: u32,
    value_at: u32,
    size_at: u32,
) -> Hostcall {
    let map = MapType::try_from(map)?;
    let name = guest.bytes(name, name_size)?;
    let map = readable(guest.state(), map).ok_or(Status::BadArgument)?;
    let value = map.value(&name).ok_or(Status::NotFound)?.to_vec();
    guest.hand_over(&value, value_at, size_at)
}

pub(super) fn add(guest: &mut Guest<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32) -> Hostcall {
    let map = MapType::try_from(map)?;
    let (name, value) = (guest.bytes(name, name_size)?, guest.bytes(value, value_size)?);
    let (map, most) = writable(guest.state(), map)?;
    bounded(map, name.len() + value.len(), most)?;
    map.add(name, value);
    Ok(())
}

pub(super) fn replace(
    guest: &mut Guest<'_>,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> Hostcall {
    let map = MapType::try_from(map)?;
    let (name, value) = (guest.bytes(name, name_size)?, guest.bytes(value, value_size)?);
    let (map, most) = writable(guest.state(), map)?;
    bounded(map, name.len() + value.len(), most)?;
    map.replace(name, value);
    Ok(())
}

pub(super) fn remove(guest: &mut Guest<'_>, map: u32, name: u32, name_size: u32) -> Hostcall {
    let map = MapType::try_from(map)?;
    let name = guest.bytes(name, name_size)?;
    writable(guest.state(), map)?.0.remove(name);
    Ok(())
}

fn readable(state: &State, map: MapType) -> Option<&HeaderMap> {
    let answer = || match state.callout_answer() {
        Some(CalloutAnswer::Response { headers, trailers, .. }) => Some((headers, trailers)),
        _ => None,
    };
    match map {
        MapType::HttpCallResponseHeaders => answer().map(|(headers, _)| headers),
        MapType::HttpCallResponseTrailers => answer().map(|(_, trailers)| trailers),
        map => state.http(state.active())?.map(map),
    }
}

fn writable(state: &mut State, map: MapType) -> Result<(&mut HeaderMap, usize), Status> {
    let most = state.options.limits.header_bytes;
    Ok((state.active_http_mut(Status::BadArgument)?.map_mut(map)?, most))
}
