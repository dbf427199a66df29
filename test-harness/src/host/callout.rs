//! HTTP calls a guest makes, and their answers.

use super::HeaderMap;
use std::fmt;
use std::time::Duration;

/// Names one callout of a VM; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalloutId(pub(crate) u32);

impl fmt::Display for CalloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A call the guest dispatched and that has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// To be handed to [`Vm::answer_callout`](super::Vm::answer_callout).
    pub id: CalloutId,
    /// Context id of the stream it was dispatched for; `None` from a root context.
    pub stream: Option<u32>,
    /// Cluster, by name.
    pub cluster: String,
    /// Head, with `:method`, `:path` and `:authority`.
    pub headers: HeaderMap,
    /// Body, empty when there is none.
    pub body: Vec<u8>,
    /// Trailers, empty when there are none.
    pub trailers: HeaderMap,
    /// Time the guest allows; `None` is without end. The host does not watch it: after that time
    /// answer with [`CalloutAnswer::timeout`].
    pub timeout: Option<Duration>,
    pub(crate) root: u32,
}

/// How a callout ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutAnswer {
    /// A response arrived, whatever its status.
    Response {
        /// Head, with `:status`.
        headers: HeaderMap,
        /// Body.
        body: Vec<u8>,
        /// Trailers, empty when there are none.
        trailers: HeaderMap,
    },
    /// The gateway could not make a response at all; the guest sees no headers.
    Failed,
}

impl CalloutAnswer {
    /// A response with a status and a body.
    pub fn response(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Response {
            headers: HeaderMap::from_iter([(":status", status.to_string())]),
            body: body.into(),
            trailers: HeaderMap::new(),
        }
    }

    /// What Envoy makes of a callout that timed out: a 504.
    pub fn timeout() -> Self {
        Self::response(504, "upstream request timeout")
    }

    /// What Envoy makes of a callout that was reset: a 503.
    pub fn reset() -> Self {
        Self::response(503, "upstream connect error or disconnect/reset before headers")
    }
}

/// Which clusters a guest may call.
#[derive(Clone, Debug, Default)]
pub enum Clusters {
    /// Every name is a cluster.
    #[default]
    Any,
    /// These; a call to another is refused with
    /// [`Status::BadArgument`](super::Status::BadArgument).
    Named(Vec<String>),
}

impl Clusters {
    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(names) => names.iter().any(|n| n == name),
        }
    }
}
