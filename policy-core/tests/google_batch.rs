//! Batches of HTTP requests in one body: read as every other reader would, or refused.
#![allow(unreachable_pub, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../../fuzz/entry/lenient_batch.rs"]
mod lenient_batch;

use policy_core::decode::google_batch::{Part, read_google_batch};
use policy_core::limits::{GOOGLE_BATCH_PARTS, HEADERS};
use proptest::prelude::*;

const TYPE: &str = "multipart/mixed; boundary=b";

/// `Ok` with `METHOD target` of each part, or the code and the message.
fn read(body: &str) -> Result<Vec<String>, String> {
    read_as(TYPE, body)
}

fn read_as(content_type: &str, body: &str) -> Result<Vec<String>, String> {
    match read_google_batch(content_type, body.as_bytes()) {
        Ok(parts) => Ok(parts.iter().map(|part| format!("{} {}", part.method, part.target)).collect()),
        Err(reason) => Err(format!("{}: {}", reason.code, reason.message)),
    }
}

/// A batch of one part: its headers and its request.
fn one(part: &str) -> String {
    format!("--b\r\n{part}\r\n--b--\r\n")
}

#[track_caller]
fn refused(body: &str, code: &str, message: &str) {
    let said = read(body).expect_err("this must be refused");
    assert!(said.starts_with(code) && said.contains(message), "{said}\n{body:?}");
}

