//! C5: one agent, or all, stopped within a second without a restart, by the command that a person runs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use policy_core::jws::Kind;
use serde_json::{Value, json};
use test_harness::keys::KeyFile;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, Connection, RequestHead};
use crate::config::Gateway;
use crate::deadline::{until, within};
use crate::decision_record::decision;
use crate::operators::{CONTROL, NAME, Operator};
use crate::process::Envoy;
use crate::shop::{self, AGENT, HOST, PATH};
use crate::upstream::{Api, Received, Reply, Upstream};

/// Another agent with the same page.
const OTHER: &str = "stock-agent";
const CONNECTIONS: usize = 64;

/// Who may command the gateway, and who may not.
struct Keys {
    operator: Operator,
    finance: KeyFile,
    stranger: KeyFile,
}

impl Keys {
    fn new() -> Self {
        let key = || KeyFile::generate().expect("a key");
        Self { operator: Operator::new(), finance: key(), stranger: key() }
    }

    fn policies(&self) -> Policies {
        let finance = json!({ "id": "finance", "public_key": self.finance.public_key(), "roles": ["finance"] });
        Policies::shop()
            .also(OTHER)
            .set_gateway("name", json!(NAME))
            .set_gateway("control", json!({ "path": CONTROL }))
            .set_gateway("keys", json!([self.operator.entry(), finance]))
    }

    /// A command as `ambit` prints it.
    async fn print(&self, arguments: &[&str]) -> String {
        let (code, command, err) = self.operator.command(arguments, &["--print"]).await;
        assert_eq!(code, 0, "{err}");
        command
    }

    /// Runs `ambit` against a gateway.
    async fn command(&self, envoy: &Envoy, arguments: &[&str]) -> (i32, String, String) {
        self.operator.command(arguments, &["--gateway", &url(envoy)]).await
    }

    /// [`Keys::command`], until the gateway takes it.
    async fn first_command(&self, envoy: &Envoy, arguments: &[&str]) {
        self.operator.first_command(&url(envoy), arguments).await;
    }
}

fn url(envoy: &Envoy) -> String {
    format!("http://{}{CONTROL}", envoy.address)
}

/// A command with these claims besides those that every command has.
fn signed(key: &KeyFile, id: &str, more: &Value) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut claims =
        json!({ "aud": NAME, "jti": "test", "iat": now, "exp": now + 60, "command": "pause", "all": true });
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    key.sign(Kind::Command, id, claims.to_string().as_bytes())
}

/// What reached the API: whose request, and when.
#[derive(Default)]
struct Log(Mutex<Vec<(String, Instant)>>);

impl Log {
    fn of(&self, agent: &str) -> Vec<Instant> {
        self.0.lock().expect("log").iter().filter(|(name, _)| name == agent).map(|(_, at)| *at).collect()
    }
}

impl Api for Log {
    async fn reply(&self, request: Received) -> Reply {
        let agent = String::from_utf8_lossy(request.header("x-agent-name").unwrap_or_default()).into_owned();
        self.0.lock().expect("log").push((agent, Instant::now()));
        Reply::json(200, b"{}")
    }
}

fn read_as(agent: &str) -> Vec<u8> {
    RequestHead::new("GET", PATH, HOST).header("x-agent-name", agent).bytes()
}

fn posted(body: &[u8]) -> Vec<u8> {
    RequestHead::new("POST", CONTROL, HOST).with_body(body)
}

/// One request after another on one connection, every other one a write, until told to stop: what was answered, and when.
fn load(address: SocketAddr, agent: &'static str, stop: Arc<AtomicBool>) -> JoinHandle<Vec<(Instant, Answer)>> {
    tokio::spawn(async move {
        let mut connection = Connection::open(address).await;
        let write = RequestHead::new("PUT", PATH, HOST)
            .header("x-agent-name", agent)
            .header("content-type", "application/json")
            .with_body(shop::ALLOWED);
        let mut answers = Vec::new();
        for request in [read_as(agent), write].iter().cycle() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let answer = connection.exchange(request).await;
            // A write that is refused at its head is answered before its body is read, and Envoy ends the connection.
            if answer.header("connection").as_deref() == Some("close") {
                connection = Connection::open(address).await;
            }
            answers.push((Instant::now(), answer));
        }
        answers
    })
}

