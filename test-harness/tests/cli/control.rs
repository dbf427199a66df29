//! `ambit pause`, `resume`, `paused` and `end-session` (C5): what is signed and sent, and what is said when it does not go
//! well. What a gateway does with it: `envoy/kill_switch.rs`, `envoy/session_ends.rs`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy_core::jws::{Kind, verify};
use policy_core::policy::Key;
use policy_core::{Timestamp, jws};
use serde_json::{Value, json};
use test_harness::keys::KeyFile;

use crate::ambit::ambit_in;
use crate::policy_directory;

/// Exit code, standard output, standard error.
type Ran = (i32, String, String);

struct Operator {
    dir: tempfile::TempDir,
}

impl Operator {
    fn new() -> Self {
        let operator = Self { dir: tempfile::tempdir().unwrap() };
        KeyFile::generate().unwrap().write(&operator.key()).unwrap();
        operator
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("ops.pem")
    }

    fn ambit(&self, arguments: &[&str]) -> Ran {
        ambit_in(self.dir.path(), arguments)
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Ran {
        self.ambit(&[&[command, "--gateway-name", "g1", "--key", "ops.pem"], arguments].concat())
    }

    /// The claims of a printed command, whose signature holds.
    fn printed(&self, command: &str, arguments: &[&str]) -> Value {
        let (code, out, err) = self.run(command, &[arguments, &["--print"]].concat());
        assert_eq!(code, 0, "{err}");
        self.claims(out.trim_end())
    }

    fn claims(&self, message: &str) -> Value {
        let public = jws::public_key(&KeyFile::read(&self.key()).unwrap().public_key()).unwrap();
        let key = Key {
            id: "ops".into(),
            public,
            owner: None,
            roles: vec![],
            sessions: false,
            control: true,
            from: Timestamp(0),
            until: Timestamp(1),
        };
        let payload = verify(message, Kind::Command, &[key], Timestamp(0)).unwrap().payload;
        serde_json::from_slice(&payload).unwrap()
    }
}

/// Answers one request with this, and gives what it was.
fn gateway(status: &str, body: &str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    stream.write_all(answer.as_bytes()).unwrap();
                    return text;
                }
            }
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "the request ends early: {text}");
            request.extend_from_slice(&piece[..read]);
        }
    });
    (address, served)
}

#[track_caller]
fn assert_said((code, _, err): &Ran, expected: i32, said: &str) {
    assert_eq!(*code, expected, "{err}");
    assert!(err.contains(said), "{err}");
    assert_eq!(err.lines().count(), 1, "one line: {err}");
}

#[test]
fn a_command_says_what_was_asked_and_lives_a_minute() {
    let operator = Operator::new();
    let pause = operator.printed("pause", &["pricing-agent", "--writes", "--for", "1h", "--reason", "prices jump"]);
    let number = |name: &str| pause[name].as_u64().unwrap();
    assert_eq!(number("exp") - number("iat"), 60);
    assert!((3599..=3600).contains(&(number("until") - number("iat"))), "{pause}");
    let rest = ["aud", "command", "agent", "what", "reason"].map(|name| pause[name].as_str().unwrap());
    assert_eq!(rest, ["g1", "pause", "pricing-agent", "writes", "prices jump"]);
    assert!(pause.get("all").is_none(), "{pause}");

    let again = operator.printed("pause", &["--all", "--reason", "x"]);
    assert_eq!((&again["all"], again.get("what"), again.get("until")), (&json!(true), None, None));
    assert_ne!(again["jti"], pause["jti"]);
    assert_eq!(operator.printed("resume", &["--all"])["command"], "resume");
    assert_eq!(operator.printed("paused", &[])["command"], "show");
    let end = operator.printed("end-session", &["pricing-agent", "s-1", "--lasting", "2h"]);
    assert_eq!((&end["command"], &end["session"]), (&json!("end_session"), &json!("s-1")));
    assert!((7199..=7200).contains(&(end["until"].as_u64().unwrap() - end["iat"].as_u64().unwrap())), "{end}");
}

