//! What the values of a name can be, by the types of the catalog: a test that asks for another kind of value never holds,
//! and one that refuses another kind refuses nothing.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::report::Report;
use super::surroundings::Surroundings;
use crate::evaluate::name_text;
use crate::number::Decimal;
use crate::policy::{Action, Constant, Decoder, FieldKind, FieldType, Format, Measure, Money, Name, Predicate};
use crate::quote::quote;
use crate::template::{ConstantList, TestRule};

/// The type of a name's values under one action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    kind: &'a FieldType,
    /// Values are texts without a type, as in a form: every type is read from its spelling.
    untyped: bool,
}

/// The types of a name's values; `None` where an action does not say.
pub(crate) fn of_name<'a>(name: &Name, actions: &[&'a Action]) -> Option<Vec<Kind<'a>>> {
    let mut out = Vec::new();
    for action in actions {
        match name {
            Name::Field(field, tail) if tail.0.is_empty() => {
                let field = action.field(field)?;
                let untyped = action.decoder == Decoder::Form;
                out.push(Kind { kind: field.kind.as_ref()?, untyped });
                if field.by_call.is_some() {
                    out.push(Kind { kind: field.spelled(true).1?, untyped: false });
                }
            }
            Name::State { lookup, field, tail } if tail.0.is_empty() => {
                let kind = action.lookup(lookup)?.field(field)?.kind.as_ref()?;
                out.push(Kind { kind, untyped: false });
            }
            _ => return None,
        }
    }
    (!out.is_empty()).then_some(out)
}

impl<'a> Kind<'a> {
    /// What it is, for a message.
    pub(crate) fn word(&self) -> &'static str {
        match &self.kind.kind {
            FieldKind::Decimal => "a number",
            FieldKind::Integer => "a whole number",
            FieldKind::Digits => "digits",
            FieldKind::Boolean => "true or false",
            FieldKind::String => "a text",
            FieldKind::Email => "an e-mail address",
            FieldKind::Money(_) => "an amount of money",
        }
    }

    /// Whether it may be a number that can be compared.
    pub(crate) fn is_number(&self) -> bool {
        !matches!(self.kind.kind, FieldKind::String | FieldKind::Email | FieldKind::Boolean)
    }

    /// How it is read, if it is money.
    pub(crate) fn money(&self) -> Option<&'a Money> {
        match &self.kind.kind {
            FieldKind::Money(money) => Some(money),
            _ => None,
        }
    }

    fn has_string(&self) -> bool {
        self.kind.spelled.string || self.untyped
    }

    fn has_number(&self) -> bool {
        self.kind.spelled.number || self.untyped
    }

    /// Whether numbers are compared by value, whatever their spelling.
    fn by_value(&self) -> bool {
        self.kind.scale.is_some() || matches!(self.kind.kind, FieldKind::Money(_))
    }

    /// Whether the value can be this constant.
    pub(crate) fn admits(&self, constant: &Constant) -> bool {
        match (&self.kind.kind, constant) {
            (FieldKind::String, Constant::String(_)) => true,
            (FieldKind::Email, Constant::String(text)) => text.contains('@'),
            (FieldKind::String | FieldKind::Email, _) => self.untyped,
            (FieldKind::Boolean, Constant::Bool(_)) => true,
            (FieldKind::Boolean, Constant::String(text)) => self.untyped && matches!(text.as_str(), "true" | "false"),
            (FieldKind::Boolean, Constant::Number(_)) | (_, Constant::Bool(_)) => false,
            (FieldKind::Digits, Constant::String(text)) => {
                self.has_string() && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
            }
            (FieldKind::Digits, Constant::Number(number)) => {
                self.has_number() && number.is_integer() && !number.is_negative()
            }
            (_, Constant::String(text)) => {
                self.has_string() && Decimal::parse_plain(text).is_ok_and(|number| self.holds(number))
            }
            (_, Constant::Number(number)) => self.by_value() || (self.has_number() && self.holds(*number)),
        }
    }

    /// Whether a number as it is written can stand there.
    fn holds(&self, number: Decimal) -> bool {
        let whole = self.kind.kind != FieldKind::Integer || number.is_integer();
        whole && self.kind.decimals.is_none_or(|most| number.decimals() <= most)
    }

    /// Whether a value can have this format.
    fn has_format(&self, format: Format) -> bool {
        if self.untyped {
            return true;
        }
        match &self.kind.kind {
            FieldKind::Boolean => format == Format::Boolean,
            FieldKind::String => !matches!(format, Format::Integer | Format::Boolean),
            FieldKind::Email => matches!(format, Format::Email | Format::String | Format::PlainText),
            _ => match format {
                Format::Decimal => true,
                Format::Integer => self.kind.spelled.number,
                Format::Digits | Format::String | Format::PlainText => self.kind.spelled.string,
                Format::Boolean | Format::Email | Format::DateTime => false,
            },
        }
    }

    /// The least and the most that a number of it can be, as far as its digits say.
    pub(crate) fn range(&self) -> Option<(Decimal, Decimal)> {
        let digits = self.kind.digits.filter(|_| self.is_number() && !self.by_value())?;
        // Beyond eighteen digits nothing is a number.
        let most = Decimal::parse_plain(&"9".repeat(digits.min(17) as usize)).ok().filter(|_| digits > 0)?;
        let most = if self.kind.kind == FieldKind::Integer { most } else { most.checked_add(Decimal::ONE)? };
        Some((Decimal::ZERO, most))
    }
}

