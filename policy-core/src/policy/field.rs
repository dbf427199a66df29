//! Fields of an API's documents: where they stand, and what their values look like and mean.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::document::Path;
use crate::number::Decimal;

/// A named field.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Field {
    /// Its catalog name.
    pub name: String,
    /// Where it may stand.
    pub at: Vec<Path>,
    /// What its value must look like.
    pub kind: Option<FieldType>,
    /// The same where a call writes it, if that is another place.
    pub by_call: Option<CallField>,
    /// What a change of it is measured against: the first of these that is there.
    pub base: Vec<Name>,
}

/// A field as calls write it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallField {
    /// Where it may stand in the arguments.
    pub at: Vec<Path>,
    /// What its value must look like there.
    pub kind: Option<FieldType>,
}

impl Field {
    /// Where it may stand, and what it must look like there: in the arguments of a call, or in the body of an endpoint.
    #[must_use]
    pub fn spelled(&self, by_call: bool) -> (&[Path], Option<&FieldType>) {
        match &self.by_call {
            Some(call) if by_call => (&call.at, call.kind.as_ref()),
            _ => (&self.at, self.kind.as_ref()),
        }
    }
}

/// The type of a field.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FieldType {
    /// The type.
    pub kind: FieldKind,
    /// JSON spellings that are accepted.
    pub spelled: TypedAs,
    /// Most digits before the point.
    pub digits: Option<u32>,
    /// Most digits behind the point.
    pub decimals: Option<u32>,
    /// The number that is written times this is the value.
    pub scale: Option<Decimal>,
}

impl FieldType {
    /// Most digits behind the point of the value, which is the number that is written times the scale.
    #[must_use]
    pub fn decimals_of_value(&self) -> Option<u32> {
        let of_scale = self.scale.map_or(0, Decimal::decimals);
        self.decimals.map(|written| written.saturating_add(of_scale))
    }
}

/// Types of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// A decimal number in plain notation.
    Decimal,
    /// A whole number.
    Integer,
    /// ASCII digits, an identifier.
    Digits,
    /// true or false.
    Boolean,
    /// Text.
    String,
    /// An e-mail address.
    Email,
    /// An amount of money.
    Money(Money),
}

/// JSON spellings of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedAs {
    /// A JSON string.
    pub string: bool,
    /// A JSON number.
    pub number: bool,
}

/// How an amount is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In minor units (cents) of the currency.
    pub minor: bool,
    /// Which currency.
    pub currency: Currency,
}

/// Which currency an amount is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Currency {
    /// Always this one (ISO 4217, lower case).
    Fixed(String),
    /// As a field of the same operation says.
    Named(Box<Name>),
}
