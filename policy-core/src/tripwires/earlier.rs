//! Values that fields had before an agent changed them: what it sets back is seen by these.
//!
//! Each field of each resource has its place in one of an agent's slots, by a digest. A slot that is full forgets the field
//! that was changed longest ago, a field its oldest value: then a value that is set back late is not seen.

use alloc::vec::Vec;

use super::numbers::{Numbers, put};
use crate::decision::Moved;
use crate::limits::SLOT_BYTES;
use crate::time::Timestamp;

/// The form of a slot's bytes.
const FORM: u64 = 1;
/// Values of one field that are remembered.
const VALUES: usize = 8;
/// For how long a value is one that was there before, in seconds.
const REMEMBERED: u64 = 24 * 3_600;
/// Bytes that one more field may take.
const FIELD_BYTES: usize = 48;

/// Fields of a slot, the one that was changed longest ago first.
#[derive(Debug)]
struct Field {
    field: u64,
    /// What it was, and until which second.
    values: Vec<(u64, u64)>,
}

fn read(bytes: &[u8]) -> Option<Vec<Field>> {
    let mut numbers = Numbers(bytes);
    if numbers.next()? != FORM {
        return None;
    }
    let mut fields = Vec::new();
    for _ in 0..numbers.count()? {
        let field = numbers.next()?;
        let mut values = Vec::new();
        for _ in 0..numbers.count()? {
            values.push((numbers.next()?, numbers.next()?));
        }
        fields.push(Field { field, values });
    }
    Some(fields)
}

fn written(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, &[FORM, fields.len() as u64]);
    for Field { field, values } in fields {
        put(&mut bytes, &[*field, values.len() as u64]);
        for (value, until) in values {
            put(&mut bytes, &[*value, *until]);
        }
    }
    bytes
}

/// Remembers what a field was, and says whether it is set back to what it was before.
pub(super) fn set(bytes: &[u8], moved: &Moved, now: Timestamp) -> (Vec<u8>, bool) {
    // What cannot be read is of another release.
    let mut fields = read(bytes).unwrap_or_default();
    let now = now.seconds();
    let place = fields.iter().position(|field| field.field == moved.field);
    let mut field = match place {
        Some(place) => fields.remove(place),
        None => Field { field: moved.field, values: Vec::new() },
    };
    for field in fields.iter_mut().chain([&mut field]) {
        field.values.retain(|(_, until)| until.saturating_add(REMEMBERED) >= now);
    }
    fields.retain(|field| !field.values.is_empty());
    let back = field.values.iter().any(|(value, _)| *value == moved.new);
    field.values.retain(|(value, _)| *value != moved.old);
    if field.values.len() >= VALUES {
        field.values.remove(0);
    }
    field.values.push((moved.old, now));
    fields.push(field);
    let mut bytes = written(&fields);
    while bytes.len() > SLOT_BYTES && !fields.is_empty() {
        let some = bytes.len().saturating_sub(SLOT_BYTES).div_ceil(FIELD_BYTES).clamp(1, fields.len());
        fields = fields.split_off(some);
        bytes = written(&fields);
    }
    (bytes, back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Decimal;

    fn moved(resource: &str, old: usize, new: usize) -> Moved {
        Moved::of(resource, "price", Decimal::from_count(old), Decimal::from_count(new)).unwrap()
    }

    fn set_all(bytes: &mut Vec<u8>, moves: &[(usize, usize, u64)]) -> Vec<bool> {
        let one = |(old, new, at): &(usize, usize, u64)| {
            let (next, back) = set(bytes, &moved("shop:products/1", *old, *new), Timestamp::from_seconds(*at));
            *bytes = next;
            back
        };
        moves.iter().map(one).collect()
    }

    #[test]
    fn what_is_set_back_within_a_day_is_seen() {
        const DAY: u64 = 86_400;
        let mut bytes = Vec::new();
        // Away, back, away again: both are values it had before.
        assert_eq!(set_all(&mut bytes, &[(10, 9, 0), (9, 10, 1), (10, 9, 2), (9, 8, 3)]), [false, true, true, false]);
        let mut bytes = Vec::new();
        assert_eq!(set_all(&mut bytes, &[(10, 9, 0), (9, 10, DAY)]), [false, true]);
        let mut bytes = Vec::new();
        assert_eq!(set_all(&mut bytes, &[(10, 9, 0), (9, 10, DAY + 1)]), [false, false]);
        // Over another value, which somebody else has set.
        let mut bytes = Vec::new();
        assert_eq!(set_all(&mut bytes, &[(10, 9, 0), (7, 10, 1)]), [false, true]);
        assert_eq!(Moved::of("a", "b", Decimal::ONE, Decimal::ONE), None);
    }

    #[test]
    fn a_full_slot_forgets_the_oldest() {
        let mut bytes = Vec::new();
        let mut change = |id: usize, old, new, at| {
            let (next, back) = set(&bytes, &moved(&alloc::format!("{id}"), old, new), Timestamp::from_seconds(at));
            bytes = next;
            assert!(bytes.len() <= SLOT_BYTES);
            back
        };
        for id in 0..400 {
            assert!(!change(id, 10, 9, 1_000 + id as u64));
        }
        assert!(change(399, 9, 10, 1_400));
        assert!(!change(0, 9, 10, 1_400));
        assert!(change(300, 9, 10, 1_400));
    }
}
