//! What a person reads when a recording cannot be read.

use std::io::{self, Cursor, Read};

use test_harness::recording::{Exchange, Format, ReadOptions, RecordedBody, Recording, RecordingError};

const GOOD: &str = r#"{"http_buffered_trace":{"request":{"headers":[{"key":":method","value":"GET"}]}}}"#;

fn read_as(bytes: &[u8], options: &ReadOptions) -> Vec<Result<Exchange, RecordingError>> {
    Recording::from_reader("rec", Cursor::new(bytes.to_vec()), options).unwrap().collect()
}

/// `ok N` for exchange number N, or the error.
fn outline(bytes: &[u8], options: &ReadOptions) -> Vec<String> {
    let line = |item: Result<Exchange, RecordingError>| {
        item.map_or_else(|error| error.to_string(), |exchange| format!("ok {}", exchange.index))
    };
    read_as(bytes, options).into_iter().map(line).collect()
}

#[test]
fn a_file_that_cannot_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none.har");
    let message = Recording::open(&missing).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot open recording `{}`: ", missing.display())));
    assert!(message.ends_with("; name a file that exists and may be read"), "{message}");
    let message = Recording::open(directory.path()).unwrap_err().to_string();
    assert!(message.contains("is a directory"), "{message}");
}

#[test]
fn a_file_in_no_known_format() {
    let source = Cursor::new(b"GET / HTTP/1.1\r\n".to_vec());
    let error = Recording::from_reader("notes.txt", source, &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`notes.txt` is not a recording I know: it begins with `GET / HTTP/1.1\\r`; expected Envoy \
         tap JSON (`http_buffered_trace` or `http_streamed_trace_segment`), Envoy length-delimited \
         tap protobuf, HAR 1.2, an Envoy JSON access log or NDJSON exchanges"
    );
}

#[test]
fn a_named_format_is_taken_whatever_the_content() {
    let options = ReadOptions::default().with_format(Format::Ndjson);
    let broken = "correct or remove the line; the others are not affected";
    assert_eq!(
        outline(b"{\"method\":\"GET\",\"headers\":[]}\n{\"log\":{}}\n", &options),
        ["ok 0".into(), format!("rec, line 2: `log` is no member of an exchange; {broken}")]
    );
}

#[test]
fn a_broken_trace_costs_itself_only_and_keeps_its_number() {
    let cut = &GOOD[..40];
    let text = format!("{GOOD}\n{cut}\n{GOOD}\n{{\"http_buffered_trace\":[]}}\n{{}}\nx\n{GOOD}\n");
    let advice = "remove the entry or record it again; the others are not affected";
    let broken = |line, problem: &str| format!("rec, line {line}: {problem}; {advice}");
    assert_eq!(
        outline(text.as_bytes(), &ReadOptions::default()),
        [
            "ok 0".into(),
            broken(2, "the trace is cut off"),
            "ok 2".into(),
            broken(4, "not JSON: `[` at byte 24, where an object should come"),
            broken(5, "no `http_buffered_trace` and no `http_streamed_trace_segment`"),
            broken(6, "a JSON object should begin here"),
            "ok 6".into(),
        ]
    );
}

