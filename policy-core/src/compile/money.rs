//! Money: the currencies of pages and catalogs, and limits on amounts that nothing can be compared with.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::currency;
use super::kinds;
use super::numeral::number;
use super::parts::ApiParts;
use super::placed::Placed;
use super::report::Report;
use super::surroundings::Surroundings;
use crate::catalog::{Catalog, FieldEntry};
use crate::diagnostic::Severity;
use crate::document::{Path, pointer_token};
use crate::evaluate::name_text;
use crate::number::Decimal;
use crate::policy::{
    Action, Constant, Counted, Currency, FieldKind, FieldType, Limit, Measure, Money, Name, Page, Predicate, Term,
};
use crate::quote::quote;
use crate::template::{OneOrMany, Template};

/// Rates of the page's `money`, in lower case.
pub(crate) fn rates(template: &Template, report: &mut Report<'_>) -> Vec<(String, Decimal)> {
    let Some(money) = &template.money else { return Vec::new() };
    code((&money.currency, false), "/money/currency", report);
    let mut rates: Vec<(String, Decimal)> = Vec::new();
    for (name, rate) in &money.rates {
        let at = format!("/money/rates/{}", pointer_token(name));
        code((name, true), &at, report);
        let Some(rate) = number(rate, &at, report) else { continue };
        let code = name.to_ascii_lowercase();
        if rate <= Decimal::ZERO {
            let message =
                format!("a rate is more than 0: at {rate} every amount in {} would be within every limit", quote(name));
            let help = format!("write what one {name} is worth in {}, like \"0.92\"", money.currency);
            report.error(&at, message, Some(help));
        } else if money.currency.eq_ignore_ascii_case(name) {
            let message =
                format!("{} is the currency of the page: limits are written in it, and it has no rate", quote(name));
            report.error(&at, message, Some("take this rate out".into()));
        } else if rates.iter().any(|(known, _)| *known == code) {
            report.error(
                &at,
                format!("the currency {} has two rates", quote(&code)),
                Some("keep one of the two".into()),
            );
        } else {
            rates.push((code, rate));
        }
    }
    rates
}

/// A code of a currency: written like one, and one that is known.
fn code((text, is_name): (&str, bool), at: &str, report: &mut Report<'_>) {
    if !currency::is_written(text) {
        let message = format!("{} is not an ISO 4217 currency code", quote(text));
        let help = match currency::near(text) {
            Some(near) => format!("a code has three letters: did you mean `{near}`?"),
            None => "a code has three letters, like `eur` or `usd`".to_string(),
        };
        match is_name {
            true => report.of_name(Severity::Error, at, message, Some(help)),
            false => report.error(at, message, Some(help)),
        }
    } else if !currency::is_known(text) {
        unknown((text, is_name), at, report);
    }
}

/// A code that no currency has, as far as this version knows.
fn unknown((text, is_name): (&str, bool), at: &str, report: &mut Report<'_>) {
    let help = match currency::near(text) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write the code of ISO 4217, like `eur` or `usd`".to_string(),
    };
    let message = format!("no currency is known by the code {}", quote(text));
    match is_name {
        true => report.of_name(Severity::Warning, at, message, Some(help)),
        false => report.warning(at, message, Some(help)),
    }
}

/// Currencies that the catalog's document says itself; `whole` is its catalog with what it extends.
pub(crate) fn of_catalog(whole: &Catalog, report: &mut Report<'_>) {
    let root = report.document.root();
    for name in whole.minor_digits.keys() {
        let own = root.member("minor_digits").is_some_and(|digits| digits.member(name).is_some());
        if own && currency::is_written(name) && !currency::is_known(name) {
            unknown((name, true), &format!("/minor_digits/{}", pointer_token(name)), report);
        }
    }
    for (resource, entry) in &whole.resources {
        let Some(own) = root.member("resources").and_then(|all| all.member(resource)) else { continue };
        let at = format!("/resources/{}", pointer_token(resource));
        let known: Vec<&str> = entry.fields.keys().map(String::as_str).collect();
        for (name, field) in &entry.fields {
            let place = format!("{at}/fields/{}", pointer_token(name));
            if own.member("fields").is_some_and(|fields| fields.member(name).is_some()) {
                of_field(field, &place, &known, report);
            }
        }
    }
}

