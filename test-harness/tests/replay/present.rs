//! F3: replays of rules on resources as they are now: what a recording shows of them, and what it does not.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::Value;
use test_harness::policies::Policies;
use test_harness::recording::Recording;
use test_harness::replay::{Engine, WasmEngine, find_module};
use test_harness::world::{Facts, Recorded, Rest, Values};

use crate::ambit::ambit;
use crate::day::Day;
use crate::policy_directory::store;

impl Day {
    /// The decisions on it, by both engines: `decision: first message`. Reads are left out.
    #[track_caller]
    fn decided(&self, more: &[&str]) -> Vec<String> {
        let native = self.by_command(more);
        assert_eq!(native, self.by_filter(more), "both engines");
        native
    }

    /// As the command says it with the native engine.
    fn by_command(&self, more: &[&str]) -> Vec<String> {
        let (recording, policies) = (self.recording(), store());
        let arguments = ["replay", &recording, "--policies", policies.to_str().unwrap(), "--engine", "native"];
        let (code, out, err) = ambit(&[&arguments[..], &["--format", "json"], more].concat());
        assert_eq!((code, err.as_str()), (0, ""));
        let report: Value = serde_json::from_str(&out).unwrap();
        let line = |decision: &Value| {
            (decision["rule"] != "look").then(|| {
                let message = decision["reasons"][0]["message"].as_str();
                said(decision["decision"].as_str().unwrap(), message)
            })
        };
        report["decisions"].as_array().unwrap().iter().filter_map(line).collect()
    }

    /// As the filter says it, which is compiled once for all tests.
    fn by_filter(&self, more: &[&str]) -> Vec<String> {
        static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::open(&store()).unwrap());
        static FILTER: LazyLock<Mutex<WasmEngine>> = LazyLock::new(|| {
            let wasm = find_module(None).unwrap();
            Mutex::new(WasmEngine::new(&wasm, &POLICIES.bundle, Arc::clone(&POLICIES.set)).unwrap())
        });
        let mut facts = Facts::new(Arc::clone(&POLICIES.set), None, Rest::NotRecorded);
        let mut values = Values::Recorded;
        for option in more.chunks(2) {
            match option {
                ["--assume", assumption] => facts.assume(assumption).unwrap(),
                ["--fixture", file] => facts.read(&fs::read(file).unwrap()).unwrap(),
                ["--world", "enforced"] => values = Values::Enforced,
                ["--world", "recorded"] => {}
                other => panic!("{other:?}"),
            }
        }
        let mut world = Recorded::new(Arc::clone(&POLICIES.set), facts, values);
        let mut decided = Vec::new();
        for exchange in Recording::open(Path::new(&self.recording())).unwrap() {
            let exchange = exchange.unwrap();
            let judgement = FILTER.lock().unwrap().judge_in(&world, &exchange, None).unwrap();
            world.observe(&exchange, judgement.fate());
            if judgement.rule.as_deref() != Some("look") {
                let message = judgement.reasons.first().and_then(|reason| reason.message.as_deref());
                decided.push(said(judgement.verdict.name(), message));
            }
        }
        decided
    }

    /// The same without the messages.
    #[track_caller]
    fn verdicts(&self, more: &[&str]) -> Vec<String> {
        let verdict = |line: String| line.split(':').next().unwrap_or_default().to_owned();
        self.decided(more).into_iter().map(verdict).collect()
    }
}

fn said(verdict: &str, message: Option<&str>) -> String {
    message.map_or_else(|| verdict.to_owned(), |message| format!("{verdict}: {message}"))
}

const LACKS: &str = "undecidable: current value not in the recording: GET shop.example.com/v1/products/1";

#[test]
fn a_change_is_measured_against_the_last_answer() {
    let day = Day::new()
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "200 {\"id\":1,\"price\":\"10.50\"}")
        .exchange("GET /v1/products/2", "200 {\"id\":2,\"price\":\"20.00\"}")
        .exchange("PUT /v1/products/2 {\"price\":\"22.00\"}", "200 {\"id\":2,\"price\":\"22.00\"}")
        // Of 22.00, which the answer to the write has shown.
        .exchange("PUT /v1/products/2 {\"price\":\"24.20\"}", "200 {\"id\":2,\"price\":\"24.20\"}")
        .exchange("PUT /v1/products/2 {\"price\":\"27.00\"}", "200 {\"id\":2,\"price\":\"27.00\"}")
        // What was refused had its effect in the recording.
        .exchange("PUT /v1/products/2 {\"price\":\"29.00\"}", "200 {\"id\":2,\"price\":\"29.00\"}");
    let decided = day.decided(&[]);
    assert_eq!(decided[0], LACKS);
    assert_eq!(decided[1..3], ["allow", "allow"]);
    assert!(decided[3].starts_with("deny: `price` 27.00 is 11.58 % above 24.20"), "{}", decided[3]);
    assert_eq!(decided[4], "allow");
}

