//! From the raw head of a request to its one canonical reading, or a refusal.
//!
//! `headers` keeps the header list by name, `path` and `query` read the request target, `host` the authority,
//! `media_type` the content type; `normalize` puts them together and refuses what two components could read
//! differently.

mod headers;
mod host;
mod media_type;
mod normalize;
mod path;
mod query;

pub(crate) use headers::in_base64;
pub use headers::{Ambiguous, Head, Headers};
pub use host::canonical as canonical_host;
pub use media_type::MediaType;
pub use normalize::{Malformed, Request, normalize};
pub(crate) use normalize::{read_host, replaces_method, replaces_route};
pub use path::PathSegment;
pub use query::{QueryPair, mangled};
