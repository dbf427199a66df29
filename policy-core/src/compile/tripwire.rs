//! Tripwires: what they count, when they trip, what they do then.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::numeral;
use super::report::Report;
use crate::limits::TRIPWIRES;
use crate::number::Decimal;
use crate::policy::{Counted, Measure, Most, Page, Predicate, Tripwire, Tripwires, Watched};
use crate::quote::quote;
use crate::template::{self, Mode, Template, TripwireCount, TripwireThen};
use crate::time::parse_duration;

/// Fewest of `of` for a share to count, if the page does not say.
const SAMPLE: u32 = 100;
/// Longest window, in seconds: what is counted does not outlive the gateway.
const LONGEST: u64 = 7 * 86_400;

/// Compiles the tripwires of a page, whose permits and counters are compiled.
pub(crate) fn compile(template: &Template, page: &Page, report: &mut Report<'_>) -> Tripwires {
    if template.tripwires.len() > TRIPWIRES {
        let message = format!("there are {} tripwires; a page has at most {TRIPWIRES}", template.tripwires.len());
        report.error("/tripwires", message, Some("leave out those that say the same".into()));
    }
    let mut all = Vec::new();
    for (position, written) in template.tripwires.iter().enumerate() {
        let at = format!("/tripwires/{position}");
        if written.id.trim().is_empty() {
            let help = "name what it watches: the pause and its record go by this name";
            report.error(&format!("{at}/id"), "a tripwire needs an id", Some(help.into()));
        }
        if template.tripwires.iter().take(position).any(|other| other.id == written.id) {
            report.error(
                &format!("{at}/id"),
                format!("two tripwires are named {}", quote(&written.id)),
                Some("give one of them another id".into()),
            );
        }
        let compiled = tripwire(written, &at, report);
        if written.count == TripwireCount::Reverts && !bounds_changes(page) {
            let message = "nothing is ever set back: no permit of this page bounds a change, so that no value of before \
                           is known";
            let help =
                "bound the values that it is to watch with `change`, `increase`, `decrease` or a counter of drift";
            report.warning(&format!("{at}/count"), message, Some(help.into()));
        }
        all.extend(compiled);
    }
    let mode = if template.mode == Mode::Shadow { "shadow" } else { "enforce" };
    Tripwires { region: digest(&["tripwires", &template.agent.name, mode]), all }
}

/// Whether some permit bounds the change of a value, which it therefore looks up.
fn bounds_changes(page: &Page) -> bool {
    let change = |predicate: &Predicate| matches!(predicate, Predicate::Change(_));
    let limits = page.permits.iter().flat_map(|permit| &permit.limits).map(|limit| &limit.test);
    let mut limits = limits.filter(|test| matches!(test.measure, Measure::Values(_)));
    limits.any(|test| test.predicates.iter().any(change))
        || page.counters.iter().any(|counter| matches!(counter.counted, Counted::Drift(_)))
}

fn tripwire(written: &template::Tripwire, at: &str, report: &mut Report<'_>) -> Option<Tripwire> {
    let window = duration(&written.window, &format!("{at}/window"), "a window", report);
    if window.is_some_and(|window| window > LONGEST) {
        let help = "write a window of at most 7d";
        report.error(&format!("{at}/window"), "a tripwire looks back a week at most", Some(help.into()));
    }
    let lasts = match written.until.as_deref() {
        None | Some("resumed") => Some(None),
        Some(text) => duration(text, &format!("{at}/until"), "how long a pause lasts", report).map(Some),
    };
    let counts = watched(written.count);
    let bound = bound(written, counts, at, report);
    let (window, lasts, bound) = (window?, lasts?, bound?);
    let of = bound.of().map(Watched::name).unwrap_or_default();
    let key = digest(&[&written.id, counts.name(), of, &window.to_string()]);
    Some(Tripwire {
        id: written.id.clone(),
        key: key.first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default(),
        counts,
        window,
        bound,
        everything: written.then == TripwireThen::PauseAgent,
        lasts,
    })
}

