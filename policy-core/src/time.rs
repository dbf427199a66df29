//! Points in time. The core has no clock: the host passes `now`.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

const NANOS: u64 = 1_000_000_000;

impl Timestamp {
    /// A time given in whole seconds since the Unix epoch.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS))
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0 / NANOS
    }

    /// Reads RFC 3339 in UTC (`2026-11-20T12:00:00Z`, a fraction is fine). Offsets other than `Z` are refused:
    /// a template states its times in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('Z')?;
        let (date, time) = rest.split_once('T')?;
        let mut date = date.split('-');
        let (year, month, day) = (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
        let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut clock = clock.split(':');
        let (hour, minute, second) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
        if date.next().is_some() || clock.next().is_some() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut nanos: u64 = fraction.parse().ok()?;
        for _ in fraction.len()..9 {
            nanos = nanos.saturating_mul(10);
        }
        let mut days = day - 1;
        for m in 1..month {
            days += days_in_month(year, m);
        }
        for y in 1970..year {
            days += if leap(y) { 366 } else { 365 };
        }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
        seconds.checked_mul(NANOS)?.checked_add(nanos).map(Self)
    }
}

/// RFC 3339 in UTC, in whole seconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
        let (mut year, mut month) = (1970, 1);
        while days >= if leap(year) { 366 } else { 365 } {
            days -= if leap(year) { 366 } else { 365 };
            year += 1;
        }
        while days >= days_in_month(year, month) {
            days -= days_in_month(year, month);
            month += 1;
        }
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
    }
}

/// Reads a duration of the template language: `30s`, `5m`, `24h`, `7d`. Seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let split = text.len().checked_sub(1)?;
    let (digits, unit) = text.split_at_checked(split)?;
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_in_utc() {
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00Z"), Some(Timestamp(0)));
        assert_eq!(Timestamp::parse("2026-11-20T12:00:00Z"), Some(Timestamp::from_seconds(1_795_176_000)));
        assert_eq!(Timestamp::parse("2024-02-29T23:59:59.5Z"), Some(Timestamp(1_709_251_199_500_000_000)));
        for wrong in ["2026-11-20", "2026-11-20T12:00:00+01:00", "2026-02-29T00:00:00Z", "2026-11-20T24:00:00Z", "é"] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        use alloc::string::ToString;
        for text in ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2024-12-31T12:00:00Z", "2100-03-01T00:00:01Z"] {
            assert_eq!(Timestamp::parse(text).map(|at| at.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Timestamp(u64::MAX).to_string(), "2554-07-21T23:34:33Z");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("15m"), Some(900));
        assert_eq!(parse_duration("7d"), Some(604_800));
        for wrong in ["", "m", "1.5h", "5", "-5m", "5w", "5é"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
