//! A store that keeps prices: it answers with what its products are now, changes them, and can be told to answer a
//! request in another way.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::upstream::{Api, Received, Reply, response};

/// How the store answers a request instead of the usual way.
#[derive(Clone)]
pub(crate) enum Conduct {
    /// It takes the request and says nothing.
    Hang,
    /// It answers with what was so when the request came, but only once this gate is open.
    Held(watch::Receiver<bool>),
    /// It resets the connection.
    Reset,
    /// It answers this.
    Instead(Answered),
    /// It announces this answer, sends half of its body and closes.
    Cut(Answered),
    /// It announces this answer, sends half of its body and leaves it at that.
    Stall(Answered),
}

/// An answer.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::typed("application/json", body.to_string()).with_status(status)
    }

    /// A 200 of this media type.
    pub(crate) fn typed(media: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: vec![("content-type", media.to_owned())], body: body.into() }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        response(self.status, &headers, &self.body)
    }

    /// The head, and half of the body that it announces.
    fn half(&self) -> Vec<u8> {
        let mut bytes = self.bytes();
        bytes.truncate(bytes.len() - self.body.len() / 2);
        bytes
    }
}

/// How the store's tools answer.
#[derive(Clone, Copy, Default)]
pub(crate) enum Speech {
    /// As JSON, with structured content.
    #[default]
    Structured,
    /// As a stream of events: a note of progress, then the answer, whose text is JSON.
    Events,
}

#[derive(Default)]
struct State {
    products: BTreeMap<u64, Value>,
    /// The `ETag` of each product; nobody can foresee the next one, and none comes back.
    versions: BTreeMap<u64, String>,
    conducts: HashMap<String, Conduct>,
    speech: Speech,
}

/// The store.
#[derive(Default)]
pub(crate) struct Store(Mutex<State>);

/// A toy of this price.
pub(crate) fn toy(id: u64, price: &str) -> Value {
    json!({ "id": id, "price": price, "currency": "EUR", "stock": 12, "categories": ["toys", "gifts"] })
}