/// Bodies of google-api-python-client 2.202, as they were recorded: lines end in LF.
#[test]
fn recorded_batches() {
    let reads = include_bytes!("data/google_batch_reads.txt");
    let parts = read_google_batch(r#"multipart/mixed; boundary="===============5182747639861436385==""#, reads);
    let parts = parts.expect("a real client's batch");
    let ids = ["19a0000000000013", "19a0000000000014", "19a0000000000015"];
    assert_eq!(parts.len(), 3);
    for (part, id) in parts.iter().zip(ids) {
        let target = format!("/gmail/v1/users/me/messages/{id}?format=minimal&alt=json");
        assert_eq!((part.method, part.authority, part.target, part.body), ("GET", None, target.as_str(), &b""[..]));
        assert_eq!(part.headers.len(), 8);
        assert!(part.headers.contains(&("authorization", "Bearer agent-token-email-agent-FAKE0001")));
    }

    let sends = include_bytes!("data/google_batch_sends.txt");
    let parts = read_google_batch(r#"multipart/mixed; boundary="===============5750603532948861697==""#, sends);
    let parts = parts.expect("a real client's batch");
    let lines: Vec<String> =
        parts.iter().map(|part| format!("{} {} {}", part.method, part.target, part.body.len())).collect();
    assert_eq!(
        lines,
        [
            "GET /gmail/v1/users/me/messages/19a0000000000014?format=minimal&alt=json 0",
            "POST /gmail/v1/users/me/messages/send?alt=json 327",
            "POST /gmail/v1/users/me/drafts/send?alt=json 30"
        ]
    );
    assert_eq!(parts[2].body, br#"{"id": "r-489284989174783857"}"#);
}

/// The forms that Google's documentation and its clients show.
#[test]
fn forms_that_clients_write() {
    let get = "Content-Type: application/http\r\n\r\nGET /x";
    let ok = |body: &str| assert_eq!(read(body), Ok(vec!["GET /x".to_string()]), "{body:?}");
    for end in [
        "",
        "\r\n",
        "\r\n\r\n",
        " HTTP/1.1",
        " HTTP/1.1\r\n",
        " HTTP/1.1\r\n\r\n",
        " HTTP/1.1\r\nAccept: a/b\r\n\r\n\r\n",
    ] {
        ok(&one(&format!("{get}{end}")));
    }
    ok(one(get).trim_end());
    ok(&one(get).replace("\r\n", "\n"));
    ok(&one(&get.replace("application/http", "Application/HTTP; msgtype=request")));
    ok(&one(&format!(
        "Content-ID: <item1:1@example.com>\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 6\r\n{get}"
    )));
    // The Java client writes the whole address.
    let absolute = one(&get.replace("/x", "https://www.example.com:443/x HTTP/1.1"));
    let parts = read_google_batch(TYPE, absolute.as_bytes()).expect("an absolute target");
    assert_eq!((parts[0].authority, parts[0].target), (Some("www.example.com:443"), "/x"));

    for content_type in
        [r#"multipart/mixed; boundary="b""#, "Multipart/Mixed;boundary=b", "multipart/mixed ; BOUNDARY=b"]
    {
        assert_eq!(read_as(content_type, &one(get)), Ok(vec!["GET /x".to_string()]), "{content_type}");
    }
    let post = "Content-Type: application/http\r\n\r\nPOST /x HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"a\":\r\n 1}\n";
    let body = one(post);
    let parts = read_google_batch(TYPE, body.as_bytes()).expect("a body with lines");
    assert_eq!(parts[0].body, b"{\"a\":\r\n 1}\n");
}

#[test]
fn content_types_with_another_reading() {
    let body = one("Content-Type: application/http\r\n\r\nGET /x");
    for content_type in [
        "multipart/mixed",
        "multipart/mixed; boundary=",
        r#"multipart/mixed; boundary="""#,
        r#"multipart/mixed; boundary="b "#,
        r#"multipart/mixed; boundary="b c""#,
        "multipart/mixed; boundary=b; boundary=c",
        "multipart/mixed; boundary=b; charset=utf-8",
        "multipart/mixed; charset=b",
        "multipart/mixed; boundary*=b",
        "multipart/related; boundary=b",
        "multipart/form-data; boundary=b",
        "multipart/mixed, multipart/mixed; boundary=b",
        "application/json",
        "",
    ] {
        let said = read_as(content_type, &body).expect_err(content_type);
        assert!(said.starts_with("content_type: "), "{content_type}: {said}");
    }
    let long = "b".repeat(71);
    let said = read_as(&format!("multipart/mixed; boundary={long}"), &body.replace("--b", &format!("--{long}")));
    assert!(said.is_err_and(|said| said.starts_with("content_type: ")));
}

/// A body in which another reader could find other parts.
#[test]
fn framing_with_another_reading() {
    let part = "Content-Type: application/http\r\n\r\nGET /x HTTP/1.1\r\n\r\n";
    let whole = one(part);
    refused("", "body_unparsable", "does not begin with its boundary");
    refused(&format!("\r\n{whole}"), "body_unparsable", "does not begin with its boundary");
    refused(&format!("preamble\r\n{whole}"), "body_unparsable", "does not begin with its boundary");
    refused(&format!("{whole}epilogue"), "body_unparsable", "behind the last boundary");
    refused(&format!("{whole}\r\n"), "body_unparsable", "behind the last boundary");
    refused(&whole.replace("--b--\r\n", "--b--\n"), "body_unparsable", "behind the last boundary");
    refused(&whole.replace("--b--", "--b-- "), "body_unparsable", "behind the last boundary");
    refused(&whole.replace("--b--\r\n", "--b\r\n"), "body_unparsable", "");
    refused(&whole.replace("--b--\r\n", ""), "body_unparsable", "");
    refused(&whole.replace("--b--", "--b-"), "body_unparsable", "");
    refused("--b--", "batch_shape", "has no parts");
    refused("--b--\r\n", "body_unparsable", "");
    refused("--b\r\n--b--\r\n", "body_unparsable", "");
    refused("--b\r\n\r\n--b--\r\n", "body_unparsable", "");
    // Blanks behind a boundary (RFC 2046 calls them padding).
    refused(&whole.replacen("--b\r\n", "--b \r\n", 1), "body_unparsable", "");
    // Lines that end in two ways.
    refused(&whole.replacen("--b\r\n", "--b\n", 1), "body_unparsable", "end in two ways");
    refused(&whole.replacen("http\r\n", "http\n", 1), "body_unparsable", "end in two ways");
    refused(&whole.replacen("1.1\r\n", "1.1\n", 1), "body_unparsable", "end in two ways");
    refused(&whole.replacen("1.1\r\n\r\n", "1.1\r\n\n", 1), "body_unparsable", "end in two ways");
    refused(&whole.replacen("GET", "\rGET", 1), "body_unparsable", "not visible ASCII");
    // The boundary where it separates nothing: in a body, in a header, within a line.
    let post = "Content-Type: application/http\r\n\r\nPOST /x HTTP/1.1\r\n\r\n";
    for inside in ["--b", "x--b", "{\"a\":\"--b\"}", "\n--b\r\n", "a\r\n--bc\r\nd", "\r\r\n--b--"] {
        refused(&one(&format!("{post}{inside}")), "body_unparsable", "");
    }
    refused(&whole.replacen("1.1\r\n", "1.1\r\nAccept: --b\r\n", 1), "body_unparsable", "");
    // A boundary that can begin within itself.
    let dashes = whole.replace("--b", "----");
    assert!(read_as("multipart/mixed; boundary=--", &dashes).is_err());
}

#[test]
fn parts_with_another_reading() {
    let http = "Content-Type: application/http\r\n";
    let get = "\r\nGET /x HTTP/1.1\r\n";
    let with = |headers: &str, request: &str| one(&format!("{headers}{request}"));
    refused(&with("", get), "body_unparsable", "part 1 of the batch is not `application/http`");
    refused(&with("Content-Type: application/json\r\n", get), "body_unparsable", "is not `application/http`");
    refused(
        &with("Content-Type: multipart/mixed; boundary=c\r\n", get),
        "nested_request",
        "part 1 of the batch holds parts itself",
    );
    for header in [
        "Content-Type: application/http",
        "X-Goog-User-Project: p",
        "Authorization: Bearer x",
        "Content-Disposition: attachment",
        "Content-Encoding: gzip",
        "Content-Transfer-Encoding: base64",
        "MIME-Version: 2.0",
        "Content-Length: 1",
        "Content-Length: 016",
        "Content-ID:",
        " folded",
        "no colon",
        "blank : x",
        ": x",
        "Content-ID: \u{e4}",
        "Content-ID: a\u{0}b",
    ] {
        refused(&with(&format!("{http}{header}\r\n"), get), "body_unparsable", "part 1 of the batch ");
    }
    refused(
        &with("Content-ID: a\r\nContent-ID: b\r\nContent-Type: application/http\r\n", get),
        "body_unparsable",
        "more than once",
    );
    let id = "Content-ID: a\r\n";
    let twice = format!("--b\r\n{id}{http}{get}\r\n--b\r\n{id}{http}{get}\r\n--b--");
    refused(&twice, "body_unparsable", "two parts of the batch have the `content-id` `a`");

    for line in [
        "",
        "GET",
        "get /x HTTP/1.1",
        "GET  /x HTTP/1.1",
        "GET /x HTTP/1.0",
        "GET /x HTTP/2",
        "GET /x http/1.1",
        "GET /x HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET\t/x HTTP/1.1",
        "HTTP/1.1 200 OK",
        "GET x HTTP/1.1",
        "GET ftp://h/x HTTP/1.1",
        "GET https://h HTTP/1.1",
        "GET https://h?/x HTTP/1.1",
        "GET * HTTP/1.1",
        "G-T /x HTTP/1.1",
    ] {
        refused(&with(http, &format!("\r\n{line}\r\n")), "body_unparsable", "part 1 of the batch ");
    }
    // RFC 9112 lets a server skip empty lines before the request line.
    refused(&with(http, &format!("\r\n{get}")), "body_unparsable", "does not begin with");
    for header in [
        " x: folded",
        "x y: z",
        "x",
        "Content-Length: 5",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: +3",
    ] {
        refused(
            &with(http, &format!("\r\nPOST /x HTTP/1.1\r\n{header}\r\n\r\nabc")),
            "body_unparsable",
            "part 1 of the batch ",
        );
    }
    let said = read(&with(http, "\r\nPOST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"));
    assert_eq!(said, Ok(vec!["POST /x".to_string()]));
}

#[test]
fn batches_are_bounded() {
    let part = "--b\r\nContent-Type: application/http\r\n\r\nGET /x\r\n";
    let batch = |parts: usize| format!("{}--b--", part.repeat(parts));
    assert_eq!(read(&batch(GOOGLE_BATCH_PARTS)).map(|parts| parts.len()), Ok(GOOGLE_BATCH_PARTS));
    refused(&batch(GOOGLE_BATCH_PARTS + 1), "batch_limit", "more than 100 parts");
    refused(&batch(10_000), "batch_limit", "more than 100 parts");
    let headers = "a: b\r\n".repeat(HEADERS + 1);
    refused(
        &one(&format!("Content-Type: application/http\r\n\r\nGET /x HTTP/1.1\r\n{headers}")),
        "body_unparsable",
        "headers",
    );
    // Many near misses of the boundary cost no more than the body is long.
    let near = "--a".repeat(300_000);
    refused(&one(&near), "body_unparsable", "");
}

/// A request to be put into a batch.
#[derive(Clone, Debug)]
struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE"]);
    let headers = prop::collection::vec(("x-[a-z]{1,6}", "[!-~]([ -~]{0,10}[!-~])?"), 0..4);
    let body = prop::collection::vec(any::<u8>(), 0..60);
    (method, "/[!-~]{0,20}", headers, body).prop_map(|(method, target, headers, body)| Sent {
        method,
        target,
        headers,
        body,
    })
}

/// Writes a batch as a client does.
fn written(boundary: &str, eol: &str, parts: &[Sent]) -> Vec<u8> {
    let mut out = Vec::new();
    for (position, part) in parts.iter().enumerate() {
        let mut text = format!("--{boundary}\nContent-Type: application/http\nContent-ID: <{position}>\n\n");
        text.push_str(&format!("{} {} HTTP/1.1\nContent-Length: {}\n", part.method, part.target, part.body.len()));
        for (name, value) in &part.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        out.extend_from_slice(text.replace('\n', eol).as_bytes());
        out.extend_from_slice(&part.body);
        out.extend_from_slice(eol.as_bytes());
    }
    out.extend_from_slice(format!("--{boundary}--{eol}").as_bytes());
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What was written is what is read, or it is refused because a body holds what could be read in two ways.
    #[test]
    fn written_batches_read_back(
        boundary in "[A-Za-z0-9'+_,./:=?-]{1,30}",
        crlf in any::<bool>(),
        parts in prop::collection::vec(sent(), 1..5),
    ) {
        let body = written(&boundary, if crlf { "\r\n" } else { "\n" }, &parts);
        let delimiter = format!("--{boundary}").into_bytes();
        let places = body.windows(delimiter.len()).filter(|window| *window == delimiter).count();
        let two_endings = !crlf && parts.iter().any(|part| part.body.ends_with(b"\r"));
        match read_google_batch(&format!("multipart/mixed; boundary=\"{boundary}\""), &body) {
            Ok(read) => {
                prop_assert_eq!(read.len(), parts.len());
                for (read, part) in read.iter().zip(&parts) {
                    let length = part.body.len().to_string();
                    let mut headers = vec![("Content-Length", length.as_str())];
                    headers.extend(part.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                    let expect = Part { method: part.method, authority: None, target: &part.target, headers, body: &part.body };
                    prop_assert_eq!(read, &expect);
                }
            }
            Err(reason) => prop_assert!(places != parts.len() + 1 || two_endings, "{:?}", reason),
        }
    }

    /// Any bytes changed: refused, or a lenient reader sees the same requests with the same bodies.
    #[test]
    fn edited_batches_have_one_reading(
        crlf in any::<bool>(),
        parts in prop::collection::vec(sent(), 1..4),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&PIECES[..]), 0_usize..4), 1..4),
    ) {
        let mut body = written("b0", if crlf { "\r\n" } else { "\n" }, &parts);
        for (place, piece, cut) in edits {
            let at = place.index(body.len() + 1);
            let end = (at + cut).min(body.len());
            body.splice(at..end, piece.bytes());
        }
        if let Ok(read) = read_google_batch("multipart/mixed; boundary=b0", &body) {
            let lenient = lenient_batch::read("b0", &body).expect("a lenient reader finds parts");
            prop_assert_eq!(read.len(), lenient.len());
            for (part, (request, rest)) in read.iter().zip(&lenient) {
                prop_assert!(request.starts_with(&format!("{} ", part.method)) && request.contains(part.target), "{} {:?}", request, part);
                prop_assert!(rest.ends_with(part.body), "{:?} {:?}", rest, part);
            }
        }
    }

    #[test]
    fn any_bytes_have_an_answer(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let body = [b"--b\r\n".as_slice(), &body].concat();
        let _ = read_google_batch(TYPE, &body);
    }
}

const PIECES: [&str; 16] = [
    "--b0",
    "\r\n--b0\r\n",
    "\n--b0\n",
    "--b0--",
    "--",
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    " ",
    "\t",
    "x",
    ":",
    "Content-Length: 0\r\n",
    "POST /y HTTP/1.1\r\n\r\n",
];
