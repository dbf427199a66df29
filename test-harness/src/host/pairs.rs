//! The ABI's serialization of a list of pairs, in which header maps cross the boundary.
//!
//! ```text
//! u32 count, then per pair (u32 key length, u32 value length), then per pair key 0x00 value 0x00
//! ```
//!
//! All integers are little endian. The terminating zero bytes are not counted in the lengths.

use super::HeaderMap;

/// Most bytes one serialized list may have: the bound of `proxy-wasm-cpp-host`.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most pairs one serialized list may have: the bound of `proxy-wasm-cpp-host`.
pub const MAX_COUNT: usize = 1024;

/// Why a serialized list cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairsError {
    /// The lengths lead past the end.
    #[error("the serialized pairs end too early")]
    Truncated,
    /// A key or value is not followed by a zero byte.
    #[error("a serialized key or value is not followed by a zero byte")]
    Unterminated,
    /// Bytes follow the last pair.
    #[error("bytes follow the last serialized pair")]
    Trailing,
    /// More than [`MAX_BYTES`] bytes or [`MAX_COUNT`] pairs.
    #[error("more than {MAX_COUNT} pairs or {MAX_BYTES} bytes of serialized pairs")]
    TooLarge,
}

/// Writes the fields of `map`, in order.
///
/// # Errors
/// [`PairsError::TooLarge`] when a length does not fit in 32 bits. Maps of the gateway may be
/// larger than [`MAX_BYTES`]: that bound holds for what a guest hands in.
pub fn serialize(map: &HeaderMap) -> Result<Vec<u8>, PairsError> {
    let size = |n: usize| u32::try_from(n).map_err(|_| PairsError::TooLarge);
    let mut out = Vec::with_capacity(4 + map.len() * 10 + map.byte_size());
    out.extend(size(map.len())?.to_le_bytes());
    for (name, value) in map.iter() {
        out.extend(size(name.len())?.to_le_bytes());
        out.extend(size(value.len())?.to_le_bytes());
    }
    for (name, value) in map.iter() {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    size(out.len())?;
    Ok(out)
}

/// Reads a list; names are lowercased by [`HeaderMap`]. No bytes at all are an empty list, which is
/// how hosts and SDKs write it.
///
/// # Errors
/// [`PairsError`], for anything but exactly one well-formed list.
pub fn deserialize(bytes: &[u8]) -> Result<HeaderMap, PairsError> {
    if bytes.is_empty() {
        return Ok(HeaderMap::new());
    }
    if bytes.len() > MAX_BYTES {
        return Err(PairsError::TooLarge);
    }
    let mut rest = bytes;
    let count = take_u32(&mut rest)?;
    if count > MAX_COUNT {
        return Err(PairsError::TooLarge);
    }
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        lengths.push((take_u32(&mut rest)?, take_u32(&mut rest)?));
    }
    let mut map = HeaderMap::new();
    for (name, value) in lengths {
        let name = take_terminated(&mut rest, name)?;
        map.add(name, take_terminated(&mut rest, value)?);
    }
    if rest.is_empty() { Ok(map) } else { Err(PairsError::Trailing) }
}

fn take_u32(rest: &mut &[u8]) -> Result<usize, PairsError> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or(PairsError::Truncated)?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*head)).map_err(|_| PairsError::TooLarge)
}

fn take_terminated<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], PairsError> {
    let (text, tail) = rest.split_at_checked(length).ok_or(PairsError::Truncated)?;
    let (terminator, tail) = tail.split_first().ok_or(PairsError::Truncated)?;
    if *terminator != 0 {
        return Err(PairsError::Unterminated);
    }
    *rest = tail;
    Ok(text)
}
