//! Counters: those of one permit, and those that permits share.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::kinds::Kind;
use super::known::Known;
use super::limit;
use super::parts::ApiParts;
use super::placed::Placed;
use super::report::Report;
use super::surroundings::Surroundings;
use super::unusual;
use super::{band, change, kinds, money, names, numeral};
use crate::number::Decimal;
use crate::policy::{Action, Band, Counted, Counter, Drift, Measure, Name, Page, Per, Predicate, Reach, Window};
use crate::quote::quote;
use crate::template::{
    self, AfterRestart, ChargeOn, CountOf, CounterRule, DriftKind, MaxRule, Mode, Number, OneOrMany, PermitRule,
    Template, TestRule,
};
use crate::time::parse_duration;

/// Seconds that most gateways run without a restart. Of longer windows a page says what a restart means.
const USUAL_LIFE: u64 = 24 * 3_600;
const RENAME: &str = "give one of them another id: each has a budget of its own";
const WINDOW_HELP: &str = "write a duration like 30s, 5m, 24h or 7d, `day` or `session`";

/// What a counter may refer to.
struct Place<'a> {
    template: &'a Template,
    around: Surroundings<'a>,
    /// The permit it stands in.
    rule: Option<&'a PermitRule>,
}

/// Whether some counter of the page is charged by a permit.
pub(crate) fn is_counted(rule: &PermitRule, template: &Template) -> bool {
    let names = |counter: &CounterRule| counter.rules.iter().flatten().any(|named| *named == rule.id);
    !rule.counters.is_empty() || template.counters.iter().any(names)
}

/// Compiles the counters of a permit: their places on the page.
pub(crate) fn own(
    rule: &PermitRule,
    pointer: &str,
    template: &Template,
    known: &Known<'_>,
    counters: &mut Vec<Counter>,
    report: &mut Report<'_>,
) -> Vec<u32> {
    let place = Place { template, around: known.around(template), rule: Some(rule) };
    let mut indices = Vec::new();
    for (position, written) in rule.counters.iter().enumerate() {
        let at = format!("{pointer}/counters/{position}");
        if written.rules.is_some() {
            let help = "a counter that permits share stands in `counters` of the page";
            report.error(
                &format!("{at}/rules"),
                "the counter of a permit is charged by that permit",
                Some(help.into()),
            );
        }
        if rule.counters.iter().take(position).any(|other| other.id == written.id) {
            report.error(
                &format!("{at}/id"),
                format!("two counters are named {}", quote(&written.id)),
                Some(RENAME.into()),
            );
        }
        if let Some(counter) = counter(written, &at, &place, report) {
            indices.push(u32::try_from(counters.len()).unwrap_or(u32::MAX));
            counters.push(counter);
        }
    }
    indices
}

/// Compiles the counters that permits share, and puts them into those.
pub(crate) fn shared(
    template: &Template,
    placed: &[Placed],
    apis: &BTreeMap<String, ApiParts<'_>>,
    page: &mut Page,
    report: &mut Report<'_>,
) {
    for (position, written) in template.counters.iter().enumerate() {
        let at = format!("/counters/{position}");
        if template.counters.iter().take(position).any(|other| other.id == written.id) {
            report.error(
                &format!("{at}/id"),
                format!("two counters are named {}", quote(&written.id)),
                Some(RENAME.into()),
            );
        }
        let Some(rules) = written.rules.as_ref().filter(|rules| !rules.is_empty()) else {
            let help = "name the permits that it counts: `\"rules\": [\"…\"]`";
            report.error(&format!("{at}/rules"), "no permit is charged to this counter", Some(help.into()));
            continue;
        };
        let mut charged: Vec<&Placed> = Vec::new();
        for (number, name) in rules.iter().enumerate() {
            let pointer = format!("{at}/rules/{number}");
            if let Some(rule) = placed.iter().find(|rule| rule.id == *name) {
                charged.push(rule);
            } else if template.forbid.iter().any(|rule| rule.id == *name) {
                let message = format!("{} is a forbid: nothing that it refuses is counted", quote(name));
                report.error(&pointer, message, Some("name permits".into()));
            } else if !template.permit.iter().any(|rule| rule.id == *name) {
                report.unknown(&pointer, "permit", name, template.permit.iter().map(|rule| rule.id.as_str()));
            }
        }
        if charged.is_empty() {
            continue;
        }
        // Each name must mean the same under each of the permits.
        let known = Known::of_all(charged.iter().map(|rule| Known::of(&rule.targets, apis)).collect());
        let place = Place { template, around: known.around(template), rule: None };
        let Some(counter) = counter(written, &at, &place, report) else { continue };
        let index = u32::try_from(page.counters.len()).unwrap_or(u32::MAX);
        page.counters.push(counter);
        for permit in page.permits.iter_mut().filter(|permit| charged.iter().any(|rule| rule.id == permit.id)) {
            permit.counters.push(index);
        }
    }
}

