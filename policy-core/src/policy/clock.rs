//! Local time: the offsets of a page's zone while the page is valid, and hours of the day. No zone database is needed to
//! read them.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

const DAY: i64 = 86_400;

/// A zone, as far as a page needs it. Empty: UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// From when on (seconds since the Unix epoch) local time is how many seconds ahead of UTC; sorted. Before the first
    /// its offset holds.
    pub offsets: Vec<(i64, i32)>,
}

/// A moment in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Days since 1970-01-01 of the local calendar.
    pub day: i64,
    /// Seconds since local midnight.
    pub second: u32,
}

impl Zone {
    /// What clocks of the zone show.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> Local {
        let utc = i64::try_from(at.seconds()).unwrap_or(i64::MAX / 2);
        let before = self.offsets.partition_point(|(from, _)| *from <= utc);
        let offset = self.offsets.get(before.saturating_sub(1)).map_or(0, |(_, offset)| *offset);
        let local = utc.saturating_add(i64::from(offset));
        // A day has fewer seconds than fit into 32 bits.
        Local { day: local.div_euclid(DAY), second: u32::try_from(local.rem_euclid(DAY)).unwrap_or_default() }
    }
}

/// Hours of the day in which a permit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Days on which they begin: bit 0 is Monday.
    pub days: u8,
    /// Minute of the day at which they begin.
    pub from: u16,
    /// Minute of the day at which they end, exclusive. Not after `from`: on the next day.
    pub until: u16,
}

impl Hours {
    /// Whether this moment lies within.
    #[must_use]
    pub fn hold(&self, at: Local) -> bool {
        let (from, until) = (u32::from(self.from) * 60, u32::from(self.until) * 60);
        if from < until {
            return (from..until).contains(&at.second) && self.begin_on(at.day);
        }
        (at.second >= from && self.begin_on(at.day)) || (at.second < until && self.begin_on(at.day.saturating_sub(1)))
    }

    fn begin_on(&self, day: i64) -> bool {
        // 1970-01-01 was a Thursday.
        let weekday = day.saturating_add(3).rem_euclid(7);
        (0..7).any(|bit| weekday == i64::from(bit) && self.days & (1 << bit) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn offsets_hold_from_their_moment_on() {
        let zone = Zone { offsets: alloc::vec![(0, 3_600), (86_400, 7_200), (172_800, -3_600)] };
        for (text, day, second) in [
            ("1970-01-01T00:00:00Z", 0, 3_600),
            ("1970-01-01T23:59:59Z", 1, 3_599),
            ("1970-01-02T00:00:00Z", 1, 7_200),
            ("1970-01-03T00:00:00Z", 1, 82_800),
        ] {
            assert_eq!(zone.local(at(text)), Local { day, second }, "{text}");
        }
        assert_eq!(Zone::default().local(at("1970-01-02T00:00:01Z")), Local { day: 1, second: 1 });
    }

    #[test]
    fn the_week_begins_on_monday() {
        let nights = Hours { days: 0b001_0000, from: 22 * 60, until: 5 * 60 };
        let utc = Zone::default();
        // 2026-11-20 is a Friday.
        for (text, holds) in [
            ("2026-11-20T21:59:59Z", false),
            ("2026-11-20T22:00:00Z", true),
            ("2026-11-21T04:59:59Z", true),
            ("2026-11-21T05:00:00Z", false),
            ("2026-11-21T22:00:00Z", false),
            ("2026-11-20T04:00:00Z", false),
        ] {
            assert_eq!(nights.hold(utc.local(at(text))), holds, "{text}");
        }
    }
}
