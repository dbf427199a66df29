//! What somebody says of the present: resources by the names of their fields, and answers of APIs as they are.
//!
//! ```json
//! {
//!   "resources": {
//!     "products": { "42": { "price": "100.00", "categories": ["toys"] }, "43": "timeout" }
//!   },
//!   "answers": {
//!     "shop.example.com/v1/products/44": { "id": 44, "price": "5.00" },
//!     "shop.example.com/v1/products/45": 503,
//!     "mcp.example.com/mcp get_product {\"id\":46}": { "id": 46, "price": 5 }
//!   }
//! }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_core::PolicySet;

use super::addresses::{Addresses, Asked, Wanted, name_of};
use super::call::{Call, Reply, ToolCall, canonical_host, canonical_target, tool_name};
use super::json::Json;
use super::said::{Said, answer};
use super::{Budget, Budgets, Used, World, paper};

/// The key that stands for every resource of a kind.
const EVERY: &str = "*";

/// What is true of all that is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// There is no such thing: an API says so.
    #[default]
    NotFound,
    /// It is not known.
    NotRecorded,
}

/// The present as somebody says it.
#[derive(Clone, Debug)]
pub struct Facts {
    addresses: Addresses,
    /// Resource, or `alias:resource` → key → what is said of it.
    resources: BTreeMap<String, BTreeMap<String, Json>>,
    /// The same of fields that hold where nothing else says them; [`EVERY`] is the key of all.
    assumed: BTreeMap<String, BTreeMap<String, Json>>,
    /// By the one name of the call.
    answers: BTreeMap<String, Json>,
    rest: Rest,
    /// What has been used before; `None`: what was counted.
    budgets: Option<Budgets>,
}

/// Why a text says nothing of the present. The text is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FactsError(String);