/// A list shows what it holds of each element; what it leaves out is not known, which is not the same as not there.
#[test]
fn lists_show_the_fields_they_hold() {
    let day = Day::new()
        .exchange(
            "GET /v1/products?_fields=id,price",
            "200 [{\"id\":1,\"price\":\"10.00\"},{\"id\":2,\"price\":\"20.00\"}]",
        )
        .exchange("PUT /v1/products/1 {\"price\":\"11.00\"}", "204")
        .exchange("PUT /v1/products/2 {\"price\":\"25.00\"}", "204")
        // Whether it is a toy no answer has shown.
        .exchange("PATCH /v1/products/1 {\"sale_price\":\"10.00\"}", "400")
        .exchange("GET /v1/products?page=2", "200 {\"data\":[{\"id\":1,\"categories\":[{\"slug\":\"toys\"}]}]}")
        // Nor whether it has a sale price, by which that change would be measured.
        .exchange("PATCH /v1/products/1 {\"sale_price\":\"10.00\"}", "400")
        .exchange("GET /v1/products/1", "200 {\"id\":1,\"price\":\"11.00\",\"categories\":[{\"slug\":\"toys\"}]}")
        .exchange("PATCH /v1/products/1 {\"sale_price\":\"10.00\"}", "400");
    let decided = day.decided(&[]);
    assert_eq!(decided[0], "allow");
    assert!(decided[1].starts_with("deny: `price` 25.00 is 25 % above 20.00"), "{}", decided[1]);
    assert_eq!(decided[2..4], [LACKS, LACKS]);
    // All of it is known now: there is no sale price, and the price counts.
    assert_eq!(decided[4], "allow");
}

#[test]
fn a_get_with_another_query_shows_what_it_holds() {
    let day = Day::new()
        .exchange("GET /v1/products/1?_fields=price", "200 {\"price\":\"10.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"11.00\"}", "204")
        .exchange("PUT /v1/products/1 {\"price\":\"12.50\"}", "204");
    let decided = day.decided(&[]);
    assert_eq!(decided[0], "allow");
    // A write without an answer has set what it wrote.
    assert!(decided[1].starts_with("deny: `price` 12.50 is 13.64 % above 11.00"), "{}", decided[1]);
}

#[test]
fn a_resource_below_another_is_its_own() {
    let day = Day::new()
        .exchange("GET /v1/products/9/variations", "200 [{\"id\":1,\"parent_id\":9,\"price\":\"10.00\"}]")
        .exchange("PUT /v1/products/9/variations/1 {\"price\":\"10.50\"}", "204")
        .exchange("PUT /v1/products/8/variations/1 {\"price\":\"10.50\"}", "204")
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "204");
    assert_eq!(day.verdicts(&[]), ["allow", "undecidable", "undecidable"]);
}

#[test]
fn a_batch_needs_every_row() {
    let batch = "POST /v1/products/batch {\"update\":[{\"id\":1,\"price\":\"10.50\"},{\"id\":2,\"price\":\"20.50\"}]}";
    let day = Day::new()
        .exchange("GET /v1/products/1", "200 {\"id\":1,\"price\":\"10.00\"}")
        .exchange(batch, "500 {}")
        .exchange("GET /v1/products/2", "200 {\"id\":2,\"price\":\"20.00\"}")
        .exchange(batch, "200 {\"update\":[{\"id\":1,\"price\":\"10.50\"},{\"id\":2,\"price\":\"30.00\"}]}")
        // As the answer to the batch has shown it.
        .exchange("PUT /v1/products/2 {\"price\":\"31.00\"}", "204");
    let decided = day.decided(&[]);
    let lacks =
        "undecidable: current value not in the recording: GET shop.example.com/v1/products?include=1,2&per_page=100";
    assert_eq!(decided, [lacks, lacks, "allow"]);
}

