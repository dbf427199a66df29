//! `envoy-filter/examples/envoy/` as it ships, started with other ports and paths.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use policy_core::bundle::seal;
use policy_core::compile::{Source, SourceKind, compile};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::bundle::{Bundle, Policies};
use crate::client_h1::{self, RequestHead, chunk};
use crate::client_h2;
use crate::config;
use crate::operators::{CONTROL, NAME, Operator};
use crate::process::Envoy;
use crate::shop::{self, ALLOWED, REFUSED};
use crate::upstream::Upstream;

/// What README.md has an admin write: SHA-1 of `key-of-pricing` and `key-of-other`.
const AGENTS: &str = "\
pricing-agent:{SHA}f+LCZxSsDGvHm1J95Ov5zhJB2y0=
other-agent:{SHA}R8fpiMxboXEi3JPzHrm/tR/yMUg=
";

/// The example, running.
pub(crate) struct Example {
    pub(crate) envoy: Envoy,
    pub(crate) upstream: Upstream,
    pub(crate) folder: PathBuf,
    pub(crate) digest: String,
}

/// Nobody answers here.
const NOWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 9);
/// The credential of lookups.
pub(crate) const LOOKUP_TOKEN: &str = "Bearer may-only-read";
/// The real credential of the shop, which no agent has.
pub(crate) const REAL_TOKEN: &str = "Bearer real-of-the-shop";

impl Example {
    pub(crate) async fn start(policies: Policies) -> Self {
        Self::with_tools(policies, NOWHERE.into()).await
    }

    /// The example, its MCP server at this address.
    pub(crate) async fn with_tools(policies: Policies, tools: SocketAddr) -> Self {
        Self::with(policies.bundle(), tools, NOWHERE.into()).await
    }

    /// The example with this bundle, and the API that answers its lookups.
    pub(crate) async fn with_lookups(bundle: Bundle, lookups: SocketAddr) -> Self {
        Self::with(bundle, NOWHERE.into(), lookups).await
    }

    /// The example, with something in it left out.
    pub(crate) async fn without(policies: Policies, left_out: &str) -> Self {
        let text = shipped("envoy.yaml");
        assert_eq!(text.matches(left_out).count(), 1, "{left_out}");
        Self::of(text.replace(left_out, ""), policies.bundle(), NOWHERE.into(), NOWHERE.into()).await
    }

    /// The example with this bundle, its MCP server and the API that answers its lookups.
    async fn with(bundle: Bundle, tools: SocketAddr, lookups: SocketAddr) -> Self {
        Self::of(shipped("envoy.yaml"), bundle, tools, lookups).await
    }

    async fn of(mut text: String, bundle: Bundle, tools: SocketAddr, lookups: SocketAddr) -> Self {
        let upstream = Upstream::http1().await;
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("ambit");
        std::fs::create_dir(&folder).expect("folder made");
        std::fs::copy(config::wasm(), folder.join("ambit.wasm")).expect("filter copied");
        std::fs::write(folder.join("agents.htpasswd"), AGENTS).expect("agents written");
        put_credential(&folder, "shop-lookups.yaml", "Bearer the-token-of-lookups", LOOKUP_TOKEN);
        put_credential(&folder, "shop-agents.yaml", "Bearer the-real-token", REAL_TOKEN);
        deliver(&folder, &bundle);

        // The shop has three clusters, the last one for lookups.
        for (shipped, here) in [
            ("port_value: 9901", vec![0]),
            ("port_value: 10000", vec![0]),
            ("port_value: 10001", vec![0]),
            ("port_value: 8080", vec![upstream.address.port(), upstream.address.port(), lookups.port()]),
            ("port_value: 8081", vec![tools.port()]),
        ] {
            assert_eq!(text.matches(shipped).count(), here.len(), "{shipped}");
            for port in here {
                text = text.replacen(shipped, &format!("port_value: {port}"), 1);
            }
        }
        let file = dir.path().join("envoy.yaml");
        std::fs::write(&file, in_folder(&text, &folder)).expect("config written");
        let arguments = ["-c".to_owned(), file.display().to_string()];
        Self { envoy: Envoy::start(dir, &arguments, true).await, upstream, folder, digest: bundle.digest }
    }
}

fn shipped(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-filter/examples/envoy");
    std::fs::read_to_string(examples.join(name)).expect("the shipped example")
}

