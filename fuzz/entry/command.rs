//! Entry: bytes as what somebody sends to the control route. A line `sign` before them: the rest are claims, signed by an
//! operator.

use std::sync::{Arc, LazyLock};

use policy_core::compile::{Source, SourceKind};
use policy_core::control::{Answer, carry_out};
use policy_core::counters::{Budget, Table};
use policy_core::jws::{Kind, public_key_text, public_of, sign};
use policy_core::standing::Pauses;
use policy_core::store::Memory;
use policy_core::{Body, PolicySet};
use serde_json::{Value, json};

use super::documents;

const SECRET: [u8; 32] = [7; 32];

static SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    let gateway = json!({
        "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }], "name": "g1",
        "keys": [{ "id": "ops", "public_key": public_key_text(&public_of(&SECRET)), "control": true }],
        "control": { "path": "/.ambit/control" },
    });
    let mut sources: Vec<Source> = documents::small();
    sources.retain(|source| source.kind != SourceKind::Gateway);
    sources.push(documents::source(SourceKind::Gateway, gateway.to_string()));
    documents::policy(&sources)
});

/// Sends it twice. Nobody without the key changes anything; nothing is changed twice; whatever comes, what is said is JSON,
/// and one bounded line.
pub fn run(bytes: &[u8]) {
    let (signed, body) = match bytes.strip_prefix(b"sign\n") {
        Some(claims) => (true, sign(Kind::Command, "ops", &SECRET, claims).into_bytes()),
        None => (false, bytes.to_vec()),
    };
    let mut memory = Memory::new();
    let now = documents::now();
    Table::open(&SET, &mut memory, Budget { bytes: 1 << 20 }, policy_core::Timestamp(0)).expect("a table");
    let mut send = || {
        let before = format!("{memory:?}");
        let answer = carry_out(&SET, Body::Complete(body.clone()), &mut memory, now);
        assert_bounded(&answer);
        let changed = format!("{memory:?}") != before;
        assert!(!changed || answer.carried_out, "what is refused changes nothing: {}", answer.line);
        (answer, changed)
    };
    let (first, changed) = send();
    assert!(signed || !first.carried_out, "nobody signed it: {}", first.line);
    let (second, changed_again) = send();
    assert!(!changed_again, "a command is carried out once: {}", second.line);
    assert_eq!(second.details == "replayed", changed, "{}", second.line);
    assert_eq!(first.carried_out && !changed, second.carried_out, "showing can be asked again: {}", second.line);
    let kept = Pauses::read(&mut memory).expect("it is kept");
    assert!(kept.pauses.len() <= 1 && kept.commands.len() <= 1);
}

fn assert_bounded(answer: &Answer) {
    let line = &answer.line;
    assert!(!line.contains(char::is_control) && line.len() < 4096, "a record is one bounded line: {line}");
    for text in [&answer.body, &answer.event] {
        let value: Value = serde_json::from_slice(text).expect("JSON");
        assert!(value.is_object() && text.len() < 16 * 1024, "{value}");
    }
    assert_eq!(answer.carried_out, answer.status == 200);
}
