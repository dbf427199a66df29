//! The configuration of an Envoy under test, as small as the question allows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::mutual_tls::MutualTls;
use crate::process::{Envoy, Exit};
use crate::shared_data::SharedData;
use crate::upstream::Upstream;

/// How the filter gets its configuration.
enum Delivery {
    /// There is no filter: plain routing.
    None,
    /// Inside the listener, read once at start.
    Static(String),
    /// From a file that Envoy watches.
    Ecds(String),
}

/// The credential of lookups: no agent has it, and the gateway adds it to nothing else.
pub(crate) const LOOKUP_CREDENTIAL: &str = "Bearer lookup-secret";

/// An Envoy to be started: one listener, one cluster (more where there are lookups), and the filter between them.
pub(crate) struct Gateway {
    upstream: SocketAddr,
    /// Names of clusters, and where what they look up is.
    lookups: Vec<(String, SocketAddr)>,
    shared_data: Option<SharedData>,
    upstream_http2: bool,
    delivery: Delivery,
    concurrency: u32,
    holds_headers: bool,
    /// The route's action, but for its cluster.
    route: Value,
    /// HTTP filters before the filter.
    before: Vec<Value>,
    mutual_tls: Option<MutualTls>,
}

impl Gateway {
    /// Routes everything to `upstream`; one worker, no filter yet.
    pub(crate) fn to(upstream: &Upstream) -> Self {
        Self {
            upstream: upstream.address,
            lookups: Vec::new(),
            shared_data: None,
            upstream_http2: upstream.http2,
            delivery: Delivery::None,
            concurrency: 1,
            holds_headers: true,
            route: json!({}),
            before: Vec::new(),
            mutual_tls: None,
        }
    }

    /// Puts the filter in, its bundle inside the listener.
    pub(crate) fn with_static(mut self, bundle: &str) -> Self {
        self.delivery = Delivery::Static(bundle.to_owned());
        self
    }

    /// Puts the filter in, its bundle in a watched file.
    pub(crate) fn with_ecds(mut self, bundle: &str) -> Self {
        self.delivery = Delivery::Ecds(bundle.to_owned());
        self
    }

    /// Adds the cluster `shop-lookups`, which puts a credential of its own on what it sends to this address.
    pub(crate) fn with_lookups(self, address: SocketAddr) -> Self {
        self.with_lookup_cluster("shop-lookups", address)
    }

    /// Adds a cluster for lookups, which puts a credential of its own on what it sends to this address.
    pub(crate) fn with_lookup_cluster(mut self, name: &str, address: SocketAddr) -> Self {
        self.lookups.push((name.to_owned(), address));
        self
    }

    /// Sets shared data before the filter starts, and adds the listener through which more can be set.
    pub(crate) fn with_shared_data(mut self, shared_data: SharedData) -> Self {
        self.shared_data = Some(shared_data);
        self
    }