fn counter(written: &CounterRule, at: &str, place: &Place<'_>, report: &mut Report<'_>) -> Option<Counter> {
    if written.id.trim().is_empty() {
        let help = "name what it is for: the budget goes by this name";
        report.error(&format!("{at}/id"), "a counter needs an id", Some(help.into()));
    }
    let counted = counted(written, at, place, report);
    let window = window(&written.window, &format!("{at}/window"), report);
    let per = per(written, at, place, report);
    let attempt = written.charge == Some(ChargeOn::Attempt);
    if attempt && written.drift.is_some() {
        let message = "a drift is of changes that are made: it is charged when they go upstream";
        report.error(&format!("{at}/charge"), message, Some("leave `charge` out".into()));
    }
    let beyond = match &written.beyond {
        None => Band::Deny,
        Some(rule) => band::compile(rule, &format!("{at}/beyond"), place.around.roles, report),
    };
    let reach = match written.reach {
        None | Some(template::Reach::Node) => Reach::Node,
        Some(template::Reach::Worker) => Reach::Worker,
        Some(template::Reach::Fleet) => {
            report.not_yet(&format!("{at}/reach"), "counters of a fleet");
            Reach::Node
        }
    };
    let (counted, window, mut per) = (counted?, window?, per?);
    if window == Window::Session && !per.contains(&Per::Session) {
        per.push(Per::Session);
    }
    if matches!(counted, Counted::Drift(_)) && !per.contains(&Per::Resource) {
        let message = "a drift is of one resource: values of different ones have no common base";
        report.error(&format!("{at}/drift"), message, Some("write `\"per\": [\"resource\"]`".into()));
        return None;
    }
    let counts = matches!(counted, Counted::Requests(_) | Counted::Rows(_));
    let after = place.template.after_restart;
    restart(written, at, (&counted, window, after), report);
    Some(Counter {
        id: written.id.clone(),
        rule: place.rule.map(|rule| rule.id.clone()),
        region: region(place, &written.id, &counted),
        counted,
        window,
        per,
        attempt,
        beyond,
        reach,
        whole: after.map_or(!counts, |after| after == AfterRestart::Refuse),
    })
}

/// A window that is longer than a gateway usually runs, of which the page does not say what a restart means.
fn restart(
    written: &CounterRule,
    at: &str,
    (counted, window, after): (&Counted, Window, Option<AfterRestart>),
    report: &mut Report<'_>,
) {
    let Window::Rolling(seconds) = window else { return };
    if after.is_some() || seconds <= USUAL_LIFE {
        return;
    }
    let then = match counted {
        Counted::Requests(_) | Counted::Rows(_) => "begins empty",
        Counted::Sum { .. } | Counted::Drift(_) => "refuses until a whole window has passed",
    };
    let message = format!(
        "the counter {} looks back {}, and is lost when the gateway restarts: it then {then}",
        quote(&written.id),
        written.window
    );
    let help = "say so with `\"after_restart\": \"refuse\"` or `\"allow\"`, or choose a window of at most 24h";
    report.warning(&format!("{at}/window"), message, Some(help.into()));
}

