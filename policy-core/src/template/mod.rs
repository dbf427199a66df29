//! The scope template, version 1: the page a policy author writes for one agent. These types are the document; what it
//! means is found by `compile`.

mod parts;
mod rules;
mod words;

pub use parts::{
    AgentInfo, ApiBinding, Events, Hosts, Impact, Incident, ListFile, ListSource, Loosening, MoneyRates, Observability,
    Reuse, Review, RoleInfo, Validity, WidenDuplicates, WidenEach, WidenEmbedding, WidenSlash,
};
pub use rules::{
    BeyondRule, BodyRules, Canary, CanaryBy, Change, ChargeOn, ConstantList, CountOf, CounterRule, DriftKind, DriftMax,
    FieldList, FieldSet, ForbidRule, HeaderRules, HoursRule, LengthRule, MaxRule, OutsideCanary, PermitRule,
    QueryRules, Reach, TestRule, Tripwire, TripwireCount, TripwireThen,
};
pub use words::{ConstantWord, Mode, Number, OneOrMany, Version1};

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

/// One page: what one agent may do.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Where editors find the JSON Schema.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Version of the language: `v1`.
    pub ambit: Version1,
    /// Whose page this is.
    pub agent: AgentInfo,
    /// Version of the page.
    pub version: String,
    /// When the page holds.
    pub valid: Validity,
    /// `enforce`, or `shadow`: decide and record only.
    pub mode: Mode,
    /// Stages whose hosts the agent may reach; absent: all.
    pub released_for: Option<Vec<String>>,
    /// Zone for `hours` and the window `day`.
    pub time_zone: Option<String>,
    /// Currency of money limits.
    pub money: Option<MoneyRates>,
    /// The APIs the page speaks of, by alias.
    pub apis: BTreeMap<String, ApiBinding>,
    /// Named lists of constants for `in` and `not_in`.
    #[serde(default)]
    pub lists: BTreeMap<String, ListSource>,
    /// Roles that can approve.
    #[serde(default)]
    pub approvers: BTreeMap<String, RoleInfo>,
    /// What the agent may do.
    pub permit: Vec<PermitRule>,
    /// What it may not do, whatever is permitted.
    #[serde(default)]
    pub forbid: Vec<ForbidRule>,
    /// Counters shared between rules.
    #[serde(default)]
    pub counters: Vec<CounterRule>,
    /// What stops the agent by itself.
    #[serde(default)]
    pub tripwires: Vec<Tripwire>,
    /// What an unanswered lookup means: `deny` or an approval.
    pub on_unavailable: Option<BeyondRule>,
    /// What windows longer than the store's life mean after a restart.
    pub after_restart: Option<AfterRestart>,
    /// Whether the agent acts in sessions alone; absent: `optional`.
    pub session: Option<SessionNeed>,
    /// Who answers for the agent.
    pub owners: BTreeMap<String, String>,
    /// What is recorded.
    pub observability: Option<Observability>,
    /// What to do when it goes wrong.
    pub incident: Option<Incident>,
    /// Reviews that were held.
    #[serde(default)]
    pub reviews: Vec<Review>,
}

/// Whether the agent acts in sessions alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionNeed {
    /// It may, and a rule may ask for it.
    Optional,
    /// A request without a session token is refused.
    Required,
}

/// What windows longer than the store's life mean after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AfterRestart {
    /// Requests that need them are refused until a full window has passed.
    Refuse,
    /// They begin empty.
    Allow,
}
