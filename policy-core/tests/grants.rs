//! Grants that count for nothing: each attack is refused, and the refusal says what is wrong (B4).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::approval::{Claims, Ticket};
use policy_core::jws::{Kind, public_key_text, public_of, sign};
use policy_core::policy::Reuse;
use support::approving::{STEP, gateway, on, says, secret, with};
use support::counting::{DONE, Gateway};
use support::present::{World, put};
use support::{Request, json, text_of};

const RAISE: &str = r#"{"price":"20.98"}"#;
const DENIED: &str = "deny reprice: approval_invalid";

/// A gateway, the ticket of a price that is held, and a good grant for it.
fn ground() -> (Gateway, Ticket, String) {
    let mut gateway = gateway(STEP);
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "manager", "mia");
    (gateway, ticket, grant)
}

/// The good grant lets its own request pass: what is refused before is refused for what is changed.
#[track_caller]
fn refused(request: &Request, message: &str) {
    let (mut gateway, _, grant) = ground();
    says(&mut gateway, &with(request, &grant), DENIED, message);
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

/// A grant of other claims.
#[track_caller]
fn refused_claims(change: impl FnOnce(&mut Claims), message: &str) {
    let (mut gateway, ticket, grant) = ground();
    let mut claims = gateway.claims(&ticket, "manager");
    change(&mut claims);
    let changed = gateway.grant_of(&claims, "mia");
    says(&mut gateway, &with(&put(RAISE), &changed), DENIED, message);
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

#[test]
fn for_another_body() {
    refused(&put(r#"{"price":"20.99"}"#), "is for another body");
    // Other bytes of the same meaning are another body.
    refused(&put(r#"{ "price":"20.98"}"#), "is for another body");
}

#[test]
fn for_another_path() {
    let (mut gateway, _, grant) = ground();
    gateway.world = World::of(&[
        ("/v1/products/42", r#"{"id":42,"price":"10.00"}"#),
        ("/v1/products/43", r#"{"id":43,"price":"10.00"}"#),
    ]);
    let other = json("PUT /v1/products/43", RAISE);
    says(&mut gateway, &with(&other, &grant), DENIED, "is for another path");
}

#[test]
fn for_another_query() {
    let permits = STEP.replace(r#""limits""#, r#""query": { "only": ["dry"] }, "limits""#);
    let mut gateway = gateway(&permits);
    let dry = json("PUT /v1/products/42?dry=1", RAISE);
    let ticket = gateway.held(&dry);
    assert_eq!(ticket.action[1], "  query.`dry`: `1`");
    let grant = gateway.grant(&ticket, "manager", "mia");
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "is for another query");
    says(&mut gateway, &with(&json("PUT /v1/products/42?", RAISE), &grant), DENIED, "is for another query");
    gateway.check(&with(&dry, &grant), "allow reprice");
}

#[test]
fn for_another_header() {
    refused(&put(RAISE).set("content-type", Some("application/json; charset=utf-8")), "header that is looked at");
    refused(&put(RAISE).header("if-match", "\"1\""), "header that is looked at");
}

/// A header that a limit looks at is bound as well.
#[test]
fn for_another_header_of_a_limit() {
    let permits = r#"{ "id": "reprice", "scope": "store:products.update", "fields": "any", "limits": [
      { "field": "header.x-reason", "in": ["sale", "damage"], "beyond": { "approval": "manager" } }] }"#;
    let mut gateway = gateway(permits);
    let ticket = gateway.held(&put(RAISE).header("x-reason", "gift"));
    let grant = gateway.grant(&ticket, "manager", "mia");
    says(&mut gateway, &with(&put(RAISE).header("x-reason", "theft"), &grant), DENIED, "header that is looked at");
    gateway.check(&with(&put(RAISE).header("x-reason", "gift"), &grant), "allow reprice");
}

#[test]
fn for_another_agent() {
    refused_claims(|claims| claims.agent = "other".into(), "is for another agent");
}

#[test]
fn for_another_session() {
    refused_claims(|claims| claims.session = Some("s1".into()), "is for another session");
}

#[test]
fn for_another_gateway() {
    refused_claims(|claims| claims.aud = "g2".into(), "is for another gateway");
}

#[test]
fn for_another_version_of_the_policies() {
    let (mut gateway, _, grant) = ground();
    let other = support::approving::behind(&format!(r#"{{ "version": "2", "permit": [{STEP}] }}"#));
    gateway.load(other);
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "another version of the policies");
}

#[test]
fn for_another_current_value() {
    let (mut gateway, _, grant) = ground();
    gateway.world = World::of(&[("/v1/products/42", r#"{"id":42,"price":"9.00"}"#)]);
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "another current value");
}

#[test]
fn expired() {
    let (mut gateway, _, grant) = ground();
    gateway.pass(899);
    let early = gateway.judge(&with(&put(RAISE), &grant));
    assert_eq!(text_of(&early), "allow reprice");
    let (mut gateway, _, grant) = ground();
    gateway.pass(900);
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "has expired at 2026-11-20T12:15:00Z");
}

#[test]
fn longer_than_its_role_lets_it() {
    refused_claims(|claims| claims.exp = claims.iat + 901, "holds for longer than the 900 seconds");
    refused_claims(|claims| claims.exp = 99_999_999_999, "holds for longer");
    refused_claims(|claims| claims.exp = claims.iat, "holds for longer");
}

#[test]
fn from_the_future() {
    refused_claims(|claims| (claims.iat, claims.exp) = (claims.iat + 1, claims.exp + 1), "is from the future");
}

#[test]
fn not_yet_valid() {
    refused_claims(|claims| claims.nbf = claims.iat + 60, "is held until");
}

#[test]
fn used_more_often_than_its_role_lets_it() {
    refused_claims(|claims| claims.reuse = Reuse::Rule, "may be used more often");
    refused_claims(|claims| claims.reuse = Reuse::Session, "may be used more often");
}

#[test]
fn of_a_role_that_the_page_does_not_have() {
    refused_claims(|claims| claims.role = "owner".into(), "for which its key `mia` does not sign");
}

/// A good grant of another role is not what is asked for: that role is still missing.
#[test]
fn of_another_role() {
    let (mut gateway, ticket, _) = ground();
    let grant = gateway.grant(&ticket, "owner", "olaf");
    gateway.check(&with(&put(RAISE), &grant), "approval_required reprice: approval_required /price");
}

#[test]
fn by_a_key_that_nobody_knows() {
    let (mut gateway, ticket, _) = ground();
    let grant = gateway.grant(&ticket, "manager", "eve");
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "by a key that this gateway does not know");
}

#[test]
fn by_another_key_under_a_known_name() {
    let (mut gateway, ticket, _) = ground();
    let grant = gateway.claims(&ticket, "manager").sign("mia", &secret("eve")).unwrap();
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "is not what was signed");
}

#[test]
fn by_a_key_that_is_not_valid() {
    let (mut gateway, ticket, _) = ground();
    let grant = gateway.grant(&ticket, "manager", "late");
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "by a key that is not valid at this time");
}

fn with_header(grant: &str, header: &str) -> String {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
    let (_, rest) = grant.split_once('.').unwrap();
    format!("{header}.{rest}")
}

#[test]
fn by_no_signature_or_by_another_algorithm() {
    let (mut gateway, _, grant) = ground();
    for alg in ["none", "HS256"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"ambit-grant+jwt","kid":"mia"}}"#);
        let forged = with_header(&grant, &header);
        says(&mut gateway, &with(&put(RAISE), &forged), DENIED, "is not signed with EdDSA");
    }
    let (unsigned, _) = grant.rsplit_once('.').unwrap();
    says(&mut gateway, &with(&put(RAISE), &format!("{unsigned}.")), DENIED, "is not a compact signed message");
}

#[test]
fn a_session_token_or_a_command_in_its_place() {
    let (mut gateway, ticket, _) = ground();
    let claims = serde_json::to_vec(&gateway.claims(&ticket, "manager")).unwrap();
    for kind in [Kind::Session, Kind::Command] {
        let other = sign(kind, "mia", &secret("mia"), &claims);
        says(&mut gateway, &with(&put(RAISE), &other), DENIED, "is a message of another kind");
    }
}

#[test]
fn of_claims_that_are_no_grants() {
    let (mut gateway, ticket, _) = ground();
    let claims = serde_json::to_string(&gateway.claims(&ticket, "manager")).unwrap();
    let twice = claims.replacen('{', r#"{"agent":"other","#, 1);
    let more = claims.replacen('{', r#"{"scope":"all","#, 1);
    let unnamed = claims.replace("grant-1", "a b");
    for claims in ["{}", "[]", "x", &twice, &more, &unnamed] {
        let grant = sign(Kind::Grant, "mia", &secret("mia"), claims.as_bytes());
        says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "does not say what a grant says");
    }
}

#[test]
fn in_two_headers() {
    let (mut gateway, _, grant) = ground();
    for second in [grant.as_str(), "x"] {
        let twice = with(&with(&put(RAISE), &grant), second);
        gateway.check(&twice, "deny: header_not_allowed");
    }
    let disguised = with(&put(RAISE), &grant).header("ambit_grant", &grant);
    gateway.check(&disguised, "deny: header_not_allowed");
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

#[test]
fn in_a_header_that_cannot_be_read() {
    let (mut gateway, _, grant) = ground();
    for (header, message) in [
        (b"\xff\xfe".to_vec(), "not one header of visible ASCII"),
        (b"a\x1b[31m".to_vec(), "not one header of visible ASCII"),
        (vec![b'a'; 1 << 20], "longer than 8 grants"),
        (b" , ,".to_vec(), "the header of the grants is empty"),
        (b"".to_vec(), "the header of the grants is empty"),
        (b"a.b.c ".repeat(9), "not a compact signed message"),
    ] {
        says(&mut gateway, &put(RAISE).header("ambit-grant", &header), DENIED, message);
    }
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

#[test]
fn two_for_one_role() {
    let (mut gateway, _, grant) = ground();
    let twice = format!("{grant},{grant}");
    says(&mut gateway, &with(&put(RAISE), &twice), DENIED, "two grants for the role `manager`");
    // A good one does not make up for another that counts for nothing.
    says(&mut gateway, &with(&put(RAISE), &format!("{grant},x")), DENIED, "is not a compact signed message");
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

/// Two roles, one grant: one of them has not approved.
#[test]
fn two_roles_and_one_grant() {
    let permits = STEP.replace(r#""limits""#, r#""approval": "owner", "limits""#);
    let mut gateway = gateway(&permits);
    let ticket = gateway.held(&put(RAISE));
    let grant = gateway.grant(&ticket, "owner", "both");
    let outcome = gateway.send(&with(&put(RAISE), &grant), DONE);
    assert_eq!(outcome.decision.name(), "approval_required");
}

/// What the person was shown is not what the gateway made: the grant is for a ticket that no request has.
#[test]
fn for_a_ticket_with_forged_words() {
    let (mut gateway, mut ticket, grant) = ground();
    ticket.action[2] = "  price: `10.00` → `10.01`".into();
    let forged = gateway.grant(&ticket, "manager", "mia");
    says(&mut gateway, &with(&put(RAISE), &forged), DENIED, "the words of its ticket are not these");
    // Nor in the terms under which it was shown.
    ticket.roles.get_mut("manager").unwrap().expires = 86_400;
    let forged = gateway.grant(&ticket, "manager", "mia");
    says(&mut gateway, &with(&put(RAISE), &forged), DENIED, "holds for longer than the 900 seconds");
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
}

/// A text that a gateway would not write is no ticket: nothing in it can be read over.
#[test]
fn a_ticket_has_one_spelling() {
    use base64::Engine as _;
    let (_, ticket, _) = ground();
    let text = String::from_utf8(ticket.text()).unwrap();
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    assert_eq!(Ticket::decode(&encode(&text)), Ok(ticket));
    for changed in [
        text.replacen('{', "{ ", 1),
        text.replacen('{', r#"{"note":"x","#, 1),
        text.replacen('{', r#"{"gateway":"g2","#, 1),
        format!("{text}\n"),
        text.replace("g1", "\\u00671"),
        String::new(),
    ] {
        assert!(Ticket::decode(&encode(&changed)).is_err(), "{changed}");
    }
}

/// B4: after a restart nobody knows what was used: grants from before it count for nothing.
#[test]
fn from_before_a_restart() {
    let (before, ticket, grant) = ground();
    let mut after = Gateway::born(before.set.clone(), "2026-11-20T12:00:01Z");
    after.world = before.world;
    after.pass(10);
    says(&mut after, &with(&put(RAISE), &grant), DENIED, "from before this gateway's start");
    let fresh = after.grant(&ticket, "manager", "mia");
    after.check(&with(&put(RAISE), &fresh), "allow reprice");
}

/// B4: what was used stays used when policies are loaded again, by which it still holds.
#[test]
fn used_before_the_policies_were_loaded_again() {
    let (mut gateway, _, grant) = ground();
    gateway.check(&with(&put(RAISE), &grant), "allow reprice");
    gateway.load(gateway.set.clone());
    says(&mut gateway, &with(&put(RAISE), &grant), DENIED, "has been used");
}

/// A page whose people cannot be asked at this gateway still says what would be done.
#[test]
fn at_a_gateway_without_keys() {
    let mut plain = Gateway::new(support::present::store(&format!(r#"{{ "permit": [{STEP}] }}"#)));
    plain.world = World::of(&[("/v1/products/42", r#"{"id":42,"price":"10.00"}"#)]);
    let ticket = plain.held(&put(RAISE));
    let grant = plain.grant(&ticket, "manager", "mia");
    says(&mut plain, &with(&put(RAISE), &grant), DENIED, "by a key that this gateway does not know");
    assert_eq!(public_key_text(&public_of(&secret("mia"))).len(), 43);
}

/// Changing any one character of a grant makes it none.
#[test]
fn changed_anywhere() {
    let (mut gateway, _, grant) = ground();
    for at in (0..grant.len()).step_by(7) {
        let mut changed = grant.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let outcome = gateway.send(&put(RAISE).header("ambit-grant", &changed), DONE);
        assert_eq!(text_of(&outcome), DENIED, "{at}");
    }
    let mut open = on(&format!(r#"{{ "permit": [{STEP}] }}"#));
    open.check(&with(&put(RAISE), &grant), "allow reprice");
}
