//! Policy bundles for the gateway, made the way an admin makes them: `ambit bundle`.

use std::path::Path;

use serde_json::{Value, json};

use crate::{ambit, policy_directory};

/// A bundle as the filter takes it: the text of its envelope.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) text: String,
    pub(crate) digest: String,
    /// Digest of its candidate.
    pub(crate) candidate: Option<String>,
}

impl Bundle {
    /// Takes the digests out of an envelope.
    pub(crate) fn of(text: String) -> Self {
        let envelope: Value = serde_json::from_str(&text).expect("an envelope");
        let digest = envelope["digest"].as_str().expect("digest").to_owned();
        let candidate = envelope["candidate"]["digest"].as_str().map(str::to_owned);
        Self { text, digest, candidate }
    }

    /// This bundle with the payload of another, a sound one: only the digest tells.
    pub(crate) fn with_payload_of(&self, other: &Self) -> String {
        let parse = |text| serde_json::from_str::<Value>(text).expect("an envelope");
        let mut envelope = parse(&self.text);
        envelope["payload"] = parse(&other.text)["payload"].take();
        envelope.to_string()
    }
}

/// The shop's template, catalog and gateway file, of which tests change single values.
pub(crate) struct Policies {
    template: Value,
    gateway: Value,
    candidate: Option<Box<Policies>>,
    /// Agents that have the same page.
    others: Vec<String>,
}

impl Policies {
    /// `pricing-agent` may read products, and set prices from 1 to 100.
    pub(crate) fn shop() -> Self {
        let parse = |text| serde_json::from_str(text).expect("a policy file of these tests");
        Self {
            template: parse(include_str!("policies/agent-policy-20260101-pricing-agent.json")),
            gateway: parse(include_str!("policies/gateway.json")),
            candidate: None,
            others: Vec::new(),
        }
    }

    /// `pricing-agent` may search and export by tools, and open a session for it; calls may come in batches.
    pub(crate) fn tools() -> Self {
        let page = serde_json::from_str(include_str!("policies/tools-page.json")).expect("a page");
        Self { template: page, ..Self::shop() }
    }

    /// `pricing-agent` may move the prices of toys by 5 % of what they are, one, 50 in a batch, or by a tool.
    pub(crate) fn prices() -> Self {
        let parse = |text| serde_json::from_str(text).expect("a policy file of these tests");
        let template = parse(include_str!("policies/prices-page.json"));
        Self { template, gateway: parse(include_str!("policies/lookups-gateway.json")), ..Self::shop() }
    }

    /// Sets how far a price may move, in percent of what it is.
    pub(crate) fn step_percent(mut self, percent: u32) -> Self {
        self.template["permit"][1]["limits"][1]["change"]["percent"] = json!(percent);
        self
    }

    /// Prices of anything may be moved, toys or not.
    pub(crate) fn any_category(mut self) -> Self {
        self.template["permit"][1]["scope"] = json!("shop:products.update");
        self
    }

    /// Lookups may use what the agent itself has read this long ago.
    pub(crate) fn fresh(mut self, fresh: &str) -> Self {
        self.template["apis"]["shop"]["fresh"] = json!(fresh);
        self
    }

    /// A person decides where a lookup has no answer.
    pub(crate) fn approval_when_unavailable(mut self) -> Self {
        self.template["on_unavailable"] = json!({ "approval": "pricing-lead" });
        self
    }

    /// A write must name the one version that it changes.
    pub(crate) fn requires_version(mut self) -> Self {
        self.template["permit"][1]["headers"] = json!({ "require": ["if-match"] });
        let limits = self.template["permit"][1]["limits"].as_array_mut().expect("limits");
        limits.push(json!({ "id": "one-version", "field": "header.if-match", "pattern": "\"[0-9a-f]+\"" }));
        self
    }

    /// Sets how long lookups may take.
    pub(crate) fn lookup_timeout_ms(mut self, limit: u32) -> Self {
        self.gateway["lookups"]["timeout_ms"] = json!(limit);
        self
    }

    /// The cluster that lookups for the shop go to; `None`: the gateway document names none.
    pub(crate) fn lookup_cluster(mut self, cluster: Option<&str>) -> Self {
        self.gateway["lookups"]["clusters"] = match cluster {
            Some(cluster) => json!({ "shop.example.com": cluster }),
            None => json!({}),
        };
        self
    }

    /// Says where agents' names come from.
    pub(crate) fn identity(mut self, sources: Value) -> Self {
        self.gateway["identity"] = sources;
        self
    }

