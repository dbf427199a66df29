//! Who is asking. The name never comes from the request itself, only from what the gateway has verified.
//!
//! All sources are looked at. One that is absent says nothing; one that is present must be valid; and all that are present
//! must name the same agent, in the same session: a request of two agents is nobody's.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::jws::{self, is_id};
use crate::limits::{ID_BYTES, IDENTITY_BYTES};
use crate::policy::{Gateway, IdentitySource, UnknownAgent};
use crate::quote::{quote, quote_bytes};
use crate::reason::Code;
use crate::request::Headers;
use crate::session::{self, Session};
use crate::time::Timestamp;

/// Where Kong names the consumer that it has authenticated.
/// Source: Kong Gateway, "Authentication", headers that its authentication plugins set upstream.
#[cfg(any(feature = "author", test))]
pub(crate) const CONSUMER_NAME: &str = "x-consumer-username";
/// Where Kong puts the id that the consumer has elsewhere.
#[cfg(any(feature = "author", test))]
pub(crate) const CONSUMER_ID: &str = "x-consumer-custom-id";
/// `true`: authentication failed, and Kong put the anonymous consumer in its place.
const ANONYMOUS: &str = "x-anonymous-consumer";

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A named agent (it need not have a page).
    Agent(Agent),
    /// No source names one, and the gateway lets such requests pass.
    NotAnAgent,
    /// Nobody the gateway knows: why.
    Unknown(Code, String),
}

/// An agent, as the sources of a request name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// The session it works in, where a source says so.
    pub session: Option<Session>,
}

/// Reads all sources. `properties` are those of [`PolicySet::identity_properties`](crate::PolicySet::identity_properties).
#[must_use]
pub fn identify(gateway: &Gateway, headers: &Headers, properties: &[Option<Vec<u8>>], now: Timestamp) -> Principal {
    let unknown = |why| (Code::UnknownAgent, why);
    let mut named: Option<Agent> = None;
    for source in &gateway.identity {
        let found = match source {
            IdentitySource::SessionToken(header) => in_session(header, headers, gateway, now),
            source => read(source, headers, properties, gateway).map_err(unknown),
        };
        let both = match (named.take(), found) {
            (known, Ok(None)) => Ok(known),
            (None, found) => found,
            (Some(known), Ok(Some(found))) => known.and(found).map(Some).map_err(unknown),
            (Some(_), Err(why)) => Err(why),
        };
        match both {
            Ok(both) => named = both,
            Err((code, why)) => return Principal::Unknown(code, why),
        }
    }
    match (named, gateway.unknown_agent) {
        (Some(agent), _) => Principal::Agent(agent),
        (None, UnknownAgent::Pass) => Principal::NotAnAgent,
        (None, UnknownAgent::Deny) => Principal::Unknown(
            Code::UnknownAgent,
            match gateway.identity.first().map(IdentitySource::header) {
                Some(Some(name)) => format!("no source names an agent (the first is the header {})", quote(name)),
                Some(None) => {
                    "no source names an agent: the gateway has verified no token and no certificate".to_string()
                }
                None => "the gateway has no identity source".to_string(),
            },
        ),
    }
}

impl Agent {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), session: None }
    }

    /// What two sources say of one request.
    fn and(self, other: Self) -> Result<Self, String> {
        if self.name != other.name {
            return Err(format!("two sources name different agents: {} and {}", quote(&self.name), quote(&other.name)));
        }
        match (&self.session, &other.session) {
            (Some(one), Some(two)) if one.id != two.id => Err("two sources name different sessions".to_string()),
            // Two tokens of one session: which of them narrows it?
            (Some(Session { token: Some(one), .. }), Some(Session { token: Some(two), .. })) if one != two => {
                Err("two sources hold different tokens of one session".to_string())
            }
            (None | Some(Session { token: None, .. }), Some(_)) => Ok(other),
            _ => Ok(self),
        }
    }
}

