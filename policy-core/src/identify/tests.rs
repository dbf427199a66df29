//! What each source says, and what they say together.

use super::*;
use crate::ordered::Map;

const PROPERTIES: usize = 3;

fn gateway(unknown_agent: UnknownAgent) -> Gateway {
    let digest: [u8; 32] = Sha256::digest(b"secret-1").into();
    Gateway {
        identity: alloc::vec![
            IdentitySource::Header("x-agent-name".into()),
            IdentitySource::Token { header: "authorization".into(), agents: Map::from([(digest, "writer".into())]) },
            IdentitySource::Claim { agent: 0, session: Some(1) },
            IdentitySource::Certificate {
                uri_san: 2,
                agents: Map::from([("spiffe://example.com/writer".into(), "writer".into())]),
            },
            IdentitySource::KongConsumer(CONSUMER_NAME.into()),
        ],
        properties: alloc::vec![Vec::new(); PROPERTIES],
        unknown_agent,
        ..Gateway::default()
    }
}

fn who_of(unknown_agent: UnknownAgent, fields: &[(&str, &str)], properties: [Option<&[u8]>; PROPERTIES]) -> Principal {
    let fields = fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let properties = properties.map(|value| value.map(<[u8]>::to_vec));
    identify(&gateway(unknown_agent), &Headers::new(fields), &properties, Timestamp(0))
}

fn who(fields: &[(&str, &str)]) -> Principal {
    who_of(UnknownAgent::Pass, fields, [None; PROPERTIES])
}

fn known(properties: [Option<&[u8]>; PROPERTIES]) -> Principal {
    who_of(UnknownAgent::Pass, &[], properties)
}

fn agent(name: &str) -> Principal {
    Principal::Agent(Agent::new(name))
}

#[track_caller]
fn refused(principal: Principal, part: &str) {
    match principal {
        Principal::Unknown(Code::UnknownAgent, why) => assert!(why.contains(part), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// B1: an invalid source is never skipped, whatever another says.
#[test]
fn what_is_present_must_be_valid() {
    assert_eq!(who(&[("x-agent-name", "reader")]), agent("reader"));
    for value in ["Bearer secret-1", "token secret-1", "secret-1"] {
        assert_eq!(who(&[("authorization", value)]), agent("writer"));
    }
    refused(who(&[("x-agent-name", "writer"), ("authorization", "Bearer wrong")]), "belongs to no agent");
    refused(who(&[("x-agent-name", "reader"), ("x-agent-name", "reader")]), "not one value");
    refused(who(&[("x-agent-name", " ")]), "is empty");
    refused(who(&[("x-agent-name", &"a".repeat(IDENTITY_BYTES + 1))]), NO_NAME);
    assert_eq!(who(&[("x-agent-name", &"a".repeat(IDENTITY_BYTES))]), agent(&"a".repeat(IDENTITY_BYTES)));
    assert_eq!(who(&[("authorization", "Basic abc")]), Principal::NotAnAgent);
    let nobody = who_of(UnknownAgent::Deny, &[("authorization", "Basic abc")], [None; PROPERTIES]);
    refused(nobody, "no source names an agent (the first is the header `x-agent-name`)");
}

/// B1: two sources that name one agent are one identity, two that name two are none.
#[test]
fn sources_agree() {
    let writer = [("x-agent-name", "writer"), ("authorization", "Bearer secret-1"), ("x-consumer-username", "writer")];
    let san: Option<&[u8]> = Some(b"spiffe://example.com/writer");
    assert_eq!(who_of(UnknownAgent::Deny, &writer, [Some(b"writer"), None, san]), agent("writer"));
    let differ = "two sources name different agents: `reader` and `writer`";
    refused(who(&[("x-agent-name", "reader"), ("authorization", "Bearer secret-1")]), differ);
    refused(who(&[("x-agent-name", "reader"), ("x-consumer-username", "writer")]), differ);
    refused(known([Some(b"reader"), None, san]), differ);
    refused(who_of(UnknownAgent::Pass, &[("x-agent-name", "reader")], [Some(b"writer"), None, None]), differ);
}

/// B1: a claim of a verified JWT, and the session it tells.
#[test]
fn a_claim_names_the_agent_and_its_session() {
    assert_eq!(known([Some(b"reader"), None, None]), agent("reader"));
    let in_session = Agent { name: "reader".into(), session: Some(Session::new("run-7")) };
    assert_eq!(known([Some(b"reader"), Some(b"run-7"), None]), Principal::Agent(in_session.clone()));
    let both = who_of(UnknownAgent::Pass, &[("x-agent-name", "reader")], [Some(b"reader"), Some(b"run-7"), None]);
    assert_eq!(both, Principal::Agent(in_session));
    // A session without an agent is no identity.
    assert_eq!(known([None, Some(b"run-7"), None]), Principal::NotAnAgent);
    let long = "a".repeat(IDENTITY_BYTES + 1);
    // A number comes as the 8 bytes of a double, a truth as one.
    for name in [&b""[..], b"re\xffader", b"reader\0", b"\x01", &42_f64.to_le_bytes(), long.as_bytes()] {
        refused(known([Some(name), None, None]), NO_NAME);
    }
    let long = "s".repeat(ID_BYTES + 1);
    for session in [&b""[..], b"run 7", b"r\xfcn", b"run\n7", long.as_bytes()] {
        refused(known([Some(b"reader"), Some(session), None]), "the session's id is not");
    }
}

/// B1: the URI SAN of a certificate is taken as it is, and one that is not listed is nobody's.
#[test]
fn a_certificate_names_the_agent() {
    assert_eq!(known([None, None, Some(b"spiffe://example.com/writer")]), agent("writer"));
    for uri in [
        &b"spiffe://example.com/other"[..],
        b"spiffe://example.com/writer/",
        b"SPIFFE://example.com/writer",
        b"",
        b"\xff",
    ] {
        refused(known([None, None, Some(uri)]), "is no agent here");
    }
}

/// B1: Kong's consumer, and the anonymous one that it puts in its place.
#[test]
fn a_consumer_of_kong_names_the_agent() {
    assert_eq!(who(&[("x-consumer-username", "reader")]), agent("reader"));
    let anonymous = |value| who(&[("x-consumer-username", "reader"), ("x-anonymous-consumer", value)]);
    assert_eq!(anonymous("true"), Principal::NotAnAgent);
    assert_eq!(anonymous("True"), Principal::NotAnAgent);
    refused(anonymous("false"), "something other than `true`");
    let twice = [("x-anonymous-consumer", "true"), ("x-anonymous-consumer", "true"), ("x-consumer-username", "reader")];
    refused(who(&twice), "not one value");
    refused(who(&[("x-consumer-username", "")]), "is empty");
}
