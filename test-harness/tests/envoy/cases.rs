//! The sample of cases as bytes through a live Envoy, each in its own world: what lookups find, what has been used of counters
//! and which grants people have signed is as the case says. The answers are those that the case expects, and those of the
//! native core (and so, by `cases_sample.rs`, of the module in the harness), or Envoy refuses the bytes itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use jiff::Timestamp;
use policy_core::counters::{Cas, Reach, SlotName, Store, Table};
use policy_core::{Outcome, PolicySet, approval};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use test_harness::cases::{CaseGrants, CaseMap, Cases, Expected, Record, Scene};
use test_harness::policies::Policies;
use test_harness::recording::Field;
use test_harness::replay::{Engine as _, NativeEngine};
use test_harness::world::{Call, Facts, Reply as Found, World};

use crate::answer::Answer;
use crate::client_h1::{self, RequestHead, chunk};
use crate::config::Gateway;
use crate::library;
use crate::library_live::{Decided, directory};
use crate::process::Envoy;
use crate::shared_data::{self, SharedData};
use crate::upstream::{Api, Received, Reply, Upstream, response};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.ndjson");
/// What Envoy refuses before the filter sees it: the case, and Envoy's answer.
/// `AMBIT_BLESS=1 cargo test -p test-harness --test envoy cases` writes what is found.
const REFUSED_BY_ENVOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.envoy.json");
/// Counters are kept, and grants known, since long before any case.
const EVER: policy_core::Timestamp = policy_core::Timestamp(0);

/// The record says that no client that keeps to the protocol sends it.
fn is_for_the_engines_alone(record: &Record) -> bool {
    record.harness.as_deref() == Some("unit")
}

/// How Envoy refuses by itself.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct OwnRefusal {
    status: u16,
    /// Why, in Envoy's words.
    details: String,
}

/// The APIs that lookups ask: what they hold is what the case that is under way says.
#[derive(Default)]
struct Apis(Mutex<Option<Facts>>);

impl Apis {
    fn hold(&self, world: Facts) {
        *self.0.lock().expect("the world") = Some(world);
    }
}

impl Api for Apis {
    async fn reply(&self, request: Received) -> Reply {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let host = text(request.header("host").expect("a host"));
        let call = Call { host: &host, method: &request.method, target: &request.path, body: &request.body };
        let found = self.0.lock().expect("the world").as_ref().expect("a case is under way").reply(&call);
        match found {
            Found::Response { status, headers, body, .. } => {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                Reply::Send(response(status, &headers, &body))
            }
            Found::Timeout => Reply::SendAndStall(Vec::new()),
            Found::Unreachable | Found::NotRecorded | Found::Truncated => Reply::Reset,
        }
    }
}

/// Slots as a gateway finds them that has kept these counters since [`EVER`].
#[derive(Default)]
struct Slots(BTreeMap<SlotName, Vec<u8>>);

impl Store for Slots {
    fn get(&mut self, slot: SlotName) -> Option<(Vec<u8>, Cas)> {
        self.0.get(&slot).map(|bytes| (bytes.clone(), Cas(1)))
    }

    fn set(&mut self, slot: SlotName, value: &[u8], _: Option<Cas>) -> bool {
        self.0.insert(slot, value.to_vec());
        true
    }
}

fn kept_since_ever(set: &PolicySet) -> SharedData {
    let mut slots = Slots::default();
    Table::open(set, &mut slots, set.counters_budget(), EVER).unwrap_or_else(|e| panic!("{e}"));
    shared(slots.0)
}

fn shared(slots: impl IntoIterator<Item = (SlotName, Vec<u8>)>) -> SharedData {
    SharedData::of(slots.into_iter().inspect(|(slot, _)| {
        assert_eq!(slot.reach, Reach::Node, "what a worker counts alone cannot be set from outside");
    }))
}