/// The name of a counter's budget. Sixteen bytes of a digest: two names are never one.
fn region(place: &Place<'_>, id: &str, counted: &Counted) -> [u8; 16] {
    let template = place.template;
    let rule = place.rule.map(|rule| rule.id.as_str());
    let mode = if template.mode == Mode::Shadow { "shadow" } else { "enforce" };
    let kind = if rule.is_some() { "own" } else { "shared" };
    let mut digest = Sha256::new();
    for part in [template.agent.name.as_str(), mode, kind, rule.unwrap_or_default(), id, counted.word()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut region = [0; 16];
    for (byte, of_digest) in region.iter_mut().zip(digest.finalize()) {
        *byte = of_digest;
    }
    region
}

fn window(text: &str, at: &str, report: &mut Report<'_>) -> Option<Window> {
    match (text, parse_duration(text)) {
        ("day", _) => Some(Window::Day),
        ("session", _) => Some(Window::Session),
        (_, Some(0)) => {
            report.error(at, "a window of no time counts nothing", Some(WINDOW_HELP.into()));
            None
        }
        (_, Some(seconds)) => Some(Window::Rolling(seconds)),
        (_, None) => {
            report.error(at, format!("{} is not a window", quote(text)), Some(WINDOW_HELP.into()));
            None
        }
    }
}

fn per(written: &CounterRule, at: &str, place: &Place<'_>, report: &mut Report<'_>) -> Option<Vec<Per>> {
    let mut all = Vec::new();
    for (position, text) in written.per.iter().flatten().enumerate() {
        let pointer = format!("{at}/per/{position}");
        let per = match text.as_str() {
            // Always in.
            "agent" => continue,
            "session" => Per::Session,
            "resource" => {
                let without = |action: &&&Action| action.key.is_none();
                let nameless = place.around.actions.iter().find(without).map(|action| quote(&action.name));
                if place.around.actions.is_empty() || nameless.is_some() {
                    let what = nameless.unwrap_or_else(|| "this target".into());
                    let message = format!("no catalog says by what a resource of {what} is known");
                    report.error(&pointer, message, Some("give the resource a `key` in the catalog".into()));
                    return None;
                }
                if let Some(action) = place.around.keyless.first() {
                    let message = format!(
                        "no request of `{action}` says which resource it is about: all of them would be refused"
                    );
                    let help = "name the actions whose requests say it, and put the others into a permit of their own";
                    let all =
                        place.around.actions.iter().all(|known| place.around.keyless.contains(&known.name.as_str()));
                    match all {
                        true => report.error(&pointer, message, Some(help.into())),
                        false => report.warning(&pointer, message, Some(help.into())),
                    }
                }
                Per::Resource
            }
            name => Per::Name(named(name, &pointer, place, report)?),
        };
        if all.contains(&per) {
            report.error(&pointer, format!("{} stands here twice", quote(text)), Some("keep one of the two".into()));
        }
        all.push(per);
    }
    Some(all)
}

fn named(text: &str, pointer: &str, place: &Place<'_>, report: &mut Report<'_>) -> Option<Name> {
    match names::resolve(text, place.around.actions) {
        Ok(Name::Path(variable)) if !place.around.variables.contains(&variable) => {
            let known = place.around.variables.iter().map(String::as_str);
            report.unknown(pointer, "path variable", &variable, known);
            None
        }
        Ok(name) => Some(name),
        Err(message) => {
            report.wrong_name(pointer, message);
            None
        }
    }
}

fn counted(written: &CounterRule, at: &str, place: &Place<'_>, report: &mut Report<'_>) -> Option<Counted> {
    let given = [written.count.is_some(), written.sum.is_some(), written.drift.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        let help = "write `\"count\": \"requests\"`, `\"sum\": \"amount\"`, or `\"drift\": \"net\"` with `field`";
        report.error(at, "a counter has exactly one of `count`, `sum` and `drift`", Some(help.into()));
        return None;
    }
    for (name, given) in [("field", written.field.is_some()), ("against", written.against.is_some())] {
        if given && written.drift.is_none() {
            let help = "take it out; what is added up is named by `sum`";
            report.error(&format!("{at}/{name}"), format!("`{name}` belongs to a `drift`"), Some(help.into()));
            return None;
        }
    }
    if let Some(kind) = written.drift {
        return drift(written, kind, at, place, report).map(Counted::Drift);
    }
    let max = match &written.max {
        MaxRule::Number(max) | MaxRule::Text(max) => max,
        MaxRule::Drift(_) => {
            let help = "write a number; percentages belong to a `drift`";
            report.error(&format!("{at}/max"), "the most of a count or a sum is a number", Some(help.into()));
            return None;
        }
    };
    let max = bound(max, written.count.is_some(), &format!("{at}/max"), report)?;
    nothing(written, max, &format!("{at}/max"), report);
    if let Some(count) = written.count {
        return Some(match count {
            CountOf::Requests => Counted::Requests(max),
            CountOf::Rows => Counted::Rows(max),
        });
    }
    let test = TestRule { sum: written.sum.clone(), ..TestRule::default() };
    let Measure::Sum(name) = limit::measure(&test, at, &place.around, report)? else { return None };
    unread(&name, &format!("{at}/sum"), place, report)?;
    money::comparable(&Measure::Sum(name.clone()), &[], &format!("{at}/sum"), &place.around, report);
    Some(Counted::Sum { name, max })
}

fn bound(max: &Number, whole: bool, at: &str, report: &mut Report<'_>) -> Option<Decimal> {
    let value = numeral::number(max, at, report)?;
    let (message, help) = match () {
        () if value.is_negative() => {
            ("a counter begins at 0: its `max` is not negative", "write how much may be used in a window")
        }
        () if whole && !value.is_integer() => {
            ("requests and rows are counted in whole numbers", "write a whole number, like 100")
        }
        () => return Some(value),
    };
    report.error(at, message, Some(help.into()));
    None
}

/// A counter that nothing fits into. Where a person may approve what is beyond it, each is asked for.
fn nothing(written: &CounterRule, max: Decimal, at: &str, report: &mut Report<'_>) {
    if max > Decimal::ZERO || matches!(written.beyond, Some(template::BeyondRule::Approval(_))) {
        return;
    }
    if written.count.is_some() {
        let help = "write how many may pass in a window; to refuse them all, take the permit out or write a forbid";
        report.warning(at, "the counter lets nothing pass: its `max` is 0", Some(help.into()));
    } else {
        let help = "write the most that may add up in a window";
        report.warning(at, "the counter lets only amounts of 0 pass: its `max` is 0", Some(help.into()));
    }
}

fn drift(
    written: &CounterRule,
    kind: DriftKind,
    at: &str,
    place: &Place<'_>,
    report: &mut Report<'_>,
) -> Option<Drift> {
    let Some(field) = &written.field else {
        let help = "name the fields whose changes add up: `\"field\": \"price\"`";
        report.error(&format!("{at}/drift"), "a `drift` is of a `field`", Some(help.into()));
        return None;
    };
    let MaxRule::Drift(max) = &written.max else {
        let help = "write `{\"percent\": 20}`, `{\"absolute\": \"50.00\"}` or both";
        report.error(
            &format!("{at}/max"),
            "the most of a drift is a part of the base, or an amount",
            Some(help.into()),
        );
        return None;
    };
    let field = OneOrMany::Many(field.values().to_vec());
    let test = TestRule { field: Some(field.clone()), ..TestRule::default() };
    let measure = limit::measure(&test, at, &place.around, report)?;
    let bounds = template::Change {
        percent: max.percent.clone(),
        absolute: max.absolute.clone(),
        against: written.against.clone(),
    };
    let way = ("max", crate::policy::Direction::Both);
    let bounds = change::change(&bounds, &format!("{at}/max"), way, &measure, place.around.actions, report)?;
    if kind == DriftKind::Net {
        unusual::change(&bounds, &format!("{at}/max"), report);
    }
    let bounded = [Predicate::Change(bounds.clone())];
    money::comparable(&measure, &bounded, &format!("{at}/field"), &place.around, report);
    let Measure::Values(names) = measure else { return None };
    let mut fields: Vec<(String, Name)> = Vec::new();
    for (text, name) in field.values().iter().zip(names) {
        if !matches!(name, Name::Field(..) | Name::Pointer(_)) {
            let message = format!("{} is not a field of the request's body: nothing changes it", quote(text));
            report.error(
                &format!("{at}/field"),
                message,
                Some("name a field of the catalog, or a pointer like `/price`".into()),
            );
            return None;
        }
        if fields.iter().any(|(_, known)| *known == name) {
            report.error(
                &format!("{at}/field"),
                format!("{} stands here twice", quote(text)),
                Some("keep one of the two".into()),
            );
        }
        unread(&name, &format!("{at}/field"), place, report)?;
        if let Some(kinds) = kinds::of_name(&name, place.around.actions)
            && !kinds.iter().any(Kind::is_number)
        {
            let kind = kinds.first().map(Kind::word).unwrap_or_default();
            let message =
                format!("a drift adds up changes of numbers, and the catalog says that {} is {kind}", quote(text));
            report.error(&format!("{at}/field"), message, Some("name a field whose type is a number".into()));
        }
        fields.push((text.to_string(), name));
    }
    Some(Drift { net: kind == DriftKind::Net, fields, bounds })
}

/// What a permit that does not read the body cannot count.
fn unread(name: &Name, at: &str, place: &Place<'_>, report: &mut Report<'_>) -> Option<()> {
    let of_body = matches!(name, Name::Field(..) | Name::Pointer(_) | Name::Value(_));
    if of_body && place.rule.is_some_and(|rule| rule.body.opaque) {
        let help = "take `\"opaque\": true` out, or count `requests`";
        report.error(at, "an opaque body is not read: nothing in it can be counted", Some(help.into()));
        return None;
    }
    Some(())
}
