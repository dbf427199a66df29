//! A grant: a person has approved a ticket, for a role.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::ticket::{ID, Ticket, digest};
use crate::document::{Kind as ValueKind, Value, read_json};
use crate::jws::{Kind, is_id, verify};
use crate::limits::{GRANTS, SIGNED_BYTES};
use crate::policy::{Gateway, Key, Page, Reuse, Role};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::request::Ambiguous;
use crate::store::region;
use crate::time::Timestamp;

/// What a grant says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The gateway it is for.
    pub aud: String,
    /// Its name.
    pub jti: String,
    /// When it was signed, in seconds since the Unix epoch.
    pub iat: u64,
    /// From when on it holds.
    pub nbf: u64,
    /// First second at which it does not any more.
    pub exp: u64,
    /// For which role.
    pub role: String,
    /// How often it may be used.
    pub reuse: Reuse,
    /// Digest of the ticket.
    pub ticket: String,
    /// Whose request was approved.
    pub agent: String,
    /// Its session, where it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The policies by which it was held.
    pub policy: String,
    /// Rules whose requests it covers, where it may be used for others than the one that was approved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What the request was made of, so that a refusal can say what is different: the beginnings of digests, which decide
    /// nothing.
    pub parts: String,
}

/// Parts of a ticket, in their order, and what is said where one is another.
const PARTS: [&str; 6] = [
    "another method or host",
    "another path",
    "another query",
    "another body",
    "another value of a header that is looked at",
    "another current value: what it changes has changed since",
];

/// The beginnings of digests of a ticket's parts.
fn parts(ticket: &Ticket) -> String {
    let to = digest(format!("{} {}", ticket.method, ticket.host).as_bytes());
    let headers = digest(&serde_json::to_vec(&ticket.headers).unwrap_or_default());
    [&to, &ticket.path, &ticket.query, &ticket.body, &headers, &ticket.present]
        .map(|digest| Ticket::id(digest))
        .concat()
}

/// The first part that is another one.
fn differs(a: &str, b: &str) -> Option<&'static str> {
    let parts = a.as_bytes().chunks(ID).zip(b.as_bytes().chunks(ID)).zip(PARTS);
    parts.into_iter().find_map(|((a, b), what)| (a != b).then_some(what))
}

impl Claims {
    /// Reads claims as strictly as a request: each member once, and no other.
    fn read(payload: Vec<u8>) -> Option<Self> {
        let document = read_json(payload).ok()?;
        let root = document.root();
        let text = |name: &str| root.member(name)?.string().map(ToString::to_string);
        let number = |name: &str| root.member(name)?.number()?.parse().ok();
        let rules = root.member("rules");
        let session = root.member("session");
        let members =
            11usize.saturating_add(usize::from(rules.is_some())).saturating_add(usize::from(session.is_some()));
        if root.children().count() != members || rules.is_some_and(|rules| rules.kind() != ValueKind::Array) {
            return None;
        }
        let rules = rules.into_iter().flat_map(Value::children).map(|rule| rule.string().map(ToString::to_string));
        Some(Self {
            aud: text("aud")?,
            jti: text("jti")?,
            iat: number("iat")?,
            nbf: number("nbf")?,
            exp: number("exp")?,
            role: text("role")?,
            reuse: Reuse::parse(root.member("reuse")?.string()?)?,
            ticket: text("ticket")?,
            agent: text("agent")?,
            session: match session {
                Some(session) => Some(session.string()?.to_string()),
                None => None,
            },
            policy: text("policy")?,
            rules: rules.collect::<Option<_>>()?,
            parts: text("parts")?,
        })
    }
}

/// Why a grant cannot be made for a ticket.
#[cfg(feature = "author")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// The page of the ticket has no such role.
    Role,
    /// It would hold for longer than the role lets it, or end before it begins.
    Life,
    /// It would be longer than a gateway reads.
    Size,
}

