//! From names of the present to values: which resource a lookup is about, and what its answer says.
//!
//! A field that is missing, `null` or empty in the answer is not known: the request cannot be measured against it. An
//! empty list is known, and has no values.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::names::{Datum, Lack, NoAmount, Scope, Values, scaled};
use super::place::Place;
use super::words::Words;
use crate::decode::Fact;
use crate::document::{Kind, Path, Step, Steps, Value, select};
use crate::number::Decimal;
use crate::policy::{CURRENT, Currency, FieldKind, FieldType, Lookup, LookupVariable, Money, Name, Supply, Total};
use crate::state::{Asked, Missing, Trace, VariableValue, wanted};

/// What stands in an answer where a field is looked for.
enum Gap {
    /// Nothing: another place of the field may have it.
    Absent,
    /// `null`, an empty text, another shape, or a list whose elements lack it.
    Hole,
}

impl<'a> Scope<'a> {
    /// The values of a field of the present. `element`: the one that a lookup is made for; without it, all of them.
    pub(super) fn present(
        &self,
        (lookup, field, tail): (&str, &'a str, &'a Path),
        element: Option<Value<'a>>,
    ) -> Values<'a> {
        let Some(lookup) = self.operation.action.and_then(|action| action.lookup(lookup)) else {
            return Values::unknown("nothing says how to look it up");
        };
        if lookup.each.is_empty() || element.is_some() {
            return self.of_lookup(lookup, (field, tail), element);
        }
        let elements = match self.elements(&lookup.each) {
            Ok(elements) => elements,
            Err(why) => return Values::Ambiguous(why),
        };
        let mut data = Vec::new();
        let mut kind = None;
        let mut lack: Option<Lack> = None;
        for element in elements {
            match self.of_lookup(lookup, (field, tail), Some(element)) {
                Values::Known(more, of) => {
                    data.extend(more);
                    kind = of;
                }
                Values::Ambiguous(why) => return Values::Ambiguous(why),
                Values::Lacking(more) => lack = Some(more.or_worse(lack)),
            }
            // No answer changes what cannot be known.
            if matches!(lack, Some(Lack::Unknown(_) | Lack::Absent(_))) {
                break;
            }
        }
        match lack {
            Some(lack) => Values::Lacking(lack),
            None => Values::Known(data, kind),
        }
    }

    /// Elements of the arrays at these places of the operation's document.
    pub(super) fn elements(&self, places: &'a [Path]) -> Result<Vec<Value<'a>>, &'static str> {
        let mut elements = Vec::new();
        let Some(document) = self.operation.document else { return Ok(elements) };
        for path in places {
            let place = Place { head: &path.0, member: None, tail: &[], goes_on: false };
            if let Some(why) = self.hides(&place, document) {
                return Err(why);
            }
            for list in place.select(document) {
                if list.kind() != Kind::Array {
                    return Err("it is made for the elements of an array, and there is none");
                }
                elements.extend(list.children());
            }
        }
        Ok(elements)
    }

    fn of_lookup(
        &self,
        lookup: &'a Lookup,
        (field, tail): (&'a str, &'a Path),
        element: Option<Value<'a>>,
    ) -> Values<'a> {
        let mut values = Vec::with_capacity(lookup.variables.len());
        for variable in &lookup.variables {
            match self.variable(variable, element) {
                Ok(value) => values.push(value),
                Err(lack) => return Values::Lacking(lack),
            }
        }
        let set = self.set;
        let (attempt, want) =
            match wanted(lookup, &values, self.protocol_version(), &|index, text| set.matches(index, text)) {
                Ok(wanted) => wanted,
                Err(why) => return Values::unknown(why.message),
            };
        let asked = Asked { lookup, attempt, values: &values };
        let found = match lookup.total(field) {
            Some(total) => self.known.all(asked, want).map(|elements| self.total(&elements, lookup, total)),
            None => self.known.resource(asked, want).map(|resource| self.field_of(resource, lookup, field, tail)),
        };
        match found {
            Ok(found) => {
                self.known.note(|trace| looked_at(trace, lookup, &values, (field, tail), &found));
                found
            }
            Err(Missing::Awaited) => Values::Lacking(Lack::Awaited),
            Err(Missing::Not(why)) if why.away => Values::Lacking(Lack::Away(why.message)),
            Err(Missing::Not(why)) => Values::unknown(why.message),
        }
    }

    /// The revision of MCP that the request names.
    pub(super) fn protocol_version(&self) -> Option<&'a str> {
        let (_, values) = self.facts.iter().find(|(name, _)| *name == "protocol_version")?;
        match values.as_slice() {
            [Fact::Text(version)] => Some(version),
            _ => None,
        }
    }

    /// The value of a variable of a lookup; `None`: the request does not say it.
    fn variable(
        &self,
        variable: &'a LookupVariable,
        element: Option<Value<'a>>,
    ) -> Result<Option<VariableValue>, Lack> {
        for supply in &variable.from {
            let found = match supply {
                Supply::Key => self.operation.key.clone().map(Datum::Text).into_iter().collect(),
                Supply::Element(path) => {
                    let found = element.map(|element| select(element, Steps { head: &path.0, tail: &[] }));
                    found.unwrap_or_default().into_iter().map(Datum::Json).collect()
                }
                Supply::Name(name) => match self.values(name) {
                    Values::Known(data, _) => data,
                    Values::Ambiguous(why) => return Err(Lack::Unknown(why.into())),
                    Values::Lacking(lack) => return Err(lack),
                },
            };
            match found.as_slice() {
                [] => {}
                [one] => return plain_value(one).map(Some).ok_or(Lack::Unknown(NO_ADDRESS.into())),
                _ => return Err(Lack::Unknown("the request names several of them".into())),
            }
        }
        Ok(None)
    }

    /// A field of a resource as it is now.
    fn field_of(&self, resource: Value<'a>, lookup: &'a Lookup, field: &'a str, tail: &'a Path) -> Values<'a> {
        let known = lookup.field(field);
        let kind = known.and_then(|field| field.kind.as_ref()).filter(|_| tail.0.is_empty());
        let open = lookup.open_fields.as_ref().filter(|_| known.is_none());
        let places = known.map(|field| field.at.as_slice()).unwrap_or_default().iter().chain(open);
        let member = open.map(|_| Step::Member(field.to_string()));
        for place in places {
            let steps: Vec<&Step> = place.0.iter().chain(&member).chain(&tail.0).collect();
            let mut found = Vec::new();
            match gather(resource, &steps, false, &mut found) {
                Ok(()) => return self.typed(found, kind, resource, lookup),
                Err(Gap::Absent) => {}
                Err(Gap::Hole) => {
                    return Values::Lacking(Lack::Absent("it is null, empty or of another shape now".into()));
                }
            }
        }
        Values::Lacking(match self.known.not_recorded(resource) {
            Some(Missing::Awaited) => Lack::Awaited,
            Some(Missing::Not(why)) => Lack::Away(why.message),
            None => Lack::Absent("it is missing from the answer".into()),
        })
    }

    /// Values of an answer by the type of their field: money in major units of the page's currency.
    fn typed(
        &self,
        found: Vec<Value<'a>>,
        kind: Option<&'a FieldType>,
        resource: Value<'a>,
        lookup: &'a Lookup,
    ) -> Values<'a> {
        let Some(of_money @ FieldType { kind: FieldKind::Money(money), .. }) = kind else {
            return Values::Known(found.into_iter().map(Datum::Json).collect(), kind);
        };
        let mut data = Vec::new();
        for value in found {
            match self.money(value, (of_money, money), resource, lookup) {
                Ok(amount) => data.push(Datum::Number(amount)),
                Err(why) => return Values::unknown(why),
            }
        }
        Values::Known(data, None)
    }

    fn money(
        &self,
        value: Value<'a>,
        (kind, money): (&'a FieldType, &'a Money),
        resource: Value<'a>,
        lookup: &'a Lookup,
    ) -> Result<Decimal, Cow<'static, str>> {
        let text = value.number().or_else(|| value.string()).ok_or("it is no amount now")?;
        let number = Decimal::parse_plain(text).map_err(|_| "it is no decimal number in plain notation now")?;
        let number = scaled(number, Some(kind)).ok_or(TOO_LONG)?;
        let text_of = |values: &[Value<'a>]| match values {
            [one] => one.string().map(ToString::to_string),
            _ => None,
        };
        let code = match &money.currency {
            Currency::Fixed(code) => Some(code.clone()),
            Currency::Named(name) => match &**name {
                Name::Pointer(path) => text_of(&select(resource, Steps { head: &path.0, tail: &[] })),
                Name::State { lookup: of, field, tail } if *of == lookup.name => {
                    match self.field_of(resource, lookup, field, tail) {
                        Values::Known(data, _) => match data.as_slice() {
                            [Datum::Json(value)] => text_of(&[*value]),
                            _ => None,
                        },
                        _ => None,
                    }
                }
                _ => None,
            },
        };
        let code = code.ok_or("its currency is not known now")?;
        self.amount(number, money.minor, &code).map_err(|why| match why {
            NoAmount::Rate => format!("the page has no rate for its currency {}", crate::quote::quote(&code)).into(),
            NoAmount::Range => TOO_LONG.into(),
        })
    }

    /// An aggregate over a list that is complete.
    fn total(&self, elements: &[Value<'a>], lookup: &'a Lookup, total: &'a Total) -> Values<'a> {
        const ROOT: &Path = &Path(Vec::new());
        let mut sum = Decimal::ZERO;
        let mut count = 0usize;
        for element in elements {
            match self.field_of(*element, lookup, &total.field, ROOT) {
                Values::Known(_, _) if total.count => count = count.saturating_add(1),
                Values::Known(data, kind) => {
                    for datum in &data {
                        let added = self.number(datum, kind).ok().and_then(|number| sum.checked_add(number));
                        match added {
                            Some(added) => sum = added,
                            None => return Values::unknown("an element of the answer has no number there"),
                        }
                    }
                }
                Values::Lacking(Lack::Absent(_)) if total.count => {}
                Values::Lacking(Lack::Absent(_)) => {
                    return Values::unknown("an element of the answer has no number there");
                }
                other => return other,
            }
        }
        let number = if total.count { Decimal::from_count(count) } else { sum };
        Values::Known(alloc::vec![Datum::Number(number)], None)
    }
}

/// Notes a value of the present that a rule has looked at, and what is said of it where the request does not write it.
fn looked_at(
    trace: &mut Trace,
    lookup: &Lookup,
    of: &[Option<VariableValue>],
    (field, tail): (&str, &Path),
    found: &Values<'_>,
) {
    let noted = noted(&lookup.name, of, (field, tail), found);
    trace.present.insert(noted.clone());
    if trace.telling {
        trace.told.insert(noted);
        return;
    }
    let mut words = Words::default();
    let mut name = if lookup.name == CURRENT { field.to_string() } else { format!("{}.{field}", lookup.name) };
    for step in &tail.0 {
        name.push('/');
        name.push_str(match step {
            Step::Member(name) => name,
            Step::Each => "*",
            Step::Deep => "**",
        });
    }
    let of: Vec<String> = of.iter().flatten().map(|value| words.text(&value.text)).collect();
    let of = if of.is_empty() { String::new() } else { format!(" of {}", of.join(", ")) };
    let line = format!("  {}{of} now: {}", words.text(&name), words.known(found));
    trace.looked.insert(noted, (line, words.unseen));
}

/// A value of the present that a rule has looked at: of what, and what it is. What is not known is a value too.
fn noted(lookup: &str, of: &[Option<VariableValue>], (field, tail): (&str, &Path), found: &Values<'_>) -> String {
    let mut out = String::new();
    // With its length: two notes are the same text only where they are the same.
    let mut add = |text: &str| {
        out.push_str(&text.len().to_string());
        out.push(':');
        out.push_str(text);
    };
    add(lookup);
    add(field);
    for step in &tail.0 {
        match step {
            Step::Member(name) => add(name),
            Step::Each => add("/*"),
            Step::Deep => add("/**"),
        }
    }
    for value in of {
        add(value.as_ref().map_or("", |value| value.text.as_str()));
    }
    if let Values::Known(data, _) = found {
        for datum in data {
            add(&text_of(datum));
        }
    }
    out
}

/// A value as one text.
pub(super) fn text_of(datum: &Datum<'_>) -> String {
    match datum {
        Datum::Text(text) => text.clone(),
        Datum::Number(number) => number.to_string(),
        Datum::Json(value) => match value.kind() {
            Kind::String | Kind::Number => value.string().or_else(|| value.number()).unwrap_or_default().into(),
            Kind::Array | Kind::Object => {
                let mut out = String::new();
                for child in value.children() {
                    let text = text_of(&Datum::Json(child));
                    for text in [child.name(), &text] {
                        out.push_str(&text.len().to_string());
                        out.push(':');
                        out.push_str(text);
                    }
                }
                out
            }
            Kind::Bool(true) => "true".into(),
            Kind::Bool(false) => "false".into(),
            Kind::Null => "null".into(),
        },
    }
}

const TOO_LONG: &str = "it has more digits now than can be held exactly";

const NO_ADDRESS: &str = "what the request names is no value that can be looked up";

/// A text or number as the value of a variable.
fn plain_value(datum: &Datum<'_>) -> Option<VariableValue> {
    let (text, number): (String, bool) = match datum {
        Datum::Json(value) => match value.kind() {
            Kind::String => (value.string()?.into(), false),
            Kind::Number => (value.number()?.into(), true),
            _ => return None,
        },
        Datum::Text(text) => (text.clone(), false),
        Datum::Number(number) => (number.to_string(), true),
    };
    Some(VariableValue { text, number })
}

/// Every value that the steps reach. `listed`: the way has led through a list, whose elements all must have it.
fn gather<'d>(value: Value<'d>, steps: &[&Step], listed: bool, found: &mut Vec<Value<'d>>) -> Result<(), Gap> {
    let Some((step, rest)) = steps.split_first() else {
        if value.kind() == Kind::Null || value.string() == Some("") {
            return Err(Gap::Hole);
        }
        found.push(value);
        return Ok(());
    };
    match step {
        Step::Member(name) => match value.member(name) {
            Some(child) => gather(child, rest, listed, found),
            None if listed || value.kind() != Kind::Object => Err(Gap::Hole),
            None => Err(Gap::Absent),
        },
        Step::Each => {
            if !matches!(value.kind(), Kind::Array | Kind::Object) {
                return Err(Gap::Hole);
            }
            value.children().try_for_each(|child| gather(child, rest, true, found))
        }
        Step::Deep => {
            let deeper: Vec<Step> = steps.iter().map(|step| (*step).clone()).collect();
            let all = select(value, Steps { head: &deeper, tail: &[] });
            found.extend(all);
            if found.is_empty() { Err(Gap::Absent) } else { Ok(()) }
        }
    }
}
