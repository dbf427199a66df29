//! The last things an agent did: one slot per agent, for the record of a tripwire that trips.
//!
//! The slot is text, a line for each request: its number, a space, and the object that the record will hold of it, open as
//! long as its end is not known. The oldest is the first.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::decision::Outcome;
use crate::limits::{ACTIONS, ID_BYTES};
use crate::time::Timestamp;

/// Operations and reasons of a request that are named one by one.
const NAMED: usize = 4;

/// What became of a request that went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The status it was answered with; `None`: it was not.
    pub(super) status: Option<u16>,
    pub(super) failed: bool,
}

/// A request, to be put into the slot: an object that is left open. No value of the request is in it.
pub(super) fn of_outcome(outcome: &Outcome, now: Timestamp) -> String {
    let mut text =
        format!("{{\"time\":\"{now}\",\"decision\":\"{}\",\"forwarded\":{}", outcome.decision.name(), outcome.forward);
    if let Some(rule) = &outcome.rule {
        text.push_str(",\"rule\":");
        text.push_str(&quoted(rule));
    }
    let mut list = |name: &str, members: &mut dyn Iterator<Item = String>| {
        let mut separator = format!(",\"{name}\":[");
        let mut some = false;
        for member in members.take(NAMED) {
            some = true;
            text.push_str(&separator);
            text.push_str(&member);
            separator = ",".to_string();
        }
        if some {
            text.push(']');
        }
    };
    list("reasons", &mut outcome.reasons.iter().map(|reason| quoted(reason.code.text())));
    list(
        "operations",
        &mut outcome.operations.iter().map(|operation| {
            let members = [
                ("action", operation.action.as_deref()),
                ("effect", operation.effect),
                ("call", operation.call.as_deref()),
            ];
            let mut object = String::from("{");
            for (name, value) in members.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                let comma = if object.len() > 1 { "," } else { "" };
                object.push_str(&format!("{comma}\"{name}\":{}", quoted(value)));
            }
            object.push('}');
            object
        }),
    );
    text.push_str(&format!(",\"operation_count\":{}", outcome.operations.len()));
    text
}

/// A name as JSON. Names are the policy author's; a long one says as much by its beginning.
fn quoted(name: &str) -> String {
    let end = name.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8())).take_while(|end| *end <= ID_BYTES);
    let name = name.get(..end.last().unwrap_or_default()).unwrap_or_default();
    serde_json::to_string(name).unwrap_or_default()
}

/// Puts a request into the slot: under which number.
pub(super) fn push(bytes: &[u8], action: &str) -> (Vec<u8>, u64) {
    let text = core::str::from_utf8(bytes).unwrap_or_default();
    let number = text.lines().next_back().and_then(|line| number(line)?.checked_add(1)).unwrap_or_default();
    let over = text.lines().count().saturating_add(1).saturating_sub(ACTIONS);
    let kept = text.splitn(over.saturating_add(1), '\n').nth(over).unwrap_or_default();
    (format!("{kept}{number} {action}\n").into_bytes(), number)
}

/// Notes what became of it; `None`: it is not there any more.
pub(super) fn end(bytes: &[u8], which: u64, ended: Ended) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(bytes).ok()?;
    let start = match text.starts_with(&format!("{which} ")) {
        true => 0,
        false => text.find(&format!("\n{which} "))?.checked_add(1)?,
    };
    let (before, rest) = text.split_at_checked(start)?;
    let (line, after) = rest.split_once('\n')?;
    let status = ended.status.map(|status| format!(",\"status\":{status}")).unwrap_or_default();
    let failed = if ended.failed { ",\"failed\":true" } else { "" };
    Some(format!("{before}{line}{status}{failed}}}\n{after}").into_bytes())
}

/// All of them as the members of a list, the oldest first.
pub(super) fn all(bytes: &[u8]) -> String {
    let mut list = String::new();
    for line in core::str::from_utf8(bytes).unwrap_or_default().lines() {
        let Some((_, object)) = line.split_once(' ') else { continue };
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(object);
        if !ends(object) {
            list.push('}');
        }
    }
    list
}

/// Whether the end of a request is noted.
fn ends(object: &str) -> bool {
    // Left open, it ends in the number of its operations.
    object.ends_with('}')
}

fn number(line: &str) -> Option<u64> {
    line.split_once(' ')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Value> {
        serde_json::from_str(&format!("[{}]", all(bytes))).unwrap()
    }

    #[test]
    fn the_last_ones_are_kept_in_their_order() {
        let mut bytes = Vec::new();
        for number in 0..60u64 {
            let (next, given) =
                push(&bytes, &format!("{{\"rule\":{},\"operation_count\":1", quoted(&format!("{number}\n"))));
            assert_eq!(given, number);
            bytes = next;
        }
        let ended = Ended { status: Some(200), failed: true };
        assert_eq!(end(&bytes, 9, ended), None);
        for number in [10, 59] {
            bytes = end(&bytes, number, ended).unwrap();
        }
        bytes = end(&bytes, 11, Ended { status: None, failed: false }).unwrap();
        let all = read(&bytes);
        assert_eq!(all.len(), ACTIONS);
        assert_eq!((&all[0]["rule"], &all[49]["rule"]), (&Value::from("10\n"), &Value::from("59\n")));
        assert_eq!((&all[0]["status"], &all[0]["failed"]), (&Value::from(200), &Value::from(true)));
        assert_eq!((&all[1]["status"], &all[1]["failed"]), (&Value::Null, &Value::Null));
        assert_eq!(all[49]["failed"], true);
        assert_eq!(push(&bytes, "{").1, 60);
    }

    #[test]
    fn what_cannot_be_read_is_begun_anew() {
        assert_eq!(all(b"\xff\xff"), "");
        assert_eq!(push(b"\xff", "{\"a\":1").1, 0);
        assert_eq!(quoted(&"é".repeat(500)).len(), ID_BYTES + 2);
    }
}
