//! Commands on the path `/control`: `good` is carried out, anything else is not. A DELETE there is done if it has no body.

pub use policy_core::control::Answer;

use super::counters::Store;
use super::{Body, PolicySet, Timestamp, Unavailable};

pub struct Asked {
    ends: bool,
}

impl Asked {
    pub fn limit(&self) -> usize {
        if self.ends { 0 } else { 64 }
    }
}

pub fn is_for(_set: &PolicySet, fields: &[(Vec<u8>, Vec<u8>)]) -> bool {
    fields.iter().any(|(name, value)| name == b":path" && value.starts_with(b"/control"))
}

pub fn read_head(_set: &PolicySet, fields: &[(Vec<u8>, Vec<u8>)]) -> Result<Asked, Answer> {
    let query = fields.iter().any(|(name, value)| name == b":path" && value.contains(&b'?'));
    let ends = fields.iter().any(|(name, value)| name == b":method" && value == b"DELETE");
    if query { Err(answer(400, "query")) } else { Ok(Asked { ends }) }
}

pub fn carry_out(_set: &PolicySet, asked: Asked, body: Body, _store: &mut dyn Store, _now: Timestamp) -> Answer {
    match body {
        Body::Empty if asked.ends => answer(200, "carried_out"),
        Body::Complete(_) | Body::Unavailable(Unavailable::TooLarge) if asked.ends => answer(400, "body"),
        Body::Complete(bytes) if bytes == b"good" => answer(200, "carried_out"),
        Body::Complete(_) => answer(401, "wrong_signature"),
        Body::Empty => answer(400, "not_a_command"),
        Body::Unavailable(Unavailable::TooLarge) => answer(413, "too_large"),
        Body::Unavailable(Unavailable::Timeout) => answer(408, "body_timeout"),
        Body::Unavailable(_) => answer(503, "body_not_seen"),
    }
}

fn answer(status: u16, details: &'static str) -> Answer {
    Answer {
        status,
        content_type: "application/json",
        body: details.into(),
        details,
        carried_out: status == 200,
        line: format!("ambit: a command: {details}"),
        event: format!("{{\"outcome\":\"{details}\"}}").into(),
    }
}
