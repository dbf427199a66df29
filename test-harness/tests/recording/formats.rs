//! F2: the same traffic, recorded in every format by a real Envoy and a real mitmproxy, reads as the
//! same exchanges. The files are cut out of recordings by Envoy 1.40.0 and mitmproxy 11.0.2; all
//! data is made up, tokens are fake.

use std::path::PathBuf;

use test_harness::recording::{Exchange, Format, Place, RecordedBody, Recording};

fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/recordings", name].iter().collect()
}

fn read(name: &str, format: Format) -> Vec<Exchange> {
    let recording = Recording::open(data(name)).unwrap();
    assert_eq!(recording.format(), format, "{name}");
    recording.map(Result::unwrap).collect()
}

/// Method, authority, path and body in words.
fn outline(exchange: &Exchange) -> String {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let request = &exchange.request;
    let (method, host, path) = (text(request.method()), text(request.authority()), text(request.path()));
    format!("{method} {host} {path} {}", body(&request.body))
}

fn body(body: &RecordedBody) -> String {
    match body {
        RecordedBody::Empty => "(none)".into(),
        RecordedBody::Complete(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        RecordedBody::Truncated { seen, announced, .. } => {
            format!("(truncated: {} of {announced:?})", seen.len())
        }
        RecordedBody::Missing { reason } => format!("(missing: {reason})"),
        RecordedBody::Undecodable { reason } => format!("(undecodable: {reason})"),
    }
}

fn times(exchanges: &[Exchange]) -> Vec<String> {
    exchanges.iter().map(|e| e.time.map_or("-".into(), |time| time.to_string())).collect()
}

const PRICING: [&str; 4] = [
    "GET shop.example.com:10443 /wp-json/wc/v3/reports/sales?period=week (none)",
    "PUT shop.example.com:10443 /wp-json/wc/v3/products/1231 {\"regular_price\": \"30.10\"}",
    "PUT shop.example.com:10443 /wp-json/wc/v3/products/1242 {\"regular_price\": \"283.19\"}",
    "GET shop.example.com:10443 /wp-json/wc/v3/products/99999 (none)",
];

#[test]
fn every_format_with_bodies_reads_the_same_requests() {
    for (name, format) in [
        ("pricing.tap.json", Format::Tap),
        ("pricing.bytes.tap.json", Format::Tap),
        ("pricing.streamed.tap.json", Format::Tap),
        ("pricing.tap.pb_length_delimited", Format::TapProto),
        ("pricing.har", Format::Har),
    ] {
        let exchanges = read(name, format);
        let outlines: Vec<_> = exchanges.iter().take(4).map(outline).collect();
        assert_eq!(outlines, PRICING, "{name}");
        let indexes: Vec<_> = exchanges.iter().map(|exchange| exchange.index).collect();
        assert_eq!(indexes, (0..u64::try_from(exchanges.len()).unwrap()).collect::<Vec<_>>());
        let statuses: Vec<_> = exchanges.iter().take(4).map(|e| e.response.as_ref().unwrap().status).collect();
        assert_eq!(statuses, [200, 200, 200, 404], "{name}");
        let ids: Vec<_> = exchanges.iter().take(4).map(|e| e.ids.request_id.clone()).collect();
        let first = read("pricing.tap.json", Format::Tap);
        assert_eq!(ids, first.iter().map(|e| e.ids.request_id.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn an_access_log_has_heads_and_says_which_bodies_are_missing() {
    let exchanges = read("pricing.access.jsonl", Format::AccessLog);
    let outlines: Vec<_> = exchanges.iter().map(outline).collect();
    let missing = |line: &str, count| {
        let head = line.split('{').next().unwrap();
        format!("{head}(missing: an access log holds no bodies; this one had {count} bytes)")
    };
    let expected: [String; 4] =
        [PRICING[0].into(), missing(PRICING[1], 26), missing(PRICING[2], 27), PRICING[3].into()];
    assert_eq!(outlines, expected);
    assert_eq!(exchanges[1].request.header("x-agent-name"), Some(&b"pricing-agent"[..]));
    assert_eq!(times(&exchanges)[..2], ["2026-11-16T08:33:30.017Z", "2026-11-16T08:36:17.838Z"]);
}

#[test]
fn time_is_what_the_recorder_wrote() {
    assert_eq!(
        times(&read("pricing.tap.json", Format::Tap)),
        [
            "2026-11-16T08:33:30.017034Z",
            "2026-11-16T08:36:17.838643Z",
            "2026-11-16T08:38:25.734234Z",
            "2026-11-16T09:47:59.27529Z",
        ]
    );
    // mitmproxy has its own clock, and writes an offset.
    assert_eq!(times(&read("pricing.har", Format::Har))[0], "2026-11-16T08:33:30.017341Z");
    // A streamed tap holds none.
    assert_eq!(times(&read("pricing.streamed.tap.json", Format::Tap)), ["-"; 4]);
}

#[test]
fn a_har_and_a_tap_agree_on_every_header() {
    let (har, tap) = (read("pricing.har", Format::Har), read("pricing.tap.json", Format::Tap));
    for (har, mut tap) in har.into_iter().zip(tap) {
        // mitmproxy was behind the gateway, where TLS was already off.
        let scheme = tap.request.headers.iter_mut().find(|(name, _)| name == b":scheme").unwrap();
        assert_eq!(scheme.1, b"https");
        scheme.1 = b"http".to_vec();
        let sorted = |mut headers: Vec<_>| {
            headers.sort();
            headers
        };
        assert_eq!(sorted(har.request.headers), sorted(tap.request.headers));
    }
}

#[test]
fn a_body_cut_by_envoy_is_truncated() {
    let exchanges = read("pricing.bytes.tap.json", Format::Tap);
    let RecordedBody::Truncated { seen, announced, reason } = &exchanges[4].request.body else {
        panic!("{:?}", exchanges[4].request.body)
    };
    assert_eq!(seen.len(), 1024);
    assert!(seen.starts_with(b"{\"update\""), "{}", String::from_utf8_lossy(&seen[..40]));
    assert!(announced.unwrap() > 1024);
    assert_eq!(reason, "the recorder cut the body at its own limit");
}

#[test]
fn bytes_lost_in_a_string_cost_that_body_only() {
    let (tap, proto) = (read("email.tap.json", Format::Tap), read("email.tap.pb_length_delimited", Format::TapProto));
    let raw = std::fs::read(data("email.tap.json")).unwrap();
    assert!(std::str::from_utf8(&raw).is_err(), "the file must hold invalid UTF-8");
    assert_eq!(tap.len(), 5);
    for (tap, proto) in tap.iter().zip(&proto) {
        assert_eq!(tap.request, proto.request);
        let (tap, proto) = (tap.response.as_ref().unwrap(), proto.response.as_ref().unwrap());
        assert_eq!((tap.status, &tap.headers), (proto.status, &proto.headers));
        assert!(proto.body.bytes().is_some());
        let gzip = proto.headers.iter().any(|(n, v)| n == b"content-encoding" && v == b"gzip");
        match &tap.body {
            RecordedBody::Undecodable { reason } => {
                assert!(gzip);
                assert_eq!(
                    reason,
                    "encoded bytes (content-encoding) were recorded as a string; tap as \
                     JSON_BODY_AS_BYTES to keep such bodies"
                );
            }
            body => assert_eq!(*body, proto.body),
        }
    }
    assert!(tap.iter().any(|e| matches!(e.response.as_ref().unwrap().body, RecordedBody::Undecodable { .. })));
}

#[test]
fn a_har_response_is_marked_as_decoded() {
    let har = read("email.har", Format::Har);
    let response = har[0].response.as_ref().unwrap();
    assert!(response.decoded);
    assert!(response.body.bytes().unwrap().starts_with(b"{"));
    assert!(!har[4].response.as_ref().unwrap().decoded);
}

#[test]
fn a_body_that_the_har_left_out_is_missing() {
    let head = "DELETE db.egress.example.com:10443 /rest/v1/scripts?id=neq.0 ";
    let tap = read("rows.tap.json", Format::Tap);
    assert_eq!(outline(&tap[0]), format!("{head}{{}}"));
    assert_eq!(outline(&read("rows.tap.pb_length_delimited", Format::TapProto)[0]), outline(&tap[0]));
    let har = read("rows.har", Format::Har);
    assert_eq!(outline(&har[0]), format!("{head}(missing: content-length says 2 and no body was recorded)"));
}

#[test]
fn pretty_printed_traces_back_to_back_are_told_apart() {
    let exchanges = read("pretty.tap.json", Format::Tap);
    let places: Vec<_> = exchanges.iter().map(|exchange| exchange.position.place).collect();
    let text = std::fs::read_to_string(data("pretty.tap.json")).unwrap();
    let second = text.lines().collect::<Vec<_>>().iter().rposition(|line| *line == "{").unwrap();
    let second = u64::try_from(second).unwrap() + 1;
    assert_eq!(places, [Place::Line(1), Place::Line(second)]);
    assert!(exchanges.iter().all(|e| e.request.path() == Some(b"/mcp")));
}
