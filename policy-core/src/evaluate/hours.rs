//! Hours of the day in which a permit holds.

use alloc::format;

use super::Finding;
use crate::policy::{Page, Permit};
use crate::quote::quote;
use crate::reason::Code;
use crate::time::Timestamp;

/// Judges the hours of a permit.
pub(super) fn hours(permit: &Permit, page: &Page, now: Timestamp, findings: &mut alloc::vec::Vec<Finding>) {
    if permit.hours.is_empty() {
        return;
    }
    let local = page.zone.local(now);
    if permit.hours.iter().any(|hours| hours.hold(local)) {
        return;
    }
    let (hour, minute) = (local.second / 3_600, local.second / 60 % 60);
    let message = format!(
        "the rule {} does not hold at this hour: it is {hour:02}:{minute:02} in the page's time zone; see its `hours`",
        quote(&permit.id)
    );
    findings.push(Finding::deny(Code::OutsideHours, message));
}