/// The currency of a field: a code that is one, or a name of the same document.
fn of_field(entry: &FieldEntry, at: &str, known: &[&str], report: &mut Report<'_>) {
    if let Some(text) = &entry.currency {
        let at = format!("{at}/currency");
        let named = known.contains(&text.as_str());
        if currency::is_written(text) && !currency::is_known(text) {
            if named {
                let message = format!("three letters are a currency code: this is not the field {}", quote(text));
                report.error(&at, message, Some(format!("write the place where the code stands, like `/{text}`")));
            } else {
                unknown((text, false), &at, report);
            }
        } else if !currency::is_written(text) && !text.contains(['/', '.']) && !named && !known.contains(&"*") {
            report.unknown(&at, "currency field", text, known.iter().copied());
        }
    }
    for (action, field) in &entry.by_action {
        of_field(field, &format!("{at}/by_action/{}", pointer_token(action)), known, report);
    }
    if let Some(field) = &entry.by_call {
        of_field(field, &format!("{at}/by_call"), known, report);
    }
}

/// Amounts that a test compares, and that the page has no currency or rate for: every one of them is refused.
pub(crate) fn comparable(
    measure: &Measure,
    predicates: &[Predicate],
    at: &str,
    around: &Surroundings<'_>,
    report: &mut Report<'_>,
) -> bool {
    let names: &[Name] = match measure {
        Measure::Values(names) if predicates.iter().any(compares) => names,
        Measure::Sum(name) => core::slice::from_ref(name),
        _ => return true,
    };
    let Some((name, money)) = names.iter().find_map(|name| Some((name, amount(name, around.actions)?))) else {
        return true;
    };
    let text = name_text(name);
    let Some(own) = around.money else {
        let message =
            format!("{text} is an amount of money, and the page does not say in which currency its limits are");
        let code = match &money.currency {
            Currency::Fixed(code) => code.as_str(),
            Currency::Named(_) => "eur",
        };
        let help = format!("give the page its currency: `\"money\": {{\"currency\": \"{code}\"}}`");
        report.error(at, message, Some(help));
        return false;
    };
    let Currency::Fixed(code) = &money.currency else { return true };
    let rated = own.rates.keys().any(|known| known.eq_ignore_ascii_case(code));
    if own.currency.eq_ignore_ascii_case(code) || rated {
        return true;
    }
    let message =
        format!("{text} is in {}, and the page has no rate for it: every amount would be refused", quote(code));
    let help = format!("write what one {code} is worth in {}: `\"rates\": {{\"{code}\": \"…\"}}`", own.currency);
    report.error(at, message, Some(help));
    false
}

/// Whether a predicate compares numbers.
fn compares(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Min(_) | Predicate::Max(_) | Predicate::Over(_) | Predicate::Under(_) | Predicate::Change(_) => true,
        Predicate::In(constants) | Predicate::NotIn(constants) => {
            constants.iter().any(|constant| matches!(constant, Constant::Number(_)))
        }
        _ => false,
    }
}

/// The money that a name is under each of the actions.
fn amount<'a>(name: &Name, actions: &[&'a Action]) -> Option<&'a Money> {
    kinds::of_name(name, actions)?.iter().find_map(|kind| kind.money())
}

/// Limits of a page with `money` on what the catalog calls the money of an action, and gives no currency.
pub(crate) fn plain(
    template: &Template,
    placed: &[Placed],
    apis: &BTreeMap<String, ApiParts<'_>>,
    report: &mut Report<'_>,
) {
    let Some(own) = &template.money else { return };
    for (position, rule) in template.permit.iter().enumerate() {
        let pointer = format!("/permit/{position}");
        let Some(placed) = placed.iter().find(|placed| placed.pointer == pointer) else { continue };
        let amounts = plain_amounts(placed, apis);
        let mut measured: Vec<(String, &str)> = Vec::new();
        for (index, limit) in rule.limits.iter().enumerate() {
            let bounded = [&limit.min, &limit.max, &limit.over, &limit.under].iter().any(|bound| bound.is_some());
            for field in limit.field.iter().flat_map(OneOrMany::values).filter(|_| bounded) {
                measured.push((format!("{pointer}/limits/{index}/field"), field));
            }
            measured.extend(limit.sum.iter().map(|sum| (format!("{pointer}/limits/{index}/sum"), sum.as_str())));
        }
        for (index, counter) in rule.counters.iter().enumerate() {
            measured.extend(counter.sum.iter().map(|sum| (format!("{pointer}/counters/{index}/sum"), sum.as_str())));
        }
        for (at, text) in measured {
            let Some((_, action)) = amounts.iter().find(|(amount, _)| *amount == text) else { continue };
            let message = format!(
                "{} is the money of `{action}`, and the catalog gives it no currency: the limit is on the number as it stands, not in {}",
                quote(text),
                own.currency
            );
            let help = "give the field `\"type\": \"money\"`, `\"unit\"` and `\"currency\"` in the catalog";
            report.warning(&at, message, Some(help.into()));
        }
    }
}

