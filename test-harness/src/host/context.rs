//! The host's record of a context: the root context of a plugin, or one HTTP stream.

use super::direction::Direction;
use super::{HeaderMap, MapType, PluginOptions, Status, Trap};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A reply the guest made in place of the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status.
    pub status: u32,
    /// Text for `response.code_details`, for the access log; often empty.
    pub details: Vec<u8>,
    /// Headers the guest asked for, without those the gateway adds.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    /// gRPC status, or a negative number for none.
    pub grpc_status: i32,
}

impl LocalReply {
    /// The head as Envoy writes it: `:status`, the guest's headers, and with a body its length and,
    /// unless the guest gave one, `content-type: text/plain`.
    pub fn head(&self) -> HeaderMap {
        let mut head = HeaderMap::from_iter([(":status", self.status.to_string())]);
        head.extend(self.headers.iter());
        if !self.body.is_empty() {
            head.replace("content-length", self.body.len().to_string());
            if head.value("content-type").is_none() {
                head.add("content-type", "text/plain");
            }
        }
        head
    }
}

/// How a stream ended early.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The guest closed it.
    Closed,
    /// A guest's callback trapped, here or elsewhere in the VM.
    Trapped(Trap),
}

#[derive(Debug)]
pub(crate) enum Context {
    Root(Root),
    Http(Box<Http>),
}

#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) options: Arc<PluginOptions>,
    /// Milliseconds; 0 is no timer.
    pub(crate) tick_period: u32,
    /// Virtual nanoseconds.
    pub(crate) next_tick: u64,
    /// Whether the plugin configuration can be read now.
    pub(crate) configuring: bool,
    /// `proxy_on_done` gave false, and `proxy_done` has not come yet.
    pub(crate) pending_done: bool,
    /// `proxy_done` has come.
    pub(crate) done: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Http {
    pub(crate) root: u32,
    /// Whether the guest has been told of the context.
    pub(crate) created: bool,
    pub(crate) finished: bool,
    pub(crate) request: Direction,
    pub(crate) response: Direction,
    /// What the gateway knows, by NUL-separated path.
    pub(crate) attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the guest set, by the path it gave.
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) local_reply: Option<LocalReply>,
    pub(crate) ending: Option<Ending>,
    /// Inside `proxy_on_log`: every map can be read, none changed.
    pub(crate) logging: bool,
    pub(crate) fuel: u64,
}

impl Http {
    pub(crate) fn map(&self, map: MapType) -> Option<&HeaderMap> {
        let (headers, open) = match map {
            MapType::RequestHeaders => (&self.request.headers, self.request.headers_open),
            MapType::RequestTrailers => (&self.request.trailers, self.request.trailers_open),
            MapType::ResponseHeaders => (&self.response.headers, self.response.headers_open),
            MapType::ResponseTrailers => (&self.response.trailers, self.response.trailers_open),
            _ => return None,
        };
        (open || self.logging).then_some(headers)
    }

    pub(crate) fn map_mut(&mut self, map: MapType) -> Result<&mut HeaderMap, Status> {
        let (headers, open) = match map {
            MapType::RequestHeaders => (&mut self.request.headers, self.request.headers_open),
            MapType::RequestTrailers => (&mut self.request.trailers, self.request.trailers_open),
            MapType::ResponseHeaders => (&mut self.response.headers, self.response.headers_open),
            MapType::ResponseTrailers => (&mut self.response.trailers, self.response.trailers_open),
            _ => return Err(Status::BadArgument),
        };
        if open && !self.logging { Ok(headers) } else { Err(Status::BadArgument) }
    }

    /// A property: what the gateway set, what follows from the head, what the guest set.
    pub(crate) fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        let from_head = |name: &str| self.request.headers.value(name).map(<[u8]>::to_vec);
        self.attributes.get(path).cloned().or_else(|| match path {
            b"request\0method" => from_head(":method"),
            b"request\0path" => from_head(":path"),
            b"request\0host" => from_head(":authority"),
            b"request\0scheme" => from_head(":scheme"),
            _ => self.filter_state.get(path).cloned(),
        })
    }
}
