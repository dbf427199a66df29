//! Size of the module, and what one decision costs natively and in it, under 10, 1,000 and 10,000 rules.
//! `cargo bench -p test-harness --bench decisions`

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a measurement fails by panicking")]

#[path = "../tests/support/fuel.rs"]
mod fuel;
#[path = "../tests/support/synthetic.rs"]
mod synthetic;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policy_core::{Body, Head, PolicySet, Step, Timestamp, evaluate};

fn main() {
    let wasm = test_harness::replay::find_module(None).unwrap_or_else(|e| panic!("{e}"));
    println!("module: {} bytes", wasm.len());
    println!("{:>7}  {:>22}  {:>22}  {:>14}", "rules", "header-only", "1 KiB body", "load");
    let module = fuel::module();
    let mut first = None;
    for rules in [10, 1_000, 10_000] {
        let bundle = synthetic::bundle(rules);
        let start = Instant::now();
        let set = Arc::new(policy_core::bundle::load(&bundle).expect("the bundle loads"));
        let load = start.elapsed();
        let fuel = fuel::measure(&module, rules);
        let native = (median(&set, &synthetic::read(rules)), median(&set, &synthetic::write(rules)));
        println!(
            "{rules:>7}  {:>8} ns {:>6} fuel  {:>8} ns {:>6} fuel  {:>11.1} ms",
            native.0.as_nanos(),
            fuel.head,
            native.1.as_nanos(),
            fuel.body,
            load.as_secs_f64() * 1e3,
        );
        let (head, body) = *first.get_or_insert((fuel.head, fuel.body));
        if rules == 10_000 {
            println!(
                "fuel at 10,000 rules / fuel at 10 rules: {:.3} header-only, {:.3} with a body",
                fuel.head as f64 / head as f64,
                fuel.body as f64 / body as f64
            );
        }
    }
}

/// Median time of one decision over batches of them.
fn median(set: &Arc<PolicySet>, (head, body): &(Vec<(String, String)>, Option<Vec<u8>>)) -> Duration {
    const BATCH: u32 = 200;
    let fields: Vec<_> = head.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let decide = || {
        let head = Head::new(fields.clone(), body.is_none());
        let step = match (evaluate(set, head, Timestamp(synthetic::NOW)), body) {
            (Step::NeedBody(need), Some(body)) => need.answer(Body::Complete(body.clone())),
            (step, _) => step,
        };
        match step {
            Step::Done(outcome) => assert!(black_box(outcome).forward),
            other => panic!("{other:?}"),
        }
    };
    let mut batches: Vec<Duration> = (0..50)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                decide();
            }
            start.elapsed() / BATCH
        })
        .collect();
    batches.sort_unstable();
    batches[batches.len() / 2]
}
