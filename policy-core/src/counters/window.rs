//! Windows of time, cut into parts.

use crate::policy::{Window, Zone};
use crate::time::Timestamp;

/// Parts of a rolling window: what has been used counts for at most one of them too long.
pub(crate) const PARTS: u64 = 60;
const SECOND: u64 = 1_000_000_000;

/// A window with what its days are measured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meter {
    pub(crate) window: Window,
    pub(crate) zone: Zone,
    /// Of a session's window: when its token was issued, and when it ends.
    pub(crate) life: (Timestamp, Timestamp),
}

/// Which parts of time count at one moment, by their numbers since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The part of this moment.
    pub(crate) current: u64,
    /// The first part of which something still counts.
    pub(crate) oldest: u64,
    /// Only a part of `oldest` still counts.
    pub(crate) partial: bool,
}

/// In place of the length of a part: a window that ends with a session has one part, and an end that each of its tokens has.
pub(crate) const SESSION: u64 = u64::MAX;

/// The first part that may still count in a window whose parts are so long (0: days). In the window of a session, the first
/// end that is yet to come.
pub(crate) fn oldest_part(unit: u64, at: Timestamp) -> u64 {
    if unit == SESSION {
        return at.seconds().saturating_add(1);
    }
    match at.0.checked_div(unit) {
        Some(current) => current.saturating_sub(PARTS),
        // Local days begin at most a day before those of UTC.
        None => (at.seconds() / 86_400).saturating_sub(1),
    }
}

impl Meter {
    /// Length of a part in nanoseconds; 0 for days, which have none. Parts of different lengths have different numbers.
    pub(crate) fn unit(&self) -> u64 {
        match self.window {
            Window::Rolling(seconds) => seconds.saturating_mul(SECOND).div_ceil(PARTS).max(1),
            Window::Day => 0,
            Window::Session => SESSION,
        }
    }

    /// Until when what is charged now stands in the slot: its part, or the end of the session.
    pub(crate) fn newest(&self, frame: Frame) -> u64 {
        if self.window == Window::Session { self.life.1.seconds() } else { frame.current }
    }

    /// Which parts count at a moment: those of `(at - window, at]`, or the day it is in.
    pub(crate) fn frame(&self, at: Timestamp) -> Frame {
        match self.window {
            Window::Rolling(seconds) => {
                let unit = self.unit();
                let first = self.first(at, seconds);
                let part = |at: u64| at.checked_div(unit).unwrap_or_default();
                Frame { current: part(at.0), oldest: part(first), partial: !first.is_multiple_of(unit) }
            }
            Window::Day => {
                let day = u64::try_from(self.zone.local(at).day).unwrap_or_default();
                Frame { current: day, oldest: day, partial: false }
            }
            Window::Session => Frame { current: 0, oldest: 0, partial: false },
        }
    }

    /// Whether a moment lies in the window of a later one.
    pub(crate) fn reaches(&self, back_to: Timestamp, at: Timestamp) -> bool {
        match self.window {
            Window::Rolling(seconds) => back_to.0 > self.first(at, seconds),
            Window::Day => self.zone.local(back_to).day >= self.zone.local(at).day,
            Window::Session => back_to > self.life.0,
        }
    }

    /// The first moment that counts.
    fn first(&self, at: Timestamp, seconds: u64) -> u64 {
        // Before there were clocks there was nothing to count.
        at.0.saturating_add(1).saturating_sub(seconds.saturating_mul(SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_sixty_parts_and_a_piece() {
        let meter = Meter { window: Window::Rolling(60), zone: Zone::default(), life: Default::default() };
        let frame = |nanos| meter.frame(Timestamp(nanos));
        let minute = 60 * SECOND;
        assert_eq!(frame(10 * minute), Frame { current: 600, oldest: 540, partial: true });
        // The very end of a part: what happened exactly a window ago counts no more.
        assert_eq!(frame(10 * minute - 1), Frame { current: 599, oldest: 540, partial: false });
        assert_eq!(frame(0), Frame { current: 0, oldest: 0, partial: false });
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let zone = Zone { offsets: alloc::vec![(0, 3_600)] };
        let meter = Meter { window: Window::Day, zone, life: Default::default() };
        let at = |text| Timestamp::parse(text).unwrap();
        assert_ne!(meter.frame(at("2026-11-20T22:59:59Z")), meter.frame(at("2026-11-20T23:00:00Z")));
        assert_eq!(meter.frame(at("2026-11-20T23:00:00Z")), meter.frame(at("2026-11-21T22:59:59Z")));
    }

    #[test]
    fn a_window_reaches_back_to_a_birth_or_not() {
        let rolling = Meter { window: Window::Rolling(3_600), zone: Zone::default(), life: Default::default() };
        let day = Meter { window: Window::Day, zone: Zone::default(), life: Default::default() };
        let at = |text| Timestamp::parse(text).unwrap();
        let noon = at("2026-11-20T12:00:00Z");
        assert!(rolling.reaches(at("2026-11-20T11:00:01Z"), noon));
        assert!(!rolling.reaches(at("2026-11-20T11:00:00Z"), noon));
        // A birth that is yet to come.
        assert!(rolling.reaches(at("2026-11-21T11:00:00Z"), noon));
        assert!(day.reaches(at("2026-11-20T00:00:00Z"), noon));
        assert!(!day.reaches(at("2026-11-19T23:59:59Z"), noon));
    }
}