#[cfg(feature = "author")]
impl Claims {
    /// What a grant for a ticket says: signed at `iat` for `life` seconds, its name `jti`.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn of(ticket: &Ticket, role: &str, jti: String, iat: u64, life: Option<u64>) -> Result<Self, Unsigned> {
        let terms = ticket.roles.get(role).ok_or(Unsigned::Role)?;
        let life = life.unwrap_or(terms.expires);
        if life > terms.expires || life <= terms.hold {
            return Err(Unsigned::Life);
        }
        Ok(Self {
            aud: ticket.gateway.clone(),
            jti,
            iat,
            nbf: iat.saturating_add(terms.hold),
            exp: iat.saturating_add(life),
            role: role.into(),
            reuse: terms.reuse,
            ticket: ticket.digest(),
            agent: ticket.agent.clone(),
            session: ticket.session.clone(),
            policy: ticket.policy.clone(),
            rules: if terms.reuse == Reuse::Rule { ticket.rules.clone() } else { Vec::new() },
            parts: parts(ticket),
        })
    }

    /// The grant, signed.
    ///
    /// # Errors
    /// [`Unsigned::Size`].
    pub fn sign(&self, key: &str, secret: &[u8; 32]) -> Result<String, Unsigned> {
        self.sign_with(|payload| crate::jws::sign(Kind::Grant, key, secret, payload))
    }

    /// The grant, by what signs a payload.
    ///
    /// # Errors
    /// [`Unsigned::Size`].
    pub fn sign_with(&self, sign: impl FnOnce(&[u8]) -> String) -> Result<String, Unsigned> {
        let grant = sign(&serde_json::to_vec(self).unwrap_or_default());
        if grant.len() > SIGNED_BYTES { Err(Unsigned::Size) } else { Ok(grant) }
    }
}

/// A grant that covers a request, if it has not been used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// For which role.
    pub(crate) role: String,
    /// Its name, and who signed it.
    pub(crate) jti: String,
    pub(crate) key: String,
    /// The digest of the ticket it was signed for.
    pub(crate) ticket: String,
    /// What is approved: its ticket, by its role. All grants that are signed for that have it.
    pub(crate) approval: [u8; 16],
    pub(crate) signed: Timestamp,
    /// The first moment at which it holds no more.
    pub(crate) expires: Timestamp,
    /// Until when a grant for that can hold that is signed when this one was.
    pub(crate) longest: Timestamp,
    /// It is used up by this request.
    pub(crate) once: bool,
}

/// Who asks, as far as separation of duties looks at it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requester<'a> {
    pub(crate) agent: &'a str,
    /// Its session.
    pub(crate) session: Option<&'a str>,
    /// The key that issued the session.
    pub(crate) issuer: Option<&'a str>,
    /// The person for whom the session runs.
    pub(crate) person: Option<&'a str>,
}

/// The request that grants are to cover.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) page: &'a Page,
    pub(crate) requester: Requester<'a>,
    pub(crate) ticket: &'a Ticket,
    pub(crate) digest: &'a str,
    pub(crate) now: Timestamp,
}

/// Reads the grants of a request: each must cover it.
///
/// # Errors
/// Why the first that does not counts for nothing.
pub(crate) fn read(header: Result<Option<&str>, Ambiguous>, asked: Asked<'_>) -> Result<Vec<Granted>, Reason> {
    let header = header.map_err(|_| invalid("the grants are not one header of visible ASCII".into()))?;
    let header = header.unwrap_or_default();
    if header.len() > GRANTS * (SIGNED_BYTES + 1) {
        return Err(invalid(format!("the header of the grants is longer than {GRANTS} grants are")));
    }
    let mut granted: Vec<Granted> = Vec::new();
    let texts = header.split([',', ' ', '\t']).filter(|text| !text.is_empty());
    for (nth, text) in texts.enumerate() {
        if nth >= GRANTS {
            return Err(invalid(format!("there are more than {GRANTS} grants")));
        }
        let one = one(text, asked)?;
        if granted.iter().any(|known| known.role == one.role) {
            return Err(invalid(format!(
                "there are two grants for the role {}; send one for each role",
                quote(&one.role)
            )));
        }
        granted.push(one);
    }
    if granted.is_empty() {
        return Err(invalid("the header of the grants is empty".into()));
    }
    Ok(granted)
}

fn invalid(message: String) -> Reason {
    Reason { code: Code::ApprovalInvalid, message, pointer: None }
}

