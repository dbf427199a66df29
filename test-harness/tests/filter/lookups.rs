//! A4, A8: the filter looks the present up before a request goes on, in a gateway that answers as it is told.
//!
//! A page lets prices change by 5 %. Each test plays the request event by event, so that what has reached the upstream
//! shows while calls are in flight.

use std::time::Duration;

use serde_json::Value;
use test_harness::host::{
    Callout, CalloutAnswer, Clock, Clusters, Flow, HeaderMap, LocalReply, Plugin, PluginOptions, Stream, Transmitted,
    Vm, VmOptions,
};

use crate::shipped::{self, MODULE, NOON, count};

const CATALOG: &str = r#"{
  "catalog": "shop-v1",
  "base": "/v1",
  "resources": {
    "products": {
      "key": "path.id",
      "current": {
        "try": [{ "get": "/products/{id}", "list": "/products?include={id}&per_page=100" }],
        "same": { "id": "id" }
      },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "price": { "at": "/price", "type": "decimal", "decimals": 2 }
      },
      "actions": {
        "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" },
        "batch": { "endpoints": ["POST /products/batch"], "effect": "door", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    },
    "things": {
      "key": "path.id",
      "current": { "try": [{ "get": "/things/{id}" }], "same": { "id": "id" } },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "price": { "at": "/price", "type": "decimal", "decimals": 2 }
      },
      "actions": {
        "batch": { "endpoints": ["POST /things/batch"], "effect": "door", "rows": { "/update": { "action": "update", "key": "/id" } } },
        "update": { "endpoints": ["PUT /things/{id}"], "effect": "gate" }
      }
    }
  }
}"#;

const GATEWAY: &str = r#"{
  "ambit": "gateway-v1",
  "identity": [{ "header": "x-agent" }],
  "lookups": { "clusters": { "shop.example.com": "shop-lookups" }, "timeout_ms": 1000, "parallel": 4 }
}"#;

const PAGE: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "agent", "purpose": "keeps prices near what they are", "impact": "low" },
  "version": "1",
  "valid": { "from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z" },
  "mode": "enforce",
  "apis": { "shop": { "catalog": "shop-v1", "hosts": ["shop.example.com"] } },
  "approvers": { "lead": { "expires": "30m" } },
  "permit": [
    { "id": "reprice", "scope": ["shop:products.update", "shop:things.update"], "fields": { "only": ["price", "id"] },
      "limits": [{ "count": "rows", "max": 60 }, { "id": "step", "field": "price", "change": { "percent": "5" } }] }
  ],
  "owners": { "product": "lookup tests" }
}"#;

fn bundle(page: &str) -> Vec<u8> {
    shipped::bundle(GATEWAY, CATALOG, &[page.to_owned()])
}

/// A gateway with the filter, its page and the clusters of lookups that it has.
fn gateway_with(page: &str, clusters: &[&str]) -> Plugin {
    let clusters = Clusters::Named(clusters.iter().map(|&name| name.into()).collect());
    let vm = Vm::new(&MODULE, VmOptions { clock: Clock::at(NOON), clusters, ..VmOptions::default() }).unwrap();
    vm.start(PluginOptions::new(bundle(page))).unwrap()
}

fn gateway() -> Plugin {
    gateway_with(PAGE, &["shop-lookups"])
}

fn head(line: &str) -> HeaderMap {
    let (method, path) = line.split_once(' ').unwrap();
    HeaderMap::from_iter([
        (":method", method),
        (":path", path),
        (":authority", "shop.example.com"),
        (":scheme", "https"),
        ("content-type", "application/json"),
        ("x-agent", "agent"),
        ("authorization", "Bearer of-the-agent"),
        ("cookie", "session=of-the-agent"),
    ])
}

/// A write, held in full: nothing of it has gone on.
fn held(plugin: &Plugin, line: &str, body: &str) -> Stream {
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(line), false), Ok(Flow::Pause));
    let (first, last) = body.as_bytes().split_at(body.len() / 2);
    let in_flight = called(plugin).len();
    assert_eq!(stream.request_body(first, false), Ok(Flow::Pause));
    assert_eq!(called(plugin).len(), in_flight, "nothing is looked up before the body is whole");
    assert_eq!(stream.request_body(last, true).map(|flow| flow == Flow::Continue), Ok(false));
    nothing_went_on(&stream);
    stream
}

