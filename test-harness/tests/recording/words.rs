//! What was read, in words.

use test_harness::recording::RecordedBody;

/// The text of a body; `empty`; or in brackets why it is not known.
pub(crate) fn body(body: &RecordedBody) -> String {
    match body {
        RecordedBody::Empty => "empty".into(),
        RecordedBody::Complete(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("({})", other.unknown_because().unwrap()),
    }
}
