//! Recordings that a test makes up: what the agent `keeper` asked, and what came back.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A recording while it is put together.
pub(crate) struct Day {
    directory: TempDir,
    lines: Vec<Value>,
    /// Seconds from one request to the next.
    pace: usize,
}

impl Day {
    /// A request each second, from 2026-11-20T08:00:00Z on.
    pub(crate) fn new() -> Self {
        Self::every(1)
    }

    /// A request each so many seconds.
    pub(crate) fn every(pace: usize) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), lines: Vec::new(), pace }
    }

    /// A request of the keeper (`PUT /v1/products/1 {"price": "5"}`) and the answer (`200 {"id": 1}`); `""`: none came.
    pub(crate) fn exchange(mut self, request: &str, answer: &str) -> Self {
        let mut words = request.splitn(3, ' ');
        let (method, target, body) = (words.next().unwrap(), words.next().unwrap(), words.next());
        let host = if target.starts_with("/mcp") { "mcp.example.com" } else { "shop.example.com" };
        let mut headers = json!([["x-agent-name", "keeper"]]);
        let time = format!("2026-11-20T08:00:{:02}Z", self.pace * self.lines.len());
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
}
