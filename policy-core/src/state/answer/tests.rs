use super::*;
use alloc::string::ToString;

fn fetch(method: Method) -> Fetch {
    Fetch {
        api: "shop".into(),
        cluster: "shop-lookups".into(),
        host: "shop.example.com".into(),
        method,
        target: "/v1/products/42".into(),
        headers: Vec::new(),
        body: None,
        fresh_ms: 0,
        limit: 100,
    }
}

fn headers(lines: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    lines.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

fn answered(method: Method, status: u16, lines: &[(&str, &str)], body: &str) -> Result<String, String> {
    let answer = Answer::Response { status, headers: headers(lines), body: body.as_bytes().to_vec() };
    match read(&fetch(method), answer) {
        Ok(read) => Ok(read.document.source()[read.root().span()].to_string()),
        Err(why) => Err(format!("{}{}", if why.away { "away: " } else { "" }, why.message.into_owned())),
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json; charset=utf-8");

#[test]
fn a_full_answer_of_json() {
    assert_eq!(answered(Method::Get, 200, &[JSON], r#"{"id":42}"#).unwrap(), r#"{"id":42}"#);
    let api = ("content-type", "application/vnd.api+json");
    assert!(
        answered(Method::Get, 200, &[api, ("content-encoding", "identity"), ("content-length", "2")], "{}").is_ok()
    );
}

#[test]
fn anything_else_is_no_answer() {
    for (status, lines, body, why) in [
        (404, &[JSON][..], "{}", "the status 404"),
        (206, &[JSON], "{}", "the status 206"),
        (302, &[JSON], "{}", "the status 302"),
        (204, &[JSON], "", "the status 204"),
        (503, &[JSON], "{}", "away: its lookup was answered with the status 503"),
        (429, &[JSON], "{}", "away: its lookup was answered with the status 429"),
        (200, &[], "{}", "not JSON"),
        (200, &[("content-type", "text/html")], "{}", "not JSON"),
        (200, &[("content-type", "text/event-stream")], "data: {}\n\n", "not JSON"),
        (200, &[("content-type", "application/json; charset=latin-1")], "{}", "not JSON in UTF-8"),
        (200, &[JSON, JSON], "{}", "no single `content-type`"),
        (200, &[JSON, ("content-encoding", "gzip")], "{}", "compressed"),
        (200, &[JSON, ("content-length", "3")], "{}", "not as long"),
        (200, &[JSON, ("content-range", "bytes 0-1/200")], "{}", "a part"),
        (200, &[JSON], "", "cannot be read"),
        (200, &[JSON], r#"{"price":1,"price":2}"#, "occurs twice"),
        (200, &[JSON], r#"{"price":1.2345678901234567890}"#, "18 significant digits"),
        (200, &[JSON], &" ".repeat(101), "larger"),
    ] {
        let found = answered(Method::Get, status, lines, body).unwrap_err();
        assert!(found.contains(why), "{status} {body}: {found}");
        assert_eq!(found.starts_with("away"), why.starts_with("away"), "{found}");
    }
    assert!(read(&fetch(Method::Get), Answer::Unavailable(Unavailable::Timeout)).unwrap_err().away);
    assert!(!read(&fetch(Method::Get), Answer::Unavailable(Unavailable::TooLarge)).unwrap_err().away);
}

#[test]
fn what_an_answer_says_of_being_complete() {
    let says = |lines: &[(&str, &str)], body: &str| {
        let mut all = alloc::vec![JSON];
        all.extend(lines);
        let answer = Answer::Response { status: 200, headers: headers(&all), body: body.as_bytes().to_vec() };
        let pages = read(&fetch(Method::Get), answer).unwrap().pages;
        (pages.more, pages.all, pages.total)
    };
    assert_eq!(says(&[], "[]"), (false, false, None));
    assert_eq!(says(&[("X-WP-TotalPages", "1"), ("X-WP-Total", "3")], "[]"), (false, true, Some(3)));
    assert_eq!(says(&[("x-wp-totalpages", "2")], "[]"), (true, false, None));
    assert_eq!(says(&[("link", "<https://a/?page=2>; rel=\"next\"")], "[]"), (true, false, None));
    assert_eq!(says(&[("link", "<https://a/?page=1>; rel=\"prev\"")], "[]"), (false, false, None));
    assert_eq!(says(&[("content-range", "0-24/573")], "[]"), (false, false, Some(573)));
    assert_eq!(says(&[("content-range", "0-24/*")], "[]"), (false, false, None));
    assert_eq!(says(&[], r#"{"has_more":true}"#), (true, false, None));
    assert_eq!(says(&[], r#"{"has_more":false}"#), (false, true, None));
}

const ID: &str = r#""jsonrpc":"2.0","id":"ambit-lookup""#;

fn tool(body: &str) -> Result<String, String> {
    let large = Fetch { limit: 1000, ..fetch(Method::Post) };
    let answer = Answer::Response { status: 200, headers: headers(&[JSON]), body: body.as_bytes().to_vec() };
    match read(&large, answer) {
        Ok(read) => Ok(read.document.source()[read.root().span()].to_string()),
        Err(why) => Err(why.message.into_owned()),
    }
}

#[test]
fn what_a_tool_says() {
    let structured = format!(r#"{{{ID},"result":{{"content":[],"structuredContent":{{"price":"1"}}}}}}"#);
    assert_eq!(tool(&structured).unwrap(), r#"{"price":"1"}"#);
    let text =
        format!(r#"{{{ID},"result":{{"content":[{{"type":"text","text":"{{\"price\":2}}"}}],"isError":false}}}}"#);
    assert_eq!(tool(&text).unwrap(), r#"{"price":2}"#);
    for body in [
        format!(r#"{{{ID},"error":{{"code":1}}}}"#),
        format!(r#"{{{ID},"result":{{"structuredContent":{{}}}},"error":{{}}}}"#),
        format!(r#"{{{ID},"result":{{"structuredContent":{{}},"isError":true}}}}"#),
        format!(r#"{{{ID},"result":{{"structuredContent":[]}}}}"#),
        format!(r#"{{{ID},"result":{{"content":[]}}}}"#),
        format!(r#"{{{ID},"result":{{"content":[{{"type":"image","text":"{{}}"}}]}}}}"#),
        format!(r#"{{{ID},"result":{{"content":[{{"type":"text","text":"{{}}"}},{{"type":"text","text":"{{}}"}}]}}}}"#),
        format!(r#"{{{ID},"result":{{"content":[{{"type":"text","text":"about 2"}}]}}}}"#),
        r#"{"jsonrpc":"2.0","id":"other","result":{"structuredContent":{}}}"#.into(),
        r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{}}}"#.into(),
        r#"[]"#.into(),
    ] {
        assert!(tool(&body).is_err(), "{body}");
    }
}

#[test]
fn a_tool_that_answers_by_events() {
    let stream = ("content-type", "text/event-stream");
    let answer = format!(r#"data: {{{ID},"result":{{"structuredContent":{{"p":1}}}}}}"#);
    let progress = r#"data: {"method":"p"}"#;
    let large = Fetch { limit: 1000, ..fetch(Method::Post) };
    let body = format!("{progress}\n\n{answer}\n\n").into_bytes();
    let read_one = read(&large, Answer::Response { status: 200, headers: headers(&[stream]), body }).unwrap();
    assert_eq!(&read_one.document.source()[read_one.root().span()], r#"{"p":1}"#);
    for body in [String::new(), format!("{answer}\n"), format!("{answer}\n\n{answer}\n\n"), "data: x\n\n".into()] {
        let large = Fetch { limit: 1000, ..fetch(Method::Post) };
        let answer = Answer::Response { status: 200, headers: headers(&[stream]), body: body.clone().into_bytes() };
        assert!(read(&large, answer).is_err(), "{body}");
    }
}