#[test]
fn what_is_gone_and_what_is_cut_off() {
    let day = Day::new()
        .exchange("GET /v1/products/1", "404 {\"code\":\"none\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "404 {}")
        .exchange("GET /v1/products/2", "200 {\"id\":2,\"price\":\"20.00\"}")
        .exchange("GET /v1/products/2", "200 {\"id\":2,\"pri")
        .cut()
        .exchange("PUT /v1/products/2 {\"price\":\"20.50\"}", "404 {}")
        .exchange("GET /v1/products/3", "200 {\"id\":3,\"price\":\"20.00\"}")
        .exchange("DELETE /v1/products/3", "204")
        .exchange("PUT /v1/products/3 {\"price\":\"20.50\"}", "404 {}");
    let decided = day.decided(&[]);
    assert!(decided[0].starts_with("deny: ") && decided[0].contains("status 404"), "{}", decided[0]);
    assert_eq!(decided[1], "undecidable: current value truncated in the recording: GET shop.example.com/v1/products/2");
    assert!(decided[2].starts_with("deny: ") && decided[2].contains("no rule"), "{}", decided[2]);
    assert!(decided[3].contains("status 404"), "{}", decided[3]);
}

#[test]
fn a_compressed_answer_is_an_answer() {
    // {"id":1,"price":"10.00"}
    let answer = "H4sIAAAAAAACA6tWykxRsjLUUSooykxOVbJSMjTQMzBQqgUAtimRSxgAAAA=";
    let day = Day::new()
        .exchange("GET /v1/products/1", "200 {}")
        .compressed(answer)
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "204")
        .exchange("GET /v1/products/1", "200 {}")
        .compressed("H4sIAAAAAAACAw==")
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "204");
    assert_eq!(day.verdicts(&[]), ["allow", "undecidable"]);
}

#[test]
fn tools_show_what_they_list() {
    let call = |name: &str, arguments: &str| {
        format!(
            "POST /mcp {{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"{name}\",\"arguments\":{arguments}}}}}"
        )
    };
    let said = |content: &str| {
        format!("200 {{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{{\"content\":[],\"structuredContent\":{content}}}}}")
    };
    let price = |price: &str| call("update_price", &format!("{{\"sku\":\"A-1\",\"new_price\":{price}}}"));
    let ok = "200 {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"sku\\\":\\\"A-1\\\",\\\"ok\\\":true}\"}]}}";
    let day = Day::new()
        .exchange(&price("50.00"), "200 {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"isError\":true,\"content\":[]}}")
        .exchange(
            &call("search_products", "{\"query\":\"tea\"}"),
            &said("{\"result\":[{\"sku\":\"A-0\",\"price\":9},{\"sku\":\"A-1\",\"price\":50.0}]}"),
        )
        .exchange(&price("54.00"), ok)
        // Of 54: the write has set the price that it is measured against.
        .exchange(&price("59.40"), ok)
        .exchange(&price("70"), ok);
    let decided = day.decided(&[]);
    assert_eq!(
        decided[0],
        "undecidable: current value not in the recording: mcp.example.com/mcp search_products {\"query\":\"A-1\"}"
    );
    assert_eq!(decided[1..3], ["allow", "allow"]);
    assert!(decided[3].starts_with("deny: `new_price` 70.0 is 17.85 % above 59.4"), "{}", decided[3]);
}

#[test]
fn what_the_recording_lacks_can_be_told() {
    let day = Day::new()
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "500 {}")
        .exchange("PATCH /v1/products/1 {\"sale_price\":\"9.50\"}", "500 {}")
        .exchange(
            "POST /v1/orders {\"lines\":[{\"product\":1,\"quantity\":4},{\"product\":2,\"quantity\":1}]}",
            "500 {}",
        );
    assert_eq!(day.verdicts(&[]), ["undecidable", "undecidable", "undecidable"]);
    let price = ["--assume", "products/1.price=10.00"];
    assert_eq!(day.verdicts(&price), ["allow", "undecidable", "undecidable"]);
    let whole = ["--assume", "shop:products.categories=[\"toys\"]", "--assume", "products.sale_price="];
    assert_eq!(day.verdicts(&[&price[..], &whole].concat()), ["allow", "allow", "undecidable"]);
    let all = ["--assume", "products.price=90"];
    assert_eq!(day.verdicts(&[&price[..], &whole, &all].concat()), ["allow", "allow", "deny"]);
    let fixture = day.file(
        "now.json",
        r#"{ "answers": { "shop.example.com/v1/products/1": { "id": 1, "price": "10.00", "categories": [{ "slug": "toys" }] } },
             "resources": { "products": { "2": { "price": "50.00" } } } }"#,
    );
    assert_eq!(day.verdicts(&["--fixture", &fixture]), ["allow", "allow", "allow"]);
    // Without an answer a request is judged as the gateway would.
    let away = day.file("away.json", r#"{ "resources": { "products": { "1": "timeout", "2": 503 } } }"#);
    let decided = day.decided(&["--fixture", &away]);
    assert!(decided[0].contains("its lookup was not answered in time"), "{decided:?}");
    assert!(decided.iter().all(|line| line.starts_with("deny: ")), "{decided:?}");
}

