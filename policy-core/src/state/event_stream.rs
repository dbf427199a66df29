//! Answers of MCP servers that come as an event stream (`text/event-stream`): one of its messages is the answer.
//! Source: HTML Living Standard, "Server-sent events", §9.2.6; Model Context Protocol, "Streamable HTTP".

use alloc::string::String;
use alloc::vec::Vec;

/// The data of every message of a complete stream. Comments, ids and retry times say nothing here.
pub(crate) fn messages(text: &str) -> Vec<String> {
    let mut messages = Vec::new();
    let mut data: Option<String> = None;
    for line in lines(text) {
        if line.is_empty() {
            messages.extend(data.take());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field != "data" {
            continue;
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => data = Some(value.into()),
        }
    }
    // What no empty line ends was cut off.
    messages
}

/// Lines end in CRLF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest.filter(|text| !text.is_empty())?;
        let Some(end) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text);
        };
        let (line, behind) = text.split_at(end);
        rest = behind.strip_prefix("\r\n").or_else(|| behind.strip_prefix(['\r', '\n']));
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_messages() {
        for (text, expect) in [
            ("event: message\ndata: {\"a\":1}\n\n", &["{\"a\":1}"][..]),
            (": ping\r\n\r\ndata:1\r\n\r\nid: 7\r\ndata: 2\r\ndata: 3\r\n\r\n", &["1", "2\n3"]),
            ("data: cut off", &[]),
            ("data: cut off\n", &[]),
            ("data\n\n", &[""]),
            ("", &[]),
        ] {
            assert_eq!(messages(text), expect, "{text:?}");
        }
    }
}
