//! Two workers on one store: every order in which their steps can happen. Nobody is admitted past a bound, no charge is
//! lost, and nothing that was given back stays used.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use policy_core::counters::{Cas, Memory, Plan, SlotName, Store, Table, carry_out, give_back};
use policy_core::{Body, Step, evaluate};
use support::counting::Gateway;
use support::pages::permits;
use support::{Request, json};

/// What a worker does next: a step on the store, which waits for its turn, or something to be noted.
enum Action {
    Get(SlotName),
    Set(SlotName, Vec<u8>, Option<Cas>),
    /// Its request was admitted.
    Admitted,
    /// It gives its request back from now on.
    Releasing,
    Done,
}

enum Answer {
    Got(Option<(Vec<u8>, Cas)>),
    Set(bool),
}

/// A store every step of which waits for its turn.
struct Turns {
    actions: Sender<Action>,
    answers: Receiver<Answer>,
}

impl Store for Turns {
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
        self.actions.send(Action::Get(slot)).unwrap();
        match self.answers.recv().unwrap() {
            Answer::Got(got) => got,
            Answer::Set(_) => panic!("another answer"),
        }
    }

    fn set(&mut self, slot: SlotName, value: &[u8], cas: Option<Cas>) -> bool {
        self.actions.send(Action::Set(slot, value.to_vec(), cas)).unwrap();
        match self.answers.recv().unwrap() {
            Answer::Set(set) => set,
            Answer::Got(_) => panic!("another answer"),
        }
    }
}

/// A worker's request, and whether it is given back once it was admitted.
#[derive(Clone)]
struct Work {
    plan: Plan,
    given_back: bool,
}

/// One order of steps: at each point where both could go on, which of them did.
struct Run {
    choices: Vec<usize>,
    memory: Memory,
    /// Most requests that were admitted and not given back at one time.
    most: usize,
    admitted: usize,
    /// Admitted, and not given back in the end.
    kept: usize,
}

/// Runs both workers; the first choices are given, after that the first worker goes on as long as it can.
fn run(gateway: &Gateway, work: &[Work; 2], given: &[usize]) -> Run {
    let mut run = Run { choices: Vec::new(), memory: gateway.memory.clone(), most: 0, admitted: 0, kept: 0 };
    let (table, now): (&Table, _) = (&gateway.table, gateway.now);
    thread::scope(|scope| {
        let workers: Vec<(Receiver<Action>, Sender<Answer>)> = work
            .iter()
            .map(|work| {
                let (actions, to_do) = channel();
                let (answer, answers) = channel();
                scope.spawn(move || {
                    let mut store = Turns { actions, answers };
                    let tallied = carry_out(&work.plan, table, &mut store, now);
                    if tallied.refusals().is_empty() {
                        store.actions.send(Action::Admitted).unwrap();
                        if work.given_back {
                            store.actions.send(Action::Releasing).unwrap();
                            assert!(give_back(tallied.receipts().to_vec(), &mut store).is_empty());
                        }
                    } else {
                        // What could not be taken back at once is settled like all else.
                        assert!(tallied.receipts().is_empty());
                    }
                    store.actions.send(Action::Done).unwrap();
                });
                (to_do, answer)
            })
            .collect();
        let mut next = |worker: usize| loop {
            match workers[worker].0.recv().unwrap() {
                Action::Admitted => {
                    run.kept += 1;
                    run.admitted += 1;
                    run.most = run.most.max(run.kept);
                }
                Action::Releasing => run.kept -= 1,
                Action::Done => return None,
                step => return Some(step),
            }
        };
        let mut waiting = [next(0), next(1)];
        loop {
            let worker = match &waiting {
                [None, None] => break,
                [Some(_), None] => 0,
                [None, Some(_)] => 1,
                [Some(_), Some(_)] => {
                    let choice = given.get(run.choices.len()).copied().unwrap_or(0);
                    run.choices.push(choice);
                    choice
                }
            };
            let answer = match waiting[worker].take() {
                Some(Action::Get(slot)) => Answer::Got(run.memory.get(slot)),
                Some(Action::Set(slot, value, cas)) => Answer::Set(run.memory.set(slot, &value, cas)),
                _ => panic!("a step"),
            };
            workers[worker].1.send(answer).unwrap();
            waiting[worker] = next(worker);
        }
    });
    run
}

