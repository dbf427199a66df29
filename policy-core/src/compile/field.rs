//! Fields of a catalog: where they stand, and what their values look like.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::currency;
use super::names::{self, one_deep};
use super::report::Fault;
use crate::catalog::{FieldEntry, FieldWord, MoneyUnit};
use crate::document::Path;
use crate::number::Decimal;
use crate::policy::{CallField, Currency, Field, FieldKind, FieldType, Money, Name, TypedAs};
use crate::quote::quote;
use crate::template::Number;

/// The place below which any name is a member: `/*` is the root of the document.
pub(crate) fn open_base(entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Path> {
    let at = entry.at.as_ref().map(|at| at.values().to_vec()).unwrap_or_default();
    let base = match at.as_slice() {
        [one] => one.strip_suffix("/*").and_then(Path::parse),
        _ => None,
    };
    if base.is_none() {
        faults.push((pointer.into(), "the field `*` needs one pointer that ends in `/*`".into()));
    }
    base
}

/// A field where the catalog says it stands.
pub(crate) fn compile(name: &str, entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Field> {
    let mut at = Vec::new();
    for text in entry.at.as_ref().map(crate::template::OneOrMany::values).unwrap_or_default() {
        match Path::parse(text).filter(one_deep) {
            Some(path) => at.push(path),
            None => faults.push((
                format!("{pointer}/at"),
                format!(
                    "{} is not a pointer: write where the value stands in the body, like `/price` or `/lines/*/price`",
                    quote(text)
                ),
            )),
        }
    }
    if at.is_empty() {
        // What is no pointer was said above.
        if entry.at.as_ref().is_some_and(|at| !at.values().is_empty()) {
            return None;
        }
        faults.push((pointer.into(), "a field needs `at`: the pointer where it stands, like `/price`".into()));
        return None;
    }
    let scale = entry.scale.as_ref().and_then(|written| scale(written, entry, pointer, faults));
    let kind = match entry.kind {
        None => None,
        Some(word) => Some(FieldType {
            kind: match word {
                FieldWord::Decimal => FieldKind::Decimal,
                FieldWord::Integer => FieldKind::Integer,
                FieldWord::Digits => FieldKind::Digits,
                FieldWord::Boolean => FieldKind::Boolean,
                FieldWord::String => FieldKind::String,
                FieldWord::Email => FieldKind::Email,
                FieldWord::Money => FieldKind::Money(money(entry, pointer, faults)?),
            },
            spelled: spelled(word, entry, pointer, faults),
            digits: entry.digits,
            // Cents are whole, whatever the API would make of half of one.
            decimals: entry.decimals.or((entry.unit == Some(MoneyUnit::Minor)).then_some(0)),
            scale,
        }),
    };
    let by_call = entry.by_call.as_deref().and_then(|call| call_field(name, call, kind.as_ref(), pointer, faults));
    Some(Field { name: name.into(), at, kind, by_call, base: Vec::new() })
}

/// A field as calls write it: of the type that endpoints have, unless it says its own.
fn call_field(
    name: &str,
    entry: &FieldEntry,
    of_endpoints: Option<&FieldType>,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Option<CallField> {
    let pointer = format!("{pointer}/by_call");
    if entry.by_call.is_some() || !entry.by_action.is_empty() {
        faults.push((
            pointer.clone(),
            "`by_call` holds neither `by_call` nor `by_action`: write it within `by_action`".into(),
        ));
    }
    let own = compile(name, entry, &pointer, faults)?;
    Some(CallField { at: own.at, kind: own.kind.or_else(|| of_endpoints.cloned()) })
}

/// The same field as the answer to a lookup has it. What is measured there was not written by an agent: it is read by its
/// type, not by the spellings and sizes that requests are held to. Names mean places of the answer.
pub(crate) fn of_answer(mut field: Field, lookup: &str) -> Field {
    if let Some(kind) = &mut field.kind {
        kind.digits = None;
        kind.decimals = None;
        if matches!(kind.kind, FieldKind::Decimal | FieldKind::Integer | FieldKind::Digits | FieldKind::Money(_)) {
            kind.spelled = TypedAs { string: true, number: true };
        }
        if let FieldKind::Money(Money { currency: Currency::Named(name), .. }) = &mut kind.kind
            && let Name::Field(field, tail) = &**name
        {
            **name = Name::State { lookup: lookup.into(), field: field.clone(), tail: tail.clone() };
        }
    }
    field
}

fn spelled(word: FieldWord, entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> TypedAs {
    match &entry.spelled {
        None => match word {
            FieldWord::Decimal | FieldWord::Money | FieldWord::Digits => TypedAs { string: true, number: true },
            FieldWord::Integer => TypedAs { string: false, number: true },
            FieldWord::Boolean => TypedAs { string: false, number: false },
            FieldWord::String | FieldWord::Email => TypedAs { string: true, number: false },
        },
        Some(words) => {
            for word in words {
                if word != "string" && word != "number" {
                    faults.push((format!("{pointer}/as"), "`as` lists `string` and `number`".into()));
                }
            }
            TypedAs { string: words.iter().any(|w| w == "string"), number: words.iter().any(|w| w == "number") }
        }
    }
}

/// What a number that is written is multiplied with: more than nothing, so that a bound keeps its direction.
fn scale(written: &Number, entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Decimal> {
    let mut fault = |message: String| faults.push((format!("{pointer}/scale"), message));
    if !matches!(entry.kind, Some(FieldWord::Decimal | FieldWord::Integer | FieldWord::Money)) {
        fault("`scale` belongs to numbers: give the field the type `decimal`, `integer` or `money`".into());
        return None;
    }
    let Ok(scale) = Decimal::parse_plain(&written.0) else {
        fault(format!(
            "{} is not a decimal number of at most 18 significant digits: write it like 0.01",
            quote(&written.0)
        ));
        return None;
    };
    if scale <= Decimal::ZERO {
        fault("a scale is more than 0: it is what the number that is written is multiplied with".into());
        return None;
    }
    Some(scale)
}

fn money(entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Money> {
    let (Some(unit), Some(currency)) = (entry.unit, &entry.currency) else {
        faults.push((pointer.into(), "a money field needs `unit` (`minor` for cents, `major` for euros) and `currency` (a code like `eur`, or the place of one)".into()));
        return None;
    };
    let currency = if currency::is_written(currency) {
        Currency::Fixed(currency.to_ascii_lowercase())
    } else {
        match names::head(currency) {
            Ok(name) => Currency::Named(Box::new(name)),
            Err(message) => {
                faults.push((format!("{pointer}/currency"), message));
                return None;
            }
        }
    };
    Some(Money { minor: unit == MoneyUnit::Minor, currency })
}
