//! Entry: bytes as what somebody sends to the control route. A line `sign` before them: the rest are claims, signed by an
//! operator. A line `delete`: the rest is what stands in `authorization` of a DELETE; a line `token`: claims of a session, signed
//! by who issues tokens, whose holder ends it.

use std::sync::{Arc, LazyLock};

use policy_core::compile::{Source, SourceKind};
use policy_core::control::{Answer, carry_out, read_head};
use policy_core::counters::{Budget, Table};
use policy_core::jws::{Kind, public_key_text, public_of, sign};
use policy_core::standing::Pauses;
use policy_core::store::Memory;
use policy_core::{Body, PolicySet};
use serde_json::{Value, json};

use super::documents;

const SECRET: [u8; 32] = [7; 32];
const ISSUER: [u8; 32] = [8; 32];

static SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    let gateway = json!({
        "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }], "name": "g1",
        "keys": [
            { "id": "ops", "public_key": public_key_text(&public_of(&SECRET)), "control": true },
            { "id": "ci", "public_key": public_key_text(&public_of(&ISSUER)), "sessions": true },
        ],
        "control": { "path": "/.ambit/control" },
    });
    let mut sources: Vec<Source> = documents::small();
    sources.retain(|source| source.kind != SourceKind::Gateway);
    sources.push(documents::source(SourceKind::Gateway, gateway.to_string()));
    documents::policy(&sources)
});

/// Sends it twice. Nobody without a key changes anything; nothing is changed twice; whatever comes, what is said is JSON,
/// and one bounded line.
pub fn run(bytes: &[u8]) {
    match (bytes.strip_prefix(b"delete\n"), bytes.strip_prefix(b"token\n"), bytes.strip_prefix(b"sign\n")) {
        (Some(authorization), ..) => end(authorization.to_vec(), false),
        (_, Some(claims), _) => {
            end(format!("Bearer {}", sign(Kind::Session, "ci", &ISSUER, claims)).into_bytes(), true);
        }
        (.., Some(claims)) => command(sign(Kind::Command, "ops", &SECRET, claims).into_bytes(), true),
        _ => command(bytes.to_vec(), false),
    }
}

/// What is kept before anything is asked.
static MEMORY: LazyLock<Memory> = LazyLock::new(|| {
    let mut memory = Memory::new();
    Table::open(&SET, &mut memory, Budget { bytes: 1 << 20 }, policy_core::Timestamp(0)).expect("a table");
    memory
});

/// The gateway that is asked.
struct Asked {
    memory: Memory,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Body,
}

impl Asked {
    fn new(method: &str, authorization: Option<Vec<u8>>, body: Body) -> Self {
        let field = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
        let mut fields = vec![field(":method", method.as_bytes()), field(":path", b"/.ambit/control")];
        fields.extend(authorization.map(|value| field("authorization", &value)));
        Self { memory: MEMORY.clone(), fields, body }
    }

    /// What is answered, and whether it has changed anything.
    fn send(&mut self) -> (Answer, bool) {
        let before = self.memory.clone();
        let answer = match read_head(&SET, &self.fields) {
            Ok(asked) => carry_out(&SET, asked, self.body.clone(), &mut self.memory, documents::now()),
            Err(answer) => answer,
        };
        assert_bounded(&answer);
        let changed = self.memory != before;
        assert!(!changed || answer.carried_out, "what is refused changes nothing: {}", answer.line);
        (answer, changed)
    }
}

fn command(body: Vec<u8>, signed: bool) {
    let mut gateway = Asked::new("POST", None, Body::Complete(body));
    let (first, changed) = gateway.send();
    assert!(signed || !first.carried_out, "nobody signed it: {}", first.line);
    let (second, changed_again) = gateway.send();
    assert!(!changed_again, "a command is carried out once: {}", second.line);
    assert_eq!(second.details == "replayed", changed, "{}", second.line);
    assert_eq!(first.carried_out && !changed, second.carried_out, "showing can be asked again: {}", second.line);
    let kept = Pauses::read(&mut gateway.memory).expect("it is kept");
    assert!(kept.pauses.len() <= 1 && kept.commands.len() <= 1);
}

fn end(authorization: Vec<u8>, signed: bool) {
    let mut gateway = Asked::new("DELETE", Some(authorization), Body::Empty);
    let (first, changed) = gateway.send();
    assert!(signed || !first.carried_out, "nobody signed it: {}", first.line);
    assert_eq!(first.carried_out, changed, "an end is kept: {}", first.line);
    let kept = gateway.memory.bytes();
    let (second, _) = gateway.send();
    assert_eq!((first.body, first.status), (second.body, second.status), "it can be asked again: {}", second.line);
    assert_eq!(gateway.memory.bytes(), kept, "and takes no more room: {}", second.line);
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
