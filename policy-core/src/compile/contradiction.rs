//! Limits that no request can meet, alone or together with another of the same rule.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::kinds::{self, Kind};
use super::report::Report;
use crate::evaluate::name_text;
use crate::number::Decimal;
use crate::policy::{Action, Band, Constant, Limit, Measure, Predicate, Test};
use crate::quote::{list, quote};

/// A bound, and whether it is itself within.
type Bound = (Decimal, bool);
/// What is wrong, and what to do about it.
type Finding = (String, String);

/// A test that could never hold.
pub(crate) fn alone(test: &Test, actions: &[&Action], at: &str, report: &mut Report<'_>) {
    if let Some((message, help)) = in_itself(test, actions) {
        report.error(at, message, Some(help));
    }
}

/// The last limit, where it and an earlier one can never hold together. Limits under a condition, and those whose breach
/// is softened, may be meant as steps.
pub(crate) fn exclusive(limits: &[Limit], actions: &[&Action], at: &str, report: &mut Report<'_>) {
    let hard = |limit: &&Limit| limit.when.is_empty() && limit.beyond == Band::Deny;
    let Some((last, earlier)) = limits.split_last().filter(|(last, _)| hard(last)) else { return };
    for other in earlier.iter().filter(hard).filter(|other| other.test.measure == last.test.measure) {
        if in_itself(&last.test, actions).is_some() || in_itself(&other.test, actions).is_some() {
            continue;
        }
        let both: Vec<Predicate> = other.test.predicates.iter().chain(&last.test.predicates).cloned().collect();
        let presence = |limit: &Limit, wanted: bool| {
            limit.test.predicates.iter().any(|p| matches!(p, Predicate::Present(given) if *given == wanted))
        };
        let help = || Some("swap the bounds, or take one of the two limits out".to_string());
        if let Some((low, high)) = no_number(&both) {
            let message = format!(
                "no number lies above {low} and below {high}: this limit and {} can never both be met",
                quote(&other.id)
            );
            report.error(at, message, help());
        } else if let Some(words) = no_constant(&both) {
            let message =
                format!("none of {words} meets this limit and {}: they can never both be met", quote(&other.id));
            let help = "list a value that meets both, or take one of the two limits out";
            report.error(at, message, Some(help.into()));
        } else if (presence(last, true) && presence(other, false)) || (presence(last, false) && presence(other, true)) {
            let message = format!("this limit and {} ask for a value and for none", quote(&other.id));
            report.error(at, message, Some("take one of the two limits out".into()));
        }
    }
}

fn in_itself(test: &Test, actions: &[&Action]) -> Option<Finding> {
    let Test { measure, predicates } = test;
    if let Some((low, high)) = no_number(predicates) {
        let message = format!("no number lies above {low} and below {high}: this limit can never be met");
        return Some((message, "swap the bounds, or take one out".into()));
    }
    if let Some(words) = no_constant(predicates) {
        let message = format!("none of {words} meets the rest of this limit: it can never be met");
        return Some((message, "list a value that does, or take the other conditions out".into()));
    }
    let (low, high) = range(predicates);
    match measure {
        Measure::Rows if below(high, Decimal::ONE) => Some((
            "every request is of one row or more: this limit can never be met".into(),
            "write `\"max\": 1` or more; to refuse all of them, take the permit out".into(),
        )),
        Measure::Count(_) if below(high, Decimal::ZERO) => {
            Some(("a count is never less than 0: this limit can never be met".into(), "write 0 or more".into()))
        }
        Measure::Values(names) => names.iter().find_map(|name| {
            let ranges: Option<Vec<_>> = kinds::of_name(name, actions)?.iter().map(Kind::range).collect();
            let ranges = ranges?;
            let most = ranges.iter().map(|(_, most)| *most).max()?;
            let text = name_text(name);
            if below(high, Decimal::ZERO) {
                let message = format!("the catalog gives {text} digits and no sign: it is never less than 0");
                return Some((message, "write a bound of 0 or more, or take `digits` out of the catalog".into()));
            }
            let (low, _) = low?;
            (low > most).then(|| {
                let message = format!("the catalog gives {text} too few digits for this: it is never {low} or more");
                (message, "write a lower bound, or more `digits` in the catalog".into())
            })
        }),
        _ => None,
    }
}

