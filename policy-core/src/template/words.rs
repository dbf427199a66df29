//! Words that occur in many places of a document.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use crate::number::Decimal;

/// The language version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Version1 {
    /// Version 1.
    #[serde(rename = "v1")]
    V1,
}

/// Whether a page or a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It counts.
    Enforce,
    /// It is decided and recorded, and changes nothing.
    Shadow,
}

/// One value, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged))]
#[serde(rename = "$kind")]
pub enum OneOrMany {
    /// One.
    #[serde(rename = "string")]
    One(String),
    /// Several.
    #[serde(rename = "array")]
    Many(Vec<String>),
}

impl OneOrMany {
    /// The values, in order.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(one) => core::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// Whether it was written as a list (so that a pointer to element n exists).
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Many(_))
    }
}

/// A number, exact: a JSON number without exponent, or the same in a string.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "$number")]
pub struct Number(pub String);

impl Number {
    /// Its value; `None` when it is not a plain decimal of at most 18 significant digits.
    #[must_use]
    pub fn value(&self) -> Option<Decimal> {
        Decimal::parse_plain(&self.0).ok()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Number {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An exact decimal of at most 18 significant digits: a JSON number without exponent, or the same in a string.",
            "anyOf": [{ "type": "number" }, { "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" }]
        })
    }
}

/// A constant.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged))]
#[serde(rename = "$kind")]
pub enum ConstantWord {
    /// Byte for byte.
    #[serde(rename = "string")]
    String(String),
    /// By value.
    #[serde(rename = "number")]
    Number(Number),
    /// true or false.
    #[serde(rename = "boolean")]
    Bool(bool),
}
