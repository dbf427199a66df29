//! Sessions of agents: one run from its beginning to its end, and what its token says. A token of the gateway's own names the
//! agent, ends by itself, and may permit less than the agent's page, never more.
//!
//! Claims are read as strictly as requests: each once, no others, numbers in one spelling.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::document::{Kind, Value, read_json};
use crate::jws::{self, Fault, is_id};
use crate::limits::{CLOCK_SKEW_SECONDS, ID_BYTES, IDENTITY_BYTES, SESSION_SECONDS};
use crate::number::Decimal;
use crate::policy::{Counted, Gateway, Key, Page, PolicySet};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::time::Timestamp;

/// One run of an agent, from its first request to the end of its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id: visible ASCII, of bounded length.
    pub id: String,
    /// What its token says; `None`: somebody else than this gateway's keys tells of the session.
    pub token: Option<Token>,
}

/// What a session token says, beside agent and session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The key that signed it.
    pub key: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// The first moment at which it holds no more.
    pub expires: Timestamp,
    /// The person on whose behalf the session runs.
    pub on_behalf_of: Option<String>,
    /// The permits that may be used, by their ids; `None`: all of the page.
    pub rules: Option<Vec<String>>,
    /// Counters, by their ids, and how much of them may be used at most.
    pub caps: Vec<(String, Decimal)>,
}

impl Session {
    /// A session that is known by its id alone.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), token: None }
    }

    /// Whether a permit may be used in it.
    #[must_use]
    pub fn may_use(&self, permit: &str) -> bool {
        let rules = self.token.as_ref().and_then(|token| token.rules.as_ref());
        rules.is_none_or(|rules| rules.iter().any(|rule| rule == permit))
    }

    /// How much of a counter may be used at most, where the session says so.
    pub(crate) fn cap(&self, counter: &str) -> Option<Decimal> {
        let caps = self.token.iter().flat_map(|token| &token.caps);
        caps.filter(|(id, _)| id == counter).map(|(_, most)| *most).min()
    }

    /// Why it does not fit the agent's page: a bound that nobody would hold is not taken for none.
    pub(crate) fn misfit(&self, page: &Page) -> Option<Reason> {
        let numbers = |id: &str| {
            let mut counters = page.counters.iter().filter(|counter| counter.id == id).peekable();
            counters.peek().is_some() && counters.all(|counter| !matches!(counter.counted, Counted::Drift(_)))
        };
        let (id, _) = self.token.iter().flat_map(|token| &token.caps).find(|(id, _)| !numbers(id))?;
        let message = format!("the session caps {}, which is no counter of requests, rows or a sum here", quote(id));
        Some(Reason { code: Code::SessionInvalid, message, pointer: None })
    }
}

impl Token {
    /// How long it holds in all, in seconds.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.expires.seconds().saturating_sub(self.issued.seconds())
    }
}

/// Why a session token does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is not signed as a session token.
    Message(Fault),
    /// What it says is no session: why.
    Claims(String),
    /// It is for another gateway.
    OtherGateway,
    /// It names another issuer than the key that signed it has.
    OtherIssuer,
    /// It is over, since then.
    Expired(Timestamp),
    /// It is from the future.
    Early,
}

impl Unfit {
    /// In words.
    pub(crate) fn message(&self) -> String {
        let why = match self {
            Self::Message(fault) => fault.text(),
            Self::Claims(why) => why,
            Self::OtherGateway => "is for another gateway",
            Self::OtherIssuer => "names another issuer than the key that signed it has",
            Self::Expired(since) => return format!("the session's token holds no more since {since}"),
            Self::Early => "is issued in the future",
        };
        format!("the session token {why}")
    }

    /// The reason for which a request with such a token is refused.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Expired(_) => Code::SessionExpired,
            _ => Code::SessionInvalid,
        }
    }
}

/// Reads the token of a session: who signed it, whose it is, and the session.
///
/// # Errors
/// Why it is none that holds now.
pub(crate) fn verify<'g>(
    token: &str,
    gateway: &'g Gateway,
    now: Timestamp,
) -> Result<(&'g Key, String, Session), Unfit> {
    let verified = jws::verify(token, jws::Kind::Session, &gateway.keys, now).map_err(Unfit::Message)?;
    let claims = Claims::read(&verified.payload, &verified.key.id).map_err(Unfit::Claims)?;
    if claims.audience != gateway.name {
        return Err(Unfit::OtherGateway);
    }
    if claims.issuer != issuer_of(verified.key) {
        return Err(Unfit::OtherIssuer);
    }
    let Claims { agent, session, .. } = claims;
    if let Some(token) = &session.token {
        if now >= token.expires {
            return Err(Unfit::Expired(token.expires));
        }
        if token.issued.seconds() > now.seconds().saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(Unfit::Early);
        }
    }
    Ok((verified.key, agent, session))
}

/// The issuer that tokens of a key name: who holds it, or the key itself.
fn issuer_of(key: &Key) -> &str {
    key.owner.as_deref().unwrap_or(&key.id)
}

