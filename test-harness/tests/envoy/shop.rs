//! The requests all scenarios use: `pricing-agent` and one product of a shop.

use crate::client_h1::RequestHead;

pub(crate) const HOST: &str = "shop.example.com";
pub(crate) const AGENT: &str = "pricing-agent";
pub(crate) const PATH: &str = "/v1/products/7";
pub(crate) const URL: &str = "http://shop.example.com/v1/products/7";

/// A price every shop policy of these tests allows.
pub(crate) const ALLOWED: &[u8] = br#"{"price": 5}"#;
/// A price none of them allows.
pub(crate) const REFUSED: &[u8] = br#"{"price": 5000}"#;

/// The headers of a write, for HTTP/2.
pub(crate) const WRITE_HEADERS: &[(&str, &[u8])] = &[
    ("x-agent-name", b"pricing-agent"),
    ("content-type", b"application/json"),
];
/// The headers of a read, for HTTP/2.
pub(crate) const READ_HEADERS: &[(&str, &[u8])] = &[("x-agent-name", b"pricing-agent")];

/// Setting a price: the head, for a body to be added.
pub(crate) fn write() -> RequestHead {
    RequestHead::new("PUT", PATH, HOST)
        .header("x-agent-name", AGENT)
        .header("content-type", "application/json")
}

/// Reading a product, which the policy allows.
pub(crate) fn read() -> Vec<u8> {
    RequestHead::new("GET", PATH, HOST)
        .header("x-agent-name", AGENT)
        .bytes()
}
