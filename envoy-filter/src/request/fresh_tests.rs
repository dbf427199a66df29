//! Answers that an agent got and that its lookups use (`fresh`): which are kept, for whom, and until when.
//!
//! The decision point of the tests allows `GET /1` as a read whose answer `/fresh-current?1` may use for five seconds; the
//! latter passes if that answer begins with `good`.

use super::ground::{ROOT, configure, counted, no_reply, reply, stream, tick_after};
use crate::calls;
use crate::dispatch;
use crate::host::{Answer, Call, gateway};
use crate::kept::{ANSWERS, BYTES};
use crate::policy::{ANSWER_LIMIT, FRESH_MS};
use crate::types::Action;

const HOST: &str = "shop.example.com";

/// A gateway whose pages let answers be used.
fn fresh() {
    stream("/deny");
    dispatch::on_delete(super::ground::STREAM);
    dispatch::on_delete(ROOT);
    dispatch::on_context_create(ROOT, 0);
    assert!(configure(ROOT, b"fresh"));
}

/// A request that is judged from its head.
fn begin(id: u32, (method, host, path): (&str, &str, &str), agent: &str) -> Action {
    dispatch::on_context_create(id, ROOT);
    let head = [(":method", method), (":authority", host), (":path", path), ("x-agent", agent)];
    gateway(|gateway| {
        gateway.effective = None;
        gateway.headers = Some(head.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect());
    });
    dispatch::on_request_headers(id, true)
}

fn end(id: u32) {
    dispatch::on_log(id);
    dispatch::on_delete(id);
}

fn passes(id: u32, line: (&str, &str, &str), agent: &str) {
    assert_eq!(begin(id, line, agent), Action::Continue);
}

/// The head of a response of the upstream.
fn respond(id: u32, head: &[(&str, &str)]) {
    gateway(|gateway| {
        gateway.properties.entry("response.code_details".into()).or_insert_with(|| b"via_upstream".to_vec());
        let headers = head.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        gateway.response = Some(Answer { headers, body: Vec::new() });
    });
    assert_eq!(dispatch::on_response_headers(id, false), Action::Continue);
}

/// A part of its body, which goes on as it comes.
fn part(id: u32, body: &[u8], last: bool) {
    gateway(|gateway| gateway.response.get_or_insert_default().body = body.to_vec());
    assert_eq!(dispatch::on_response_body(id, body.len(), last), Action::Continue);
}

const JSON: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/json")];

/// A read of the agent `a`, with its answer, to its end.
fn read(path: &str) {
    read_as("a", HOST, path, &JSON, b"good");
}

fn read_as(agent: &str, host: &str, path: &str, head: &[(&str, &str)], body: &[u8]) {
    passes(50, ("GET", host, path), agent);
    respond(50, head);
    part(50, body, true);
    end(50);
}

/// How many calls a request of this agent makes for `/1`.
fn calls_of(agent: &str) -> usize {
    let before = gateway(|gateway| gateway.calls.len());
    let action = begin(60, ("POST", "elsewhere.example.com", "/fresh-current?1"), agent);
    let made = gateway(|gateway| gateway.calls.len()) - before;
    assert_eq!(action == Action::Continue, made == 0, "it passes without a call, or waits");
    end(60);
    // Its call is still in flight; nothing of it counts here.
    calls::reset();
    made
}

#[track_caller]
fn is_kept() {
    assert_eq!(calls_of("b"), 1, "not for others");
    // As a write, the request drops what it was judged by.
    assert_eq!(calls_of("a"), 0);
    no_reply();
}

#[track_caller]
fn is_not_kept() {
    assert_eq!(calls_of("a"), 1);
}

#[test]
fn a_lookup_is_answered_by_what_the_agent_just_read() {
    fresh();
    read("/1");
    is_kept();
    assert_eq!(["ambit.lookup_reused", "ambit.lookup", "ambit.lookup_unavailable"].map(counted), [1, 1, 0]);
    is_not_kept();
}