/// The library's gateway, running, and the native engine with the same policies.
struct Ground {
    upstream: Upstream,
    apis: Arc<Apis>,
    /// Where lookups go; it stops when dropped.
    _lookups: Upstream,
    envoy: Envoy,
    ingress: SocketAddr,
    shared_data: SocketAddr,
    engine: NativeEngine,
    set: Arc<PolicySet>,
    grants: CaseGrants,
    map: CaseMap,
    /// The header that names the agent.
    identity: String,
    cases: Vec<Record>,
}

/// A request that was sent, and how it was judged.
struct Sent<'c> {
    record: &'c Record,
    grant: Option<Field>,
    /// What comes first of what a case sends twice.
    rehearsed: bool,
    natively: Outcome,
    answer: Answer,
}

impl Ground {
    /// With the cases that have a page.
    async fn open() -> Self {
        let map = CaseMap::open(&library::folder().join("intents.map.json")).unwrap_or_else(|e| panic!("{e}"));
        let mut directory = directory();
        CaseGrants::admit(&mut directory);
        let policies = Policies::from_directory(directory).unwrap_or_else(|e| panic!("{e}"));
        let set = policies.set;
        let (upstream, apis) = (Upstream::http1().await, Arc::new(Apis::default()));
        let lookups = Upstream::serving(Arc::clone(&apis)).await;
        let bundle = String::from_utf8(policies.bundle).expect("a bundle is text");
        let mut gateway = Gateway::to(&upstream).with_static(&bundle).with_shared_data(kept_since_ever(&set));
        for cluster in lookup_clusters() {
            gateway = gateway.with_lookup_cluster(&cluster, lookups.address);
        }
        let envoy = gateway.start().await;
        Self {
            ingress: envoy.listener("ingress").await,
            shared_data: envoy.listener(shared_data::LISTENER).await,
            envoy,
            upstream,
            apis,
            _lookups: lookups,
            engine: NativeEngine::counting(Arc::clone(&set), EVER).unwrap_or_else(|e| panic!("{e}")),
            grants: CaseGrants::of(&set).unwrap_or_else(|e| panic!("{e}")),
            identity: policies.identity_header.expect("a header that names the agent"),
            cases: cases(&map),
            map,
            set,
        }
    }

    /// Nothing of what was approved has been used.
    async fn forget_grants(&self) {
        self.engine.clone().forget_grants();
        shared(approval::slots().map(|slot| (slot, Vec::new()))).set(self.shared_data).await;
    }

    /// Sends a case into its world, each request on a connection of its own: nothing that an answer leaves unread becomes part
    /// of the next request.
    async fn send<'c>(&self, record: &'c Record) -> Vec<Sent<'c>> {
        let id = &record.id;
        let now = Timestamp::try_from(SystemTime::now()).expect("a time");
        let scene = self.map.scene(record, &self.set, &self.grants, &self.identity, now);
        let Scene { request, grant, again, world } = scene.unwrap_or_else(|e| panic!("{id}: {e}")).expect("a page");
        let agent = self.map.intents[&record.policy_intent].agent.as_deref().expect("a page");
        self.apis.hold(world.clone());
        self.forget_grants().await;
        let mut sent = Vec::new();
        for rehearsed in again.then_some(true).into_iter().chain([false]) {
            let now = policy_core::Timestamp(u64::try_from(now.as_nanosecond()).expect("a time"));
            let natively = self.engine.outcome_in(&world, &request, now);
            let slots = shared(self.engine.slots_before());
            if !slots.is_empty() {
                slots.set(self.shared_data).await;
            }
            let bytes = wire(record, (&self.identity, agent), grant.as_ref());
            let answer = client_h1::exchange(self.ingress, &bytes).await;
            sent.push(Sent { record, grant: grant.clone(), rehearsed, natively, answer });
        }
        sent
    }
}

/// The clusters for lookups that the library's gateway names.
fn lookup_clusters() -> Vec<String> {
    let text = std::fs::read_to_string(library::folder().join("gateway.json")).unwrap_or_else(|e| panic!("{e}"));
    let gateway: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
    let clusters = gateway["lookups"]["clusters"].as_object().expect("clusters").values();
    let names: std::collections::BTreeSet<String> =
        clusters.map(|name| name.as_str().expect("a name").to_owned()).collect();
    names.into_iter().collect()
}

