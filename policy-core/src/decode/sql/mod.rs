//! SQL in a request: does a text only read, or may it write?
//!
//! Only what is understood to its end, and only reads, is [`Sql::Select`]; everything else is a write. Understood is a
//! subset of one statement: `SELECT`, `VALUES`, `TABLE`, `WITH` whose every part is one of these, set operations of
//! them, and `EXPLAIN` of one (also `EXPLAIN ANALYZE`: it runs the statement, which only reads). Never a select: `INTO`,
//! a lock (`FOR UPDATE`), a function known to do more than to answer (`functions`), several statements.
//!
//! Words in strings, quoted names and comments do not count, in either direction. Where they end is decided by the
//! `lexer`: a text whose strings or comments could end elsewhere for another reader is a write.
//!
//! Databases accept more than is understood here. What a select does through a view, a rule or a function of the
//! database's own cannot be seen in its text: a catalog names such functions.
//! Sources: PostgreSQL 18 documentation, "SELECT", "Lexical Structure" and Appendix C; the manuals of MySQL 8.4, SQLite and
//! SQL Server on comments, literals and identifiers.

mod cursor;
mod effects;
mod expression;
mod functions;
mod lexer;
mod query;
mod words;

use alloc::string::String;
use core::fmt;

use crate::limits::{SQL_BYTES, SQL_DEPTH};
use crate::policy::SqlReading;
use crate::quote::quote;

pub use crate::policy::Dialect;

/// What a text does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sql {
    /// One statement that only reads.
    Select,
    /// It writes, or may write.
    Write(Why),
}

/// Why a text is not known to only read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A statement, or a part of one, begins with another word.
    Statement(String),
    /// Something stands behind the first statement.
    SeveralStatements,
    /// `INTO` makes a table, or writes a file or a variable.
    Into,
    /// `FOR UPDATE` and its kin, or a hint behind a table, lock rows.
    Locks,
    /// A call of a function that does more than to answer.
    Function(String),
    /// A call of a function that may do more than to answer: the catalog does not say that it only reads.
    OpenFunction(String),
    /// A call of a function whose name is another one's for some database.
    FunctionName(String),
    /// Another reader could see another text.
    TwoReadings(&'static str),
    /// A string, a quoted name or a comment has no end.
    Unterminated,
    /// Not the part of SQL that is understood; a piece of where that is.
    NotUnderstood(String),
    /// Longer than what is judged.
    TooLong,
    /// Nested deeper than what is judged.
    TooDeep,
}

impl fmt::Display for Why {
    /// Ends a sentence: "this is no select, because …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(word) => {
                write!(f, "{} does not begin a SELECT, VALUES, TABLE, WITH or EXPLAIN", quote(word))
            }
            Self::SeveralStatements => f.write_str("there is more than one statement; send one at a time"),
            Self::Into => f.write_str("INTO stores what is selected"),
            Self::Locks => f.write_str("what is selected is locked, by FOR or by a hint behind a table"),
            Self::Function(name) => write!(f, "the function {} does more than to answer", quote(name)),
            Self::OpenFunction(name) => {
                let name = quote(name);
                write!(
                    f,
                    "the function {name} may do more than to answer; if not, the catalog lists it in `read_functions`"
                )
            }
            Self::FunctionName(name) => {
                write!(f, "the function {} may be another one: databases compare such names differently", quote(name))
            }
            Self::TwoReadings(what) => write!(f, "it has {what}, which another reader could read differently"),
            Self::Unterminated => f.write_str("a string, a quoted name or a comment has no end"),
            Self::NotUnderstood(at) if at.is_empty() => f.write_str("it ends too early"),
            Self::NotUnderstood(at) => write!(f, "it is not understood at {}; write it more simply", quote(at)),
            Self::TooLong => write!(f, "it is longer than {SQL_BYTES} bytes"),
            Self::TooDeep => write!(f, "it is nested deeper than {SQL_DEPTH} levels"),
        }
    }
}

/// Reads a text, as its API's catalog says.
#[must_use]
pub fn read_sql(text: &str, catalog: &SqlReading) -> Sql {
    let read = || {
        if text.len() > SQL_BYTES {
            return Err(Why::TooLong);
        }
        let tokens = lexer::tokens(text, catalog.dialect)?;
        cursor::Parser::new(&tokens, catalog).statement()
    };
    match read() {
        Ok(()) => Sql::Select,
        Err(why) => Sql::Write(why),
    }
}
