//! Exact decimal numbers: no binary floating point anywhere on the way of a request.

mod change;
mod share;
mod wide;

use core::cmp::Ordering;
use core::fmt;

use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

pub use self::change::Distance;
pub use self::share::{Ratio, Share};
use crate::limits::DIGITS;

/// Largest scale of a parsed number: what is smaller than 10⁻¹⁸ cannot be held and is refused.
const MAX_SCALE: u32 = 18;

/// A decimal number `coefficient × 10^-scale`, exact, in lowest terms (no trailing zero in the fraction).
///
/// Parsed numbers have at most 18 significant digits, at most 18 of them behind the point and at most 18 before it,
/// so that comparing two of them can never overflow. Sums and products are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decimal {
    coefficient: i128,
    scale: u32,
}

/// Why a text is not a number that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// The text is no decimal number in plain notation.
    Form,
    /// The number cannot be held exactly with 18 significant digits.
    Range,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { coefficient: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { coefficient: 1, scale: 0 };

    /// `coefficient × 10^-scale`, brought to lowest terms.
    #[must_use]
    pub fn new(mut coefficient: i128, mut scale: u32) -> Self {
        while scale > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            scale -= 1;
        }
        Self { coefficient, scale }
    }

    /// A count.
    #[must_use]
    pub fn from_count(count: usize) -> Self {
        Self { coefficient: i128::try_from(count).unwrap_or(i128::MAX), scale: 0 }
    }

    /// Reads plain decimal notation: an optional `-`, ASCII digits, and optionally a point with digits behind it.
    /// No exponent, no sign `+`, no blank.
    ///
    /// # Errors
    /// [`NumberError::Form`] for any other spelling, [`NumberError::Range`] past 18 significant digits.
    pub fn parse_plain(text: &str) -> Result<Self, NumberError> {
        if text.bytes().any(|b| matches!(b, b'e' | b'E')) {
            return Err(NumberError::Form);
        }
        Self::parse_json(text)
    }

    /// Reads a number as RFC 8259 §6 writes it (an exponent is fine, so are leading zeros, for numeric strings).
    ///
    /// # Errors
    /// As [`Decimal::parse_plain`].
    pub fn parse_json(text: &str) -> Result<Self, NumberError> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => {
                let (m, e) = rest.split_at(at);
                (m, Some(e.get(1..).unwrap_or_default()))
            }
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(NumberError::Form),
            Some((whole, fraction)) => (whole, fraction),
            None => (mantissa, ""),
        };
        if whole.is_empty() {
            return Err(NumberError::Form);
        }
        let mut exponent = match exponent {
            None => 0,
            Some(text) => parse_exponent(text)?,
        };
        let mut digits: i128 = 0;
        let mut significant = 0u32;
        // Zeros are held back until a digit follows them: trailing zeros carry no information.
        let mut pending = 0u32;
        for (index, b) in whole.bytes().chain(fraction.bytes()).enumerate() {
            let digit = match b {
                b'0'..=b'9' => i128::from(b - b'0'),
                _ => return Err(NumberError::Form),
            };
            if index >= whole.len() {
                exponent = exponent.saturating_sub(1);
            }
            if digit == 0 {
                if significant > 0 {
                    pending = pending.saturating_add(1);
                }
                continue;
            }
            significant = significant.saturating_add(pending).saturating_add(1);
            if significant > DIGITS {
                return Err(NumberError::Range);
            }
            for _ in 0..=pending {
                digits = digits.saturating_mul(10);
            }
            pending = 0;
            digits = digits.saturating_add(digit);
        }
        if digits == 0 {
            return Ok(Self::ZERO);
        }
        exponent = exponent.saturating_add(i64::from(pending));
        if negative {
            digits = -digits;
        }
        if exponent >= 0 {
            let exponent = u32::try_from(exponent).map_err(|_| NumberError::Range)?;
            if significant.saturating_add(exponent) > DIGITS {
                return Err(NumberError::Range);
            }
            Ok(Self { coefficient: digits.saturating_mul(10i128.pow(exponent)), scale: 0 })
        } else {
            let scale = u32::try_from(exponent.unsigned_abs()).map_err(|_| NumberError::Range)?;
            if scale > MAX_SCALE {
                return Err(NumberError::Range);
            }
            Ok(Self { coefficient: digits, scale })
        }
    }

    /// The sum, or `None` when it cannot be held.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let sum = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        Some(Self::new(sum, scale))
    }

    /// The difference, or `None` when it cannot be held.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(Self { coefficient: other.coefficient.checked_neg()?, scale: other.scale })
    }

    /// The number without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self { coefficient: self.coefficient.saturating_abs(), scale: self.scale }
    }

    /// The product, or `None` when it cannot be held.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let scale = self.scale.checked_add(other.scale)?;
        Some(Self::new(self.coefficient.checked_mul(other.coefficient)?, scale))
    }

    /// This number divided by `10^places`: minor units to major ones.
    #[must_use]
    pub fn shifted_down(self, places: u32) -> Self {
        Self::new(self.coefficient, self.scale.saturating_add(places))
    }

    /// Digits behind the point.
    #[must_use]
    pub fn decimals(self) -> u32 {
        self.scale
    }

    /// Digits before the point (0.5 has none).
    #[must_use]
    pub fn whole_digits(self) -> u32 {
        let mut whole = self.coefficient.unsigned_abs() / 10u128.saturating_pow(self.scale);
        let mut digits = 0;
        while whole > 0 {
            whole /= 10;
            digits += 1;
        }
        digits
    }

    /// Whether the number has no fraction.
    #[must_use]
    pub fn is_integer(self) -> bool {
        self.scale == 0
    }

    /// Whether the number is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.coefficient < 0
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        let up = scale.checked_sub(self.scale)?;
        self.coefficient.checked_mul(10i128.checked_pow(up)?)
    }
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Form);
    }
    // An exponent too long to read is a number too large (or too small) to hold.
    let value = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Ok(if negative { -value } else { value })
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Only a checked sum or product can be so large that aligning overflows.
            _ => match Distance::between(*other, *self) {
                Some(way) => way.direction(),
                None => {
                    let whole = |d: &Self| d.coefficient / 10i128.checked_pow(d.scale).unwrap_or(i128::MAX);
                    whole(self).cmp(&whole(other))
                }
            },
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.scale)
    }
}

