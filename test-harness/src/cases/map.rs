//! Which page answers for which intent, how its facts are spelled, and what it cannot judge yet.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use policy_core::PolicySet;
use policy_core::number::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grants::Shown;
use super::{CaseError, Expected, Record, ShownGrant};
use crate::world::{Budgets, Facts, Json, Rest};

/// A map of cases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseMap {
    /// When a request is made whose case does not say, by RFC 3339.
    #[serde(deserialize_with = "super::record::time")]
    pub now: Timestamp,
    /// The intents by name.
    pub intents: BTreeMap<String, Intent>,
}

/// What a map says of one intent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The agent whose page answers for it; without one there is no page yet, and every case waits for it.
    pub agent: Option<String>,
    /// How `state` is spelled in the names and units of the page.
    #[serde(default)]
    pub state: StateNames,
    /// What the page cannot judge yet.
    #[serde(default)]
    pub waits: Vec<Wait>,
}

/// From the names of `state` to those of a page and its catalogs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateNames {
    /// Collections of `state.resources`.
    #[serde(default)]
    pub resources: BTreeMap<String, ResourceName>,
    /// Budgets of `state.counters`.
    #[serde(default)]
    pub counters: BTreeMap<String, CounterName>,
    /// How a request of a case shows a grant of `state.approvals`.
    pub approvals: Option<ApprovalName>,
}

/// A collection of resources.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceName {
    /// `api:resource`, by the page's alias and the catalog's name. The keys are the resource's own.
    pub resource: String,
    /// Names in the case → fields of the catalog, where they differ.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

impl ResourceName {
    /// The fields of a resource by the names of the catalog.
    fn renamed(&self, fact: Json) -> Json {
        let Json::Object(members) = fact else { return fact };
        let renamed = |name: String| self.fields.get(&name).cloned().unwrap_or(name);
        Json::Object(members.into_iter().map(|(name, value)| (renamed(name), value)).collect())
    }
}

/// A budget.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterName {
    /// `rule/counter`, by the ids of the page; `counter` alone of one that the page's permits share.
    pub counter: String,
    /// What one unit of the case is in units of the page; one, where it is not given.
    pub scale: Option<String>,
    /// The value of the case is an object with a number for each resource or value that has a budget of its own.
    #[serde(default)]
    pub per: bool,
}

impl CounterName {
    /// The permit it stands in, if it is not one that permits share; and its id.
    fn rule_and_id(&self) -> (Option<&str>, &str) {
        match self.counter.split_once('/') {
            Some((rule, id)) => (Some(rule), id),
            None => (None, &self.counter),
        }
    }

    /// What a case says to have been used, in units of the page.
    fn used(&self, value: &Value) -> Result<Decimal, String> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            other => return Err(format!("{other} is no number")),
        };
        let number = Decimal::parse_json(&text).map_err(|_| format!("`{text}` is no plain number"))?;
        let scale = self.scale.as_ref().map_or(Some(Decimal::ONE), |scale| Decimal::parse_plain(scale).ok());
        let scale = scale.ok_or_else(|| format!("the map's `scale` for `{}` is no plain number", self.counter))?;
        number.checked_mul(scale).ok_or_else(|| format!("`{text}` has too many digits"))
    }
}

/// How a request names its grant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalName {
    /// The header of the case that holds the id of an entry of `state.approvals`.
    pub header: String,
}

/// What a decision waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waited {
    /// A page for the intent.
    Page,
    /// The upstream's current value.
    CurrentValue,
    /// What was used of a budget.
    Counter,
    /// A person's grant, and what makes it valid.
    Grant,
}

