//! What stands around a test or a counter: all that it may refer to.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::policy::Action;
use crate::template::{ListSource, MoneyRates, RoleInfo};

/// What a rule's limits may refer to.
pub(crate) struct Surroundings<'a> {
    pub(crate) actions: &'a [&'a Action],
    /// Path variables of the endpoints the rule applies to.
    pub(crate) variables: &'a [String],
    /// Actions of which no request says which resource it is about.
    pub(crate) keyless: &'a [&'a str],
    pub(crate) lists: &'a BTreeMap<String, ListSource>,
    pub(crate) roles: &'a BTreeMap<String, RoleInfo>,
    /// The currency of the page's limits.
    pub(crate) money: Option<&'a MoneyRates>,
    /// Limits of a whole API look at the head only.
    pub(crate) head_only: bool,
}
