//! Keys: who may sign what.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A public key, and what is believed of who has the other half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its name in signed messages.
    pub id: String,
    /// Ed25519.
    pub public: [u8; 32],
    /// Who holds it.
    pub owner: Option<String>,
    /// Roles for which it signs grants.
    pub roles: Vec<String>,
    /// It signs session tokens.
    pub sessions: bool,
    /// It signs commands to the gateway.
    pub control: bool,
    /// First moment it is valid.
    pub from: Timestamp,
    /// First moment after.
    pub until: Timestamp,
}
