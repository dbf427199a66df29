//! Which format a file is in, by what is in it.

use std::fmt;
use std::str::FromStr;

use super::json::{Cursor, Fault};

pub(super) const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// A format of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Envoy HTTP tap in JSON: one trace or segment a line, pretty-printed, or concatenated.
    Tap,
    /// Envoy HTTP tap in length-delimited protobuf (`PROTO_BINARY_LENGTH_DELIMITED`).
    TapProto,
    /// HTTP Archive 1.2.
    Har,
    /// Envoy access log with a `json_format`, one request a line.
    AccessLog,
    /// Exchanges in the format of this crate, one a line. See [`ndjson`](super::ndjson).
    Ndjson,
}

impl Format {
    /// Every format, in the order in which help texts list them.
    pub const ALL: [Self; 5] = [Self::Tap, Self::TapProto, Self::Har, Self::AccessLog, Self::Ndjson];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::TapProto => "tap-proto",
            Self::Har => "har",
            Self::AccessLog => "access-log",
            Self::Ndjson => "ndjson",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            format!("no recording format `{name}`; use one of {}", names.join(", "))
        })
    }
}

/// Names the format of a file that begins with `start`, or says what it is instead.
///
/// `start` may end anywhere; 64 KiB are plenty, since names of members decide.
pub(super) fn detect(start: &[u8]) -> Result<Format, String> {
    if is_delimited_trace(start) {
        return Ok(Format::TapProto);
    }
    let text = start.strip_prefix(UTF8_BOM).unwrap_or(start).trim_ascii_start();
    match text.first() {
        None => Err("it is empty".into()),
        Some(b'{') => detect_object(text),
        Some(b'[') => Err("it is one JSON array".into()),
        _ if start.starts_with(b"\x1F\x8B") => Err("it is gzip; unpack it first".into()),
        _ if text.starts_with(b"http_buffered_trace") || text.starts_with(b"http_streamed_") => {
            Err("it is a tap in PROTO_TEXT; tap as JSON_BODY_AS_BYTES instead".into())
        }
        _ if text.iter().take(512).any(|&b| b < 0x20 && !b.is_ascii_whitespace()) => {
            Err("it is binary, and not a length-delimited tap".into())
        }
        _ => {
            let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let line = line.get(..40).unwrap_or(line);
            Err(format!("it begins with `{}`", line.escape_ascii()))
        }
    }
}

fn detect_object(text: &[u8]) -> Result<Format, String> {
    let names = first_names(text);
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("http_buffered_trace") || has("http_streamed_trace_segment") {
        return Ok(Format::Tap);
    }
    if has("socket_buffered_trace") || has("socket_streamed_trace_segment") {
        return Err("it is a tap of a transport socket; tap with the HTTP tap filter".into());
    }
    if has("log") {
        return Ok(Format::Har);
    }
    // A long body may hide what comes after it.
    if has("method") && (has("headers") || has("body") || has("body_base64")) {
        return Ok(Format::Ndjson);
    }
    if super::access_log::is_access_log(has) {
        return Ok(Format::AccessLog);
    }
    let names: Vec<_> = names.iter().take(6).map(|n| format!("`{}`", n.escape_debug())).collect();
    if names.is_empty() {
        return Err("it begins with an object that has no readable member".into());
    }
    Err(format!("its first object has {}", names.join(", ")))
}

/// Names of the members of the first object, as far as `text` goes.
fn first_names(text: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    // Where the text ends inside the object, the names so far decide.
    let _: Result<(), Fault> = Cursor::new(text).object(|name, value| {
        names.push(String::from_utf8_lossy(name).into_owned());
        value.skip()
    });
    names
}

/// A `TraceWrapper` holds exactly one member (`oneof trace`), so after the length of the message
/// come the tag of a trace and a length that fills the message.
fn is_delimited_trace(start: &[u8]) -> bool {
    let Some((message, rest)) = varint(start) else {
        return false;
    };
    let Some((&tag, rest)) = rest.split_first() else {
        return false;
    };
    let before = rest.len();
    let Some((trace, rest)) = varint(rest) else {
        return false;
    };
    let header = u64::try_from(1 + before - rest.len()).unwrap_or_default();
    // Field 1 `http_buffered_trace`, field 2 `http_streamed_trace_segment`; wire type 2.
    matches!(tag, 0x0A | 0x12) && trace > 0 && message.checked_sub(header) == Some(trace)
}

/// A base-128 varint at the start of `bytes`, and what follows it.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (position, &byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7F);
        value |= bits.checked_shl(u32::try_from(position * 7).ok()?)?;
        if byte < 0x80 {
            return Some((value, bytes.get(position + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_names_the_format() {
        for (start, format) in [
            (r#"{"http_buffered_trace":{"request":{"headers":[{"ke"#, Format::Tap),
            ("{\n \"http_streamed_trace_segment\": {", Format::Tap),
            ("\u{FEFF}{ \"log\": {\"version\": \"1.2\", \"ent", Format::Har),
            (r#"{"comment":"x","log":{"#, Format::Har),
            (r#"{"method":"GET","path":"/","headers":[],"time":"2026-"#, Format::Ndjson),
            (r#"{"start_time":"x","method":"GET","path":"/"}"#, Format::AccessLog),
            (r#"{":authority":"x","method":"GET","path":"/","bytes_received":0}"#, Format::AccessLog),
            ("\x09\x0A\x07\x0A\x05\x0A\x03abc", Format::TapProto),
        ] {
            assert_eq!(detect(start.as_bytes()), Ok(format), "{start}");
        }
    }

    #[test]
    fn what_it_is_instead_is_said() {
        for (start, says) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"\x1F\x8B\x08\0", "it is gzip; unpack it first"),
            (b"[{\"http_buffered_trace\":1}]", "it is one JSON array"),
            (b"http_buffered_trace {\n", "it is a tap in PROTO_TEXT; tap as JSON_BODY_AS_BYTES instead"),
            (b"{\"a\":1,\"b\":2}", "its first object has `a`, `b`"),
            (b"{nonsense", "it begins with an object that has no readable member"),
            (b"GET / HTTP/1.1\r\nhost: x", "it begins with `GET / HTTP/1.1\\r`"),
            (b"\x7FELF\0\0\x01\x02\0\0", "it is binary, and not a length-delimited tap"),
        ] {
            assert_eq!(detect(start), Err(says.to_owned()));
        }
    }

    #[test]
    fn a_format_is_named_on_the_command_line() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!(
            "pcap".parse::<Format>(),
            Err("no recording format `pcap`; use one of tap, tap-proto, har, access-log, ndjson".into())
        );
    }

    #[test]
    fn a_varint_is_read_or_refused() {
        assert_eq!(varint(&[0xAC, 0x02, 9]), Some((300, &[9][..])));
        assert_eq!(varint(&[0x80; 11]), None);
        assert_eq!(varint(&[0x80]), None);
    }
}