/// A [`Decimal`] with zeros at its end, as an amount is written.
#[derive(Clone, Copy, Debug)]
pub struct Padded(Decimal, u32);

/// Most digits behind the point of a [`Padded`] number.
const MOST_PADDING: u32 = 18;

impl fmt::Display for Padded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, self.0.scale.max(self.1.min(MOST_PADDING)))
    }
}

impl Decimal {
    /// The number as text with at least so many digits behind the point (18 at most): `20.00`.
    #[must_use]
    pub fn padded(self, decimals: u32) -> Padded {
        Padded(self, decimals)
    }

    fn write(self, f: &mut fmt::Formatter<'_>, scale: u32) -> fmt::Result {
        let mut digits = self.coefficient.unsigned_abs().to_string();
        for _ in self.scale..scale {
            digits.push('0');
        }
        let scale = scale as usize;
        let mut text = String::new();
        if digits.len() <= scale {
            text.push_str("0.");
            for _ in digits.len()..scale {
                text.push('0');
            }
            text.push_str(&digits);
        } else {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            text.push_str(whole);
            if !fraction.is_empty() {
                text.push('.');
                text.push_str(fraction);
            }
        }
        f.pad_integral(self.coefficient >= 0, "", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn plain(text: &str) -> Result<String, NumberError> {
        Decimal::parse_plain(text).map(|d| d.to_string())
    }

    #[test]
    fn plain_notation_is_exact() {
        for (text, expect) in [
            ("0", "0"),
            ("-0", "0"),
            ("19.99", "19.99"),
            ("007.50", "7.5"),
            ("-12.340", "-12.34"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("999999999999999999", "999999999999999999"),
            ("100.00000000000000000000", "100"),
            ("1000000000000000.5", "1000000000000000.5"),
        ] {
            assert_eq!(plain(text).as_deref(), Ok(expect), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "-", "+1", ".5", "1.", "1,0", " 1", "1 ", "0x1", "1e2", "NaN", "１９", "1.2.3", "--1"] {
            assert_eq!(plain(text), Err(NumberError::Form), "{text}");
        }
        for text in ["1000000000000000000", "0.0000000000000000001", "1234567890123456789", "1.234567890123456789"] {
            assert_eq!(plain(text), Err(NumberError::Range), "{text}");
        }
    }

    #[test]
    fn json_exponents_are_values_or_out_of_range() {
        let json = |t: &str| Decimal::parse_json(t).map(|d| d.to_string());
        assert_eq!(json("1e2").as_deref(), Ok("100"));
        assert_eq!(json("1.50E-1").as_deref(), Ok("0.15"));
        assert_eq!(json("100e-2").as_deref(), Ok("1"));
        for text in ["1e400", "1e18", "1e-19", "1e99999999999999999999", "123456789e10"] {
            assert_eq!(json(text), Err(NumberError::Range), "{text}");
        }
        assert_eq!(json("0e999999999999"), Ok("0".into()));
        assert_eq!(json("1e"), Err(NumberError::Form));
    }

    #[test]
    fn order_and_arithmetic_are_exact() {
        let d = |t: &str| Decimal::parse_plain(t).unwrap();
        assert!(d("0.1") < d("0.10000000000000001"));
        assert!(d("-2") < d("-1.99"));
        assert_eq!(d("19.990"), d("19.99"));
        assert_eq!(d("0.1").checked_add(d("0.2")), Some(d("0.3")));
        assert_eq!(d("19.99").checked_mul(d("1.05")).map(|x| format!("{x}")), Some("20.9895".into()));
        let huge = d("999999999999999999");
        assert!(huge.checked_mul(huge).and_then(|x| x.checked_mul(huge)).is_none());
        assert_eq!(d("500").shifted_down(2), d("5"));
        assert_eq!((d("1234.5").whole_digits(), d("0.5").whole_digits()), (4, 0));
    }
}
