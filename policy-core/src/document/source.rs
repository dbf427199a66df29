//! Reading a typed document (serde) with the place of every mistake, exact numbers, and the nearest valid name.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::Range;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Kind, Value};
use crate::diagnostic::{meant, nearest};
use crate::quote::{list, quote};

/// Enums of this name choose their variant by the JSON type of the value: `string`, `number`, `boolean`, `array`,
/// `object`.
pub(crate) const BY_KIND: &str = "$kind";
/// Newtypes of this name take the text of a number or of a string.
pub(crate) const NUMBER_TEXT: &str = "$number";

/// A mistake in a document.
#[derive(Debug)]
pub struct SourceError {
    /// Where, in bytes of the source, once known.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl SourceError {
    fn at(mut self, span: Range<usize>) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for SourceError {}

impl de::Error for SourceError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { span: None, message: message.to_string(), help: None }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(field, expected.iter().copied()).or_else(|| meant(field, expected));
        let help = match near {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", list(expected.iter().copied(), 32)),
        };
        Self { span: None, message: format!("unknown member {}", quote(field)), help: Some(help) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let kinds = ["string", "number", "boolean", "array", "object", "null"];
        if kinds.contains(&variant) && expected.iter().all(|name| kinds.contains(name)) {
            let article = |kind: &str| format!("{} {kind}", if kind.starts_with(['a', 'o']) { "an" } else { "a" });
            let wanted: alloc::vec::Vec<String> = expected.iter().map(|kind| article(kind)).collect();
            let message = format!("expected {}, found {}", wanted.join(" or "), article(variant));
            return Self { span: None, message, help: None };
        }
        let help = match nearest(variant, expected.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("one of: {}", list(expected.iter().copied(), 32)),
        };
        Self { span: None, message: format!("unknown value {}", quote(variant)), help: Some(help) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { span: None, message: format!("the member `{field}` is missing"), help: Some(format!("add `{field}`")) }
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let message = match unexpected {
            de::Unexpected::Signed(_) => "expected a whole number of 0 or more".to_string(),
            de::Unexpected::Unsigned(_) => "expected a smaller whole number".to_string(),
            _ => format!("invalid value, expected {expected}"),
        };
        Self { span: None, message, help: None }
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match unexpected {
            de::Unexpected::Bool(_) => "a boolean",
            de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) | de::Unexpected::Float(_) => "a number",
            de::Unexpected::Str(_) => "a string",
            de::Unexpected::Unit | de::Unexpected::Option => "null",
            de::Unexpected::Seq => "an array",
            de::Unexpected::Map => "an object",
            _ => "something else",
        };
        // Names of Rust types mean nothing to an author.
        let expected = match expected.to_string() {
            text if text.starts_with("struct ") || text == "a map" => "an object".to_string(),
            text if text == "a sequence" => "an array".to_string(),
            text if is_integer(&text) => "a whole number".to_string(),
            text => text,
        };
        Self { span: None, message: format!("expected {expected}, found {found}"), help: None }
    }
}

/// Whether a name of a Rust type is that of an integer.
fn is_integer(name: &str) -> bool {
    name.strip_prefix(['u', 'i']).is_some_and(|bits| bits.parse::<u8>().is_ok())
}

type Result<T> = core::result::Result<T, SourceError>;

