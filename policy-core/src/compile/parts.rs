//! What a catalog is compiled to, alone and bound to a page, while the page is made.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::call_name::CallName;
use super::endpoint::Endpoint;
use crate::catalog::Catalog;
use crate::policy::{Action, Decoder, HeaderShape, QueryShape};

/// The catalog's part of an API, and its endpoints by action.
pub(crate) struct CatalogParts {
    pub(crate) decoder: Decoder,
    /// Digits of minor units by currency, where they differ from ISO 4217.
    pub(crate) minor_digits: Vec<(String, u32)>,
    pub(crate) actions: Vec<Action>,
    /// Indices of a resource's actions.
    pub(crate) by_resource: BTreeMap<String, Vec<u32>>,
    pub(crate) endpoints: Vec<(u32, Endpoint)>,
    /// Names of calls, and the action of each.
    pub(crate) calls: BTreeMap<CallName, u32>,
    pub(crate) headers: Vec<(String, HeaderShape)>,
    pub(crate) query: Vec<(String, QueryShape)>,
    /// Actions that cannot be judged by this version, and why.
    pub(crate) unsupported: BTreeMap<String, &'static str>,
}

/// An API of a page while it is compiled.
pub(crate) struct ApiParts<'c> {
    pub(crate) catalog: &'c Catalog,
    pub(crate) base: String,
    pub(crate) parts: CatalogParts,
    pub(crate) hosts: Vec<String>,
}
