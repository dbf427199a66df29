//! Tripwires: what an agent does, and what becomes of it, pauses the agent (C4).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::standing::{Scope, change};
use policy_core::tripwires::{Answered, Consequence, End, Told, Trip, decided};
use policy_core::{Decision, Outcome};
use serde_json::{Value, json};
use support::counting::{DONE, Gateway};
use support::pages::shop;
use support::present::{World, store};
use support::{Request, json as sent, request, text_of};

const OK: End<'_> = End::Answered(200, None);

/// A page on which everything of products is allowed, and these tripwires.
fn gateway(mode: &str, tripwires: &str) -> Gateway {
    Gateway::new(shop(&format!(
        r#"{{ "mode": "{mode}", "tripwires": [{tripwires}], "permit": [
          {{ "id": "read", "scope": "shop:products.read" }},
          {{ "id": "write", "scope": "shop:products.update", "fields": "any" }} ] }}"#
    )))
}

fn read() -> Request {
    request("GET /v3/products/1")
}

fn write() -> Request {
    sent("PUT /v3/products/1", r#"{"price":"1.00"}"#)
}

fn outside() -> Request {
    request("GET /v3/elsewhere")
}

/// Something that the page refuses, though a permit is about it.
fn wrong() -> Request {
    sent("PUT /v3/products/1", "no JSON")
}

/// Nothing is left to be told later.
#[track_caller]
fn all_told(told: Told) -> Vec<Trip> {
    assert!(told.late.is_none() && !told.lost, "{told:?}");
    told.trips
}

/// Judges a request, which ends so where it goes on. What was said, and what has tripped.
#[track_caller]
fn send(gateway: &mut Gateway, request: &Request, end: End<'_>) -> (Outcome, Vec<Trip>) {
    let mut outcome = gateway.send(request, DONE);
    let set = gateway.set.clone();
    let (watch, told) = decided(&set, &mut outcome, &mut gateway.memory, gateway.now, Consequence::Pause);
    let mut trips = all_told(told);
    assert_eq!(watch.is_some(), outcome.forward);
    if let Some(watch) = watch {
        trips.extend(all_told(watch.ended(&set, end, &mut gateway.memory, gateway.now)));
    }
    (outcome, trips)
}

/// Sends a request so many times: nothing trips.
#[track_caller]
fn quiet(gateway: &mut Gateway, times: usize, request: &Request, end: End<'_>) {
    for number in 0..times {
        let (outcome, trips) = send(gateway, request, end);
        assert!(trips.is_empty(), "number {number}: {trips:?}");
        assert_ne!(text_of(&outcome), "deny: paused", "number {number}");
    }
}

/// Sends a request: this tripwire trips.
#[track_caller]
fn trips(gateway: &mut Gateway, request: &Request, end: End<'_>, id: &str) -> Trip {
    let (_, trips) = send(gateway, request, end);
    let [trip] = trips.as_slice() else { panic!("{trips:?}") };
    assert_eq!(trip.tripwire, id);
    trip.clone()
}

/// The last actions in a record.
fn actions(trip: &Trip) -> Vec<Value> {
    serde_json::from_str(&trip.actions).expect("a list")
}

#[track_caller]
fn says(gateway: &mut Gateway, request: &Request, expect: &str) {
    let (outcome, trips) = send(gateway, request, OK);
    assert_eq!(text_of(&outcome), expect, "{:?}", outcome.reasons);
    assert!(trips.is_empty(), "{trips:?}");
}

/// Another gateway, which has seen the same until now.
fn twin(gateway: &Gateway) -> Gateway {
    let Gateway { set, table, memory, now, .. } = gateway;
    Gateway {
        set: set.clone(),
        table: table.clone(),
        memory: memory.clone(),
        world: World::default(),
        now: *now,
        slowly: 0,
    }
}

fn resume(gateway: &mut Gateway) {
    let resumed = change(&mut gateway.memory, gateway.now, |pauses| Ok(pauses.resume(&Scope::Agent("agent".into()))));
    assert_eq!(resumed, Ok(1));
}

const FAILURES: &str = r#"{ "id": "failures", "count": "failed", "window": "5m", "max": 20, "then": "pause_writes" }"#;

/// C4: more than 20 failed actions in 5 minutes: writes are paused, reads go on, and the record holds the last actions.
#[test]
fn failures_pause_writes() {
    let mut gateway = gateway("enforce", FAILURES);
    quiet(&mut gateway, 40, &write(), OK);
    quiet(&mut gateway, 10, &write(), End::Answered(500, None));
    quiet(&mut gateway, 5, &read(), End::Answered(404, None));
    quiet(&mut gateway, 5, &write(), End::Unanswered);
    quiet(&mut gateway, 3, &wrong(), OK);
    let trip = trips(&mut gateway, &write(), End::Answered(503, None), "failures");
    assert_eq!(
        (trip.count, trip.counted, trip.max, trip.window, trip.then),
        ("failed", 21, Some(20), 300, "pause_writes")
    );
    assert_eq!((trip.agent.as_str(), trip.until.as_deref(), trip.only_told), ("agent", None, false));
    // The last 50 of 64.
    let all = actions(&trip);
    assert_eq!(all.len(), 50);
    let last = &all[49];
    assert_eq!((&last["decision"], &last["status"], &last["failed"]), (&json!("allow"), &json!(503), &json!(true)));
    assert_eq!(last["operations"], json!([{ "action": "shop:products.update", "effect": "gate" }]));
    assert_eq!(
        all[48],
        json!({ "time": "2026-11-20T12:00:00Z", "decision": "deny", "forwarded": false,
                "reasons": ["body_unparsable"], "operation_count": 0 })
    );
    assert_eq!(all[0]["rule"], "write");
    let line = trip.line();
    let record: Value = serde_json::from_str(line.strip_prefix("ambit: tripped: ").unwrap()).unwrap();
    assert_eq!((&record["counted"], &record["max"], &record["actions"][49]), (&json!(21), &json!(20), last));
    assert!(line.starts_with("ambit: tripped: {\"time\":\"2026-11-20T12:00:00Z\",\"agent\":\"agent\","), "{line}");
    assert!(!line.contains("1.00") && !line.contains("/v3/"), "{line}");

    says(&mut gateway, &write(), "deny: paused");
    says(&mut gateway, &read(), "allow read");
    let (outcome, _) = send(&mut gateway, &write(), OK);
    assert!(outcome.reasons[0].message.contains("by the tripwire `failures`"), "{}", outcome.reasons[0].message);
    // While its pause holds it counts nothing, and after that it begins anew.
    quiet(&mut gateway, 30, &read(), End::Answered(500, None));
    resume(&mut gateway);
    quiet(&mut gateway, 20, &write(), End::Answered(500, None));
    trips(&mut gateway, &write(), End::Answered(500, None), "failures");
}

/// What is older than the window counts no more: for up to a sixtieth of it too long, never too short.
#[test]
fn a_window_ends() {
    let mut gateway = gateway("enforce", FAILURES);
    quiet(&mut gateway, 20, &write(), End::Answered(500, None));
    gateway.pass(299);
    let mut early = twin(&gateway);
    trips(&mut early, &write(), End::Answered(500, None), "failures");
    gateway.pass(6);
    quiet(&mut gateway, 20, &write(), End::Answered(500, None));
    trips(&mut gateway, &write(), End::Answered(500, None), "failures");
}

/// C4: more than 50 writes in a minute. Reads are no writes.
#[test]
fn a_burst_of_writes() {
    let tripwire =
        r#"{ "id": "pace", "count": "writes", "window": "1m", "max": 50, "then": "pause_writes", "until": "10m" }"#;
    let mut gateway = gateway("enforce", tripwire);
    quiet(&mut gateway, 60, &read(), OK);
    quiet(&mut gateway, 10, &wrong(), OK);
    quiet(&mut gateway, 50, &write(), OK);
    // It is known when it is decided: whatever it is answered.
    let trip = trips(&mut gateway, &write(), End::Answered(500, None), "pace");
    assert_eq!((trip.counted, trip.until.as_deref()), (51, Some("2026-11-20T12:10:00Z")));
    says(&mut gateway, &write(), "deny: paused");
    gateway.pass(599);
    says(&mut gateway, &write(), "deny: paused");
    gateway.pass(1);
    says(&mut gateway, &write(), "allow write");
}

/// C4: 120 writes in 10 minutes where 10 a minute are usual.
#[test]
fn more_than_is_usual() {
    let tripwire = r#"{ "id": "burst", "count": "writes", "window": "10m", "baseline": 100, "times": "1.19", "then": "pause_writes" }"#;
    let mut gateway = gateway("enforce", tripwire);
    for _ in 0..119 {
        quiet(&mut gateway, 1, &write(), OK);
        gateway.pass(5);
    }
    let trip = trips(&mut gateway, &write(), OK, "burst");
    assert_eq!((trip.counted, trip.baseline, trip.times.as_deref()), (120, Some(100), Some("1.19")));
    says(&mut gateway, &write(), "deny: paused");
}

/// C4: more than 0.5 % of the requests are for something outside of the page, once there are enough of them.
#[test]
fn a_share_of_requests_outside_of_the_page() {
    let tripwire = r#"{ "id": "outside", "count": "out_of_scope", "window": "1h", "max_percent": "0.5", "of": "requests", "min_sample": 200, "then": "pause_agent" }"#;
    let mut gateway = gateway("enforce", tripwire);
    // Most of few requests, which say nothing yet; what a permit is about is not outside.
    quiet(&mut gateway, 1, &outside(), OK);
    quiet(&mut gateway, 50, &wrong(), OK);
    quiet(&mut gateway, 148, &read(), OK);
    // 1 of 200 is not more than 0.5 %, 2 of 201 is.
    quiet(&mut gateway, 1, &read(), OK);
    let trip = trips(&mut gateway, &outside(), OK, "outside");
    assert_eq!((trip.counted, trip.of, trip.of_counted), (2, Some("requests"), Some(201)));
    assert_eq!(trip.max_percent.as_deref(), Some("0.5"));
    // Everything is paused.
    says(&mut gateway, &read(), "deny: paused");
    says(&mut gateway, &outside(), "deny: paused");
}

/// What is refused counts, whyever; what is refused because of a pause does not.
#[test]
fn refusals() {
    let tripwire =
        r#"{ "id": "refused", "count": "refused", "window": "5m", "max": 3, "then": "pause_writes", "until": "1m" }"#;
    let mut gateway = gateway("enforce", tripwire);
    quiet(&mut gateway, 3, &outside(), OK);
    trips(&mut gateway, &wrong(), OK, "refused");
    for _ in 0..10 {
        says(&mut gateway, &write(), "deny: paused");
    }
    gateway.pass(60);
    quiet(&mut gateway, 3, &wrong(), OK);
    trips(&mut gateway, &wrong(), OK, "refused");
}

/// Each tripwire pauses for itself: one that is tripped does not keep another from tripping.
#[test]
fn tripwires_are_apart() {
    let both = format!(
        r#"{FAILURES}, {{ "id": "all", "count": "requests", "window": "1h", "max": 30, "then": "pause_agent" }}"#
    );
    let mut gateway = gateway("enforce", &both);
    quiet(&mut gateway, 20, &write(), End::Answered(500, None));
    trips(&mut gateway, &write(), End::Answered(500, None), "failures");
    quiet(&mut gateway, 9, &read(), OK);
    trips(&mut gateway, &read(), OK, "all");
    says(&mut gateway, &read(), "deny: paused");
}

/// A page in shadow pauses nobody: it tells, and counts anew.
#[test]
fn shadow_tells() {
    let mut gateway = gateway(
        "shadow",
        r#"{ "id": "refused", "count": "refused", "window": "5m", "max": 2, "then": "pause_agent", "until": "1m" },
           { "id": "writes", "count": "writes", "window": "5m", "max": 2, "then": "pause_agent" }"#,
    );
    quiet(&mut gateway, 2, &outside(), OK);
    let trip = trips(&mut gateway, &outside(), OK, "refused");
    assert!(trip.only_told);
    // As long as the pause would last, nothing is told again.
    quiet(&mut gateway, 10, &outside(), OK);
    gateway.pass(60);
    quiet(&mut gateway, 2, &outside(), OK);
    trips(&mut gateway, &outside(), OK, "refused");
    // What the page would refuse is no write, though it goes on.
    quiet(&mut gateway, 5, &wrong(), OK);
    gateway.pass(600);
    quiet(&mut gateway, 2, &write(), OK);
    trips(&mut gateway, &write(), OK, "writes");
    let (outcome, _) = send(&mut gateway, &write(), OK);
    assert_eq!((outcome.decision, outcome.forward), (Decision::Allow, true));
    // What was counted in shadow pauses nobody once the page is enforced.
    gateway.load(
        self::gateway(
            "enforce",
            r#"{ "id": "writes", "count": "writes", "window": "5m", "max": 2, "then": "pause_agent" }"#,
        )
        .set,
    );
    quiet(&mut gateway, 2, &write(), OK);
    trips(&mut gateway, &write(), OK, "writes");
}

/// A batch that is refused pauses nobody by its rows; one that goes on counts each.
#[test]
fn rows_are_writes() {
    let mut gateway =
        store_gateway(r#"{ "id": "pace", "count": "writes", "window": "1m", "max": 3, "then": "pause_writes" }"#);
    let batch = |ids: &[u32]| {
        let rows: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":{id},"status":"draft"}}"#)).collect();
        sent("POST /v1/products/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")))
    };
    quiet(&mut gateway, 1, &batch(&[1, 2]), OK);
    let trip = trips(&mut gateway, &batch(&[1, 2]), OK, "pace");
    assert_eq!((trip.counted, &actions(&trip)[1]["operation_count"]), (4, &json!(2)));
}

