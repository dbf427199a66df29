//! B2: a session that has ended is refused at once by every worker, whoever ended it, through updates, and after a restart.

use std::time::Duration;

use policy_core::jws::Kind;
use serde_json::{Value, json};
use test_harness::keys::KeyFile;

use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, Connection, RequestHead};
use crate::config::Gateway;
use crate::connections;
use crate::deadline::until;
use crate::operators::{CONTROL, NAME, Operator};
use crate::process::Envoy;
use crate::shop::{AGENT, HOST, PATH};
use crate::upstream::Upstream;

/// So many connections that both workers have some of them.
const CONNECTIONS: usize = 24;

/// Who issues tokens, and who may end any session.
struct Keys {
    operator: Operator,
    ci: KeyFile,
}

impl Keys {
    fn new() -> Self {
        Self { operator: Operator::new(), ci: KeyFile::generate().expect("a key") }
    }

    fn policies(&self) -> Policies {
        let ci = json!({ "id": "ci", "public_key": self.ci.public_key(), "sessions": true });
        Policies::shop()
            .set_gateway("name", json!(NAME))
            .set_gateway("control", json!({ "path": CONTROL }))
            .set_gateway("keys", json!([self.operator.entry(), ci]))
            .identity(json!([{ "session_token": { "header": "authorization" } }]))
    }

    /// A token of a session, issued now.
    fn token(&self, session: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({ "iss": "ci", "aud": NAME, "sub": AGENT, "sid": session, "iat": now, "exp": now + 3_600 });
        self.ci.sign(Kind::Session, "ci", claims.to_string().as_bytes())
    }

    /// The first token of a session that a gateway takes: one says in whole seconds when it was issued.
    async fn first_token(&self, envoy: &Envoy, session: &str) -> String {
        until(Duration::from_secs(5), "the second after the start", async || {
            let token = self.token(session);
            let answer = client_h1::exchange(envoy.address, &read(&token)).await;
            assert!(answer.status == 200 || answer.text().contains("session_before_start"), "{answer:?}");
            (answer.status == 200).then_some(token)
        })
        .await
    }
}

fn read(token: &str) -> Vec<u8> {
    RequestHead::new("GET", PATH, HOST).header("authorization", format!("Bearer {token}")).bytes()
}

fn delete(token: &str) -> Vec<u8> {
    RequestHead::new("DELETE", CONTROL, HOST).header("authorization", format!("Bearer {token}")).bytes()
}

/// One request on each connection, and so on each worker.
async fn on_all(connections: &mut [Connection], request: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for connection in connections {
        answers.push(connection.exchange(request).await);
    }
    answers
}

/// B2: ended by its holder or by an operator: the next request on each worker is refused, another session goes on, and an
/// update of the policies keeps it so.
#[tokio::test]
async fn a_session_that_has_ended_is_refused_at_once_by_all_workers() {
    let keys = Keys::new();
    let upstream = Upstream::http1().await;
    let bundle = keys.policies().bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_ecds(&bundle.text).start().await;
    let url = format!("http://{}{CONTROL}", envoy.address);
    let first = keys.first_token(&envoy, "run-1").await;
    let (second, third, other) = (keys.token("run-2"), keys.token("run-3"), keys.token("run-4"));
    let mut connections = connections::open(envoy.address, CONNECTIONS).await;
    for token in [&first, &second, &third, &other] {
        for answer in on_all(&mut connections, &read(token)).await {
            answer.assert_forwarded(&bundle.digest);
        }
    }
    let reached = upstream.received().len();

    // The documented call, the same by the command, and an operator's.
    let ended = client_h1::exchange(envoy.address, &delete(&first)).await;
    let said: Value = serde_json::from_slice(&ended.body).expect("JSON");
    assert_eq!((ended.status, &said["session"], &said["agent"]), (200, &json!("run-1"), &json!(AGENT)));
    let (_, out, _) = keys.operator.ambit(&["token", "end", &second, "--gateway", &url]).await;
    assert_eq!(out, format!("the session run-2 of {AGENT} has ended at {NAME}\n"));
    let (code, _, err) = keys.operator.command(&["token", "revoke", &third], &["--gateway", &url]).await;
    assert_eq!(code, 0, "{err}");

    for token in [&first, &second, &third, &keys.token("run-1")] {
        for answer in on_all(&mut connections, &read(token)).await {
            assert_eq!(answer.assert_refused(403, &bundle.digest).codes(), ["session_ended"]);
        }
    }
    assert_eq!(upstream.received().len(), reached, "nothing of them goes upstream");
    for answer in on_all(&mut connections, &read(&other)).await {
        answer.assert_forwarded(&bundle.digest);
    }
    assert_eq!(client_h1::exchange(envoy.address, &delete(&first)).await.status, 200, "it can be asked again");
    let with_body = RequestHead::new("DELETE", CONTROL, HOST).header("authorization", format!("Bearer {other}"));
    let refused = client_h1::exchange(envoy.address, &with_body.with_body(b"x")).await;
    assert!(refused.status == 400 && refused.text().contains("urn:ambit:command:body"), "{refused:?}");

    let next = keys.policies().max_price(99).bundle();
    envoy.push(&next.text);
    envoy.await_updates(2, 0).await;
    connections::await_policy(&mut connections, &read(&other), &next.digest).await;
    for connection in &mut connections {
        let answer = connection.exchange(&read(&first)).await;
        assert_eq!(answer.assert_refused(403, &next.digest).codes(), ["session_ended"]);
        connection.exchange(&read(&other)).await.assert_forwarded(&next.digest);
    }
    let log = envoy.log();
    assert!(
        log.contains(&format!("ambit: end_session by the holder of a token of `{AGENT}` session `run-1`")),
        "{log}"
    );
    assert!(log.contains(&format!("ambit: end_session of `{AGENT}` session `run-3`")), "{log}");
}

/// B2: after a restart no token from before holds, unless the document says so; a new one does.
#[tokio::test]
async fn a_restart_revives_no_session() {
    let keys = Keys::new();
    let upstream = Upstream::http1().await;
    let bundle = keys.policies().bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_static(&bundle.text).start().await;
    let ended = keys.first_token(&envoy, "run-1").await;
    assert_eq!(client_h1::exchange(envoy.address, &delete(&ended)).await.status, 200);
    client_h1::exchange(envoy.address, &read(&ended)).await.assert_refused(403, &bundle.digest);
    drop(envoy);

    let envoy = Gateway::to(&upstream).workers(2).with_static(&bundle.text).start().await;
    let problem = client_h1::exchange(envoy.address, &read(&ended)).await.assert_refused(401, &bundle.digest);
    assert_eq!(problem.codes(), ["session_before_start"]);
    let renewed = keys.first_token(&envoy, "run-2").await;
    client_h1::exchange(envoy.address, &read(&renewed)).await.assert_forwarded(&bundle.digest);
    drop(envoy);

    let allowing = keys.policies().set_gateway("sessions", json!({ "after_restart": "allow" })).bundle();
    let envoy = Gateway::to(&upstream).with_static(&allowing.text).start().await;
    client_h1::exchange(envoy.address, &read(&renewed)).await.assert_forwarded(&allowing.digest);
}
