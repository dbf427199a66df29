//! Variables of a path: what a segment in its place may be.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// The type of a path variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VariableType {
    /// One of these values.
    OneOf(Vec<String>),
    /// 1 to 20 ASCII digits without a leading zero.
    Digits,
    /// Matches pattern number n of the set.
    Pattern(u32),
    /// `[A-Za-z0-9_-]{1,255}`
    Token,
    /// The same, in this one spelling: what percent-encoding spells is refused, as in a literal.
    Name,
    /// One decoded segment.
    Text,
    /// One or more segments, at the end.
    Path,
}
