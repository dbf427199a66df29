//! What a client got back, and what an answer of Ambit must look like.

use std::fmt;

use serde_json::Value;

/// Header fields in the order they arrived: names lowercase, values as raw bytes.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

/// The first value of a header, when there is one.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())
}

/// A whole response, read to its end.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        write!(f, "\n{}", self.body.escape_ascii())
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.headers, name).map(|v| String::from_utf8_lossy(v).into_owned())
    }

    /// The digest of the policy that judged the request.
    pub(crate) fn digest(&self) -> String {
        let digests: Vec<_> = self.headers.iter().filter(|(n, _)| n == "ambit-policy").collect();
        assert_eq!(digests.len(), 1, "one `ambit-policy` header: {self:?}");
        let digest = String::from_utf8(digests[0].1.clone()).expect("digest is text");
        assert!(digest.starts_with("sha256:"), "a digest: {digest}");
        digest
    }

    /// Asserts that the request was allowed by the policy `digest` and answered by the upstream.
    #[track_caller]
    pub(crate) fn assert_forwarded(&self, digest: &str) {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("x-upstream").as_deref(), Some("reached"));
        assert_eq!(self.digest(), digest);
    }

    /// Asserts an RFC 9457 refusal by the policy `digest`, and gives its document.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, digest: &str) -> Problem {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{}", self.text());
        assert_eq!(self.header("x-upstream"), None);
        assert_eq!(self.digest(), digest);
        let problem: Value = serde_json::from_slice(&self.body).expect("a JSON document");
        assert_eq!(problem["status"], status);
        Problem::asserted(problem, digest)
    }

    /// Asserts the refusal of a message of JSON-RPC by the policy `digest`, and gives the document that its error holds:
    /// `None` for a notification, which has no answer but the status.
    #[track_caller]
    pub(crate) fn assert_refused_call(&self, digest: &str) -> Option<Problem> {
        assert_eq!(self.header("x-upstream"), None);
        assert_eq!(self.digest(), digest);
        if self.body.is_empty() {
            assert!((400..500).contains(&self.status), "{self:?}");
            return None;
        }
        assert_eq!(self.header("content-type").as_deref(), Some("application/json"), "{}", self.text());
        let reply: Value = serde_json::from_slice(&self.body).expect("a JSON document");
        // The first error of a batch holds the document for all.
        let error = reply.get(0).unwrap_or(&reply);
        assert_eq!(error["jsonrpc"], "2.0", "{reply}");
        assert!(error["id"].is_string() || error["id"].is_number(), "{reply}");
        assert!(error["error"]["code"].is_i64() && error["error"]["message"].is_string(), "{reply}");
        Some(Problem::asserted(error["error"]["data"].clone(), digest))
    }
}

/// The document of a refusal.
#[derive(Debug)]
pub(crate) struct Problem(Value);

impl Problem {
    #[track_caller]
    fn asserted(problem: Value, digest: &str) -> Self {
        assert_eq!(problem["policy"], digest, "{problem}");
        assert!(problem["type"].is_string(), "{problem}");
        assert!(problem["title"].is_string(), "{problem}");
        assert!(matches!(problem["decision"].as_str(), Some("deny" | "approval_required")), "{problem}");
        let reasons = problem["reasons"].as_array().expect("reasons");
        assert!(!reasons.is_empty(), "{problem}");
        for reason in reasons {
            assert!(reason["code"].is_string(), "{problem}");
            assert!(reason["message"].is_string(), "{problem}");
        }
        Self(problem)
    }

    pub(crate) fn decision(&self) -> &str {
        self.0["decision"].as_str().unwrap_or_default()
    }

    pub(crate) fn rule(&self) -> Option<&str> {
        self.0["rule"].as_str()
    }

    /// The codes of the reasons, in their order.
    pub(crate) fn codes(&self) -> Vec<&str> {
        self.0["reasons"].as_array().into_iter().flatten().filter_map(|reason| reason["code"].as_str()).collect()
    }

    /// Title, detail and all messages, for tests that look for a word.
    pub(crate) fn prose(&self) -> String {
        let mut prose = format!("{} {}", self.0["title"], self.0["detail"]);
        for reason in self.0["reasons"].as_array().into_iter().flatten() {
            prose.push(' ');
            prose.push_str(reason["message"].as_str().unwrap_or_default());
        }
        prose
    }
}
