//! Phantom tokens (B3) in the shipped gateway: agents hold tokens that are worth nothing elsewhere, the API sees the real
//! credential, and nobody gets it whose request was not judged as a named agent's.

use std::time::Duration;

use axum::http::HeaderValue;
use policy_core::bundle::digest_of;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::client_h2;
use crate::deadline::until;
use crate::decision_record::decision;
use crate::shipped_example::{Asked, Example, LOOKUP_TOKEN, REAL_TOKEN, changes_with, credentials, put_credential};
use crate::shop::{self, ALLOWED, REFUSED};
use crate::upstream::Received;

const PHANTOM: &str = "phantom-of-pricing";
/// The shop's clusters: the one that adds the credential, and the other.
const INJECTING: &str = "cluster.shop-agents.upstream_rq_total";
const PLAIN: &str = "cluster.shop.upstream_rq_total";

/// What README.md has an admin write into gateway.json.
fn phantom(gateway: &mut Value) {
    let digest = digest_of(PHANTOM.as_bytes());
    let agents = json!({ digest.strip_prefix("sha256:").expect("a digest"): shop::AGENT });
    gateway["identity"] = json!([
        { "header": "x-agent-name" },
        { "token": { "header": "authorization", "sha256": agents } },
    ]);
    gateway["credentials"] = json!({ "route_header": "x-ambit-route", "routes": { "shop.example.com": "shop" } });
}

fn policies() -> Policies {
    Policies::shop().gateway(phantom)
}

/// Who names no agent passes.
fn open_policies() -> Policies {
    policies().gateway(|gateway| gateway["unknown_agent"] = json!("not_an_agent"))
}

fn plain(method: &str) -> RequestHead {
    RequestHead::new(method, shop::PATH, shop::HOST)
}

fn bearer(method: &str, token: &str) -> RequestHead {
    plain(method).header("authorization", format!("Bearer {token}")).header("content-type", "application/json")
}

/// Asserts that the API saw the real credential once, and nothing of what is the gateway's own.
#[track_caller]
fn assert_swapped(received: &Received) {
    let all = |name: &str| {
        let named = received.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(all("authorization"), [REAL_TOKEN]);
    assert_eq!(all("x-ambit-route"), Vec::<String>::new());
    assert_eq!(all("x-agent-key"), Vec::<String>::new());
    assert_without(&format!("{:?}", received.headers), &[PHANTOM]);
}

#[track_caller]
fn assert_without(text: &str, secrets: &[&str]) {
    for secret in secrets {
        let bare = secret.strip_prefix("Bearer ").unwrap_or(secret);
        assert!(!text.contains(bare), "{bare} in {text}");
    }
}

fn text_of(answer: &Answer) -> String {
    let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)));
    headers.chain([answer.text()]).collect()
}

/// How many requests each of the shop's clusters was sent: the one that adds the credential, the other.
async fn sent(example: &Example) -> (u64, u64) {
    (example.envoy.stat(INJECTING).await, example.envoy.stat(PLAIN).await)
}

/// B3: judged from its head or its body, over HTTP/1.1 or HTTP/2: the token stays here, the real credential goes on, and
/// neither the agent nor the log sees it. The route was chosen before the verdict, and is chosen again by it.
#[tokio::test]
async fn the_api_sees_the_real_credential_alone() {
    let example = Example::start(policies()).await;
    let address = example.envoy.address;
    let requests = [
        bearer("GET", PHANTOM).bytes(),
        bearer("PUT", PHANTOM).with_body(ALLOWED),
        bearer("PUT", PHANTOM).with_chunks(&[ALLOWED]),
        // An agent with a key of the gateway.
        plain("GET").header("x-agent-key", credentials(shop::AGENT, "key-of-pricing")).bytes(),
        bearer("GET", PHANTOM).header("x-agent-key", credentials(shop::AGENT, "key-of-pricing")).bytes(),
        // Forged beside a token that is good.
        bearer("GET", PHANTOM).header("x-ambit-route", "admin").header("x-agent-name", "other-agent").bytes(),
    ];
    let mut answers = Vec::new();
    for request in &requests {
        let answer = client_h1::exchange(address, request).await;
        answer.assert_forwarded(&example.digest);
        answers.push(text_of(&answer));
    }
    let mut http2 = client_h2::Connection::open(address).await;
    let token = format!("Bearer {PHANTOM}");
    let headers = [("authorization", token.as_bytes()), ("content-type", b"application/json")];
    let answer = http2.exchange("PUT", shop::URL, &headers, ALLOWED).await;
    answer.assert_forwarded(&example.digest);
    answers.push(text_of(&answer));

    let received = example.upstream.received();
    assert_eq!(received.len(), requests.len() + 1);
    received.iter().for_each(assert_swapped);
    assert_eq!(sent(&example).await, (received.len() as u64, 0));
    let log = example.envoy.stdout_json(received.len()).await;
    for line in &log {
        assert_eq!(decision(line)["agent"], shop::AGENT);
    }
    for text in answers.iter().chain([&example.envoy.log()]) {
        assert_without(text, &[REAL_TOKEN, PHANTOM]);
    }
}

