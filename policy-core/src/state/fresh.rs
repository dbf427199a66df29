//! Answers to an agent that its lookups may use: those that a lookup would have got as well.
//!
//! A lookup is a GET with a fixed head. Of a read of an agent, everything that could make the answer another one must be
//! as there: the host, the path and the query to the byte, and no header that chooses between representations,
//! languages, parts, versions or tenants. The agent's own credential is the one thing that may differ: then the read
//! counts only for requests with that same credential, so that what was seen of one account says nothing of another.

use alloc::string::{String, ToString};

use sha2::{Digest as _, Sha256};

use crate::limits::ANSWER_BYTES;
use crate::policy::{Gateway, Method};
use crate::request::Request;

/// Who has seen an answer: an agent, with a credential. Equal only if both are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The agent.
    pub agent: String,
    /// SHA-256 of its credential; `None`: the request holds none.
    credential: Option<[u8; 32]>,
}

/// An answer that may be kept: the upstream's, to this request, whole and as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Whose lookups may use it.
    pub reader: Reader,
    /// Canonical host of the request.
    pub host: String,
    /// Path and query, as they stand in the request.
    pub target: String,
    /// How long it may be used, in milliseconds, from when the request was made.
    pub fresh_ms: u64,
    /// Largest body that is worth keeping, in bytes.
    pub limit: usize,
}

/// Headers that say who asks. Not cookies: they choose currencies and views as well.
const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "apikey"];

/// Headers on which no answer depends that is JSON and not compressed: pseudo-headers, those of the connection and of
/// tracing, and what gateways add.
const NEUTRAL: [&str; 33] = [
    ":method",
    ":path",
    ":authority",
    ":scheme",
    "host",
    "accept-encoding",
    "accept-charset",
    "user-agent",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "content-length",
    "cache-control",
    "pragma",
    "dnt",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-client-cert",
    "x-real-ip",
    "via",
    "sec-fetch-mode",
    "x-envoy-attempt-count",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
];

/// Who asks.
pub(crate) fn reader(agent: &str, request: &Request) -> Reader {
    let mut digest = Sha256::new();
    let mut any = false;
    for name in CREDENTIALS {
        for value in request.headers.all(name) {
            any = true;
            // Lengths keep two values apart from one.
            digest.update(name.as_bytes());
            digest.update((value.len() as u64).to_be_bytes());
            digest.update(value);
        }
    }
    Reader { agent: agent.to_string(), credential: any.then(|| digest.finalize().into()) }
}

/// What may be kept of the answer to a request that is allowed; `None`: it may not be what a lookup would have got.
pub(crate) fn keep(gateway: &Gateway, agent: &str, request: &Request, fresh_ms: u64) -> Option<Keep> {
    let identifies = |name: &str| gateway.identity.iter().any(|source| source.header() == Some(name));
    let neutral = |name: &str, value: &[u8]| {
        NEUTRAL.contains(&name)
            || CREDENTIALS.contains(&name)
            || (matches!(name, "accept" | "content-type") && takes_json(value))
            || identifies(name)
    };
    let same = request.method == Method::Get && request.headers.iter().all(|(name, value)| neutral(name, value));
    same.then(|| Keep {
        reader: reader(agent, request),
        host: request.host.clone(),
        target: request.target.clone(),
        fresh_ms,
        limit: ANSWER_BYTES,
    })
}

/// Whether an `accept` asks for no other form than a lookup does: plain JSON, or whatever there is.
fn takes_json(value: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(value) else { return false };
    let kind = |range: &str| {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weighed = parameters.trim().is_empty() || parameters.trim_start().starts_with("q=");
        let kind = kind.trim();
        let known = ["application/json", "text/plain", "*/*"].iter().any(|known| kind.eq_ignore_ascii_case(known));
        known && weighed && !parameters.contains(';')
    };
    text.split(',').all(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::IdentitySource;
    use crate::request::{Headers, normalize};

    fn request(method: &str, more: &[(&str, &str)]) -> Request {
        let line = [(":method", method), (":path", "/v1/items/7?full=1"), (":authority", "Shop.example.com:443")];
        let fields = line.iter().chain(more).map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        normalize(Headers::new(fields)).unwrap()
    }

    fn kept(method: &str, more: &[(&str, &str)]) -> Option<Keep> {
        let gateway = Gateway { identity: alloc::vec![IdentitySource::Header("x-agent".into())], ..Gateway::default() };
        keep(&gateway, "agent", &request(method, more), 5_000)
    }

    #[test]
    fn a_plain_read_may_be_kept() {
        for more in [
            &[][..],
            &[("x-agent", "agent"), ("user-agent", "python/3"), ("accept-encoding", "gzip"), ("x-request-id", "1")],
            &[("accept", "application/json, text/plain;q=0.9, */*;q=0.1"), ("content-type", "application/json")],
        ] {
            let kept = kept("GET", more).unwrap();
            assert_eq!((kept.host.as_str(), kept.target.as_str()), ("shop.example.com", "/v1/items/7?full=1"));
            assert_eq!((kept.reader.agent.as_str(), kept.fresh_ms), ("agent", 5_000));
        }
    }

    /// Each of these may show another thing than a lookup sees.
    #[test]
    fn a_read_that_chooses_what_it_sees_is_not_kept() {
        for (name, value) in [
            ("range", "bytes=0-9"),
            ("if-none-match", "\"1\""),
            ("if-modified-since", "Fri, 20 Nov 2026 10:00:00 GMT"),
            ("accept", "application/vnd.github.raw+json"),
            ("accept", "application/json;profile=old"),
            ("accept", "text/csv"),
            ("accept-language", "de"),
            ("accept-profile", "other"),
            ("cookie", "currency=JPY"),
            ("prefer", "count=none"),
            ("stripe-account", "acct_1"),
            ("x-tenant", "other"),
            ("forwarded", "for=192.0.2.1"),
        ] {
            assert_eq!(kept("GET", &[(name, value)]), None, "{name}: {value}");
        }
        assert_eq!(kept("HEAD", &[]), None);
        assert_eq!(kept("POST", &[]), None);
    }

    #[test]
    fn a_reader_is_an_agent_with_a_credential() {
        let of = |agent: &str, more: &[(&str, &str)]| reader(agent, &request("PUT", more));
        let plain = of("agent", &[]);
        assert_eq!(plain, of("agent", &[("cookie", "a=b")]));
        assert_eq!(kept("GET", &[]).unwrap().reader, plain);
        assert_ne!(plain, of("other", &[]));
        let first = of("agent", &[("authorization", "Bearer 1")]);
        assert_eq!(kept("GET", &[("authorization", "Bearer 1")]).unwrap().reader, first);
        for other in [
            plain,
            of("agent", &[("authorization", "Bearer 2")]),
            of("agent", &[("x-api-key", "Bearer 1")]),
            of("agent", &[("authorization", "Bearer 1"), ("apikey", "x")]),
        ] {
            assert_ne!(first, other);
        }
    }
}
