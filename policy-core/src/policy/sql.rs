//! How an API reads texts of SQL.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// How texts of SQL are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlReading {
    /// Whose rules say where strings and comments end.
    pub dialect: Dialect,
    /// Functions that count as writes, beside those known everywhere.
    pub write_functions: Vec<String>,
    /// Functions that only answer, where their names would make them writes.
    pub read_functions: Vec<String>,
}

/// Whose rules say where strings and comments end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// The database is not known: what dialects do not share is a write.
    #[default]
    Any,
    /// PostgreSQL, with `standard_conforming_strings` on or off.
    Postgresql,
}
