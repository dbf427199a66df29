//! Permits, forbids and what they are made of.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::words::{ConstantWord, Mode, Number, OneOrMany};

/// A permit: operations its target matches are allowed if everything in it holds.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PermitRule {
    /// Unique on the page.
    pub id: String,
    /// `api:resource.action[filter=v|v]`
    pub scope: Option<OneOrMany>,
    /// `api:METHOD /path`
    pub endpoint: Option<OneOrMany>,
    /// `api:name` of an MCP tool.
    pub tool: Option<OneOrMany>,
    /// `api:method` of JSON-RPC.
    pub rpc: Option<OneOrMany>,
    /// `api:query|mutation field`
    pub graphql: Option<OneOrMany>,
    /// `shadow`: grants nothing, is recorded.
    pub mode: Option<Mode>,
    /// Query names.
    #[serde(default)]
    pub query: QueryRules,
    /// Guarded headers.
    #[serde(default)]
    pub headers: HeaderRules,
    /// Bodies.
    #[serde(default)]
    pub body: BodyRules,
    /// Fields; default: reads any, writes none.
    pub fields: Option<FieldSet>,
    /// Limits, all judged.
    #[serde(default)]
    pub limits: Vec<TestRule>,
    /// Counters.
    #[serde(default)]
    pub counters: Vec<CounterRule>,
    /// Role that must approve every operation.
    pub approval: Option<String>,
    /// When the permit holds; default: always.
    pub hours: Option<Vec<HoursRule>>,
    /// For which part of the resources or sessions it holds.
    pub canary: Option<Canary>,
    /// Needs a session token of at most two hours.
    pub critical: Option<bool>,
}

/// A forbid: operations its target matches are denied.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForbidRule {
    /// Unique on the page.
    pub id: String,
    /// `api:resource.action[filter=v|v]`
    pub scope: Option<OneOrMany>,
    /// `api:METHOD /path`
    pub endpoint: Option<OneOrMany>,
    /// `api:name` of an MCP tool.
    pub tool: Option<OneOrMany>,
    /// `api:method` of JSON-RPC.
    pub rpc: Option<OneOrMany>,
    /// `api:query|mutation field`
    pub graphql: Option<OneOrMany>,
    /// `shadow`: refuses nothing, is recorded.
    pub mode: Option<Mode>,
    /// Only if all of these hold, or cannot be known; default: always.
    #[serde(default)]
    pub when: Vec<TestRule>,
}

/// Query names.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueryRules {
    /// Only these. Default: reads any but guarded names, writes the catalog's `write_query`.
    pub only: Option<Vec<String>>,
    /// Each of these.
    #[serde(default)]
    pub require: Vec<String>,
}

/// Guarded headers that may be present.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderRules {
    /// May be present.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Must be present; implies `allow`.
    #[serde(default)]
    pub require: Vec<String>,
}

/// Bodies.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BodyRules {
    /// Media types; default: the catalog's.
    #[serde(default)]
    pub types: Vec<String>,
    /// The bytes are not read.
    #[serde(default)]
    pub opaque: bool,
}

/// Fields of an operation's document.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "FieldSet"))]
#[serde(rename = "$kind")]
pub enum FieldSet {
    /// `any`
    #[serde(rename = "string")]
    Word(String),
    /// As listed.
    #[serde(rename = "object")]
    Listed(FieldList),
}

/// Listed fields.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldList {
    /// Only these.
    pub only: Option<Vec<String>>,
    /// All of these; `a/*/b`: every element of `a` has `b`.
    #[serde(default)]
    pub require: Vec<String>,
    /// None of these.
    #[serde(default)]
    pub never: Vec<String>,
    /// Of each group exactly one.
    #[serde(default)]
    pub exactly_one: Vec<Vec<String>>,
    /// Of each group one or more.
    #[serde(default)]
    pub at_least_one: Vec<Vec<String>>,
}

/// A limit, or a test of a `when`: one measure (`field`, `count`, `sum`) and one or more predicates, all of which must
/// hold.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TestRule {
    /// Limits only: its name; default: its position.
    pub id: Option<String>,
    /// Measure: every value of these names, each alone.
    pub field: Option<OneOrMany>,
    /// Measure: number of elements of an array, or `rows`.
    pub count: Option<String>,
    /// Measure: total over all elements and rows.
    pub sum: Option<String>,
    /// One of these constants, or `list:NAME`.
    #[serde(rename = "in")]
    pub one_of: Option<ConstantList>,
    /// None of these constants, or of `list:NAME`.
    pub not_in: Option<ConstantList>,
    /// At least.
    pub min: Option<Number>,
    /// At most.
    pub max: Option<Number>,
    /// More than.
    pub over: Option<Number>,
    /// Less than.
    pub under: Option<Number>,
    /// Change against the current value, both directions.
    pub change: Option<Change>,
    /// Rise against the current value.
    pub increase: Option<Change>,
    /// Fall against the current value.
    pub decrease: Option<Change>,
    /// The whole value matches.
    pub pattern: Option<String>,
    /// Begins with one of these.
    pub prefix: Option<Vec<String>>,
    /// E-mail address at one of these domains.
    pub domain: Option<Vec<String>>,
    /// Number of characters.
    pub length: Option<LengthRule>,
    /// decimal, integer, digits, boolean, string, email, date_time, plain_text
    pub format: Option<String>,
    /// The same value as this name.
    pub equals: Option<String>,
    /// No two values of the request are equal.
    pub unique: Option<bool>,
    /// There, or not there.
    pub present: Option<bool>,
    /// Limits only: applies only if all of these hold.
    #[serde(default)]
    pub when: Vec<TestRule>,
    /// Limits only: what a breach means.
    pub beyond: Option<BeyondRule>,
}