/// What the recording shows counts before what is assumed, which fills the gaps.
#[test]
fn the_recording_is_believed_first() {
    let assume = ["--assume", "products/1.price=90", "--assume", "products/1.categories=[\"toys\"]"];
    let day = Day::new()
        .exchange("GET /v1/products?_fields=id,price", "200 [{\"id\":1,\"price\":\"10.00\"}]")
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "400 {}")
        .exchange("PATCH /v1/products/1 {\"sale_price\":\"9.50\"}", "400 {}");
    assert_eq!(day.verdicts(&assume), ["allow", "undecidable"]);
    assert_eq!(day.verdicts(&[&assume[..], &["--assume", "products/1.sale_price=null"]].concat()), ["allow", "allow"]);
    // What failed may have had its effect: what was seen before says nothing any more.
    let day = Day::new()
        .exchange("GET /v1/products/1", "200 {\"id\":1,\"price\":\"10.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "500 {}")
        .exchange("PUT /v1/products/1 {\"price\":\"10.60\"}", "500 {}");
    assert_eq!(day.verdicts(&[]), ["allow", "undecidable"]);
}

/// As recorded, each change is measured against what the one before it has left; had that one been held back, against the
/// price before.
#[test]
fn refusals_that_hold_change_what_comes_after() {
    let day = Day::new()
        .exchange("GET /v1/products/1", "200 {\"id\":1,\"price\":\"100.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"130.00\"}", "200 {\"id\":1,\"price\":\"130.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"135.00\"}", "200 {\"id\":1,\"price\":\"135.00\"}")
        .exchange("GET /v1/products/1", "200 {\"id\":1,\"price\":\"135.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"105.00\"}", "200 {\"id\":1,\"price\":\"105.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"115.00\"}", "200 {\"id\":1,\"price\":\"115.00\"}");
    assert_eq!(day.verdicts(&["--world", "recorded"]), ["deny", "allow", "deny", "allow"]);
    assert_eq!(day.verdicts(&["--world", "enforced"]), ["deny", "deny", "allow", "allow"]);
    let decided = day.decided(&["--world", "enforced"]);
    assert!(decided[1].starts_with("deny: `price` 135.00 is 35 % above 100.00"), "{}", decided[1]);
}

/// What a request that cannot be decided would have left nobody knows.
#[test]
fn what_is_undecided_stays_so_when_refusals_hold() {
    let day = Day::new()
        .exchange("PUT /v1/products/1 {\"price\":\"10.00\"}", "200 {\"id\":1,\"price\":\"10.00\"}")
        .exchange("PUT /v1/products/1 {\"price\":\"10.50\"}", "200 {\"id\":1,\"price\":\"10.50\"}");
    assert_eq!(day.verdicts(&[]), ["undecidable", "allow"]);
    assert_eq!(day.verdicts(&["--world", "enforced"]), ["undecidable", "undecidable"]);
}

#[test]
fn mistakes_are_one_line() {
    let day = Day::new().exchange("GET /v1/products/1", "200 {}");
    let (recording, policies) = (day.recording(), store());
    let labels = day.file("labels.json", r#"{"scenarios":{"x":{"files":{"ndjson":"day.ndjson"},"requests_list":[]}}}"#);
    let replay = ["replay", &recording, "--policies", policies.to_str().unwrap(), "--engine", "native"];
    let fixture = day.file("wrong.json", r#"{"answer":{}}"#);
    for (more, expect) in [
        (&["--world", "enforced", "--labels", &labels][..], "--labels cannot be compared with --world enforced"),
        (&["--assume", "price=5"], "--assume: `price=5` assumes nothing: write it as `products/42.price=19.99`"),
        (
            &["--assume", "prodcts/1.price=5"],
            "--assume: `prodcts/1.price=5`: no catalog of these policies has a resource `prodcts`, and no rule makes a lookup of that name; did you mean `products`?",
        ),
        (&["--assume", "products/1.prize=5"], "`products` has no field `prize`; did you mean `price`?"),
        (&["--assume", "shp:products/1.price=5"], "no page has an API `shp`; did you mean `shop`?"),
        (&["--fixture", &fixture], "does not say what is there now: unknown member `answer`"),
        (&["--fixture", "/nowhere.json"], "cannot read `/nowhere.json`"),
    ] {
        let (code, out, err) = ambit(&[&replay[..], more].concat());
        assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
        assert!(err.contains(expect), "{err}");
    }
}
