//! Numbers as documents write them: read exactly, or what to write instead.

use alloc::format;
use alloc::string::{String, ToString};

use super::currency;
use super::report::Report;
use crate::number::Decimal;
use crate::quote::quote;
use crate::template::Number;

/// An exact number.
pub(crate) fn number(number: &Number, at: &str, report: &mut Report<'_>) -> Option<Decimal> {
    let value = number.value();
    if value.is_none() {
        let (message, help) = not_a_number(&number.0);
        report.error(at, message, Some(help));
    }
    value
}

/// What is wrong with a text that is no number, and what to write instead.
fn not_a_number(text: &str) -> (String, String) {
    let is_number = |text: &str| Decimal::parse_plain(text).is_ok();
    let plain = text.trim();
    let together = plain.replace(['\'', '_', ' '], "");
    // What stands beside the number: a unit, a currency.
    let beside = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-'));
    let alone = plain.trim_matches(beside);
    let rest = plain.replace(alone, "");
    let help = if is_number(&together) {
        format!("write the digits together: {together}")
    } else if plain.contains(',') && is_number(&plain.replace(',', "")) {
        "write a point before the decimals and nothing between thousands, like 1000 or 19.99".to_string()
    } else if is_number(alone) && (currency::is_known(rest.trim()) || rest.contains(['$', '€', '£'])) {
        format!("write the number alone: {alone}; the currency is that of the page's `money`")
    } else if is_number(alone) {
        format!("write the number alone: {alone}")
    } else if plain.chars().any(|c| c.is_ascii_digit()) {
        let message = format!("{} is not a decimal number of at most 18 significant digits", quote(text));
        return (message, "write it without exponent, like 19.99 or \"19.99\"".into());
    } else {
        "write it in digits, like 19.99 or \"19.99\"".to_string()
    };
    (format!("{} is not a number", quote(text)), help)
}
