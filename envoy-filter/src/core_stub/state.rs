//! Whose answers may be kept: an agent's, by its name alone.

pub use policy_core::state::{Answer, Fetch};

use super::{ANSWER_LIMIT, FRESH_MS, Head, value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub agent: String,
}

pub struct Keep {
    pub reader: Reader,
    pub host: String,
    pub target: String,
    pub fresh_ms: u64,
    pub limit: usize,
}

impl Keep {
    pub(super) fn of(head: &Head, path: &[u8], agent: &str) -> Option<Self> {
        let target = str::from_utf8(path).ok()?;
        let number = target.strip_prefix('/')?.split('?').next()?;
        (value(head, b":method") == "GET" && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then(
            || Self {
                reader: Reader { agent: agent.into() },
                host: value(head, b":authority"),
                target: target.into(),
                fresh_ms: FRESH_MS,
                limit: ANSWER_LIMIT,
            },
        )
    }
}