/// B3: without a token that is known, or outside the agent's page, nothing comes near the credential.
#[tokio::test]
async fn a_refused_request_never_reaches_the_cluster_with_the_credential() {
    let example = Example::start(policies()).await;
    let forged = |head: RequestHead| head.header("x-ambit-route", "shop").header("x-agent-name", shop::AGENT);
    for (status, request) in [
        (401, plain("GET").bytes()),
        (401, forged(plain("GET")).bytes()),
        (401, bearer("GET", "guessed").bytes()),
        (401, forged(bearer("GET", "guessed")).bytes()),
        // A source that is present must be valid, whatever another says.
        (401, bearer("GET", "of-the-agent").header("x-agent-key", credentials(shop::AGENT, "key-of-pricing")).bytes()),
        (401, bearer("GET", PHANTOM).header("authorization", "Bearer guessed").bytes()),
        (401, plain("GET").header("authorization", format!("Basic {PHANTOM}")).bytes()),
        (403, forged(bearer("PUT", PHANTOM)).with_body(REFUSED)),
        (403, forged(bearer("DELETE", PHANTOM)).bytes()),
    ] {
        let answer = client_h1::exchange(example.envoy.address, &request).await;
        answer.assert_refused(status, &example.digest);
        assert_without(&text_of(&answer), &[REAL_TOKEN, PHANTOM]);
    }
    // A wrong key is Envoy's own refusal.
    let wrong = forged(bearer("GET", PHANTOM)).header("x-agent-key", credentials(shop::AGENT, "guess"));
    assert_eq!(client_h1::exchange(example.envoy.address, &wrong.bytes()).await.status, 401);
    assert_eq!((sent(&example).await, example.upstream.bytes()), ((0, 0), 0));
    example.envoy.stdout_json(10).await;
    assert_without(&example.envoy.log(), &[REAL_TOKEN, PHANTOM]);
}

/// Requests that name nobody, each trying for the credential.
fn passers_by() -> [RequestHead; 5] {
    [
        plain("GET"),
        plain("GET").header("x-ambit-route", "shop"),
        plain("DELETE").header("X-Ambit-Route", "shop").header("x-ambit-route", "shop"),
        plain("GET").header("x-agent-name", shop::AGENT).header("x-ambit-route", "shop"),
        plain("GET").header("authorization", "Basic of-a-person").header("x-ambit-route", "shop"),
    ]
}

/// Asserts that they all passed, with what they had themselves.
async fn assert_pass_without_credential(example: &Example) {
    for head in passers_by() {
        let answer = client_h1::exchange(example.envoy.address, &head.bytes()).await;
        answer.assert_forwarded(&example.digest);
        assert_without(&text_of(&answer), &[REAL_TOKEN]);
    }
    let received = example.upstream.received();
    assert_eq!(sent(example).await, (0, received.len() as u64));
    let own: Vec<_> = received.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(own, [None, None, None, None, Some(b"Basic of-a-person".as_slice())]);
    for request in &received {
        assert_eq!(request.header("x-ambit-route"), None);
    }
}

/// B3: who is let pass without a name passes without the credential.
#[tokio::test]
async fn a_request_that_names_nobody_passes_without_the_credential() {
    let example = Example::start(open_policies()).await;
    assert_pass_without_credential(&example).await;
    let guessed = bearer("GET", "guessed").header("x-ambit-route", "shop");
    client_h1::exchange(example.envoy.address, &guessed.bytes()).await.assert_refused(401, &example.digest);
    client_h1::exchange(example.envoy.address, &bearer("GET", PHANTOM).bytes()).await.assert_forwarded(&example.digest);
    assert_swapped(example.upstream.received().last().expect("the agent's"));
    assert_eq!(sent(&example).await.0, 1);
}

