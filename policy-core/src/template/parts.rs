//! The parts of a page around its rules: agent, validity, APIs, roles, money, people.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::rules::{HeaderRules, TestRule};
use super::words::{ConstantWord, Number};

/// Whose page this is.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AgentInfo {
    /// The name the gateway identifies it by.
    pub name: String,
    /// What it is for, in one sentence.
    pub purpose: String,
    /// How much harm it can do.
    pub impact: Impact,
}

/// How much harm an agent can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum Impact {
    Low,
    Medium,
    High,
}

/// When a page holds: from, inclusive, to until, exclusive (RFC 3339, UTC).
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First moment.
    pub from: String,
    /// First moment after.
    pub until: String,
}

/// Currency of money limits.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MoneyRates {
    /// ISO 4217 code of the currency in which limits are written.
    pub currency: String,
    /// What one unit of another currency is worth in it.
    #[serde(default)]
    pub rates: BTreeMap<String, Number>,
}

/// A catalog bound to hosts.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiBinding {
    /// Name of the catalog.
    pub catalog: String,
    /// Hosts, or hosts by stage.
    pub hosts: Hosts,
    /// Path below which the catalog's endpoints lie; default: the catalog's.
    pub base: Option<String>,
    /// How old an earlier full answer may be and still count as the current state.
    pub fresh: Option<String>,
    /// Guarded headers for every request to this API.
    #[serde(default)]
    pub headers: HeaderRules,
    /// Limits for every request to this API, on path, query, header and request names.
    #[serde(default)]
    pub limits: Vec<TestRule>,
    /// Rules of the strict profile that do not hold for this API.
    #[serde(default)]
    pub loosen: Loosening,
}

/// Hosts (`h` or `h:port`; no port means absent or 443).
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "Hosts"))]
#[serde(rename = "$kind")]
pub enum Hosts {
    /// In every stage.
    #[serde(rename = "array")]
    All(Vec<String>),
    /// By stage; `released_for` chooses.
    #[serde(rename = "object")]
    ByStage(BTreeMap<String, Vec<String>>),
}

/// Rules of the strict profile that a page loosens, each by name; `diff` shows each as a widening.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Loosening {
    /// `same`: a trailing slash is the same path.
    pub trailing_slash: Option<WidenSlash>,
    /// Path variables that may hold an encoded slash.
    #[serde(default)]
    pub encoded_slash: Vec<String>,
    /// gzip bodies are inflated within the size limit.
    pub gzip: Option<bool>,
    /// More media types whose bodies are JSON.
    #[serde(default)]
    pub json_types: Vec<String>,
    /// `each`: every part of a Google batch is judged.
    pub google_batch: Option<WidenEach>,
    /// `each`: every call of a JSON-RPC batch is judged.
    pub jsonrpc_batch: Option<WidenEach>,
    /// `unread`: a call of an MCP tool may hold answers to what its server asked for, which no rule reads.
    pub mcp_input: Option<WidenUnread>,
    /// Credential names that may stand in the query; a trailing `*` matches any rest.
    #[serde(default)]
    pub query_credentials: Vec<String>,
    /// More query names that are harmless on writes.
    #[serde(default)]
    pub write_query: Vec<String>,
    /// `allow`: one resource may occur twice in a request.
    pub duplicate_rows: Option<WidenDuplicates>,
    /// `any`: a select may embed tables that the rule's filter does not list.
    pub embedding: Option<WidenEmbedding>,
    /// Secret detectors that are off.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Size of a body that is judged, in KiB.
    pub body_kib: Option<u32>,
}

/// The word `same`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WidenSlash {
    /// The same path.
    Same,
}

/// The word `each`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WidenEach {
    /// Each is judged.
    Each,
}

/// The word `unread`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WidenUnread {
    /// It passes, and is not judged.
    Unread,
}

/// The word `allow`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WidenDuplicates {
    /// Duplicates are fine.
    Allow,
}

/// The word `any`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WidenEmbedding {
    /// Any table may be embedded.
    Any,
}

/// A named list of constants.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, rename = "ListSource"))]
#[serde(rename = "$kind")]
pub enum ListSource {
    /// In the page.
    #[serde(rename = "array")]
    Inline(Vec<ConstantWord>),
    /// In a file beside it.
    #[serde(rename = "object")]
    File(ListFile),
}

/// A list in a file.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// A role that can approve.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleInfo {
    /// How long a grant holds; default 15 minutes.
    pub expires: Option<String>,
    /// How often a grant may be used.
    pub reuse: Option<Reuse>,
    /// How long after it was signed a grant can be used at first; default at once. Time to take it back.
    pub hold: Option<String>,
}

/// How often a grant may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Once.
    Once,
    /// For exactly the same action, in the same session.
    Session,
    /// For every request that the same rules hold.
    Rule,
}

/// What is recorded.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Observability {
    /// Which decisions become events.
    pub events: Events,
    /// How long they are kept.
    pub retention_days: u32,
    /// Fields whose values may stand in an event.
    #[serde(default)]
    pub log_fields: Vec<String>,
}

/// Which decisions become events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Events {
    /// All.
    All,
    /// Writes and refusals.
    Writes,
    /// Refusals.
    Refusals,
}

/// What to do when it goes wrong.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Steps, in order.
    #[serde(default)]
    pub rollback: Vec<String>,
    /// Whom to call.
    #[serde(default)]
    pub contacts: Vec<String>,
}

/// A review that was held.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// When (`2026-11-20`).
    pub date: String,
    /// By whom.
    pub by: String,
    /// What was found.
    pub note: Option<String>,
}