/// C5: from the start of the command to the last request that reaches the API it is less than a second, under load and for
/// every worker; other agents go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_stopped_within_a_second() {
    let keys = Keys::new();
    let log = Arc::new(Log::default());
    let upstream = Upstream::serving(Arc::clone(&log)).await;
    let bundle = keys.policies().bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_ecds(&bundle.text).start().await;
    keys.first_command(&envoy, &["resume", AGENT]).await;

    let stop = Arc::new(AtomicBool::new(false));
    let loads: Vec<_> = (0..CONNECTIONS).map(|_| load(envoy.address, AGENT, Arc::clone(&stop))).collect();
    let other = load(envoy.address, OTHER, Arc::clone(&stop));
    until(Duration::from_secs(20), "load", async || (log.of(AGENT).len() > 20 * CONNECTIONS).then_some(())).await;

    let started = Instant::now();
    let (code, out, err) = keys.command(&envoy, &["pause", AGENT, "--reason", "prices jump"]).await;
    let returned = Instant::now();
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, format!("{AGENT} is paused at {NAME}\n"));
    let others = log.of(OTHER).len();
    // Refused as fast as they are sent, while another agent's pass.
    until(Duration::from_secs(20), "requests of the other", async || (log.of(OTHER).len() > others + 50).then_some(()))
        .await;
    stop.store(true, Ordering::SeqCst);

    let (mut passed, mut refused) = (0, 0);
    for load in loads {
        for (at, answer) in within(Duration::from_secs(20), "answers", load).await.expect("load ends well") {
            if answer.status == 200 {
                passed += 1;
                assert!(at < started + Duration::from_secs(1), "one was answered {:?} after the command", at - started);
            } else {
                refused += 1;
                assert_eq!(answer.assert_refused(403, &bundle.digest).codes(), ["paused"]);
            }
        }
    }
    for (_, answer) in other.await.expect("load ends well") {
        answer.assert_forwarded(&bundle.digest);
    }
    let reached = log.of(AGENT);
    assert_eq!(reached.len(), passed, "what reached the API is what was answered so");
    let last = reached.iter().max().expect("requests").saturating_duration_since(started);
    println!(
        "{CONNECTIONS} connections, 2 workers: the last request reached the API {last:?} after the command began, which \
         took {:?}; {passed} passed before, {refused} refused after",
        returned - started
    );
    assert!(refused > CONNECTIONS && last < Duration::from_secs(1), "{refused} {last:?}");

    // It stays so under the next policy, until somebody lifts it.
    let next = keys.policies().max_price(99).bundle();
    envoy.push(&next.text);
    envoy.await_updates(2, 0).await;
    let answer = until(Duration::from_secs(20), "the new policy", async || {
        let answer = client_h1::exchange(envoy.address, &read_as(AGENT)).await;
        (answer.digest() == next.digest).then_some(answer)
    })
    .await;
    let problem = answer.assert_refused(403, &next.digest);
    assert!(problem.prose().contains("`prices jump`, until a person resumes it"), "{}", problem.prose());
    client_h1::exchange(envoy.address, &read_as(OTHER)).await.assert_forwarded(&next.digest);

    let (_, shown, _) = keys.command(&envoy, &["paused"]).await;
    assert!(shown.starts_with(&format!("{AGENT}, by the key ops, since 20")), "{shown}");
    assert!(shown.ends_with(": prices jump\n"), "{shown}");
    let (code, _, err) = keys.command(&envoy, &["resume", AGENT]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    client_h1::exchange(envoy.address, &read_as(AGENT)).await.assert_forwarded(&next.digest);
}