impl PolicySet {
    /// The gateway that session tokens must be for; empty: it has no keys.
    #[must_use]
    pub fn gateway_name(&self) -> &str {
        &self.set.gateway.name
    }

    /// The issuer that a session token of this key must name. `None`: there is no such key, or it signs no sessions.
    #[must_use]
    pub fn issuer_of_sessions(&self, key: &str) -> Option<&str> {
        self.set.gateway.keys.iter().find(|known| known.id == key && known.sessions).map(issuer_of)
    }

    /// Whose session a token is of, and which one, if it holds at this time and fits the agent's page.
    ///
    /// # Errors
    /// The reason for which a request with it is refused.
    pub fn session_of(&self, token: &str, now: Timestamp) -> Result<(String, Session), Reason> {
        let reason = |(code, message)| Reason { code, message, pointer: None };
        let (_, agent, session) =
            verify(token, &self.set.gateway, now).map_err(|unfit| reason((unfit.code(), unfit.message())))?;
        let Some(page) = self.page(&agent) else {
            return Err(reason((Code::UnknownAgent, format!("the agent {} has no scope template", quote(&agent)))));
        };
        session.misfit(page).map_or(Ok((agent, session)), Err)
    }
}

/// The claims of a session token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it (`iss`).
    pub issuer: String,
    /// The gateway it is for (`aud`).
    pub audience: String,
    /// The agent (`sub`).
    pub agent: String,
    /// The session (`sid`), and all else.
    pub session: Session,
}

impl Claims {
    /// Reads the payload of a token that `key` signed.
    ///
    /// # Errors
    /// What is wrong with it: `has no …`.
    pub fn read(payload: &[u8], key: &str) -> Result<Self, String> {
        let document =
            read_json(payload.to_vec()).map_err(|_| "has claims that are no JSON object with one meaning")?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err("has claims that are no JSON object with one meaning".to_string());
        }
        const KNOWN: [&str; 9] = ["iss", "aud", "sub", "sid", "iat", "exp", "for", "rules", "caps"];
        if let Some(other) = root.children().find(|claim| !KNOWN.contains(&claim.name())) {
            return Err(format!("has the claim {}, which is unknown", quote(other.name())));
        }
        let text = |name: &str, longest: usize| match root.member(name).map(|claim| claim.string()) {
            None => Ok(None),
            Some(Some(text)) if is_name(text, longest) => Ok(Some(text.to_string())),
            Some(_) => Err(format!("has a claim `{name}` that is no text of 1 to {longest} bytes")),
        };
        let needed = |claim: Option<String>, name: &str| claim.ok_or_else(|| format!("has no claim `{name}`"));
        let id = |name: &str| needed(text(name, ID_BYTES)?, name);
        let time = |name: &str| {
            let digits =
                root.member(name).and_then(|claim| claim.number()).filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
            let seconds =
                digits.and_then(|digits| digits.parse::<u64>().ok()).filter(|seconds| *seconds <= LAST_SECOND);
            seconds.ok_or_else(|| format!("has no claim `{name}` that is a time in whole seconds"))
        };
        let session = id("sid")?;
        if !is_id(&session) {
            return Err("has a claim `sid` that is not visible ASCII".to_string());
        }
        let (issued, expires) = (time("iat")?, time("exp")?);
        match expires.checked_sub(issued) {
            Some(1..=SESSION_SECONDS) => {}
            _ => return Err(format!("does not hold for 1 second to {} days", SESSION_SECONDS / 86_400)),
        }
        let token = Token {
            key: key.to_string(),
            issued: Timestamp::from_seconds(issued),
            expires: Timestamp::from_seconds(expires),
            on_behalf_of: text("for", ID_BYTES)?,
            rules: root.member("rules").map(rules).transpose()?,
            caps: root.member("caps").map_or(Ok(Vec::new()), caps)?,
        };
        Ok(Self {
            issuer: id("iss")?,
            audience: id("aud")?,
            agent: needed(text("sub", IDENTITY_BYTES)?, "sub")?,
            session: Session { id: session, token: Some(token) },
        })
    }
}

/// The last second that a timestamp holds.
const LAST_SECOND: u64 = u64::MAX / 1_000_000_000;

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn rules(claim: Value<'_>) -> Result<Vec<String>, String> {
    let wrong = || "has a claim `rules` that is no list of permits' ids".to_string();
    if claim.kind() != Kind::Array {
        return Err(wrong());
    }
    claim.children().map(|rule| rule.string().map(ToString::to_string).ok_or_else(wrong)).collect()
}

fn caps(claim: Value<'_>) -> Result<Vec<(String, Decimal)>, String> {
    let wrong = || "has a claim `caps` that is no object of counters' ids and numbers".to_string();
    if claim.kind() != Kind::Object {
        return Err(wrong());
    }
    let cap = |cap: Value<'_>| {
        let most = cap.string().or_else(|| cap.number()).and_then(|text| Decimal::parse_json(text).ok());
        let most = most.filter(|most| !most.is_negative()).ok_or_else(wrong)?;
        Ok((cap.name().to_string(), most))
    };
    claim.children().map(cap).collect()
}