/// What no value of a name can be: reported where the rule asks for it.
pub(crate) fn report(
    rule: &TestRule,
    at: &str,
    measure: &Measure,
    predicates: &[Predicate],
    around: &Surroundings<'_>,
    report: &mut Report<'_>,
) {
    let Measure::Values(names) = measure else { return };
    for name in names {
        let Some(kinds) = of_name(name, around.actions) else { continue };
        let Some(first) = kinds.first() else { continue };
        let subject = Subject { text: name_text(name), word: first.word(), kinds: &kinds };
        bounds(rule, at, &subject, report);
        for predicate in predicates {
            one(predicate, rule, at, &subject, around, report);
        }
    }
}

/// A name, and what its values are.
struct Subject<'a> {
    text: String,
    word: &'static str,
    kinds: &'a [Kind<'a>],
}

impl Subject<'_> {
    fn admits(&self, constant: &Constant) -> bool {
        self.kinds.iter().any(|kind| kind.admits(constant))
    }
}

/// Bounds of numbers on what is never one.
fn bounds(rule: &TestRule, at: &str, subject: &Subject<'_>, report: &mut Report<'_>) {
    if subject.kinds.iter().any(Kind::is_number) {
        return;
    }
    let given = [
        ("min", rule.min.is_some()),
        ("max", rule.max.is_some()),
        ("over", rule.over.is_some()),
        ("under", rule.under.is_some()),
        ("change", rule.change.is_some()),
        ("increase", rule.increase.is_some()),
        ("decrease", rule.decrease.is_some()),
    ];
    for (word, _) in given.iter().filter(|(_, given)| *given) {
        let Subject { text, word: what, .. } = subject;
        let message = format!("`{word}` bounds a number, and the catalog says that {text} is {what}");
        let help = match what {
            &"true or false" => "say what it may be: `\"in\": [false]`",
            _ => {
                "say which texts it may be: `\"in\": [\"…\"]`; if its texts are numbers, give the field `\"type\": \"decimal\"` \
                 in the catalog"
            }
        };
        report.error(&format!("{at}/{word}"), message, Some(help.into()));
    }
}