impl Waited {
    /// The words for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "a page",
            Self::CurrentValue => "the current value",
            Self::Counter => "a counter",
            Self::Grant => "a grant",
        }
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A verdict that the page cannot come to yet, and the one it gives instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// What it waits for. A case waits for a current value or a counter only if its `state` has resources or counters, for
    /// a grant only if it shows one: a page that is wrong without them is wrong.
    #[serde(rename = "for")]
    pub waited: Waited,
    /// The rules that decide for the time being; empty: any, or none.
    pub rules: Vec<String>,
    /// The verdict that is right.
    pub expect: Expected,
    /// The verdict for the time being: never `allow`, since what cannot be judged yet does not pass.
    pub got: Expected,
    /// The kinds of reason a refusal that is right would give. Required where `expect` is `deny`, so that a page that
    /// misses a refusal of another kind is not excused.
    #[serde(default)]
    pub reasons: Vec<String>,
}

impl CaseMap {
    /// Reads a map.
    ///
    /// # Errors
    /// [`CaseError::Unreadable`], [`CaseError::NotAMap`].
    pub fn open(path: &Path) -> Result<Self, CaseError> {
        let file = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) => return Err(CaseError::Unreadable { file, source }),
        };
        Self::parse(&text).map_err(|problem| CaseError::NotAMap { file, problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let map: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        for (name, intent) in &map.intents {
            for (number, wait) in intent.waits.iter().enumerate() {
                wait.validate().map_err(|problem| format!("intent `{name}`, wait {number}: {problem}"))?;
            }
        }
        Ok(map)
    }
}

impl CaseMap {
    /// What the map names and the pages do not have: facts by such names would be left out without a word.
    pub fn unknown(&self, set: &PolicySet) -> Option<String> {
        self.intents.iter().find_map(|(name, intent)| {
            let page = set.page(intent.agent.as_deref()?)?;
            let is_resource = |known: &&ResourceName| {
                // Without an alias it is that of every API.
                let (alias, resource) = match known.resource.split_once(':') {
                    Some((alias, resource)) => (Some(alias), resource),
                    None => (None, known.resource.as_str()),
                };
                let mut apis = page.apis.iter().filter(|api| alias.is_none_or(|alias| api.alias == alias));
                apis.any(|api| api.actions.iter().any(|action| action.resource == resource))
            };
            let is_counter = |known: &&CounterName| {
                let (rule, id) = known.rule_and_id();
                page.counters.iter().any(|counter| counter.rule.as_deref() == rule && counter.id == id)
            };
            let resource = intent.state.resources.values().find(|known| !is_resource(known));
            let counter = intent.state.counters.values().find(|known| !is_counter(known));
            let (what, written) = match (resource, counter) {
                (Some(resource), _) => ("resource", &resource.resource),
                (None, Some(counter)) => ("counter", &counter.counter),
                (None, None) => return None,
            };
            Some(format!("intent `{name}`: the page of `{}` has no {what} `{written}`", page.agent))
        })
    }

    /// A grant whose agent is named by its page, not by an intent.
    pub(super) fn named(&self, said: ShownGrant) -> ShownGrant {
        let agent = self.intents.get(&said.agent).and_then(|intent| intent.agent.clone());
        ShownGrant { agent: agent.unwrap_or(said.agent), ..said }
    }
}

impl Intent {
    /// The world around a case: what its `state` says, by the names of the page and its catalogs. What it does not hold is
    /// not there.
    ///
    /// # Errors
    /// What is wrong with its `state`.
    pub(super) fn world(&self, set: &Arc<PolicySet>, record: &Record) -> Result<Facts, String> {
        let mut world = Facts::new(Arc::clone(set), self.agent.as_deref(), Rest::NotFound);
        for (collection, resources) in &record.state.resources {
            let name = self.state.resources.get(collection);
            let resource = name.map_or(collection, |name| &name.resource);
            let resources =
                Json::read(resources.get().as_bytes()).map_err(|e| format!("`state.resources.{collection}`: {e}"))?;
            let Json::Object(resources) = resources else {
                return Err(format!("`state.resources.{collection}` is no object of resources by key"));
            };
            for (key, fact) in resources {
                let fact = name.map_or_else(|| fact.clone(), |name| name.renamed(fact.clone()));
                world.resource(resource, &key, fact).map_err(|e| format!("in `state`, {e}"))?;
            }
        }
        Ok(world.with_used(self.budgets(record)?))
    }

