//! The policy set as a whole: gateway settings and one page per agent.

use crate::ordered::Map;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use regex_automata::dfa::sparse::DFA;
use serde::{Deserialize, Serialize};

use super::api::Api;
use super::clock::Zone;
use super::counter::Counter;
use super::key::Key;
use super::rule::{Band, Forbid, Permit};
use super::trie::Trie;
use super::tripwire::Tripwires;
use crate::bundle::LoadError;
use crate::counters::Budget;
use crate::standing::Pause;
use crate::time::Timestamp;

/// A policy set that has been loaded: everything a decision needs but the request and the time.
pub struct PolicySet {
    pub(crate) digest: String,
    pub(crate) set: Set,
    pub(crate) patterns: Vec<DFA<Vec<u8>>>,
    /// A second set that only looks on, or why it is not loaded.
    pub(crate) candidate: Option<Result<Arc<PolicySet>, LoadError>>,
    /// It is a candidate itself: its counters stand apart.
    pub(crate) is_candidate: bool,
}

impl PolicySet {
    /// `sha256:` and the hex digest of the bundle's payload: the name under which this set is recorded.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The candidate: a second set that judges the same requests and decides nothing. It has none itself.
    #[must_use]
    pub fn candidate(&self) -> Option<&Arc<PolicySet>> {
        self.candidate.as_ref()?.as_ref().ok()
    }

    /// Why the bundle's candidate is not loaded, if there is one and it is not. This set is whole without it.
    #[must_use]
    pub fn candidate_refused(&self) -> Option<&LoadError> {
        self.candidate.as_ref()?.as_ref().err()
    }

    /// Number of agents that have a page.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.set.pages.len()
    }

    /// The pages, in the order of the agents' names.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.set.pages
    }

    /// Whether any page has counters.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.set.pages.iter().any(|page| !page.counters.is_empty())
    }

    /// How much memory the counters of one reach may take.
    #[must_use]
    pub fn counters_budget(&self) -> Budget {
        Budget { bytes: u64::from(self.set.gateway.counters_kib).saturating_mul(1024) }
    }

    /// Paths of the host's properties that say who is asking: what [`Head::properties`](crate::Head::properties) holds. A
    /// host reads no others for it.
    #[must_use]
    pub fn identity_properties(&self) -> &[Vec<String>] {
        &self.set.gateway.properties
    }

    /// How long a request may wait for its body, in milliseconds.
    #[must_use]
    pub fn body_timeout_ms(&self) -> u64 {
        self.set.gateway.body_timeout_ms
    }

    /// How long the lookups of one request may take together, in milliseconds.
    #[must_use]
    pub fn lookup_timeout_ms(&self) -> u64 {
        self.set.gateway.lookups.timeout_ms
    }

    /// Most calls that a host makes for one request at a time; at least one.
    #[must_use]
    pub fn lookups_parallel(&self) -> usize {
        (self.set.gateway.lookups.parallel as usize).max(1)
    }

    /// Whether the lookups of some page may use answers that its agent got.
    #[must_use]
    pub fn reuses_answers(&self) -> bool {
        self.set.pages.iter().flat_map(|page| &page.apis).any(|api| api.fresh_ms > 0)
    }

    /// The page of an agent.
    #[must_use]
    pub fn page(&self, agent: &str) -> Option<&Page> {
        let index = self.set.pages.binary_search_by(|page| page.agent.as_str().cmp(agent)).ok()?;
        self.set.pages.get(index)
    }

    /// Whether pattern `index` matches the whole of `text`. A pattern that is not there matches nothing.
    pub(crate) fn matches(&self, index: u32, text: &str) -> bool {
        use regex_automata::{Anchored, Input, dfa::Automaton};
        let Some(dfa) = self.patterns.get(index as usize) else {
            return false;
        };
        // The automaton is anchored at both ends; an error (a byte it quits on) is no match.
        matches!(dfa.try_search_fwd(&Input::new(text).anchored(Anchored::Yes)), Ok(Some(_)))
    }
}

impl core::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PolicySet").field("digest", &self.digest).field("agents", &self.agents()).finish()
    }
}

/// What is serialized into a bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Set {
    /// Settings of the gateway.
    pub gateway: Gateway,
    /// One page per agent, sorted by agent.
    pub pages: Vec<Page>,
    /// Automata of the patterns (sparse DFAs, little endian), addressed by index.
    pub patterns: Vec<Vec<u8>>,
}

/// Settings that hold for every agent behind one gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name: what signed messages to it are for. Empty where it has no keys.
    pub name: String,
    /// Who may sign what; ids are unique.
    pub keys: Vec<Key>,
    /// Where commands are taken.
    pub control: Option<ControlRoute>,
    /// Whether session tokens hold that are from before the gateway's start.
    pub old_sessions: bool,
    /// Who is paused as long as this set is in force; each by [`Cause::Document`](crate::standing::Cause::Document).
    pub paused: Vec<Pause>,
    /// Where the agent's name comes from. All that are present must name the same one.
    pub identity: Vec<IdentitySource>,
    /// Paths of the host's properties that `identity` reads, by index.
    pub properties: Vec<Vec<String>>,
    /// What happens to a request that names no agent.
    pub unknown_agent: UnknownAgent,
    /// Largest body that is judged, in bytes.
    pub body_limit: u32,
    /// How long a request may wait for its body, in milliseconds.
    pub body_timeout_ms: u64,
    /// Most memory for counters of one reach, in KiB.
    pub counters_kib: u32,
    /// Where resources are looked up as they are now.
    pub lookups: Lookups,
    /// How the gateway adds credentials for agents; `None`: their own go upstream.
    pub credentials: Option<Credentials>,
}

