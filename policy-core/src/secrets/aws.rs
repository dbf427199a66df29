//! AWS access keys. The id alone is no secret (it stands in logs and in signed URLs), and 40 characters alone could be
//! anything: only both in one request are refused. (IAM user guide, "Understand unique ID prefixes"; `AKIA` is a
//! long-term key, `ASIA` a temporary one.)

use alloc::vec::Vec;

use super::stretch::{escape, inside_word, run};

/// Characters of an id behind its prefix.
const ID: usize = 16;
/// Characters of a secret.
const SECRET: usize = 40;

/// Whether an access key id begins at `at`. Those that end in `EXAMPLE` are the documentation's.
pub(super) fn is_id(bytes: &[u8], at: usize) -> bool {
    if !bytes.get(at..).is_some_and(|rest| rest.starts_with(b"AKIA") || rest.starts_with(b"ASIA")) {
        return false;
    }
    let rest = run(bytes, at + 4, |byte| byte.is_ascii_alphanumeric());
    rest.len() == ID
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !rest.ends_with(b"EXAMPLE")
        && !inside_word(bytes, at)
}

/// Whether a text holds 40 characters that can be a secret access key. A `/` is one of them, and may as well stand before
/// or behind the key: `ID/SECRET`, a path, a pointer. So may the letters of an escape, before it.
pub(crate) fn has_secret(text: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'+' || *byte == b'/';
    let mut next = 0;
    text.split(|byte| !part(byte)).any(|run| {
        let at = next;
        next += run.len() + 1;
        if run.len() < SECRET {
            return false;
        }
        // The escape begins with the byte that parts the run from what is before it.
        let escaped = at.checked_sub(1).and_then(|at| escape(text.get(at..)?)).map(|length| length - 1);
        let behind_slashes = run.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
        core::iter::once(0).chain(escaped).chain(behind_slashes).any(|start| {
            let ends = run.get(start + SECRET).is_none_or(|byte| *byte == b'/');
            ends && run.get(start..start + SECRET).is_some_and(is_secret)
        })
    })
}

/// Random: of both cases and with a digit, which neither a digest nor a path usually is.
fn is_secret(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_digit)
}

/// A `+` that was not encoded reads as a blank in a query or a form: it is one of the characters of an AWS secret.
pub(crate) fn plus_for_blanks(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect()
}
