//! One pass over a text. It stops only at a byte that every secret of some kind holds, and that prose rarely does;
//! what stands around it is then read by the detector. Each reads a bounded stretch, so that a pass is linear in the
//! text's length whatever it holds.

use super::detector::Detector;
use super::sign::Sign;
use super::{aws, card, private_key, supabase, tokens};

/// Length of the shortest secret, in bytes: a card number of 15 digits.
pub(crate) const SHORTEST: usize = 15;

/// What a byte is to a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Nothing,
    Digit,
    Hyphen,
    /// A detector looks around it: `sk_…`, `ghp_…`, `AKIA…`, `AIza…`, `eyJ…`.
    Anchor,
}

/// Looked up rather than computed: a pass asks it of every byte of some texts, and every request has such a text.
static CLASSES: [Class; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "worked out at build time, within the table")]
const fn classes() -> [Class; 256] {
    let mut classes = [Class::Nothing; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = Class::Digit;
        digit += 1;
    }
    classes[b'-' as usize] = Class::Hyphen;
    classes[b'_' as usize] = Class::Anchor;
    classes[b'A' as usize] = Class::Anchor;
    classes[b'J' as usize] = Class::Anchor;
    classes
}

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Nothing)
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

/// Reports every sign in a text, in order. Identifiers and dates are full of digits and hyphens, so these are done with
/// here where nothing can begin.
pub(crate) fn sweep(bytes: &[u8], report: &mut impl FnMut(Sign)) {
    let mut at = behind_plain(bytes, 0);
    let mut digits = 0;
    // What was read as a number, or as a part of a word, ends here.
    let mut past = 0;
    while let Some(byte) = bytes.get(at) {
        let class = class(*byte);
        if class == Class::Digit {
            digits += 1;
            at += 1;
            continue;
        }
        if digits != 0 {
            if card::may_begin_with(digits) {
                past = number(bytes, at - digits, past, report);
            }
            digits = 0;
        }
        if class != Class::Nothing && (class == Class::Anchor || tokens::may_go_before(bytes, at)) {
            anchor(bytes, at, *byte, report);
        }
        at += 1;
        if at.is_multiple_of(8) {
            at = behind_plain(bytes, at);
        }
    }
    if card::may_begin_with(digits) {
        number(bytes, at - digits, past, report);
    }
}

/// Where the next eight bytes begin that may hold an anchor or a digit.
fn behind_plain(bytes: &[u8], from: usize) -> usize {
    let chunks = bytes.get(from..).unwrap_or_default().as_chunks().0;
    from + 8 * chunks.iter().take_while(|chunk| !may_hold_anchor(**chunk)).count()
}

/// Looks around an anchor.
fn anchor(bytes: &[u8], at: usize, byte: u8, report: &mut impl FnMut(Sign)) {
    let secret = match (byte, bytes.get(at + 1)) {
        (b'_', _) => tokens::at_underscore(bytes, at),
        (b'-', Some(b'-')) if private_key::begins(bytes, at) => Some(Detector::PrivateKey),
        (b'-', _) => tokens::at_hyphen(bytes, at),
        (b'A', Some(b'K' | b'S')) if aws::is_id(bytes, at) => return report(Sign::AwsId),
        (b'A', Some(b'I')) => tokens::google(bytes, at),
        (b'J', _) => supabase::service_role(bytes, at),
        _ => None,
    };
    if let Some(detector) = secret {
        report(Sign::Secret(detector));
    }
}

/// Reads the number whose digits begin at `at`, unless it was read before; says how far.
fn number(bytes: &[u8], at: usize, past: usize, report: &mut impl FnMut(Sign)) -> usize {
    if at < past {
        return past;
    }
    let (sign, end) = card::number(bytes, at);
    if let Some(sign) = sign {
        report(sign);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// Looking at eight bytes at once skips no anchor.
    #[test]
    fn no_anchor_is_skipped() {
        for byte in 0..=u8::MAX {
            for other in [b'a', b' ', b'~', 0x7f, 0, 0x80, 0xff, b',', b'`'] {
                for at in 0..8 {
                    let mut chunk = [other; 8];
                    chunk[at] = byte;
                    assert_eq!(may_hold_anchor(chunk), (b'-'..=b'_').contains(&byte), "{byte:#x} at {at}");
                }
            }
            assert!(class(byte) == Class::Nothing || (b'-'..=b'_').contains(&byte), "{byte:#x}");
        }
    }

    /// A secret is found wherever it stands between the words of eight bytes.
    #[test]
    fn a_sign_is_seen_at_every_offset() {
        let secrets =
            ["sk_live_51H8abcdEFGHijklMNOPqrstUVWX", "4111 1111 1111 1111", "4539148803436467", "AKIAIOSFODNN7EXAMPL3"];
        for secret in secrets {
            for before in 0..20 {
                for behind in 0..10 {
                    let text = format!("{} {secret} {}", "x".repeat(before), "x".repeat(behind));
                    let mut signs = 0;
                    sweep(text.as_bytes(), &mut |_| signs += 1);
                    assert_eq!(signs, 1, "{text}");
                }
            }
        }
    }
}
