//! Approvals: a held request has a ticket, which says exactly what would be done; people sign grants for it; the same
//! request with the grants passes, as often as the page lets a grant be used.
//!
//! ```text
//! held request ──> ticket ──(agent)──> person: shown, signed ──> grant ──(agent)──> the same request again
//!                                                                            verified, spent, taken off, forwarded
//! ```
//!
//! `ticket` what a ticket says, and its digest; `grant` what a grant says, and whether it is for this ticket; `spent` which
//! approvals have been used, for all workers of a gateway; `refused` why a grant cannot be
//! used; `applied` what the store says of the grants of one request; `roles` who must approve.
//!
//! A ticket is made of the request, the policies and the present alone, so the gateway keeps none: it makes it again and
//! compares digests. Words that were changed on the way to the person give another digest, and such a grant fits nothing.

mod applied;
mod grant;
mod refused;
mod roles;
mod spent;
mod ticket;

pub use applied::Approved;
pub(crate) use applied::{Applied, Approving};
pub use grant::Claims;
#[cfg(feature = "author")]
pub use grant::Unsigned;
pub(crate) use grant::{Asked, Granted, Requester, read};
pub use refused::Refused;
pub use roles::Roles;
pub(crate) use spent::open;
pub use spent::{Birth, slots};
#[cfg(feature = "author")]
pub use ticket::NoTicket;
pub use ticket::{Terms, Ticket, digest};

use crate::policy::PolicySet;

/// The header in which a request carries its grants.
pub const HEADER: &str = "ambit-grant";

impl PolicySet {
    /// Whether a request can be approved while this set is in force: then its store has slots for grants that are used.
    #[must_use]
    pub fn approves(&self) -> bool {
        self.set.pages.iter().any(|page| !page.roles.is_empty())
            && self.set.gateway.keys.iter().any(|key| !key.roles.is_empty())
    }
}
