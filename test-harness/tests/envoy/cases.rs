//! The sample of cases as bytes through a live Envoy: the answers are those of the native core (and so, by `cases_sample.rs`,
//! of the module in the harness), or Envoy refuses the bytes itself.

use std::collections::BTreeMap;
use std::path::Path;

use policy_core::Timestamp;
use serde::{Deserialize, Serialize};
use test_harness::cases::{CaseMap, Cases, Expected, Record, as_delivered};
use test_harness::policies::Policies;
use test_harness::replay::NativeEngine;

use crate::answer::Answer;
use crate::client_h1::{self, RequestHead, chunk};
use crate::config::Gateway;
use crate::library;
use crate::library_live::{Decided, policies};
use crate::process::Envoy;
use crate::upstream::{Received, Upstream};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.ndjson");
/// What Envoy refuses before the filter sees it: the case, and Envoy's answer.
/// `AMBIT_BLESS=1 cargo test -p test-harness --test envoy cases` writes what is found.
const REFUSED_BY_ENVOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.envoy.json");

/// A case, and whose request it is.
struct Case {
    record: Record,
    agent: String,
}

impl Case {
    /// The record says that no client that keeps to the protocol sends it.
    fn is_for_the_engines_alone(&self) -> bool {
        self.record.harness.as_deref() == Some("unit")
    }
}

/// How Envoy refuses by itself.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct OwnRefusal {
    status: u16,
    /// Why, in Envoy's words.
    details: String,
}

/// The library's gateway, running, and the native engine with the same policies.
struct Ground {
    upstream: Upstream,
    envoy: Envoy,
    engine: NativeEngine,
    digest: String,
    /// The header that names the agent.
    identity: String,
    now: Timestamp,
    cases: Vec<Case>,
}

impl Ground {
    /// With the cases that have a page.
    async fn open() -> Self {
        let map = CaseMap::open(&library::folder().join("intents.map.json")).unwrap_or_else(|e| panic!("{e}"));
        let opened = Policies::open(&library::folder()).unwrap_or_else(|e| panic!("{e}"));
        let (bundle, set) = policies();
        let upstream = Upstream::http1().await;
        let now = Timestamp::parse(&map.now.to_string()).expect("a time");
        Self {
            envoy: Gateway::to(&upstream).with_static(&bundle).start().await,
            upstream,
            digest: set.digest().to_owned(),
            engine: NativeEngine::counting(set, now).unwrap_or_else(|e| panic!("{e}")),
            identity: opened.identity_header.expect("a header that names the agent"),
            now,
            cases: cases(&map),
        }
    }

    /// Sends a case on a connection of its own: nothing that an answer leaves unread becomes part of the next request.
    async fn send(&self, case: &Case) -> Answer {
        client_h1::exchange(self.envoy.address, &wire(case, &self.identity)).await
    }

    fn decided_natively(&self, Case { record, agent }: &Case) -> Decided {
        let request = as_delivered(record, &self.identity, agent).unwrap_or_else(|e| panic!("{}: {e}", record.id));
        Decided::natively(&self.engine.outcome(&request, self.now))
    }
}

fn cases(map: &CaseMap) -> Vec<Case> {
    let mut cases = Vec::new();
    for case in Cases::open(Path::new(CASES)).unwrap_or_else(|e| panic!("{e}")) {
        let (_, record) = case.unwrap_or_else(|e| panic!("{e}"));
        let Some(agent) = map.intents[&record.policy_intent].agent.clone() else { continue };
        let id = &record.id;
        assert_eq!(record.state.now, None, "{id}: a live gateway has a clock of its own");
        assert_eq!(record.request.trailers, [], "{id}: trailers are not sent by this test");
        assert_ne!(record.request.method, "HEAD", "{id}: an answer to HEAD has no document to read");
        cases.push(Case { record, agent });
    }
    cases
}

/// The request of a case as its client writes it, with the agent's name as a gateway sets it.
fn wire(Case { record, agent }: &Case, identity: &str) -> Vec<u8> {
    let request = &record.request;
    let mut head = RequestHead::without_host(&request.method, &request.path).header(identity, agent);
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(identity)) {
        head = head.header(name, value);
    }
    let names = |wanted: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    match body(record) {
        Some(body) if names("transfer-encoding") => [&head.bytes()[..], &chunk(&body), b"0\r\n\r\n"].concat(),
        Some(body) if names("content-length") => [head.bytes(), body].concat(),
        Some(body) => head.with_body(&body),
        None => head.bytes(),
    }
}

fn body(record: &Record) -> Option<Vec<u8>> {
    record.request.body_bytes().unwrap_or_else(|e| panic!("{}: {e}", record.id))
}

/// Whether Envoy has refused the request before the filter saw it. Every answer to what came to the filter names the policy.
#[track_caller]
fn by_envoy(answer: &Answer) -> bool {
    let by_envoy = answer.header("ambit-policy").is_none();
    if by_envoy {
        // What the filter or the route has failed at is no 4xx, and a document would be the filter's.
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert_ne!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{answer:?}");
    }
    by_envoy
}

