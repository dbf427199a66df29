//! Rules that have found their place on the page.

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::target::Targets;

/// A rule with what it applies to, for the search for overlaps.
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) pointer: String,
    pub(crate) targets: BTreeMap<String, Targets>,
    /// It grants nothing.
    pub(crate) shadow: bool,
    /// Softens: has an approval or a `beyond`.
    pub(crate) softens: bool,
    /// Its operations are counted.
    pub(crate) counts: bool,
}