/// Puts the credential in place that a shipped file holds a placeholder for.
pub(crate) fn put_credential(folder: &Path, file: &str, placeholder: &str, credential: &str) {
    let text = shipped(file);
    assert_eq!(text.matches(placeholder).count(), 1, "{file}");
    config::replace_text(&folder.join(file), &text.replace(placeholder, credential));
}

fn in_folder(text: &str, folder: &Path) -> String {
    text.replace("/etc/envoy/ambit", &folder.display().to_string())
}

/// Delivers a bundle as README.md says: appended to the template, indented, renamed into place.
fn deliver(folder: &Path, bundle: &Bundle) {
    let mut text = in_folder(&shipped("ecds.yaml"), folder);
    for line in bundle.text.lines() {
        text.push_str(&format!("            {line}\n"));
    }
    config::replace_text(&folder.join("ecds.yaml"), &text);
}

/// A request with an agent's key.
fn request(method: &str, path: &str, agent: &str, key: &str) -> RequestHead {
    RequestHead::new(method, path, shop::HOST)
        .header("x-agent-key", credentials(agent, key))
        .header("content-type", "application/json")
}

/// The value of `x-agent-key` for an agent and its key.
pub(crate) fn credentials(agent: &str, key: &str) -> String {
    let encoded = BASE64_STANDARD.encode(format!("{agent}:{key}"));
    format!("Basic {encoded}")
}

fn pricing(method: &str, path: &str) -> RequestHead {
    request(method, path, "pricing-agent", "key-of-pricing")
}

#[tokio::test]
async fn holds_an_agent_to_its_policy() {
    let example = Example::start(Policies::shop()).await;
    let address = example.envoy.address;
    let refused = pricing("PUT", shop::PATH).with_body(REFUSED);
    let answer = client_h1::exchange(address, &refused).await;
    answer.assert_refused(403, &example.digest);
    assert_eq!(example.upstream.bytes(), 0);

    let allowed = pricing("PUT", shop::PATH).with_body(ALLOWED);
    let answer = client_h1::exchange(address, &allowed).await;
    answer.assert_forwarded(&example.digest);
    let received = &example.upstream.received()[0];
    assert_eq!(received.body, ALLOWED);
    assert_eq!(received.header("x-agent-name"), Some(b"pricing-agent".as_slice()));
    assert_eq!(received.header("x-agent-key"), None, "the key stays here");

    let log = example.envoy.stdout_json(2).await;
    let statuses: Vec<&Value> = log.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [403, 200]);
    let decision = log[1]["decision"].as_str().expect("a decision");
    assert!(decision.contains(&example.digest), "{decision}");
}

/// C5: operators pause an agent at their own listener, at which nobody is an agent.
#[tokio::test]
async fn operators_pause_agents_at_a_listener_of_their_own() {
    let operator = Operator::new();
    let policies = Policies::shop()
        .set_gateway("name", json!(NAME))
        .set_gateway("keys", json!([operator.entry()]))
        .set_gateway("control", json!({ "path": CONTROL }));
    let example = Example::start(policies).await;
    let operators = example.envoy.listener("operators").await;
    let url = format!("http://{operators}{CONTROL}");
    let read = pricing("GET", shop::PATH).bytes();
    operator.first_command(&url, &["pause", shop::AGENT, "--reason", "a test"]).await;
    let problem = client_h1::exchange(example.envoy.address, &read).await.assert_refused(403, &example.digest);
    assert_eq!(problem.codes(), ["paused"]);
    assert_eq!(operator.command(&["resume", shop::AGENT], &["--gateway", &url]).await.0, 0);
    client_h1::exchange(example.envoy.address, &read).await.assert_forwarded(&example.digest);

    let reached = example.upstream.received().len();
    let forged = RequestHead::new("GET", shop::PATH, shop::HOST).header("x-agent-name", shop::AGENT).bytes();
    client_h1::exchange(operators, &forged).await.assert_refused(401, &example.digest);
    assert_eq!(example.upstream.received().len(), reached);
}

