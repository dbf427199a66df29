//! C4, F3: tripwires over a replay: which trip, when and by what; where the world is enforced they pause, in a recording they
//! are only told.

use serde_json::{Value, json};

use crate::ambit::ambit;
use crate::day::Day;
use crate::shop::{self, Shop};

/// A shop whose prices may move by half.
fn shop(tripwires: &Value) -> Shop {
    Shop::open(&json!({
        "permit": [
            { "id": "look", "scope": "shop:products.get" },
            {
                "id": "reprice", "scope": "shop:products.update", "fields": { "only": ["price", "note"] },
                "limits": [{ "id": "most", "field": "price", "change": { "percent": 50 } }]
            }
        ],
        "tripwires": tripwires
    }))
}

/// A request, and its answer.
type Sent = (String, String);

/// A recording of these, two seconds from one to the next.
fn day(exchanges: &[Sent]) -> Day {
    exchanges.iter().fold(Day::every(2), |day, (request, answer)| day.exchange(request, answer))
}

#[track_caller]
fn replayed(shop: &Shop, exchanges: &[Sent], world: &str) -> Value {
    shop::replayed(shop.path(), &day(exchanges).recording(), &["--world", world])
}

/// Decisions by their first letters.
fn decisions(report: &Value) -> String {
    shop::decisions(report).iter().map(|decision| &decision[..1]).collect()
}

/// `TIME TRIPWIRE COUNTED` of each trip.
fn trips(report: &Value) -> Vec<String> {
    let all = report["tripwires"].as_array().unwrap().iter();
    let one = |trip: &Value| {
        let time = trip["time"].as_str().unwrap();
        format!("{} {} {}", &time[17..19], trip["tripwire"].as_str().unwrap(), trip["counted"])
    };
    all.map(one).collect()
}

fn put(body: &Value, status: u16, answer: &Value) -> Sent {
    (format!("PUT /v1/products/1 {body}"), format!("{status} {answer}"))
}

fn note(status: u16, answer: &Value) -> Sent {
    put(&json!({ "note": "x" }), status, answer)
}

fn failed() -> Sent {
    note(200, &json!({ "error": { "code": "busy" } }))
}

fn look() -> Sent {
    ("GET /v1/products/1".to_owned(), r#"200 {"id":1,"price":"10.00"}"#.to_owned())
}

/// C4: failures inside a 200 count; enforced, writes are paused and reads go on; recorded, it is told again and again.
#[test]
fn failures_in_answers_trip_and_pause_writes() {
    let tripwire = json!({ "id": "failures", "count": "failed", "window": "5m", "max": 2, "then": "pause_writes" });
    let shop = shop(&json!([tripwire]));
    let done = || note(200, &json!({ "id": 1, "error": null }));
    let day = [failed(), done(), note(503, &json!({})), look(), failed(), done(), look(), failed(), failed(), failed()];

    let recorded = replayed(&shop, &day, "recorded");
    assert_eq!(decisions(&recorded), "a".repeat(10));
    assert_eq!(trips(&recorded), ["08 failures 3", "18 failures 3"]);
    let trip = &recorded["tripwires"][0];
    assert_eq!((&trip["only_told"], &trip["max"], &trip["then"]), (&json!(true), &json!(2), &json!("pause_writes")));
    let last = trip["actions"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &last["failed"], &last["rule"]), (&json!(200), &json!(true), &json!("reprice")));

    let enforced = replayed(&shop, &day, "enforced");
    assert_eq!(decisions(&enforced), "aaaaadaddd");
    assert_eq!(trips(&enforced), ["08 failures 3"]);
    assert_eq!(enforced["tripwires"][0]["only_told"], Value::Null);
    let refused = &enforced["decisions"][5]["reasons"][0];
    assert_eq!(refused["code"], "paused");
}

/// C4: a value counts as set back by what the recording shows it to have been.
#[test]
fn values_that_are_set_back_trip_and_pause_the_agent() {
    let tripwire =
        json!({ "id": "reverts", "count": "reverts", "window": "1h", "max": 0, "then": "pause_agent", "until": "4s" });
    let shop = shop(&json!([tripwire]));
    let price = |price: &str| put(&json!({ "price": price }), 200, &json!({ "id": 1, "price": price }));
    let day = [look(), price("12.00"), price("13.00"), price("10"), look(), look(), price("13.00")];
    let recorded = replayed(&shop, &day, "recorded");
    assert_eq!(decisions(&recorded), "aaaaaaa");
    assert_eq!(trips(&recorded), ["06 reverts 1", "12 reverts 1"]);
    let enforced = replayed(&shop, &day, "enforced");
    assert_eq!(decisions(&enforced), "aaaadaa");
    assert_eq!(trips(&enforced), ["06 reverts 1", "12 reverts 1"]);
}

/// The table says what JSON does, and that there are tripwires where none has tripped.
#[test]
fn the_table_says_which_tripped_and_that_none_has() {
    let tripwire =
        json!({ "id": "failures", "count": "failed", "window": "5m", "max": 1, "then": "pause_writes", "until": "1h" });
    let shop = shop(&json!([tripwire]));
    let told = |exchanges: &[Sent]| {
        let (day, policies) = (day(exchanges), shop.path().to_str().unwrap());
        let (code, out, err) = ambit(&["replay", &day.recording(), "--policies", policies, "--engine", "native"]);
        assert_eq!(code, 0, "{err}");
        out
    };
    let table = told(&[failed(), failed()]);
    let row = table.lines().find(|line| line.contains("2026-11-20T08:00:02Z")).unwrap();
    for part in ["keeper", "failures", "2 failed", "1 in 300s", "would pause writes until 2026-11-20T09:00:02Z"] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert!(told(&[failed()]).ends_with("\nTripwires: none of them tripped\n"));
}