fn store_gateway(tripwires: &str) -> Gateway {
    Gateway::new(store(&format!(
        r#"{{ "tripwires": [{tripwires}], "permit": [
          {{ "id": "status", "scope": "store:products.update", "fields": {{ "only": ["status"] }} }},
          {{ "id": "price", "scope": "store:products.update", "fields": {{ "require": ["price"], "only": ["price", "sale_price"] }},
             "limits": [{{ "field": ["price", "sale_price"], "change": {{ "percent": 50 }} }}] }} ] }}"#
    )))
}

/// Sets the price of a product from what it is now.
fn reprice(gateway: &mut Gateway, id: u32, old: &str, new: &str) -> Request {
    let product = format!(r#"{{"id":{id},"price":"{old}","sale_price":"{old}","regular_price":"9.00"}}"#);
    gateway.world = World::of(&[(&format!("/v1/products/{id}"), &product)]);
    sent(&format!("PUT /v1/products/{id}"), &format!(r#"{{"price":"{new}","sale_price":"{new}"}}"#))
}

/// C4: more than 0.5 % of the writes set a value back to what it was within a day.
#[test]
fn a_share_of_writes_that_are_set_back() {
    let mut gateway = store_gateway(
        r#"{ "id": "reverts", "count": "reverts", "window": "1h", "max_percent": "0.5", "of": "writes", "min_sample": 200, "then": "pause_writes" }"#,
    );
    let change = |gateway: &mut Gateway, id, old, new| {
        let request = reprice(gateway, id, old, new);
        quiet(gateway, 1, &request, OK);
    };
    for id in 1..=197 {
        change(&mut gateway, id, "10.00", "11.00");
    }
    // Set back, whatever its spelling. It failed: it was not done.
    let request = reprice(&mut gateway, 1, "11.00", "10");
    quiet(&mut gateway, 1, &request, End::Answered(500, None));
    quiet(&mut gateway, 1, &request, OK);
    // 1 of 200.
    change(&mut gateway, 2, "11.00", "12.00");
    let request = reprice(&mut gateway, 2, "12.00", "10.00");
    let trip = trips(&mut gateway, &request, OK, "reverts");
    // Two fields of one product are one write that is set back.
    assert_eq!((trip.counted, trip.of, trip.of_counted), (2, Some("writes"), Some(201)));
}

/// What is set back after a day, or never was, is a change like any other.
#[test]
fn what_is_no_revert() {
    let tripwire = r#"{ "id": "reverts", "count": "reverts", "window": "7d", "max": 0, "then": "pause_writes" }"#;
    let mut gateway = store_gateway(tripwire);
    let change = |gateway: &mut Gateway, id, old, new| {
        let request = reprice(gateway, id, old, new);
        quiet(gateway, 1, &request, OK);
    };
    change(&mut gateway, 1, "10.00", "11.00");
    // The same value of another product, a value it has already, one it never had.
    change(&mut gateway, 2, "11.00", "10.00");
    change(&mut gateway, 1, "10.00", "10.00");
    change(&mut gateway, 1, "11.00", "12.00");
    gateway.pass(24 * 3_600 + 1);
    change(&mut gateway, 1, "12.00", "10.00");
    let request = reprice(&mut gateway, 1, "10.00", "12.00");
    trips(&mut gateway, &request, OK, "reverts");
}

/// C4: a failure inside a 200 is one.
#[test]
fn an_answer_says_that_it_failed() {
    let tripwire = r#"{ "id": "failures", "count": "failed", "window": "5m", "max": 0, "then": "pause_writes" }"#;
    let mut gateway = Gateway::new(support::pages::tools(&format!(
        r#"{{ "tripwires": [{tripwire}], "permit": [{{ "id": "p", "tool": "srv:get_product" }}] }}"#
    )));
    let call = sent(
        "POST /mcp",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_product","arguments":{}}}"#,
    )
    .header("accept", "application/json, text/event-stream");
    let mut outcome = gateway.judge(&call);
    assert_eq!(text_of(&outcome), "allow p", "{:?}", outcome.reasons);
    let set = gateway.set.clone();
    let mut ended = |status, body: &str| {
        let (watch, told) = decided(&set, &mut outcome.clone(), &mut gateway.memory, gateway.now, Consequence::Pause);
        assert!(all_told(told).is_empty());
        let watch = watch.expect("it goes on");
        let copied = watch.copies(status).is_some();
        let answered = Answered { content_type: Some("application/json"), encoding: None, body: body.as_bytes() };
        let end = End::Answered(status, copied.then_some(answered));
        (copied, all_told(watch.ended(&set, end, &mut gateway.memory, gateway.now)).len())
    };
    assert_eq!(ended(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#), (true, 0));
    assert_eq!(ended(202, ""), (true, 0));
    assert_eq!(ended(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#), (true, 1));
    let (_, told) = decided(&set, &mut outcome, &mut gateway.memory, gateway.now, Consequence::Pause);
    assert!(all_told(told).is_empty());
}

/// A value that is passed goes by the tripwire as it is now: another bound counts on, another count anew.
#[test]
fn what_was_counted_outlives_an_update() {
    let of = |window: &str, max: u32| {
        format!(r#"{{ "id": "t", "count": "writes", "window": "{window}", "max": {max}, "then": "pause_writes" }}"#)
    };
    let mut gateway = gateway("enforce", &of("5m", 10));
    quiet(&mut gateway, 5, &write(), OK);
    gateway.load(self::gateway("enforce", &of("5m", 5)).set);
    let mut other = twin(&gateway);
    trips(&mut gateway, &write(), OK, "t");
    other.load(self::gateway("enforce", &of("6m", 5)).set);
    quiet(&mut other, 5, &write(), OK);
    trips(&mut other, &write(), OK, "t");
}
