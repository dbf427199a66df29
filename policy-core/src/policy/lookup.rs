//! Lookups: where a resource as it is now is to be had, and what is read there.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::field::Field;
use super::name::Name;
use super::variable::VariableType;
use crate::document::Path;

/// The lookup of an action that speaks of the resource itself.
pub const CURRENT: &str = "current";

/// One way to learn of the present: the resource itself (`current`), or another one beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lookup {
    /// `current`, or the catalog's name for it.
    pub name: String,
    /// One per element of the array at one of these places; empty: one per operation.
    pub each: Vec<Path>,
    /// What addresses hold.
    pub variables: Vec<LookupVariable>,
    /// Addresses; the first whose variables are all present.
    pub attempts: Vec<Attempt>,
    /// Fields of the resource as the answer spells them, sorted by name.
    pub fields: Vec<Field>,
    /// The field `*`: any other name is a member below this path.
    pub open_fields: Option<Path>,
    /// What must be equal for the answer to be the one that was asked for.
    pub same: Vec<Same>,
    /// Aggregates over a list answer.
    pub totals: Vec<Total>,
}

impl Lookup {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        self.fields.get(index)
    }

    /// The aggregate of this name.
    #[must_use]
    pub fn total(&self, name: &str) -> Option<&Total> {
        self.totals.iter().find(|total| total.name == name)
    }

    /// Whether a name of it means something.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.field(name).is_some() || self.total(name).is_some() || self.open_fields.is_some()
    }
}

/// A variable of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupVariable {
    /// Its name.
    pub name: String,
    /// Where its value comes from: the first that has one.
    pub from: Vec<Supply>,
}

/// Where the value of a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Supply {
    /// The canonical key of the operation's resource.
    Key,
    /// A place in the element that the lookup is made for.
    Element(Path),
    /// A name of the operation.
    Name(Name),
}

/// One address to try.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// What is asked.
    pub ask: Ask,
    /// Where the resource stands in the answer.
    pub at: Path,
    /// Where the answer holds a list of resources.
    pub each: Option<Path>,
    /// A call that answers for several resources at once.
    pub several: Option<Several>,
    /// Most elements of a list that the address asks for.
    pub page: Option<u32>,
}

/// What an attempt asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// GET this path and query.
    Get(Address),
    /// Call an MCP tool.
    Tool {
        /// Path of the endpoint that carries calls.
        path: String,
        /// The tool.
        name: String,
        /// Its arguments, by the lookup's variables.
        arguments: Vec<(String, u32)>,
    },
}

/// A path and query with variables in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address(pub Vec<Part>);

/// A part of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// The variable of this index, and what its value must look like.
    Variable(u32, VariableType),
}

/// A call that answers for several resources.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Several {
    /// Where.
    pub address: Address,
    /// The variable of which the address takes several values.
    pub joined: u32,
}

/// Answer fields that must equal a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Same {
    /// Field of the answer.
    pub field: String,
    /// The variable it equals.
    pub variable: u32,
}

/// An aggregate over all elements of a list answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Its name.
    pub name: String,
    /// The field that is added up, or whose elements are counted.
    pub field: String,
    /// Counted, not added up.
    pub count: bool,
}
