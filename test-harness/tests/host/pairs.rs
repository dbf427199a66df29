//! The serialization of header maps.

use proptest::collection::vec;
use proptest::prelude::*;
use test_harness::host::HeaderMap;
use test_harness::host::pairs::{self, PairsError, deserialize, serialize};

fn fields() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    vec((vec(any::<u8>(), 0..12), vec(any::<u8>(), 0..40)), 0..20)
}

/// A list in which some bytes are others: most still are lists.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (fields(), vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)).prop_map(|(fields, damage)| {
        let mut bytes = serialize(&HeaderMap::from_iter(fields)).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(fields in fields()) {
        let map = HeaderMap::from_iter(fields);
        prop_assert_eq!(deserialize(&serialize(&map).unwrap()), Ok(map));
    }

    #[test]
    fn a_list_that_lacks_or_has_a_byte_too_many_is_refused(fields in fields(), cut in any::<prop::sample::Index>()) {
        let mut bytes = serialize(&HeaderMap::from_iter(fields)).unwrap();
        let kept = 1 + cut.index(bytes.len() - 1);
        if kept < bytes.len() {
            prop_assert!(deserialize(&bytes[..kept]).is_err());
        }
        bytes.push(0);
        prop_assert_eq!(deserialize(&bytes), Err(PairsError::Trailing));
    }

    /// Names are told in lower case, so that the bytes need not come back; the list does.
    #[test]
    fn no_bytes_are_too_strange(bytes in prop_oneof![vec(any::<u8>(), 0..200), damaged()]) {
        if let Ok(map) = deserialize(&bytes) {
            let again = serialize(&map).unwrap();
            prop_assert!(bytes.is_empty() || again.len() == bytes.len());
            prop_assert_eq!(deserialize(&again), Ok(map));
        }
    }

    #[test]
    fn a_header_map_behaves_like_a_list(
        operations in vec((0..3_u8, "[a-cA-C]", "[0-9]{0,2}"), 0..30),
    ) {
        let (mut map, mut model) = (HeaderMap::new(), Vec::<(String, String)>::new());
        for (operation, name, value) in operations {
            let lower = name.to_ascii_lowercase();
            match operation {
                0 => {
                    map.add(name, value.clone());
                    model.push((lower, value));
                }
                1 => {
                    map.remove(name);
                    model.retain(|(n, _)| *n != lower);
                }
                _ => {
                    map.replace(name, value.clone());
                    let place = model.iter().position(|(n, _)| *n == lower).unwrap_or(model.len());
                    let place_after = model[..place].iter().filter(|(n, _)| *n != lower).count();
                    model.retain(|(n, _)| *n != lower);
                    model.insert(place_after, (lower, value));
                }
            }
            prop_assert_eq!(&map, &HeaderMap::from_iter(model.clone()));
            for name in ["a", "b", "c"] {
                let first = model.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_bytes());
                prop_assert_eq!(map.value(name), first);
            }
        }
    }
}

#[test]
fn the_format_is_the_abis() {
    let map = HeaderMap::from_iter([("K", &b"v\xff"[..]), ("", b"")]);
    let expected = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0k\0v\xff\0\0\0";
    assert_eq!(serialize(&map).unwrap(), expected);
}

#[test]
fn malformed_lists_say_why() {
    assert_eq!(deserialize(b""), Ok(HeaderMap::new()));
    assert_eq!(deserialize(b"\0\0\0\0"), Ok(HeaderMap::new()));
    assert_eq!(deserialize(b"\0\0"), Err(PairsError::Truncated));
    assert_eq!(deserialize(b"\xff\xff\xff\xff"), Err(PairsError::TooLarge));
    assert_eq!(deserialize(b"\x01\0\0\0\xff\xff\xff\xff\x01\0\0\0ab"), Err(PairsError::Truncated));
    let unterminated = b"\x01\0\0\0\x01\0\0\0\x01\0\0\0kxv\0";
    assert_eq!(deserialize(unterminated), Err(PairsError::Unterminated));
    assert_eq!(deserialize(&vec![0; pairs::MAX_BYTES + 1]), Err(PairsError::TooLarge));
}