fn cases(map: &CaseMap) -> Vec<Record> {
    let mut cases = Vec::new();
    for case in Cases::open(Path::new(CASES)).unwrap_or_else(|e| panic!("{e}")) {
        let (_, record) = case.unwrap_or_else(|e| panic!("{e}"));
        if map.intents[&record.policy_intent].agent.is_none() {
            continue;
        }
        let id = &record.id;
        assert_eq!(record.state.now, None, "{id}: a live gateway has a clock of its own");
        assert_eq!(record.request.trailers, [], "{id}: trailers are not sent by this test");
        assert_ne!(record.request.method, "HEAD", "{id}: an answer to HEAD has no document to read");
        cases.push(record);
    }
    cases
}

/// The request of a case as its client writes it, with the agent's name as a gateway sets it, and its grant.
fn wire(record: &Record, (identity, agent): (&str, &str), grant: Option<&Field>) -> Vec<u8> {
    let request = &record.request;
    let mut head = RequestHead::without_host(&request.method, &request.path).header(identity, agent);
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(identity)) {
        head = head.header(name, value);
    }
    if let Some((name, value)) = grant {
        head = head.header(std::str::from_utf8(name).expect("a name"), value);
    }
    let names = |wanted: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    match body(record) {
        Some(body) if names("transfer-encoding") => [&head.bytes()[..], &chunk(&body), b"0\r\n\r\n"].concat(),
        Some(body) if names("content-length") => [head.bytes(), body].concat(),
        Some(body) => head.with_body(&body),
        None => head.bytes(),
    }
}

fn body(record: &Record) -> Option<Vec<u8>> {
    record.request.body_bytes().unwrap_or_else(|e| panic!("{}: {e}", record.id))
}

/// Whether Envoy has refused the request before the filter saw it. Every answer to what came to the filter names the policy.
#[track_caller]
fn by_envoy(answer: &Answer) -> bool {
    let by_envoy = answer.header("ambit-policy").is_none();
    if by_envoy {
        // What the filter or the route has failed at is no 4xx, and a document would be the filter's.
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert_ne!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{answer:?}");
    }
    by_envoy
}

/// What is allowed arrives as it was written, without its grant.
#[track_caller]
fn assert_arrived(record: &Record, grant: Option<&Field>, received: &Received) {
    let (id, request) = (&record.id, &record.request);
    assert_eq!((&received.method, &received.path), (&request.method, &request.path), "{id}");
    let written = body(record).unwrap_or_default();
    assert_eq!(received.body.escape_ascii().to_string(), written.escape_ascii().to_string(), "{id}");
    assert!(received.complete, "{id}");
    let mut arrived = received.headers.iter();
    for (name, value) in &request.headers {
        let field = (name.to_ascii_lowercase(), value.clone().into_bytes());
        assert!(arrived.any(|header| *header == field), "{id}: `{name}` in its place among {received:?}");
    }
    if let Some((name, _)) = grant {
        assert_eq!(
            received.header(std::str::from_utf8(name).expect("a name")),
            None,
            "{id}: the grant goes no further"
        );
    }
}

/// What becomes of the request.
fn verdict(decided: &Decided) -> Expected {
    match decided.decision.as_str() {
        "allow" => Expected::Allow,
        "approval_required" => Expected::Approve,
        "deny" => Expected::Deny,
        other => panic!("{other} is no decision"),
    }
}

