//! Names: what a template or a catalog refers to.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::document::Path;

/// What a name in a template or a catalog refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Name {
    /// A catalog field, with a pointer tail.
    Field(String, Path),
    /// An absolute pointer into the operation's document.
    Pointer(Path),
    /// A path variable.
    Path(String),
    /// A query parameter.
    Query(String),
    /// A header, or one parameter of a header (`prefer/return`).
    Header(String, Option<String>),
    /// A named formula of the catalog.
    Value(String),
    /// What the decoder found out about the request.
    Fact(String),
    /// A value of the present: a field of a lookup, with a pointer tail, or one of its totals.
    State {
        /// `current`, or the name of another lookup.
        lookup: String,
        /// The field or total.
        field: String,
        /// Below the field's place.
        tail: Path,
    },
}

/// A name to compare with, a trailing `*` matching any rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamePattern {
    /// The name, or how it begins.
    pub text: String,
    /// Whether more may follow.
    pub prefix: bool,
}

impl NamePattern {
    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.prefix { name.starts_with(&self.text) } else { name == self.text }
    }
}
