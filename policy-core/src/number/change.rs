//! How far one number lies from another: by multiplication, in whole numbers. What cannot be held has no answer, and no
//! answer is never "within".

use core::cmp::Ordering;

use super::Decimal;
use super::wide::Wide;

/// The way from one number to another, at a common scale.
#[derive(Clone, Copy, Debug)]
pub struct Distance {
    direction: Ordering,
    size: Wide,
    /// The number the way begins at, without its sign.
    from: Wide,
    scale: u32,
}

impl Distance {
    /// From `from` to `to`; `None` when it cannot be held.
    #[must_use]
    pub fn between(from: Decimal, to: Decimal) -> Option<Self> {
        let scale = from.scale.max(to.scale);
        let at_scale = |number: Decimal| {
            let up = scale.checked_sub(number.scale)?;
            Wide::new(number.coefficient.unsigned_abs()).checked_shift(up)
        };
        let (start, end) = (at_scale(from)?, at_scale(to)?);
        let (below, above) = (from.is_negative(), to.is_negative());
        let (direction, size) = match (below, above) {
            (false, false) => (end.cmp(&start), end.abs_diff(start)),
            (true, true) => (start.cmp(&end), end.abs_diff(start)),
            (true, false) => (Ordering::Greater, start.checked_add(end)?),
            (false, true) => (Ordering::Less, start.checked_add(end)?),
        };
        Some(Self { direction, size, from: start, scale })
    }

    /// Whether the way leads up, down, or nowhere.
    #[must_use]
    pub fn direction(&self) -> Ordering {
        self.direction
    }

    /// Whether the way is at most `percent` of the number it begins at. `None`: that cannot be held, or the percentage
    /// is negative.
    #[must_use]
    pub fn within_percent(&self, percent: Decimal) -> Option<bool> {
        if percent.is_negative() {
            return None;
        }
        let moved = self.size.checked_mul(100)?.checked_shift(percent.scale)?;
        let granted = self.from.checked_mul(percent.coefficient.unsigned_abs())?;
        Some(moved <= granted)
    }

    /// Whether the way is at most `most`. `None`: that cannot be held, or `most` is negative.
    #[must_use]
    pub fn within(&self, most: Decimal) -> Option<bool> {
        if most.is_negative() {
            return None;
        }
        let scale = self.scale.max(most.scale);
        let moved = self.size.checked_shift(scale.checked_sub(self.scale)?)?;
        let granted = Wide::new(most.coefficient.unsigned_abs()).checked_shift(scale.checked_sub(most.scale)?)?;
        Some(moved <= granted)
    }
}

impl Decimal {
    /// The largest number of at most `decimals` digits behind the point that is not above this one.
    #[must_use]
    pub fn floor_to(self, decimals: u32) -> Option<Self> {
        self.rounded_to(decimals, i128::div_euclid)
    }

    /// The smallest number of at most `decimals` digits behind the point that is not below this one.
    #[must_use]
    pub fn ceil_to(self, decimals: u32) -> Option<Self> {
        self.rounded_to(decimals, |n, unit| -(-n).div_euclid(unit))
    }

    /// The smallest whole number that is not below this one divided by `divisor`; both are not negative.
    #[must_use]
    pub fn ceil_div(self, divisor: Self) -> Option<Self> {
        let scale = self.scale.max(divisor.scale);
        let (dividend, divisor) = (self.at_scale(scale)?, divisor.at_scale(scale)?);
        if dividend < 0 || divisor <= 0 {
            return None;
        }
        let rest = i128::from(dividend % divisor != 0);
        Some(Self::new((dividend / divisor).checked_add(rest)?, 0))
    }

    fn rounded_to(self, decimals: u32, divide: impl Fn(i128, i128) -> i128) -> Option<Self> {
        let Some(dropped) = self.scale.checked_sub(decimals).filter(|dropped| *dropped > 0) else {
            return Some(self);
        };
        if self.coefficient == i128::MIN {
            return None;
        }
        let unit = 10i128.checked_pow(dropped)?;
        Some(Self::new(divide(self.coefficient, unit), decimals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn d(text: &str) -> Decimal {
        Decimal::parse_plain(text).unwrap()
    }

    fn percent(from: &str, to: &str, percent: &str) -> Option<bool> {
        Distance::between(d(from), d(to)).unwrap().within_percent(d(percent))
    }

    #[test]
    fn five_percent_of_a_price() {
        assert_eq!(percent("19.99", "20.98", "5"), Some(true));
        assert_eq!(percent("19.99", "20.99", "5"), Some(false));
        assert_eq!(percent("100", "105", "5"), Some(true));
        assert_eq!(percent("100", "95", "5"), Some(true));
        assert_eq!(percent("100", "94.999999999999999", "5"), Some(false));
        assert_eq!(percent("-100", "-95", "5"), Some(true));
        assert_eq!(percent("-100", "-105.01", "5"), Some(false));
        assert_eq!(percent("0", "0", "5"), Some(true));
        assert_eq!(percent("0", "0.01", "100"), Some(false));
        assert_eq!(percent("1", "-1", "200"), Some(true));
        assert_eq!(percent("1", "-1", "199.999"), Some(false));
        assert_eq!(percent("100", "100.0000125", "0.0000125"), Some(true));
        assert_eq!(percent("100", "100.0000126", "0.0000125"), Some(false));
    }

    #[test]
    fn eighteen_digits_each() {
        let (large, small) = ("999999999999999999", "0.000000000000000001");
        assert_eq!(percent(large, small, large), Some(true));
        assert_eq!(percent(small, large, large), Some(false));
        assert_eq!(percent(small, "0.000000000000000002", "100"), Some(true));
        assert_eq!(percent(small, "0.000000000000000002", "99.9999999999999999"), Some(false));
        assert_eq!(Distance::between(d(small), d(large)).unwrap().within(d(large)), Some(true));
        assert_eq!(Distance::between(d("-0.000000000000000001"), d(large)).unwrap().within(d(large)), Some(false));
    }

    #[test]
    fn what_cannot_be_held_has_no_answer() {
        let huge = Decimal { coefficient: i128::MAX, scale: 0 };
        let tiny = Decimal { coefficient: i128::MAX, scale: 200 };
        assert!(Distance::between(huge, tiny).is_none());
        let tiny = Decimal { coefficient: 1, scale: 110 };
        let far = Distance::between(huge, tiny).unwrap();
        assert_eq!(far.within_percent(d("99.999999999999999")), None);
        assert_eq!(far.within_percent(d("-1")), None);
        assert_eq!(far.within(d("-1")), None);
    }

    #[test]
    fn rounding_goes_inward() {
        for (text, decimals, floor, ceil) in [
            ("20.9895", 2, "20.98", "20.99"),
            ("-20.9895", 2, "-20.99", "-20.98"),
            ("20.98", 2, "20.98", "20.98"),
            ("0.4", 0, "0", "1"),
            ("-0.4", 0, "-1", "0"),
            ("5", 2, "5", "5"),
        ] {
            assert_eq!(d(text).floor_to(decimals).unwrap().to_string(), floor, "{text}");
            assert_eq!(d(text).ceil_to(decimals).unwrap().to_string(), ceil, "{text}");
        }
        assert!(Decimal { coefficient: 1, scale: 90 }.floor_to(2).is_none());
    }
}
