//! Exact arithmetic that shares nothing with the product's: whole numbers of any size, as lists of digits to the base of a
//! thousand million. What a limit on a change says is worked out a second time with it.

use std::cmp::Ordering;

/// A decimal as it is written: its digits as one whole number, and how many of them stand behind the point.
pub type Written = (i128, u32);

/// A limit on a change, as it is written.
#[derive(Clone, Debug)]
pub struct Bound {
    /// `change`, `increase` or `decrease`.
    pub word: &'static str,
    pub percent: Option<Written>,
    pub absolute: Option<Written>,
}

impl Bound {
    /// Whether a value that is `current` now may become `new`.
    pub fn holds(&self, current: Written, new: Written) -> bool {
        let way = direction(current, new);
        let free = match (self.word, way) {
            (_, Ordering::Equal) => true,
            ("increase", way) => way == Ordering::Less,
            ("decrease", way) => way == Ordering::Greater,
            _ => false,
        };
        let within = |given: Option<Written>, holds: fn(Written, Written, Written) -> bool| {
            given.is_none_or(|given| holds(current, new, given))
        };
        free || (current.0 != 0 && within(self.percent, within_percent) && within(self.absolute, within_absolute))
    }
}

/// Reads plain notation; `None`: it is none, or has more digits than a request may have.
pub fn parts(text: &str) -> Option<Written> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let fraction = fraction.trim_end_matches('0');
    let both = format!("{whole}{fraction}");
    let significant = both.trim_start_matches('0');
    if whole.is_empty() || !both.bytes().all(|b| b.is_ascii_digit()) || significant.len() > 30 || fraction.len() > 30 {
        return None;
    }
    let number = if significant.is_empty() { 0 } else { significant.parse::<i128>().ok()? };
    Some((sign * number, u32::try_from(fraction.len()).ok()?))
}

/// As it is written in a document.
pub fn text((digits, scale): Written) -> String {
    let padded = format!("{:0>width$}", digits.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
    let sign = if digits < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// From one value to another: up, down or nowhere.
fn direction(current: Written, new: Written) -> Ordering {
    let (a, b, _) = aligned(current, new);
    match (current.0 < 0, new.0 < 0) {
        (false, false) => b.cmp(&a),
        (true, true) => a.cmp(&b),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
    }
}

/// |new - current| × 100 ≤ percent × |current|.
fn within_percent(current: Written, new: Written, percent: Written) -> bool {
    let (a, _, _) = aligned(current, new);
    let (moved, _) = moved(current, new);
    moved.times(&Big::new(100)).times(&Big::ten_to(percent.1)) <= a.times(&Big::new(percent.0.unsigned_abs()))
}

/// |new - current| ≤ most.
fn within_absolute(current: Written, new: Written, most: Written) -> bool {
    let (moved, scale) = moved(current, new);
    moved.times(&Big::ten_to(most.1)) <= Big::new(most.0.unsigned_abs()).times(&Big::ten_to(scale))
}

/// |new - current|, in units of the last digit that both have.
fn moved(current: Written, new: Written) -> (Big, u32) {
    let (a, b, scale) = aligned(current, new);
    (if (current.0 < 0) == (new.0 < 0) { Big::distance(&a, &b) } else { a.plus(&b) }, scale)
}

/// Both without their signs, with as many digits behind the point.
fn aligned(current: Written, new: Written) -> (Big, Big, u32) {
    let scale = current.1.max(new.1);
    let scaled = |(digits, from): Written| Big::new(digits.unsigned_abs()).times(&Big::ten_to(scale - from));
    (scaled(current), scaled(new), scale)
}

/// An unsigned whole number of any size, in digits of 10⁹.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Big(Vec<u64>);

const BASE: u64 = 1_000_000_000;

impl Big {
    fn new(mut number: u128) -> Self {
        let mut digits = Vec::new();
        while number > 0 {
            digits.push(u64::try_from(number % u128::from(BASE)).unwrap_or_default());
            number /= u128::from(BASE);
        }
        Self(digits)
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0u64; self.0.len() + other.0.len() + 1];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in other.0.iter().chain(std::iter::repeat_n(&0, digits.len() - i - other.0.len())).enumerate() {
                let sum = digits[i + j] + a * b + carry;
                digits[i + j] = sum % BASE;
                carry = sum / BASE;
            }
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }

    fn ten_to(power: u32) -> Self {
        (0..power).fold(Self::new(1), |big, _| big.times(&Self::new(10)))
    }

    fn distance(a: &Self, b: &Self) -> Self {
        let (large, small) = if a <= b { (b, a) } else { (a, b) };
        let mut digits = Vec::new();
        let mut borrow = 0;
        for (i, digit) in large.0.iter().enumerate() {
            let taken = small.0.get(i).copied().unwrap_or(0) + borrow;
            borrow = u64::from(*digit < taken);
            digits.push(digit + borrow * BASE - taken);
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }

    fn plus(&self, other: &Self) -> Self {
        let mut digits = Vec::new();
        let mut carry = 0;
        for i in 0..=self.0.len().max(other.0.len()) {
            let sum = self.0.get(i).unwrap_or(&0) + other.0.get(i).unwrap_or(&0) + carry;
            digits.push(sum % BASE);
            carry = sum / BASE;
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
