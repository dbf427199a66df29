//! `hours` of a permit and the page's `time_zone`. A zone becomes the table of its offsets while the page is valid, so
//! that the filter needs no zone database.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::tz::TimeZoneDatabase;

use super::report::Report;
use crate::policy::{Hours, Zone};
use crate::quote::quote;
use crate::template::HoursRule;
use crate::time::Timestamp;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: u8 = 0b111_1111;
const DAY_MINUTES: u16 = 24 * 60;
/// Most changes of an offset that a page may have: a century of summer times.
const OFFSETS: usize = 256;
const ZONE_HELP: &str = "write a name of the IANA database like `Europe/Berlin`, an offset like `+02:00`, or `UTC`";

/// The zone that a page names, while the page is valid.
pub(crate) fn zone(name: Option<&str>, (from, until): (Timestamp, Timestamp), report: &mut Report<'_>) -> Zone {
    let Some(name) = name.filter(|name| *name != "UTC") else {
        return Zone::default();
    };
    if let Some(offset) = fixed(name) {
        return Zone { offsets: alloc::vec![(0, offset)] };
    }
    let zone = match TimeZoneDatabase::bundled().get(name) {
        // The database finds names whatever their case; a page has one spelling.
        Ok(zone) if zone.iana_name() == Some(name) => zone,
        found => {
            let near = found.ok().and_then(|zone| zone.iana_name().map(String::from));
            let help = near.map_or_else(|| ZONE_HELP.into(), |near| format!("did you mean `{near}`?"));
            report.error("/time_zone", format!("unknown time zone {}", quote(name)), Some(help));
            return Zone::default();
        }
    };
    let seconds = |at: Timestamp| i64::try_from(at.seconds()).unwrap_or(i64::MAX);
    let Ok(start) = jiff::Timestamp::from_second(seconds(from)) else {
        return Zone::default();
    };
    let mut offsets = alloc::vec![(start.as_second(), zone.to_offset(start).seconds())];
    for change in zone.following(start) {
        let (at, offset) = (change.timestamp().as_second(), change.offset().seconds());
        if at >= seconds(until) {
            break;
        }
        if offsets.last().is_some_and(|(_, known)| *known == offset) {
            continue;
        }
        if offsets.len() == OFFSETS {
            let message = format!("the page is valid for more than {OFFSETS} changes of the clocks in {}", quote(name));
            report.error("/valid/until", message, Some("end its validity earlier".into()));
            break;
        }
        offsets.push((at, offset));
    }
    Zone { offsets }
}

/// `+02:00`: seconds ahead of UTC.
fn fixed(text: &str) -> Option<i32> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let minutes = clock(rest)?;
    (minutes <= 14 * 60).then(|| sign * i32::from(minutes) * 60)
}

/// `HH:MM`, up to `24:00`: minute of the day.
fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && minutes <= DAY_MINUTES).then_some(minutes)
}

/// The hours of a permit.
pub(crate) fn hours(rules: Option<&[HoursRule]>, pointer: &str, report: &mut Report<'_>) -> Vec<Hours> {
    let Some(rules) = rules else { return Vec::new() };
    if rules.is_empty() {
        let help = "leave `hours` out for a permit that always holds";
        report.error(pointer, "the permit would hold at no hour", Some(help.into()));
    }
    let mut all = Vec::new();
    for (position, rule) in rules.iter().enumerate() {
        let at = format!("{pointer}/{position}");
        let mut minute = |text: &str, name: &str, last: u16| {
            let minutes = clock(text).filter(|minutes| *minutes <= last);
            if minutes.is_none() {
                let message = format!("{} is not a time of day", quote(text));
                report.error(&format!("{at}/{name}"), message, Some("write `HH:MM`, like `05:00`".into()));
            }
            minutes
        };
        let from = minute(&rule.from, "from", DAY_MINUTES - 1);
        let until = minute(&rule.until, "until", DAY_MINUTES);
        let days = days(rule, &format!("{at}/days"), report);
        let (Some(from), Some(until), Some(days)) = (from, until, days) else { continue };
        if from == until {
            let help = "for the whole day write `00:00` to `24:00`";
            report.error(&format!("{at}/until"), "these hours end where they begin", Some(help.into()));
        }
        all.push(Hours { days, from, until });
    }
    all
}

fn days(rule: &HoursRule, at: &str, report: &mut Report<'_>) -> Option<u8> {
    let Some(names) = &rule.days else { return Some(EVERY_DAY) };
    if names.is_empty() {
        report.error(at, "these hours are on no day", Some("leave `days` out for every day".into()));
        return None;
    }
    let mut days = 0u8;
    for (position, name) in names.iter().enumerate() {
        match DAYS.iter().position(|day| day == name) {
            Some(day) => days |= 1 << day,
            None => {
                report.unknown(&format!("{at}/{position}"), "day", name, DAYS);
                return None;
            }
        }
    }
    Some(days)
}