#[test]
fn without_fresh_nothing_is_read_of_a_response() {
    stream("/deny");
    read("/1");
    gateway(|gateway| assert_eq!(gateway.bodies_read, 0));
    is_not_kept();
}

#[test]
fn a_body_is_kept_in_its_parts_and_goes_on_as_they_come() {
    fresh();
    passes(50, ("GET", HOST, "/1"), "a");
    respond(50, &[JSON[0], JSON[1], ("content-length", "8"), ("set-cookie", "a=b")]);
    for (body, last) in [(&b"go"[..], false), (b"", false), (b"od", false), (b"body", false), (b"", true)] {
        assert_eq!(calls_of("b"), 1);
        part(50, body, last);
    }
    is_kept();
    // Trailers may end it instead.
    end(50);
    passes(50, ("GET", HOST, "/1"), "a");
    respond(50, &JSON);
    part(50, b"good", false);
    assert_eq!(dispatch::on_response_trailers(50), Action::Continue);
    end(50);
    is_kept();
}

/// What is kept is read as strictly as an answer to a call.
#[test]
fn the_decision_point_reads_what_is_kept() {
    fresh();
    read_as("a", HOST, "/1", &JSON, b"wrong");
    assert_eq!(begin(60, ("POST", HOST, "/fresh-current?1"), "a"), Action::Pause);
    assert_eq!(reply().body, b"200 wrong");
    gateway(|gateway| assert!(gateway.calls.is_empty()));
}

#[test]
fn only_what_is_missing_is_called_for_and_never_instead_of_a_tool() {
    fresh();
    read("/1");
    read("/2");
    read("/3");
    assert_eq!(begin(60, ("POST", HOST, "/fresh-current?4"), "a"), Action::Pause);
    gateway(|gateway| assert_eq!(gateway.calls.iter().map(Call::path).collect::<Vec<_>>(), ["/2", "/4"]));
    assert_eq!(counted("ambit.lookup_reused"), 2);
    // A page without `fresh` beside one with it.
    assert_eq!(begin(61, ("POST", HOST, "/current?1"), "a"), Action::Pause);
    gateway(|gateway| assert_eq!(gateway.calls.len(), 3));
}

#[test]
fn an_answer_is_as_old_as_its_request() {
    for (slow, then, calls) in [(0, FRESH_MS - 1, 0), (0, FRESH_MS, 1), (FRESH_MS - 1, 0, 0), (FRESH_MS, 0, 1)] {
        fresh();
        passes(50, ("GET", HOST, "/1"), "a");
        gateway(|gateway| gateway.now += slow * 1_000_000);
        respond(50, &JSON);
        part(50, b"good", true);
        gateway(|gateway| gateway.now += then * 1_000_000);
        assert_eq!(calls_of("a"), usize::try_from(calls).unwrap(), "{slow} ms under way, {then} ms ago");
        end(50);
    }
    // A clock that was set back.
    fresh();
    read("/1");
    gateway(|gateway| gateway.now -= 1);
    is_not_kept();
    // A tick forgets what is too old.
    fresh();
    read("/1");
    assert_eq!(taken().0, 1);
    tick_after(FRESH_MS);
    assert_eq!(taken(), (0, 0));
}

#[test]
fn an_answer_is_for_its_agent_host_and_query_alone() {
    for (agent, host, path) in
        [("b", HOST, "/1"), ("a", "other.example.com", "/1"), ("a", HOST, "/1?x=1"), ("a", HOST, "/3")]
    {
        fresh();
        read_as(agent, host, path, &JSON, b"good");
        assert_eq!(taken().0, 1);
        is_not_kept();
    }
}