/// Envoy's own buffers are large enough, on both protocols, for Ambit to be the one who refuses.
#[tokio::test]
async fn a_body_above_the_limit_gets_the_answer_of_ambit() {
    let example = Example::start(Policies::shop()).await;
    let address = example.envoy.address;
    let key = credentials(shop::AGENT, "key-of-pricing");
    let headers = [("x-agent-key", key.as_bytes()), ("content-type", b"application/json")];
    let mut http2 = client_h2::Connection::open(address).await;

    // 8 MB and 300 KiB, where the policy has 256 KiB.
    let large = vec![b' '; 300 * 1024];
    let head = pricing("PUT", shop::PATH).header("transfer-encoding", "chunked");
    let chunks = std::iter::repeat_n(chunk(&[b' '; 4096]), 2000);
    let mut connection = client_h1::Connection::open(address).await;
    let answer = connection.send_until_answered(std::iter::once(head.bytes()).chain(chunks)).await;
    answer.assert_refused(413, &example.digest);
    let mut stream = http2.start("PUT", shop::URL, &headers, false).await;
    stream.try_data(&large, true).await;
    stream.answer().await.assert_refused(413, &example.digest);
    assert_eq!(example.upstream.bytes(), 0);

    let mut within = ALLOWED.to_vec();
    within.resize(256 * 1024, b' ');
    let request = pricing("PUT", shop::PATH).with_body(&within);
    let answer = client_h1::exchange(address, &request).await;
    answer.assert_forwarded(&example.digest);
    let answer = http2.exchange("PUT", shop::URL, &headers, &within).await;
    answer.assert_forwarded(&example.digest);
}

#[tokio::test]
async fn nobody_speaks_for_another_agent() {
    let example = Example::start(Policies::shop()).await;
    let address = example.envoy.address;
    // Without a key, with a wrong one, and with another agent's.
    for (head, by_ambit) in [
        (RequestHead::new("GET", shop::PATH, shop::HOST), true),
        (request("GET", shop::PATH, shop::AGENT, "guess"), false),
        (request("GET", shop::PATH, "other-agent", "key-of-other"), true),
    ] {
        let forged = head.header("x-agent-name", shop::AGENT);
        let answer = client_h1::exchange(address, &forged.bytes()).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        if by_ambit {
            answer.assert_refused(401, &example.digest);
        }
    }
    assert_eq!(example.upstream.bytes(), 0);
}

