//! What a rule applies to within one API.

use alloc::string::String;
use alloc::vec::Vec;

use super::call_name::CallName;
use super::endpoint::Endpoint;

/// Filters of a target: each name with its values.
pub(crate) type Filters = Vec<(String, Vec<String>)>;

/// What a rule applies to within one API.
#[derive(Clone, Default)]
pub(crate) struct Targets {
    /// Actions, with filters.
    pub(crate) actions: Vec<(u32, Filters)>,
    /// Endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Tools, methods and root fields by name.
    pub(crate) calls: Vec<CallName>,
}