impl Facts {
    /// Nothing yet. With an agent, resources are those of its page.
    pub fn new(set: Arc<PolicySet>, agent: Option<&str>, rest: Rest) -> Self {
        let addresses = Addresses::of(set, agent);
        let (resources, assumed, answers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { addresses, resources, assumed, answers, rest, budgets: None }
    }

    /// The same, where nothing has been used but what these say.
    #[must_use]
    pub fn with_used(mut self, budgets: Budgets) -> Self {
        self.budgets = Some(budgets);
        self
    }

    /// Adds what a document says.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn read(&mut self, text: &[u8]) -> Result<(), FactsError> {
        let Json::Object(members) = Json::read(text).map_err(FactsError)? else {
            return Err(FactsError("it is no object with `resources` and `answers`".into()));
        };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("resources", Json::Object(collections)) => {
                    for (collection, resources) in collections {
                        let Json::Object(resources) = resources else {
                            return Err(FactsError(format!(
                                "`resources.{collection}` is no object of resources by key"
                            )));
                        };
                        for (key, fact) in resources {
                            self.resource(&collection, &key, fact)?;
                        }
                    }
                }
                ("answers", Json::Object(answers)) => {
                    for (call, answer) in answers {
                        self.answer(&call, answer)?;
                    }
                }
                ("resources" | "answers", _) => return Err(FactsError(format!("`{name}` is no object"))),
                _ => return Err(FactsError(format!("unknown member `{name}`; there is `resources` and `answers`"))),
            }
        }
        Ok(())
    }

    /// Says what a resource is: an object of fields, `null` where there is none, a status, or why there is no answer; a
    /// list of objects for a lookup that adds them up.
    ///
    /// # Errors
    /// It says none of these.
    pub fn resource(&mut self, collection: &str, key: &str, fact: Json) -> Result<(), FactsError> {
        if let Json::Number(_) | Json::String(_) | Json::Bool(_) = &fact {
            said(&fact).ok_or_else(|| unknown_word(&format!("resources.{collection}.{key}"), &fact))?;
        }
        self.resources.entry(collection.to_owned()).or_default().insert(key.to_owned(), fact);
        Ok(())
    }

    /// Says what an API answers to a call: a document, a status, or why there is no answer.
    ///
    /// # Errors
    /// It says none of these, or names no call.
    pub fn answer(&mut self, call: &str, answer: Json) -> Result<(), FactsError> {
        let address = call.strip_prefix("https://").unwrap_or(call);
        let (address, tool) = match address.split_once(' ') {
            Some((address, tool)) => (address, Some(tool)),
            None => (address, None),
        };
        let Some((host, target)) = address.find('/').map(|at| address.split_at(at)) else {
            return Err(FactsError(format!("`{call}` is no address: write it as `host/path`")));
        };
        let (host, target) = (canonical_host(host), canonical_target(target));
        let name = match tool.map(|tool| tool.split_once(' ').unwrap_or((tool, "{}"))) {
            None => format!("{host}{target}"),
            Some((tool, arguments)) => {
                let arguments = Json::read(arguments.as_bytes())
                    .map_err(|e| FactsError(format!("the arguments of `{call}` are no JSON: {e}")))?;
                tool_name(&host, &target, tool, &arguments)
            }
        };
        if !matches!(answer, Json::Object(_) | Json::Array(_)) {
            said(&answer).ok_or_else(|| unknown_word(call, &answer))?;
        }
        self.answers.insert(name, answer);
        Ok(())
    }

    /// Assumes the value of a field where nothing else says it: `RESOURCE/KEY.FIELD=VALUE`, or `RESOURCE.FIELD=VALUE` for
    /// every resource of the kind. The value is JSON, else a text.
    ///
    /// # Errors
    /// It is not of this form, or names a resource or field that the policies do not have.
    pub fn assume(&mut self, text: &str) -> Result<(), FactsError> {
        let wrong = || FactsError(format!("`{text}` assumes nothing: write it as `products/42.price=19.99`"));
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let (resource, field) = name.rsplit_once('.').ok_or_else(wrong)?;
        let (collection, key) = resource.split_once('/').unwrap_or((resource, EVERY));
        if [collection, key, field].iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        if let Some(why) = super::named::unknown(self.addresses.every(), collection, field) {
            return Err(FactsError(format!("`{text}`: {why}")));
        }
        let value = Json::read(value.as_bytes()).unwrap_or_else(|_| Json::text(value));
        let assumed = self.assumed.entry(collection.to_owned()).or_default().entry(key.to_owned());
        assumed.or_insert_with(Json::object).take_over(Json::Object(vec![(field.to_owned(), value)]));
        Ok(())
    }

    /// What is said of a resource that is asked for; what is assumed fills its gaps.
    fn fact(&self, asked: &Asked<'_>, wanted: &Wanted) -> Option<Json> {
        let key = wanted.key();
        let full = |name: &str| format!("{}:{name}", asked.api.alias);
        // The first is said best.
        let names: Vec<String> = asked.named.iter().flat_map(|name| [full(name), (*name).to_owned()]).collect();
        let of = |collections: &BTreeMap<String, BTreeMap<String, Json>>, key: &str| {
            let said = names.iter().rev().filter_map(|name| collections.get(name)).filter_map(|resources| {
                let spelled = |(known, _): &(&String, &Json)| asked.action.stripped_key(known) == key;
                let own = resources.get(key).or_else(|| resources.iter().find(spelled).map(|(_, fact)| fact));
                own.cloned()
            });
            said.reduce(both)
        };
        let said = of(&self.resources, key);
        if matches!(&said, Some(said) if !matches!(said, Json::Object(_))) {
            return said;
        }
        let all = [of(&self.assumed, EVERY), of(&self.assumed, key), said];
        all.into_iter().flatten().reduce(both)
    }

    /// What is said of a resource that a call asks for; `name` is that of the call that asks for it alone.
    pub(super) fn say(&self, asked: &[Asked<'_>], position: usize, name: &str) -> Said {
        let Some(first) = asked.first() else { return Said::Nothing };
        if let Some(answer) = self.answers.get(name) {
            return match said(answer) {
                Some(reply) => Said::Reply(reply),
                // Of a list, an element is looked for where it stands.
                None if paper::is_list(first) && !first.listed => Said::Reply(Reply::json(200, answer)),
                None => match answer.at(&first.attempt.at.0) {
                    Some(resource) => Said::Resource { json: resource.clone(), whole: true },
                    None => Said::Reply(Reply::json(200, answer)),
                },
            };
        }
        // The same address may be that of several lookups, each of which knows other fields.
        let mut resource: Option<Json> = None;
        for asked in asked {
            let Some(wanted) = asked.wanted.get(position) else { continue };
            match self.fact(asked, wanted) {
                None => {}
                Some(fact @ Json::Object(_)) => {
                    let written = paper::resource(asked, &fact, Some(wanted));
                    resource.get_or_insert_with(Json::object).take_over(written);
                }
                Some(Json::Array(elements)) => {
                    return Said::List(elements.iter().map(|fields| paper::resource(asked, fields, None)).collect());
                }
                Some(Json::Null) => return Said::Missing,
                Some(other) => return said(&other).map_or(Said::Nothing, Said::Reply),
            }
        }
        match (resource, self.rest) {
            (Some(json), rest) => Said::Resource { json, whole: rest == Rest::NotFound },
            (None, Rest::NotFound) => Said::Missing,
            (None, Rest::NotRecorded) => Said::Nothing,
        }
    }

    /// The answer to a call that is known by its address alone.
    pub(super) fn exactly(&self, call: &Call<'_>, tool: Option<&ToolCall>) -> Option<Reply> {
        let answer = self.answers.get(&call.name())?;
        Some(match (said(answer), tool) {
            (Some(reply), _) => reply,
            (None, Some(tool)) => paper::result(tool, answer.clone()),
            (None, None) => Reply::json(200, answer),
        })
    }

    /// The answer to a call that no lookup makes.
    pub(super) fn unsaid(&self, tool: Option<&ToolCall>) -> Reply {
        match self.rest {
            Rest::NotFound => paper::missing(tool),
            Rest::NotRecorded => Reply::NotRecorded,
        }
    }
}