/// B2: nobody who ends a session has to know for how long its tokens hold.
#[test]
fn the_end_of_a_session_is_for_as_long_as_its_tokens_may_hold() {
    let operator = Operator::new();
    let ends = |claims: &Value| claims["until"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    let end = operator.printed("end-session", &["pricing-agent", "s-1"]);
    assert!((30 * 86_400..=30 * 86_400 + 60).contains(&ends(&end)), "{end}");

    let token = |claims: Value| KeyFile::generate().unwrap().sign(Kind::Session, "ci", claims.to_string().as_bytes());
    let said = token(json!({ "iss": "ci", "aud": "g1", "sub": "pricing-agent", "sid": "s-1", "iat": 1, "exp": 2 }));
    for given in [&[&said[..]][..], &["--agent", "pricing-agent", "--session", "s-1"]] {
        let arguments =
            ["token", "revoke", "--gateway-name", "g1", "--key", "ops.pem", "--print", "--reason", "leaked"];
        let (code, out, named) = operator.ambit(&[&arguments[..], given].concat());
        assert_eq!(code, 0, "{named}");
        assert_eq!(named, if given.len() == 1 { "session s-1 of pricing-agent\n" } else { "" });
        let revoke = operator.claims(out.trim_end());
        let said = ["command", "agent", "session", "reason"].map(|name| revoke[name].as_str().unwrap());
        assert_eq!(said, ["end_session", "pricing-agent", "s-1", "leaked"]);
        assert!((30 * 86_400..=30 * 86_400 + 60).contains(&ends(&revoke)), "{revoke}");
    }
    let other = token(json!({ "aud": "g2", "sub": "pricing-agent", "sid": "s-1" }));
    let nobody = token(json!({ "aud": "g1" }));
    for (arguments, expect) in [
        (&[&other[..]][..], "the token is for the gateway `g2`; name that with --gateway-name"),
        (&[&nobody], "the token names no agent and session"),
        (&["x.y.z"], "this is no session token"),
        (&["two words"], "this is no session token"),
        (&["--agent", "a"], "--session"),
        (&[], "TOKEN"),
    ] {
        let command = ["token", "revoke", "--gateway-name", "g1", "--key", "ops.pem", "--print"];
        assert_said(&operator.ambit(&[&command[..], arguments].concat()), 1, expect);
    }
}

/// B2: the documented call of a runner, as the command makes it.
#[test]
fn a_holder_ends_its_session() {
    let operator = Operator::new();
    let ended =
        json!({ "gateway": "g1", "command": "end_session", "now": "…", "agent": "a", "session": "s", "until": "…" });
    let end = |status: &str, body: &str| {
        let (address, served) = gateway(status, body);
        let url = format!("http://{address}/.ambit/control");
        (operator.ambit(&["token", "end", "x.y.z", "--gateway", &url]), served.join().unwrap())
    };
    let (output, request) = end("200 OK", &ended.to_string());
    assert_eq!(output.1, "the session s of a has ended at g1\n");
    assert!(request.starts_with("DELETE /.ambit/control HTTP/1.1\r\n"), "{request}");
    assert!(request.to_ascii_lowercase().contains("\r\nauthorization: bearer x.y.z\r\n"), "{request}");
    let problem = json!({ "type": "urn:ambit:command:expired", "detail": "it expired" });
    let (output, _) = end("401 Unauthorized", &problem.to_string());
    assert_said(&output, 1, "error: the gateway did not end the session (expired): it expired");
    let (output, _) = end("200 OK", "{}");
    assert_said(&output, 1, "and not as a control route");
}

#[test]
fn a_command_is_sent_and_its_answer_told() {
    let operator = Operator::new();
    let paused = json!({
        "gateway": "g1", "command": "resume", "now": "…", "since": "…", "lifted": 1,
        "paused": [
            { "all": true, "what": "writes", "cause": "tripwire", "tripwire": "t1", "since": "2026-11-20T12:00:00Z" },
            { "agent": "other", "what": "everything", "cause": "document" },
        ],
    });
    let (address, served) = gateway("200 OK", &paused.to_string());
    let output = operator.run("resume", &["a", "--gateway", &format!("http://{address}/.ambit/control")]);
    // One thing still stops the agent: whoever wanted it back is told.
    assert_said(&output, 2, "still paused: all agents (writes), by the tripwire t1, since 2026-11-20T12:00:00Z\n");
    assert_eq!(output.1, "a is resumed at g1\n");
    let request = served.join().unwrap();
    let (head, message) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /.ambit/control HTTP/1.1\r\n"), "{head}");
    assert_eq!(operator.claims(message)["agent"], "a");

    let (address, _served) = gateway("200 OK", &paused.to_string());
    let (_, out, _) = operator.run("paused", &["--format", "json", "--gateway", &format!("http://{address}/")]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), paused);
}