    /// Sets the number of workers.
    pub(crate) fn workers(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Sets how long an answer may take.
    pub(crate) fn answers_within(mut self, duration: &str) -> Self {
        self.route["timeout"] = json!(duration);
        self
    }

    /// Sends a request once more whose connection ends before an answer.
    pub(crate) fn retrying(mut self) -> Self {
        self.route["retry_policy"] = json!({ "retry_on": "reset,connect-failure", "num_retries": 1 });
        self
    }

    /// Puts an HTTP filter before the filter.
    pub(crate) fn after(mut self, filter: Value) -> Self {
        self.before.push(filter);
        self
    }

    /// Takes TLS connections of clients with certificates alone, through a listener that makes them.
    pub(crate) fn with_mutual_tls(mut self, mutual_tls: MutualTls) -> Self {
        self.mutual_tls = Some(mutual_tls);
        self
    }

    /// Leaves `allow_on_headers_stop_iteration` out, as a forgetful admin would.
    pub(crate) fn without_header_stop(mut self) -> Self {
        self.holds_headers = false;
        self
    }

    /// Starts Envoy and waits until it serves.
    pub(crate) async fn start(self) -> Envoy {
        let (dir, arguments) = self.write();
        Envoy::start(dir, &arguments, self.holds_headers).await
    }

    /// Starts Envoy and waits until it gives up.
    pub(crate) async fn start_and_exit(self) -> Exit {
        let (dir, arguments) = self.write();
        Envoy::start_and_exit(dir, &arguments).await
    }

    fn write(&self) -> (tempfile::TempDir, Vec<String>) {
        let dir = tempfile::tempdir().expect("a folder");
        if let Delivery::Ecds(bundle) = &self.delivery {
            replace(&ecds_file(dir.path()), bundle, self.holds_headers);
        }
        let file = dir.path().join("envoy.json");
        std::fs::write(&file, self.bootstrap(dir.path()).to_string()).expect("config written");
        let arguments =
            vec!["-c".to_owned(), file.display().to_string(), "--concurrency".to_owned(), self.concurrency.to_string()];
        (dir, arguments)
    }

    fn bootstrap(&self, dir: &Path) -> Value {
        let mut listeners = vec![json!({
            "name": "ingress",
            "address": loopback(0),
            "per_connection_buffer_limit_bytes": 262_144,
            // Both workers get connections, however few there are.
            "connection_balance_config": { "exact_balance": {} },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": self.connection_manager(dir),
            }] }],
        })];
        let mut clusters = self.clusters();
        if let Some(mutual_tls) = &self.mutual_tls {
            clusters.extend(mutual_tls.put_before(&mut listeners, dir));
        }
        if let Some(shared_data) = &self.shared_data {
            listeners.insert(0, shared_data.listener());
        }
        json!({
            "node": { "id": "test", "cluster": "test" },
            "admin": { "address": loopback(0) },
            "static_resources": {
                "listeners": listeners,
                "clusters": clusters,
                "secrets": [{
                    "name": "lookup-credential",
                    "generic_secret": { "secret": { "inline_string": LOOKUP_CREDENTIAL } },
                }],
            },
        })
    }

    fn connection_manager(&self, dir: &Path) -> Value {
        let mut filters = self.before.clone();
        match &self.delivery {
            Delivery::None => {}
            Delivery::Static(bundle) => filters.push(json!({
                "name": "ambit",
                "typed_config": filter(bundle, self.holds_headers),
            })),
            Delivery::Ecds(_) => filters.push(json!({
                "name": "ambit",
                "config_discovery": {
                    "type_urls": [FILTER_TYPE],
                    "config_source": {
                        "resource_api_version": "V3",
                        "path_config_source": {
                            "path": ecds_file(dir),
                            "watched_directory": { "path": ecds_file(dir).parent() },
                        },
                    },
                },
            })),
        }
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            },
        }));
        let mut route = self.route.clone();
        route["cluster"] = json!("upstream");
        json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                      http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "ingress",
            "http2_protocol_options": {
                "initial_stream_window_size": 65_536,
                "initial_connection_window_size": 1_048_576,
            },
            "access_log": [{
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.\
                              FileAccessLog",
                    "path": dir.join("access.log"),
                    "log_format": { "json_format": {
                        "path": "%REQ(:PATH)%",
                        "status": "%RESPONSE_CODE%",
                        "details": "%RESPONSE_CODE_DETAILS%",
                        "decision": "%FILTER_STATE(wasm.ambit.decision:PLAIN)%",
                    } },
                },
            }],
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{
                "name": "all",
                // More than the policy's limit and one read (the connection's limit) together: else
                // Envoy now and then refuses a fast body before the filter sees that it is too long.
                "request_body_buffer_limit": 1_048_576,
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": route }],
            }] },
        })
    }

    fn clusters(&self) -> Vec<Value> {
        let protocol = if self.upstream_http2 {
            json!({ "explicit_http_config": { "http2_protocol_options": {} } })
        } else {
            json!({ "explicit_http_config": { "http_protocol_options": {} } })
        };
        let mut clusters = vec![cluster("upstream", self.upstream, protocol)];
        for (name, address) in &self.lookups {
            let mut protocol = json!({ "explicit_http_config": { "http_protocol_options": {} } });
            protocol["http_filters"] = json!([credential_injector(), {
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                },
            }]);
            clusters.push(cluster(name, *address, protocol));
        }
        clusters
    }
}

fn cluster(name: &str, address: SocketAddr, mut protocol: Value) -> Value {
    protocol["@type"] = json!("type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
    json!({
        "name": name,
        "type": "STATIC",
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": loopback(address.port()) } }] }],
        },
    })
}

/// An upstream filter: it sees what is sent to its cluster, callouts of a filter too.
fn credential_injector() -> Value {
    json!({
        "name": "envoy.filters.http.credential_injector",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                    "credential": { "name": "lookup-credential" },
                    "header": "authorization",
                },
            },
        },
    })
}

/// Filters that have it share their data.
pub(crate) const VM_ID: &str = "ambit";

const FILTER_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// Where an Envoy under test finds its filter resource.
pub(crate) fn ecds_file(dir: &Path) -> PathBuf {
    dir.join("ecds/ecds.json")
}

/// Puts a filter resource with this bundle in place of the one before: written beside, then renamed.
pub(crate) fn replace(file: &Path, bundle: &str, holds_headers: bool) {
    let resource = json!({
        "version_info": "1",
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "ambit",
            "typed_config": filter(bundle, holds_headers),
        }],
    });
    replace_text(file, &resource.to_string());
}

/// Puts a text in place of a file, at once for every reader.
pub(crate) fn replace_text(file: &Path, text: &str) {
    let folder = file.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("folder made");
    let fresh = folder.join("fresh");
    std::fs::write(&fresh, text).expect("file written");
    std::fs::rename(&fresh, file).expect("file renamed");
}

fn filter(bundle: &str, holds_headers: bool) -> Value {
    json!({
        "@type": FILTER_TYPE,
        "config": {
            "name": "ambit",
            "root_id": "ambit",
            "vm_config": {
                "vm_id": VM_ID,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": wasm() } },
            },
            "allow_on_headers_stop_iteration": holds_headers,
            "failure_policy": "FAIL_RELOAD",
            "reload_config": { "backoff": { "base_interval": "0.1s", "max_interval": "1s" } },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": bundle,
            },
        },
    })
}

pub(crate) fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

/// The folder cargo builds into.
pub(crate) fn target() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("target folder").to_owned()
}

/// The filter under test.
pub(crate) fn wasm() -> PathBuf {
    let file = std::env::var_os("AMBIT_WASM")
        .map_or_else(|| target().join("wasm32-unknown-unknown/release/envoy_filter.wasm"), PathBuf::from);
    assert!(file.is_file(), "{} is missing: run `cargo xtask wasm`", file.display());
    file
}
