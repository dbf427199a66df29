//! Roles that must approve: a few names, in order, none twice.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// A set of roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Adds a role.
    pub fn add(&mut self, role: &str) {
        if let Err(at) = self.0.binary_search_by(|known| known.as_str().cmp(role)) {
            self.0.insert(at, role.into());
        }
    }

    /// Adds other roles.
    pub fn add_all(&mut self, roles: &Self) {
        roles.iter().for_each(|role| self.add(role));
    }

    /// Whether a role is among them.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.iter().any(|known| known == role)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The roles, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
