//! The catalog, version 1: an API described once. These types are the document; what it means is found by `compile`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use crate::template::{Number, OneOrMany};

/// One API.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Where editors find the JSON Schema.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Its name.
    pub catalog: String,
    /// Another catalog that this one adds to.
    pub extends: Option<String>,
    /// Version of the API it describes.
    pub api_version: Option<String>,
    /// Where its facts come from.
    pub source: Option<String>,
    /// Path below which its endpoints lie.
    pub base: Option<String>,
    /// Media types of request bodies; default: `application/json`.
    #[serde(default)]
    pub types: Vec<String>,
    /// Query names that are harmless on writes.
    #[serde(default)]
    pub write_query: Vec<String>,
    /// GraphQL directives that may stand at the root of a document: they do not change what a root field does.
    #[serde(default)]
    pub directives: Vec<String>,
    /// Types of path variables.
    #[serde(default)]
    pub vars: BTreeMap<String, OneOrMany>,
    /// What is denied unless a rule allows it.
    #[serde(default)]
    pub guarded: Guarded,
    /// Headers that are not plain text: `params` or `list`.
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderKind>,
    /// Query parameters that are not plain text: `list`.
    #[serde(default)]
    pub query: BTreeMap<String, QueryKind>,
    /// Ways in which the API reads a request that others do not.
    #[serde(default)]
    pub quirks: BTreeMap<String, bool>,
    /// How bodies become operations; default `json`.
    pub decoder: Option<DecoderKind>,
    /// How texts of SQL are read.
    #[serde(default)]
    pub sql: SqlEntry,
    /// How a 200 can carry a failure.
    pub errors: Option<ErrorShape>,
    /// Digits of minor units where they differ from ISO 4217.
    #[serde(default)]
    pub minor_digits: BTreeMap<String, u32>,
    /// Its resources.
    #[serde(default)]
    pub resources: BTreeMap<String, ResourceEntry>,
}

/// What is denied unless a rule allows it.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    /// Headers that change tenant, version, schema or credentials.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Query names that do; a trailing `*` matches any rest.
    #[serde(default)]
    pub query: Vec<String>,
}

/// How a header's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HeaderKind {
    /// `name=value` tokens; each is addressed on its own (`header.prefer/return`).
    Params,
    /// Comma separated values.
    List,
    /// As it stands.
    Text,
}

/// How a query parameter's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QueryKind {
    /// Comma separated items, quotes optional.
    List,
    /// As it stands.
    Text,
}

/// How bodies become operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum DecoderKind {
    Json,
    Form,
    Postgrest,
    Jsonrpc,
    Graphql,
    GoogleBatch,
    Sql,
}

/// How texts of SQL in requests are read.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SqlEntry {
    /// The database's dialect; default `postgresql` with the decoder `postgrest`, else `any`.
    pub dialect: Option<DialectWord>,
    /// Functions that write, beside those known everywhere: `name`, `schema.name`, with a trailing `*` for any rest.
    #[serde(default)]
    pub write_functions: Vec<String>,
    /// Functions that only answer, of a schema that is not every database's or with a verb of change in their name; in the
    /// same form.
    #[serde(default)]
    pub read_functions: Vec<String>,
}

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DialectWord {
    /// Not known: what dialects read differently is a write.
    Any,
    /// PostgreSQL.
    Postgresql,
}

/// How a 200 can carry a failure.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorShape {
    /// Pointer to what is there only in a failure.
    pub ok_status_failures: Option<String>,
}

/// A resource.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResourceEntry {
    /// What addresses one of them.
    pub key: Option<KeyEntry>,
    /// Its fields; `*`: any other name is a member below `at`.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldEntry>,
    /// Filters a scope may name, and what each looks at.
    #[serde(default)]
    pub filters: BTreeMap<String, String>,
    /// How to look it up as it is now.
    pub current: Option<LookupEntry>,
    /// Other lookups.
    #[serde(default)]
    pub lookups: BTreeMap<String, LookupEntry>,
    /// Named sums of products.
    #[serde(default)]
    pub values: BTreeMap<String, ValueEntry>,
    /// What can be done with it.
    #[serde(default)]
    pub actions: BTreeMap<String, ActionEntry>,
}

/// What addresses one resource.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "KeyEntry"))]
#[serde(rename = "$kind")]
pub enum KeyEntry {
    /// A name.
    #[serde(rename = "string")]
    Name(String),
    /// A name of which a prefix is taken off.
    #[serde(rename = "object")]
    Stripped(StrippedKey),
}

/// A key with a prefix.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StrippedKey {
    /// The name.
    pub name: String,
    /// The prefix.
    pub strip: String,
}

