//! A ticket: what one held request would do, and everything that a grant for it binds.

use crate::ordered::Map;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
#[cfg(feature = "author")]
use serde::Deserialize;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::policy::Reuse;

/// What one held request would do. The same request gives the same ticket, as long as the policies and the values that
/// were looked up are the same: nothing of the time and of what counters hold is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "author", derive(Deserialize), serde(deny_unknown_fields))]
pub struct Ticket {
    /// The gateway.
    pub gateway: String,
    /// Whose request it is.
    pub agent: String,
    /// Its session, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "author", serde(default))]
    pub session: Option<String>,
    /// The policies by which it is held.
    pub policy: String,
    /// The permits that match it.
    pub rules: Vec<String>,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// Digest of the raw path.
    pub path: String,
    /// Digest of the raw query.
    pub query: String,
    /// Digest of the raw body.
    pub body: String,
    /// Digests of the headers that rules look at, and of those that say how the body is read.
    pub headers: Map<String, String>,
    /// Digest of the values of the present that rules have looked at.
    pub present: String,
    /// The roles of the page, and how long and how often their grants hold.
    pub roles: Map<String, Terms>,
    /// What is done, in words.
    pub action: Vec<String>,
    /// The words do not show all that is bound: something is cut, withheld, or no text.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    #[cfg_attr(feature = "author", serde(default))]
    pub unseen: bool,
}

/// How long and how often a grant of a role holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "author", derive(Deserialize), serde(deny_unknown_fields))]
pub struct Terms {
    /// Most seconds from signing to the end.
    pub expires: u64,
    /// Seconds from signing until it can be used.
    pub hold: u64,
    /// How often it may be used.
    pub reuse: Reuse,
}

/// SHA-256 in base64url.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

/// Characters of a ticket's id: 96 bits of its digest.
pub(super) const ID: usize = 16;

impl Ticket {
    /// The ticket as text: one spelling.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        // Serializing texts and numbers cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The digest that a grant binds.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.text())
    }

    /// The name of a ticket with this digest.
    #[must_use]
    pub fn id(digest: &str) -> &str {
        digest.get(..ID).unwrap_or(digest)
    }

    /// The ticket in base64url, as an agent hands it on.
    #[must_use]
    pub fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.text())
    }
}

/// Why a text is no ticket.
#[cfg(feature = "author")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTicket {
    /// It is not base64url of a ticket's members.
    Form,
    /// It is spelled otherwise than a gateway spells it.
    Spelling,
}

#[cfg(feature = "author")]
impl Ticket {
    /// Reads a ticket as [`Ticket::encoded`] writes it.
    ///
    /// # Errors
    /// [`NoTicket`].
    pub fn decode(text: &str) -> Result<Self, NoTicket> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoTicket::Form)?;
        let ticket: Self = serde_json::from_slice(&bytes).map_err(|_| NoTicket::Form)?;
        // What is shown is what is signed: nothing that was read over may stand in it.
        if ticket.text() == bytes { Ok(ticket) } else { Err(NoTicket::Spelling) }
    }
}