/// Whether everything that an upper bound lets pass is below a number.
fn below(high: Option<Bound>, number: Decimal) -> bool {
    high.is_some_and(|(high, closed)| high < number || (high == number && !closed))
}

/// The constants of an `in`, for a message, where each of them fails another predicate.
fn no_constant(predicates: &[Predicate]) -> Option<String> {
    let (position, constants) = predicates.iter().enumerate().find_map(|(position, predicate)| match predicate {
        Predicate::In(constants) => Some((position, constants)),
        _ => None,
    })?;
    let others = || predicates.iter().enumerate().filter(|(other, _)| *other != position).map(|(_, p)| p);
    let meets = |constant: &Constant| others().all(|predicate| may_meet(constant, predicate));
    if others().next().is_none() || constants.iter().any(meets) {
        return None;
    }
    let words: Vec<String> = constants.iter().map(text).collect();
    Some(list(words.iter().map(String::as_str), 6))
}

fn text(constant: &Constant) -> String {
    match constant {
        Constant::String(text) => text.clone(),
        Constant::Number(number) => number.to_string(),
        Constant::Bool(bool) => bool.to_string(),
    }
}

/// Whether a value that is this constant may meet the predicate. Where everything is text, `5` and `"5"` are the same.
fn may_meet(constant: &Constant, predicate: &Predicate) -> bool {
    let spelled = text(constant);
    let number = || Decimal::parse_plain(&spelled);
    let same = |other: &Constant| text(other) == spelled;
    match predicate {
        Predicate::In(constants) => constants.iter().any(same),
        // Another spelling of the same may pass.
        Predicate::NotIn(constants) => !constants.contains(constant),
        Predicate::Min(bound) => number().is_ok_and(|n| n >= *bound),
        Predicate::Max(bound) => number().is_ok_and(|n| n <= *bound),
        Predicate::Over(bound) => number().is_ok_and(|n| n > *bound),
        Predicate::Under(bound) => number().is_ok_and(|n| n < *bound),
        Predicate::Prefix(prefixes) => prefixes.iter().any(|prefix| spelled.starts_with(prefix.as_str())),
        Predicate::Length { min, max } => {
            let count = u32::try_from(spelled.chars().count()).unwrap_or(u32::MAX);
            min.is_none_or(|min| count >= min) && max.is_none_or(|max| count <= max)
        }
        Predicate::Domain(domains) => spelled
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domains.iter().any(|known| known.eq_ignore_ascii_case(domain))),
        _ => true,
    }
}

/// The highest lower bound and the lowest upper one, each with whether it is itself within.
fn range(predicates: &[Predicate]) -> (Option<Bound>, Option<Bound>) {
    let mut low: Option<Bound> = None;
    let mut high: Option<Bound> = None;
    for predicate in predicates {
        match predicate {
            Predicate::Min(n) if low.is_none_or(|(known, _)| *n > known) => low = Some((*n, true)),
            Predicate::Over(n) if low.is_none_or(|(known, _)| *n >= known) => low = Some((*n, false)),
            Predicate::Max(n) if high.is_none_or(|(known, _)| *n < known) => high = Some((*n, true)),
            Predicate::Under(n) if high.is_none_or(|(known, _)| *n <= known) => high = Some((*n, false)),
            _ => {}
        }
    }
    (low, high)
}

/// The bounds between which no number lies.
fn no_number(predicates: &[Predicate]) -> Option<(Decimal, Decimal)> {
    let (low, high) = range(predicates);
    let ((low, low_closed), (high, high_closed)) = (low?, high?);
    (low > high || (low == high && !(low_closed && high_closed))).then_some((low, high))
}
