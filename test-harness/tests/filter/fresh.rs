//! A8: a page whose lookups may use what the agent itself has just read (`fresh`).

use std::time::Duration;

use test_harness::host::{Clock, Clusters, Flow, HeaderMap, Plugin, PluginOptions, Stream, Vm, VmOptions};

use crate::shipped::{self, MODULE, NOON, count};

const CATALOG: &str = r#"{
  "catalog": "shop-v1",
  "base": "/v1",
  "resources": { "products": {
    "key": "path.id",
    "current": { "try": [{ "get": "/products/{id}" }], "same": { "id": "id" } },
    "fields": { "id": { "at": "/id", "type": "digits" }, "price": { "at": "/price", "type": "decimal", "decimals": 2 } },
    "actions": {
      "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
      "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" }
    }
  } }
}"#;

const GATEWAY: &str = r#"{
  "ambit": "gateway-v1",
  "identity": [{ "header": "x-agent" }],
  "unknown_agent": "not_an_agent",
  "lookups": { "clusters": { "shop.example.com": "shop-lookups" } }
}"#;

const PAGE: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "AGENT", "purpose": "keeps prices near what they are", "impact": "low" },
  "version": "1",
  "valid": { "from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z" },
  "mode": "MODE",
  "apis": { "shop": { "catalog": "shop-v1", "hosts": ["shop.example.com"], "fresh": "5s" } },
  "permit": [
    { "id": "read", "scope": "shop:products.read" },
    { "id": "reprice", "scope": "shop:products.update", "fields": { "only": ["price"] },
      "limits": [{ "field": "price", "change": { "percent": "5" } }] }
  ],
  "owners": { "product": "tests" }
}"#;

fn bundle() -> Vec<u8> {
    let pages = [("agent", "enforce"), ("other", "enforce"), ("tried", "shadow")];
    let pages = pages.map(|(agent, mode)| PAGE.replace("AGENT", agent).replace("MODE", mode));
    shipped::bundle(GATEWAY, CATALOG, &pages)
}

fn gateway() -> Plugin {
    let clusters = Clusters::Named(["shop-lookups".into()].into());
    let vm = Vm::new(&MODULE, VmOptions { clock: Clock::at(NOON), clusters, ..VmOptions::default() }).unwrap();
    vm.start(PluginOptions::new(bundle())).unwrap()
}

fn head(line: &str, agent: &str) -> HeaderMap {
    let (method, path) = line.split_once(' ').unwrap();
    let mut head = vec![(":method", method), (":path", path), (":authority", "shop.example.com"), (":scheme", "https")];
    head.extend([("content-type", "application/json"), ("authorization", "Bearer of-the-agent")]);
    head.extend((!agent.is_empty()).then_some(("x-agent", agent)));
    HeaderMap::from_iter(head)
}

/// A read that is forwarded, and the head of its response.
fn reading(plugin: &Plugin, agent: &str, path: &str) -> Stream {
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(&format!("GET {path}"), agent), true), Ok(Flow::Continue));
    stream.set_property(&["response", "code_details"], "via_upstream");
    let response = HeaderMap::from_iter([(":status", "200"), ("content-type", "application/json")]);
    assert_eq!(stream.response_headers(response, false), Ok(Flow::Continue));
    stream
}

/// A read, with its answer in two pieces, each of which goes on at once.
fn read(plugin: &Plugin, agent: &str, path: &str, body: &str) {
    let mut stream = reading(plugin, agent, path);
    let (first, last) = body.as_bytes().split_at(body.len() / 2);
    assert_eq!(stream.response_body(first, false), Ok(Flow::Continue));
    assert_eq!(stream.client().body, first, "it is not held back");
    assert_eq!(stream.response_body(last, true), Ok(Flow::Continue));
    assert_eq!((stream.client().body.as_slice(), stream.client().complete), (body.as_bytes(), true));
    stream.finish().unwrap();
}

const PRODUCT: &str = r#"{"id":42,"price":"10.00"}"#;

