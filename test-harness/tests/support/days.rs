//! Recordings made up for a test: who asked what, and what came back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

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
        let recording = self.recording();
        let by = |engine: &str| {
            let policies = policies();
            let arguments = ["replay", &recording, "--policies", policies.to_str().unwrap(), "--engine", engine];
            let (code, out, err) = ambit(&[&arguments[..], &["--format", "json"], more].concat());
            assert_eq!((code, err.as_str()), (0, ""), "{engine}");
            let report: Value = serde_json::from_str(&out).unwrap();
            let line = |decision: &Value| {
                let verdict = decision["decision"].as_str().unwrap();
                match decision["reasons"][0]["message"].as_str() {
                    Some(message) => format!("{verdict}: {message}"),
                    None => verdict.to_owned(),
                }
            };
            let decisions = report["decisions"].as_array().unwrap();
            decisions.iter().filter(|decision| decision["rule"] != "look").map(line).collect::<Vec<_>>()
        };
        let native = by("native");
        assert_eq!(native, by("wasm"), "both engines");
        native
    }

    /// The same without the messages.
    #[track_caller]
    pub(crate) fn verdicts(&self, more: &[&str]) -> Vec<String> {
        let verdict = |line: String| line.split(':').next().unwrap_or_default().to_owned();
        self.decided(more).into_iter().map(verdict).collect()
    }
}
