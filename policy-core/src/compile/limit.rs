//! Limits and tests: one measure, one or more predicates.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::band;
use super::change;
use super::contradiction;
use super::kinds::{self, Kind};
use super::money;
use super::names;
use super::numeral::number;
use super::pattern::Patterns;
use super::report::Report;
use super::shape;
use super::surroundings::Surroundings;
use crate::number::Decimal;
use crate::policy::{
    Action, Band, Constant, Currency, FieldKind, FieldType, Format, Limit, Measure, Money, Name, Predicate, Test,
};
use crate::quote::quote;
use crate::template::{ConstantList, ConstantWord, ListSource, TestRule};

const FORMATS: [(&str, Format); 8] = [
    ("decimal", Format::Decimal),
    ("integer", Format::Integer),
    ("digits", Format::Digits),
    ("boolean", Format::Boolean),
    ("string", Format::String),
    ("email", Format::Email),
    ("date_time", Format::DateTime),
    ("plain_text", Format::PlainText),
];

/// Compiles the limits at `pointer`.
pub(crate) fn limits(
    rules: &[TestRule],
    pointer: &str,
    around: &Surroundings<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Vec<Limit> {
    let mut out: Vec<Limit> = Vec::new();
    for (position, rule) in rules.iter().enumerate() {
        let at = format!("{pointer}/{position}");
        let id = rule.id.clone().unwrap_or_else(|| position.to_string());
        if out.iter().any(|limit| limit.id == id) {
            let help = "give one of them another id; a limit without one is named by its place: 0, 1, …";
            report.error(&format!("{at}/id"), format!("two limits are named {}", quote(&id)), Some(help.into()));
        }
        let when = conditions(&rule.when, &format!("{at}/when"), around, patterns, report);
        let beyond = match &rule.beyond {
            None => Band::Deny,
            Some(beyond) => band::compile(beyond, &format!("{at}/beyond"), around.roles, report),
        };
        if let Some(test) = test(rule, &at, around, patterns, report) {
            out.push(Limit { id, test, when, beyond });
            contradiction::exclusive(&out, around.actions, &at, report);
        }
    }
    out
}

/// Compiles the tests of a `when`.
pub(crate) fn conditions(
    rules: &[TestRule],
    pointer: &str,
    around: &Surroundings<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Vec<Test> {
    let mut out = Vec::new();
    for (position, rule) in rules.iter().enumerate() {
        let at = format!("{pointer}/{position}");
        for (name, given) in
            [("id", rule.id.is_some()), ("beyond", rule.beyond.is_some()), ("when", !rule.when.is_empty())]
        {
            if given {
                report.error(
                    &format!("{at}/{name}"),
                    format!("`{name}` belongs to a limit, not to a test of `when`"),
                    Some("take it out, or write it in the limit itself".into()),
                );
            }
        }
        if rule.count.is_some() || rule.sum.is_some() || rule.unique.is_some() {
            let message = "a test of `when` looks at one operation: use `field`";
            report.error(&at, message, Some("counts, sums and `unique` belong to limits".into()));
            continue;
        }
        out.extend(test(rule, &at, around, patterns, report));
    }
    out
}

fn test(
    rule: &TestRule,
    at: &str,
    around: &Surroundings<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Option<Test> {
    let measure = measure(rule, at, around, report)?;
    let mut predicates = predicates(rule, at, around, patterns, report);
    predicates.extend(change::compile(rule, at, &measure, around.actions, report));
    if predicates.is_empty() {
        if !has_predicate(rule) {
            let help = "say what must hold of it: in, not_in, min, max, over, under, change, increase, decrease, pattern, prefix, domain, length, format, equals, unique, present";
            report.error(at, "this test says what is measured, and not what must hold of it", Some(help.into()));
        }
        return None;
    }
    if !matches!(measure, Measure::Values(_)) {
        let bound = |p: &Predicate| {
            matches!(p, Predicate::Min(_) | Predicate::Max(_) | Predicate::Over(_) | Predicate::Under(_))
        };
        if !predicates.iter().all(bound) {
            let message = "a count or a sum can only be bounded by `min`, `max`, `over`, `under`";
            let help = "write the other conditions as a limit of their own, on a `field`";
            report.error(at, message, Some(help.into()));
            return None;
        }
    }
    let present = |p: &Predicate| matches!(p, Predicate::Present(_));
    if let Measure::Values(names) = &measure
        && names.iter().any(|name| matches!(name, Name::State { .. }))
        && predicates.iter().any(present)
    {
        let message = "`present` says nothing of a resource as it is now: what is missing there is not known";
        let help = "leave `present` out: a test of a value that is not known does not hold";
        report.error(&format!("{at}/present"), message, Some(help.into()));
        return None;
    }
    kinds::report(rule, at, &measure, &predicates, around, report);
    money::comparable(&measure, &predicates, at, around, report);
    let test = Test { measure, predicates };
    contradiction::alone(&test, around.actions, at, report);
    Some(test)
}

/// An amount whose currency stands in the present, which an action of the rule does not know.
fn unknown_currency(field: &str, around: &Surroundings<'_>) -> Option<String> {
    let unknown = |action: &Action, kind: &FieldType| match &kind.kind {
        FieldKind::Money(Money { currency: Currency::Named(name), .. }) => {
            let why = names::known(name, action).err()?;
            Some(format!("the currency of {} is not known: {why}", quote(field)))
        }
        _ => None,
    };
    around.actions.iter().find_map(|action| {
        let field = action.field(field)?;
        [false, true].iter().find_map(|by_call| unknown(action, field.spelled(*by_call).1?))
    })
}

/// Whether a predicate is written, understood or not.
fn has_predicate(rule: &TestRule) -> bool {
    let TestRule { one_of, not_in, min, max, over, under, change, increase, decrease, .. } = rule;
    let TestRule { pattern, prefix, domain, length, format, equals, unique, present, .. } = rule;
    one_of.is_some()
        || not_in.is_some()
        || [min, max, over, under].iter().any(|bound| bound.is_some())
        || [change, increase, decrease].iter().any(|change| change.is_some())
        || pattern.is_some()
        || prefix.is_some()
        || domain.is_some()
        || length.is_some()
        || format.is_some()
        || equals.is_some()
        || unique.is_some()
        || present.is_some()
}

/// What a test measures.
pub(crate) fn measure(
    rule: &TestRule,
    at: &str,
    around: &Surroundings<'_>,
    report: &mut Report<'_>,
) -> Option<Measure> {
    let given: Vec<&str> =
        [("field", rule.field.is_some()), ("count", rule.count.is_some()), ("sum", rule.sum.is_some())]
            .into_iter()
            .filter_map(|(name, given)| given.then_some(name))
            .collect();
    if given.len() != 1 {
        let message = "a test has exactly one measure: `field`, `count` or `sum`";
        let help =
            if given.is_empty() { "say what is measured: `\"field\": \"price\"`" } else { "write a limit for each" };
        report.error(at, message, Some(help.into()));
        return None;
    }
    let name = |text: &str, pointer: String, report: &mut Report<'_>| match names::resolve(text, around.actions) {
        Ok(name) if around.head_only && !matches!(name, Name::Path(_) | Name::Query(_) | Name::Header(..)) => {
            let help = "write `path.NAME`, `query.NAME` or `header.NAME`; limits on fields belong to a permit";
            report.error(&pointer, "limits of an API look at path, query and header names only", Some(help.into()));
            None
        }
        Ok(Name::Path(variable)) if !around.variables.contains(&variable) => {
            report.unknown(&pointer, "path variable", &variable, around.variables.iter().map(String::as_str));
            None
        }
        Ok(Name::Field(field, _)) if let Some(message) = unknown_currency(&field, around) => {
            report.error(&pointer, message, None);
            None
        }
        Ok(name) => Some(name),
        Err(message) => {
            report.wrong_name(&pointer, message);
            None
        }
    };
    if let Some(field) = &rule.field {
        let mut names = Vec::new();
        for (position, text) in field.values().iter().enumerate() {
            let pointer = if field.is_list() { format!("{at}/field/{position}") } else { format!("{at}/field") };
            names.push(name(text, pointer, report)?);
        }
        if names.is_empty() {
            report.error(
                &format!("{at}/field"),
                "`field` names nothing",
                Some("name a field, like `\"price\"`".into()),
            );
            return None;
        }
        return Some(Measure::Values(names));
    }
    if let Some(count) = &rule.count {
        return if count == "rows" && !around.head_only {
            Some(Measure::Rows)
        } else {
            name(count, format!("{at}/count"), report).map(Measure::Count)
        };
    }
    let summed = name(rule.sum.as_deref().unwrap_or_default(), format!("{at}/sum"), report)?;
    if let Some(kinds) = kinds::of_name(&summed, around.actions).filter(|kinds| !kinds.iter().any(Kind::is_number)) {
        let kind = kinds.first().map(Kind::word).unwrap_or_default();
        let message = format!("a sum adds numbers, and the catalog says that {} is {kind}", names::text_of(&summed));
        report.error(&format!("{at}/sum"), message, Some("name a field whose type is a number".into()));
        return None;
    }
    Some(Measure::Sum(summed))
}

fn predicates(
    rule: &TestRule,
    at: &str,
    around: &Surroundings<'_>,
    patterns: &mut Patterns,
    report: &mut Report<'_>,
) -> Vec<Predicate> {
    let mut out = Vec::new();
    for (name, list, make) in [
        ("in", &rule.one_of, Predicate::In as fn(Vec<Constant>) -> Predicate),
        ("not_in", &rule.not_in, Predicate::NotIn as fn(Vec<Constant>) -> Predicate),
    ] {
        if let Some(list) = list
            && let Some(constants) = constants(list, &format!("{at}/{name}"), around, report)
        {
            out.push(make(constants));
        }
    }
    for (name, bound, make) in [
        ("min", &rule.min, Predicate::Min as fn(Decimal) -> Predicate),
        ("max", &rule.max, Predicate::Max as fn(Decimal) -> Predicate),
        ("over", &rule.over, Predicate::Over as fn(Decimal) -> Predicate),
        ("under", &rule.under, Predicate::Under as fn(Decimal) -> Predicate),
    ] {
        if let Some(bound) = bound
            && let Some(value) = number(bound, &format!("{at}/{name}"), report)
        {
            out.push(make(value));
        }
    }
    if let Some(text) = &rule.pattern {
        if let Some(inner) =
            text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|inner| !inner.is_empty())
        {
            let help = format!("write \"{inner}\": a pattern always stands for the whole value");
            report.warning(
                &format!("{at}/pattern"),
                "the slashes are part of the pattern: the value must have them too",
                Some(help),
            );
        }
        match patterns.add(text) {
            Ok(index) => out.push(Predicate::Pattern { index, text: text.clone() }),
            Err(message) => {
                let help = "write it in the syntax of the `regex` crate: no look-around, no back-references";
                report.error(&format!("{at}/pattern"), message, Some(help.into()));
            }
        }
    }
    for (name, list) in [("prefix", &rule.prefix), ("domain", &rule.domain)] {
        let Some(list) = list else { continue };
        if list.is_empty() || list.iter().any(String::is_empty) {
            report.error(
                &format!("{at}/{name}"),
                format!("`{name}` needs one or more values, none of them empty"),
                Some(format!(
                    "write them in a list, like `{}`",
                    if name == "prefix" { "[\"draft-\"]" } else { "[\"example.com\"]" }
                )),
            );
        } else if name == "domain"
            && let Some((position, text)) =
                list.iter().enumerate().find(|(_, text)| text.contains(['@', '*', '/', ' ']))
        {
            let message = format!("no address is at the domain {}", quote(text));
            let plain = text.rsplit(['@', '*', '/']).next().unwrap_or_default().trim_matches(['.', ' ']);
            let help = match plain {
                "" => "write domains like `example.com`".to_string(),
                plain => format!("write `{plain}`; subdomains are listed each by itself"),
            };
            report.error(&format!("{at}/{name}/{position}"), message, Some(help));
        } else if name == "prefix" {
            out.push(Predicate::Prefix(list.clone()));
        } else {
            out.push(Predicate::Domain(list.iter().map(|domain| domain.to_ascii_lowercase()).collect()));
        }
    }
    if let Some(length) = &rule.length {
        if length.min.is_none() && length.max.is_none() {
            report.error(
                &format!("{at}/length"),
                "`length` needs `min` or `max`",
                Some("write it like `{\"max\": 80}`".into()),
            );
        }
        if let (Some(min), Some(max)) = (length.min, length.max)
            && min > max
        {
            report.error(
                &format!("{at}/length"),
                format!("no length is at least {min} and at most {max}"),
                Some("swap the two".into()),
            );
        }
        out.push(Predicate::Length { min: length.min, max: length.max });
    }
    if let Some(text) = &rule.format {
        match FORMATS.iter().find(|(name, _)| name == text) {
            Some((_, format)) => out.push(Predicate::Format(*format)),
            None => report.unknown(&format!("{at}/format"), "format", text, FORMATS.iter().map(|(name, _)| *name)),
        }
    }
    if let Some(text) = &rule.equals {
        match names::resolve(text, around.actions) {
            Ok(Name::Path(variable)) if !around.variables.contains(&variable) => {
                let known = around.variables.iter().map(String::as_str);
                report.unknown(&format!("{at}/equals"), "path variable", &variable, known);
            }
            Ok(name) => out.push(Predicate::Equals(name)),
            Err(message) if !text.contains(['.', '/']) => {
                let help =
                    format!("`equals` names another value of the request; for a constant write `\"in\": [\"{text}\"]`");
                report.error(&format!("{at}/equals"), message, Some(help));
            }
            Err(message) => report.wrong_name(&format!("{at}/equals"), message),
        }
    }
    if let Some(unique) = rule.unique {
        if unique {
            out.push(Predicate::Unique);
        } else {
            report.error(&format!("{at}/unique"), "`unique` is true or left out", Some("take it out".into()));
        }
    }
    if let Some(present) = rule.present {
        out.push(Predicate::Present(present));
    }
    out
}

fn constants(
    list: &ConstantList,
    at: &str,
    around: &Surroundings<'_>,
    report: &mut Report<'_>,
) -> Option<Vec<Constant>> {
    let words = match list {
        ConstantList::Inline(words) => words,
        ConstantList::Named(text) => {
            let Some(name) = text.strip_prefix("list:") else {
                let help = if around.lists.contains_key(text) {
                    format!("write \"list:{text}\" for the list of the page, or [\"{text}\"] for this one text")
                } else if text.contains([',', '|']) {
                    format!("write [{}]", shape::split(text))
                } else {
                    format!("write [\"{text}\"] for one constant, or \"list:NAME\" for a list of the page")
                };
                report.error(at, "expected constants in an array, or `list:NAME`", Some(help));
                return None;
            };
            match around.lists.get(name) {
                Some(ListSource::Inline(words)) => words,
                Some(ListSource::File(_)) => {
                    report.not_yet(at, "a list in a file");
                    return None;
                }
                None => {
                    report.unknown(at, "list", name, around.lists.keys().map(String::as_str));
                    return None;
                }
            }
        }
    };
    if words.is_empty() {
        let help = "list what the value may be, or must not be; whether it is there at all says `present`";
        report.error(at, "the list is empty: nothing could ever be in it", Some(help.into()));
        return None;
    }
    words
        .iter()
        .enumerate()
        .map(|(position, word)| match word {
            ConstantWord::String(text) => Some(Constant::String(text.clone())),
            ConstantWord::Bool(bool) => Some(Constant::Bool(*bool)),
            ConstantWord::Number(text) => number(text, &format!("{at}/{position}"), report).map(Constant::Number),
        })
        .collect()
}
