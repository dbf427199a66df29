//! From a name to the values it has in an operation.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::decode::{Fact, Facts, Operation};
use crate::document::{Document, Kind, Path, Value};
use crate::number::Decimal;
use crate::policy::{Api, Currency, FieldKind, FieldType, HeaderShape, Name, Page, PolicySet, QueryShape};
use crate::request::{Request, mangled};
use crate::state::Known;

use super::place::Place;
use super::route::Variables;

/// Everything a rule can look at while it judges one operation.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) set: &'a PolicySet,
    pub(crate) page: &'a Page,
    pub(crate) api: &'a Api,
    pub(crate) request: &'a Request,
    /// The whole body, for pointers.
    pub(crate) body: Option<&'a Document>,
    /// The body was not read: nothing in it is known.
    pub(crate) unread: bool,
    pub(crate) variables: &'a Variables,
    /// What the decoder found out about the request.
    pub(crate) facts: &'a Facts,
    /// What is known of the present.
    pub(crate) known: &'a Known,
    pub(crate) operation: &'a Operation<'a>,
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) enum Datum<'a> {
    /// From a document.
    Json(Value<'a>),
    /// From the path, the query or a header.
    Text(String),
    /// Computed.
    Number(Decimal),
}

/// The values of a name.
pub(crate) enum Values<'a> {
    /// These; none means the name is absent from the request.
    Known(Vec<Datum<'a>>, Option<&'a FieldType>),
    /// The name stands where it has two readings: why.
    Ambiguous(&'static str),
    /// It is not known.
    Lacking(Lack),
}

