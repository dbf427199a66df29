//! Tokens that are worth nothing elsewhere. An agent holds one that names it here; what the API asks for is the gateway's.
//!
//! A session token comes off whatever is forwarded for a named agent: it has no use upstream, where whoever reads it could
//! act in its session. With `credentials` in the gateway document a request that is forwarded for a named agent loses the token, and gets the
//! internal route header where its host has a route. By that header the gateway chooses the cluster that adds the real
//! credential. Nobody else has the header: a copy that a client sends is taken off first, whoever is asking, so that the
//! header says one thing alone: the request has been judged.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::decision::Obligation;
use crate::identify::{is_signed, token_of};
use crate::policy::{Credentials, Gateway, IdentitySource};
use crate::request::{Headers, read_host};

/// Where an API takes its own credential.
const AUTHORIZATION: &str = "authorization";

/// What must be done with a request of a named agent, should it be forwarded.
///
/// Of a request whose host cannot be read nobody knows which credential it would get: it gets none.
pub(super) fn granted(gateway: &Gateway, headers: &Headers) -> Vec<Obligation> {
    let mut obligations = withheld(gateway, headers);
    let mut take_off = |name: &str| {
        let off = Obligation::RemoveRequestHeader { name: name.into() };
        if !obligations.contains(&off) {
            obligations.push(off);
        }
    };
    for source in &gateway.identity {
        let (IdentitySource::Token { header, .. } | IdentitySource::SessionToken(header)) = source else { continue };
        if headers.all(header).any(|value| holds_token(gateway, header, value)) {
            take_off(header);
        }
        // Whatever stands where only session tokens do may hold one, in a spelling that names nobody here.
        if matches!(source, IdentitySource::SessionToken(_)) && header != AUTHORIZATION {
            let spelled = headers.has(header).then_some(header.as_str());
            spelled.into_iter().chain(headers.twin(header)).for_each(&mut take_off);
        }
    }
    if let Some(credentials) = &gateway.credentials
        && let Some(route) = route(credentials, headers)
    {
        let name = credentials.route_header.clone();
        obligations.push(Obligation::SetRequestHeader { name, value: route.as_bytes().to_vec() });
    }
    obligations
}

/// What must be done with a request that names nobody, should it be forwarded.
pub(super) fn withheld(gateway: &Gateway, headers: &Headers) -> Vec<Obligation> {
    let forged = gateway.credentials.iter().filter(|credentials| headers.has(&credentials.route_header));
    forged.map(|credentials| Obligation::RemoveRequestHeader { name: credentials.route_header.clone() }).collect()
}

/// Whether a header's value is a token that names an agent here, and therefore must not go upstream. Where the gateway adds
/// no credentials, a plain token may be the API's own key; a session token never is.
pub(super) fn holds_token(gateway: &Gateway, name: &str, value: &[u8]) -> bool {
    let token = core::str::from_utf8(value).ok().and_then(|text| token_of(text.trim()));
    let names = |token: &str, source: &IdentitySource| match source {
        IdentitySource::Token { agents, .. } if gateway.credentials.is_some() => {
            agents.contains_key(&<[u8; 32]>::from(Sha256::digest(token.as_bytes())))
        }
        IdentitySource::SessionToken(_) => is_signed(token),
        _ => false,
    };
    let mut here = gateway.identity.iter().filter(|source| source.header() == Some(name));
    token.is_some_and(|token| here.any(|source| names(token, source)))
}

fn route<'c>(credentials: &'c Credentials, headers: &Headers) -> Option<&'c String> {
    credentials.routes.get(&read_host(headers).ok()?)
}