    /// What its `state` says to have been used, in units of the page. Of all else nothing has been.
    fn budgets(&self, record: &Record) -> Result<Budgets, String> {
        let mut budgets = Budgets::default();
        for (name, value) in &record.state.counters {
            let Some(known) = self.state.counters.get(name) else { continue };
            let mut say = |of: &str, value: &Value| {
                let used = known.used(value).map_err(|problem| format!("`state.counters.{name}`: {problem}"))?;
                let (rule, counter) = known.rule_and_id();
                budgets.say(rule, counter, of, used);
                Ok::<(), String>(())
            };
            match (value, known.per) {
                (Value::Object(each), true) => each.iter().try_for_each(|(of, value)| say(of, value))?,
                (_, true) => return Err(format!("`state.counters.{name}` is no object with a number for each")),
                (value, false) => say("", value)?,
            }
        }
        Ok(budgets)
    }

    /// What the verdict on this case waits for; `None` where the page ought to be right.
    pub fn waits_for(&self, record: &Record, got: Expected, rule: Option<&str>) -> Option<Waited> {
        let shows_grant = self.named_grants(record).next().is_some();
        self.waits.iter().find(|wait| wait.covers(record, shows_grant, got, rule)).map(|wait| wait.waited)
    }

    /// The grant that a request shows, as `state.approvals` says it; `None`: it shows none.
    ///
    /// # Errors
    /// What is wrong with the entry.
    pub(super) fn shown_grant(&self, record: &Record) -> Result<Option<Shown>, String> {
        let mut named = self.named_grants(record);
        let Some(id) = named.next() else { return Ok(None) };
        let entry = record.state.approvals.get(id).filter(|_| named.next().is_none());
        let Some(said) = entry else { return Ok(Some(Shown::Unknown)) };
        let said = serde_json::from_value(said.clone());
        said.map(|said| Some(Shown::Signed(said))).map_err(|problem| format!("`state.approvals.{id}`: {problem}"))
    }

    /// The ids in the header that names a grant.
    fn named_grants<'r>(&'r self, record: &'r Record) -> impl Iterator<Item = &'r String> {
        let header = self.state.approvals.as_ref().map(|approvals| &approvals.header);
        let headers = record.request.headers.iter();
        headers.filter(move |(name, _)| header.is_some_and(|h| name.eq_ignore_ascii_case(h))).map(|(_, id)| id)
    }
}