/// C5: what is no sound command does nothing; each is refused with what is wrong, and recorded.
#[tokio::test]
async fn what_is_no_sound_command_does_nothing() {
    let keys = Keys::new();
    let upstream = Upstream::http1().await;
    let bundle = keys.policies().bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_static(&bundle.text).start().await;
    keys.first_command(&envoy, &["resume", "--all"]).await;
    let now = jiff::Timestamp::now().as_second();

    let pause = keys.print(&["pause", "--all", "--reason", "a test"]).await;
    let paused = client_h1::exchange(envoy.address, &posted(pause.as_bytes())).await;
    assert_eq!(paused.status, 200, "{paused:?}");
    client_h1::exchange(envoy.address, &shop::read()).await.assert_refused(403, &bundle.digest);
    assert_eq!(keys.command(&envoy, &["resume", "--all"]).await.0, 0);

    let command = |key: &KeyFile, id: &str, more: Value| posted(signed(key, id, &more).as_bytes());
    let ops = keys.operator.key();
    let refusals = [
        (posted(pause.as_bytes()), 409, "replayed"),
        (command(&ops, "ops", json!({ "exp": now - 1, "iat": now - 60 })), 401, "expired"),
        (command(&ops, "ops", json!({ "aud": "another" })), 403, "other_gateway"),
        (command(&keys.stranger, "ops", json!({})), 401, "wrong_signature"),
        (command(&keys.stranger, "stranger", json!({})), 401, "unknown_key"),
        (command(&keys.finance, "finance", json!({})), 403, "key_not_for_control"),
        (command(&ops, "ops", json!({ "all": null, "agent": "nobody" })), 404, "unknown_agent"),
        (posted(b"pause everything"), 400, "not_a_command"),
        (posted(b""), 400, "not_a_command"),
        (posted(&[b'x'; 1_000_000]), 413, "too_large"),
        (RequestHead::new("POST", CONTROL, HOST).with_chunks(&[&[b'x'; 4_000], &[b'x'; 4_000]]), 413, "too_large"),
        (RequestHead::new("GET", CONTROL, HOST).bytes(), 405, "method"),
        (RequestHead::new("DELETE", CONTROL, HOST).header("x-agent-name", AGENT).bytes(), 401, "no_token"),
        (RequestHead::new("POST", "/.ambit/control?a=b", HOST).with_body(b"x"), 400, "query"),
    ];
    let reached = upstream.received().len();
    for (request, status, code) in &refusals {
        let mut connection = Connection::open(envoy.address).await;
        let answer = connection.send_until_answered(request.chunks(16_384).map(<[u8]>::to_vec)).await;
        assert_eq!(answer.status, *status, "{code}: {answer:?}");
        let problem: Value = serde_json::from_slice(&answer.body).expect("a document");
        assert_eq!(problem["type"], format!("urn:ambit:command:{code}"));
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    }
    assert_eq!(upstream.received().len(), reached, "nothing of them goes upstream");
    // Another spelling of the route is no command, and no way around.
    let near = RequestHead::new("POST", "/.ambit/contro%6c", HOST).header("x-agent-name", AGENT).with_body(b"x");
    client_h1::exchange(envoy.address, &near).await.assert_refused(403, &bundle.digest);
    client_h1::exchange(envoy.address, &shop::read()).await.assert_forwarded(&bundle.digest);

    let log = until(Duration::from_secs(20), "all of them in the log", async || {
        let log = envoy.log();
        let all = refusals.iter().all(|(_, _, code)| log.contains(&format!("refused: {code}: ")));
        all.then_some(log)
    })
    .await;
    assert!(log.contains("ambit: pause of all agents what `everything` by the key `ops` jti `"), "{log}");
    // Each worker writes its part of the log when it gets to it.
    let replayed = until(Duration::from_secs(20), "the replayed command in the access log", async || {
        let events = envoy.access_log(refusals.len()).await;
        events.into_iter().find(|entry| entry["details"] == "ambit_command_replayed")
    })
    .await;
    let event = decision(&replayed);
    assert_eq!(
        (&event["outcome"], &event["command"], &event["key"], &event["all"]),
        (&json!("refused"), &json!("pause"), &json!("ops"), &json!(true))
    );
}

/// C5: a restart forgets what was commanded, and takes nothing that was commanded before; what the bundle says stays.
#[tokio::test]
async fn what_outlives_a_restart() {
    let keys = Keys::new();
    let upstream = Upstream::http1().await;
    let paused = json!([{ "agent": OTHER, "reason": "under review" }]);
    let bundle = keys.policies().set_gateway("paused", paused).bundle();
    let start = async || Gateway::to(&upstream).workers(2).with_ecds(&bundle.text).start().await;
    let envoy = start().await;
    keys.first_command(&envoy, &["pause", AGENT, "--writes", "--for", "1h", "--reason", "a test"]).await;
    let captured = keys.print(&["pause", "--all", "--reason", "a test"]).await;
    let write = shop::write().with_body(shop::ALLOWED);
    client_h1::exchange(envoy.address, &shop::read()).await.assert_forwarded(&bundle.digest);
    client_h1::exchange(envoy.address, &write).await.assert_refused(403, &bundle.digest);

    // No command lifts what the bundle says, and whoever tries is told.
    let (code, _, err) = keys.command(&envoy, &["resume", OTHER]).await;
    assert_eq!(code, 2, "{err}");
    assert_eq!(
        err,
        format!("still paused: {OTHER}, by gateway.json: change `paused` there and deliver the bundle: under review\n")
    );
    client_h1::exchange(envoy.address, &read_as(OTHER)).await.assert_refused(403, &bundle.digest);
    drop(envoy);

    let envoy = start().await;
    client_h1::exchange(envoy.address, &write).await.assert_forwarded(&bundle.digest);
    let problem = client_h1::exchange(envoy.address, &read_as(OTHER)).await.assert_refused(403, &bundle.digest);
    assert_eq!(problem.codes(), ["paused"]);
    let answer = client_h1::exchange(envoy.address, &posted(captured.as_bytes())).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text().contains("urn:ambit:command:before_start"), "{answer:?}");
    client_h1::exchange(envoy.address, &write).await.assert_forwarded(&bundle.digest);
}
