//! The session that somebody holds, as its token says.

use alloc::string::String;

use crate::policy::Key;

/// A session whose token was shown.
pub(super) struct Held<'g> {
    /// The key that signed the token.
    pub(super) key: &'g Key,
    pub(super) agent: String,
    pub(super) session: String,
}