/// Constants, or `list:NAME`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "ConstantList"))]
#[serde(rename = "$kind")]
pub enum ConstantList {
    /// `list:NAME`
    #[serde(rename = "string")]
    Named(String),
    /// Constants.
    #[serde(rename = "array")]
    Inline(Vec<ConstantWord>),
}

/// Number of characters.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LengthRule {
    /// At least.
    pub min: Option<u32>,
    /// At most.
    pub max: Option<u32>,
}

/// A bound on a change: both hold where both are given.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Percent of the current value.
    pub percent: Option<Number>,
    /// In units of the value.
    pub absolute: Option<Number>,
    /// Current names to compare with, the first that is there.
    pub against: Option<Vec<String>>,
}

/// What a breach means.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BeyondRule {
    /// Denied.
    Deny,
    /// A person with this role may approve it.
    Approval(String),
}

/// A counter.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CounterRule {
    /// Unique among the counters of its rule, or of the page: the budget goes by it.
    pub id: String,
    /// Counts requests or rows.
    pub count: Option<CountOf>,
    /// Adds up a value.
    pub sum: Option<String>,
    /// Adds up changes.
    pub drift: Option<DriftKind>,
    /// Fields whose changes are added up.
    pub field: Option<OneOrMany>,
    /// Current names to compare with.
    pub against: Option<Vec<String>>,
    /// Most that may be used.
    pub max: MaxRule,
    /// A duration, `session` or `day`.
    pub window: String,
    /// What has a budget of its own.
    pub per: Option<Vec<String>>,
    /// When it is charged.
    pub charge: Option<ChargeOn>,
    /// What a breach means.
    pub beyond: Option<BeyondRule>,
    /// How far the counter goes.
    pub reach: Option<Reach>,
    /// Shared counters only: the rules that charge it.
    pub rules: Option<Vec<String>>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum CountOf {
    Requests,
    Rows,
}

/// How changes add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// Every change counts.
    Gross,
    /// Only the distance from the base counts.
    Net,
}

/// Most that may be used.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "MaxRule"))]
#[serde(rename = "$kind")]
pub enum MaxRule {
    /// A number.
    #[serde(rename = "number")]
    Number(Number),
    /// A number in a string.
    #[serde(rename = "string")]
    Text(Number),
    /// Of a drift.
    #[serde(rename = "object")]
    Drift(DriftMax),
}

/// Bound of a drift.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DriftMax {
    /// Percent of the base.
    pub percent: Option<Number>,
    /// In units of the value.
    pub absolute: Option<Number>,
}

/// When a counter is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChargeOn {
    /// When the request goes upstream.
    Forwarded,
    /// When the target matches, whatever the verdict.
    Attempt,
}

/// How far a counter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum Reach {
    Worker,
    Node,
    Fleet,
}

/// A time of day in which a permit holds.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HoursRule {
    /// `mon` … `sun`; default: every day.
    pub days: Option<Vec<String>>,
    /// `HH:MM`
    pub from: String,
    /// `HH:MM`, exclusive.
    pub until: String,
}

/// A part of the resources or sessions.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// How large a part.
    pub percent: Number,
    /// Of what.
    pub by: CanaryBy,
    /// What happens to the rest.
    pub outside: Option<OutsideCanary>,
}

/// What a canary divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum CanaryBy {
    Resource,
    Session,
}

/// What happens outside a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum OutsideCanary {
    Deny,
    Shadow,
}

/// What stops an agent by itself.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tripwire {
    /// Unique on the page.
    pub id: String,
    /// What is watched.
    pub count: TripwireCount,
    /// Over how long.
    pub window: String,
    /// More than this many.
    pub max: Option<u64>,
    /// More than this share.
    pub max_percent: Option<Number>,
    /// Share of what.
    pub of: Option<TripwireCount>,
    /// Fewest of `of` for a share to count.
    pub min_sample: Option<u64>,
    /// Usual number in a window.
    pub baseline: Option<u64>,
    /// More than this many times the usual.
    pub times: Option<Number>,
    /// What it does.
    #[serde(rename = "then")]
    pub then: TripwireThen,
    /// Until when.
    pub until: Option<String>,
}

/// What a tripwire watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum TripwireCount {
    Requests,
    Writes,
    Refused,
    Failed,
    Reverts,
    OutOfScope,
}

/// What a tripwire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum TripwireThen {
    PauseWrites,
    PauseAgent,
}

/// Names of targets in a rule, by kind.
pub(crate) type Targets<'t> = BTreeMap<&'static str, &'t OneOrMany>;

/// The targets a rule gives; a valid rule gives exactly one.
macro_rules! targets {
    ($rule:ty) => {
        impl $rule {
            /// The kinds of target that are given.
            pub(crate) fn targets(&self) -> Targets<'_> {
                let kinds = [
                    ("scope", &self.scope),
                    ("endpoint", &self.endpoint),
                    ("tool", &self.tool),
                    ("rpc", &self.rpc),
                    ("graphql", &self.graphql),
                ];
                kinds.into_iter().filter_map(|(kind, target)| Some((kind, target.as_ref()?))).collect()
            }
        }
    };
}

targets!(PermitRule);
targets!(ForbidRule);