#[test]
fn what_no_lookup_would_take_is_not_kept() {
    let head = |more: &[(&'static str, &'static str)]| [&JSON[..], more].concat();
    let status = |status| vec![(":status", status), JSON[1]];
    for head in [
        status("206"),
        status("404"),
        status("304"),
        vec![JSON[0]],
        vec![JSON[0], ("content-type", "text/event-stream")],
        head(&[("content-type", "application/json")]),
        head(&[("content-encoding", "gzip")]),
        head(&[("content-encoding", "identity"), ("content-encoding", "identity")]),
        head(&[("content-length", "65537")]),
        head(&[("content-length", "5")]),
        head(&[("content-length", "x")]),
        head(&[("age", "1")]),
    ] {
        fresh();
        read_as("a", HOST, "/1", &head, b"good");
        assert_eq!(taken().0, 0, "{head:?}");
        is_not_kept();
    }
    fresh();
    read_as("a", HOST, "/1", &head(&[("content-encoding", "identity"), ("age", "0")]), b"good");
    is_kept();
}

/// A filter, a cache or the gateway itself has answered.
#[test]
fn an_answer_that_is_not_the_upstreams_is_not_kept() {
    for details in [&b"response_from_cache_filter"[..], b"ambit_deny", b""] {
        fresh();
        gateway(|gateway| gateway.properties.insert("response.code_details".into(), details.to_vec()));
        read("/1");
        is_not_kept();
    }
    for failing in ["property", "response_headers", "response_body"] {
        fresh();
        gateway(|gateway| gateway.failing.insert(failing, 10));
        read("/1");
        gateway(|gateway| gateway.failing.clear());
        assert_eq!(taken().0, 0);
        is_not_kept();
    }
}

#[test]
fn a_part_of_an_answer_is_not_kept() {
    // Cut off.
    fresh();
    passes(50, ("GET", HOST, "/1"), "a");
    respond(50, &JSON);
    part(50, b"good", false);
    is_not_kept();
    end(50);
    assert_eq!(taken().0, 0);
    // Too large.
    fresh();
    passes(50, ("GET", HOST, "/1"), "a");
    respond(50, &JSON);
    part(50, &[b'x'; ANSWER_LIMIT], false);
    assert_eq!(taken().0, 1);
    part(50, b"x", false);
    assert_eq!(taken().0, 0);
    gateway(|gateway| gateway.bodies_read = 0);
    part(50, b"x", true);
    gateway(|gateway| assert_eq!(gateway.bodies_read, 0, "given up"));
    is_not_kept();
    // Less, or more, than is announced.
    for announced in [3, 5] {
        fresh();
        passes(50, ("GET", HOST, "/1"), "a");
        respond(50, &JSON);
        gateway(|gateway| gateway.response.get_or_insert_default().body = b"good".to_vec());
        assert_eq!(dispatch::on_response_body(50, announced, true), Action::Continue);
        is_not_kept();
    }
}

/// A page in shadow, and requests of nobody, forward what they would not allow.
#[test]
fn a_write_drops_what_is_kept_of_its_host() {
    for (line, agent, drops) in [
        (("POST", HOST, "/allow"), "b", true),
        (("DELETE", "Shop.Example.com:443", "/stranger"), "", true),
        (("PUT", HOST, "/shadow-deny"), "b", true),
        (("POST", "not a host", "/stranger"), "", true),
        (("POST", "other.example.com", "/allow"), "b", false),
        (("POST", HOST, "/deny"), "b", false),
        (("GET", HOST, "/stranger"), "", false),
        (("HEAD", HOST, "/allow"), "b", false),
        (("GET", HOST, "/3"), "a", false),
    ] {
        fresh();
        read("/1");
        let action = begin(70, line, agent);
        assert_eq!(action == Action::Pause, line.2 == "/deny");
        end(70);
        assert_eq!(calls_of("a"), usize::from(drops), "{line:?}");
    }
}