/// The fields that the catalog calls the money of a rule's actions, and that are of another type, each with its action.
fn plain_amounts<'a>(placed: &Placed, apis: &'a BTreeMap<String, ApiParts<'_>>) -> Vec<(&'a str, &'a str)> {
    let mut out = Vec::new();
    for (alias, targets) in &placed.targets {
        let Some(api) = apis.get(alias) else { continue };
        let called = targets.calls.iter().filter_map(|call| api.parts.calls.get(call));
        for index in targets.actions.iter().map(|(index, _)| index).chain(called) {
            let Some(action) = api.parts.actions.get(*index as usize) else { continue };
            let own = action.name.rsplit_once('.').map(|(_, own)| own).unwrap_or_default();
            let entry = api.catalog.resources.get(&action.resource).and_then(|resource| resource.actions.get(own));
            let Some(text) = entry.and_then(|entry| entry.money.as_deref()) else { continue };
            let name = Name::Field(text.into(), Path::default());
            if action.field(text).is_some_and(|_| !is_amount(&name, action)) {
                out.push((text, action.name.as_str()));
            }
        }
    }
    out
}

/// A page with `money` none of whose limits is on an amount that has a currency.
pub(crate) fn unused(template: &Template, page: &Page, report: &mut Report<'_>) {
    let failed = report.diagnostics.iter().any(|found| found.severity == Severity::Error);
    if template.money.is_none() || failed {
        return;
    }
    let actions = || page.apis.iter().flat_map(|api| &api.actions);
    let has_amount = |name: &Name| actions().any(|action| is_amount(name, action));
    let of_limit = |limit: &Limit| match &limit.test.measure {
        Measure::Values(names) => names.iter().any(has_amount),
        Measure::Sum(name) | Measure::Count(name) => has_amount(name),
        Measure::Rows => false,
    };
    let of_counter = |counted: &Counted| match counted {
        Counted::Sum { name, .. } => has_amount(name),
        Counted::Drift(drift) => drift.fields.iter().any(|(_, name)| has_amount(name)),
        Counted::Requests(_) | Counted::Rows(_) => false,
    };
    let limits = page.permits.iter().any(|permit| permit.limits.iter().any(of_limit));
    let conditions = page
        .forbids
        .iter()
        .flat_map(|forbid| &forbid.when)
        .chain(page.permits.iter().flat_map(|permit| &permit.limits).flat_map(|limit| &limit.when));
    let mut conditions = conditions.filter_map(|test| match &test.measure {
        Measure::Values(names) => Some(names),
        _ => None,
    });
    if limits
        || conditions.any(|names| names.iter().any(has_amount))
        || page.counters.iter().any(|counter| of_counter(&counter.counted))
    {
        return;
    }
    let message = "no limit of this page is on an amount with a currency: `money` changes nothing";
    let help = "where a limit is meant to be in this currency, give its field `\"type\": \"money\"`, `\"unit\"` and `\"currency\"` in \
                the catalog; else take `money` out";
    report.warning("/money", message, Some(help.into()));
}

/// Whether a name is an amount with a currency under an action, or a value that is made of one.
fn is_amount(name: &Name, action: &Action) -> bool {
    let money = |kind: Option<&FieldType>| kind.is_some_and(|kind| matches!(kind.kind, FieldKind::Money(_)));
    match name {
        Name::Field(field, _) => {
            action.field(field).is_some_and(|field| money(field.spelled(false).1) || money(field.spelled(true).1))
        }
        Name::State { lookup, field, .. } => {
            action.lookup(lookup).and_then(|lookup| lookup.field(field)).is_some_and(|field| money(field.kind.as_ref()))
        }
        Name::Value(value) => {
            let formula = action.values.iter().find(|(known, _)| known == value).map(|(_, formula)| formula);
            let mut terms = formula.into_iter().flat_map(|formula| formula.terms.iter().flatten());
            terms.any(|term| matches!(term, Term::Name(name) if is_amount(name, action)))
        }
        _ => false,
    }
}
