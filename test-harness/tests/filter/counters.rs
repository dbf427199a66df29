//! A9, A10: the filter keeps counters: in the data that the VMs of a gateway share, or in each VM.

use std::time::Duration;

use serde_json::{Value, json};
use test_harness::host::{Clock, Flow, HeaderMap, Plugin, PluginOptions, SharedData, Stream, Vm, VmOptions};

use crate::shipped::{self, MODULE, NOON, count};

const CATALOG: &str = r#"{
  "catalog": "shop-v1",
  "base": "/v1",
  "resources": {
    "products": {
      "key": "path.id",
      "fields": { "price": { "at": "/price", "type": "decimal", "decimals": 2 } },
      "actions": { "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" } }
    }
  }
}"#;

fn page(agent: &str, counter: &Value) -> Value {
    json!({
        "ambit": "v1",
        "agent": { "name": agent, "purpose": "keeps prices", "impact": "low" },
        "version": "1",
        "valid": { "from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z" },
        "mode": "enforce",
        "after_restart": "allow",
        "apis": { "shop": { "catalog": "shop-v1", "hosts": ["shop.example.com"] } },
        "permit": [{ "id": "reprice", "scope": "shop:products.update", "fields": { "only": ["price"] }, "counters": [counter] }],
        "owners": { "product": "counter tests" }
    })
}

/// Two agents with the same counter, `a` and `b`, in a gateway of so much memory.
fn bundle(counter: &Value, counters_kib: u32) -> Vec<u8> {
    let gateway = json!({
        "ambit": "gateway-v1",
        "identity": [{ "header": "x-agent" }],
        "limits": { "counters_kib": counters_kib }
    });
    shipped::bundle(&gateway.to_string(), CATALOG, &["a", "b"].map(|agent| page(agent, counter).to_string()))
}

/// A VM of the gateway that keeps this data.
fn vm(shared_data: &SharedData, clock: &Clock) -> Vm {
    let options = VmOptions { clock: clock.clone(), shared_data: shared_data.clone(), ..VmOptions::default() };
    Vm::new(&MODULE, options).unwrap()
}

fn gateway() -> (SharedData, Clock) {
    (SharedData::new(), Clock::at(NOON))
}

fn requests(max: u32) -> Value {
    json!({ "id": "pace", "count": "requests", "max": max, "window": "1h" })
}

/// A request of an agent that sets the price of a product, delivered whole.
fn ask(plugin: &Plugin, agent: &str, id: u32, price: &str) -> (Stream, Flow) {
    let head = HeaderMap::from_iter([
        (":method", "PUT"),
        (":path", format!("/v1/products/{id}").as_str()),
        (":authority", "shop.example.com"),
        (":scheme", "https"),
        ("content-type", "application/json"),
        ("x-agent", agent),
    ]);
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head, false).unwrap(), Flow::Pause);
    let flow = stream.request_body(json!({ "price": price }).to_string().as_bytes(), true).unwrap();
    (stream, flow)
}

/// Whether a request passes; it is then done. Else the code of the reason.
fn passes(plugin: &Plugin, agent: &str, id: u32, price: &str) -> Result<(), String> {
    let (mut stream, flow) = ask(plugin, agent, id, price);
    let passed = match flow {
        Flow::Continue => {
            answer(&mut stream, 200);
            Ok(())
        }
        Flow::LocalReply(reply) => {
            let problem: Value = serde_json::from_slice(&reply.body).unwrap();
            Err(problem["reasons"][0]["code"].as_str().unwrap().to_owned())
        }
        other => panic!("{other:?}"),
    };
    stream.finish().unwrap();
    passed
}

/// The upstream answers, as Envoy tells it.
fn answer(stream: &mut Stream, status: u16) {
    stream.set_number(&["response", "flags"], 0);
    stream.set_number(&["upstream", "request_attempt_count"], 1);
    stream.set_property(&["upstream", "address"], "127.0.0.1:80");
    stream.set_property(&["response", "code_details"], "via_upstream");
    let head = HeaderMap::from_iter([(":status", status.to_string().as_str())]);
    assert_eq!(stream.response_headers(head, true).unwrap(), Flow::Continue);
}