fn one(text: &str, asked: Asked<'_>) -> Result<Granted, Reason> {
    let keys = &asked.gateway.keys;
    let verified = verify(text, Kind::Grant, keys, asked.now);
    let verified = verified.map_err(|fault| invalid(format!("the grant {}", fault.text())))?;
    let claims = Claims::read(verified.payload);
    let ids = |claims: &Claims| is_id(&claims.jti) && claims.role.len() <= SIGNED_BYTES;
    let claims = claims.filter(ids).ok_or_else(|| invalid("the grant does not say what a grant says".into()))?;
    let fault = |what: String| invalid(format!("the grant {} {what}", quote(&claims.jti)));
    let role = fits(&claims, verified.key, asked).map_err(fault)?;
    covers(&claims, asked).map_err(fault)?;
    let reused = match claims.reuse {
        Reuse::Once => false,
        // Without a session there is none that it could hold for.
        Reuse::Session => asked.requester.session.is_some(),
        Reuse::Rule => true,
    };
    Ok(Granted {
        role: role.name.clone(),
        // In the bytes by which a store has its names. No digest holds a blank.
        approval: region(&format!("{} {}", claims.ticket, claims.role)),
        signed: Timestamp::from_seconds(claims.iat),
        expires: Timestamp::from_seconds(claims.exp),
        longest: Timestamp::from_seconds(claims.iat.saturating_add(role.expires)),
        once: !reused,
        key: verified.key.id.clone(),
        ticket: claims.ticket,
        jti: claims.jti,
    })
}

/// Whether it is a grant of this gateway's, by somebody who may sign it, at a time at which it holds.
fn fits<'a>(claims: &Claims, key: &Key, asked: Asked<'a>) -> Result<&'a Role, String> {
    if claims.aud != asked.gateway.name {
        return Err("is for another gateway".into());
    }
    if !key.roles.contains(&claims.role) {
        return Err(format!(
            "is for the role {}, for which its key {} does not sign",
            quote(&claims.role),
            quote(&key.id)
        ));
    }
    let role = asked.page.roles.iter().find(|role| role.name == claims.role);
    let role = role.ok_or_else(|| format!("is for the role {}, which this page does not have", quote(&claims.role)))?;
    let Requester { issuer, person, .. } = asked.requester;
    let same = |(owner, person): (&str, &str)| owner.trim().eq_ignore_ascii_case(person.trim());
    if issuer == Some(key.id.as_str()) || key.owner.as_deref().zip(person).is_some_and(same) {
        return Err("is signed by whom the request is made for: somebody else must approve it".into());
    }
    let at = Timestamp::from_seconds;
    let hold = claims.iat.saturating_add(role.hold).max(claims.nbf);
    if claims.exp.saturating_sub(claims.iat) > role.expires || claims.exp <= claims.iat {
        return Err(format!("holds for longer than the {} seconds that its role has", role.expires));
    }
    if asked.now < at(claims.iat) {
        return Err("is from the future: the clock of who signed it is ahead of the gateway's".into());
    }
    if asked.now >= at(claims.exp) {
        return Err(format!("has expired at {}", at(claims.exp)));
    }
    if asked.now < at(hold) {
        return Err(format!("is held until {}", at(hold)));
    }
    if claims.reuse > role.reuse {
        return Err("may be used more often than its role lets it".into());
    }
    Ok(role)
}

/// Whether it is for this request.
fn covers(claims: &Claims, Asked { requester, ticket, digest, .. }: Asked<'_>) -> Result<(), String> {
    if claims.agent != requester.agent {
        return Err("is for another agent".into());
    }
    if claims.session.as_deref() != requester.session {
        return Err("is for another session".into());
    }
    if claims.policy != ticket.policy {
        return Err("is for another version of the policies: ask again".into());
    }
    if claims.ticket == digest {
        return Ok(());
    }
    if claims.reuse == Reuse::Rule {
        let other = ticket.rules.iter().find(|rule| !claims.rules.contains(rule));
        return other.map_or(Ok(()), |rule| Err(format!("is not for requests under the rule {}", quote(rule))));
    }
    let other = differs(&claims.parts, &parts(ticket));
    Err(format!("is for {}", other.unwrap_or("another action: the words of its ticket are not these")))
}

