//! Who asks: lookups carry the gateway's credential and nothing of the agent, the agent's requests carry the agent's.

use super::store::Store;
use super::{AGENT_CREDENTIAL, Market, put, request};
use crate::bundle::Policies;
use crate::client_h1::RequestHead;
use crate::client_h2;
use crate::config::LOOKUP_CREDENTIAL;
use crate::shop::{AGENT, HOST};
use crate::upstream::Received;

/// What an agent sends besides; each holds a word that is nowhere else.
const OF_THE_AGENT: &[(&str, &str)] = &[
    ("authorization", AGENT_CREDENTIAL),
    ("cookie", "session=agent-cookie"),
    ("x-api-key", "agent-key"),
    ("user-agent", "agent-client"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("accept-language", "agent-tongue"),
    ("if-none-match", "\"agent-version\""),
    ("x-agent-name", AGENT),
];

fn credentials(received: &Received) -> Vec<&[u8]> {
    received.headers.iter().filter(|(name, _)| name == "authorization").map(|(_, value)| value.as_slice()).collect()
}

#[track_caller]
fn assert_lookup(received: &Received) {
    assert_eq!((received.method.as_str(), received.path.as_str()), ("GET", "/v1/products/2"));
    assert_eq!(credentials(received), [LOOKUP_CREDENTIAL.as_bytes()]);
    assert_eq!(received.header("host"), Some(HOST.as_bytes()));
    assert_eq!(received.header("accept"), Some(b"application/json".as_slice()));
    for (name, value) in &received.headers {
        let value = String::from_utf8_lossy(value);
        assert!(OF_THE_AGENT.iter().all(|(_, agents)| !value.contains(agents)), "{name}: {value}");
        assert!(name == "authorization" || !value.contains("secret"), "{name}: {value}");
    }
}

#[track_caller]
fn assert_agents(received: &Received, credential: Option<&str>) {
    assert_eq!(credentials(received), credential.map(str::as_bytes).into_iter().collect::<Vec<_>>());
    let anywhere = received.headers.iter().any(|(_, value)| String::from_utf8_lossy(value).contains("lookup-secret"));
    assert!(!anywhere, "{received:?}");
}

/// B3: each in its place, over HTTP/1.1 and HTTP/2.
#[tokio::test]
async fn the_credential_of_lookups_is_on_lookups_alone() {
    let market = Market::open(Policies::prices(), Store::of_toys([(1, "10.00"), (2, "100.00")])).await;
    let write = OF_THE_AGENT
        .iter()
        .fold(RequestHead::new("PUT", "/v1/products/2", HOST), |head, (name, value)| head.header(name, value))
        .header("content-type", "application/json");
    market.send(&write.with_body(br#"{"price":"105.00"}"#)).await.assert_forwarded(&market.digest);
    let mut connection = client_h2::Connection::open(market.envoy.address).await;
    let mut headers: Vec<(&str, &[u8])> = OF_THE_AGENT.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    headers.push(("content-type", b"application/json"));
    let url = "http://shop.example.com/v1/products/2";
    connection.exchange("PUT", url, &headers, br#"{"price":"100.00"}"#).await.assert_forwarded(&market.digest);
    let received = market.upstream.received();
    let [first, write_1, second, write_2] = received.as_slice() else { panic!("{received:?}") };
    for lookup in [first, second] {
        assert_lookup(lookup);
    }
    for write in [write_1, write_2] {
        assert_eq!(write.method, "PUT");
        assert_agents(write, Some(AGENT_CREDENTIAL));
        for (name, value) in OF_THE_AGENT {
            assert_eq!(write.header(name), Some(value.as_bytes()), "{name}");
        }
    }
}

/// B3: an agent without a credential is lent none, whether or not something is looked up for it.
#[tokio::test]
async fn an_agent_without_a_credential_is_lent_none() {
    let market = Market::open(Policies::prices(), Store::of_toys([(1, "10.00"), (2, "100.00")])).await;
    let bare = |method, path| RequestHead::new(method, path, HOST).header("x-agent-name", AGENT);
    market.send(&bare("GET", "/v1/products/1").bytes()).await.assert_forwarded(&market.digest);
    let write = bare("PUT", "/v1/products/2").header("content-type", "application/json");
    market.send(&write.with_body(br#"{"price":"105.00"}"#)).await.assert_forwarded(&market.digest);
    let received = market.upstream.received();
    let [read, lookup, write] = received.as_slice() else { panic!("{received:?}") };
    assert_agents(read, None);
    assert_lookup(lookup);
    assert_agents(write, None);
}

/// A batch is looked up with it too, and what is refused has not lent it to anyone.
#[tokio::test]
async fn a_refused_write_leaves_the_lookup_alone() {
    let market = Market::open(Policies::prices(), Store::of_toys([(1, "10.00"), (2, "100.00")])).await;
    let refused = market.send(&put(2, "106.00")).await;
    market.assert_refused(&refused, "envelope_exceeded");
    assert!(!refused.text().contains("secret"), "{}", refused.text());
    let rows = br#"{"update":[{"id":1,"price":"10.10"},{"id":2,"price":"101.00"}]}"#;
    market.send(&request("POST", "/v1/products/batch").with_body(rows)).await.assert_forwarded(&market.digest);
    let received = market.upstream.received();
    let [single, list, batch] = received.as_slice() else { panic!("{received:?}") };
    assert_lookup(single);
    assert_eq!(list.path, "/v1/products?include=1,2&per_page=100");
    assert_eq!(credentials(list), [LOOKUP_CREDENTIAL.as_bytes()]);
    assert_agents(batch, Some(AGENT_CREDENTIAL));
    let log = market.envoy.access_log(2).await;
    assert!(log.iter().all(|line| !line.to_string().contains("secret")), "{log:?}");
}
