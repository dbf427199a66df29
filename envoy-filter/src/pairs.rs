//! The serialized form of header maps, both ways.
//!
//! A map is a little-endian `u32` count, then a `u32` name length and a `u32` value length per pair, then the names and
//! values, each followed by a NUL byte. An empty map is no bytes at all, or a single zero byte.
//! Source: <https://github.com/proxy-wasm/spec/blob/main/abi-versions/v0.2.1/README.md#serialization>

use crate::types::Fields;

/// Bytes of one length or count.
const WORD: usize = 4;
/// Bytes of a pair's two lengths.
const LENGTHS: usize = 2 * WORD;

/// Reads a map, or `None` if the bytes are not exactly one map: a length beyond the end, a missing NUL, bytes left over.
///
/// Nothing is allocated for a pair whose lengths are not in `bytes`, so a false count costs no memory.
pub(crate) fn decode(bytes: &[u8]) -> Option<Fields> {
    if matches!(bytes, [] | [0]) {
        return Some(Fields::new());
    }
    let mut rest = bytes;
    let count = usize::try_from(take_word(&mut rest)?).ok()?;
    let mut lengths = take(&mut rest, count.checked_mul(LENGTHS)?)?;
    let mut fields = Fields::with_capacity(count);
    for _ in 0..count {
        let name = take_word(&mut lengths)?;
        let value = take_word(&mut lengths)?;
        let name = take_terminated(&mut rest, name)?;
        let value = take_terminated(&mut rest, value)?;
        fields.push((name.to_vec(), value.to_vec()));
    }
    rest.is_empty().then_some(fields)
}

/// Writes a map, or `None` if something in it is longer than the form can say (4 GiB).
pub(crate) fn encode(pairs: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let mut bytes = u32::try_from(pairs.len()).ok()?.to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend_from_slice(&u32::try_from(name.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    Some(bytes)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_word(rest: &mut &[u8]) -> Option<u32> {
    let (word, left) = rest.split_first_chunk::<WORD>()?;
    *rest = left;
    Some(u32::from_le_bytes(*word))
}

fn take_terminated<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let text = take(rest, usize::try_from(length).ok()?)?;
    (take(rest, 1)? == [0]).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[(&[u8], &[u8])] = &[
        (b":method", b"POST"),
        (b":path", b"/v1/orders"),
        (b"x-empty", b""),
        (b"x-bytes", b"\xff\x00\xfe"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    ];

    fn owned(pairs: &[(&[u8], &[u8])]) -> Fields {
        pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
    }

    #[test]
    fn the_form_is_the_one_the_specification_shows() {
        // The example of the specification's serialization section, its hex digits for `1` and `22` corrected to ASCII.
        let bytes = encode(&[(b"a", b"1"), (b"b", b"22")]).unwrap();
        assert_eq!(
            bytes,
            [2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, b'a', 0, b'1', 0, b'b', 0, b'2', b'2', 0]
        );
        assert_eq!(decode(&bytes).unwrap(), owned(&[(b"a", b"1"), (b"b", b"22")]));
    }

    #[test]
    fn order_duplicates_and_bytes_survive() {
        assert_eq!(decode(&encode(HEAD).unwrap()).unwrap(), owned(HEAD));
    }

    #[test]
    fn all_spellings_of_the_empty_map_are_empty() {
        for bytes in [&[][..], &[0], &[0, 0, 0, 0]] {
            assert_eq!(decode(bytes), Some(Fields::new()), "{bytes:?}");
        }
    }

    #[test]
    fn every_truncation_and_every_addition_is_refused() {
        let whole = encode(HEAD).unwrap();
        for length in 1..whole.len() {
            // A single zero byte is the empty map; a map of two or more pairs never starts with one.
            assert_eq!(decode(&whole[..length]), None, "cut at {length}");
        }
        for extra in [0, 1, 0xff] {
            let mut longer = whole.clone();
            longer.push(extra);
            assert_eq!(decode(&longer), None, "one more byte: {extra}");
        }
    }

    #[test]
    fn lengths_that_overflow_or_overreach_are_refused() {
        let whole = encode(HEAD).unwrap();
        let words = 1 + 2 * HEAD.len();
        for word in 0..words {
            let right = take_word(&mut &whole[word * WORD..]).unwrap();
            for wrong in [u32::MAX, u32::MAX - 1, 1 << 31, 1 << 29, 1 << 16, right + 1, right.wrapping_sub(1)] {
                let mut bytes = whole.clone();
                bytes[word * WORD..(word + 1) * WORD].copy_from_slice(&wrong.to_le_bytes());
                assert_eq!(decode(&bytes), None, "word {word}: {wrong} for {right}");
            }
        }
    }

    #[test]
    fn a_false_count_allocates_nothing() {
        // 2^29 pairs would need 4 GiB of lengths; the answer comes from their absence.
        assert_eq!(decode(&(1_u32 << 29).to_le_bytes()), None);
        assert_eq!(decode(&u32::MAX.to_le_bytes()), None);
    }

    /// Any mutation ends in a map that encodes to the same bytes, or in a refusal: never in a panic, never in a
    /// second reading.
    #[test]
    fn mutated_bytes_are_read_exactly_or_refused() {
        let whole = encode(HEAD).unwrap();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            // xorshift64: enough variety, the same on every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut refused = 0_u32;
        for _ in 0..200_000 {
            let mut bytes = whole.clone();
            for _ in 0..=random() % 3 {
                let at = random() as usize % bytes.len();
                match random() % 4 {
                    0 => bytes[at] = random() as u8,
                    1 => bytes[at] ^= 1 << (random() % 8),
                    2 => bytes.insert(at, random() as u8),
                    _ => {
                        bytes.remove(at);
                    }
                }
            }
            match decode(&bytes) {
                None => refused += 1,
                Some(fields) => {
                    let pairs: Vec<(&[u8], &[u8])> =
                        fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
                    assert_eq!(encode(&pairs).unwrap(), bytes);
                }
            }
        }
        assert!(refused > 50_000, "the mutations hit the lengths too: {refused}");
    }
}