/// A4, A6, A7, A8, A10, A11, B4, F1, G1.
#[tokio::test]
async fn every_case_is_decided_as_it_expects_and_as_the_native_core_decides_it() {
    let ground = Ground::open().await;
    let cases: Vec<&Record> = ground.cases.iter().filter(|record| !is_for_the_engines_alone(record)).collect();
    assert!(cases.len() > 300, "{} cases", cases.len());
    let mut all = Vec::new();
    for record in cases {
        all.extend(ground.send(record).await);
    }
    let lines = ground.envoy.access_log(all.len()).await;
    assert_eq!(lines.len(), all.len());

    let mut received = ground.upstream.received().into_iter();
    assert_eq!(ground.envoy.forwarded().await, received.len() as u64);
    let mut own_refusals = BTreeMap::new();
    for (Sent { record, grant, rehearsed, natively, answer }, line) in all.into_iter().zip(&lines) {
        let id = &record.id;
        let in_line = Decided::in_line(line);
        if by_envoy(&answer) {
            assert_eq!(record.expect, Expected::Deny, "{id}: refused by Envoy: {answer:?}");
            assert_eq!(in_line, None, "{id}: Envoy answers what the filter has decided");
            let details = line["details"].as_str().expect("details").to_owned();
            own_refusals.insert(id.clone(), OwnRefusal { status: answer.status, details });
            continue;
        }
        let decided = Decided::natively(&natively);
        assert_eq!(in_line.as_ref(), Some(&decided), "{id}");
        assert_eq!(verdict(&decided), if rehearsed { Expected::Allow } else { record.expect }, "{id}: {decided:?}");
        if decided.decision == "allow" {
            answer.assert_forwarded(ground.set.digest());
            let received = received.next().unwrap_or_else(|| panic!("{id} has not arrived"));
            assert_arrived(record, grant.as_ref(), &received);
        } else if answer.header("content-type").as_deref() == Some("application/problem+json") {
            let problem = answer.assert_refused(answer.status, ground.set.digest());
            assert_eq!(Decided::in_problem(&problem), decided, "{id}");
        } else if let Some(problem) = answer.assert_refused_call(ground.set.digest()) {
            assert_eq!(Decided::in_problem(&problem), decided, "{id}");
        }
    }
    assert_eq!(received.len(), 0, "{received:?}");
    assert_kept(&own_refusals);
}

/// What no client ought to send, sent nonetheless: refused by Envoy or by the filter. The one thing that passes is what
/// Envoy makes of `upgrade: h2c`: it takes the upgrade away before the filter sees it (RFC 9110, 7.8, lets a server ignore
/// one), so what arrives is an ordinary request and the connection stays HTTP/1.1.
#[tokio::test]
async fn what_no_client_ought_to_send_arrives_without_its_sting_or_not_at_all() {
    let ground = Ground::open().await;
    let cases = ground.cases.iter().filter(|record| is_for_the_engines_alone(record));
    let (mut refused, mut arrived) = (0, 0);
    for record in cases {
        let (id, request) = (&record.id, &record.request);
        let sent = ground.send(record).await.pop().expect("one request");
        assert_eq!(Decided::natively(&sent.natively).decision, "deny", "{id}");
        let answer = sent.answer;
        if by_envoy(&answer) {
            refused += 1;
        } else if answer.status == 200 {
            let h2c = ("upgrade".to_owned(), "h2c".to_owned());
            assert!(request.headers.contains(&h2c), "{id}: {answer:?}");
            answer.assert_forwarded(ground.set.digest());
            arrived += 1;
        } else {
            assert_eq!(answer.assert_refused(answer.status, ground.set.digest()).decision(), "deny", "{id}");
            refused += 1;
        }
    }
    assert_eq!((refused, arrived), (5, 1));
    let received = ground.upstream.received();
    assert_eq!(received.len(), arrived);
    for name in ["upgrade", "http2-settings", "connection"] {
        assert_eq!(received[0].header(name), None, "{name}");
    }
}

fn assert_kept(own_refusals: &BTreeMap<String, OwnRefusal>) {
    if std::env::var_os("AMBIT_BLESS").is_some() {
        let text = serde_json::to_string_pretty(own_refusals).expect("JSON") + "\n";
        std::fs::write(REFUSED_BY_ENVOY, text).expect("the list can be written");
    }
    let text = std::fs::read_to_string(REFUSED_BY_ENVOY).unwrap_or_default();
    let kept: BTreeMap<String, OwnRefusal> = serde_json::from_str(&text).unwrap_or_default();
    assert_eq!(
        *own_refusals, kept,
        "as kept in {REFUSED_BY_ENVOY}; if it is meant: AMBIT_BLESS=1 cargo test -p test-harness --test envoy cases"
    );
}