impl Wait {
    fn validate(&self) -> Result<(), String> {
        if self.got == Expected::Allow {
            return Err("`got` is `allow`; what cannot be judged yet does not pass".to_owned());
        }
        if self.got == self.expect {
            return Err("`got` is what is expected; remove it".to_owned());
        }
        if self.waited == Waited::Page {
            return Err("a page is waited for by leaving out `agent`".to_owned());
        }
        match (self.expect, self.reasons.is_empty()) {
            (Expected::Deny, true) => Err("`reasons` is missing; name the kinds of refusal it waits for".to_owned()),
            (Expected::Allow | Expected::Approve, false) => {
                Err("`reasons` are those of a refusal; remove them".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn covers(&self, record: &Record, shows_grant: bool, got: Expected, rule: Option<&str>) -> bool {
        let has_what_it_waits_for = match self.waited {
            Waited::Page => false,
            Waited::CurrentValue => !record.state.resources.is_empty(),
            Waited::Counter => !record.state.counters.is_empty(),
            Waited::Grant => shows_grant,
        };
        let of_the_kind = match self.expect {
            Expected::Deny => record.reason_class.as_ref().is_some_and(|class| self.reasons.contains(class)),
            Expected::Allow | Expected::Approve => true,
        };
        let by_the_rule = self.rules.is_empty() || rule.is_some_and(|rule| self.rules.iter().any(|name| name == rule));
        (self.expect, self.got) == (record.expect, got) && has_what_it_waits_for && of_the_kind && by_the_rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"{"now":"2026-11-20T12:00:00Z","intents":{"A":{"agent":"a",
        "state":{"approvals":{"header":"x-approval-id"}},"waits":[
        {"for":"current_value","rules":["reprice"],"expect":"allow","got":"approve"},
        {"for":"current_value","rules":["reprice"],"expect":"deny","got":"approve","reasons":["envelope_exceeded"]},
        {"for":"grant","rules":[],"expect":"allow","got":"approve"}]}}}"#;

    fn record(expect: &str, more: &str, headers: &str) -> Record {
        let line = format!(
            r#"{{"id":"x","category":"c","policy_intent":"A","expect":"{expect}"{more},
                "request":{{"method":"PUT","path":"/","headers":{headers}}}}}"#
        );
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_case_waits_only_for_what_it_has_and_only_with_the_verdict_of_the_map() {
        let map = CaseMap::parse(MAP).unwrap();
        let waits = |record: &Record, got, rule| map.intents["A"].waits_for(record, got, Some(rule));
        let resources = r#","state":{"resources":{"products":{"1":{}}}}"#;
        let allow = record("allow", resources, "[]");
        assert_eq!(waits(&allow, Expected::Approve, "reprice"), Some(Waited::CurrentValue));
        assert_eq!(waits(&allow, Expected::Deny, "reprice"), None, "an allow is never refused");
        assert_eq!(waits(&allow, Expected::Approve, "other"), None);
        assert_eq!(waits(&record("allow", "", "[]"), Expected::Approve, "reprice"), None, "nothing to wait for");
    }

    #[test]
    fn a_refusal_waits_only_where_its_kind_is_named() {
        let map = CaseMap::parse(MAP).unwrap();
        let resources = r#","state":{"resources":{"products":{"1":{}}}},"reason_class":"#;
        let waits = |class: &str| {
            let record = record("deny", &format!("{resources}{class:?}"), "[]");
            map.intents["A"].waits_for(&record, Expected::Approve, Some("reprice"))
        };
        assert_eq!(waits("envelope_exceeded"), Some(Waited::CurrentValue));
        assert_eq!(waits("value_format"), None);
    }

    #[test]
    fn a_grant_is_waited_for_by_who_shows_one() {
        let map = CaseMap::parse(MAP).unwrap();
        let waits = |headers: &str| {
            map.intents["A"].waits_for(&record("allow", "", headers), Expected::Approve, Some("reprice"))
        };
        assert_eq!(waits(r#"[["X-Approval-Id","1"]]"#), Some(Waited::Grant));
        assert_eq!(waits("[]"), None);
    }

    #[test]
    fn a_map_that_would_excuse_too_much_is_refused() {
        let wait = |wait: &str| {
            let text =
                format!(r#"{{"now":"2026-11-20T12:00:00Z","intents":{{"A":{{"agent":"a","waits":[{wait}]}}}}}}"#);
            CaseMap::parse(&text).unwrap_err()
        };
        let passes = wait(r#"{"for":"grant","rules":[],"expect":"deny","got":"allow","reasons":["approval_invalid"]}"#);
        assert!(
            passes.starts_with("intent `A`, wait 0: `got` is `allow`; what cannot be judged yet does not pass"),
            "{passes}"
        );
        let any = wait(r#"{"for":"counter","rules":[],"expect":"deny","got":"approve"}"#);
        assert!(any.contains("`reasons` is missing"), "{any}");
        let unknown = wait(r#"{"for":"counter","rule":"x","expect":"allow","got":"approve"}"#);
        assert!(unknown.contains("unknown field `rule`"), "{unknown}");
    }
}
