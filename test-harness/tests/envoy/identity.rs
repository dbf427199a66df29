//! B1, B2: who is asking, as other parts of the gateway have verified it: a filter that verifies JWTs, and the TLS handshake; or as
//! a session token says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy_core::jws::{Kind, public_key_text, public_of, sign};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::decision_record::decision;
use crate::mutual_tls::MutualTls;
use crate::shop::{AGENT, HOST, PATH, Shop};

/// Policies of the shop for which the first source is this one, the second the header `x-agent-name`.
fn named_by(source: Value) -> Policies {
    Policies::shop().identity(json!([source, { "header": "x-agent-name" }]))
}

async fn get(shop: &Shop, headers: &[(&str, &str)]) -> Answer {
    let head = RequestHead::new("GET", PATH, HOST);
    let head = headers.iter().fold(head, |head, (name, value)| head.header(name, value));
    client_h1::exchange(shop.envoy.address, &head.bytes()).await
}

async fn assert_refused(shop: &Shop, headers: &[(&str, &str)], why: &str) {
    let answer = get(shop, headers).await;
    let text = answer.text();
    answer.assert_refused(401, &shop.digest);
    assert!(text.contains("urn:ambit:unknown_agent") && text.contains(why), "{text}");
}

/// Envoy's `jwt_authn` verifies the token and leaves its claims in the metadata, where the source finds them.
#[tokio::test]
async fn b1_a_claim_of_a_verified_jwt_names_the_agent() {
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let token = |claims: Value| {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({ "alg": "EdDSA", "kid": "idp", "typ": "JWT" });
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = key.sign(signed.as_bytes()).expect("signed");
        format!("Bearer {signed}.{}", encode(&signature))
    };
    let public = URL_SAFE_NO_PAD.encode(key.der_bytes());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "idp", "x": public }] });
    let verifies = json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "idp": {
                "issuer": "https://idp.example.com",
                "local_jwks": { "inline_string": jwks.to_string() },
                "payload_in_metadata": "jwt_payload",
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": [
                { "provider_name": "idp" }, { "allow_missing": {} },
            ] } } }],
        },
    });
    let source = json!({ "jwt": {
        "metadata": ["envoy.filters.http.jwt_authn", "jwt_payload", "https://example.com/agent"],
        "session": ["envoy.filters.http.jwt_authn", "jwt_payload", "sid"],
    } });
    let shop = Shop::with(named_by(source), |gateway| gateway.after(verifies)).await;
    let claims = |agent: Value| json!({ "iss": "https://idp.example.com", "https://example.com/agent": agent });
    let ours = token(claims(json!(AGENT)));

    get(&shop, &[("authorization", &ours)]).await.assert_forwarded(&shop.digest);
    get(&shop, &[("authorization", &ours), ("x-agent-name", AGENT)]).await.assert_forwarded(&shop.digest);
    get(&shop, &[("x-agent-name", AGENT)]).await.assert_forwarded(&shop.digest);
    let no_claim = token(json!({ "iss": "https://idp.example.com" }));
    get(&shop, &[("authorization", &no_claim), ("x-agent-name", AGENT)]).await.assert_forwarded(&shop.digest);

    assert_refused(&shop, &[("authorization", &no_claim)], "no source names an agent").await;
    let differ = "two sources name different agents: `pricing-agent` and `other-agent`";
    assert_refused(&shop, &[("authorization", &ours), ("x-agent-name", "other-agent")], differ).await;
    let stranger = token(claims(json!("other-agent")));
    assert_refused(&shop, &[("authorization", &stranger)], "has no scope template").await;
    // A claim of another type is no name, however the gateway hands it over.
    for agent in [json!(7), json!(true), json!([AGENT]), json!({ "name": AGENT }), json!("")] {
        let answer = get(&shop, &[("authorization", &token(claims(agent.clone())))]).await;
        assert_eq!(answer.status, 401, "{agent}: {}", answer.text());
    }
    // An id of a session that no record could hold is none, although the agent is known.
    let mut in_session = claims(json!(AGENT));
    in_session["sid"] = json!("two\nlines");
    assert_refused(&shop, &[("authorization", &token(in_session))], "the session's id").await;
    // What nobody verified is refused before the filter.
    let (claimed, _) = stranger.rsplit_once('.').expect("a token");
    let (_, signature) = ours.rsplit_once('.').expect("a token");
    let forged = format!("{claimed}.{signature}");
    assert_eq!(get(&shop, &[("authorization", &forged)]).await.status, 401);
    assert_eq!(shop.upstream.received().len(), 4);
}