#[test]
fn a_trace_that_lacks_its_head_is_refused() {
    let text = r#"{"http_buffered_trace":{"request":{}}}"#;
    assert_eq!(
        outline(text.as_bytes(), &ReadOptions::default()),
        ["rec, line 1: the trace holds no request headers; record it again; the other traces are \
          not affected"]
    );
    let text = GOOD.replace("}]}}}", r#"}]},"response":{"headers":[{"key":"a","value":"b"}]}}}"#);
    assert_eq!(
        outline(text.as_bytes(), &ReadOptions::default()),
        ["rec, line 1: the response has no `:status`; record it again; the other traces are not \
          affected"]
    );
}

#[test]
fn an_entry_over_the_limit_is_named_and_the_next_is_read() {
    let options = ReadOptions::default().with_entry_limit(200);
    let large = GOOD.replace("GET", &"G".repeat(300));
    let text = format!("{large}\n{GOOD}");
    let too_large = |place| {
        format!(
            "rec, {place}: entry is larger than 200 bytes; record with \
             shorter bodies"
        )
    };
    assert_eq!(outline(text.as_bytes(), &options), [too_large("line 1"), "ok 1".into()]);

    let line = r#"{"method":"GET","path":"/","start_time":null,"bytes_received":0}"#;
    let text = format!("{line}\n{}\n{line}", line.replace('/', &"/".repeat(300)));
    let log = ["ok 0".into(), too_large("line 2"), "ok 2".into()];
    assert_eq!(outline(text.as_bytes(), &options), log);

    let entry = r#"{"request":{"method":"GET","url":"http://a/","headers":[]}}"#;
    let large = entry.replace("http://a/", &format!("http://a/{}", "x".repeat(300)));
    let text = format!(r#"{{"log":{{"entries":[{large},{entry}]}}}}"#);
    assert_eq!(outline(text.as_bytes(), &options), [too_large("entry 1"), "ok 1".into()]);
}

/// `TraceWrapper` with one header, written with field numbers of Envoy's API by hand.
fn message(value: &[u8]) -> Vec<u8> {
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![tag << 3 | 2];
        out.extend(delimited(bytes));
        out
    }
    let header = [field(1, b":method"), field(2, value)].concat();
    let trace = field(1, &field(1, &field(1, &header)));
    delimited(&trace)
}

/// `bytes` behind their length.
fn delimited(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encode_length_delimiter(bytes.len(), &mut out).unwrap();
    out.extend_from_slice(bytes);
    out
}

#[test]
fn protobuf_goes_on_after_a_bad_message_and_stops_after_a_bad_length() {
    let good = message(b"GET");
    let large = message(&[b'G'; 300]);
    let bad = [&[3, 0x0A, 0x05, 0x0A][..]].concat();
    let cut = &good[..good.len() - 1];
    let lines = outline(&[&good[..], &large, &bad, &good, cut].concat(), &ReadOptions::default().with_entry_limit(200));
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(lines[0], "ok 0");
    assert!(lines[1].starts_with("rec, message 2: entry is larger than 200 bytes"));
    assert!(lines[2].starts_with("rec, message 3: the message is not an HTTP trace: "));
    assert_eq!(lines[3], "ok 3");
    assert_eq!(
        lines[4],
        "rec, message 5: the file ends inside the message; record it again with \
         PROTO_BINARY_LENGTH_DELIMITED"
    );
}

#[test]
fn protobuf_keeps_header_bytes_that_are_not_utf8() {
    let exchange = read_as(&message(b"G\xFFT"), &ReadOptions::default()).remove(0).unwrap();
    assert_eq!(exchange.request.method(), Some(&b"G\xFFT"[..]));
}

#[test]
fn invalid_utf8_and_control_characters_in_a_tap_cost_the_body_only() {
    let trace = |header: &[u8], body: &[u8]| {
        let parts: [&[u8]; 5] = [
            b"{\"http_buffered_trace\":{\"request\":{\"headers\":[{\"key\":\"x\",\"value\":\"",
            header,
            b"\",\"raw_value\":\"\"},{\"key\":\"y\",\"value\":\"\",\"raw_value\":\"/wA=\"}],\"body\":{\"as_string\":\"",
            body,
            b"\",\"truncated\":false}},\"response\":{\"headers\":[{\"key\":\":status\",\"value\":\"200\"}]}}}\n",
        ];
        parts.concat()
    };
    let bytes = [
        trace(b"a\xC0\xB4\x01b", b"fine"),
        trace(b"h", b"\xC0\xB4"),
        trace(b"h", b"tab\there, \x02control"),
        trace(b"h", "\u{FFFD}".as_bytes()),
    ]
    .concat();
    let read: Vec<_> = read_as(&bytes, &ReadOptions::default()).into_iter().map(Result::unwrap).collect();
    assert_eq!(read[0].request.header("x"), Some(&b"a\xC0\xB4\x01b"[..]));
    assert_eq!(read[0].request.header("y"), Some(&b"\xFF\x00"[..]));
    assert_eq!(read[0].request.body, RecordedBody::Complete(b"fine".to_vec()));
    let why: Vec<_> = read[1..].iter().map(|e| e.request.body.unknown_because().unwrap()).collect();
    let advice = "tap as JSON_BODY_AS_BYTES to keep such bodies";
    assert_eq!(
        why,
        [
            format!("the recorded text is not valid UTF-8; {advice}"),
            format!("binary data was recorded as a string, in which a space may stand for a lost byte; {advice}"),
            format!("the recorded text holds U+FFFD where bytes were lost; {advice}"),
        ]
    );
    assert!(read.iter().all(|e| e.response.as_ref().unwrap().status == 200));
}

/// Fails after what it holds.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_read_error_ends_the_recording() {
    for format in Format::ALL {
        let options = ReadOptions::default().with_format(format);
        let source = Failing(Cursor::new(Vec::new()));
        let mut recording = Recording::from_reader("rec", source, &options).unwrap();
        let message = recording.next().unwrap().unwrap_err().to_string();
        assert!(
            message.ends_with(": reading failed: the disk is gone; record or copy the file again"),
            "{format}: {message}"
        );
        assert!(recording.next().is_none(), "{format}");
    }
}