/// Every order of steps.
fn every_order(gateway: &Gateway, work: &[Work; 2], mut check: impl FnMut(&Run)) -> usize {
    let mut given: Vec<usize> = Vec::new();
    for runs in 1.. {
        let run = run(gateway, work, &given);
        check(&run);
        given = run.choices;
        // The last choice that has another side to it.
        while given.pop_if(|choice| *choice == 1).is_some() {}
        match given.last_mut() {
            Some(choice) => *choice = 1,
            None => return runs,
        }
    }
    unreachable!("there is an end to it")
}

fn gateway(counters: &str) -> Gateway {
    Gateway::new(permits(&format!(
        r#"{{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{counters}] }}"#
    )))
}

fn put(body: &str) -> Request {
    json("PUT /v3/products/1", body)
}

fn plan(gateway: &Gateway, request: &Request) -> Plan {
    let Step::NeedBody(need) = evaluate(&gateway.set, request.head(), gateway.now) else { panic!("a body") };
    match need.answer(Body::Complete(request.body.clone().unwrap())) {
        Step::NeedStore(need) => need.plan().clone(),
        other => panic!("counters: {other:?}"),
    }
}

/// How often one more request fits.
fn room(gateway: &Gateway, run: &Run, request: &Request) -> usize {
    let mut memory = run.memory.clone();
    let plan = plan(gateway, request);
    (0..10).take_while(|_| carry_out(&plan, &gateway.table, &mut memory, gateway.now).refusals().is_empty()).count()
}

/// One place is left: one of the two gets it, or each in its turn where it is given back.
#[test]
fn nobody_is_admitted_past_the_bound() {
    for (used, given_back) in [(0, [false, false]), (0, [true, false]), (0, [true, true]), (1, [true, true])] {
        let mut gateway = gateway(r#"{ "id": "c", "count": "requests", "max": 2, "window": "1h" }"#);
        gateway.check_times(1 + used, &put("{}"), "allow w");
        let plan = plan(&gateway, &put("{}"));
        let work = given_back.map(|given_back| Work { plan: plan.clone(), given_back });
        let (mut both, mut orders) = (false, 0);
        let runs = every_order(&gateway, &work, |run| {
            assert!(run.most <= 1 - used, "{:?}", run.choices);
            both |= run.admitted == 2;
            assert_eq!(room(&gateway, run, &put("{}")), 1 - used - run.kept, "{:?}", run.choices);
            orders += 1;
        });
        assert_eq!(runs, orders);
        assert!(runs > if used == 0 { 5 } else { 1 }, "{runs} orders");
        assert_eq!(both, used == 0 && given_back[0], "{given_back:?}");
    }
}

/// There is room for both: in the end both are charged, or neither, whoever was in whose way.
#[test]
fn no_charge_and_no_return_is_lost() {
    for given_back in [[false, false], [true, false], [false, true], [true, true]] {
        let gateway = gateway(r#"{ "id": "c", "sum": "/x", "max": 10, "window": "1h" }"#);
        let plans = [plan(&gateway, &put(r#"{"x":2}"#)), plan(&gateway, &put(r#"{"x":3}"#))];
        let [first, second] = plans;
        let work = [Work { plan: first, given_back: given_back[0] }, Work { plan: second, given_back: given_back[1] }];
        let used: usize = [2, 3].iter().zip(given_back).filter(|(_, given)| !given).map(|(x, _)| x).sum();
        let runs = every_order(&gateway, &work, |run| {
            assert_eq!(run.admitted, 2);
            assert_eq!(room(&gateway, run, &put(r#"{"x":1}"#)), 10 - used, "{:?}", run.choices);
        });
        assert!(runs > 5, "{runs} orders");
    }
}

/// Two counters: where the second has no room, the first is given back, and stays charged to nobody.
#[test]
fn all_or_none_in_every_order() {
    let gateway = gateway(
        r#"{ "id": "a", "sum": "/a", "max": 10, "window": "1h" }, { "id": "b", "sum": "/b", "max": 1, "window": "1h" }"#,
    );
    let plan = plan(&gateway, &put(r#"{"a":2,"b":1}"#));
    let work = [Work { plan: plan.clone(), given_back: false }, Work { plan, given_back: false }];
    let mut rolled_back = false;
    let runs = every_order(&gateway, &work, |run| {
        assert!(run.admitted <= 1, "{:?}", run.choices);
        assert_eq!(room(&gateway, run, &put(r#"{"a":1,"b":0}"#)), 10 - 2 * run.admitted, "{:?}", run.choices);
        assert_eq!(room(&gateway, run, &put(r#"{"a":0,"b":1}"#)), 1 - run.admitted);
        rolled_back |= run.admitted == 1 && run.choices.contains(&1);
    });
    assert!(rolled_back && runs > 1_000, "{runs} orders");
}
