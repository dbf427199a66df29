//! Calls: operations that a request names inside its body, where one endpoint carries many of them (MCP tools, JSON-RPC
//! methods, GraphQL root fields).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::rule::RuleRef;

/// What kind of name a call has. Names of two kinds never mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CallKind {
    /// An MCP tool (`tools/call`).
    Tool,
    /// Any other JSON-RPC method.
    Rpc,
    /// A root field of a GraphQL query.
    Query,
    /// A root field of a GraphQL mutation.
    Mutation,
    /// A root field of a GraphQL subscription.
    Subscription,
}

impl CallKind {
    /// What stands before the name in messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Rpc => "method",
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// One name that a catalog lists or a rule targets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// What kind of name.
    pub kind: CallKind,
    /// The name, compared byte for byte.
    pub name: String,
    /// The catalog's action. `None`: no catalog lists the name, so its effect is not known and it counts as a write.
    pub action: Option<u32>,
    /// Rules whose target is this name.
    pub rules: Vec<RuleRef>,
}

/// The calls of an API, for lookup by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Sorted by kind and name.
    list: Vec<Call>,
    /// Permits that can match a call, sorted: without one a request that carries calls is refused before its body.
    permits: Vec<u32>,
}

impl Calls {
    /// Puts the calls in order. `permits` are those that can match one of them, or what stands inside one.
    #[cfg(feature = "author")]
    pub(crate) fn new(mut list: Vec<Call>, mut permits: Vec<u32>) -> Self {
        list.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        permits.sort_unstable();
        permits.dedup();
        Self { list, permits }
    }

    /// The call of this name.
    #[must_use]
    pub fn find(&self, kind: CallKind, name: &str) -> Option<&Call> {
        let index = self.list.binary_search_by(|call| (call.kind, call.name.as_str()).cmp(&(kind, name))).ok()?;
        self.list.get(index)
    }

    /// Permits that can match a call.
    #[must_use]
    pub fn permits(&self) -> &[u32] {
        &self.permits
    }

    /// All of them, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &Call> {
        self.list.iter()
    }

    /// Whether every call is found by its name: a bundle that says otherwise is not loaded.
    #[must_use]
    pub fn is_sound(&self, actions: usize) -> bool {
        let ordered = |pair: &[Call]| matches!(pair, [a, b] if (a.kind, &a.name) < (b.kind, &b.name));
        self.list.windows(2).all(ordered)
            && self.list.iter().all(|call| call.action.is_none_or(|action| (action as usize) < actions))
    }
}