/// B3: the gateway's own removal is the first of two. Without it the route to the credential is chosen by what the client
/// sent; the filter takes that off, and the route is chosen again.
#[tokio::test]
async fn the_filter_takes_off_what_a_gateway_lets_through() {
    let guard = "                        - remove_on_match: { key_matcher: { prefix: x-ambit- } }\n";
    let named = "                        - remove: x-agent-name\n";
    let example = Example::without(open_policies(), guard).await;
    assert_pass_without_credential(&example).await;
    // That there is something to take off: policies without credentials leave the header alone.
    let open = Policies::shop().gateway(|gateway| gateway["unknown_agent"] = json!("not_an_agent"));
    let example = Example::without(open, guard).await;
    let forged = plain("GET").header("x-ambit-route", "shop");
    client_h1::exchange(example.envoy.address, &forged.bytes()).await.assert_forwarded(&example.digest);
    assert_eq!(sent(&example).await, (1, 0));
    assert_swapped(&example.upstream.received()[0]);
    // With a name, and no route for its host: Ambit sets nothing that would stand in its place.
    let without_route = open_policies().gateway(|gateway| gateway["credentials"] = json!({ "routes": {} }));
    let example = Example::without(without_route, guard).await;
    let head = bearer("GET", PHANTOM).header("x-ambit-route", "shop");
    client_h1::exchange(example.envoy.address, &head.bytes()).await.assert_forwarded(&example.digest);
    assert_eq!(example.upstream.received()[0].header("authorization"), None);
    assert_eq!(sent(&example).await, (0, 1));
    // What the guard of the name is for: without it anybody is an agent.
    let example = Example::without(policies(), named).await;
    let head = plain("GET").header("x-agent-name", shop::AGENT);
    client_h1::exchange(example.envoy.address, &head.bytes()).await.assert_forwarded(&example.digest);
    assert_swapped(&example.upstream.received()[0]);
}

/// B3: what the gateway asks for a verdict has the credential of lookups, what it then forwards the agent's real one. The
/// verdict comes with the answer of the lookup, and the route is chosen again all the same.
#[tokio::test]
async fn lookups_keep_a_credential_of_their_own() {
    let asked = Asked::default();
    let lookups = asked.clone().serve().await;
    let example = Example::with_lookups(changes_with(phantom), lookups).await;
    let write = |price: &str| bearer("PUT", PHANTOM).with_body(format!(r#"{{"price":{price}}}"#).as_bytes());
    client_h1::exchange(example.envoy.address, &write("10.51")).await.assert_refused(403, &example.digest);
    assert_eq!((sent(&example).await, example.upstream.bytes()), ((0, 0), 0));
    client_h1::exchange(example.envoy.address, &write("10.50")).await.assert_forwarded(&example.digest);
    assert_swapped(&example.upstream.received()[0]);
    assert_eq!(sent(&example).await, (1, 0));
    let asked = asked.0.lock().expect("record");
    assert_eq!(asked.len(), 2);
    for (_, headers) in asked.iter() {
        let all: Vec<&HeaderValue> = headers.get_all("authorization").iter().collect();
        assert_eq!(all, [LOOKUP_TOKEN]);
        assert_eq!(headers.get("x-ambit-route"), None);
    }
}

/// B3, E9: the real credential is rotated by a rename; agents keep their tokens.
#[tokio::test]
async fn the_real_credential_is_rotated_without_a_restart() {
    let example = Example::start(policies()).await;
    let read = bearer("GET", PHANTOM).bytes();
    client_h1::exchange(example.envoy.address, &read).await.assert_forwarded(&example.digest);
    assert_swapped(&example.upstream.received()[0]);
    put_credential(&example.folder, "shop-agents.yaml", "Bearer the-real-token", "Bearer rotated");
    until(Duration::from_secs(20), "the new credential", async || {
        client_h1::exchange(example.envoy.address, &read).await.assert_forwarded(&example.digest);
        let received = example.upstream.received().pop()?;
        (received.header("authorization") == Some(b"Bearer rotated".as_slice())).then_some(())
    })
    .await;
}