/// A field, or one per action (`{action: FIELD}`).
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldEntry {
    /// Where it may stand.
    pub at: Option<OneOrMany>,
    /// What its value must look like.
    #[serde(rename = "type")]
    pub kind: Option<FieldWord>,
    /// JSON spellings: `string`, `number`.
    #[serde(rename = "as")]
    pub spelled: Option<Vec<String>>,
    /// Most digits before the point.
    pub digits: Option<u32>,
    /// Most digits behind the point.
    pub decimals: Option<u32>,
    /// What a value is multiplied with before it is judged.
    pub scale: Option<Number>,
    /// Current names a change is measured against.
    pub base: Option<Vec<String>>,
    /// Money: `minor` or `major` units.
    pub unit: Option<MoneyUnit>,
    /// Money: a name, a pointer, or a currency code.
    pub currency: Option<String>,
    /// Where an action spells it differently.
    #[serde(default)]
    pub by_action: BTreeMap<String, FieldEntry>,
    /// Where a call (a tool, a root field) spells it differently; what it does not say is as for endpoints.
    pub by_call: Option<Box<FieldEntry>>,
}

/// Types of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum FieldWord {
    Decimal,
    Integer,
    Digits,
    Boolean,
    String,
    Email,
    Money,
}

/// Units of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum MoneyUnit {
    Minor,
    Major,
}

/// A named sum of products.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValueEntry {
    /// Once per element of this array.
    pub each: Option<String>,
    /// Terms that are added.
    pub add: Vec<TermEntry>,
}

/// A name or a number, or several that are multiplied.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "TermEntry"))]
#[serde(rename = "$kind")]
pub enum TermEntry {
    /// One.
    #[serde(rename = "string")]
    One(String),
    /// Multiplied.
    #[serde(rename = "array")]
    Product(Vec<String>),
}

/// How to look something up.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LookupEntry {
    /// One per element of this array.
    #[serde(rename = "for")]
    pub each: Option<String>,
    /// Variables of the address and the names that give their values.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    /// Addresses; the first whose variables are all present.
    #[serde(rename = "try")]
    pub attempts: Vec<AttemptEntry>,
    /// Fields of the answer.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldEntry>,
    /// Answer fields that must equal a variable.
    #[serde(default)]
    pub same: BTreeMap<String, String>,
    /// Aggregates over a list answer.
    #[serde(default)]
    pub total: BTreeMap<String, TotalEntry>,
}

/// One address to look up.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttemptEntry {
    /// Path and query below base, with variables: `/products/{id}`.
    pub get: Option<String>,
    /// MCP tool.
    pub tool: Option<String>,
    /// Its arguments, each a variable of the lookup.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// Pointer to the list in the answer, where it holds several resources.
    pub each: Option<String>,
    /// Pointer to the resource in the answer.
    pub pointer: Option<String>,
    /// Path and query of a call that answers for several at once: its one query variable takes several values.
    pub list: Option<String>,
}

/// An aggregate.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TotalEntry {
    /// Adds a field up.
    Sum(String),
    /// Counts elements.
    Count(String),
}

/// What can be done with a resource.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionEntry {
    /// `METHOD|METHOD /path` below base; `METHOD //path` from the root of the host.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// How bodies at these endpoints become operations; default: the catalog's `decoder`.
    pub decoder: Option<DecoderKind>,
    /// `query|mutation|subscription field`
    #[serde(default)]
    pub graphql: Vec<String>,
    /// MCP tools, byte for byte.
    pub tool: Option<OneOrMany>,
    /// JSON-RPC methods, byte for byte.
    pub rpc: Option<OneOrMany>,
    /// What it does to the world; never inferred from the method.
    pub effect: EffectWord,
    /// Lists whose elements are operations of their own.
    #[serde(default)]
    pub rows: BTreeMap<String, RowEntry>,
    /// Overrides the resource's lookup.
    pub current: Option<LookupEntry>,
    /// Overrides the resource's lookups.
    #[serde(default)]
    pub lookups: BTreeMap<String, LookupEntry>,
    /// What blast radius adds up.
    pub money: Option<String>,
    /// What it sends to people.
    pub sends: Option<String>,
    /// Fields whose absence is dangerous, and what the upstream then does.
    #[serde(default)]
    pub risky_when_absent: BTreeMap<String, String>,
    /// What a write must carry, so that the API refuses it where what it changes has changed since.
    pub condition: Option<ConditionEntry>,
    /// Texts that hold operations of their own: `sql`, `http_batch`.
    #[serde(default)]
    pub inner: BTreeMap<String, InnerKind>,
}

/// What a write must carry: a header, a query parameter or a field that names the version it changes.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "ConditionEntry"))]
#[serde(rename = "$kind")]
pub enum ConditionEntry {
    /// A name.
    #[serde(rename = "string")]
    Name(String),
    /// A name whose value is compared.
    #[serde(rename = "object")]
    Compared(ComparedCondition),
}

/// A condition whose value must be what is there now.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ComparedCondition {
    /// The name that the write carries.
    pub name: String,
    /// What it must equal: a name of the resource as it is now.
    pub equals: Option<String>,
}

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EffectWord {
    /// No lasting effect.
    Read,
    /// Reversible, local write.
    Safe,
    /// Fit for an approval.
    Gate,
    /// One-way.
    Door,
    /// Stops an effect.
    Brake,
}

/// A list of rows.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RowEntry {
    /// The action each element is.
    pub action: String,
    /// Pointer to the row's key; empty: the element itself.
    pub key: Option<String>,
    /// Name of the parent's key.
    pub parent: Option<String>,
}

/// A language inside a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum InnerKind {
    Sql,
    HttpBatch,
}
