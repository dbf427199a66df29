//! People who approve, and a store on which they must.

use std::sync::Arc;

use policy_core::approval::{Claims, Ticket};
use policy_core::compile::SourceKind;
use policy_core::jws::{public_key_text, public_of};
use policy_core::{Outcome, PolicySet};

use super::counting::{DONE, Gateway};
use super::pages::merge;
use super::present::{STORE, World, sources_on};
use super::{Request, policy, source};

/// Who signs: the id of the key, its secret, its members in the gateway document.
pub const KEYS: [(&str, [u8; 32], &str); 4] = [
    ("mia", [1; 32], r#""roles": ["manager"], "owner": "mia@example.com""#),
    ("olaf", [2; 32], r#""roles": ["owner"], "owner": "olaf""#),
    ("both", [3; 32], r#""roles": ["manager", "owner"], "owner": "bo""#),
    ("late", [4; 32], r#""roles": ["manager"], "owner": "mia@example.com", "until": "2026-11-01T00:00:00Z""#),
];

pub fn secret(key: &str) -> [u8; 32] {
    KEYS.iter().find(|(id, ..)| *id == key).map_or([9; 32], |(_, secret, _)| *secret)
}

pub fn keys() -> String {
    let keys = KEYS.map(|(id, secret, members)| {
        format!(r#"{{ "id": "{id}", "public_key": "{}", {members} }}"#, public_key_text(&public_of(&secret)))
    });
    format!(r#"{{ "name": "g1", "keys": [{}] }}"#, keys.join(","))
}

/// The set of a page on the store, behind a gateway that knows these people.
pub fn behind(members: &str) -> Arc<PolicySet> {
    behind_catalog(STORE, members)
}

/// [`behind`], on another catalog.
pub fn behind_catalog(catalog: &str, members: &str) -> Arc<PolicySet> {
    let mut sources = sources_on(catalog, members);
    let mut document = serde_json::from_str(&sources[0].text).expect("a document");
    merge(&mut document, serde_json::from_str(&keys()).expect("a document"));
    sources[0] = source(SourceKind::Gateway, document.to_string());
    policy(&sources)
}

/// Prices move by 5 %; past that, a manager approves.
pub const STEP: &str = r#"{ "id": "reprice", "scope": "store:products.update", "fields": { "only": ["price", "status"] },
    "limits": [{ "id": "step", "field": "price", "change": { "percent": "5" }, "beyond": { "approval": "manager" } }] }"#;

/// A gateway with these permits, on which the product 42 costs 10.00.
pub fn gateway(permits: &str) -> Gateway {
    on(&format!(r#"{{ "permit": [{permits}] }}"#))
}

/// [`gateway`], from all members of its page.
pub fn on(members: &str) -> Gateway {
    let mut gateway = Gateway::new(behind(members));
    gateway.world = World::of(&[("/v1/products/42", r#"{"id":42,"price":"10.00"}"#)]);
    gateway
}

/// The ticket of a request that is held.
#[track_caller]
pub fn ticket(outcome: &Outcome) -> Ticket {
    let held = outcome.held.as_ref().unwrap_or_else(|| panic!("it is not held: {outcome:#?}"));
    let read = Ticket::decode(&held.ticket.encoded()).expect("a ticket is read as it is written");
    assert_eq!(read, held.ticket);
    assert_eq!(read.digest(), held.digest);
    read
}

impl Gateway {
    /// Sends a request that is held.
    #[track_caller]
    pub fn held(&mut self, request: &Request) -> Ticket {
        ticket(&self.send(request, DONE))
    }

    /// A grant by a key of its role, signed now.
    pub fn grant(&self, ticket: &Ticket, role: &str, key: &str) -> String {
        self.grant_of(&self.claims(ticket, role), key)
    }

    /// What a grant that is signed now says.
    pub fn claims(&self, ticket: &Ticket, role: &str) -> Claims {
        Claims::of(ticket, role, "grant-1".into(), self.now.seconds(), None).expect("a grant")
    }

    /// These claims, signed.
    pub fn grant_of(&self, claims: &Claims, key: &str) -> String {
        claims.sign(key, &secret(key)).expect("a grant")
    }
}

/// A request with grants.
#[must_use]
pub fn with(request: &Request, grants: &str) -> Request {
    request.clone().header("ambit-grant", grants)
}

/// What is said of a request, with the messages.
#[track_caller]
pub fn says(gateway: &mut Gateway, request: &Request, decision: &str, message: &str) {
    let outcome = gateway.send(request, DONE);
    let text = super::text_of(&outcome);
    assert!(text.starts_with(decision), "{text}: {:#?}", outcome.reasons);
    let found = outcome.reasons.iter().any(|reason| reason.message.contains(message));
    assert!(found, "{message:?} in {:#?}", outcome.reasons);
}