fn write(plugin: &Plugin, agent: &str, price: &str) -> Stream {
    let mut stream = plugin.http_stream().unwrap();
    let _ = stream.request_headers(head("PUT /v1/products/42", agent), false).unwrap();
    let _ = stream.request_body(format!(r#"{{"price":"{price}"}}"#).as_bytes(), true).unwrap();
    stream
}

/// How many calls a write of `agent` waits for. It is given up then, and has written nothing.
fn calls(plugin: &Plugin, agent: &str) -> usize {
    let mut stream = write(plugin, agent, "99.00");
    let calls = stream.pending_callouts().len();
    assert!(stream.upstream().headers.is_none());
    stream.client_gone().unwrap();
    calls
}

#[test]
fn a_write_is_measured_by_what_the_agent_has_just_read() {
    let plugin = gateway();
    read(&plugin, "agent", "/v1/products/42", PRODUCT);
    let refused = write(&plugin, "agent", "10.51");
    assert!(matches!(refused.flow(), Flow::LocalReply(_)), "{:?}", refused.flow());
    let mut written = write(&plugin, "agent", "10.50");
    assert_eq!((written.flow(), written.upstream().complete), (Flow::Continue, true));
    assert_eq!((count(&plugin, "ambit.lookup_reused"), count(&plugin, "ambit.lookup")), (2, 0));
    // From here on something else may be there.
    assert_eq!(calls(&plugin, "agent"), 1);
    written.finish().unwrap();
    assert_eq!(calls(&plugin, "agent"), 1);
    read(&plugin, "agent", "/v1/products/42", PRODUCT);
    assert_eq!(calls(&plugin, "agent"), 0);
}

#[test]
fn a_read_counts_for_its_agent_and_its_path_for_so_long() {
    let plugin = gateway();
    read(&plugin, "agent", "/v1/products/42", PRODUCT);
    assert_eq!(calls(&plugin, "other"), 1);
    plugin.vm().advance(Duration::from_millis(4_999)).unwrap();
    assert_eq!(calls(&plugin, "agent"), 0);
    plugin.vm().advance(Duration::from_millis(1)).unwrap();
    assert_eq!(calls(&plugin, "agent"), 1);
    read(&plugin, "agent", "/v1/products/43", PRODUCT);
    assert_eq!(calls(&plugin, "agent"), 1);
    // Nobody's read, and one of a page in shadow.
    read(&plugin, "", "/v1/products/42", PRODUCT);
    read(&plugin, "tried", "/v1/products/42", PRODUCT);
    assert_eq!(calls(&plugin, "agent"), 1);
}

/// A page in shadow and a client that is no agent forward what no page allows.
#[test]
fn whoever_writes_ends_what_a_read_has_shown() {
    for writer in ["tried", "", "agent"] {
        let plugin = gateway();
        read(&plugin, "agent", "/v1/products/42", PRODUCT);
        let mut stream = write(&plugin, writer, "10.00");
        assert_eq!(stream.flow(), Flow::Continue, "{writer}");
        stream.finish().unwrap();
        assert_eq!(calls(&plugin, "agent"), 1, "{writer}");
    }
}

/// The answer of a read that is still coming, or was cut off, is none.
#[test]
fn a_part_of_an_answer_is_not_used() {
    let plugin = gateway();
    let mut stream = reading(&plugin, "agent", "/v1/products/42");
    assert_eq!(stream.response_body(PRODUCT.as_bytes(), false), Ok(Flow::Continue));
    assert_eq!(calls(&plugin, "agent"), 1);
    stream.client_gone().unwrap();
    assert_eq!(calls(&plugin, "agent"), 1);
}

/// An agent that reads large answers on purpose makes the filter's memory no larger than the bound.
#[test]
fn large_answers_do_not_fill_the_memory() {
    let plugin = gateway();
    let large = format!(r#"{{"id":42,"price":"10.00","notes":"{}"}}"#, "x".repeat(1_000_000));
    let mut early = 0;
    let mut open = Vec::new();
    for number in 1..=40 {
        read(&plugin, "agent", &format!("/v1/products/2{number}"), &large);
        let mut stream = reading(&plugin, "agent", &format!("/v1/products/1{number}"));
        assert_eq!(stream.response_body(large.as_bytes(), false), Ok(Flow::Continue));
        open.push(stream);
        if number == 10 {
            early = plugin.vm().memory_bytes();
        }
    }
    // Sixty answers of 1 MB have come since. The allocator may round up; it does not keep them.
    let late = plugin.vm().memory_bytes();
    assert!(late <= early + 2 * 1024 * 1024, "{early} bytes after 10, {late} after 40");
    read(&plugin, "agent", "/v1/products/42", &large);
    assert_eq!(calls(&plugin, "agent"), 0);
}