    /// Gives the gateway a name, and a key that signs session tokens.
    pub(crate) fn sessions(mut self, name: &str, key: &str, public_key: &str) -> Self {
        self.gateway["name"] = json!(name);
        self.gateway["keys"] = json!([{ "id": key, "public_key": public_key, "sessions": true }]);
        self
    }

    /// Sets the highest price the agent may set.
    pub(crate) fn max_price(mut self, max: u32) -> Self {
        self.template["permit"][1]["limits"][0]["max"] = json!(max);
        self
    }

    /// Counts the prices that are set.
    pub(crate) fn counter(mut self, counter: Value) -> Self {
        let counters = &mut self.template["permit"][1]["counters"];
        if counters.is_null() {
            *counters = json!([]);
        }
        counters.as_array_mut().expect("counters").push(counter);
        self
    }

    /// What stops the agent by itself.
    pub(crate) fn tripwire(mut self, tripwire: Value) -> Self {
        self.template["tripwires"] = json!([tripwire]);
        self
    }

    /// Says what counters mean that have not been kept for a whole window.
    pub(crate) fn after_restart(mut self, word: &str) -> Self {
        self.template["after_restart"] = json!(word);
        self
    }

    /// Prices past the limit are approved by this role, whose key this is; the agent may drop tables by a tool when the role
    /// approves that.
    pub(crate) fn approved_by(mut self, role: &str, key: &str, public_key: &str) -> Self {
        self.template["approvers"] = json!({ role: { "expires": "10m" } });
        let permits = self.template["permit"].as_array_mut().expect("permits");
        match permits.iter_mut().find(|permit| permit["id"] == "set-price") {
            Some(permit) => permit["limits"][0]["beyond"] = json!({ "approval": role }),
            None => permits.push(json!({
                "id": "drop", "tool": "tools:delete_table", "fields": "any", "approval": role
            })),
        }
        self.gateway["name"] = json!("test-gateway");
        self.gateway["keys"] = json!([{ "id": key, "public_key": public_key, "roles": [role] }]);
        self
    }

    /// Sets how long a body may take to arrive.
    pub(crate) fn body_timeout_ms(mut self, limit: u32) -> Self {
        self.gateway["limits"]["body_timeout_ms"] = json!(limit);
        self
    }

    /// Changes the gateway document.
    pub(crate) fn gateway(mut self, alter: impl FnOnce(&mut Value)) -> Self {
        alter(&mut self.gateway);
        self
    }

    /// Puts other policies beside these, to be tried.
    pub(crate) fn with_candidate(mut self, candidate: Self) -> Self {
        self.candidate = Some(Box::new(candidate));
        self
    }

    /// Sets a member of the gateway document.
    pub(crate) fn set_gateway(mut self, member: &str, value: Value) -> Self {
        self.gateway[member] = value;
        self
    }

    /// Gives another agent the same page.
    pub(crate) fn also(mut self, agent: &str) -> Self {
        self.others.push(agent.to_owned());
        self
    }

    /// Compiles the bundle.
    pub(crate) fn bundle(&self) -> Bundle {
        let dir = self.folder();
        let candidate = self.candidate.as_ref().map(|candidate| candidate.folder());
        Bundle::of(compile(dir.path(), candidate.as_ref().map(tempfile::TempDir::path)))
    }

    /// A policy directory.
    fn folder(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| policy_directory::write(dir.path(), &[(name, text)]);
        write("agent-policy-20260101-pricing-agent.json", &self.template.to_string());
        for agent in &self.others {
            let mut template = self.template.clone();
            template["agent"]["name"] = json!(agent);
            write(&format!("agent-policy-20260101-{agent}.json"), &template.to_string());
        }
        write("gateway.json", &self.gateway.to_string());
        write("catalogs/shop-v1.json", include_str!("policies/catalogs/shop-v1.json"));
        write("catalogs/tools-v1.json", include_str!("policies/catalogs/tools-v1.json"));
        write("catalogs/prices-v1.json", include_str!("policies/catalogs/prices-v1.json"));
        write("catalogs/price-tools-v1.json", include_str!("policies/catalogs/price-tools-v1.json"));
        dir
    }
}

fn compile(policies: &Path, candidate: Option<&Path>) -> String {
    let file = policies.join("shop.bundle");
    let mut command = ambit::command();
    command.arg("bundle").arg(policies).arg("-o").arg(&file);
    if let Some(candidate) = candidate {
        command.arg("--candidate").arg(candidate);
    }
    let (code, _, err) = ambit::run(&mut command);
    assert_eq!(code, 0, "ambit bundle: {err}");
    std::fs::read_to_string(file).expect("the bundle")
}
