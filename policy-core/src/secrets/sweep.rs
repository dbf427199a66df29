//! One pass over a text. It stops only at a byte that every secret of some kind holds, and that prose rarely does;
//! what stands around it is then read by the detector. Each reads a bounded stretch, so that a pass is linear in the
//! text's length whatever it holds.

use super::{Detector, aws, card, private_key, supabase, tokens};

/// Length of the shortest secret, in bytes: a card number of 15 digits.
pub(super) const SHORTEST: usize = 15;

/// Longest stretch that a detector reads for one sign, in bytes.
pub(super) const STRETCH: usize = 128;

/// What a pass comes upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A live secret.
    Secret(Detector),
    /// An AWS access key id: half of a secret.
    AwsId,
    /// Digits without separators that could be a card number.
    PlainCard(card::Plain),
}

/// Whether a detector looks at this byte: `sk_…`, `ghp_…`, `xoxb-…`, `-----BEGIN`, `AKIA…`, `AIza…`, `eyJ…`, digits.
const fn is_anchor(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'A' | b'J' | b'0'..=b'9')
}

/// Whether one of eight ASCII bytes lies within `-` to `_`, as every anchor does and small letters and blanks do not.
/// All eight are looked at in one word: bit 7 of a sum is set where the byte reaches the bound.
const fn may_hold_anchor(chunk: [u8; 8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(chunk);
    let low = word & (EACH * 0x7f);
    let from_hyphen = low + EACH * (0x80 - b'-' as u64);
    let behind_underscore = low + EACH * (0x7f - b'_' as u64);
    from_hyphen & !behind_underscore & !word & (EACH * 0x80) != 0
}

/// Where the next anchor stands, from `from` on.
fn next_anchor(bytes: &[u8], from: usize) -> Option<usize> {
    let (chunks, rest) = bytes.get(from..)?.as_chunks::<8>();
    let mut at = from;
    for chunk in chunks {
        if may_hold_anchor(*chunk)
            && let Some(ahead) = chunk.iter().position(|byte| is_anchor(*byte))
        {
            return Some(at + ahead);
        }
        at += chunk.len();
    }
    rest.iter().position(|byte| is_anchor(*byte)).map(|ahead| at + ahead)
}

/// Reports every sign in a text, in order.
pub(super) fn sweep(text: &str, report: &mut impl FnMut(Sign)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = next_anchor(bytes, from) {
        let mut next = at + 1;
        let secret = match bytes.get(at) {
            Some(b'_') => tokens::at_underscore(bytes, at),
            Some(b'-') if private_key::begins(bytes, at) => Some(Detector::PrivateKey),
            Some(b'-') => tokens::at_hyphen(bytes, at),
            Some(b'A') if aws::is_id(bytes, at) => {
                report(Sign::AwsId);
                None
            }
            Some(b'A') => tokens::google(bytes, at),
            Some(b'J') => supabase::service_role(bytes, at),
            _ => {
                let sign;
                (sign, next) = card::number(bytes, at);
                if let Some(sign) = sign {
                    report(sign);
                }
                None
            }
        };
        if let Some(detector) = secret {
            report(Sign::Secret(detector));
        }
        from = next;
    }
}

/// The longest run of bytes of a kind from `from` on, at most [`STRETCH`] long.
pub(super) fn run(bytes: &[u8], from: usize, of: impl Fn(u8) -> bool) -> &[u8] {
    let rest = bytes.get(from..bytes.len().min(from.saturating_add(STRETCH))).unwrap_or_default();
    let length = rest.iter().position(|byte| !of(*byte)).unwrap_or(rest.len());
    rest.get(..length).unwrap_or_default()
}

/// Whether the byte before `at` belongs to the same word: `desk_live_…` is no key.
pub(super) fn inside_word(bytes: &[u8], at: usize) -> bool {
    before(bytes, at).is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// The byte before `at`.
pub(super) fn before(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looking at eight bytes at once skips no anchor and nothing but what holds none.
    #[test]
    fn no_anchor_is_skipped() {
        for byte in 0..=u8::MAX {
            for other in [b'a', b' ', b'~', 0x7f, 0, 0x80, 0xff, b',', b'`'] {
                for at in 0..17 {
                    let mut text = [other; 17];
                    text[at] = byte;
                    assert_eq!(next_anchor(&text, 0), is_anchor(byte).then_some(at), "{byte:#x} at {at}");
                }
                let chunk = [other, other, byte, other, other, other, other, other];
                assert_eq!(may_hold_anchor(chunk), (b'-'..=b'_').contains(&byte), "{byte:#x}");
            }
        }
    }
}
