//! Clients with certificates. Envoy itself is the client: a plain listener before the gateway's makes the TLS connections, with
//! the certificate that a request's `x-client` names.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use serde_json::{Value, json};

use crate::config::loopback;

/// An authority that the gateway believes, and clients with its certificates.
pub(crate) struct MutualTls {
    authority: CertifiedIssuer<'static, KeyPair>,
    server: [String; 2],
    clients: Vec<(&'static str, [String; 2])>,
}

impl MutualTls {
    /// A fresh authority.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("parameters");
        // A certificate whose subject is its issuer's counts as signed by itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        let server = issue(&authority, SanType::DnsName("gateway.example.com".try_into().expect("a name")));
        Self { authority, server, clients: Vec::new() }
    }

    /// A client whose certificate has this URI SAN.
    pub(crate) fn with_uri(mut self, client: &'static str, uri: &str) -> Self {
        let san = SanType::URI(uri.try_into().expect("a URI"));
        self.clients.push((client, issue(&self.authority, san)));
        self
    }

    /// A client whose certificate names a host, and has no URI SAN.
    pub(crate) fn with_host(mut self, client: &'static str, host: &str) -> Self {
        let san = SanType::DnsName(host.try_into().expect("a name"));
        self.clients.push((client, issue(&self.authority, san)));
        self
    }

    /// Moves the gateway's listener behind TLS, and puts the clients' before it. Returns a cluster for each client.
    pub(crate) fn put_before(&self, listeners: &mut Vec<Value>, dir: &Path) -> Vec<Value> {
        let socket = json!({ "pipe": { "path": dir.join("tls.sock") } });
        let gateway = &mut listeners[0];
        gateway["address"] = socket.clone();
        gateway.as_object_mut().expect("a listener").remove("connection_balance_config");
        gateway["filter_chains"][0]["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": true,
                "common_tls_context": {
                    "tls_certificates": [pem(&self.server)],
                    "validation_context": { "trusted_ca": { "inline_string": self.authority.pem() } },
                },
            },
        });
        let route = |client: &str| {
            json!({
                "match": { "prefix": "/", "headers": [{ "name": "x-client", "string_match": { "exact": client } }] },
                "route": { "cluster": client },
                "request_headers_to_remove": ["x-client"],
            })
        };
        let routes: Vec<Value> = self.clients.iter().map(|(client, _)| route(client)).collect();
        listeners.push(json!({
            "name": "clients",
            "address": loopback(0),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                              http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "clients",
                    "http_filters": [{
                        "name": "envoy.filters.http.router",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                        },
                    }],
                    "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
                },
            }] }],
        }));
        let cluster = |(client, certificate): &(&str, [String; 2])| {
            json!({
                "name": client,
                "type": "STATIC",
                "load_assignment": {
                    "cluster_name": client,
                    "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket } }] }],
                },
                "transport_socket": {
                    "name": "envoy.transport_sockets.tls",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                        "common_tls_context": { "tls_certificates": [pem(certificate)] },
                    },
                },
            })
        };
        self.clients.iter().map(cluster).collect()
    }
}

/// A certificate and its key, in PEM.
fn issue(authority: &CertifiedIssuer<'static, KeyPair>, name: SanType) -> [String; 2] {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("parameters");
    params.subject_alt_names = vec![name];
    let certificate = params.signed_by(&key, authority).expect("signed");
    [certificate.pem(), key.serialize_pem()]
}

fn pem([certificate, key]: &[String; 2]) -> Value {
    json!({ "certificate_chain": { "inline_string": certificate }, "private_key": { "inline_string": key } })
}
