//! HAR as browsers and proxies write it.

use test_harness::recording::{Exchange, ReadOptions, RecordedBody, Recording, RecordingError};

use crate::words;

fn items(text: &str) -> Vec<Result<Exchange, RecordingError>> {
    let source = std::io::Cursor::new(text.to_owned());
    Recording::from_reader("t.har", source, &ReadOptions::default()).unwrap().collect()
}

fn errors(text: &str) -> Vec<String> {
    items(text).into_iter().map(|item| item.map_or_else(|e| e.to_string(), |_| "ok".into())).collect()
}

/// One entry whose request has these members besides its URL.
fn entry(request: &str) -> Exchange {
    let text =
        format!(r#"{{"log":{{"entries":[{{"request":{{"url":"http://a/",{request}}},"response":{{"status":0}}}}]}}}}"#);
    items(&text).remove(0).unwrap()
}

fn body(request: &str) -> String {
    words::body(&entry(request).request.body)
}

#[test]
fn a_browsers_har_is_read() {
    // As Chrome writes it: a byte order mark by some tools, pages, pseudo headers, an offset,
    // members of its own, a `data:` URL that never left the browser.
    let text = "\u{FEFF}{\"_tool\": [1, {\"log\": \"]}\"}], \"log\": {\n  \"pages\": [{}], \"entries\": [
        {\"request\": {\"method\": \"GET\", \"url\": \"data:image/png;base64,AA\", \"headers\": []}, \"response\": {}},
        {\"_initiator\": {\"type\": \"script\"}, \"startedDateTime\": \"2026-11-16T10:30:43.367+02:00\", \"time\": 4.5,
         \"request\": {\"method\": \"PATCH\", \"url\": \"https://shop.example/p/1?a=b#top\", \"httpVersion\": \"http/2.0\",
          \"headers\": [{\"name\": \":authority\", \"value\": \"shop.example\"}, {\"name\": \":method\", \"value\": \"PATCH\"},
                      {\"name\": \"Content-Type\", \"value\": \"application/json\"}, {\"name\": \"content-length\", \"value\": \"9\"}],
          \"bodySize\": -1, \"postData\": {\"mimeType\": \"application/json\", \"text\": \"{\\\"é\\\":1}\"}},
         \"response\": {\"status\": 200, \"headers\": [{\"name\": \"Content-Encoding\", \"value\": \"br\"}, {\"name\": \"content-length\", \"value\": \"5\"}],
          \"content\": {\"size\": 8, \"text\": \"AAECAwQFBgc=\", \"encoding\": \"base64\"}}}
    ], \"comment\": null}}\n";
    let mut read = items(text);
    assert_eq!(read.len(), 1);
    let exchange = read.remove(0).unwrap();
    assert_eq!(exchange.index, 1);
    assert_eq!(exchange.position.to_string(), "t.har, entry 2");
    assert_eq!(exchange.time.unwrap().to_string(), "2026-11-16T08:30:43.367Z");
    let head: Vec<_> = exchange
        .request
        .headers
        .iter()
        .map(|(n, v)| format!("{}: {}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)))
        .collect();
    assert_eq!(
        head,
        [
            ":authority: shop.example",
            ":path: /p/1?a=b",
            ":method: PATCH",
            ":scheme: https",
            "content-type: application/json",
            "content-length: 9",
        ]
    );
    // "é" is two bytes: 8 of the 9 announced are there.
    assert_eq!(exchange.request.body.unknown_because(), Some("8 bytes recorded, content-length says 9"));
    let response = exchange.response.unwrap();
    assert!(response.decoded);
    assert_eq!(response.body, RecordedBody::Complete((0..8).collect()));
}

#[test]
fn a_request_body_is_what_the_har_can_prove() {
    let length = |n| format!(r#""headers":[{{"name":"Content-Length","value":"{n}"}}]"#);
    let post = |rest: &str| body(&format!(r#""method":"POST",{rest}"#));
    assert_eq!(post(&format!(r#"{},"postData":{{"text":"abc"}}"#, length(3))), "abc");
    assert_eq!(
        post(&format!(r#"{},"postData":{{"text":"abc"}}"#, length(2))),
        "(3 bytes recorded, content-length says 2)"
    );
    assert_eq!(
        post(&format!(r#"{},"postData":{{"text":""}}"#, length(2))),
        "(content-length says 2 and no body was recorded)"
    );
    assert_eq!(post(r#""headers":[],"bodySize":0"#), "empty");
    assert_eq!(post(r#""headers":[],"bodySize":7"#), "(bodySize says 7 and no body was recorded)");
    assert_eq!(post(r#""headers":[],"bodySize":-1"#), "(the HAR does not say whether there was a body)");
    assert_eq!(body(r#""method":"GET","headers":[],"bodySize":-1"#), "empty");
    assert_eq!(
        post(r#""headers":[{"name":"content-encoding","value":"gzip"}],"postData":{"text":"{}"}"#),
        "(the body was encoded (content-encoding) and a HAR holds it decoded)"
    );
    // mitmproxy writes a byte it cannot decode as half a surrogate pair.
    assert_eq!(
        post(r#""headers":[],"postData":{"text":"caf\udce9"}"#),
        "(the recorded text holds half a surrogate pair in place of a byte)"
    );
    assert_eq!(post(r#""headers":[],"postData":{"text":"YWI=","encoding":"base64"}"#), "ab");
}

#[test]
fn a_form_recorded_as_parameters_is_rebuilt_only_where_that_is_certain() {
    let form = |value: &str, length: &str| {
        body(&format!(
            r#""method":"POST","headers":[{{"name":"content-length","value":"{length}"}}],
               "postData":{{"params":[{{"name":"a","value":"{value}"}},{{"name":"b","value":"2"}}]}}"#
        ))
    };
    let unknown = "(the HAR holds the parameters of the form and not its text)";
    assert_eq!(form("x-1", "9"), "a=x-1&b=2");
    assert_eq!(form("x-1", "10"), unknown);
    assert_eq!(form("x 1", "9"), unknown);
    assert_eq!(form("%20", "9"), unknown);
}

#[test]
fn header_bytes_that_python_escaped_come_back() {
    let exchange = entry(r#""method":"GET","headers":[{"name":"X-A","value":"caf\udce9"}]"#);
    assert_eq!(exchange.request.header("x-a"), Some(&b"caf\xE9"[..]));
}

#[test]
fn a_broken_entry_costs_itself_only() {
    let good = r#"{"request":{"method":"GET","url":"http://a/","headers":[]}}"#;
    let text = format!(
        r#"{{"log":{{"entries":[{good},{{"request":{{"method":"GET","url":"/relative"}}}},{{"request":1}},
           {{"request":{{"method":"GET","url":"http://a/"}},"startedDateTime":"noon"}},{{}},{good}]}}}}"#
    );
    let advice = "remove the entry or export the HAR again; the others are not affected";
    assert_eq!(
        errors(&text),
        [
            "ok".into(),
            format!("t.har, entry 2: `url` is `/relative`, not an absolute URL; {advice}"),
            format!("t.har, entry 3: not JSON: `1` at byte 12, where an object should come; {advice}"),
            format!("t.har, entry 4: `startedDateTime` is `noon`, not a date and time by RFC 3339; {advice}"),
            format!("t.har, entry 5: the entry has no `request`; {advice}"),
            "ok".into(),
        ]
    );
    assert_eq!(items(&text).pop().unwrap().unwrap().index, 5);
}

#[test]
fn a_har_that_is_cut_off_says_so_at_every_place() {
    let text = r#"{"log":{"version":"1.2","entries":[{"request":{"method":"GET","url":"http://a/","headers":[]}}],"comment":""}}"#;
    assert_eq!(errors(text), ["ok"]);
    // From where the content is recognised as a HAR on.
    for end in r#"{"log":"#.len()..text.len() {
        let last = errors(&text[..end]).pop().unwrap();
        assert!(
            last.ends_with("; export the HAR again; entries after this place cannot be read"),
            "cut at {end}: {last}"
        );
    }
}

#[test]
fn a_document_without_entries_is_no_recording() {
    let advice = "export the HAR again; entries after this place cannot be read";
    assert_eq!(errors(r#"{"log":{}}"#), [format!("t.har: there is no `log.entries`; {advice}")]);
    assert_eq!(errors(r#"{"log":{"entries":[]}} {}"#), [format!("t.har: `{{` follows the document; {advice}")]);
    assert_eq!(
        errors(r#"{"log":{"entries":[],"entries":[]}}"#),
        [format!("t.har: `log.entries` occurs twice; {advice}")]
    );
    assert!(errors(r#"{"log":{"entries":[]}}"#).is_empty());
}
