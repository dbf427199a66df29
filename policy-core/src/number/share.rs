//! Shares of a whole, added up as fractions: a third and a third are two thirds. What cannot be held has no answer.

use core::cmp::Ordering;

use super::Decimal;
use super::wide::Wide;

/// How much one number is of another, both without their signs.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    size: u128,
    base: u128,
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self { size: 0, base: 1 };

    /// `size / base`. `None`: the base is 0, or the two cannot be brought to one scale.
    #[must_use]
    pub fn of(size: Decimal, base: Decimal) -> Option<Self> {
        let scale = size.scale.max(base.scale);
        let (size, base) = (size.at_scale(scale)?.unsigned_abs(), base.at_scale(scale)?.unsigned_abs());
        (base != 0).then_some(Self { size, base })
    }

    /// The larger of two; `None`: that cannot be held.
    #[must_use]
    pub fn larger(self, other: Self) -> Option<Self> {
        let own = Wide::new(self.size).checked_mul(other.base)?;
        let its = Wide::new(other.size).checked_mul(self.base)?;
        Some(if own.cmp(&its) == Ordering::Less { other } else { self })
    }
}

/// A sum of ratios.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    parts: Wide,
    of: Wide,
}

impl Share {
    /// Nothing.
    pub const ZERO: Self = Self { parts: Wide::ZERO, of: Wide::ONE };

    /// The sum; `None`: it cannot be held.
    #[must_use]
    pub fn checked_add(self, ratio: Ratio) -> Option<Self> {
        if ratio.size == 0 {
            return Some(self);
        }
        let parts = self.parts.checked_mul(ratio.base)?.checked_add(self.of.checked_mul(ratio.size)?)?;
        Some(Self { parts, of: self.of.checked_mul(ratio.base)? })
    }

    /// Whether the share is at most `percent`. `None`: that cannot be held, or the percentage is negative.
    #[must_use]
    pub fn within_percent(&self, percent: Decimal) -> Option<bool> {
        if percent.is_negative() {
            return None;
        }
        let own = self.parts.checked_mul(100)?.checked_shift(percent.scale)?;
        Some(own <= self.of.checked_mul(percent.coefficient.unsigned_abs())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse_plain(text).unwrap()
    }

    fn ratio(size: &str, base: &str) -> Ratio {
        Ratio::of(d(size), d(base)).unwrap()
    }

    #[test]
    fn thirds_add_up_exactly() {
        let two = Share::ZERO.checked_add(ratio("1", "3")).and_then(|share| share.checked_add(ratio("-0.1", "0.3")));
        assert_eq!(two.unwrap().within_percent(d("66.666666666666")), Some(false));
        let whole = two.unwrap().checked_add(ratio("1", "3")).unwrap();
        assert_eq!(whole.within_percent(d("100")), Some(true));
        assert_eq!(whole.within_percent(d("99.99999999999999")), Some(false));
        assert_eq!(whole.within_percent(d("-1")), None);
        assert_eq!(Share::ZERO.within_percent(d("0")), Some(true));
    }

    #[test]
    fn of_nothing_there_is_no_share() {
        assert!(Ratio::of(d("1"), d("0")).is_none());
        assert!(Ratio::of(d("0"), d("0")).is_none());
    }

    #[test]
    fn the_larger_of_two() {
        assert_eq!(ratio("1", "3").larger(ratio("0.33", "1")).unwrap().base, 3);
        assert_eq!(ratio("0.33", "1").larger(ratio("1", "3")).unwrap().base, 3);
    }

    #[test]
    fn what_does_not_fit_has_no_answer() {
        let mut share = Share::ZERO;
        let one = ratio("1", "999999999999999989");
        let mut held = 0;
        while let Some(sum) = share.checked_add(one) {
            share = sum;
            held += 1;
        }
        assert_eq!(held, 8);
    }
}
