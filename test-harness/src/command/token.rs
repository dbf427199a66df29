//! `ambit token`: tokens of sessions, issued, shown, and ended.

use std::fmt::Write as _;
use std::io::{Read, Write, stdin, stdout};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use policy_core::jws::{Kind, is_id};
use policy_core::limits::{SESSION_SECONDS, SIGNED_BYTES};
use policy_core::time::parse_duration;
use serde_json::{Map, Value, json};

use super::arguments::{NewToken, RevokeToken, ShowToken, Token};
use super::control;
use super::exit::{Exit, Failure};
use crate::keys::{KeyFile, id_of, random_id};
use crate::policies::Policies;
use crate::render::printable;

/// Longest name that is shown, in characters.
const NAME_CHARS: usize = 128;
const NO_TOKEN: &str = "this is no session token; `ambit token new` issues one";

pub(super) fn run(arguments: &Token) -> Result<Exit, Failure> {
    match arguments {
        Token::New(arguments) => new(arguments),
        Token::Show(arguments) => show(arguments),
        Token::End(arguments) => control::end(&arguments.gateway, &held(&arguments.token)?, arguments.format),
        Token::Revoke(arguments) => revoke(arguments),
    }
}

fn new(arguments: &NewToken) -> Result<Exit, Failure> {
    let other = |message: String| Failure::Other(message);
    let policies = arguments.policies.as_deref().map(Policies::open).transpose()?;
    let key = KeyFile::read(&arguments.key)?;
    let id = arguments.key_id.clone().or_else(|| id_of(&arguments.key));
    let id = id.ok_or_else(|| other("the file's name is no key's id; name it with --key-id".to_owned()))?;
    let audience = match &policies {
        Some(policies) => policies.set.gateway_name().to_owned(),
        None => arguments.gateway.clone().unwrap_or_default(),
    };
    let issuer = match &policies {
        Some(policies) => policies.set.issuer_of_sessions(&id).map(str::to_owned).ok_or_else(|| {
            other(format!("no key `{id}` of the gateway document signs sessions; name the right one with --key-id"))
        })?,
        // A wrong guess would be refused only where the token is used.
        None => arguments.issuer.clone().ok_or_else(|| {
            let who = "the key's `owner` in the gateway document, or its id where it has none";
            other(format!("--gateway needs --issuer too: {who}; --policies finds both"))
        })?,
    };
    let session = match &arguments.session {
        Some(session) => session.clone(),
        None => random_id()?,
    };
    if !is_id(&session) {
        return Err(other("--session takes 1 to 128 visible ASCII characters".to_owned()));
    }
    let life = parse_duration(&arguments.ttl).filter(|life| (1..=SESSION_SECONDS).contains(life));
    let life = life.ok_or_else(|| other("--ttl takes a duration of at most 30d, such as 30m or 2h".to_owned()))?;
    let now = seconds(Timestamp::now())?;
    let mut claims = Map::new();
    for (name, claim) in [
        ("iss", Some(json!(issuer))),
        ("aud", Some(json!(audience))),
        ("sub", Some(json!(arguments.agent))),
        ("sid", Some(json!(session))),
        ("iat", Some(json!(now))),
        ("exp", Some(json!(now.saturating_add(life)))),
        ("for", arguments.on_behalf_of.as_ref().map(|name| json!(name))),
        ("rules", arguments.rules.as_ref().map(|rules| json!(rules))),
        ("caps", caps(&arguments.cap)?),
    ] {
        claims.extend(claim.map(|claim| (name.to_owned(), claim)));
    }
    let token = key.sign(Kind::Session, &id, Value::Object(claims).to_string().as_bytes());
    if token.len() > SIGNED_BYTES {
        return Err(other(format!("the token is longer than {SIGNED_BYTES} bytes; name fewer rules and caps")));
    }
    if let Some(Policies { set, .. }) = &policies {
        let held = set.session_of(&token, policy_core::Timestamp::from_seconds(now));
        let (agent, session) =
            held.map_err(|reason| other(format!("the gateway would refuse it: {}", reason.message)))?;
        let permits = set.page(&agent).map(|page| page.permits.as_slice()).unwrap_or_default();
        let rules = session.token.iter().flat_map(|token| token.rules.iter().flatten());
        if let Some(rule) = rules.clone().find(|rule| permits.iter().all(|permit| permit.id != **rule)) {
            let listed: Vec<&str> = permits.iter().map(|permit| permit.id.as_str()).collect();
            let rule = printable(rule, NAME_CHARS);
            return Err(other(format!("the page has no permit `{rule}`; there is {}", listed.join(", "))));
        }
    }
    eprintln!("session {session} of {}, for {}", printable(&arguments.agent, NAME_CHARS), arguments.ttl);
    writeln!(stdout(), "{token}")?;
    Ok(Exit::Fine)
}

