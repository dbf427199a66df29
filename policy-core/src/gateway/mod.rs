//! The gateway document: what holds for every agent behind one gateway.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

/// Settings of one gateway.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GatewayDocument {
    /// Where editors find the JSON Schema.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Version of the language: `gateway-v1`.
    pub ambit: GatewayVersion,
    /// The gateway's name, which signed messages to it must say (`aud`). Needed with `keys`; gateways that share a name take
    /// each other's messages.
    pub name: Option<String>,
    /// Who may sign what.
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
    /// Where commands are taken: pause, resume, end of a session. Needs a key with `control` or `sessions`.
    pub control: Option<ControlEntry>,
    /// What holds for all sessions.
    #[serde(default)]
    pub sessions: SessionsEntry,
    /// Agents that are paused for as long as this document says so: no command lifts that.
    #[serde(default)]
    pub paused: Vec<PausedEntry>,
    /// Where an agent's name comes from. A source that is present must be valid, and all that are present must name the same
    /// agent.
    pub identity: Vec<IdentityEntry>,
    /// What happens to a request that names no agent; default `deny`.
    pub unknown_agent: Option<UnknownWord>,
    /// Bounds.
    #[serde(default)]
    pub limits: GatewayLimits,
    /// Where resources are looked up as they are now.
    #[serde(default)]
    pub lookups: LookupsEntry,
    /// Which credentials the gateway adds for agents. With it, tokens that name agents do not go upstream.
    pub credentials: Option<CredentialsEntry>,
}

/// The language version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum GatewayVersion {
    /// Version 1.
    #[serde(rename = "gateway-v1")]
    V1,
}

/// A public key, and what is believed of who has the other half.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Its name in signed messages (`kid`).
    pub id: String,
    /// Ed25519, 32 bytes in base64url, as `ambit keygen` prints it.
    pub public_key: String,
    /// Who holds it: a person or a service. Nobody approves for a session that runs for them.
    pub owner: Option<String>,
    /// Roles of the pages' `approvers` for which it signs grants.
    #[serde(default)]
    pub roles: Vec<String>,
    /// It signs session tokens.
    #[serde(default)]
    pub sessions: bool,
    /// It signs commands: pause, resume, revoke.
    #[serde(default)]
    pub control: bool,
    /// First moment it is valid (RFC 3339, UTC).
    pub from: Option<String>,
    /// First moment after.
    pub until: Option<String>,
}

/// The route on which the gateway takes commands. Nothing that comes there goes upstream.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ControlEntry {
    /// Its path, exactly: `/.ambit/control`. No endpoint of a page should have it.
    pub path: String,
    /// Its host; without one it is the path on every host.
    pub host: Option<String>,
}

/// What holds for all sessions.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionsEntry {
    /// What session tokens are worth that were issued before the gateway's start: it does not know which sessions had ended
    /// by then. Default `refuse`.
    #[serde(default)]
    pub after_restart: OldSessions,
}

/// What session tokens are worth that were issued before the gateway's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OldSessions {
    /// Nothing: who runs the session issues a new one.
    #[default]
    Refuse,
    /// They hold, also those of sessions that had ended.
    Allow,
}

/// Who is paused by the document.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PausedEntry {
    /// One agent; or
    pub agent: Option<String>,
    /// every agent: `true`.
    pub all: Option<bool>,
    /// What is paused; default `everything`.
    #[serde(default)]
    pub what: PausedWord,
    /// Why, in one line. Paused agents read it.
    pub reason: Option<String>,
    /// First moment it is over (RFC 3339, UTC); without it the pause lasts as long as the document says so.
    pub until: Option<String>,
}

/// What is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PausedWord {
    /// Everything but reads, and what stops an effect.
    Writes,
    /// Everything.
    #[default]
    Everything,
}

/// One source of the agent's name.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum IdentityEntry {
    /// A header that an earlier authentication filter sets. The gateway must remove what clients send in it.
    Header(String),
    /// A token known by its SHA-256.
    Token(TokenEntry),
    /// A claim of a JWT that an earlier filter has verified.
    Jwt(JwtEntry),
    /// The certificate of the client, which the gateway has verified.
    Mtls(MtlsEntry),
    /// The consumer that Kong has authenticated.
    KongConsumer(KongConsumerWord),
    /// A session token that one of the gateway's keys has signed.
    SessionToken(SessionTokenEntry),
}

/// Session tokens in a header.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionTokenEntry {
    /// The header; `Bearer x`, `token x` and a bare token are read.
    pub header: String,
}

/// A claim of a JWT, as the filter that verified it left it in the gateway's dynamic metadata.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JwtEntry {
    /// Where the agent's name is: the namespace of the metadata, then the way to the claim.
    pub metadata: Vec<String>,
    /// Where the session's id is, in the same way.
    pub session: Option<Vec<String>>,
}

/// Client certificates by their URI SAN.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MtlsEntry {
    /// URI SAN, as it stands in the certificate → agent.
    pub uri_sans: BTreeMap<String, String>,
}

/// Which name of Kong's consumer is the agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KongConsumerWord {
    /// `x-consumer-username`.
    Username,
    /// `x-consumer-custom-id`.
    CustomId,
}

/// Tokens in a header.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// The header; `Bearer x`, `token x` and a bare token are read.
    pub header: String,
    /// SHA-256 of the token, hex → agent.
    pub sha256: BTreeMap<String, String>,
}

/// What happens to a request that names no agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownWord {
    /// It is refused.
    Deny,
    /// It passes and is counted.
    NotAnAgent,
}

/// Bounds.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GatewayLimits {
    /// Largest body that is judged, in KiB; default 256.
    pub body_kib: Option<u32>,
    /// How long a request may wait for its body, in milliseconds; default 15,000.
    pub body_timeout_ms: Option<u64>,
    /// Most memory for counters, in KiB: of the gateway for those that all its workers share, and of each worker for its own;
    /// default 65,536.
    pub counters_kib: Option<u32>,
}

/// Where and how resources are looked up as they are now.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LookupsEntry {
    /// Host (`shop.example.com`, `shop.example.com:8443`) → the gateway's cluster that its lookups go to. The cluster adds
    /// the credential of lookups.
    #[serde(default)]
    pub clusters: BTreeMap<String, String>,
    /// How long the lookups of one request may take together, in milliseconds; default 2,000.
    pub timeout_ms: Option<u64>,
    /// Most calls for one request at a time; default 8.
    pub parallel: Option<u32>,
}

/// How the gateway learns which credential a request of an agent gets.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CredentialsEntry {
    /// The internal header by which the gateway chooses a route; default `x-ambit-route`. What clients send in it is
    /// removed.
    pub route_header: Option<String>,
    /// Host (`shop.example.com`, `shop.example.com:8443`) → value of the internal header. The gateway's route for that
    /// value leads to a cluster that adds the credential.
    #[serde(default)]
    pub routes: BTreeMap<String, String>,
}