impl Store {
    /// A store with these toys.
    pub(crate) fn of_toys<'p>(toys: impl IntoIterator<Item = (u64, &'p str)>) -> Self {
        let store = Self::default();
        toys.into_iter().for_each(|(id, price)| store.put(toy(id, price)));
        store
    }

    /// Puts a product in, or in place of the one with its id.
    pub(crate) fn put(&self, product: Value) {
        let id = product["id"].as_u64().expect("an id");
        let mut state = self.state();
        state.products.insert(id, product);
        state.versions.insert(id, fresh_version());
    }

    /// Answers this request (`GET /v1/products/7`) in this way from now on.
    pub(crate) fn conduct(&self, request: &str, conduct: Conduct) {
        self.state().conducts.insert(request.to_owned(), conduct);
    }

    /// Answers this request as usual again.
    pub(crate) fn behave(&self, request: &str) {
        self.state().conducts.remove(request);
    }

    /// Answers this request once the gate that is given back is opened.
    pub(crate) fn hold(&self, request: &str) -> watch::Sender<bool> {
        let (gate, held) = watch::channel(false);
        self.conduct(request, Conduct::Held(held));
        gate
    }

    /// How its tools answer from now on.
    pub(crate) fn speak(&self, speech: Speech) {
        self.state().speech = speech;
    }

    /// The price of a product now.
    pub(crate) fn price(&self, id: u64) -> String {
        match &self.state().products[&id]["price"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The version of a product now, as its `ETag`.
    pub(crate) fn version(&self, id: u64) -> String {
        self.state().versions[&id].clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the store's state")
    }

    fn answer(&self, request: &Received) -> Answered {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut state = self.state();
        match (request.method.as_str(), path.strip_prefix("/v1/products")) {
            ("GET", Some("")) => state.list(query),
            ("POST", Some("/batch")) => state.change_all(&parsed(&request.body)),
            (method @ ("GET" | "PUT"), Some(id)) => {
                let Some(id) = id.strip_prefix('/').and_then(|id| id.parse().ok()) else { return missing() };
                let tag = request.header("if-match").map(|tag| String::from_utf8_lossy(tag).into_owned());
                match (method, state.versions.get(&id)) {
                    (_, None) => missing(),
                    ("PUT", Some(version)) if tag.is_some_and(|tag| tag != *version && tag != "*") => {
                        Answered::json(412, &json!({ "error": "changed since" }))
                    }
                    ("PUT", Some(_)) => state.change(id, &parsed(&request.body)),
                    _ => state.product(id),
                }
            }
            ("POST", None) if path == "/mcp" => state.call(&parsed(&request.body)),
            _ => missing(),
        }
    }
}

impl State {
    fn product(&self, id: u64) -> Answered {
        Answered::json(200, &self.products[&id]).with_header("etag", &self.versions[&id])
    }

    fn list(&self, query: &str) -> Answered {
        let wanted = query.split('&').find_map(|pair| pair.strip_prefix("include=")).unwrap_or_default();
        let wanted: Vec<u64> =
            wanted.replace("%2C", ",").split(',').map(|id| id.parse().expect("an id in `include`")).collect();
        let found: Vec<&Value> = wanted.iter().filter_map(|id| self.products.get(id)).collect();
        Answered::json(200, &json!(found))
    }

    fn change(&mut self, id: u64, members: &Value) -> Answered {
        let product = self.products.get_mut(&id).expect("a product");
        for (name, value) in members.as_object().expect("members") {
            product[name] = value.clone();
        }
        self.versions.insert(id, fresh_version());
        Answered::json(200, &json!({ "changed": id }))
    }

    fn change_all(&mut self, body: &Value) -> Answered {
        let rows = body["update"].as_array().expect("rows");
        for row in rows {
            self.change(row["id"].as_u64().expect("an id"), row);
        }
        Answered::json(200, &json!({ "updated": rows.len() }))
    }

    /// A call of a tool, as the Model Context Protocol has it.
    fn call(&mut self, message: &Value) -> Answered {
        let arguments = &message["params"]["arguments"];
        let id = arguments["id"].as_u64().expect("an id");
        if message["params"]["name"] == "set_price" {
            self.change(id, &json!({ "price": arguments["price"] }));
        }
        let product = &self.products[&id];
        let text = json!([{ "type": "text", "text": product.to_string() }]);
        let answer = |result: Value| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        match self.speech {
            Speech::Structured => {
                Answered::json(200, &answer(json!({ "content": text, "structuredContent": product })))
            }
            Speech::Events => {
                let note = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": "…" } });
                let events = format!(
                    ": hello\n\nevent: message\ndata: {note}\n\nid: 2\ndata: {}\n\n",
                    answer(json!({ "content": text }))
                );
                Answered::typed("text/event-stream", events)
            }
        }
    }
}

impl Api for Store {
    async fn reply(&self, request: Received) -> Reply {
        let key = format!("{} {}", request.method, request.path);
        let conduct = self.state().conducts.get(&key).cloned();
        match conduct {
            None => Reply::Send(self.answer(&request).bytes()),
            Some(Conduct::Hang) => pending().await,
            Some(Conduct::Held(mut gate)) => {
                let answer = self.answer(&request).bytes();
                // Whoever held it is gone: it stays shut.
                if gate.wait_for(|open| *open).await.is_err() {
                    return pending().await;
                }
                Reply::Send(answer)
            }
            Some(Conduct::Reset) => Reply::Reset,
            Some(Conduct::Instead(answer)) => Reply::Send(answer.bytes()),
            Some(Conduct::Cut(answer)) => Reply::SendAndClose(answer.half()),
            Some(Conduct::Stall(answer)) => Reply::SendAndStall(answer.half()),
        }
    }
}

fn fresh_version() -> String {
    // Keys of a hash table are random, so what it makes of nothing is.
    format!("\"{:016x}\"", RandomState::new().build_hasher().finish())
}

fn missing() -> Answered {
    Answered::json(404, &json!({ "error": "no such product" }))
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("what the filter lets pass is JSON")
}