/// What one source says; `None`: it is absent.
fn read(
    source: &IdentitySource,
    headers: &Headers,
    properties: &[Option<Vec<u8>>],
    gateway: &Gateway,
) -> Result<Option<Agent>, String> {
    let property = |index: u32| properties.get(index as usize).and_then(Option::as_deref);
    Ok(match source {
        IdentitySource::Header(header) => name_in(headers, header)?.map(Agent::new),
        IdentitySource::Token { header, agents } => {
            let Some(token) = single(headers, header)?.and_then(token_of) else { return Ok(None) };
            let of_sessions =
                |source: &IdentitySource| matches!(source, IdentitySource::SessionToken(of) if of == header);
            if is_signed(token) && gateway.identity.iter().any(of_sessions) {
                return Ok(None);
            }
            // Comparing digests reveals nothing of a token through timing.
            let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
            let agent = agents.get(&digest);
            Some(Agent::new(agent.ok_or_else(|| format!("the token in `{header}` belongs to no agent"))?))
        }
        IdentitySource::Claim { agent, session } => {
            let Some(name) = property(*agent) else { return Ok(None) };
            let name = text(name).ok_or_else(|| format!("the claim that names the agent is {}", NO_NAME))?;
            let session = match session.and_then(property) {
                Some(id) => Some(session_of(id)?),
                None => None,
            };
            Some(Agent { name: name.to_string(), session })
        }
        IdentitySource::Certificate { uri_san, agents } => {
            let Some(uri) = property(*uri_san) else { return Ok(None) };
            let agent = text(uri).and_then(|uri| agents.get(uri));
            let unknown = || format!("the client's certificate is for {}, which is no agent here", quote_bytes(uri));
            Some(Agent::new(agent.ok_or_else(unknown)?))
        }
        IdentitySource::KongConsumer(header) => match single(headers, ANONYMOUS)? {
            Some(word) if word.eq_ignore_ascii_case("true") => None,
            Some(_) => return Err(format!("the header `{ANONYMOUS}` is something other than `true`")),
            None => name_in(headers, header)?.map(Agent::new),
        },
        // It is read with the keys, and has reasons of its own.
        IdentitySource::SessionToken(_) => None,
    })
}

/// What a session token says; `None`: there is none.
fn in_session(
    header: &str,
    headers: &Headers,
    gateway: &Gateway,
    now: Timestamp,
) -> Result<Option<Agent>, (Code, String)> {
    let value = single(headers, header).map_err(|why| (Code::UnknownAgent, why))?;
    let Some(token) = value.and_then(token_of).filter(|token| is_signed(token)) else { return Ok(None) };
    let (_, name, session) = session::verify(token, gateway, now).map_err(|unfit| (unfit.code(), unfit.message()))?;
    Ok(Some(Agent { name, session: Some(session) }))
}

/// Whether a token is a signed message, or a piece of one: its header is a JSON object.
pub(crate) fn is_signed(token: &str) -> bool {
    token.starts_with("eyJ") || jws::is_shaped(token)
}

const NO_NAME: &str = "no text of 1 to 2048 bytes";

/// A name that is the value of a header.
fn name_in<'h>(headers: &'h Headers, header: &'h str) -> Result<Option<&'h str>, String> {
    match single(headers, header)? {
        Some("") => Err(format!("the identity header `{header}` is empty")),
        Some(name) if name.len() > IDENTITY_BYTES => Err(format!("the identity header `{header}` is {NO_NAME}")),
        name => Ok(name),
    }
}

fn single<'h>(headers: &'h Headers, header: &'h str) -> Result<Option<&'h str>, String> {
    headers.single(header).map_err(|_| format!("the header `{header}` is not one value of visible ASCII"))
}

/// A value of the gateway as a name: text without control characters, of bounded length. What is no text is no claim of
/// another type read as one.
fn text(value: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(value).ok()?;
    (!text.is_empty() && text.len() <= IDENTITY_BYTES && !text.chars().any(char::is_control)).then_some(text)
}

fn session_of(id: &[u8]) -> Result<Session, String> {
    let id = core::str::from_utf8(id).ok().filter(|id| is_id(id));
    let id = id.ok_or_else(|| format!("the session's id is not 1 to {ID_BYTES} characters of visible ASCII"))?;
    Ok(Session::new(id))
}

/// The token in `Bearer x`, `token x` or a bare value; other schemes carry no token of ours.
pub(crate) fn token_of(value: &str) -> Option<&str> {
    match value.split_once(' ') {
        None => Some(value),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") => {
            Some(token.trim())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
