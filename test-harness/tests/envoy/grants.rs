//! B4, B5: a held action is approved by a person and passes once, through a real gateway: `ambit keygen` makes the key, `ambit
//! grant` shows the ticket and signs.

use std::time::Duration;

use serde_json::Value;

use crate::ambit::ambit_in;
use crate::answer::Answer;
use crate::bundle::{Bundle, Policies};
use crate::client_h1;
use crate::config::Gateway;
use crate::connections;
use crate::deadline::until;
use crate::decision_record::decision;
use crate::mcp::Session;
use crate::process::Envoy;
use crate::shop;
use crate::upstream::Upstream;

const ROLE: &str = "pricing-lead";
const KEY: &str = "lea";
/// A price that a person must approve.
const BODY: &[u8] = br#"{"price": 5000}"#;
const HEADER: &str = "ambit-grant";

/// Somebody who approves.
pub(crate) struct Approver {
    folder: tempfile::TempDir,
    public_key: String,
}

impl Approver {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (code, entry, err) = ambit_in(folder.path(), &["keygen", "-o", &format!("{KEY}.pem"), "--role", ROLE]);
        assert_eq!(code, 0, "{err}");
        let entry: Value = serde_json::from_str(&entry).expect("an entry");
        Self { folder, public_key: entry["public_key"].as_str().expect("a key").to_owned() }
    }

    pub(crate) fn of(&self, policies: Policies) -> Policies {
        policies.approved_by(ROLE, KEY, &self.public_key)
    }

    /// Approves what an answer holds, which the agent has handed on. A gateway takes no grant from the second in which it
    /// began: the clock goes on before it is signed.
    pub(crate) async fn grant(&self, answer: &[u8]) -> String {
        self.approve(answer).await.1
    }

    /// The same, with what is shown to who approves.
    pub(crate) async fn approve(&self, answer: &[u8]) -> (String, String) {
        std::fs::write(self.folder.path().join("answer.json"), answer).expect("written");
        next_second().await;
        let arguments = ["grant", "answer.json", "--key", &format!("{KEY}.pem"), "--yes"];
        let (code, grant, shown) = ambit_in(self.folder.path(), &arguments);
        assert_eq!(code, 0, "{shown}");
        (shown, grant.trim_end().to_owned())
    }
}

fn seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

async fn next_second() {
    let now = seconds();
    until(Duration::from_secs(5), "the next second", async || (seconds() > now).then_some(())).await;
}

fn granted(grant: &str) -> Vec<u8> {
    shop::write().header(HEADER, grant).with_body(BODY)
}

fn held() -> Vec<u8> {
    shop::write().with_body(BODY)
}

async fn start(upstream: &Upstream, bundle: &Bundle) -> Envoy {
    Gateway::to(upstream).workers(2).with_ecds(&bundle.text).start().await
}

#[track_caller]
fn assert_code(answer: &Answer, digest: &str, code: &str, word: &str) {
    let problem = answer.assert_refused(403, digest);
    assert_eq!(problem.codes(), [code], "{answer:?}");
    assert!(problem.prose().contains(word), "{answer:?}");
}

/// B4, B5: refused with a ticket, approved by the real command, passed, and refused again; the trail walks both ways.
#[tokio::test]
async fn a_held_request_is_approved_and_passes_once() {
    let approver = Approver::new();
    let upstream = Upstream::http1().await;
    let bundle = approver.of(Policies::shop()).bundle();
    let envoy = start(&upstream, &bundle).await;
    let refused = client_h1::exchange(envoy.address, &held()).await;
    assert_code(&refused, &bundle.digest, "approval_required", "pricing-lead");
    let grant = approver.grant(&refused.body).await;
    client_h1::exchange(envoy.address, &granted(&grant)).await.assert_forwarded(&bundle.digest);
    let again = client_h1::exchange(envoy.address, &granted(&grant)).await;
    assert_code(&again, &bundle.digest, "approval_invalid", "has been used");

    let received = upstream.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].body.as_slice(), received[0].header(HEADER)), (BODY, None));

    let lines = envoy.access_log(3).await;
    let decisions: Vec<Value> = lines.iter().map(decision).collect();
    let problem: Value = serde_json::from_slice(&refused.body).expect("JSON");
    let ticket = &problem["approval"]["id"];
    assert_eq!(&decisions[0]["ticket"], ticket);
    let approval = &decisions[1]["approval"][0];
    assert_eq!((&approval["ticket"], &approval["key"], &approval["role"]), (ticket, &KEY.into(), &ROLE.into()));
    for line in &lines {
        assert!(!line.to_string().contains(&grant), "{line}");
    }
}

