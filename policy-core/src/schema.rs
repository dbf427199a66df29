//! JSON Schemas of the documents, for editors. Generated from the types that read them.

use alloc::string::String;

use crate::catalog::Catalog;
use crate::gateway::GatewayDocument;
use crate::template::Template;

/// A document that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Scope template.
    Template,
    /// Catalog.
    Catalog,
    /// Gateway document.
    Gateway,
}

impl Schema {
    /// Every schema.
    pub const ALL: [Self; 3] = [Self::Template, Self::Catalog, Self::Gateway];

    /// The name of its file.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Template => "scope-template.v1.json",
            Self::Catalog => "catalog.v1.json",
            Self::Gateway => "gateway.v1.json",
        }
    }

    /// Its text, as the file holds it.
    #[must_use]
    pub fn text(self) -> String {
        let schema = match self {
            Self::Template => schemars::schema_for!(Template),
            Self::Catalog => schemars::schema_for!(Catalog),
            Self::Gateway => schemars::schema_for!(GatewayDocument),
        };
        // A schema is JSON already: writing it cannot fail.
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    }
}