#[cfg(all(test, feature = "author"))]
mod tests {
    use super::*;
    use crate::jws::public_of;
    use crate::ordered::Map;
    use crate::policy::{Band, Zone};
    use alloc::vec;

    const SECRET: [u8; 32] = [1; 32];
    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn ticket(session: Option<&str>) -> Ticket {
        let text = String::new;
        let terms = super::super::Terms { expires: 900, hold: 0, reuse: Reuse::Session };
        Ticket {
            gateway: "g1".into(),
            agent: "agent".into(),
            session: session.map(Into::into),
            policy: text(),
            rules: Vec::new(),
            method: text(),
            host: text(),
            path: text(),
            query: text(),
            body: text(),
            headers: Map::new(),
            present: text(),
            roles: Map::from([("manager".into(), terms)]),
            action: Vec::new(),
            unseen: false,
        }
    }

    /// What a gateway says of a grant for `signed` that comes with a request by `requester`.
    fn granted(signed: &Ticket, asked: &Ticket, requester: Requester<'_>) -> Result<Vec<Granted>, String> {
        let key = Key {
            id: "mia".into(),
            public: public_of(&SECRET),
            owner: Some("mia@example.com".into()),
            roles: vec!["manager".into()],
            sessions: false,
            control: false,
            from: Timestamp(0),
            until: Timestamp(u64::MAX),
        };
        let gateway = Gateway { name: "g1".into(), keys: vec![key], ..Gateway::default() };
        let role = Role { name: "manager".into(), expires: 900, hold: 0, reuse: Reuse::Session };
        let page = Page {
            agent: "agent".into(),
            version: String::new(),
            from: Timestamp(0),
            until: Timestamp(0),
            shadow: false,
            session_required: false,
            hosts: Vec::new(),
            tries: Vec::new(),
            apis: Vec::new(),
            permits: Vec::new(),
            forbids: Vec::new(),
            currency: None,
            rates: Vec::new(),
            roles: vec![role],
            on_unavailable: Band::Deny,
            zone: Zone::default(),
            counters: Vec::new(),
            tripwires: crate::policy::Tripwires::default(),
        };
        let claims = Claims::of(signed, "manager", "1".into(), NOW.seconds(), None);
        let grant = claims.and_then(|claims| claims.sign("mia", &SECRET)).map_err(|why| format!("{why:?}"))?;
        let digest = asked.digest();
        let asked = Asked { gateway: &gateway, page: &page, requester, ticket: asked, digest: &digest, now: NOW };
        read(Ok(Some(&grant)), asked).map_err(|reason| reason.message)
    }

    /// B4: who asks does not approve: neither the person for whom a session runs, nor the key that began it.
    #[test]
    fn nobody_approves_their_own_request() {
        let ticket = ticket(Some("s1"));
        let session = Requester { agent: "agent", session: Some("s1"), issuer: Some("login"), person: Some("ann") };
        assert!(granted(&ticket, &ticket, session).is_ok());
        let own = ["mia@example.com", " Mia@Example.COM "].map(|name| Requester { person: Some(name), ..session });
        let own = own.into_iter().chain([Requester { issuer: Some("mia"), ..session }]);
        for requester in own {
            let why = granted(&ticket, &ticket, requester).unwrap_err();
            assert!(why.contains("somebody else must approve it"), "{why}");
        }
    }

    /// B4: for this session means for no other, and as often as it likes.
    #[test]
    fn a_grant_is_of_one_session() {
        let (one, other) = (ticket(Some("s1")), ticket(Some("s2")));
        let asks = |session| Requester { agent: "agent", session, ..Requester::default() };
        assert!(granted(&one, &one, asks(Some("s1"))).is_ok_and(|granted| !granted[0].once));
        assert_eq!(granted(&one, &other, asks(Some("s2"))).unwrap_err(), "the grant `1` is for another session");
        let none = ticket(None);
        assert!(granted(&none, &none, asks(None)).is_ok_and(|granted| granted[0].once));
        assert_eq!(granted(&none, &one, asks(Some("s1"))).unwrap_err(), "the grant `1` is for another session");
    }
}
