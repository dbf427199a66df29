//! Answering the calls that the filter makes for the present.

use crate::host::{Callout, CalloutAnswer, Flow, HeaderMap, Stream};
use crate::world::{Call, Reply, World};

/// Rounds of calls and answers after one request; the decision point asks for two at most.
const MOST_ROUNDS: usize = 1_000;

/// Answers every call that the stream waits for, in their order, until it waits for no more. A call that gets no answer in
/// time stays open.
pub(super) fn answer(stream: &Stream, world: &dyn World) -> Flow {
    for _ in 0..MOST_ROUNDS {
        let mut answered = false;
        for callout in stream.pending_callouts() {
            if let Some(answer) = answer_to(&callout, world) {
                // A trap in the answer ends the stream, which its flow says.
                let _ = stream.vm().answer_callout(callout.id, answer);
                answered = true;
            }
        }
        if !answered {
            break;
        }
    }
    stream.flow()
}

/// What the gateway hands to the filter; `None`: nothing in time.
fn answer_to(callout: &Callout, world: &dyn World) -> Option<CalloutAnswer> {
    let text = |name: &str| callout.headers.value(name).and_then(|value| std::str::from_utf8(value).ok());
    let (Some(host), Some(method), Some(target)) = (text(":authority"), text(":method"), text(":path")) else {
        return Some(CalloutAnswer::Failed);
    };
    match world.reply(&Call { host, method, target, body: &callout.body }) {
        Reply::Response { status, headers, body, .. } => {
            let mut head = HeaderMap::from_iter([(":status", status.to_string())]);
            for (name, value) in headers {
                head.add(name, value);
            }
            Some(CalloutAnswer::Response { headers: head, body, trailers: HeaderMap::new() })
        }
        Reply::Timeout => None,
        Reply::Unreachable | Reply::NotRecorded | Reply::Truncated => Some(CalloutAnswer::Failed),
    }
}