/// How the gateway learns which credential a request of an agent gets. The credentials are the gateway's: no policy
/// holds one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credentials {
    /// The internal header by which the gateway chooses a route, lower case.
    pub route_header: String,
    /// Canonical host → value of the internal header.
    pub routes: Map<String, String>,
}

/// Where commands are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRoute {
    /// The path, as it stands in a request.
    pub path: String,
    /// The canonical host; `None`: any.
    pub host: Option<String>,
}

/// Where and how resources are looked up as they are now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lookups {
    /// Canonical host → the gateway's cluster that its lookups go to.
    pub clusters: Map<String, String>,
    /// How long the lookups of one request may take together, in milliseconds.
    pub timeout_ms: u64,
    /// Most calls for one request at a time.
    pub parallel: u32,
}

/// One source of the agent's name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum IdentitySource {
    /// A header that an earlier authentication filter has set; client copies are removed by the gateway.
    Header(String),
    /// A token in a header (`Bearer x`, `token x`, or bare), known by its SHA-256.
    Token {
        /// The header, lower case.
        header: String,
        /// SHA-256 of the token → agent.
        agents: Map<[u8; 32], String>,
    },
    /// A claim of a token that an earlier filter has verified.
    Claim {
        /// The property that is the agent's name.
        agent: u32,
        /// The property that is the session's id.
        session: Option<u32>,
    },
    /// The client's certificate, which the gateway has verified.
    Certificate {
        /// The property that is the certificate's URI SAN.
        uri_san: u32,
        /// URI SAN → agent.
        agents: Map<String, String>,
    },
    /// The header by which Kong names the consumer that it has authenticated.
    KongConsumer(String),
    /// A session token in a header (`Bearer x`, `token x`, or bare), signed by one of the gateway's keys.
    SessionToken(String),
}

impl IdentitySource {
    /// The header it reads, lower case.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Header(header)
            | Self::Token { header, .. }
            | Self::KongConsumer(header)
            | Self::SessionToken(header) => Some(header),
            Self::Claim { .. } | Self::Certificate { .. } => None,
        }
    }
}

/// What happens to a request that names no agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnknownAgent {
    /// It is refused.
    #[default]
    Deny,
    /// It is none of Ambit's business: passed on, and counted.
    Pass,
}

/// One compiled scope template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// The agent's name.
    pub agent: String,
    /// Version of the template.
    pub version: String,
    /// First moment the page is valid.
    pub from: Timestamp,
    /// First moment the page is no longer valid.
    pub until: Timestamp,
    /// Decide and record only.
    pub shadow: bool,
    /// A request without a session token is refused.
    pub session_required: bool,
    /// Host (`h` or `h:port`, lower case, no `:443`) → index into `tries`; sorted.
    pub hosts: Vec<(String, u32)>,
    /// One route trie per host set.
    pub tries: Vec<Trie>,
    /// The APIs this page speaks of.
    pub apis: Vec<Api>,
    /// What is permitted.
    pub permits: Vec<Permit>,
    /// What is forbidden whatever is permitted.
    pub forbids: Vec<Forbid>,
    /// Currency of money limits, lower case.
    pub currency: Option<String>,
    /// One unit of another currency in `currency`.
    pub rates: Vec<(String, crate::number::Decimal)>,
    /// Approver roles.
    pub roles: Vec<Role>,
    /// What it means when a resource cannot be looked up.
    pub on_unavailable: Band,
    /// Its time zone.
    pub zone: Zone,
    /// What may be used up.
    pub counters: Vec<Counter>,
    /// What stops the agent by itself.
    pub tripwires: Tripwires,
}

impl Page {
    /// The routes of a host.
    #[must_use]
    pub fn trie(&self, host: &str) -> Option<&Trie> {
        let at = self.hosts.binary_search_by(|(known, _)| known.as_str().cmp(host)).ok()?;
        self.tries.get(self.hosts.get(at)?.1 as usize)
    }
}

/// A role that can approve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Seconds a grant stays valid.
    pub expires: u64,
    /// Seconds from signing until a grant can be used.
    pub hold: u64,
    /// How often a grant may be used.
    pub reuse: Reuse,
}

/// How often a grant may be used, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Once.
    #[default]
    Once,
    /// For exactly the same action, within the session.
    Session,
    /// For every request that the same rules hold.
    Rule,
}

impl Reuse {
    /// Reads its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "once" => Some(Self::Once),
            "session" => Some(Self::Session),
            "rule" => Some(Self::Rule),
            _ => None,
        }
    }
}
