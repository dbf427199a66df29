//! `ambit grant` (B4): what a person sees, what is signed, and what is not. It walks through docs/approvals.md.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const PAGE: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "price-agent", "purpose": "a test", "impact": "low" },
  "version": "1",
  "valid": { "from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z" },
  "mode": "enforce",
  "apis": { "shop": { "catalog": "shop", "hosts": ["shop.example.com"] } },
  "approvers": { "shop-lead": { "expires": "10m" } },
  "permit": [{ "id": "delete", "scope": "shop:products.delete", "approval": "shop-lead" }],
  "owners": { "product": "tests" }
}"#;
const CATALOG: &str = r#"{ "catalog": "shop", "resources": { "products": { "key": "path.id",
  "actions": { "delete": { "endpoints": ["DELETE /products/{id}"], "effect": "door" } } } } }"#;
const URL: &str = "https://shop.example.com/products/42";

fn ambit(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ambit"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a key, and policies of a gateway that knows it.
fn ground() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = ambit(folder.path(), &["keygen", "-o", "lea.pem", "--role", "shop-lead", "--owner", "lea@example.com"]);
    assert!(made.status.success(), "{made:?}");
    let key: Value = serde_json::from_slice(&made.stdout).unwrap();
    let gateway = json!({
        "ambit": "gateway-v1", "name": "shop-gateway", "identity": [{ "header": "x-agent" }], "unknown_agent": "deny", "keys": [key]
    });
    let policies = folder.path().join("policies");
    std::fs::create_dir_all(policies.join("catalogs")).unwrap();
    std::fs::write(policies.join("gateway.json"), gateway.to_string()).unwrap();
    std::fs::write(policies.join("catalogs/shop.json"), CATALOG).unwrap();
    std::fs::write(policies.join("agent-policy-20260101-price-agent.json"), PAGE).unwrap();
    folder
}

fn evaluate(folder: &Path, more: &[&str]) -> Value {
    let mut arguments =
        vec!["evaluate", URL, "-X", "DELETE", "--policies", "policies", "--agent", "price-agent", "--format", "json"];
    arguments.extend(more);
    let output = ambit(folder, &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn grant(folder: &Path, ticket: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["grant", ticket, "--key", "lea.pem"];
    arguments.extend(more);
    ambit(folder, &arguments)
}

#[test]
fn a_ticket_is_shown_signed_and_taken() {
    let folder = ground();
    let held = evaluate(folder.path(), &[]);
    assert_eq!(held["decision"], "approval_required");
    let ticket = held["ticket"].as_str().unwrap();
    let signed = grant(folder.path(), ticket, &["--yes"]);
    assert!(signed.status.success(), "{}", text(&signed.stderr));
    let shown = text(&signed.stderr);
    for line in [
        "the agent `price-agent` asks the gateway `shop-gateway` to do this:",
        "  | DELETE shop.example.com`/products/42`",
        "  | `shop:products.delete` of `42`",
        "you approve as `shop-lead`: for this request alone, once, within 10m",
        "the agent sends the same request again, with this as its header `ambit-grant`:",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        // What the documentation shows is what is shown.
        let transcript = include_str!("../../docs/approvals.md");
        assert!(transcript.lines().any(|written| written == line), "docs/approvals.md lacks: {line}");
    }
    let taken = evaluate(folder.path(), &["--grant", text(&signed.stdout).trim()]);
    assert_eq!((&taken["decision"], &taken["approval"][0]["key"]), (&json!("allow"), &json!("lea")), "{taken}");
    let later = ["--grant", text(&signed.stdout).trim(), "--now", "2099-01-01T00:00:00Z"].map(str::to_owned);
    let later = evaluate(folder.path(), &later.each_ref().map(String::as_str));
    assert_eq!(later["reasons"][0]["code"], "approval_invalid", "{later}");
}

#[test]
fn nobody_signs_unasked() {
    let folder = ground();
    let held = evaluate(folder.path(), &[]);
    let ticket = held["ticket"].as_str().unwrap();
    let unasked = grant(folder.path(), ticket, &[]);
    assert_eq!((unasked.status.code(), text(&unasked.stdout)), (Some(1), String::new()));
    assert!(text(&unasked.stderr).contains("--yes signs without asking"), "{}", text(&unasked.stderr));
}

#[test]
fn mistakes_say_what_to_write_instead() {
    let folder = ground();
    let held = evaluate(folder.path(), &[]);
    let ticket = held["ticket"].as_str().unwrap();
    for (ticket, more, message) in [
        ("nonsense", &["--yes"][..], "this holds no ticket; give the member `approval.ticket`"),
        (ticket, &["--yes", "--role", "boss"], "the ticket is not for the role `boss`; its roles are `shop-lead`"),
        (ticket, &["--yes", "--for", "1h"], "a grant of `shop-lead` holds for at most 10m"),
        (ticket, &["--yes", "--for=-1m"], "--for `-1m`: a grant cannot end before it is signed"),
        (ticket, &["--yes", "--for", "soon"], "--for takes a duration such as 10m, not `soon`"),
        (ticket, &["--yes", "--key-id", "a b"], "--key-id takes 1 to 128 visible ASCII characters"),
    ] {
        let output = grant(folder.path(), ticket, more);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{message}");
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
        // Nobody reads a screen of what will not be signed.
        assert!(!text(&output.stderr).contains("you approve as"), "{}", text(&output.stderr));
    }
}

/// The whole answer that an agent got will do, by a file or by the standard input.
#[test]
fn an_answer_as_it_came_holds_the_ticket() {
    let folder = ground();
    let held = evaluate(folder.path(), &[]);
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32011, "message": "", "data": { "approval": { "ticket": held["ticket"] } } } });
    let file = folder.path().join("answer.json");
    std::fs::write(&file, answer.to_string()).unwrap();
    assert!(grant(folder.path(), "answer.json", &["--yes"]).status.success());
    let curl = format!("HTTP/1.1 403 Forbidden\r\ncontent-type: application/problem+json\r\n\r\n{answer}");
    std::fs::write(folder.path().join("answer.http"), curl).unwrap();
    assert!(grant(folder.path(), "answer.http", &["--yes"]).status.success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ambit"));
    let input = std::fs::File::open(&file).unwrap();
    let output =
        command.current_dir(folder.path()).args(["grant", "-", "--key", "lea.pem", "--yes"]).stdin(input).output();
    assert!(output.unwrap().status.success());
}

/// The ticket on the standard input leaves the terminal for the answer: `script` gives one.
#[test]
#[cfg(target_os = "linux")]
fn who_pipes_the_ticket_is_asked_at_the_terminal() {
    use std::io::Write as _;

    let folder = ground();
    let held = evaluate(folder.path(), &[]);
    std::fs::write(folder.path().join("ticket"), held["ticket"].as_str().unwrap()).unwrap();
    for (answer, code) in [("y\n", 0), ("n\n", 2)] {
        let run = format!("'{}' grant - --key lea.pem < ticket > grant.txt", env!("CARGO_BIN_EXE_ambit"));
        let mut command = Command::new("script");
        command.current_dir(folder.path()).args(["-q", "-e", "-c", &run, "/dev/null"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(text(&output.stdout).contains("approve? [y/N]"), "{output:?}");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let signed = std::fs::read_to_string(folder.path().join("grant.txt")).unwrap();
        assert_eq!(signed.is_empty(), code != 0);
    }
}
