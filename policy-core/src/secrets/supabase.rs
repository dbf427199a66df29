//! Supabase service keys in the form of a JWT (RFC 7519): the one for `anon` is made to be published, the one for
//! `service_role` passes every row policy. They differ in their payload alone, so it is read.

use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::detector::Detector;
use super::stretch::{before, behind_escape};
use super::tokens::is_base64url;
use crate::document::read_json;

/// Longest part of a token that is read, in characters: gateways pass no longer header.
const PART: usize = 8 * 1024;

/// A JWT whose header's `J` (of `eyJ`, the base64 of `{"`) stands at `at`.
pub(super) fn service_role(bytes: &[u8], at: usize) -> Option<Detector> {
    let start = at.checked_sub(2)?;
    if bytes.get(start..at)? != b"ey"
        || (before(bytes, start).is_some_and(is_base64url) && !behind_escape(bytes, start))
    {
        return None;
    }
    let (_, rest) = part(bytes.get(start..)?)?;
    let (payload, _) = part(rest)?;
    let json: Vec<u8> = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let document = read_json(json).ok()?;
    let role = document.root().member("role")?.string()?;
    (role == "service_role").then_some(Detector::Supabase)
}

/// The part before the next dot, and what follows the dot.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(PART).position(|byte| !is_base64url(*byte))?;
    let (part, rest) = bytes.split_at_checked(end)?;
    Some((part, rest.strip_prefix(b".")?))
}