impl<'d> Value<'d> {
    /// Reads this value as `T`.
    ///
    /// # Errors
    /// The first [`SourceError`], with its place.
    pub(crate) fn read<T: de::Deserialize<'d>>(self) -> Result<T> {
        T::deserialize(self).map_err(|e| e.at(self.span()))
    }

    fn visit<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value> {
        match self.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Number => {
                let text = self.number().unwrap_or_default();
                if let Ok(number) = text.parse::<u64>() {
                    visitor.visit_u64(number)
                } else if let Ok(number) = text.parse::<i64>() {
                    visitor.visit_i64(number)
                } else {
                    Err(de::Error::custom("expected a whole number"))
                }
            }
            Kind::String => visitor.visit_borrowed_str(self.string().unwrap_or_default()),
            Kind::Array => visitor.visit_seq(Children::of(self)),
            Kind::Object => visitor.visit_map(Children::of(self)),
        }
        .map_err(|e: SourceError| e.at(self.span()))
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = SourceError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // A member that is not wanted is left out; null says nothing and is refused by the type behind the option.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if name != NUMBER_TEXT {
            return visitor.visit_newtype_struct(self);
        }
        match self.number().or_else(|| self.string()) {
            Some(text) => visitor.visit_newtype_struct(BorrowedStrDeserializer::new(text)),
            None => Err(de::Error::custom("expected a number, or a number in a string")),
        }
        .map_err(|e: SourceError| e.at(self.span()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let access = if name == BY_KIND {
            let variant = match self.kind() {
                Kind::Bool(_) => "boolean",
                kind => kind.name(),
            };
            Choice { variant, contents: Some(self) }
        } else if let Some(variant) = self.string() {
            Choice { variant, contents: None }
        } else {
            let mut members = self.children();
            match (self.kind(), members.next(), members.next()) {
                (Kind::Object, Some(only), None) => Choice { variant: only.name(), contents: Some(only) },
                _ => {
                    let message = format!("expected a name in quotes, found {}", with_article(self.kind()));
                    let help = Some(format!("one of: {}", list(variants.iter().copied(), 32)));
                    return Err(SourceError { help, ..SourceError::custom_at(&message, self) });
                }
            }
        };
        visitor.visit_enum(access).map_err(|e: SourceError| e.at(self.span()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        // Derived types would take an array for their members in order.
        if self.kind() != Kind::Object {
            let message = format!("expected an object, found {}", with_article(self.kind()));
            return Err(SourceError::custom_at(&message, self));
        }
        self.visit(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl SourceError {
    fn custom_at(message: &str, value: Value<'_>) -> Self {
        Self { span: Some(value.span()), message: message.into(), help: None }
    }
}

/// A type with its article.
fn with_article(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool(_) => "a boolean",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}

struct Children<'d, I> {
    rest: I,
    pending: Option<Value<'d>>,
}

impl<'d> Children<'d, ()> {
    fn of(value: Value<'d>) -> Children<'d, impl Iterator<Item = Value<'d>>> {
        Children { rest: value.children(), pending: None }
    }
}

impl<'d, I: Iterator<Item = Value<'d>>> SeqAccess<'d> for Children<'d, I> {
    type Error = SourceError;

    fn next_element_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.rest.next().map(|value| seed.deserialize(value).map_err(|e| e.at(value.span()))).transpose()
    }
}

impl<'d, I: Iterator<Item = Value<'d>>> MapAccess<'d> for Children<'d, I> {
    type Error = SourceError;

    fn next_key_seed<K: DeserializeSeed<'d>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(value) = self.rest.next() else {
            return Ok(None);
        };
        self.pending = Some(value);
        let name = BorrowedStrDeserializer::<SourceError>::new(value.name());
        seed.deserialize(name).map(Some).map_err(|e| e.at(value.name_span()))
    }

    fn next_value_seed<V: DeserializeSeed<'d>>(&mut self, seed: V) -> Result<V::Value> {
        match self.pending.take() {
            Some(value) => seed.deserialize(value).map_err(|e| e.at(value.span())),
            None => Err(de::Error::custom("a value without a name")),
        }
    }
}

struct Choice<'d> {
    variant: &'d str,
    contents: Option<Value<'d>>,
}

impl<'d> EnumAccess<'d> for Choice<'d> {
    type Error = SourceError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'d>>(self, seed: V) -> Result<(V::Value, Self)> {
        let variant = seed.deserialize(StrDeserializer::<SourceError>::new(self.variant))?;
        Ok((variant, self))
    }
}

impl Choice<'_> {
    /// The name stands alone, and needs a value.
    fn alone(&self) -> SourceError {
        let help = Some(format!("write it with its value: `{{\"{}\": …}}`", self.variant));
        SourceError { span: None, message: format!("{} needs a value", quote(self.variant)), help }
    }
}

impl<'d> VariantAccess<'d> for Choice<'d> {
    type Error = SourceError;

    fn unit_variant(self) -> Result<()> {
        match self.contents {
            None => Ok(()),
            Some(value) => {
                let help = Some(format!("write it alone: \"{}\"", self.variant));
                let message = format!("{} takes no value", quote(self.variant));
                Err(SourceError { help, ..SourceError::custom_at(&message, value) })
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'d>>(self, seed: T) -> Result<T::Value> {
        match self.contents {
            Some(value) => seed.deserialize(value).map_err(|e| e.at(value.span())),
            None => Err(self.alone()),
        }
    }

    fn tuple_variant<V: Visitor<'d>>(self, _: usize, _: V) -> Result<V::Value> {
        Err(de::Error::custom("not expected here"))
    }

    fn struct_variant<V: Visitor<'d>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        match self.contents {
            Some(value) => value.visit(visitor),
            None => Err(self.alone()),
        }
    }
}