#[track_caller]
fn nothing_went_on(stream: &Stream) {
    assert_eq!(stream.upstream(), Transmitted::default());
}

fn put(plugin: &Plugin, price: &str) -> Stream {
    held(plugin, "PUT /v1/products/42", &format!(r#"{{"price":"{price}"}}"#))
}

/// The calls in flight.
fn called(plugin: &Plugin) -> Vec<Callout> {
    plugin.vm().pending_callouts()
}

fn path(call: &Callout) -> &str {
    str::from_utf8(call.headers.value(":path").unwrap()).unwrap()
}

fn answer(plugin: &Plugin, answer: CalloutAnswer) {
    let calls = called(plugin);
    plugin.vm().answer_callout(calls.first().unwrap().id, answer).unwrap();
}

fn json(status: u16, body: impl Into<Vec<u8>>) -> CalloutAnswer {
    let headers = [(":status", status.to_string()), ("content-type", "application/json".into())];
    CalloutAnswer::Response { headers: HeaderMap::from_iter(headers), body: body.into(), trailers: HeaderMap::new() }
}

#[track_caller]
fn refused(stream: &Stream) -> (u32, Value) {
    nothing_went_on(stream);
    let Flow::LocalReply(LocalReply { status, body, .. }) = stream.flow() else { panic!("{:?}", stream.flow()) };
    (status, serde_json::from_slice(&body).unwrap())
}

/// Refused with the one reason code, in words that hold a text.
#[track_caller]
fn refused_for(stream: &Stream, code: &str, text: &str) {
    let (status, problem) = refused(stream);
    assert_eq!(status, 403);
    let codes: Vec<&Value> = problem["reasons"].as_array().unwrap().iter().map(|reason| &reason["code"]).collect();
    assert_eq!(codes, [code], "{problem:#}");
    let message = problem["reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains(text), "{message}");
}

#[test]
fn a_change_within_the_limit_is_forwarded_whole() {
    let plugin = gateway();
    let stream = put(&plugin, "10.50");
    answer(&plugin, json(200, r#"{"id":42,"price":"10.00"}"#));
    assert_eq!(stream.flow(), Flow::Continue);
    let upstream = stream.upstream();
    assert_eq!((upstream.body.as_slice(), upstream.complete), (&br#"{"price":"10.50"}"#[..], true));
    let headers = upstream.headers.unwrap();
    assert_eq!(headers.value("authorization"), Some(&b"Bearer of-the-agent"[..]));
    assert_eq!((count(&plugin, "ambit.lookup"), count(&plugin, "ambit.lookup_unavailable")), (1, 0));
}

#[test]
fn a_change_over_the_limit_is_refused() {
    let plugin = gateway();
    let stream = put(&plugin, "10.51");
    answer(&plugin, json(200, r#"{"id":42,"price":"10.00"}"#));
    refused_for(&stream, "envelope_exceeded", "at most 5 %");
}

/// The gateway is asked for one resource, in nobody's name: the cluster adds the credential.
#[test]
fn a_call_says_the_resource_and_nothing_of_the_agent() {
    let plugin = gateway();
    let _stream = put(&plugin, "10.50");
    let calls = called(&plugin);
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call.cluster, "shop-lookups");
    assert_eq!(call.timeout, Some(Duration::from_secs(1)));
    assert_eq!(
        call.headers,
        HeaderMap::from_iter([
            (":method", "GET"),
            (":path", "/v1/products/42"),
            (":authority", "shop.example.com"),
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
        ])
    );
    assert!(call.body.is_empty() && call.trailers.is_empty());
}

/// Each answer that is none of the resource as it is now, and what the agent is told of it.
#[test]
fn whatever_else_is_answered_is_a_refusal() {
    let product = r#"{"id":42,"price":"10.00"}"#;
    let mut html = HeaderMap::from_iter([(":status", "200"), ("content-type", "text/html")]);
    let page =
        CalloutAnswer::Response { headers: html.clone(), body: b"<p>10.00".to_vec(), trailers: HeaderMap::new() };
    html.replace("content-type", "application/json");
    html.add("content-encoding", "gzip");
    let compressed =
        CalloutAnswer::Response { headers: html, body: product.as_bytes().to_vec(), trailers: HeaderMap::new() };
    let large = format!(r#"{{"id":42,"price":"10.00","description":"{}"}}"#, "x".repeat(10_000_000));
    for (given, text, away) in [
        (json(404, product), "status 404", false),
        (json(302, product), "status 302", false),
        (json(401, product), "status 401", false),
        (json(204, ""), "status 204", false),
        (json(500, product), "status 500", true),
        (json(503, product), "status 503", true),
        (CalloutAnswer::timeout(), "status 504", true),
        (CalloutAnswer::reset(), "status 503", true),
        (CalloutAnswer::Failed, "could not be reached", true),
        (json(200, r#"{"id":43,"price":"10.00"}"#), "another resource", false),
        (json(200, r#"{"id":42}"#), "", false),
        (json(200, r#"{"id":42,"price":"10.00""#), "cannot be read", false),
        (json(200, r#"{"id":42,"price":"10.00","price":"90.00"}"#), "twice", false),
        (json(200, b"\xff".to_vec()), "cannot be read", false),
        (json(200, ""), "cannot be read", false),
        (json(200, large), "larger than what is read", false),
        (page, "not JSON", false),
        (compressed, "compressed", false),
    ] {
        let plugin = gateway();
        let stream = put(&plugin, "10.50");
        answer(&plugin, given);
        refused_for(&stream, "unknown_state", text);
        assert_eq!(count(&plugin, "ambit.deny"), 1);
        let unavailable = away || text.starts_with("larger");
        assert_eq!(count(&plugin, "ambit.lookup_unavailable"), u64::from(unavailable), "{text}");
    }
}

#[test]
fn an_answer_that_never_comes_is_given_up() {
    let plugin = gateway();
    let stream = put(&plugin, "10.50");
    plugin.vm().advance(Duration::from_millis(1_400)).unwrap();
    nothing_went_on(&stream);
    assert_eq!(stream.flow(), Flow::Pause);
    plugin.vm().advance(Duration::from_millis(400)).unwrap();
    refused_for(&stream, "unknown_state", "not answered in time");
    // It comes after all.
    answer(&plugin, json(200, r#"{"id":42,"price":"10.00"}"#));
    refused(&stream);
}

#[test]
fn a_cluster_that_the_gateway_does_not_have_is_told_once() {
    let plugin = gateway_with(PAGE, &["shop"]);
    plugin.vm().take_log();
    for _ in 0..2 {
        let stream = put(&plugin, "10.50");
        refused_for(&stream, "unknown_state", "could not be reached");
    }
    let log = plugin.vm().take_log();
    let told: Vec<_> = log.iter().filter(|line| line.message.contains("`shop-lookups`")).collect();
    assert_eq!(told.len(), 1, "{log:?}");
}

/// Fifty rows are one call, and one row that goes too far refuses them all.
#[test]
fn a_batch_is_one_list_call_and_one_bad_row_refuses_it() {
    let ids: Vec<String> = (1..=50).map(|id| id.to_string()).collect();
    let rows = |bad: usize| {
        let row = |(at, id): (usize, &String)| {
            format!(r#"{{"id":{id},"price":"{}"}}"#, if at + 1 == bad { "10.51" } else { "10.50" })
        };
        format!(r#"{{"update":[{}]}}"#, ids.iter().enumerate().map(row).collect::<Vec<_>>().join(","))
    };
    let products: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":{id},"price":"10.00"}}"#)).collect();
    for bad in [0, 37] {
        let plugin = gateway();
        let stream = held(&plugin, "POST /v1/products/batch", &rows(bad));
        let calls = called(&plugin);
        let [call] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(path(call), format!("/v1/products?include={}&per_page=100", ids.join(",")));
        answer(&plugin, json(200, format!("[{}]", products.join(","))));
        if bad == 0 {
            assert_eq!(stream.flow(), Flow::Continue);
            assert_eq!(stream.upstream().body, rows(bad).as_bytes());
        } else {
            let (status, problem) = refused(&stream);
            assert_eq!(status, 403);
            assert_eq!(problem["reasons"][0]["code"], "envelope_exceeded");
            assert_eq!(problem["reasons"][0]["pointer"], "/update/36/price", "{problem:#}");
        }
    }
}

/// Where the API has no list, each row is a call: so many at a time, the others as answers come.
#[test]
fn calls_of_one_request_take_their_turns() {
    let plugin = gateway();
    let rows: Vec<String> = (1..=10).map(|id| format!(r#"{{"id":{id},"price":"10.50"}}"#)).collect();
    let stream = held(&plugin, "POST /v1/things/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")));
    let mut paths = Vec::new();
    for answered in 0..10 {
        let calls = called(&plugin);
        assert_eq!(calls.len(), 4.min(10 - answered));
        nothing_went_on(&stream);
        // The newest first: the order of answers is nobody's.
        let call = calls.last().unwrap();
        assert_eq!(call.stream, Some(stream.context_id()));
        let id = path(call).strip_prefix("/v1/things/").unwrap().to_owned();
        plugin.vm().answer_callout(call.id, json(200, format!(r#"{{"id":{id},"price":"10.00"}}"#))).unwrap();
        paths.push(id.parse::<u32>().unwrap());
    }
    paths.sort_unstable();
    assert!(paths.into_iter().eq(1..=10));
    assert_eq!(stream.flow(), Flow::Continue);
    assert!(stream.upstream().complete);
}

#[test]
fn a_client_that_goes_ends_the_wait() {
    let plugin = gateway();
    let mut stream = put(&plugin, "10.50");
    stream.client_gone().unwrap();
    nothing_went_on(&stream);
    plugin.vm().advance(Duration::from_secs(60)).unwrap();
    // The filter goes on as before.
    let stream = put(&plugin, "10.50");
    answer(&plugin, json(200, r#"{"id":42,"price":"10.00"}"#));
    assert!(stream.upstream().complete);
    assert_eq!(plugin.vm().failure(), None);
}

/// Trailers that come while a call is in flight are held and go on with the rest.
#[test]
fn trailers_wait_with_their_request() {
    let plugin = gateway();
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head("PUT /v1/products/42"), false), Ok(Flow::Pause));
    assert_eq!(stream.request_body(br#"{"price":"10.50"}"#, false), Ok(Flow::Pause));
    assert_eq!(stream.request_trailers(HeaderMap::from_iter([("x-sum", "1")])), Ok(Flow::Pause));
    nothing_went_on(&stream);
    answer(&plugin, json(200, r#"{"id":42,"price":"10.00"}"#));
    let upstream = stream.upstream();
    assert!(upstream.complete && upstream.body == br#"{"price":"10.50"}"#);
    assert_eq!(upstream.trailers.unwrap().value("x-sum"), Some(&b"1"[..]));
}

/// C1: a page in shadow changes nothing, and makes no calls.
#[test]
fn a_page_in_shadow_makes_no_calls() {
    let plugin = gateway_with(&PAGE.replace(r#""mode": "enforce""#, r#""mode": "shadow""#), &["shop-lookups"]);
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head("PUT /v1/products/42"), false), Ok(Flow::Pause));
    assert_eq!(stream.request_body(br#"{"price":"99"}"#, true), Ok(Flow::Continue));
    assert_eq!(called(&plugin), []);
}

/// Where no answer comes, the page may leave it to a person; where a poor one comes, not.
#[test]
fn a_person_may_decide_where_no_answer_comes() {
    let page = PAGE.replace(r#""approvers""#, r#""on_unavailable": { "approval": "lead" }, "approvers""#);
    for (given, decision) in [(json(503, ""), "approval_required"), (json(404, "{}"), "deny")] {
        let plugin = gateway_with(&page, &["shop-lookups"]);
        let stream = put(&plugin, "10.50");
        answer(&plugin, given);
        assert_eq!(refused(&stream).1["decision"], decision);
    }
}

/// An update while a request waits: it is judged by the page that it came under, and the next by the new one.
#[test]
fn a_waiting_request_keeps_its_policy() {
    let old = gateway();
    let waiting = put(&old, "10.50");
    let new = old.vm().start(PluginOptions::new(bundle(&PAGE.replace(r#""5""#, r#""1""#)))).unwrap();
    let later = put(&new, "10.50");
    old.stop().unwrap();
    for _ in 0..2 {
        answer(&old, json(200, r#"{"id":42,"price":"10.00"}"#));
    }
    assert!(waiting.upstream().complete);
    refused_for(&later, "envelope_exceeded", "at most 1 %");
}
