//! Compiled rules: permits, forbids and what they test.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::clock::Hours;
use super::name::Name;
use crate::number::Decimal;

/// A permit: an operation it matches is allowed if everything in it holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Permit {
    /// Its id, unique on the page.
    pub id: String,
    /// Grants nothing; recorded only.
    pub shadow: bool,
    /// Query names.
    pub query: QueryRule,
    /// Guarded headers.
    pub headers: HeaderRule,
    /// Bodies.
    pub body: BodyRule,
    /// Fields of the operation's document.
    pub fields: FieldRule,
    /// Limits, all judged.
    pub limits: Vec<Limit>,
    /// Role that must approve every operation.
    pub approval: Option<String>,
    /// It holds only in these hours; empty: always.
    pub hours: Vec<Hours>,
    /// Counters of the page that its operations are charged to, by their index.
    pub counters: Vec<u32>,
    /// It is tried on a part of the resources, or of the sessions.
    pub canary: Option<Canary>,
    /// It needs a session token of a short life.
    pub critical: bool,
}

/// A part of the resources, or of the sessions, that a permit is tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// How large the part is, in hundredths of a percent.
    pub share: u32,
    /// Sessions are in or out, not resources.
    pub by_session: bool,
    /// Outside of it the permit is in shadow: what it refuses is recorded and goes upstream. Else it is denied.
    pub shadow: bool,
}

/// Guarded headers a permit lets pass.
pub type HeaderRule = HeaderRuleList;

/// A forbid: an operation it matches is denied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forbid {
    /// Its id, unique on the page.
    pub id: String,
    /// Refuses nothing; recorded only.
    pub shadow: bool,
    /// Matches only if all of these hold or cannot be known.
    pub when: Vec<Test>,
}

/// Points from an action or an endpoint to a rule that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRef {
    /// Which rule.
    pub target: RuleTarget,
    /// `[filter=a|b]`: each filter with its values; all must match.
    pub filters: Vec<(String, Vec<String>)>,
}

/// A rule by its index on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RuleTarget {
    /// A permit.
    Permit(u32),
    /// A forbid.
    Forbid(u32),
}

/// Guarded headers a rule lets pass (`name` or `name/parameter`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HeaderRuleList {
    /// May be present.
    pub allow: Vec<String>,
    /// Must be present.
    pub require: Vec<String>,
}

/// Which query names a permit lets pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct QueryRule {
    /// Only these; `None`: the default for reads and writes.
    pub only: Option<Vec<String>>,
    /// Each of these, once.
    pub require: Vec<String>,
}

/// Which bodies a permit lets pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BodyRule {
    /// Media types; empty: the catalog's.
    pub types: Vec<String>,
    /// Bytes are not read.
    pub opaque: bool,
}

/// Which fields a permit lets pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FieldRule {
    /// The default: any on reads, none on writes.
    Default,
    /// Any document.
    Any,
    /// As listed.
    Listed(Fields),
}

/// Listed fields.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Fields {
    /// Only these; `None`: the default.
    pub only: Option<Vec<Name>>,
    /// All of these.
    pub require: Vec<Name>,
    /// None of these.
    pub never: Vec<Name>,
    /// Of each group exactly one.
    pub exactly_one: Vec<Vec<Name>>,
    /// Of each group one or more.
    pub at_least_one: Vec<Vec<Name>>,
}

/// A limit: a test that must hold where it applies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// Its id, unique in the permit.
    pub id: String,
    /// What must hold.
    pub test: Test,
    /// Applies only if all of these hold.
    pub when: Vec<Test>,
    /// What a breach means.
    pub beyond: Band,
}

/// What a breach of a limit means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Band {
    /// Denied.
    Deny,
    /// A person with this role may approve it.
    Approval(String),
}

/// A measure and what must hold of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Test {
    /// What is measured.
    pub measure: Measure,
    /// All of these must hold.
    pub predicates: Vec<Predicate>,
}

/// What a test looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Every value of these names, each alone.
    Values(Vec<Name>),
    /// Number of elements of an array in the whole request.
    Count(Name),
    /// Number of operations of the request that the permit matched.
    Rows,
    /// Total over all elements and rows of the request.
    Sum(Name),
}

/// One condition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Predicate {
    /// One of these constants.
    In(Vec<Constant>),
    /// None of these constants.
    NotIn(Vec<Constant>),
    /// At least.
    Min(Decimal),
    /// At most.
    Max(Decimal),
    /// More than.
    Over(Decimal),
    /// Less than.
    Under(Decimal),
    /// Pattern number n of the set matches the whole value.
    Pattern {
        /// Index into the set's patterns.
        index: u32,
        /// The pattern as it was written, for messages.
        text: String,
    },
    /// Begins with one of these.
    Prefix(Vec<String>),
    /// An e-mail address at one of these domains, lower case.
    Domain(Vec<String>),
    /// Number of characters.
    Length {
        /// At least.
        min: Option<u32>,
        /// At most.
        max: Option<u32>,
    },
    /// Has this format.
    Format(Format),
    /// The same value as another name.
    Equals(Name),
    /// No two values of the request are equal.
    Unique,
    /// There, or not there.
    Present(bool),
    /// Close to what the value is now.
    Change(Change),
}

/// A bound on the change of a value. Where both are given, both hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which way of changing is bounded.
    pub direction: Direction,
    /// Percent of the current value's size.
    pub percent: Option<Decimal>,
    /// In units of the value.
    pub absolute: Option<Decimal>,
    /// What the change is measured against, the first that is there; empty: what the field's catalog says.
    pub against: Vec<Name>,
}

/// A way of changing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Up and down.
    Both,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// A constant of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Constant {
    /// Byte for byte.
    String(String),
    /// By value.
    Number(Decimal),
    /// true or false.
    Bool(bool),
}

/// Formats of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// A decimal number in plain notation, as a number or a string.
    Decimal,
    /// A whole number, as a number or (in query, path, header and forms) a string.
    Integer,
    /// ASCII digits.
    Digits,
    /// true or false.
    Boolean,
    /// A JSON string.
    String,
    /// An e-mail address.
    Email,
    /// An RFC 3339 date and time.
    DateTime,
    /// Text without markup or control characters.
    PlainText,
}

impl Format {
    /// The template's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::Digits => "digits",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Email => "email",
            Self::DateTime => "date_time",
            Self::PlainText => "plain_text",
        }
    }
}