/// Three VMs in three threads, one counter: exactly as many pass as it allows.
#[test]
fn workers_count_together() {
    const MOST: u32 = 300;
    let (shared, clock) = gateway();
    let bundle = bundle(&requests(MOST), 1024);
    // As in Envoy, the first VM has made the slots when the others come.
    let plugins: Vec<Plugin> =
        (0..3).map(|_| vm(&shared, &clock).start(PluginOptions::new(bundle.clone())).unwrap()).collect();
    let worker = |plugin: &Plugin| {
        let mut passed = 0;
        while passes(plugin, "a", 1, "5").is_ok() {
            passed += 1;
        }
        passed
    };
    let passed: Vec<u32> = std::thread::scope(|scope| {
        let workers: Vec<_> = plugins.iter().map(|plugin| scope.spawn(|| worker(plugin))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(passed.iter().sum::<u32>(), MOST, "{passed:?}");
    assert!(passes(&plugins[0], "b", 1, "5").is_ok(), "another agent has its own");
}

#[test]
fn sums_are_exact_over_workers_and_policies() {
    let (shared, clock) = gateway();
    let budget = |max: &str| json!({ "id": "budget", "sum": "price", "max": max, "window": "1h" });
    let first = vm(&shared, &clock).start(PluginOptions::new(bundle(&budget("1.00"), 1024))).unwrap();
    let second = vm(&shared, &clock);
    // A later policy, with another bound, in another VM: what has been used stays used.
    let second = second.start(PluginOptions::new(bundle(&budget("0.95"), 1024))).unwrap();
    assert_eq!(passes(&first, "a", 1, "0.60"), Ok(()));
    assert_eq!(passes(&second, "a", 1, "0.36"), Err("budget_exceeded".into()));
    assert_eq!(passes(&second, "a", 1, "0.35"), Ok(()));
    assert_eq!(passes(&first, "a", 1, "0.06"), Err("budget_exceeded".into()));
    assert_eq!(passes(&first, "a", 1, "0.05"), Ok(()));
}

/// A window is the host's time: what was charged counts for an hour, and at most a minute more.
#[test]
fn windows_pass_by_the_clock_of_the_gateway() {
    let (shared, clock) = gateway();
    let plugin = vm(&shared, &clock).start(PluginOptions::new(bundle(&requests(1), 1024))).unwrap();
    assert_eq!(passes(&plugin, "a", 1, "5"), Ok(()));
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(passes(&plugin, "a", 1, "5"), Err("rate_limited".into()));
    clock.advance(Duration::from_secs(61));
    assert_eq!(passes(&plugin, "a", 1, "5"), Ok(()));
}

/// Each worker counts for itself, and goes on when a policy comes.
#[test]
fn a_worker_keeps_its_own_counters() {
    let (shared, clock) = gateway();
    let mut own = requests(1);
    own["reach"] = json!("worker");
    let bundle = bundle(&own, 1024);
    let (one, other) = (vm(&shared, &clock), vm(&shared, &clock));
    let start = |vm: &Vm| vm.start(PluginOptions::new(bundle.clone())).unwrap();
    let (old, elsewhere) = (start(&one), start(&other));
    assert_eq!(passes(&old, "a", 1, "5"), Ok(()));
    let new = start(&one);
    assert_eq!(passes(&new, "a", 1, "5"), Err("rate_limited".into()));
    assert_eq!(passes(&elsewhere, "a", 1, "5"), Ok(()));
    assert!(shared.snapshot("").is_empty(), "nothing of it is shared");
}

#[test]
fn what_did_nothing_is_given_back() {
    let (shared, clock) = gateway();
    let plugin = vm(&shared, &clock).start(PluginOptions::new(bundle(&requests(1), 1024))).unwrap();
    let (mut refused, flow) = ask(&plugin, "a", 1, "5");
    assert_eq!(flow, Flow::Continue);
    assert_eq!(passes(&plugin, "a", 1, "5"), Err("rate_limited".into()), "charged while it is under way");
    answer(&mut refused, 404);
    let (mut gone, flow) = ask(&plugin, "a", 1, "5");
    assert_eq!(flow, Flow::Continue, "given back with the head of the answer");
    drop(refused);
    gone.set_number(&["upstream", "request_attempt_count"], 1);
    gone.set_property(&["upstream", "address"], "127.0.0.1:80");
    gone.client_gone().unwrap();
    assert_eq!(passes(&plugin, "a", 1, "5"), Err("rate_limited".into()), "it went on, and nobody knows what it did");
    assert_eq!((count(&plugin, "ambit.charged"), count(&plugin, "ambit.given_back")), (2, 1));
}

/// Memory is bounded, whatever ids an agent makes up; who has filled its share is refused, and nobody else.
#[test]
fn made_up_ids_fill_no_more_than_their_share() {
    const KIB: u32 = 256;
    let (shared, clock) = gateway();
    let mut each = requests(1);
    each["per"] = json!(["resource"]);
    let plugin = vm(&shared, &clock).start(PluginOptions::new(bundle(&each, KIB))).unwrap();
    let mut full = 0;
    let mut id = 0;
    while full < 1_000 {
        id += 1;
        match passes(&plugin, "a", id, "5") {
            Ok(()) => {}
            Err(code) => {
                assert_eq!(code, "state_full");
                full += 1;
            }
        }
    }
    let values = |shared: &SharedData| shared.snapshot("").iter().map(|(_, value)| value.len()).sum::<usize>();
    assert!((1..=KIB as usize * 1024).contains(&values(&shared)), "{} bytes after {id} ids", values(&shared));
    assert_eq!(passes(&plugin, "b", 1, "5"), Ok(()), "another agent has its own share");
    assert_eq!(passes(&plugin, "a", 1, "5"), Err("rate_limited".into()), "what is known is not forgotten");
    clock.advance(Duration::from_secs(3_700));
    assert_eq!(passes(&plugin, "a", id + 1, "5"), Ok(()), "what is over makes room");
}

#[test]
fn policies_that_do_not_fit_are_refused_with_the_reason() {
    let clock = Clock::at(NOON);
    let policies = || PluginOptions::new(bundle(&requests(1), 1024));
    let refused = vm(&SharedData::with_capacity(64), &clock).start(policies());
    let error = refused.map(drop).expect_err("there is no room").to_string();
    assert!(error.contains("its counters cannot be kept"), "{error}");
    let taken = vm(&SharedData::new(), &clock).start(policies());
    assert!(taken.is_ok(), "where there is room, the same policies are taken");
}
