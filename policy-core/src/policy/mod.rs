//! The compiled policy set: what a bundle holds and the filter evaluates. Built by `compile`, never by hand.

mod api;
mod call;
mod clock;
mod counter;
mod field;
mod key;
mod lookup;
mod name;
mod rule;
mod set;
mod sql;
mod trie;
mod tripwire;
mod variable;

pub use api::{
    Action, Api, Condition, Decoder, Effect, Filter, Formula, HeaderShape, Inner, Loosen, Method, QueryShape, Quirks,
    RowList, Term,
};
pub use call::{Call, CallKind, Calls};
pub use clock::{Hours, Local, Zone};
pub use counter::{Counted, Counter, Drift, Per, Reach, Window};
pub use field::{CallField, Currency, Field, FieldKind, FieldType, Money, TypedAs};
pub use key::Key;
pub use lookup::{Address, Ask, Attempt, CURRENT, Lookup, LookupVariable, Part, Same, Several, Supply, Total};
pub use name::{Name, NamePattern};
pub use rule::{
    Band, BodyRule, Canary, Change, Constant, Direction, FieldRule, Fields, Forbid, Format, HeaderRule, Limit, Measure,
    Permit, Predicate, QueryRule, RuleRef, RuleTarget, Test,
};
pub use set::{
    ControlRoute, Credentials, Gateway, IdentitySource, Lookups, Page, PolicySet, Reuse, Role, Set, UnknownAgent,
};
pub use sql::{Dialect, SqlReading};
pub use trie::{End, Found, Refusal, Trie, Variable};
pub(crate) use trie::{admits, is_id};
pub use tripwire::{Most, Tripwire, Tripwires, Watched};
pub use variable::VariableType;

#[cfg(feature = "author")]
pub(crate) use trie::Segment;
