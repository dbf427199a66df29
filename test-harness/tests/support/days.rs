//! Recordings made up for a test: who asked what, and what came back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_harness::policies::Policies;
use test_harness::recording::Recording;
use test_harness::replay::{Engine, WasmEngine, find_module};
use test_harness::world::{Facts, Recorded, Rest, Values};

/// The store of `tests/data/present`.
pub(crate) fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/present/policies")
}

/// The command, and what it says: exit code, standard output, standard error.
pub(crate) fn ambit(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("ambit").unwrap().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A recording while it is put together.
pub(crate) struct Day {
    pub(crate) directory: TempDir,
    lines: Vec<Value>,
}

impl Day {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), lines: Vec::new() }
    }

    /// A request of the keeper (`PUT /v1/products/1 {"price": "5"}`) and the answer (`200 {"id": 1}`); `""`: none came.
    pub(crate) fn exchange(mut self, request: &str, answer: &str) -> Self {
        let mut words = request.splitn(3, ' ');
        let (method, target, body) = (words.next().unwrap(), words.next().unwrap(), words.next());
        let host = if target.starts_with("/mcp") { "mcp.example.com" } else { "shop.example.com" };
        let mut headers = json!([["x-agent-name", "keeper"]]);
        let time = format!("2026-11-20T08:00:{:02}Z", self.lines.len());
        let mut line = json!({ "time": time, "method": method, "path": target, "host": host, "scheme": "https" });
        if let Some(body) = body {
            headers.as_array_mut().unwrap().push(json!(["content-type", "application/json"]));
            line["body"] = body.into();
        }
        line["headers"] = headers;
        if let Some((status, body)) = answer.split_once(' ') {
            let headers = json!([["content-type", "application/json"]]);
            line["response"] = json!({ "status": status.parse::<u16>().unwrap(), "headers": headers, "body": body });
        } else if !answer.is_empty() {
            line["response"] = json!({ "status": answer.parse::<u16>().unwrap(), "headers": [] });
        }
        self.lines.push(line);
        self
    }

    /// The last answer was cut off by the recorder.
    pub(crate) fn cut(mut self) -> Self {
        self.lines.last_mut().unwrap()["response"]["body_truncated"] = "the recorder's limit".into();
        self
    }

    /// The last answer was recorded as it was on the wire: compressed.
    pub(crate) fn compressed(mut self, base64: &str) -> Self {
        let response = &mut self.lines.last_mut().unwrap()["response"];
        response["headers"].as_array_mut().unwrap().push(json!(["content-encoding", "gzip"]));
        response["body_base64"] = base64.into();
        response.as_object_mut().unwrap().remove("body");
        self
    }

    /// A file beside the recording.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The recording as a file.
    pub(crate) fn recording(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(Value::to_string).collect();
        self.file("day.ndjson", &lines.join("\n"))
    }

    /// The decisions on it, by both engines: `decision: first message`. Reads are left out.
    #[track_caller]
    pub(crate) fn decided(&self, more: &[&str]) -> Vec<String> {
        let native = self.by_command(more);
        assert_eq!(native, self.by_filter(more), "both engines");
        native
    }

    /// As the command says it with the native engine.
    fn by_command(&self, more: &[&str]) -> Vec<String> {
        let (recording, policies) = (self.recording(), policies());
        let arguments = ["replay", &recording, "--policies", policies.to_str().unwrap(), "--engine", "native"];
        let (code, out, err) = ambit(&[&arguments[..], &["--format", "json"], more].concat());
        assert_eq!((code, err.as_str()), (0, ""));
        let report: Value = serde_json::from_str(&out).unwrap();
        let line = |decision: &Value| {
            (decision["rule"] != "look").then(|| {
                let message = decision["reasons"][0]["message"].as_str();
                said(decision["decision"].as_str().unwrap(), message)
            })
        };
        report["decisions"].as_array().unwrap().iter().filter_map(line).collect()
    }

    /// As the filter says it, which is compiled once for all tests.
    fn by_filter(&self, more: &[&str]) -> Vec<String> {
        static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::open(&policies()).unwrap());
        static FILTER: LazyLock<Mutex<WasmEngine>> = LazyLock::new(|| {
            let wasm = find_module(None).unwrap();
            Mutex::new(WasmEngine::new(&wasm, &POLICIES.bundle, Arc::clone(&POLICIES.set)).unwrap())
        });
        let mut facts = Facts::new(Arc::clone(&POLICIES.set), None, Rest::NotRecorded);
        let mut values = Values::Recorded;
        for option in more.chunks(2) {
            match option {
                ["--assume", assumption] => facts.assume(assumption).unwrap(),
                ["--fixture", file] => facts.read(&fs::read(file).unwrap()).unwrap(),
                ["--world", "enforced"] => values = Values::Enforced,
                ["--world", "recorded"] => {}
                other => panic!("{other:?}"),
            }
        }
        let mut world = Recorded::new(Arc::clone(&POLICIES.set), facts, values);
        let mut decided = Vec::new();
        for exchange in Recording::open(Path::new(&self.recording())).unwrap() {
            let exchange = exchange.unwrap();
            let judgement = FILTER.lock().unwrap().judge_in(&world, &exchange, None).unwrap();
            world.observe(&exchange, judgement.fate());
            if judgement.rule.as_deref() != Some("look") {
                let message = judgement.reasons.first().and_then(|reason| reason.message.as_deref());
                decided.push(said(judgement.verdict.name(), message));
            }
        }
        decided
    }

    /// The same without the messages.
    #[track_caller]
    pub(crate) fn verdicts(&self, more: &[&str]) -> Vec<String> {
        let verdict = |line: String| line.split(':').next().unwrap_or_default().to_owned();
        self.decided(more).into_iter().map(verdict).collect()
    }
}

fn said(verdict: &str, message: Option<&str>) -> String {
    message.map_or_else(|| verdict.to_owned(), |message| format!("{verdict}: {message}"))
}
