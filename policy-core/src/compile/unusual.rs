//! Numbers that mean something, and hardly what was meant: a part written for a percentage, a bound that lets everything
//! pass.

use alloc::format;

use super::report::Report;
use crate::number::Decimal;
use crate::policy::{Change, Direction};

/// Percentages of a change. Where an absolute bound holds as well, that one may be what counts.
pub(crate) fn change(bound: &Change, at: &str, report: &mut Report<'_>) {
    let Some(percent) = bound.percent.filter(|_| bound.absolute.is_none()) else { return };
    let hundred = Decimal::from_count(100);
    if part(percent, &format!("{at}/percent"), report) {
        return;
    }
    let (most, then) = match bound.direction {
        Direction::Both => (hundred, "the value may fall to 0"),
        Direction::Down => (hundred, "the value may fall to 0, and no value above it falls further"),
        Direction::Up => (Decimal::from_count(400), "the value may become more than five times as large"),
    };
    let reached = if bound.direction == Direction::Up { percent > most } else { percent >= most };
    if reached {
        let message = format!("a change of {percent} percent bounds nearly nothing: {then}");
        let help = match bound.direction {
            Direction::Both => "write a smaller number, or bound each way by itself: `increase` and `decrease`",
            Direction::Down | Direction::Up => "write a smaller number, like 5",
        };
        report.warning(&format!("{at}/percent"), message, Some(help.into()));
    }
}

/// A percentage below one, which may be meant as a part of one: `0.05` for five percent. Whether it was reported.
pub(crate) fn part(percent: Decimal, at: &str, report: &mut Report<'_>) -> bool {
    if percent <= Decimal::ZERO || percent >= Decimal::ONE {
        return false;
    }
    let Some(meant) = percent.checked_mul(Decimal::from_count(100)) else { return false };
    let message = format!("this is {percent} of one percent, not {meant} percent");
    report.warning(at, message, Some(format!("write {meant} for {meant} percent")));
    true
}