#[tokio::test]
async fn headers_only_the_gateway_may_set_are_dropped() {
    let example = Example::start(Policies::shop()).await;
    let head = pricing("GET", shop::PATH)
        .header("x-agent-name", "other-agent")
        .header("x-ambit-route", "forged")
        .header("x-forwarded-client-cert", "forged")
        .header("x-envoy-retry-on", "5xx")
        .header("x-envoy-upstream-rq-timeout-ms", "1")
        .header("x-other", "kept");
    let answer = client_h1::exchange(example.envoy.address, &head.bytes()).await;
    answer.assert_forwarded(&example.digest);
    let received = &example.upstream.received()[0];
    let agents: Vec<_> =
        received.headers.iter().filter(|(name, _)| name == "x-agent-name").map(|(_, value)| value.as_slice()).collect();
    assert_eq!(agents, [b"pricing-agent"]);
    assert_eq!(received.header("x-other"), Some(b"kept".as_slice()));
    for gone in [
        "x-ambit-route",
        "x-forwarded-client-cert",
        "x-envoy-retry-on",
        "x-envoy-upstream-rq-timeout-ms",
        "x-agent-key",
    ] {
        assert_eq!(received.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn the_filter_sees_the_path_the_client_sent() {
    let example = Example::start(Policies::shop()).await;
    // Each would be the allowed path once it is tidied.
    for path in ["/v1//products/7", "/v1/x/../products/7", "/v1/%2e/products/7", "/v1/products%2F7"] {
        let request = pricing("GET", path).bytes();
        let answer = client_h1::exchange(example.envoy.address, &request).await;
        assert_eq!(answer.assert_refused(400, &example.digest).codes(), ["path_ambiguous"], "{path}: {answer:?}");
    }
    let underscore = pricing("GET", shop::PATH).header("x_agent_name", "other-agent");
    let answer = client_h1::exchange(example.envoy.address, &underscore.bytes()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(example.upstream.bytes(), 0);
}

#[tokio::test]
async fn a_new_bundle_is_in_force_once_it_is_renamed_into_place() {
    let example = Example::start(Policies::shop().max_price(3)).await;
    let write = pricing("PUT", shop::PATH).with_body(ALLOWED);
    let answer = client_h1::exchange(example.envoy.address, &write).await;
    answer.assert_refused(403, &example.digest);
    let next = Policies::shop().bundle();
    deliver(&example.folder, &next);
    example.envoy.await_updates(2, 0).await;
    let mut connection = client_h1::Connection::open(example.envoy.address).await;
    connection.exchange(&write).await.assert_forwarded(&next.digest);
}

/// What an API that is asked for a product was sent, and its answer: a price of 10.
#[derive(Clone, Default)]
pub(crate) struct Asked(pub(crate) Arc<Mutex<Vec<(String, HeaderMap)>>>);

impl Asked {
    pub(crate) async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = move |request: Request| async move {
            let call = format!("{} {}", request.method(), request.uri());
            self.0.lock().expect("record").push((call, request.headers().clone()));
            ([("content-type", "application/json")], r#"{"id":7,"price":10}"#)
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.expect("served") });
        address
    }
}

/// The shop's policy with a limit on changes, and the cluster of lookups that the example has.
fn changes() -> Bundle {
    changes_with(|_| {})
}

/// The same, with another gateway document.
pub(crate) fn changes_with(alter: impl FnOnce(&mut Value)) -> Bundle {
    let parse = |text| serde_json::from_str::<Value>(text).expect("a policy file of these tests");
    let mut page = parse(include_str!("policies/agent-policy-20260101-pricing-agent.json"));
    page["permit"][1]["limits"] = json!([{ "id": "step", "field": "price", "change": { "percent": "5" } }]);
    let mut gateway = parse(include_str!("policies/gateway.json"));
    gateway["lookups"] = json!({ "clusters": { "shop.example.com": "shop-lookups" } });
    alter(&mut gateway);
    let mut catalog = parse(include_str!("policies/catalogs/shop-v1.json"));
    let current = json!({ "try": [{ "get": "/products/{id}" }], "same": { "id": "id" } });
    catalog["resources"]["products"]["current"] = current;
    catalog["resources"]["products"]["fields"]["id"] = json!({ "at": "/id", "type": "digits" });
    let source = |name: &str, kind, document: Value| Source { name: name.into(), kind, text: document.to_string() };
    let compiled = compile(&[
        source("gateway.json", SourceKind::Gateway, gateway),
        source("shop-v1.json", SourceKind::Catalog, catalog),
        source("page.json", SourceKind::Template, page),
    ]);
    let set = compiled.set.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    Bundle::of(String::from_utf8(seal(&set).expect("sealed")).expect("an envelope is text"))
}

/// B3, with the credential that README.md puts beside the gateway: lookups have it and nothing of the agent, and what
/// agents send has it never.
#[tokio::test]
async fn lookups_have_a_credential_of_their_own() {
    let asked = Asked::default();
    let lookups = asked.clone().serve().await;
    let example = Example::with(changes(), NOWHERE.into(), lookups).await;
    let address = example.envoy.address;
    let write = |price: &str| {
        pricing("PUT", shop::PATH)
            .header("authorization", "Bearer of-the-agent")
            .header("cookie", "session=of-the-agent")
            .with_body(format!(r#"{{"price":{price}}}"#).as_bytes())
    };
    client_h1::exchange(address, &write("10.51")).await.assert_refused(403, &example.digest);
    assert_eq!(example.upstream.bytes(), 0);
    client_h1::exchange(address, &write("10.50")).await.assert_forwarded(&example.digest);

    let received = example.upstream.received();
    assert_eq!(received[0].header("authorization"), Some(b"Bearer of-the-agent".as_slice()));
    let asked = asked.0.lock().expect("record");
    assert_eq!(asked.len(), 2);
    for (call, headers) in asked.iter() {
        assert_eq!(call, "GET /v1/products/7");
        let authorizations: Vec<&HeaderValue> = headers.get_all("authorization").iter().collect();
        assert_eq!(authorizations, [LOOKUP_TOKEN]);
        assert_eq!(headers.get("host").map(HeaderValue::as_bytes), Some(shop::HOST.as_bytes()));
        for of_the_agent in ["cookie", "x-agent-name", "x-agent-key", "content-type", "x-request-id"] {
            assert_eq!(headers.get(of_the_agent), None, "{of_the_agent}");
        }
    }
}
