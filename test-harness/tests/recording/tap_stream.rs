//! Streamed taps: segments of many traces, mixed.

use test_harness::recording::{Exchange, ReadOptions, RecordedBody, Recording, RecordingError};

use crate::words;

type Item = Result<Exchange, RecordingError>;

fn read_with(lines: &[String], options: &ReadOptions) -> Vec<Item> {
    let text = lines.join("\n");
    Recording::from_reader("s.json", std::io::Cursor::new(text), options).unwrap().collect()
}

fn read(lines: &[String]) -> Vec<Item> {
    read_with(lines, &ReadOptions::default())
}

fn segment(id: u64, piece: &str) -> String {
    format!(r#"{{"http_streamed_trace_segment":{{"trace_id":"{id}",{piece}}}}}"#)
}

fn headers(kind: &str, list: &[(&str, &str)]) -> String {
    let fields: Vec<_> = list.iter().map(|(k, v)| format!(r#"{{"key":"{k}","value":"{v}"}}"#)).collect();
    format!(r#""{kind}":{{"headers":[{}]}}"#, fields.join(","))
}

fn request(id: u64, path: &str, more: &[(&str, &str)]) -> String {
    let mut list = vec![(":method", "POST"), (":path", path)];
    list.extend(more);
    segment(id, &headers("request_headers", &list))
}

fn response(id: u64, more: &[(&str, &str)]) -> String {
    let mut list = vec![(":status", "200")];
    list.extend(more);
    segment(id, &headers("response_headers", &list))
}

fn chunk(id: u64, side: &str, text: &str) -> String {
    segment(id, &format!(r#""{side}_body_chunk":{{"as_string":"{text}","truncated":false}}"#))
}

/// Index, path and request body, or the error.
fn outline(items: &[Item]) -> Vec<String> {
    let line = |item: &Item| match item {
        Err(error) => error.to_string(),
        Ok(exchange) => {
            let path = String::from_utf8_lossy(exchange.request.path().unwrap()).into_owned();
            format!("{} {path} {}", exchange.index, words::body(&exchange.request.body))
        }
    };
    items.iter().map(line).collect()
}

#[test]
fn interleaved_traces_come_out_as_they_end_with_the_number_they_began_with() {
    let items = read(&[
        request(1, "/a", &[("content-length", "6")]),
        request(2, "/b", &[]),
        chunk(1, "request", "abc"),
        response(2, &[("content-length", "2")]),
        chunk(2, "response", "ok"),
        chunk(1, "request", "def"),
        response(1, &[("content-length", "0")]),
        request(3, "/c", &[]),
    ]);
    assert_eq!(outline(&items), ["1 /b empty", "0 /a abcdef", "2 /c empty"]);
    let b = items[0].as_ref().unwrap();
    assert_eq!(b.position.to_string(), "s.json, line 2");
    assert_eq!(b.ids.trace_id, Some(2));
    assert_eq!(b.response.as_ref().unwrap().body, RecordedBody::Complete(b"ok".to_vec()));
    assert_eq!(items[2].as_ref().unwrap().response, None);
}

#[test]
fn a_trace_comes_out_before_the_file_ends() {
    let (lines, rest) = ([request(1, "/a", &[]), response(1, &[("content-length", "0")])], "x");
    // The last line is no JSON: it would be an error first if the exchange waited for the end.
    let items = read(&[lines[0].clone(), lines[1].clone(), rest.into()]);
    assert!(items[0].is_ok());
    assert_eq!(
        items[1].as_ref().unwrap_err().to_string(),
        "s.json, line 3: a JSON object should begin here; remove the entry or record it again; \
         the others are not affected"
    );
}

#[test]
fn a_request_waits_for_all_its_announced_bytes_even_if_the_answer_is_early() {
    let early = [
        request(1, "/a", &[("content-length", "6")]),
        response(1, &[("content-length", "0")]),
        chunk(1, "request", "abc"),
    ];
    assert_eq!(outline(&read(&early)), ["0 /a (3 bytes recorded, content-length says 6)"]);
    let mut all = early.to_vec();
    all.push(chunk(1, "request", "def"));
    assert_eq!(outline(&read(&all)), ["0 /a abcdef"]);
}

#[test]
fn a_body_without_length_needs_an_answer_or_trailers_to_count_as_complete() {
    let request_only = [request(1, "/a", &[]), chunk(1, "request", "abc")];
    assert_eq!(
        outline(&read(&request_only)),
        ["0 /a (no response was recorded, so the request may have been cut off)"]
    );
    for end in [response(1, &[]), segment(1, &headers("request_trailers", &[("t", "1")]))] {
        let mut lines = request_only.to_vec();
        lines.push(end);
        assert_eq!(outline(&read(&lines)), ["0 /a abc"]);
    }
}

#[test]
fn a_response_without_length_is_never_taken_for_whole() {
    let lines = [request(1, "/a", &[]), response(1, &[]), chunk(1, "response", "data")];
    let body = |lines: &[String]| read(lines).pop().unwrap().unwrap().response.unwrap().body;
    let reason = "a streamed tap does not mark where a response without content-length ends";
    let seen = b"data".to_vec();
    assert_eq!(body(&lines), RecordedBody::Truncated { seen: seen.clone(), announced: None, reason: reason.into() });
    assert_eq!(body(&lines[..2]), RecordedBody::Missing { reason: reason.into() });
    let mut ended = lines.to_vec();
    ended.push(segment(1, &headers("response_trailers", &[("grpc-status", "0")])));
    assert_eq!(body(&ended), RecordedBody::Complete(seen));
}

#[test]
fn only_so_many_traces_and_bytes_stay_open() {
    let lines: Vec<_> = (1..=3)
        .flat_map(|id| [request(id, &format!("/{id}"), &[]), chunk(id, "request", "abc")])
        .chain([chunk(1, "request", "late")])
        .collect();
    let cut = |index, path| format!("{index} {path} (no response was recorded, so the request may have been cut off)");
    for options in
        [ReadOptions::default().with_open_traces(2, usize::MAX), ReadOptions::default().with_open_traces(100, 60)]
    {
        // The third trace pushes the first one out; what still comes of it is dropped.
        let items = read_with(&lines, &options);
        assert_eq!(outline(&items), [cut(0, "/1"), cut(1, "/2"), cut(2, "/3")]);
        let Ok(Exchange { request, .. }) = &items[0] else { panic!() };
        assert!(matches!(&request.body, RecordedBody::Truncated { seen, .. } if seen == b"abc"));
    }
}

#[test]
fn a_trace_without_its_beginning_is_reported_once() {
    let items = read(&[
        chunk(9, "request", "abc"),
        chunk(9, "request", "def"),
        request(1, "/a", &[]),
        response(1, &[("content-length", "0")]),
    ]);
    assert_eq!(
        outline(&items),
        [
            "s.json, line 1: trace 9 goes on here, and its request headers are not in the file; \
             record from the start of the request; the other traces are not affected",
            "0 /a empty",
        ]
    );
}

#[test]
fn an_id_may_be_used_again() {
    let items = read(&[
        request(1, "/a", &[]),
        request(1, "/b", &[]),
        response(1, &[("content-length", "0")]),
        request(1, "/c", &[]),
    ]);
    assert_eq!(outline(&items), ["0 /a empty", "1 /b empty", "2 /c empty"]);
    assert!(items[0].as_ref().unwrap().response.is_none());
}

#[test]
fn an_interim_response_is_not_the_answer() {
    let items = read(&[
        request(1, "/a", &[("content-length", "3")]),
        segment(1, &headers("response_headers", &[(":status", "100")])),
        chunk(1, "request", "abc"),
        response(1, &[("content-length", "0")]),
    ]);
    assert_eq!(outline(&items), ["0 /a abc"]);
    assert_eq!(items[0].as_ref().unwrap().response.as_ref().unwrap().status, 200);
}

#[test]
fn a_character_split_between_string_segments_is_noticed() {
    let body = |first, second| {
        outline(&read(&[
            request(1, "/a", &[("content-length", "6")]),
            chunk(1, "request", first),
            chunk(1, "request", second),
            response(1, &[("content-length", "0")]),
        ]))
        .remove(0)
    };
    assert_eq!(body("ab ", "def"), "0 /a ab def");
    assert!(body("ab ", " ef").starts_with("0 /a (two segments meet in spaces"));
}

#[test]
fn base64_segments_are_joined_as_bytes() {
    let bytes = |text: &str| segment(1, &format!(r#""request_body_chunk":{{"as_bytes":"{text}"}}"#));
    let items = read(&[
        request(1, "/a", &[("content-length", "4")]),
        bytes("//4="),
        bytes("AAE"),
        response(1, &[("content-length", "0")]),
    ]);
    assert_eq!(items[0].as_ref().unwrap().request.body, RecordedBody::Complete(vec![0xFF, 0xFE, 0x00, 0x01]));
}