/// `COUNTER=MAX`, as a claim.
fn caps(given: &[String]) -> Result<Option<Value>, Failure> {
    let mut caps = Map::new();
    for cap in given {
        let parts = cap.rsplit_once('=').filter(|(counter, most)| !counter.is_empty() && !most.is_empty());
        let (counter, most) =
            parts.ok_or_else(|| Failure::Other("--cap takes COUNTER=MAX, such as pace=10".to_owned()))?;
        if caps.insert(counter.to_owned(), json!(most)).is_some() {
            let counter = printable(counter, NAME_CHARS);
            return Err(Failure::Other(format!("--cap names the counter `{counter}` twice; give it one maximum")));
        }
    }
    Ok((!caps.is_empty()).then_some(Value::Object(caps)))
}

fn show(arguments: &ShowToken) -> Result<Exit, Failure> {
    let policies = arguments.policies.as_deref().map(Policies::open).transpose()?;
    let token = held(&arguments.token)?;
    let (header, claims) = read(&token)?;
    let time = |name: &str| {
        let seconds = claims.get(name).and_then(Value::as_i64);
        seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).map(|time| time.to_string())
    };
    let now = policy_core::Timestamp::from_seconds(seconds(Timestamp::now())?);
    let refused = policies.as_ref().map(|policies| policies.set.session_of(&token, now).err());
    let said = json!({
        "header": header,
        "claims": claims,
        "issued": time("iat"),
        "expires": time("exp"),
        "holds": refused.as_ref().map(Option::is_none),
        "reason": refused.as_ref().and_then(|refused| refused.as_ref()),
    });
    writeln!(stdout(), "{}", in_ascii(&said))?;
    Ok(match refused {
        None => {
            eprintln!("not verified: name the gateway's policies with --policies");
            Exit::Fine
        }
        Some(None) => Exit::Fine,
        Some(Some(reason)) => {
            eprintln!("it does not hold: {}", reason.message);
            Exit::Differs
        }
    })
}

/// Ends a session by a command: that of a token, as its claims say, or the one that is named.
fn revoke(arguments: &RevokeToken) -> Result<Exit, Failure> {
    let (agent, session) = match (&arguments.token, &arguments.agent, &arguments.session) {
        (Some(token), ..) => {
            let (_, claims) = read(&held(token)?)?;
            let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
            let (Some(agent), Some(session)) = (text("sub"), text("sid")) else {
                return Err(Failure::Other("the token names no agent and session (`sub`, `sid`)".to_owned()));
            };
            if text("aud").as_ref() != Some(&arguments.signed.gateway_name) {
                let message = match text("aud") {
                    Some(other) => format!("the token is for the gateway `{}`", printable(&other, NAME_CHARS)),
                    None => "the token is for no gateway".to_owned(),
                };
                return Err(Failure::Other(format!("{message}; name that with --gateway-name")));
            }
            // What is ended is said before it is, for the token says it in a form that nobody reads.
            let [of, id] = [&agent, &session].map(|name| printable(name, NAME_CHARS));
            eprintln!("session {id} of {of}");
            (agent, session)
        }
        (None, Some(agent), Some(session)) => (agent.clone(), session.clone()),
        (None, ..) => return Err(Failure::Other("name a TOKEN, or --agent and --session".to_owned())),
    };
    control::revoke(&arguments.signed, (&agent, &session), None, arguments.reason.as_deref())
}

/// A token that is given as an argument, or with `-` comes from standard input.
fn held(given: &str) -> Result<String, Failure> {
    let mut token = given.to_owned();
    if token == "-" {
        token.clear();
        let read = stdin().take(4 * SIGNED_BYTES as u64).read_to_string(&mut token);
        read.map_err(|e| Failure::Other(format!("cannot read the token: {e}; give it as an argument")))?;
    }
    let token = token.trim().to_owned();
    // Else it is no value of a header.
    if token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(Failure::Other(NO_TOKEN.to_owned()));
    }
    Ok(token)
}

/// Header and claims of a token, as they stand there: whether they hold is for the gateway's keys to say.
fn read(token: &str) -> Result<(Value, Value), Failure> {
    let part = |nth: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(nth)?).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    let both = part(0).and_then(|header| Some((header, part(1)?)));
    both.ok_or_else(|| Failure::Other(NO_TOKEN.to_owned()))
}

/// JSON in ASCII, which a terminal shows as it is: what is in a token may be anybody's.
fn in_ascii(value: &Value) -> String {
    let mut out = String::new();
    for c in format!("{value:#}").chars() {
        if matches!(c, ' '..='~' | '\n') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn seconds(time: Timestamp) -> Result<u64, Failure> {
    u64::try_from(time.as_second()).map_err(|_| Failure::Other(format!("the clock says {time}; set it")))
}
