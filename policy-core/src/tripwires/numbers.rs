//! Numbers in a slot: seven bits a byte, the lowest first.

use alloc::vec::Vec;

/// Numbers, one after another.
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl Numbers<'_> {
    /// The next number; `None`: there is none, or it is damaged.
    pub(super) fn next(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 127).checked_shl(shift)?;
            if byte & 128 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things that follow, each of at least one byte.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.next()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }
}

/// Appends numbers.
pub(super) fn put(bytes: &mut Vec<u8>, numbers: &[u64]) {
    for number in numbers {
        let mut rest = *number;
        while rest > 127 {
            bytes.push(u8::try_from(rest & 127).unwrap_or_default() | 128);
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read() {
        let all = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        put(&mut bytes, &all);
        let mut numbers = Numbers(&bytes);
        for number in all {
            assert_eq!(numbers.next(), Some(number));
        }
        assert_eq!(numbers.next(), None);
        assert_eq!(Numbers(&[255; 20]).next(), None);
        assert_eq!(Numbers(&[200, 1, 7]).count(), None);
    }
}
