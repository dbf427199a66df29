//! What every reader produces: one request with its answer, as recorded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A header or trailer field: name and value, byte for byte. Names are lower case.
pub type Field = (Vec<u8>, Vec<u8>);

/// One recorded request and, where there was one, its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Number of the entry in the recording, from 0. An entry that could not be read uses up its
    /// number, so that numbers keep pointing at the same request. In streamed taps it is the order
    /// in which requests began; there, exchanges are handed out as they end.
    pub index: u64,
    /// Where it stands in the file, for people.
    pub position: Position,
    /// When the request began, if the recording says so.
    pub time: Option<Timestamp>,
    /// The request.
    pub request: RecordedRequest,
    /// The response; `None` when none was recorded (connection reset, still open, not logged).
    pub response: Option<RecordedResponse>,
    /// Ids that tie the exchange to other records of it.
    pub ids: Ids,
}

/// Ids found in the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// `x-request-id`, as the gateway wrote it.
    pub request_id: Option<String>,
    /// Trace id of a streamed tap; unique within one Envoy at best.
    pub trace_id: Option<u64>,
}

/// A request as Envoy would hand it to a filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Head fields in order, pseudo headers (`:authority`, `:path`, `:method`, `:scheme`)
    /// included. One that the recording does not hold is absent, not invented.
    pub headers: Vec<Field>,
    /// The body, or why there is none to judge.
    pub body: RecordedBody,
    /// Trailer fields in order.
    pub trailers: Vec<Field>,
    /// What the gateway knew of the connection and from earlier filters, by the path of the property; only what says who is
    /// asking is ever read.
    pub properties: BTreeMap<Vec<String>, Vec<u8>>,
}

/// A response as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedResponse {
    /// Status code.
    pub status: u16,
    /// Head fields in order, `:status` first.
    pub headers: Vec<Field>,
    /// The body, or why there is none.
    pub body: RecordedBody,
    /// Trailer fields in order.
    pub trailers: Vec<Field>,
    /// The recorder has undone the content-encoding: `content-encoding` and `content-length` in
    /// the head describe what was on the wire, not the body here.
    pub decoded: bool,
}

/// A body, with what is known about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RecordedBody {
    /// There was none.
    #[default]
    Empty,
    /// All of it, byte for byte.
    Complete(Vec<u8>),
    /// Only a part was recorded.
    Truncated {
        /// What was recorded of it.
        seen: Vec<u8>,
        /// Its length in bytes by `content-length`, if announced.
        announced: Option<u64>,
        /// How the truncation shows.
        reason: String,
    },
    /// There was one, or there may have been one, and none of it was recorded.
    Missing {
        /// How that shows.
        reason: String,
    },
    /// Something was recorded that is not the bytes of the body.
    Undecodable {
        /// What was lost.
        reason: String,
    },
}

impl RecordedBody {
    /// The whole body; `None` when it is not known for certain.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Empty => Some(&[]),
            Self::Complete(bytes) => Some(bytes),
            Self::Truncated { .. } | Self::Missing { .. } | Self::Undecodable { .. } => None,
        }
    }

    /// Why [`bytes`](Self::bytes) has none, in words.
    pub fn unknown_because(&self) -> Option<&str> {
        match self {
            Self::Empty | Self::Complete(_) => None,
            Self::Truncated { reason, .. } | Self::Missing { reason } | Self::Undecodable { reason } => Some(reason),
        }
    }
}

impl RecordedRequest {
    /// The properties at these paths.
    pub fn properties_at(&self, paths: &[Vec<String>]) -> Vec<Option<Vec<u8>>> {
        paths.iter().map(|path| self.properties.get(path).cloned()).collect()
    }

    /// Value of the first field of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        first(&self.headers, name)
    }

    /// `:method`.
    pub fn method(&self) -> Option<&[u8]> {
        self.header(":method")
    }

    /// `:path`: path and query as on the wire.
    pub fn path(&self) -> Option<&[u8]> {
        self.header(":path")
    }

    /// `:authority`: host and port as on the wire.
    pub fn authority(&self) -> Option<&[u8]> {
        self.header(":authority")
    }

    /// `:scheme`.
    pub fn scheme(&self) -> Option<&[u8]> {
        self.header(":scheme")
    }
}

/// Value of the first field called `name`.
pub(super) fn first<'a>(fields: &'a [Field], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(field, _)| field == name.as_bytes()).map(|(_, value)| value.as_slice())
}

/// A place in a recording, written `agent.har, entry 3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// File name as it was given.
    pub file: Arc<str>,
    /// Place in the file.
    pub place: Place,
}

/// A place in a file; numbers start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// Line on which the entry begins.
    Line(u64),
    /// Element of `log.entries` of a HAR.
    Entry(u64),
    /// Message of a length-delimited file.
    Message(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.place {
            Place::File => Ok(()),
            Place::Line(line) => write!(f, ", line {line}"),
            Place::Entry(entry) => write!(f, ", entry {entry}"),
            Place::Message(message) => write!(f, ", message {message}"),
        }
    }
}
