//! Maps and sets in the order of their keys, as those of `alloc`, in far less code: a tree that is compiled anew for each type
//! of key and value takes about 4 KB of the filter's module each time, and the filter has some forty of them. Here the order
//! is kept apart from the entries (`order.rs`), in code that exists once; an operation takes time that grows with the
//! logarithm of the number of entries, with whatever an agent sends.

mod map;
mod order;
mod set;

pub use map::Map;
pub use set::Set;

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{Map, Set};

    /// What is done to a map.
    #[derive(Clone, Debug)]
    enum Deed {
        Insert(u16),
        Alter(u16),
        Remove(u16),
        PopFirst,
        Retain(u16),
    }

    fn deeds(keys: u16, most: usize) -> impl Strategy<Value = Vec<Deed>> {
        let key = 0..keys;
        let deed = prop_oneof![
            8 => key.clone().prop_map(Deed::Insert),
            2 => key.clone().prop_map(Deed::Alter),
            4 => key.prop_map(Deed::Remove),
            1 => Just(Deed::PopFirst),
        ];
        let deed = prop_oneof![200 => deed, 1 => (2..9_u16).prop_map(Deed::Retain)];
        prop::collection::vec(deed, 0..most)
    }

    /// The tree of `alloc` says what is right, after every deed.
    fn holds(before: u16, deeds: &[Deed]) {
        let (mut map, mut tree): (Map<u16, usize>, BTreeMap<u16, usize>) =
            (0..before).map(|key| ((key, 0), (key, 0))).unzip();
        for (turn, deed) in deeds.iter().enumerate() {
            match deed {
                Deed::Insert(key) => assert_eq!(map.insert(*key, turn), tree.insert(*key, turn)),
                Deed::Alter(key) => {
                    map.alter(*key, turn, |value| *value += 1);
                    *tree.entry(*key).or_insert(turn) += 1;
                }
                Deed::Remove(key) => assert_eq!(map.remove(key), tree.remove(key)),
                Deed::PopFirst => assert_eq!(map.pop_first(), tree.pop_first().map(|(_, value)| value)),
                Deed::Retain(part) => {
                    map.retain(|key, _| key % part != 0);
                    tree.retain(|key, _| key % part != 0);
                }
            }
            assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()));
        }
        assert!(map.iter().eq(&tree));
        for key in 0..600 {
            assert_eq!((map.get(&key), map.contains_key(&key)), (tree.get(&key), tree.contains_key(&key)));
        }
        assert!(map.clone().into_iter().eq(tree));
    }

    proptest! {
        #[test]
        fn a_map_holds_what_a_tree_holds(before in 0..600_u16, deeds in deeds(600, 1_200)) {
            holds(before, &deeds);
        }

        #[test]
        fn a_small_map_too(before in 0..4_u16, deeds in deeds(6, 30)) {
            holds(before, &deeds);
        }
    }

    #[test]
    fn a_set_holds_each_value_once_and_in_order() {
        let mut set: Set<&str> = ["b", "a", "c", "a"].into_iter().collect();
        assert!(!set.insert("c") && set.insert("d") && set.remove("b") && !set.remove("b"));
        assert!(set.contains("a") && !set.contains("b"));
        assert_eq!((set.len(), set.into_iter().collect::<Vec<_>>()), (3, alloc::vec!["a", "c", "d"]));
    }

    /// Keys that come backwards are the most that moves: the work still is near to linear (D5).
    #[test]
    fn many_keys_in_the_worst_order_take_no_square_of_their_number() {
        let map: Map<u32, ()> = (0..1_000_000).rev().map(|key| (key, ())).collect();
        assert!(map.keys().is_sorted() && map.len() == 1_000_000);
    }

    #[test]
    fn a_map_travels_like_a_tree() {
        let (map, tree): (Map<u32, u32>, BTreeMap<u32, u32>) =
            [(3, 1), (1, 2), (2, 3)].into_iter().map(|entry| (entry, entry)).unzip();
        let bytes = postcard::to_allocvec(&map).unwrap();
        assert_eq!(bytes, postcard::to_allocvec(&tree).unwrap());
        assert_eq!(postcard::from_bytes::<Map<u32, u32>>(&bytes).unwrap(), map);
        assert_eq!(serde_json::to_string(&map).unwrap(), r#"{"1":2,"2":3,"3":1}"#);
    }
}
