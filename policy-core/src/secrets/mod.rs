//! What live secrets look like in a text: keys, tokens, private keys and card numbers.
//!
//! ```text
//!   sweep          one pass per text, which stops only at bytes that every secret has
//!     tokens       keys that begin with their issuer's prefix
//!     private_key  PEM and OpenPGP blocks
//!     aws          an access key id counts beside its secret
//!     supabase     a JWT whose payload says `service_role`
//!     card         issuer, length and Luhn; how it is written decides where a chance match is likely
//! ```
//!
//! `evaluate/leaks.rs` looks through requests with them: what holds one does not leave.
//!
//! `suspect` is the other use of the detectors: what they stop at is not repeated in a message, whether the request
//! was refused for it or long before.

pub(crate) mod aws;
pub(crate) mod card;
mod detector;
mod private_key;
pub(crate) mod sign;
mod stretch;
mod supabase;
pub(crate) mod sweep;
mod tokens;

pub use detector::Detector;

use alloc::vec::Vec;

use self::aws::plus_for_blanks;
use self::sweep::sweep;
use crate::hex::hex;

/// Bytes of a text that can matter to a message: the longest piece that is repeated (a pointer of 256 characters), and
/// as much again for a secret that begins in it.
pub(crate) const REPEATED: usize = 2 * 1024;

/// Whether a text that is to be repeated holds anything that a detector stops at: a secret, a half of one, digits that
/// could be a card's, as it stands or below the encodings of targets, forms and pointers. A chance match costs no more
/// than a piece of an explanation. Only the beginning of a text is ever repeated, so only that much is looked through.
pub(crate) fn suspect(text: &[u8]) -> bool {
    let text = text.get(..REPEATED).unwrap_or(text);
    let holds = |text: &[u8]| {
        let mut any = false;
        sweep(text, &mut |_| any = true);
        any || aws::has_secret(text) || (text.contains(&b' ') && aws::has_secret(&plus_for_blanks(text)))
    };
    let encoded = || text.iter().any(|byte| matches!(byte, b'%' | b'+' | b'~'));
    text.len() >= sweep::SHORTEST && (holds(text) || (encoded() && holds(&unescaped(text))))
}

/// A text with `%41`, `+` and `~1` resolved as far as they can be.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let encoded = || Some(hex(behind.first().copied())? * 16 + hex(behind.get(1).copied())?);
        let (byte, length) = match (first, behind.first()) {
            (b'%', _) => encoded().map_or((b'%', 0), |byte| (byte, 2)),
            (b'~', Some(b'0')) => (b'~', 1),
            (b'~', Some(b'1')) => (b'/', 1),
            (b'+', _) => (b' ', 0),
            (other, _) => (*other, 0),
        };
        out.push(byte);
        rest = behind.get(length..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests;