#[test]
fn what_goes_wrong_is_said_with_what_to_do() {
    let operator = Operator::new();
    let sent = |status, body: &str| {
        let (address, _served) = gateway(status, body);
        operator.run("pause", &["a", "--reason", "x", "--gateway", &format!("http://{address}/c")])
    };
    let problem = json!({ "type": "urn:ambit:command:expired", "detail": "it expired\u{1b}[31m: sign a new one" });
    let output = sent("401 Unauthorized", &problem.to_string());
    assert_said(&output, 1, "error: the gateway refused the command (expired): it expired\\u{1b}[31m: sign a new one");
    for (status, body) in [("404 Not Found", ""), ("200 OK", "hello"), ("302 Found", ""), ("403 Forbidden", "{}")] {
        let code = &status[..3];
        let expect = format!("answered {code}, and not as a control route: name the URL of the route that `control`");
        assert_said(&sent(status, body), 1, &expect);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = operator.run("pause", &["a", "--reason", "x", "--gateway", &format!("http://{nobody}/c")]);
    assert_said(&output, 1, "cannot reach the gateway at");

    for (arguments, expect) in [
        (
            &["a", "--reason", "x", "--gateway", "gateway.example.com"][..],
            "--gateway takes the URL of the control route",
        ),
        (&["a", "--reason", "x", "--print", "--for", "soon"], "`soon` is not a duration"),
        (&["a", "--reason", "x\ny", "--print"], "--reason takes one line"),
        (&["a", "--reason", "x", "--print", "--key-id", "a b"], "--key-id takes"),
        (&["a", "--all", "--reason", "x", "--print"], "cannot be used with"),
        (&["--reason", "x", "--print"], "required"),
        (&["a", "--print"], "--reason"),
        (&["a", "--reason", "x"], "--gateway"),
    ] {
        assert_said(&operator.run("pause", arguments), 1, expect);
    }
    std::fs::remove_file(operator.key()).unwrap();
    let output = operator.run("pause", &["a", "--reason", "x", "--print"]);
    assert_said(&output, 1, "error: there is no key file `ops.pem`; `ambit keygen -o ops.pem` makes a key");
    std::fs::write(operator.key(), URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
    assert_said(&operator.run("pause", &["a", "--reason", "x", "--print"]), 1, "is not an Ed25519 private key");
}

/// A recording may hold commands: they are no requests of agents, for either engine.
#[test]
fn a_recorded_command_is_no_agents_request() {
    let key = KeyFile::generate().unwrap().public_key();
    let gateway = json!({
        "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }], "name": "g1",
        "control": { "path": "/.ambit/control" }, "keys": [{ "id": "ops", "public_key": key, "control": true }],
    });
    let directory = tempfile::tempdir().unwrap();
    let page = "agent-policy-20260101-pricing-agent.json";
    policy_directory::write(
        directory.path(),
        &[
            ("gateway.json", &gateway.to_string()),
            ("catalogs/shop-v1.json", include_str!("../envoy/policies/catalogs/shop-v1.json")),
            (page, include_str!("../envoy/policies/agent-policy-20260101-pricing-agent.json")),
        ],
    );
    let recorded = json!({
        "time": "2026-11-20T08:00:00Z", "method": "POST", "path": "/.ambit/control", "host": "shop.example.com",
        "scheme": "https", "headers": [["x-agent-name", "pricing-agent"]], "body": "x.y.z",
    });
    std::fs::write(directory.path().join("day.ndjson"), format!("{recorded}\n")).unwrap();
    for engine in ["native", "wasm"] {
        let replay = ["replay", "day.ndjson", "--policies", ".", "--format", "json", "--engine", engine];
        let (_, out, err) = ambit_in(directory.path(), &replay);
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
        assert_eq!(report["counts"]["not_an_agent"], 1, "{engine}: {report:#}");
    }
}
