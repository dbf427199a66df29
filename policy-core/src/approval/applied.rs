//! The grants of one request, and what the store says of them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::grant::Granted;
use super::roles::Roles;
use super::spent::spend;
use super::ticket::Ticket;
use crate::quote::quote;
use crate::reason::Reason;
use crate::store::Store;
use crate::time::Timestamp;

/// By what a request was approved: where it stands in the trail of approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approved {
    /// The grant's name.
    pub grant: String,
    /// The key that signed it.
    pub key: String,
    /// For which role.
    pub role: String,
    /// The ticket it was signed for.
    pub ticket: String,
}

/// The grants with which a request came, where it needs some or may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Approving {
    /// Those that cover it.
    pub(crate) granted: Vec<Granted>,
    /// Roles that must have approved it, whatever counters say. All of them have, unless it is held.
    pub(crate) needed: Roles,
    /// It goes on by its grants: they are used.
    pub(crate) passes: bool,
    /// Why the grants count for nothing: that decides where they are needed.
    pub(crate) invalid: Option<Reason>,
}

/// What the store says of the grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Those by which the request goes on.
    pub(crate) approved: Vec<Approved>,
    /// Why it does not.
    pub(crate) refused: Option<Reason>,
}

impl Approving {
    /// Whether a role has approved.
    pub(crate) fn has(&self, role: &str) -> bool {
        self.granted.iter().any(|granted| granted.role == role)
    }

    /// Whether a store must be asked, whatever counters say.
    pub(crate) fn asks(&self) -> bool {
        self.passes && !self.needed.is_empty()
    }

    /// Uses the grants that are needed, and those of the roles for which the request has gone `past` what counters let it, and no other: it is the last thing before a request goes on.
    pub(crate) fn apply(&self, past: &Roles, store: &mut dyn Store, now: Timestamp) -> Applied {
        let needed = |granted: &&Granted| self.needed.has(&granted.role) || past.has(&granted.role);
        let grants: Vec<&Granted> = self.granted.iter().filter(needed).collect();
        match spend(&grants, store, now) {
            Ok(()) => Applied { approved: grants.iter().map(|granted| granted.approved()).collect(), refused: None },
            Err((position, why)) => {
                let name = grants.get(position).map(|granted| quote(&granted.jti)).unwrap_or_default();
                Applied { approved: Vec::new(), refused: Some(why.reason(&name)) }
            }
        }
    }
}

impl Granted {
    fn approved(&self) -> Approved {
        Approved {
            grant: self.jti.clone(),
            key: self.key.clone(),
            role: self.role.clone(),
            ticket: Ticket::id(&self.ticket).to_string(),
        }
    }
}