/// Some servers take the method from elsewhere.
#[test]
fn a_read_that_may_be_a_write_drops_what_is_kept() {
    fresh();
    read("/1");
    dispatch::on_context_create(70, ROOT);
    let head = [(":method", "GET"), (":authority", HOST), (":path", "/stranger"), ("X-HTTP-Method-Override", "PUT")];
    gateway(|gateway| {
        gateway.headers = Some(head.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect());
    });
    assert_eq!(dispatch::on_request_headers(70, true), Action::Continue);
    is_not_kept();
}

/// An agent may write through one of an API's hosts what it has read through another.
#[test]
fn a_write_of_the_agent_drops_all_that_is_kept_for_it() {
    fresh();
    read_as("b", HOST, "/1", &JSON, b"good");
    read("/1");
    passes(70, ("POST", "other.example.com", "/allow"), "a");
    end(70);
    assert_eq!(taken().0, 1, "of the other agent");
    is_not_kept();
}

#[test]
fn while_a_write_is_under_way_nothing_is_kept_or_used() {
    fresh();
    passes(70, ("PUT", HOST, "/allow"), "b");
    read("/1");
    assert_eq!(taken().0, 0);
    // Its answer begins; it may still be at work.
    respond(70, &JSON);
    read("/1");
    is_not_kept();
    part(70, b"done", true);
    end(70);
    read("/1");
    is_kept();
}

/// It may show what was there before the write.
#[test]
fn a_read_that_was_under_way_before_a_write_is_not_kept() {
    fresh();
    passes(50, ("GET", HOST, "/1"), "a");
    respond(50, &JSON);
    part(50, b"go", false);
    passes(70, ("PUT", HOST, "/allow"), "b");
    end(70);
    part(50, b"od", true);
    end(50);
    assert_eq!(taken().0, 0);
    is_not_kept();
}

#[test]
fn a_second_read_takes_the_place_of_the_first() {
    fresh();
    read("/1");
    passes(50, ("GET", HOST, "/1"), "a");
    assert_eq!(taken().0, 1);
    is_not_kept();
    fresh();
    read("/1");
    read_as("a", HOST, "/1", &[(":status", "404"), JSON[1]], b"gone");
    is_not_kept();
}

/// An agent that reads on purpose takes no more than the bound, in number or in bytes, whole or unfinished.
#[test]
fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
    fresh();
    let count = 2 * ANSWERS;
    for number in 1..=count {
        read(&format!("/{number}"));
    }
    assert_eq!(taken().0, ANSWERS);
    is_not_kept();

    fresh();
    let large = [b'x'; ANSWER_LIMIT];
    for number in 10..10 + 2 * BYTES / ANSWER_LIMIT {
        read_as("a", HOST, &format!("/{number}"), &JSON, &large);
        assert!(taken().1 <= BYTES, "{:?}", taken());
    }
    read("/1");
    is_kept();

    // Streams that never end.
    fresh();
    read("/1");
    for id in 100..100 + 2 * u32::try_from(BYTES / ANSWER_LIMIT).unwrap() {
        passes(id, ("GET", HOST, &format!("/{id}")), "a");
        respond(id, &JSON);
        part(id, &large, false);
        assert!(taken().1 <= BYTES, "{:?}", taken());
    }
    is_not_kept();
    // Heads count too.
    fresh();
    let long = "x".repeat(60_000);
    for number in 10..10 + 2 * BYTES / long.len() {
        read_as("a", HOST, &format!("/{number}"), &[JSON[0], JSON[1], ("x-long", &long)], b"good");
        assert!(taken().1 <= BYTES, "{:?}", taken());
    }
}

/// An update of the policies.
#[test]
fn a_new_plugin_keeps_nothing_of_the_old_one() {
    fresh();
    read("/1");
    assert_eq!(taken().0, 1);
    assert!(configure(ROOT, b"fresh"));
    assert_eq!(taken().0, 0);
    is_not_kept();
}

/// Number of answers kept, and bytes they take.
fn taken() -> (usize, usize) {
    dispatch::plugin_of(ROOT).and_then(|plugin| plugin.kept.as_ref().map(|kept| kept.taken())).unwrap_or_default()
}
