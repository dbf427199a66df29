//! B4: the transcript in the README is what happens: an agent by plain HTTP and one by the Model Context Protocol are refused with
//! a ticket, a person approves it with the real command, the same request passes, and once more it does not.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bundle::Policies;
use crate::client_h1;
use crate::config::Gateway;
use crate::grants::Approver;
use crate::mcp::Session;
use crate::shop;
use crate::upstream::Upstream;

const README: &str = include_str!("../../../README.md");
const BODY: &str = r#"{"price": 5000}"#;

/// Ids and digests are different every time.
fn lasting(text: &str) -> String {
    let volatile = |word: &str| {
        let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let id = core.len() >= 16 && core.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if id || core.starts_with("sha256:") { word.replace(core, "…") } else { word.to_owned() }
    };
    text.split(' ').map(volatile).collect::<Vec<_>>().join(" ")
}

/// What a problem document says, in a line.
fn said(problem: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    lasting(&format!("{}: {}", text(&problem["reasons"][0]["code"]), text(&problem["detail"])))
}

/// What the person sees, and what is signed: `ambit grant answer.json --key lea.pem`.
fn approval(transcript: &mut String, shown: &str) {
    writeln!(transcript, "person   $ ambit grant answer.json --key lea.pem --yes").expect("a text");
    for line in shown.lines() {
        let line = if line.starts_with("ticket ") { "ticket …".to_owned() } else { lasting(line) };
        writeln!(transcript, "         {line}").expect("a text");
    }
    transcript.truncate(transcript.trim_end().len());
    transcript.push('\n');
    writeln!(transcript, "         …").expect("a text");
}

#[track_caller]
fn assert_in_readme(transcript: &str) {
    let written: String = README.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let transcript: String = transcript.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    assert!(written.contains(&transcript), "README.md must show this:\n\n{transcript}");
}

#[tokio::test]
async fn an_agent_by_http() {
    let approver = Approver::new();
    let upstream = Upstream::http1().await;
    let bundle = approver.of(Policies::shop()).bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_ecds(&bundle.text).start().await;
    let send = async |grant: Option<&str>| {
        let head = grant.into_iter().fold(shop::write(), |head, grant| head.header("ambit-grant", grant));
        client_h1::exchange(envoy.address, &head.with_body(BODY.as_bytes())).await
    };
    let line = format!("PUT {} {BODY}", shop::PATH);
    let problem = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON");
    let mut transcript = String::new();
    let refused = send(None).await;
    writeln!(transcript, "agent    {line}\ngateway  {} {}", refused.status, said(&problem(&refused.body)))
        .expect("a text");
    let (shown, grant) = approver.approve(&refused.body).await;
    approval(&mut transcript, &shown);
    let passed = send(Some(&grant)).await;
    assert_eq!(upstream.received().len(), 1);
    writeln!(transcript, "agent    {line}   with `ambit-grant: …`\ngateway  {}, the API's own answer", passed.status)
        .expect("a text");
    let again = send(Some(&grant)).await;
    assert_eq!(upstream.received().len(), 1);
    writeln!(transcript, "agent    the same once more\ngateway  {} {}", again.status, said(&problem(&again.body)))
        .expect("a text");
    assert_in_readme(&transcript);
}

#[tokio::test]
async fn an_agent_by_mcp() {
    let approver = Approver::new();
    let mut session = Session::behind(approver.of(Policies::tools())).await;
    let table = || json!({ "table": "orders" });
    let line = format!("tools/call delete_table {}", table());
    let mut transcript = String::new();
    let held = session.refused("delete_table", table()).await;
    writeln!(transcript, "agent    {line}\ngateway  error, {}", said(&held)).expect("a text");
    let (shown, grant) = approver.approve(held.to_string().as_bytes()).await;
    approval(&mut transcript, &shown);
    session = session.carrying("ambit-grant", &grant).await;
    session.call("delete_table", table()).await.expect("approved");
    assert_eq!(session.runs(), (0, 1));
    writeln!(transcript, "agent    {line}   with `ambit-grant: …`\ngateway  result, the tool's own answer")
        .expect("a text");
    let again = session.refused("delete_table", table()).await;
    assert_eq!(session.runs(), (0, 1));
    writeln!(transcript, "agent    the same once more\ngateway  error, {}", said(&again)).expect("a text");
    assert_in_readme(&transcript);
}