/// What is allowed arrives as it was written.
#[track_caller]
fn assert_arrived(Case { record, .. }: &Case, received: &Received) {
    let (id, request) = (&record.id, &record.request);
    assert_eq!((&received.method, &received.path), (&request.method, &request.path), "{id}");
    let written = body(record).unwrap_or_default();
    assert_eq!(received.body.escape_ascii().to_string(), written.escape_ascii().to_string(), "{id}");
    assert!(received.complete, "{id}");
    let mut arrived = received.headers.iter();
    for (name, value) in &request.headers {
        let field = (name.to_ascii_lowercase(), value.clone().into_bytes());
        assert!(arrived.any(|header| *header == field), "{id}: `{name}` in its place among {received:?}");
    }
}

/// G1, F1.
#[tokio::test]
async fn every_case_is_decided_as_the_native_core_decides_it() {
    let ground = Ground::open().await;
    let cases: Vec<&Case> = ground.cases.iter().filter(|case| !case.is_for_the_engines_alone()).collect();
    assert!(cases.len() > 300, "{} cases", cases.len());
    let mut answers = Vec::new();
    for case in &cases {
        answers.push(ground.send(case).await);
    }
    let lines = ground.envoy.access_log(cases.len()).await;
    assert_eq!(lines.len(), cases.len());

    let mut received = ground.upstream.received().into_iter();
    assert_eq!(ground.envoy.forwarded().await, received.len() as u64);
    let mut own_refusals = BTreeMap::new();
    for ((case, answer), line) in cases.into_iter().zip(&answers).zip(&lines) {
        let id = &case.record.id;
        let in_line = Decided::in_line(line);
        if by_envoy(answer) {
            assert_eq!(case.record.expect, Expected::Deny, "{id}: refused by Envoy: {answer:?}");
            assert_eq!(in_line, None, "{id}: Envoy answers what the filter has decided");
            let details = line["details"].as_str().expect("details").to_owned();
            own_refusals.insert(id.clone(), OwnRefusal { status: answer.status, details });
            continue;
        }
        let decided = ground.decided_natively(case);
        assert_eq!(in_line.as_ref(), Some(&decided), "{id}");
        if decided.decision == "allow" {
            answer.assert_forwarded(&ground.digest);
            assert_arrived(case, &received.next().unwrap_or_else(|| panic!("{id} has not arrived")));
        } else if answer.header("content-type").as_deref() == Some("application/problem+json") {
            let problem = answer.assert_refused(answer.status, &ground.digest);
            assert_eq!(Decided::in_problem(&problem), decided, "{id}");
        } else if let Some(problem) = answer.assert_refused_call(&ground.digest) {
            assert_eq!(Decided::in_problem(&problem), decided, "{id}");
        }
    }
    assert_eq!(received.len(), 0, "{received:?}");
    assert_kept(&own_refusals);
}

/// What no client ought to send, sent nonetheless: refused by Envoy or by the filter. The one thing that passes is what
/// Envoy makes of `upgrade: h2c`: it takes the upgrade away before the filter sees it (RFC 9110, 7.8, lets a server ignore
/// one), so what arrives is an ordinary request and the connection stays HTTP/1.1.
#[tokio::test]
async fn what_no_client_ought_to_send_arrives_without_its_sting_or_not_at_all() {
    let ground = Ground::open().await;
    let cases = ground.cases.iter().filter(|case| case.is_for_the_engines_alone());
    let (mut refused, mut arrived) = (0, 0);
    for case in cases {
        let (id, request) = (&case.record.id, &case.record.request);
        assert_eq!(ground.decided_natively(case).decision, "deny", "{id}");
        let answer = ground.send(case).await;
        if by_envoy(&answer) {
            refused += 1;
        } else if answer.status == 200 {
            let h2c = ("upgrade".to_owned(), "h2c".to_owned());
            assert!(request.headers.contains(&h2c), "{id}: {answer:?}");
            answer.assert_forwarded(&ground.digest);
            arrived += 1;
        } else {
            assert_eq!(answer.assert_refused(answer.status, &ground.digest).decision(), "deny", "{id}");
            refused += 1;
        }
    }
    assert_eq!((refused, arrived), (5, 1));
    let received = ground.upstream.received();
    assert_eq!(received.len(), arrived);
    for name in ["upgrade", "http2-settings", "connection"] {
        assert_eq!(received[0].header(name), None, "{name}");
    }
}

fn assert_kept(own_refusals: &BTreeMap<String, OwnRefusal>) {
    if std::env::var_os("AMBIT_BLESS").is_some() {
        let text = serde_json::to_string_pretty(own_refusals).expect("JSON") + "\n";
        std::fs::write(REFUSED_BY_ENVOY, text).expect("the list can be written");
    }
    let text = std::fs::read_to_string(REFUSED_BY_ENVOY).unwrap_or_default();
    let kept: BTreeMap<String, OwnRefusal> = serde_json::from_str(&text).unwrap_or_default();
    assert_eq!(
        *own_refusals, kept,
        "as kept in {REFUSED_BY_ENVOY}; if it is meant: AMBIT_BLESS=1 cargo test -p test-harness --test envoy cases"
    );
}
