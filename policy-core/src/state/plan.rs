//! What one request needs, as calls: each resource once, several of one kind in one list call where the API has one, and
//! no more calls than a bound.

use crate::ordered::Map;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::limits::{ANSWER_BYTES, FETCHES, LISTED_KEYS};
use crate::policy::Method;

/// A call that answers for one resource. It is also the name under which the resource is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    /// GET this path and query.
    Get(String),
    /// POST this JSON-RPC call of a tool.
    Tool {
        /// Path of the endpoint.
        path: String,
        /// The tool.
        name: String,
        /// The call.
        body: String,
        /// The revision of MCP that the agent's request names.
        version: Option<String>,
    },
}

/// A list call that answers for a resource, without the values of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Path and query before the values.
    pub(crate) before: String,
    /// The value of this resource.
    pub(crate) value: String,
    /// What follows the values.
    pub(crate) after: String,
}

/// One resource that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// How it is had alone.
    pub(crate) call: Call,
    /// How it is had together with others.
    pub(crate) joined: Option<Joined>,
}

/// One call of a host to an API, for a resource as it is now. It carries nothing of the agent: the host adds the
/// credential that lookups have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The page's name for the API.
    pub api: String,
    /// The gateway's cluster that the call goes to: it adds the credential that lookups have.
    pub cluster: String,
    /// Host of the request, `h` or `h:port`: the `:authority` of the call.
    pub host: String,
    /// GET, or POST for a tool.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Headers that it must carry, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of a POST.
    pub body: Option<Vec<u8>>,
    /// Largest answer that is read, in bytes. Of a larger one the host answers that it is too large.
    pub limit: usize,
    /// How old an answer may be that the agent itself got to the same request, and that the host may give instead of
    /// making the call, in milliseconds; 0: none. See [`super::Keep`].
    pub fresh_ms: u64,
}

/// To whom and how the calls of one request go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'t> {
    pub(crate) api: &'t str,
    pub(crate) cluster: &'t str,
    pub(crate) host: &'t str,
    pub(crate) fresh_ms: u64,
}

/// The calls of one round, and what each answers for.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    fetches: Vec<Fetch>,
    serves: Vec<Serves>,
}

/// What one call answers for.
#[derive(Clone, Debug)]
pub(crate) struct Serves {
    /// The resources.
    pub(crate) calls: Vec<Call>,
    /// They stand in a list.
    pub(crate) listed: bool,
}

impl Plan {
    /// The calls for these resources; `None`: more than one request may make.
    pub(crate) fn of(wants: Vec<Want>, target: Target<'_>) -> Option<Self> {
        let mut plan = Self::default();
        let mut together: Map<(String, String), Vec<(Call, String)>> = Map::new();
        for want in wants {
            match want.joined {
                Some(Joined { before, value, after }) => {
                    together.alter((before, after), Vec::new(), |several| several.push((want.call, value)));
                }
                None => plan.single(want.call, target),
            }
        }
        for ((before, after), several) in together {
            for some in several.chunks(LISTED_KEYS) {
                if let [(call, _)] = some {
                    plan.single(call.clone(), target);
                    continue;
                }
                let values: Vec<&str> = some.iter().map(|(_, value)| value.as_str()).collect();
                let address = [before.as_str(), &values.join(","), after.as_str()].concat();
                let calls = some.iter().map(|(call, _)| call.clone()).collect();
                plan.push(get(address, target), Serves { calls, listed: true });
            }
        }
        (plan.fetches.len() <= FETCHES).then_some(plan)
    }

    fn single(&mut self, call: Call, target: Target<'_>) {
        let fetch = match &call {
            Call::Get(address) => get(address.clone(), target),
            Call::Tool { path, name, body, version } => post((path, name, body), version.as_deref(), target),
        };
        self.push(fetch, Serves { calls: alloc::vec![call], listed: false });
    }

    fn push(&mut self, fetch: Fetch, serves: Serves) {
        self.fetches.push(fetch);
        self.serves.push(serves);
    }

    /// The calls.
    pub(crate) fn fetches(&self) -> &[Fetch] {
        &self.fetches
    }

    /// The calls, each with what it answers for.
    pub(crate) fn served(&self) -> impl Iterator<Item = (&Fetch, &Serves)> {
        self.fetches.iter().zip(&self.serves)
    }
}

