//! `ambit grant` (B4): what a person sees, what is signed, and what is not. It walks through docs/approvals.md.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::ambit::{ambit_in, command, run};
use crate::policy_directory;

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

/// A folder with the key `lea.pem`, and `policies` of a gateway that knows it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let keygen = ["keygen", "-o", "lea.pem", "--role", "shop-lead", "--owner", "lea@example.com"];
    let (code, entry, err) = ambit_in(folder.path(), &keygen);
    assert_eq!(code, 0, "{err}");
    let key: Value = serde_json::from_str(&entry).unwrap();
    let gateway = json!({
        "ambit": "gateway-v1", "name": "shop-gateway", "identity": [{ "header": "x-agent" }], "unknown_agent": "deny", "keys": [key]
    });
    let gateway = gateway.to_string();
    policy_directory::write(
        &folder.path().join("policies"),
        &[
            ("gateway.json", &gateway),
            ("catalogs/shop.json", CATALOG),
            ("agent-policy-20260101-price-agent.json", PAGE),
        ],
    );
    folder
}

fn evaluate(folder: &Path, more: &[&str]) -> Value {
    let mut arguments =
        vec!["evaluate", URL, "-X", "DELETE", "--policies", "policies", "--agent", "price-agent", "--format", "json"];
    arguments.extend(more);
    let (code, out, err) = ambit_in(folder, &arguments);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn grant(folder: &Path, ticket: &str, more: &[&str]) -> (i32, String, String) {
    ambit_in(folder, &[&["grant", ticket, "--key", "lea.pem"], more].concat())
}

#[test]
fn a_ticket_is_shown_signed_and_taken() {
    let folder = folder();
    let held = evaluate(folder.path(), &[]);
    assert_eq!(held["decision"], "approval_required");
    let ticket = held["ticket"].as_str().unwrap();
    let (code, signed, shown) = grant(folder.path(), ticket, &["--yes"]);
    assert_eq!(code, 0, "{shown}");
    for line in [
        "the agent `price-agent` asks the gateway `shop-gateway` to do this:",
        "  | DELETE shop.example.com`/products/42`",
        "  | `shop:products.delete` of `42`",
        "you approve as `shop-lead`: for this request alone, once, within 10m",
        "the agent sends the same request again, with this as its header `ambit-grant`:",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        // What the documentation shows is what is shown.
        let transcript = include_str!("../../../docs/approvals.md");
        assert!(transcript.lines().any(|written| written == line), "docs/approvals.md lacks: {line}");
    }
    let taken = evaluate(folder.path(), &["--grant", signed.trim()]);
    assert_eq!((&taken["decision"], &taken["approval"][0]["key"]), (&json!("allow"), &json!("lea")), "{taken}");
    let later = evaluate(folder.path(), &["--grant", signed.trim(), "--now", "2099-01-01T00:00:00Z"]);
    assert_eq!(later["reasons"][0]["code"], "approval_invalid", "{later}");
}

#[test]
fn nobody_signs_unasked() {
    let folder = folder();
    let held = evaluate(folder.path(), &[]);
    let ticket = held["ticket"].as_str().unwrap();
    let (code, signed, err) = grant(folder.path(), ticket, &[]);
    assert_eq!((code, signed.as_str()), (1, ""));
    assert!(err.contains("--yes signs without asking"), "{err}");
}

#[test]
fn mistakes_say_what_to_write_instead() {
    let folder = folder();
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
        let (code, signed, err) = grant(folder.path(), ticket, more);
        assert_eq!((code, signed.as_str()), (1, ""), "{message}");
        assert!(err.contains(message), "{err}");
        // Nobody reads a screen of what will not be signed.
        assert!(!err.contains("you approve as"), "{err}");
    }
}

/// The whole answer that an agent got will do, by a file or by the standard input.
#[test]
fn an_answer_as_it_came_holds_the_ticket() {
    let folder = folder();
    let held = evaluate(folder.path(), &[]);
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32011, "message": "", "data": { "approval": { "ticket": held["ticket"] } } } });
    let file = folder.path().join("answer.json");
    std::fs::write(&file, answer.to_string()).unwrap();
    assert_eq!(grant(folder.path(), "answer.json", &["--yes"]).0, 0);
    let curl = format!("HTTP/1.1 403 Forbidden\r\ncontent-type: application/problem+json\r\n\r\n{answer}");
    std::fs::write(folder.path().join("answer.http"), curl).unwrap();
    assert_eq!(grant(folder.path(), "answer.http", &["--yes"]).0, 0);
    let mut piped = command();
    piped.current_dir(folder.path()).stdin(std::fs::File::open(&file).unwrap());
    assert_eq!(run(piped.args(["grant", "-", "--key", "lea.pem", "--yes"])).0, 0);
}

/// The ticket on the standard input leaves the terminal for the answer: `script` gives one.
#[test]
#[cfg(target_os = "linux")]
fn who_pipes_the_ticket_is_asked_at_the_terminal() {
    use std::io::Write as _;

    let folder = folder();
    let held = evaluate(folder.path(), &[]);
    std::fs::write(folder.path().join("ticket"), held["ticket"].as_str().unwrap()).unwrap();
    for (answer, code) in [("y\n", 0), ("n\n", 2)] {
        let line = format!("'{}' grant - --key lea.pem < ticket > grant.txt", env!("CARGO_BIN_EXE_ambit"));
        let mut terminal = Command::new("script");
        terminal.current_dir(folder.path()).args(["-q", "-e", "-c", &line, "/dev/null"]);
        let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let asked = String::from_utf8_lossy(&output.stdout);
        assert!(asked.contains("approve? [y/N]"), "{output:?}");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let signed = std::fs::read_to_string(folder.path().join("grant.txt")).unwrap();
        assert_eq!(signed.is_empty(), code != 0);
    }
}
