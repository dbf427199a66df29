//! Whole numbers of 512 bits, for comparisons that multiply: two numbers of 18 digits, aligned, times a percentage do not
//! fit into 128 bits. What does not fit into 512 either has no answer.

use core::cmp::Ordering;

const LIMBS: usize = 8;

/// An unsigned number, least significant limb first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wide([u64; LIMBS]);

impl Wide {
    pub(super) const ZERO: Self = Self([0; LIMBS]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0]);

    #[expect(clippy::cast_possible_truncation, reason = "the number is taken apart into its halves")]
    pub(super) fn new(number: u128) -> Self {
        let mut limbs = [0; LIMBS];
        for (limb, part) in limbs.iter_mut().zip([number as u64, (number >> 64) as u64]) {
            *limb = part;
        }
        Self(limbs)
    }

    pub(super) fn checked_add(self, other: Self) -> Option<Self> {
        let mut limbs = self.0;
        let mut carry = false;
        for (limb, addend) in limbs.iter_mut().zip(other.0) {
            let (sum, first) = limb.overflowing_add(addend);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first | second;
        }
        (!carry).then_some(Self(limbs))
    }

    /// The distance between two numbers.
    pub(super) fn abs_diff(self, other: Self) -> Self {
        let (larger, smaller) = if self < other { (other, self) } else { (self, other) };
        let mut limbs = larger.0;
        let mut borrow = false;
        for (limb, subtrahend) in limbs.iter_mut().zip(smaller.0) {
            let (rest, first) = limb.overflowing_sub(subtrahend);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = first | second;
        }
        Self(limbs)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the product is taken apart into its halves")]
    fn checked_mul_limb(self, by: u64) -> Option<Self> {
        let mut limbs = self.0;
        let mut carry = 0u64;
        for limb in &mut limbs {
            // At most (2⁶⁴-1)² + 2⁶⁴-1, which is below 2¹²⁸.
            let product = u128::from(*limb) * u128::from(by) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        (carry == 0).then_some(Self(limbs))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the factor is taken apart into its halves")]
    pub(super) fn checked_mul(self, by: u128) -> Option<Self> {
        let low = self.checked_mul_limb(by as u64)?;
        let high = (by >> 64) as u64;
        if high == 0 {
            return Some(low);
        }
        low.checked_add(self.checked_mul_limb(high)?.shifted_limb()?)
    }

    /// Times 2⁶⁴.
    fn shifted_limb(self) -> Option<Self> {
        let mut limbs = [0; LIMBS];
        let (top, rest) = self.0.split_last()?;
        for (limb, lower) in limbs.iter_mut().skip(1).zip(rest) {
            *limb = *lower;
        }
        (*top == 0).then_some(Self(limbs))
    }

    /// Times 10ⁿ.
    pub(super) fn checked_shift(self, places: u32) -> Option<Self> {
        let mut shifted = self;
        let mut left = places;
        while left > 0 {
            // 10¹⁹ is the largest power of ten in a limb.
            let step = left.min(19);
            shifted = shifted.checked_mul_limb(10u64.pow(step))?;
            left -= step;
        }
        Some(shifted)
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_distances_are_exact() {
        let max = Wide::new(u128::MAX);
        // (2¹²⁸-1)² = 2²⁵⁶ - 2¹²⁹ + 1
        let square = max.checked_mul(u128::MAX).unwrap();
        assert_eq!(square.0, [1, 0, u64::MAX - 1, u64::MAX, 0, 0, 0, 0]);
        assert_eq!(max.abs_diff(Wide::new(1)), Wide::new(1).abs_diff(max));
        assert_eq!(Wide::new(7).checked_shift(20), Wide::new(700_000_000_000_000_000_000).checked_mul(1));
        assert!(Wide::new(10) > Wide::new(9) && Wide::new(1 << 64) > Wide::new(u128::from(u64::MAX)));
        assert_eq!(Wide::new(u128::from(u64::MAX)).checked_add(Wide::new(1)), Some(Wide::new(1 << 64)));
    }

    #[test]
    fn what_does_not_fit_has_no_value() {
        let max = Wide::new(u128::MAX);
        let fits =
            max.checked_mul(u128::MAX).and_then(|n| n.checked_mul(u128::MAX)).and_then(|n| n.checked_mul(u128::MAX));
        assert!(fits.is_some());
        assert_eq!(fits.and_then(|n| n.checked_mul(2)), None);
        assert_eq!(Wide::new(1).checked_shift(155), None);
        assert_eq!(fits.and_then(|n| n.checked_add(n)), None);
    }
}