/// Why a value is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A part of it cannot be known: why.
    Unknown(Cow<'static, str>),
    /// The answer of a lookup has nothing there: why. Unknown, unless another name may stand in.
    Absent(Cow<'static, str>),
    /// It is yet to be looked up.
    Awaited,
    /// It could not be looked up: why. The page may let a person decide instead.
    Away(Cow<'static, str>),
}

impl Lack {
    /// The one of two that more must be known about: what is unknown is settled; what is awaited may yet be unknown.
    pub(super) fn or_worse(self, other: Option<Self>) -> Self {
        let rank = |lack: &Self| match lack {
            Self::Unknown(_) | Self::Absent(_) => 2,
            Self::Awaited => 1,
            Self::Away(_) => 0,
        };
        match other {
            Some(other) if rank(&other) > rank(&self) => other,
            _ => self,
        }
    }
}

/// Why a value is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoNumber {
    /// It is not one: what it is.
    Malformed(&'static str),
    /// Which one cannot be known: the currency of an amount.
    Lacking(Lack),
}

/// Why an amount is none in the page's currency.
pub(super) enum NoAmount {
    /// The page has no rate for its currency.
    Rate,
    /// It cannot be held exactly.
    Range,
}

impl Values<'_> {
    /// A value that cannot be known: why.
    pub(super) fn unknown(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Lacking(Lack::Unknown(why.into()))
    }
}

impl<'a> Scope<'a> {
    /// Where a name lies in the operation's document; `None` for names elsewhere.
    pub(crate) fn places(&self, name: &'a Name) -> Option<Vec<(Place<'a>, Option<&'a FieldType>)>> {
        match name {
            Name::Pointer(path) => {
                Some(alloc::vec![(Place { head: &path.0, member: None, tail: &[], goes_on: false }, None)])
            }
            Name::Field(name, tail) => Some(self.field_places(name, tail)),
            _ => None,
        }
    }

    fn field_places(&self, name: &'a str, tail: &'a Path) -> Vec<(Place<'a>, Option<&'a FieldType>)> {
        let Some(action) = self.operation.action else {
            return Vec::new();
        };
        if let Some(field) = action.field(name) {
            let (at, kind) = field.spelled(self.operation.is_by_call());
            let kind = if tail.0.is_empty() { kind } else { None };
            let goes_on =
                |path: &Path| at.iter().any(|other| other.0.len() > path.0.len() && other.0.starts_with(&path.0));
            return at
                .iter()
                .map(|path| (Place { head: &path.0, member: None, tail: &tail.0, goes_on: goes_on(path) }, kind))
                .collect();
        }
        match &action.open_fields {
            Some(base) => {
                alloc::vec![(Place { head: &base.0, member: Some(name), tail: &tail.0, goes_on: false }, None)]
            }
            None => Vec::new(),
        }
    }

    /// Why the values at a place of the operation's document cannot be known; `None`: they are what stands there.
    pub(crate) fn unclear(&self, place: &Place<'a>) -> Option<&'static str> {
        let document = self.operation.document?;
        if place.is_misshapen(document) {
            return Some("the document has another shape on the way to it");
        }
        self.hides(place, document)
    }

    /// Why there may be more values at a place than stand there. A server of tools reads texts as JSON where it expects no
    /// text; names of members on the way are misshapen then, `**` is not.
    pub(super) fn hides(&self, place: &Place<'a>, document: Value<'a>) -> Option<&'static str> {
        let hides = self.operation.is_by_rpc() && place.passes_json_text(document);
        hides.then_some("a text on the way to it is JSON, in which a server may find more")
    }

    /// The values a name has in this operation.
    pub(crate) fn values(&self, name: &'a Name) -> Values<'a> {
        match name {
            Name::Field(..) | Name::Pointer(_) | Name::Value(_) if self.unread => {
                Values::unknown("the body was not read")
            }
            Name::Field(..) | Name::Pointer(_) => {
                let mut values = Vec::new();
                let mut kind = None;
                for (place, of) in self.places(name).unwrap_or_default() {
                    kind = kind.or(of);
                    if let Some(document) = self.operation.document {
                        if let Some(why) = self.unclear(&place) {
                            return Values::Ambiguous(why);
                        }
                        let container = |value: &Value<'_>| matches!(value.kind(), Kind::Object | Kind::Array);
                        let found = place.select(document).into_iter();
                        values.extend(found.filter(|value| !(place.goes_on && container(value))).map(Datum::Json));
                    }
                }
                Values::Known(values, kind)
            }
            Name::Path(variable) => self.path(variable),
            Name::Query(parameter) => self.query(parameter),
            Name::Header(header, parameter) => self.header(header, parameter.as_deref()),
            Name::Value(value) => self.formula(value),
            Name::Fact(fact) => Values::Known(self.fact(fact, &self.operation.facts), None),
            Name::State { lookup, field, tail } => self.present((lookup, field, tail), None),
        }
    }

    /// The values of a fact: of the operation, then of the request.
    fn fact(&self, name: &str, of_operation: &Facts) -> Vec<Datum<'a>> {
        let facts = of_operation.iter().chain(self.facts).filter(|(known, _)| *known == name);
        let data = facts.flat_map(|(_, values)| values).map(|fact| match fact {
            Fact::Text(text) => Datum::Text(text.clone()),
            Fact::Number(number) => Datum::Number(*number),
        });
        data.collect()
    }

    /// Number of values that a fact has over the operations of a request; `None`: no decoder produced it.
    pub(crate) fn fact_count(scopes: &[Self], name: &str) -> Option<usize> {
        let of =
            |facts: &Facts| facts.iter().filter(|(known, _)| *known == name).map(|(_, v)| v.len()).reduce(|a, b| a + b);
        let of_request = scopes.first().and_then(|scope| of(scope.facts));
        scopes.iter().filter_map(|scope| of(&scope.operation.facts)).chain(of_request).reduce(usize::saturating_add)
    }

    /// A row of a batch and a call have no path of their own: their key stands for the variable that addresses their
    /// resource, and any other variable that the batch's or the carrier's path does not have cannot be known.
    fn path(&self, variable: &str) -> Values<'a> {
        let text = |text: &String| Values::Known(alloc::vec![Datum::Text(text.clone())], None);
        let operation = self.operation;
        if operation.is_enclosed() {
            let addresses =
                |action: &&crate::policy::Action| matches!(&action.key, Some(Name::Path(name)) if name == variable);
            match (&operation.key, operation.action.filter(|a| addresses(a))) {
                (Some(key), Some(_)) => return text(key),
                (None, Some(_)) if operation.outer.is_some() => {
                    return Values::unknown("the call does not say which resource it means");
                }
                _ => {}
            }
        }
        match self.variables.iter().find(|(known, _)| known == variable) {
            Some((_, value)) => text(value),
            None if operation.row => Values::unknown("a row of a batch does not say it"),
            None if operation.outer.is_some() => Values::unknown("a call does not say it"),
            None => Values::Known(Vec::new(), None),
        }
    }

    fn query(&self, name: &str) -> Values<'a> {
        let php = self.api.quirks.php_names;
        let means = |pair: &&crate::request::QueryPair| pair.name == name || (php && mangled(&pair.name) == name);
        let mut pairs = self.request.query.iter().filter(means);
        let Some(pair) = pairs.next() else {
            return Values::Known(Vec::new(), None);
        };
        if pairs.next().is_some() {
            return Values::Ambiguous("the query names it more than once");
        }
        if pair.name != name {
            return Values::Ambiguous("the query spells its name in another way");
        }
        let shape = self.api.query.iter().find(|(known, _)| known == name).map(|(_, shape)| *shape);
        let values = match shape {
            None => alloc::vec![Datum::Text(pair.value.clone())],
            Some(QueryShape::List) => {
                pair.value.split(',').map(|item| Datum::Text(unquoted(item.trim()).into())).collect()
            }
        };
        Values::Known(values, None)
    }

    fn header(&self, name: &str, parameter: Option<&str>) -> Values<'a> {
        self.known.note(|trace| trace.headers.extend([String::from(name)]));
        // CGI-style servers fold `_` and `-`: a twin would be read in the header's place.
        if self.request.headers.twin(name).is_some() {
            return Values::Ambiguous("a header with `_` in its name can be read in its place");
        }
        let shape = self.api.headers.iter().find(|(known, _)| known == name).map(|(_, shape)| *shape);
        let texts = match shape {
            None => match self.request.headers.single(name) {
                Ok(value) => value.into_iter().map(Into::into).collect(),
                Err(_) => return Values::Ambiguous("the header is not one value of visible ASCII"),
            },
            Some(shape) => match self.header_items(name, shape) {
                Some(items) => items
                    .into_iter()
                    .filter(|(key, _)| parameter.is_none_or(|wanted| key == wanted))
                    .map(|(_, value)| value)
                    .collect::<Vec<String>>(),
                None => return Values::Ambiguous("the header is not a list of plain tokens"),
            },
        };
        if parameter.is_some() && texts.len() > 1 {
            return Values::Ambiguous("the header names it more than once");
        }
        Values::Known(texts.into_iter().map(Datum::Text).collect(), None)
    }

    /// Items of a list header: parameter name (empty in plain lists) and value. `None`: not readable one way.
    pub(crate) fn header_items(&self, name: &str, shape: HeaderShape) -> Option<Vec<(String, String)>> {
        let mut items = Vec::new();
        for value in self.request.headers.all(name) {
            let text = core::str::from_utf8(value).ok()?;
            for item in text.split(',') {
                let item = item.trim();
                let plain = |text: &str| {
                    !text.is_empty()
                        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~/:".contains(&b))
                };
                match shape {
                    HeaderShape::List => items.push((String::new(), item.into())),
                    HeaderShape::Params => {
                        let (key, value) = item.split_once('=').unwrap_or((item, ""));
                        if !plain(key) || !(value.is_empty() || plain(value)) {
                            return None;
                        }
                        items.push((key.to_ascii_lowercase(), value.into()));
                    }
                }
            }
        }
        Some(items)
    }

    /// The number a value is, by the field's type: money in major units of the page's currency.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn number(&self, datum: &Datum<'a>, kind: Option<&'a FieldType>) -> Result<Decimal, NoNumber> {
        let number = match datum {
            Datum::Number(number) => return Ok(*number),
            Datum::Text(text) => Decimal::parse_plain(text),
            Datum::Json(value) => match value.kind() {
                Kind::Number if kind.is_none_or(|kind| kind.spelled.number) => {
                    Decimal::parse_plain(value.number().unwrap_or_default())
                }
                Kind::String if value.untyped().is_some() || kind.is_none_or(|kind| kind.spelled.string) => {
                    Decimal::parse_plain(value.string().unwrap_or_default())
                }
                _ => return Err(NoNumber::Malformed("not a number")),
            },
        };
        let number = number.map_err(|_| NoNumber::Malformed("not a decimal number in plain notation"))?;
        let number = scaled(number, kind).ok_or(TOO_LONG)?;
        match kind.map(|kind| &kind.kind) {
            Some(FieldKind::Money(money)) => {
                let currency = match &money.currency {
                    Currency::Fixed(code) => code.clone(),
                    Currency::Named(name) => self.currency(name)?,
                };
                self.amount(number, money.minor, &currency).map_err(|why| match why {
                    NoAmount::Rate => NoNumber::Malformed("an amount in a currency this page has no rate for"),
                    NoAmount::Range => TOO_LONG,
                })
            }
            _ => Ok(number),
        }
    }

    /// An amount in major units of the page's currency.
    ///
    /// # Errors
    /// The page has no rate for its own currency, or it cannot be held exactly.
    pub(super) fn amount(&self, number: Decimal, minor: bool, currency: &str) -> Result<Decimal, NoAmount> {
        let currency = currency.to_ascii_lowercase();
        let of_catalog = self.api.minor_digits.iter().find(|(known, _)| *known == currency);
        let digits = of_catalog.map_or_else(|| minor_digits(&currency), |(_, digits)| *digits);
        let major = if minor { number.shifted_down(digits) } else { number };
        self.converted(major, &currency)
    }

    fn currency(&self, name: &'a Name) -> Result<String, NoNumber> {
        let unknown = || NoNumber::Malformed("an amount in an unknown currency");
        match self.values(name) {
            Values::Known(values, _) => match values.as_slice() {
                [Datum::Json(value)] => value.string().map(str::to_ascii_lowercase).ok_or_else(unknown),
                [Datum::Text(text)] => Ok(text.to_ascii_lowercase()),
                _ => Err(unknown()),
            },
            Values::Ambiguous(_) => Err(unknown()),
            Values::Lacking(lack) => Err(NoNumber::Lacking(lack)),
        }
    }

    fn converted(&self, amount: Decimal, currency: &str) -> Result<Decimal, NoAmount> {
        if self.page.currency.as_deref() == Some(currency) {
            return Ok(amount);
        }
        let (_, rate) = self.page.rates.iter().find(|(known, _)| known == currency).ok_or(NoAmount::Rate)?;
        amount.checked_mul(*rate).ok_or(NoAmount::Range)
    }

    /// The pointer of a value, seen from the body.
    pub(crate) fn pointer(&self, datum: &Datum<'a>) -> Option<String> {
        match (datum, self.body) {
            (Datum::Json(value), Some(_)) => self.pointer_of(*value),
            _ => None,
        }
    }

    /// The pointer of a value of the body. What a decoder built stands in no body.
    pub(crate) fn pointer_of(&self, value: Value<'_>) -> Option<String> {
        self.body.filter(|body| body.root().contains(value)).map(|body| body.pointer_of(value))
    }
}

fn unquoted(item: &str) -> &str {
    item.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(item)
}

const TOO_LONG: NoNumber = NoNumber::Malformed("a number with more digits than can be held exactly");

/// The value that a written number is, by the scale of its field; `None`: it cannot be held exactly.
pub(super) fn scaled(number: Decimal, kind: Option<&FieldType>) -> Option<Decimal> {
    match kind.and_then(|kind| kind.scale) {
        Some(scale) => number.checked_mul(scale),
        None => Some(number),
    }
}

/// Digits behind the point of a currency's major unit (ISO 4217, list one).
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "isk" | "jpy" | "kmf" | "krw" | "pyg" | "rwf" | "ugx" | "uyi" | "vnd"
        | "vuv" | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "iqd" | "jod" | "kwd" | "lyd" | "omr" | "tnd" => 3,
        "clf" | "uyw" => 4,
        _ => 2,
    }
}