/// B4: two workers, 64 connections, one grant: exactly one request passes, twenty times of twenty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_at_once_exactly_one_passes() {
    const CONNECTIONS: usize = 64;
    const RUNS: usize = 20;
    let approver = Approver::new();
    let upstream = Upstream::http1().await;
    let bundle = approver.of(Policies::shop()).bundle();
    let envoy = start(&upstream, &bundle).await;
    let refused = client_h1::exchange(envoy.address, &held()).await;
    let mut connections = connections::open(envoy.address, CONNECTIONS).await;
    for run in 1..=RUNS {
        let request = granted(&approver.grant(&refused.body).await);
        let (again, answers) = connections::ask_all(connections, &request).await;
        connections = again;
        let passed = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((run, passed), (run, 1));
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.assert_refused(403, &bundle.digest).codes().len(), 1);
        }
        assert_eq!(upstream.received().len(), run);
    }
}

/// B4: what was used stays used when the policies are delivered again; under other policies no grant from before holds.
#[tokio::test]
async fn an_update_forgets_no_grant() {
    let approver = Approver::new();
    let upstream = Upstream::http1().await;
    let policies = |max| approver.of(Policies::shop().max_price(max)).bundle();
    let (first, second) = (policies(100), policies(101));
    let envoy = start(&upstream, &first).await;
    let refused = client_h1::exchange(envoy.address, &held()).await;
    let (used, beside) = (approver.grant(&refused.body).await, approver.grant(&refused.body).await);
    client_h1::exchange(envoy.address, &granted(&used)).await.assert_forwarded(&first.digest);

    for (bundle, word) in [(&second, "another version of the policies"), (&first, "has been used")] {
        envoy.push(&bundle.text);
        until(Duration::from_secs(20), "the update", async || {
            (client_h1::exchange(envoy.address, &shop::read()).await.digest() == bundle.digest).then_some(())
        })
        .await;
        let answer = client_h1::exchange(envoy.address, &granted(&used)).await;
        assert_code(&answer, &bundle.digest, "approval_invalid", word);
    }
    // Nor one that was signed beside it, for the same; one that is signed since is another approval.
    let answer = client_h1::exchange(envoy.address, &granted(&beside)).await;
    assert_code(&answer, &first.digest, "approval_invalid", "or another for the same");
    let fresh = approver.grant(&refused.body).await;
    client_h1::exchange(envoy.address, &granted(&fresh)).await.assert_forwarded(&first.digest);
}

/// B4: after a restart no grant from before it counts, used or not. Two gateways of one name at the same time each take a
/// grant once: what is used is known to all workers of one gateway, and to no other gateway.
#[tokio::test]
async fn a_gateway_remembers_what_it_has_seen_itself() {
    let approver = Approver::new();
    let upstream = Upstream::http1().await;
    let bundle = approver.of(Policies::shop()).bundle();
    let (first, second) = (start(&upstream, &bundle).await, start(&upstream, &bundle).await);
    let refused = client_h1::exchange(first.address, &held()).await;
    let grant = approver.grant(&refused.body).await;
    for envoy in [&first, &second] {
        client_h1::exchange(envoy.address, &granted(&grant)).await.assert_forwarded(&bundle.digest);
        let again = client_h1::exchange(envoy.address, &granted(&grant)).await;
        assert_code(&again, &bundle.digest, "approval_invalid", "has been used");
    }
    drop((first, second));
    next_second().await;
    let restarted = start(&upstream, &bundle).await;
    let answer = client_h1::exchange(restarted.address, &granted(&grant)).await;
    assert_code(&answer, &bundle.digest, "approval_invalid", "from before this gateway's start");
    assert_eq!(upstream.received().len(), 2);
}

/// B4, A19: the same by a client of the Model Context Protocol: the ticket travels in the error's `data`, and asking again
/// with another id is the same call.
#[tokio::test]
async fn a_held_call_is_approved_and_runs_once() {
    let approver = Approver::new();
    let mut session = Session::behind(approver.of(Policies::tools())).await;
    let table = || serde_json::json!({ "table": "orders" });
    let held = session.refused("delete_table", table()).await;
    assert_eq!(held["decision"], "approval_required", "{held}");
    assert!(held["approval"]["action"].to_string().contains("orders"), "{held}");
    let grant = approver.grant(held.to_string().as_bytes()).await;
    session = session.carrying(HEADER, &grant).await;
    session.call("delete_table", table()).await.expect("approved");
    assert_eq!(session.runs(), (0, 1));
    let again = session.refused("delete_table", table()).await;
    assert_eq!(again["reasons"][0]["code"], "approval_invalid", "{again}");
    assert!(again["detail"].to_string().contains("has been used"), "{again}");
    assert_eq!(session.runs(), (0, 1));
    // What needs no approval is not hindered by a grant that is used up.
    session.call("search_products", serde_json::json!({ "query": "mugs" })).await.expect("allowed");
}
