//! Why a grant cannot be used, and what is said of it.

use alloc::format;
use alloc::string::ToString;

use crate::reason::{Code, Reason};
use crate::store::NotSet;
use crate::time::Timestamp;

/// Why a grant cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// What it approves has been done since it was signed, by it or by another that says the same.
    Spent,
    /// It holds no more since then: its request has taken its time.
    Expired(Timestamp),
    /// It is from before the store.
    Old,
    /// There is no room to remember one more.
    Full,
    /// Others set its slot all the time.
    Contended,
    /// The store does not have its slot, or something else stands in it.
    Damaged,
}

impl From<NotSet> for Refused {
    fn from(why: NotSet) -> Self {
        match why {
            NotSet::Missing => Self::Damaged,
            NotSet::Contended => Self::Contended,
        }
    }
}

impl Refused {
    /// The reason of a request that the grant of this name was to let pass.
    pub(super) fn reason(self, grant: &str) -> Reason {
        let (code, message) = match self {
            Self::Spent => {
                let message =
                    format!("the grant {grant} has been used, or another for the same since it was signed: ask again");
                (Code::ApprovalInvalid, message)
            }
            Self::Expired(since) => (Code::ApprovalInvalid, format!("the grant {grant} has expired at {since}")),
            Self::Old => {
                let message = format!(
                    "the grant {grant} is from before this gateway's start, which does not know whether it has been used: ask again"
                );
                (Code::ApprovalInvalid, message)
            }
            Self::Full => (Code::StateFull, "there is no room to remember one more grant that is used".to_string()),
            Self::Contended => {
                let message = format!(
                    "whether the grant {grant} has been used is in question by too many requests; send this one again"
                );
                (Code::UnknownState, message)
            }
            Self::Damaged => {
                (Code::UnknownState, format!("this gateway does not know whether the grant {grant} has been used"))
            }
        };
        Reason { code, message, pointer: None }
    }
}