impl World for Facts {
    fn reply(&self, call: &Call<'_>) -> Reply {
        let tool = call.tool();
        let tool = tool.as_ref();
        if let Some(reply) = self.exactly(call, tool) {
            return reply;
        }
        let asked = self.addresses.asked(call);
        let Some(first) = asked.first() else { return self.unsaid(tool) };
        let alone =
            |position: usize| first.wanted.get(position).and_then(|one| name_of(call, first.attempt, &one.values));
        answer(first, tool, |position| self.say(&asked, position, &alone(position).unwrap_or_default()))
    }

    fn used(&self, budget: &Budget<'_>) -> Used {
        self.budgets.as_ref().map_or(Used::AsCounted, |budgets| budgets.used(budget))
    }
}

/// What two say, the second better.
fn both(mut known: Json, better: Json) -> Json {
    known.take_over(better);
    known
}

/// A status, or why there is no answer.
fn said(fact: &Json) -> Option<Reply> {
    match fact {
        Json::Number(status) => status.parse().ok().filter(|status| (200..600).contains(status)).map(Reply::refusal),
        Json::String(word) => match word.as_str() {
            "timeout" => Some(Reply::Timeout),
            "unreachable" => Some(Reply::Unreachable),
            "not_recorded" => Some(Reply::NotRecorded),
            _ => None,
        },
        _ => None,
    }
}

fn unknown_word(place: &str, fact: &Json) -> FactsError {
    FactsError(format!(
        "`{place}` is {fact}: write an object, a status such as 503, \"timeout\", \"unreachable\" or \"not_recorded\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Result<Facts, String> {
        let gateway = r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }] }"#;
        let source = |kind, text: &str| policy_core::compile::Source { name: "x".into(), kind, text: text.into() };
        let sources = [source(policy_core::compile::SourceKind::Gateway, gateway)];
        let set = policy_core::compile::compile(&sources).set.unwrap();
        let set = policy_core::bundle::load(&policy_core::bundle::seal(&set).unwrap()).unwrap();
        let mut facts = Facts::new(Arc::new(set), None, Rest::NotFound);
        facts.read(text.as_bytes()).map_err(|e| e.to_string())?;
        Ok(facts)
    }

    fn get<'c>(host: &'c str, target: &'c str) -> Call<'c> {
        Call { host, method: "GET", target, body: b"" }
    }

    #[test]
    fn answers_are_found_by_their_address_in_any_spelling() {
        let facts = facts(
            r#"{"answers":{"https://Shop:443/a?x=1,2":{"p":1.50},"shop/b@c":503,"shop/d":"timeout","shop/e":"not_recorded"}}"#,
        )
        .unwrap();
        let body = |reply| match reply {
            Reply::Response { status, body, .. } => format!("{status} {}", String::from_utf8(body).unwrap()),
            other => other.summary(),
        };
        for (target, expect) in [
            ("/a?x=1%2C2", r#"200 {"p":1.50}"#),
            ("/b%40c", r#"503 {"code":"error"}"#),
            ("/d", "no answer in time"),
            ("/e", "not known"),
            ("/a", r#"404 {"code":"not_found"}"#),
        ] {
            assert_eq!(body(facts.reply(&get("shop", target))), expect, "{target}");
        }
        assert_eq!(body(facts.reply(&get("other", "/d"))), r#"404 {"code":"not_found"}"#);
    }

    #[test]
    fn a_mistake_says_what_to_write_instead() {
        for (text, expect) in [
            ("[]", "it is no object with `resources` and `answers`"),
            (r#"{"resource":{}}"#, "unknown member `resource`; there is `resources` and `answers`"),
            (r#"{"answers":{"shop":{}}}"#, "`shop` is no address: write it as `host/path`"),
            (r#"{"resources":{"products":[]}}"#, "`resources.products` is no object of resources by key"),
            (
                r#"{"resources":{"products":{"1":"late"}}}"#,
                "`resources.products.1` is \"late\": write an object, a status",
            ),
            (r#"{"answers":{"shop/a":99}}"#, "`shop/a` is 99: write an object, a status such as 503"),
            (r#"{"answers":{"shop/mcp get {":{}}}"#, "the arguments of `shop/mcp get {` are no JSON"),
        ] {
            let error = facts(text).unwrap_err();
            assert!(error.starts_with(expect), "{text}: {error}");
        }
        let mut facts = facts("{}").unwrap();
        for wrong in ["products", "products/42", "products/42=1", "products/42.=1", "/42.price=1", "products/.price=1"]
        {
            let error = facts.assume(wrong).unwrap_err().to_string();
            assert_eq!(error, format!("`{wrong}` assumes nothing: write it as `products/42.price=19.99`"));
        }
    }
}