fn get(address: String, target: Target<'_>) -> Fetch {
    let headers = alloc::vec![header("accept", "application/json"), header("accept-encoding", "identity")];
    fetch(Method::Get, address, headers, None, target)
}

/// Source of the headers: Model Context Protocol, "Transports", revisions 2025-06-18 and 2026-07-28.
fn post((path, name, body): (&str, &str, &str), version: Option<&str>, target: Target<'_>) -> Fetch {
    let mut headers = alloc::vec![
        header("accept", "application/json, text/event-stream"),
        header("accept-encoding", "identity"),
        header("content-type", "application/json"),
        header("mcp-method", "tools/call"),
    ];
    // A name that no header can hold is said in the body alone.
    if name.bytes().all(|b| b.is_ascii_graphic()) {
        headers.push(header("mcp-name", name));
    }
    if let Some(version) = version {
        headers.push(header("mcp-protocol-version", version));
    }
    fetch(Method::Post, path.to_owned(), headers, Some(body.as_bytes().to_vec()), target)
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_string(), value.to_string())
}

fn fetch(
    method: Method,
    address: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    target: Target<'_>,
) -> Fetch {
    Fetch {
        api: target.api.into(),
        cluster: target.cluster.into(),
        host: target.host.into(),
        method,
        target: address,
        headers,
        body,
        limit: ANSWER_BYTES,
        // What a tool answers, an agent gets by a POST whose body can ask for anything.
        fresh_ms: if method == Method::Get { target.fresh_ms } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const TARGET: Target<'_> =
        Target { api: "shop", cluster: "shop-lookups", host: "shop.example.com", fresh_ms: 5_000 };

    fn want(id: usize, list: bool) -> Want {
        let joined = Joined { before: "/items?ids=".into(), value: id.to_string(), after: "&n=50".into() };
        Want { call: Call::Get(format!("/items/{id}")), joined: list.then_some(joined) }
    }

    fn targets(plan: &Plan) -> Vec<&str> {
        plan.fetches().iter().map(|fetch| fetch.target.as_str()).collect()
    }

    #[test]
    fn one_resource_is_asked_for_alone() {
        assert_eq!(targets(&Plan::of(alloc::vec![want(1, true)], TARGET).unwrap()), ["/items/1"]);
        assert_eq!(
            targets(&Plan::of(alloc::vec![want(1, false), want(2, false)], TARGET).unwrap()),
            ["/items/1", "/items/2"]
        );
    }

    #[test]
    fn several_are_listed_in_pages() {
        let wants: Vec<Want> = (1..=51).map(|id| want(id, true)).collect();
        let plan = Plan::of(wants, TARGET).unwrap();
        let listed: Vec<String> = (1..=50).map(|id| id.to_string()).collect();
        assert_eq!(targets(&plan), [format!("/items?ids={}&n=50", listed.join(",")).as_str(), "/items/51"]);
    }

    #[test]
    fn calls_are_bounded() {
        let wants = |count| (0..count).map(|id| want(id, false)).collect();
        assert_eq!(Plan::of(wants(FETCHES), TARGET).map(|plan| plan.fetches().len()), Some(FETCHES));
        assert!(Plan::of(wants(FETCHES + 1), TARGET).is_none());
    }

    #[test]
    fn a_tool_is_called_as_its_protocol_says() {
        let version = Some("2025-06-18".into());
        let call = Call::Tool { path: "/mcp".into(), name: "get_product".into(), body: "{}".into(), version };
        let plan = Plan::of(alloc::vec![Want { call, joined: None }], TARGET).unwrap();
        let [fetch] = plan.fetches() else { panic!("one call") };
        assert_eq!(
            (fetch.method, fetch.target.as_str(), fetch.body.as_deref()),
            (Method::Post, "/mcp", Some(&b"{}"[..]))
        );
        let header =
            |name: &str| fetch.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(header("accept"), Some("application/json, text/event-stream"));
        assert_eq!(fetch.fresh_ms, 0, "no agent gets this answer by a read");
        assert_eq!((header("mcp-name"), header("mcp-method")), (Some("get_product"), Some("tools/call")));
        assert_eq!(header("mcp-protocol-version"), Some("2025-06-18"));
    }
}
