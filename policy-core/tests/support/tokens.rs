//! Session tokens, and the gateway that takes them.

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::jws::{Kind, public_key_text, public_of, sign};
use serde_json::{Value, json};

use super::pages::shop_behind;
use super::{NOW, Request};

/// The key `ci` signs sessions, `anna` grants, `ops` commands.
pub const SECRETS: [(&str, [u8; 32]); 3] = [("ci", [7; 32]), ("anna", [8; 32]), ("ops", [9; 32])];

/// The secret half of a key.
pub fn secret(key: &str) -> [u8; 32] {
    SECRETS.iter().find(|(id, _)| *id == key).expect("a key").1
}

/// The set of one page on the shop, behind a gateway that takes session tokens, plain tokens and a header.
pub fn shop_with_sessions(page: &str) -> Arc<PolicySet> {
    shop_with_sessions_and(page, &json!({}))
}

/// The same with more members of the gateway document.
pub fn shop_with_sessions_and(page: &str, more: &Value) -> Arc<PolicySet> {
    let public = |key: &str| public_key_text(&public_of(&secret(key)));
    let mut gateway = json!({
        "name": "g1",
        "keys": [
            { "id": "ci", "public_key": public("ci"), "sessions": true },
            { "id": "anna", "public_key": public("anna"), "roles": ["manager"], "owner": "anna" },
            { "id": "ops", "public_key": public("ops"), "control": true },
        ],
        "identity": [
            { "session_token": { "header": "authorization" } },
            { "token": { "header": "authorization",
              // printf %s s3cret | sha256sum
              "sha256": { "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0": "agent" } } },
            { "header": "x-agent" },
        ],
    });
    let more = more.as_object().expect("members").clone();
    gateway.as_object_mut().expect("members").extend(more);
    shop_behind(&gateway.to_string(), page)
}

/// The moment of the tests, in seconds since 1970.
pub fn now() -> u64 {
    policy_core::Timestamp::parse(NOW).expect("a time").seconds()
}

/// The claims of the session `s1` of `agent`, which began a minute ago and lasts an hour; `more` is merged over them, and
/// `null` takes a claim out.
pub fn claims(more: Value) -> Value {
    let mut claims =
        json!({ "iss": "ci", "aud": "g1", "sub": "agent", "sid": "s1", "iat": now() - 60, "exp": now() + 3_540 });
    let all = claims.as_object_mut().expect("claims");
    for (name, value) in more.as_object().expect("claims") {
        all.insert(name.clone(), value.clone());
    }
    all.retain(|_, value| !value.is_null());
    claims
}

/// A session token with these claims, signed by `ci`.
pub fn token(more: Value) -> String {
    sign(Kind::Session, "ci", &secret("ci"), claims(more).to_string().as_bytes())
}

impl Request {
    /// With a session token in place of the header that names the agent.
    #[must_use]
    pub fn in_session(self, more: Value) -> Self {
        self.with_token(&token(more))
    }

    /// The same with any token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.set("x-agent", None).header("authorization", format!("Bearer {token}"))
    }
}
