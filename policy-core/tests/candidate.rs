//! C3: a candidate judges what the enforced set judged, by what that had to go by, and changes nothing of it.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::compile::{Source, SourceKind, compile};
use policy_core::counters::{Budget, Reach, Table, carry_out, give_back};
use policy_core::decision::{Candidate, Compared};
use policy_core::evaluate::Tried;
use policy_core::store::{Memory, SlotName, Store};
use policy_core::{Body, Evidence, Outcome, PolicySet, Step, Timestamp, Unavailable, bundle, evaluate};
use serde_json::{Value, json as value};
use support::pages::{GATEWAY, shop_page, sources};
use support::present::{STORE, World, put, response, sources_on};
use support::{NOW, Request, json, request, source, text_of};

fn sealed(sources: &[Source]) -> Vec<u8> {
    bundle::seal(&compile(sources).set.expect("it compiles")).expect("it is sealed")
}

/// Two sets in one bundle, loaded.
fn beside(enforced: &[Source], candidate: &[Source]) -> Arc<PolicySet> {
    let bundle = bundle::with_candidate(&sealed(enforced), &sealed(candidate)).expect("both load");
    Arc::new(bundle::load(&bundle).expect("it loads"))
}

/// Pages on the shop with these permits.
fn shops(enforced: &str, candidate: &str) -> Arc<PolicySet> {
    let page = |rules: &str| sources(&[shop_page(&format!(r#"{{ "permit": [{rules}] }}"#))]);
    beside(&page(enforced), &page(candidate))
}

/// Pages on the store of things as they are now, with these permits.
fn stores(enforced: &str, candidate: &str) -> Arc<PolicySet> {
    let page = |rules: &str| sources_on(STORE, &format!(r#"{{ "permit": [{rules}] }}"#));
    beside(&page(enforced), &page(candidate))
}

/// A gateway that carries both sets, each with its table in one store.
struct Gateway {
    set: Arc<PolicySet>,
    tables: [Table; 2],
    memory: Memory,
    world: World,
    /// What comes in place of the body.
    body: Option<Body>,
}

impl Gateway {
    fn new(set: &Arc<PolicySet>) -> Self {
        let mut memory = Memory::new();
        let birth = Timestamp::parse("2026-10-01T00:00:00Z").expect("a time");
        let candidate = set.candidate().expect("a candidate");
        let mut open = |set: &PolicySet| Table::open(set, &mut memory, set.counters_budget(), birth).expect("a table");
        let tables = [open(set), open(candidate)];
        Self { set: Arc::clone(set), tables, memory, world: World::default(), body: None }
    }

    /// Both outcomes of a request; what neither needs stays reserved.
    fn send(&mut self, request: &Request) -> (Outcome, Tried) {
        let now = Timestamp::parse(NOW).expect("a time");
        let mut evidence = Evidence::new(request.head(), now);
        let mut step = evaluate(&self.set, request.head(), now);
        let enforced = loop {
            step = match step {
                Step::NeedBody(need) => {
                    let sent = request.body.clone().map_or(Body::Empty, Body::Complete);
                    let body = self.body.clone().unwrap_or(sent);
                    evidence.body(body.clone(), need.limit());
                    need.answer(body)
                }
                Step::NeedCurrent(need) => {
                    let answers: Vec<_> = need.fetches().iter().map(|fetch| self.world.answer(fetch)).collect();
                    for (fetch, answer) in need.fetches().iter().zip(&answers) {
                        evidence.answer(fetch.clone(), answer.clone());
                    }
                    need.answer(answers)
                }
                Step::NeedStore(need) => {
                    let tallied = carry_out(need.plan(), &self.tables[0], &mut self.memory, now);
                    need.answer(tallied)
                }
                Step::Done(outcome) => break outcome,
            };
        };
        let candidate = Arc::clone(self.set.candidate().expect("a candidate"));
        let (table, memory) = (&self.tables[1], &mut self.memory);
        let tried = evidence.judge(&candidate, &enforced, &mut |_, plan| Some(carry_out(plan, table, memory, now)));
        if !enforced.forward
            && let Some(outcome) = &tried.outcome
        {
            assert_eq!(give_back(outcome.reserved.clone(), memory), vec![]);
        }
        (enforced, tried)
    }

    /// `COMPARED: ENFORCED -> CANDIDATE`.
    fn told(&mut self, request: &Request) -> String {
        let (enforced, tried) = self.send(request);
        let candidate = match (&tried.record.undecidable, &tried.outcome) {
            (Some(why), _) => (*why).to_string(),
            (None, outcome) => text_of(outcome.as_ref().expect("a judged one has its outcome")),
        };
        format!("{}: {} -> {candidate}", tried.record.compared.name(), text_of(&enforced))
    }

    #[track_caller]
    fn check(&mut self, request: &Request, expect: &str) {
        assert_eq!(self.told(request), expect, "{request:?}");
    }
}

#[track_caller]
fn check(set: &Arc<PolicySet>, request: &Request, expect: &str) {
    Gateway::new(set).check(request, expect);
}

const READ: &str = r#"{ "id": "r", "scope": "shop:products.read" }"#;
const WRITE: &str =
    r#"{ "id": "w", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "price", "max": 10 }] }"#;
const WRITE_MORE: &str =
    r#"{ "id": "w2", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "price", "max": 20 }] }"#;
const ASK: &str = r#"{ "id": "a", "scope": "shop:products.update", "fields": "any",
    "limits": [{ "field": "price", "max": 10, "beyond": { "approval": "manager" } }] }"#;

fn price(price: u32) -> Request {
    json("PUT /v3/products/1", &format!(r#"{{"price":{price}}}"#))
}

#[test]
fn it_is_the_same_stricter_or_looser() {
    let set = shops(WRITE, WRITE_MORE);
    check(&set, &price(5), "same: allow w -> allow w2");
    check(&set, &price(15), "looser: deny w: envelope_exceeded /price -> allow w2");
    check(&set, &price(25), "same: deny w: envelope_exceeded /price -> deny w2: envelope_exceeded /price");
    let set = shops(WRITE_MORE, WRITE);
    check(&set, &price(15), "stricter: allow w2 -> deny w: envelope_exceeded /price");
    let set = shops(WRITE, ASK);
    check(
        &set,
        &price(15),
        "looser: deny w: envelope_exceeded /price -> approval_required a: approval_required /price",
    );
    let set = shops(ASK, WRITE);
    check(
        &set,
        &price(15),
        "stricter: approval_required a: approval_required /price -> deny w: envelope_exceeded /price",
    );
}

/// A page in shadow lets pass whatever it says: what becomes of the request is compared first.
#[test]
fn what_becomes_of_the_request_counts_first() {
    let page =
        |mode: &str, rules: &str| sources(&[shop_page(&format!(r#"{{ "mode": "{mode}", "permit": [{rules}] }}"#))]);
    let both = beside(&page("shadow", WRITE), &page("shadow", WRITE_MORE));
    check(&both, &price(15), "looser: deny w: envelope_exceeded /price -> allow w2");
    let enforced = beside(&page("shadow", WRITE), &page("enforce", WRITE));
    check(&enforced, &price(15), "stricter: deny w: envelope_exceeded /price -> deny w: envelope_exceeded /price");
    let recorded = beside(&page("enforce", WRITE), &page("shadow", WRITE));
    let (_, tried) = Gateway::new(&recorded).send(&price(15));
    assert_eq!((tried.record.compared, tried.record.shadow), (Compared::Looser, true));
}

/// Without the body, only what the head decides is known.
#[test]
fn a_body_that_was_not_read_is_not_asked_for() {
    let set = shops(READ, WRITE);
    check(&set, &request("GET /v3/products/1"), "stricter: allow r -> deny: endpoint_not_allowed");
    check(&set, &price(5), "undecidable: deny: endpoint_not_allowed -> body_not_read");
    let both = shops(WRITE, WRITE_MORE);
    let mut late = Gateway::new(&both);
    late.body = Some(Body::Unavailable(Unavailable::Timeout));
    late.check(&price(5), "same: deny: body_timeout -> deny: body_timeout");
}

/// A body above the limit of the enforced set was not read: a candidate with a larger limit cannot say.
#[test]
fn a_body_that_was_not_read_so_far_is_not_known() {
    let with = |kib: u32| {
        let gateway = GATEWAY.replace("\"body_kib\": 1 ", &format!("\"body_kib\": {kib} "));
        let mut all = sources(&[shop_page(&format!(r#"{{ "permit": [{WRITE}] }}"#))]);
        all[0] = source(SourceKind::Gateway, gateway);
        all
    };
    let long = json("PUT /v3/products/1", &format!(r#"{{"price":5,"note":"{}"}}"#, "x".repeat(1_500)));
    let mut wider = Gateway::new(&beside(&with(1), &with(2)));
    wider.body = Some(Body::Unavailable(Unavailable::TooLarge));
    wider.check(&long, "undecidable: deny: body_too_large -> body_not_read");
    let mut same = Gateway::new(&beside(&with(2), &with(2)));
    same.body = Some(Body::Unavailable(Unavailable::TooLarge));
    same.check(&long, "same: deny: body_too_large -> deny: body_too_large");
    Gateway::new(&beside(&with(2), &with(1))).check(&long, "stricter: allow w -> deny: body_too_large");
}

const STEP_5: &str = r#"{ "id": "p", "scope": "store:products.update", "fields": "any",
    "limits": [{ "field": "price", "change": { "percent": 5 } }] }"#;
const STEP_20: &str = r#"{ "id": "q", "scope": "store:products.update", "fields": "any",
    "limits": [{ "field": "price", "change": { "percent": 20 } }] }"#;
const PLAIN: &str = r#"{ "id": "plain", "scope": "store:products.update", "fields": "any" }"#;

/// It looks nothing up itself: the answers are those that the enforced set had.
#[test]
fn it_goes_by_the_answers_that_were_there() {
    let mut gateway = Gateway::new(&stores(STEP_5, STEP_20));
    gateway.world = World::of(&[("/v1/products/42", r#"{"id":42,"price":"10"}"#)]);
    gateway.check(&put(r#"{"price":"11"}"#), "looser: deny p: envelope_exceeded /price -> allow q");
    gateway
        .check(&put(r#"{"price":"13"}"#), "same: deny p: envelope_exceeded /price -> deny q: envelope_exceeded /price");
    assert_eq!(gateway.world.asked().len(), 2, "one call for each request, both the enforced set's");
    gateway.world = World::default().with("/v1/products/42", response(500, "{}"));
    gateway.check(&put(r#"{"price":"11"}"#), "same: deny p: unknown_state /price -> deny q: unknown_state /price");
}

#[test]
fn what_was_not_looked_up_is_undecidable_where_it_decides() {
    let mut gateway = Gateway::new(&stores(PLAIN, STEP_5));
    gateway.check(&put(r#"{"price":"11"}"#), "undecidable: allow plain -> not_looked_up");
    gateway.check(&put(r#"{"price":"x"}"#), "stricter: allow plain -> deny p: value_format /price");
    assert_eq!(gateway.world.asked(), Vec::<String>::new());
}

fn paced(max: u32) -> String {
    format!(
        r#"{{ "id": "w", "scope": "shop:products.update", "fields": "any",
            "counters": [{{ "id": "pace", "count": "requests", "max": {max}, "window": "1h" }}] }}"#
    )
}

/// The counters of both have the same names on their pages, and not in the store.
#[test]
fn its_counters_are_its_own() {
    let mut gateway = Gateway::new(&shops(&paced(3), &paced(2)));
    for _ in 0..2 {
        gateway.check(&price(5), "same: allow w -> allow w");
    }
    gateway.check(&price(5), "stricter: allow w -> deny w: rate_limited");
    gateway.check(&price(5), "same: deny w: rate_limited -> deny w: rate_limited");
    let mut alone = Gateway::new(&shops(&paced(3), READ));
    for _ in 0..4 {
        let _ = alone.send(&price(5));
    }
    let regions = gateway.set.pages().iter().flat_map(|page| &page.counters).map(|counter| counter.region);
    for region in regions {
        let slot = SlotName { reach: Reach::Node, region, index: 0 };
        assert_eq!(gateway.memory.get(slot), alone.memory.get(slot), "the enforced budget");
    }
}

/// What the enforced set refused did not happen: the candidate that would let it pass has not used anything up.
#[test]
fn only_what_went_on_is_charged() {
    let refusing = r#"{ "id": "none", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "price", "max": 1 }] }"#;
    let mut gateway = Gateway::new(&shops(refusing, &paced(1)));
    for _ in 0..3 {
        gateway.check(&price(5), "looser: deny none: envelope_exceeded /price -> allow w");
    }
    gateway.check(&price(1), "same: allow none -> allow w");
    gateway.check(&price(1), "stricter: allow none -> deny w: rate_limited");
}

/// Its counters have a quarter of the room, besides that of the enforced set.
#[test]
fn its_counters_have_a_room_of_their_own() {
    let set = shops(&paced(3), &paced(2));
    let candidate = set.candidate().expect("a candidate");
    assert_eq!(candidate.counters_budget(), Budget { bytes: set.counters_budget().bytes / 4 });
    let mut memory = Memory::new();
    let open = |set: &PolicySet, memory: &mut Memory, bytes| Table::open(set, memory, Budget { bytes }, Timestamp(1));
    open(candidate, &mut memory, 4 * 1024).expect("one slot has room");
    open(&set, &mut memory, 4 * 1024).expect("and one beside it");
}

#[test]
fn counters_that_are_not_to_be_had_are_undecidable() {
    let set = shops(WRITE_MORE, &paced(1));
    let now = Timestamp::parse(NOW).expect("a time");
    let enforced = support::judge(&set, &price(5));
    let mut evidence = Evidence::new(price(5).head(), now);
    evidence.body(Body::Complete(br#"{"price":5}"#.to_vec()), 1024);
    let candidate = Arc::clone(set.candidate().expect("a candidate"));
    let tried = evidence.clone().judge(&candidate, &enforced, &mut |_, _| None);
    assert_eq!(tried.record.undecidable, Some("counters"));
    evidence.lose();
    let tried = evidence.judge(&candidate, &enforced, &mut |_, _| None);
    assert_eq!((tried.record.undecidable, tried.outcome), (Some("memory"), None));
}

/// D1: the event names both, and holds no value of the request.
#[test]
fn the_event_has_both() {
    let set = shops(WRITE_MORE, WRITE);
    let (mut enforced, tried) = Gateway::new(&set).send(&price(15));
    let without: Value = serde_json::from_slice(&enforced.decision_json(&set)).expect("JSON");
    enforced.candidate = Some(Box::new(tried.record));
    let mut with: Value = serde_json::from_slice(&enforced.decision_json(&set)).expect("JSON");
    let candidate = with.as_object_mut().expect("an object").remove("candidate").expect("a member");
    assert_eq!(with, without);
    let digest = set.candidate().expect("a candidate").digest();
    let expect = value!({ "policy": digest, "compared": "stricter", "decision": "deny", "version": "1", "rule": "w", "reasons": ["envelope_exceeded"] });
    assert_eq!(candidate, expect);
    let undecided = Candidate::undecided(&set, policy_core::decision::Undecided::Body);
    let expect = value!({ "policy": set.digest(), "compared": "undecidable", "undecidable": "body_not_read" });
    assert_eq!(serde_json::to_value(undecided).expect("JSON"), expect);
}

/// A candidate that does not load stands in nobody's way; a bundle with one is not written.
#[test]
fn a_broken_candidate_is_left_out() {
    let page = sources(&[shop_page(&format!(r#"{{ "permit": [{WRITE}] }}"#))]);
    let (plain, both) = (sealed(&page), bundle::with_candidate(&sealed(&page), &sealed(&page)).expect("both load"));
    let digest = bundle::load(&plain).expect("it loads").digest().to_string();
    let mut envelope: Value = serde_json::from_slice(&both).expect("an envelope");
    let broken = [("payload", "*", "base64"), ("payload", "", "`digest` is"), ("digest", "sha256:0", "`digest` is")];
    for (member, text, says) in broken {
        let mut torn = envelope.clone();
        torn["candidate"][member] = value!(text);
        let set = bundle::load(torn.to_string().as_bytes()).expect("the enforced set loads");
        assert_eq!(set.digest(), digest);
        assert!(set.candidate().is_none());
        let why = set.candidate_refused().expect("a reason").to_string();
        assert!(why.contains(says), "{why}");
        assert_eq!(support::text_of(&support::judge(&Arc::new(set), &price(5))), "allow w");
    }
    let nested = bundle::with_candidate(&plain, &both).expect_err("it has one of its own").to_string();
    assert!(nested.contains("a candidate of its own"), "{nested}");
    envelope["candidate"]["candidate"] = value!({});
    let unknown = bundle::load(envelope.to_string().as_bytes()).expect_err("no envelope").to_string();
    assert!(unknown.contains("unknown field"), "{unknown}");
    let set = bundle::load(&both).expect("it loads");
    assert_eq!(
        (set.digest(), set.candidate().map(|set| set.digest().to_string())),
        (digest.as_str(), Some(digest.clone()))
    );
    assert!(set.candidate_refused().is_none() && bundle::load(&plain).expect("it loads").candidate().is_none());
}

/// C5: who is paused is paused for both; the candidate is not asked what it would have let pass, and charges nothing.
#[test]
fn who_is_paused_is_paused_for_both() {
    use policy_core::standing::{Cause, Pause, Scope, What, change};
    let keys =
        r#""keys": [{ "id": "ops", "public_key": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw", "control": true }]"#;
    let behind = |rules: &str| {
        let mut all = sources(&[shop_page(&format!(r#"{{ "permit": [{rules}] }}"#))]);
        all[0] = source(SourceKind::Gateway, GATEWAY.replacen('{', &format!(r#"{{ "name": "g1", {keys},"#), 1));
        all
    };
    let mut gateway = Gateway::new(&beside(&behind(WRITE), &behind(&paced(1))));
    gateway.check(&price(15), "looser: deny w: envelope_exceeded /price -> allow w");
    let now = Timestamp::parse(NOW).expect("a time");
    let cause = Cause::Command { key: "ops".into(), reason: "stop".into() };
    let pause = Pause { scope: Scope::All, what: What::Writes, cause, since: now, until: None };
    change(&mut gateway.memory, now, |pauses| pauses.pause(pause.clone())).expect("a pause");
    for _ in 0..2 {
        let (enforced, tried) = gateway.send(&price(5));
        assert_eq!(text_of(&enforced), "deny: paused");
        let record = tried.record;
        assert_eq!((record.compared, record.decision, record.reasons), (Compared::Same, Some("deny"), vec!["paused"]));
    }
    change(&mut gateway.memory, now, |pauses| Ok(pauses.resume(&Scope::All))).expect("a store");
    gateway.check(&price(5), "same: allow w -> allow w");
}