fn one(
    predicate: &Predicate,
    rule: &TestRule,
    at: &str,
    subject: &Subject<'_>,
    around: &Surroundings<'_>,
    report: &mut Report<'_>,
) {
    let Subject { text, word, kinds } = subject;
    let needs_text = |name: &str, report: &mut Report<'_>| {
        if kinds.iter().all(|kind| !kind.has_string()) {
            let message = format!("`{name}` looks at texts, and the catalog says that {text} is {word}");
            let help = if kinds.iter().any(Kind::is_number) {
                "bound it by `min` and `max`, or list what it may be: `\"in\": [1, 2]`"
            } else {
                "say what it may be: `\"in\": [false]`"
            };
            report.error(&format!("{at}/{name}"), message, Some(help.into()));
        }
    };
    match predicate {
        Predicate::In(list) => constants("in", rule.one_of.as_ref(), list, at, subject, report),
        Predicate::NotIn(list) => {
            constants("not_in", rule.not_in.as_ref(), list, at, subject, report);
            other_spelling(list, at, subject, report);
        }
        Predicate::Pattern { .. } => needs_text("pattern", report),
        Predicate::Prefix(_) => needs_text("prefix", report),
        Predicate::Length { .. } => needs_text("length", report),
        Predicate::Domain(_)
            if kinds.iter().all(|kind| !matches!(kind.kind.kind, FieldKind::String | FieldKind::Email)) =>
        {
            let message = format!("`domain` looks at e-mail addresses, and the catalog says that {text} is {word}");
            report.error(&format!("{at}/domain"), message, Some("name the field that holds the address".into()));
        }
        Predicate::Format(format) if kinds.iter().all(|kind| !kind.has_format(*format)) => {
            let message =
                format!("{text} never has the format `{}`: the catalog says that it is {word}", format.name());
            let help = "take `format` out: the catalog's type is held to anyway where `fields` lists the field";
            report.error(&format!("{at}/format"), message, Some(help.into()));
        }
        Predicate::Equals(other) => {
            let Some(others) = of_name(other, around.actions) else { return };
            let boolean = |kind: &Kind<'_>| kind.kind.kind == FieldKind::Boolean && !kind.untyped;
            let all = |kinds: &[Kind<'_>]| kinds.iter().all(boolean);
            let none = |kinds: &[Kind<'_>]| kinds.iter().all(|kind| !boolean(kind));
            if (all(kinds) && none(&others)) || (none(kinds) && all(&others)) {
                let other_word = others.first().map(Kind::word).unwrap_or_default();
                let message = format!(
                    "{text} never equals {}: the catalog says that one is {word}, and the other {other_word}",
                    name_text(other)
                );
                report.error(&format!("{at}/equals"), message, Some("name a value of the same type".into()));
            }
        }
        _ => {}
    }
}

/// Constants that the value can never be.
fn constants(
    member: &str,
    written: Option<&ConstantList>,
    list: &[Constant],
    at: &str,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) {
    let Subject { text, word, .. } = subject;
    let wrong: Vec<usize> = (0..list.len()).filter(|i| list.get(*i).is_some_and(|c| !subject.admits(c))).collect();
    if let Some(ConstantList::Named(name)) = written {
        // A list may serve fields of several types.
        if wrong.len() == list.len() {
            let message = format!("{text} is never in {}: the catalog says that it is {word}", quote(name));
            let help = "write the list's constants as the API writes the field: texts in quotes, numbers without";
            report.error(&format!("{at}/{member}"), message, Some(help.into()));
        }
        return;
    }
    for position in &wrong {
        let Some(constant) = list.get(*position) else { continue };
        let message = format!("{text} is never {}: the catalog says that it is {word}", described(constant));
        let help = instead(constant, subject).unwrap_or_else(|| format!("write {}", example(subject)));
        let pointer = format!("{at}/{member}/{position}");
        if wrong.len() == list.len() {
            report.error(&pointer, message, Some(help));
        } else {
            report.warning(&pointer, message, Some(help));
        }
    }
}

/// Constants of `not_in` that the API takes in another spelling too, which is not listed.
fn other_spelling(list: &[Constant], at: &str, subject: &Subject<'_>, report: &mut Report<'_>) {
    let both = |kind: &Kind<'_>| {
        kind.is_number() && !kind.untyped && !kind.by_value() && kind.kind.spelled.string && kind.kind.spelled.number
    };
    if !subject.kinds.iter().any(both) {
        return;
    }
    for (position, constant) in list.iter().enumerate() {
        let (twin, written) = match constant {
            Constant::Number(number) => (Constant::String(number.to_string()), format!("\"{number}\"")),
            Constant::String(text) => match Decimal::parse_plain(text) {
                Ok(number) => (Constant::Number(number), number.to_string()),
                Err(_) => continue,
            },
            Constant::Bool(_) => continue,
        };
        if !list.contains(&twin) && subject.admits(&twin) {
            let (found, passes) = (described(constant), described(&twin));
            let message =
                format!("{} may be a number or a text: this refuses {found}, and {passes} passes", subject.text);
            let help = format!("list {written} too, or bound the value by `min`, `max`, `over` or `under`");
            report.warning(&format!("{at}/not_in/{position}"), message, Some(help));
        }
    }
}

/// A constant in words.
pub(crate) fn described(constant: &Constant) -> String {
    match constant {
        Constant::String(text) => format!("the text {}", quote(text)),
        Constant::Number(number) => format!("the number {number}"),
        Constant::Bool(bool) => format!("{bool}"),
    }
}

/// The same constant as the field has it, to be written instead.
fn instead(constant: &Constant, subject: &Subject<'_>) -> Option<String> {
    let (other, written) = match constant {
        Constant::Number(number) => {
            let text = number.to_string();
            (Constant::String(text.clone()), format!("write it in quotes: \"{text}\""))
        }
        Constant::Bool(bool) => (Constant::String(bool.to_string()), format!("write it in quotes: \"{bool}\"")),
        Constant::String(text) => match (text.as_str(), Decimal::parse_plain(text)) {
            ("true" | "false", _) => (Constant::Bool(text == "true"), format!("write it without quotes: {text}")),
            (_, Ok(number)) => (Constant::Number(number), format!("write it without quotes: {number}")),
            _ => return None,
        },
    };
    subject.admits(&other).then_some(written)
}

/// How values of the field are written.
fn example(subject: &Subject<'_>) -> &'static str {
    match subject.kinds.first().map(|kind| &kind.kind.kind) {
        Some(FieldKind::Integer) => "a whole number, like 5",
        Some(FieldKind::Decimal | FieldKind::Money(_)) => {
            "a number, like 19.99, with no more digits than the catalog gives it"
        }
        Some(FieldKind::Digits) => "digits, like \"42\"",
        Some(FieldKind::Boolean) => "true or false, without quotes",
        Some(FieldKind::Email) => "an address, like \"someone@example.com\"",
        Some(FieldKind::String) | None => "a text in quotes, like \"draft\"",
    }
}