fn bound(written: &template::Tripwire, counts: Watched, at: &str, report: &mut Report<'_>) -> Option<Most> {
    let share = [
        ("max_percent", written.max_percent.is_some()),
        ("of", written.of.is_some()),
        ("min_sample", written.min_sample.is_some()),
    ];
    let times = [("baseline", written.baseline.is_some()), ("times", written.times.is_some())];
    let given = |members: &[(&'static str, bool)]| members.iter().find(|(_, given)| *given).map(|(name, _)| *name);
    let kinds = [written.max.map(|_| "max"), given(&share), given(&times)];
    let help = "write `max`, or `max_percent` with `of`, or `baseline` with `times`";
    let kinds: Vec<&str> = kinds.into_iter().flatten().collect();
    match kinds.as_slice() {
        [_] => {}
        [] => {
            report.error(at, "nothing says how much is too much", Some(help.into()));
            return None;
        }
        [first, second, ..] => {
            let message = format!("{} and {} are two bounds, and a tripwire has one", quote(first), quote(second));
            report.error(&format!("{at}/{second}"), message, Some(help.into()));
            return None;
        }
    }
    if let Some(max) = written.max {
        return Some(Most::Number(small(max, &format!("{at}/max"), report)?));
    }
    if let Some(name) = given(&share) {
        let (Some(percent), Some(of)) = (&written.max_percent, written.of) else {
            let message = if written.of.is_none() { "nothing says of what it is a share" } else { "there is no share" };
            report.error(&format!("{at}/{name}"), message, Some("a share has `max_percent` and `of`".into()));
            return None;
        };
        let of = share_of(counts, watched(of), &format!("{at}/of"), report)?;
        let percent = positive(percent, &format!("{at}/max_percent"), report)?;
        if percent >= Decimal::from_count(100) {
            let message = "no share is more than 100 percent: this never trips";
            report.error(&format!("{at}/max_percent"), message, Some("write less than 100".into()));
            return None;
        }
        let sample = match written.min_sample {
            None => SAMPLE,
            Some(sample) => small(sample, &format!("{at}/min_sample"), report)?,
        };
        return Some(Most::Share { percent, of, sample });
    }
    let (Some(usual), Some(times)) = (written.baseline, &written.times) else {
        let name = given(&times).unwrap_or_default();
        let message = "how much is usual, and how many times that is too much, belong together";
        report.error(&format!("{at}/{name}"), message, Some("write both `baseline` and `times`".into()));
        return None;
    };
    let usual = small(usual, &format!("{at}/baseline"), report)?;
    let times = positive(times, &format!("{at}/times"), report)?;
    if usual == 0 {
        let help = "write how many are usual in a window; where none is, bound it by `max`";
        report.error(&format!("{at}/baseline"), "any number of times 0 is 0: the first one trips", Some(help.into()));
        return None;
    }
    if times < Decimal::ONE {
        let message = format!("{times} times the usual is less than usual: this trips when nothing is wrong");
        let help = "write how many times the usual is too much: 1 or more, like 3";
        report.error(&format!("{at}/times"), message, Some(help.into()));
        return None;
    }
    Some(Most::Times { usual, times })
}

/// What something may be a share of: of what it is a part.
fn share_of(counts: Watched, of: Watched, at: &str, report: &mut Report<'_>) -> Option<Watched> {
    let wholes: &[Watched] = match counts {
        Watched::Refused | Watched::Failed => &[Watched::Requests],
        Watched::OutOfScope => &[Watched::Requests, Watched::Refused],
        Watched::Reverts => &[Watched::Writes],
        Watched::Requests | Watched::Writes => &[],
    };
    if wholes.contains(&of) {
        return Some(of);
    }
    let message = format!("{} are not a part of {}", quote(counts.name()), quote(of.name()));
    let names: Vec<_> = wholes.iter().map(|whole| format!("`\"of\": \"{}\"`", whole.name())).collect();
    let help = match names.as_slice() {
        [] => "bound it by `max`, or by `baseline` and `times`".to_string(),
        names => format!("write {}", names.join(" or ")),
    };
    report.error(at, message, Some(help));
    None
}

fn watched(count: TripwireCount) -> Watched {
    match count {
        TripwireCount::Requests => Watched::Requests,
        TripwireCount::Writes => Watched::Writes,
        TripwireCount::Refused => Watched::Refused,
        TripwireCount::Failed => Watched::Failed,
        TripwireCount::Reverts => Watched::Reverts,
        TripwireCount::OutOfScope => Watched::OutOfScope,
    }
}

fn duration(text: &str, at: &str, what: &str, report: &mut Report<'_>) -> Option<u64> {
    let seconds = parse_duration(text).filter(|seconds| *seconds > 0);
    if seconds.is_none() {
        let help = "write a duration like 30s, 5m, 24h or 7d";
        report.error(at, format!("{} is not {what}", quote(text)), Some(help.into()));
    }
    seconds
}

fn small(number: u64, at: &str, report: &mut Report<'_>) -> Option<u32> {
    let small = u32::try_from(number).ok().filter(|number| *number <= 1_000_000_000);
    if small.is_none() {
        report.error(at, "this number is too large to be counted", Some("write at most 1000000000".into()));
    }
    small
}

fn positive(number: &template::Number, at: &str, report: &mut Report<'_>) -> Option<Decimal> {
    let value = numeral::number(number, at, report)?;
    if value.is_negative() {
        let help = "write a number above 0, like 3";
        report.error(at, "a tripwire counts from 0: this is not negative", Some(help.into()));
        return None;
    }
    Some(value)
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().first_chunk().copied().unwrap_or_default()
}