/// The URI SAN of the certificate with which the client has made its connection.
#[tokio::test]
async fn b1_the_certificate_of_the_client_names_the_agent() {
    let tls = MutualTls::new()
        .with_uri("ours", "spiffe://example.com/pricing-agent")
        .with_uri("stranger", "spiffe://example.com/other-agent")
        .with_host("machine", "host-7.example.com");
    let source = json!({ "mtls": { "uri_sans": { "spiffe://example.com/pricing-agent": AGENT } } });
    let shop = Shop::with(named_by(source), |gateway| gateway.with_mutual_tls(tls)).await;

    get(&shop, &[("x-client", "ours")]).await.assert_forwarded(&shop.digest);
    get(&shop, &[("x-client", "ours"), ("x-agent-name", AGENT)]).await.assert_forwarded(&shop.digest);
    // A certificate without a URI SAN says nothing of agents.
    get(&shop, &[("x-client", "machine"), ("x-agent-name", AGENT)]).await.assert_forwarded(&shop.digest);

    assert_refused(&shop, &[("x-client", "machine")], "no source names an agent").await;
    let stranger = "the client's certificate is for `spiffe://example.com/other-agent`";
    assert_refused(&shop, &[("x-client", "stranger")], stranger).await;
    assert_refused(&shop, &[("x-client", "stranger"), ("x-agent-name", AGENT)], stranger).await;
    let differ = "two sources name different agents: `pricing-agent` and `other-agent`";
    assert_refused(&shop, &[("x-client", "ours"), ("x-agent-name", "other-agent")], differ).await;
    assert_eq!(shop.upstream.received().len(), 3);
}

/// B2: a token is verified in the filter itself, and narrows the page.
#[tokio::test]
async fn b2_a_session_token_names_the_agent_and_narrows_its_page() {
    let secret = [7; 32];
    let public = public_key_text(&public_of(&secret));
    let sources = json!([{ "session_token": { "header": "authorization" } }, { "header": "x-agent-name" }]);
    // The tokens may be of the second in which the gateway starts.
    let policies = Policies::shop().sessions("g1", "ci", &public).identity(sources);
    let shop = Shop::open(policies.set_gateway("sessions", json!({ "after_restart": "allow" }))).await;
    let now = jiff::Timestamp::now().as_second();
    let token = |id: &str, rules: Value| {
        let claims = json!({
            "iss": "ci", "aud": "g1", "sub": AGENT, "sid": id, "iat": now, "exp": now + 3_600, "rules": rules,
        });
        format!("Bearer {}", sign(Kind::Session, "ci", &secret, claims.to_string().as_bytes()))
    };
    let whole = token("run-1", json!(["read", "set-price"]));
    get(&shop, &[("authorization", &whole)]).await.assert_forwarded(&shop.digest);
    let narrow = token("run-2", json!([]));
    let refused = get(&shop, &[("authorization", &narrow)]).await;
    assert!(refused.text().contains("urn:ambit:endpoint_not_allowed"), "{}", refused.text());
    let (claimed, _) = whole.rsplit_once('.').expect("a token");
    let (_, signature) = narrow.rsplit_once('.').expect("a token");
    let forged = format!("{claimed}.{signature}");
    let refused = get(&shop, &[("authorization", &forged), ("x-agent-name", AGENT)]).await;
    refused.assert_refused(401, &shop.digest);
    assert!(refused.text().contains("urn:ambit:session_invalid"), "{}", refused.text());
    assert_eq!(shop.upstream.received().len(), 1);
    let log = shop.envoy.access_log(3).await;
    let sessions: Vec<Value> = log.iter().map(|line| decision(line)["session"].take()).collect();
    assert_eq!(sessions, [json!("run-1"), json!("run-2"), Value::Null]);
}
