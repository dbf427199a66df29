//! `ambit pause`, `ambit resume`, `ambit paused` and `ambit end-session`: commands to a gateway, signed here and sent. The end of
//! a session by its token, too, which needs no command.

use std::io::{Write, stdout};
use std::time::Duration;

use jiff::Timestamp;
use policy_core::jws::{Kind, is_id};
use policy_core::limits::{ENDED_SECONDS, REASON_BYTES};
use policy_core::time::parse_duration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments::{EndSession, Output, Pause, Resume, Show, Signed, Whom};
use super::exit::{Exit, Failure};
use crate::keys::{KeyFile, id_of, random_id};
use crate::render;

/// How long a command can be carried out, in seconds: the gateway remembers it for so long.
const LIFE: i64 = 60;
/// How long a gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const ANSWER_BYTES: u64 = 1024 * 1024;
/// Most characters of a message of the gateway that are shown.
const SHOWN_CHARS: usize = 1000;

pub(super) fn pause(arguments: &Pause) -> Result<Exit, Failure> {
    let mut claims = of(&arguments.whom);
    if arguments.writes {
        claims.insert("what".to_owned(), json!("writes"));
    }
    if let Some(duration) = &arguments.duration {
        let seconds = seconds(duration)?;
        claims.insert("until".to_owned(), json!(Timestamp::now().as_second().saturating_add(seconds)));
    }
    claims.insert("reason".to_owned(), json!(reason(&arguments.reason)?));
    let Some(state) = run(&arguments.signed, "pause", claims)? else { return Ok(Exit::Fine) };
    if arguments.signed.format == Output::Table {
        writeln!(stdout(), "{} at {}", spoken(&arguments.whom, "paused"), printable(&state.gateway))?;
    }
    Ok(Exit::Fine)
}

pub(super) fn resume(arguments: &Resume) -> Result<Exit, Failure> {
    let mut claims = of(&arguments.whom);
    if let Some(text) = &arguments.reason {
        claims.insert("reason".to_owned(), json!(reason(text)?));
    }
    let Some(state) = run(&arguments.signed, "resume", claims)? else { return Ok(Exit::Fine) };
    let gateway = printable(&state.gateway);
    if arguments.signed.format == Output::Table {
        match state.lifted {
            Some(0) | None => {
                writeln!(stdout(), "{} by a command at {gateway}", spoken(&arguments.whom, "not paused"))?
            }
            Some(_) => writeln!(stdout(), "{} at {gateway}", spoken(&arguments.whom, "resumed"))?,
        }
    }
    // Whoever wanted an agent back must not believe that it is.
    let left = state.paused.iter().filter(|paused| paused.stops(&arguments.whom));
    let mut still = false;
    for paused in left {
        still = true;
        eprintln!("still paused: {}", paused.line());
    }
    Ok(if still { Exit::Differs } else { Exit::Fine })
}

pub(super) fn show(arguments: &Show) -> Result<Exit, Failure> {
    let Some(state) = run(&arguments.signed, "show", Map::new())? else { return Ok(Exit::Fine) };
    if arguments.signed.format == Output::Table {
        let mut out = stdout().lock();
        for paused in &state.paused {
            writeln!(out, "{}", paused.line())?;
        }
        if state.paused.is_empty() {
            let (gateway, since) = (printable(&state.gateway), printable(&state.since));
            writeln!(out, "nobody is paused at {gateway}, which has kept that since {since}")?;
        }
    }
    Ok(Exit::Fine)
}

pub(super) fn end_session(arguments: &EndSession) -> Result<Exit, Failure> {
    let EndSession { agent, session, signed, lasting, reason } = arguments;
    let lasting = lasting.as_deref().map(seconds).transpose()?;
    revoke(signed, (agent, session), lasting, reason.as_deref())
}

/// Ends the session of an agent by a command: remembered for so many seconds, or as long as any token of it could hold.
pub(super) fn revoke(
    signed: &Signed,
    (agent, session): (&str, &str),
    lasting: Option<i64>,
    why: Option<&str>,
) -> Result<Exit, Failure> {
    let mut claims = Map::new();
    claims.insert("agent".to_owned(), json!(agent));
    claims.insert("session".to_owned(), json!(session));
    let lasting = lasting.unwrap_or(i64::try_from(ENDED_SECONDS).unwrap_or(i64::MAX));
    claims.insert("until".to_owned(), json!(Timestamp::now().as_second().saturating_add(lasting)));
    if let Some(text) = why {
        claims.insert("reason".to_owned(), json!(reason(text)?));
    }
    let Some(state) = run(signed, "end_session", claims)? else { return Ok(Exit::Fine) };
    if signed.format == Output::Table {
        has_ended(agent, session, &state.gateway)?;
    }
    Ok(Exit::Fine)
}

/// Ends the session of a token, as its holder.
pub(super) fn end(gateway: &str, token: &str, format: Output) -> Result<Exit, Failure> {
    #[derive(Deserialize)]
    struct Ended {
        gateway: String,
        agent: String,
        session: String,
    }
    let (status, body) = send(gateway, &Request::End(token))?;
    if status != 200 {
        return Err(refusal((gateway, "did not end the session"), status, &body));
    }
    let Ok(ended) = serde_json::from_slice::<Ended>(&body) else {
        return Err(elsewhere(gateway, status));
    };
    match format {
        Output::Table => has_ended(&ended.agent, &ended.session, &ended.gateway)?,
        Output::Json => print(&body)?,
    }
    Ok(Exit::Fine)
}

fn has_ended(agent: &str, session: &str, gateway: &str) -> std::io::Result<()> {
    let [agent, session, gateway] = [agent, session, gateway].map(printable);
    writeln!(stdout(), "the session {session} of {agent} has ended at {gateway}")
}

fn print(body: &[u8]) -> std::io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(body)?;
    writeln!(out)
}

/// The gateway's answer to a command that was carried out.
#[derive(Debug, Deserialize)]
struct State {
    gateway: String,
    since: String,
    lifted: Option<u64>,
    paused: Vec<Paused>,
}

#[derive(Debug, Deserialize)]
struct Paused {
    agent: Option<String>,
    #[serde(default)]
    all: bool,
    what: String,
    cause: String,
    key: Option<String>,
    tripwire: Option<String>,
    #[serde(default)]
    reason: String,
    since: Option<String>,
    until: Option<String>,
}

impl Paused {
    /// Whether it stops one of these still.
    fn stops(&self, whom: &Whom) -> bool {
        self.all || whom.all || self.agent == whom.agent
    }

    fn line(&self) -> String {
        let mut line = if self.all { "all agents".to_owned() } else { self.agent.clone().unwrap_or_default() };
        if self.what == "writes" {
            line.push_str(" (writes)");
        }
        match (self.cause.as_str(), &self.key, &self.tripwire) {
            ("command", Some(key), _) => line.push_str(&format!(", by the key {key}")),
            ("tripwire", _, Some(id)) => line.push_str(&format!(", by the tripwire {id}")),
            ("document", ..) => line.push_str(", by gateway.json: change `paused` there and deliver the bundle"),
            (other, ..) => line.push_str(&format!(", by {other}")),
        }
        if let Some(since) = &self.since {
            line.push_str(&format!(", since {since}"));
        }
        if let Some(until) = &self.until {
            line.push_str(&format!(", until {until}"));
        }
        if !self.reason.is_empty() {
            line.push_str(&format!(": {}", self.reason));
        }
        printable(&line)
    }
}

/// What came from the gateway, as a terminal may show it.
fn printable(text: &str) -> String {
    render::printable(text, SHOWN_CHARS)
}

fn of(whom: &Whom) -> Map<String, Value> {
    let mut claims = Map::new();
    match &whom.agent {
        Some(agent) => claims.insert("agent".to_owned(), json!(agent)),
        None => claims.insert("all".to_owned(), json!(true)),
    };
    claims
}

fn spoken(whom: &Whom, done: &str) -> String {
    match &whom.agent {
        Some(agent) => format!("{} is {done}", printable(agent)),
        None => format!("all agents together are {done}"),
    }
}

fn seconds(duration: &str) -> Result<i64, Failure> {
    parse_duration(duration).filter(|seconds| *seconds > 0).and_then(|seconds| i64::try_from(seconds).ok()).ok_or_else(
        || Failure::Other(format!("`{duration}` is not a duration; write digits with s, m, h or d, such as `1h`")),
    )
}

fn reason(text: &str) -> Result<&str, Failure> {
    if text.len() > REASON_BYTES || text.chars().any(char::is_control) {
        return Err(Failure::Other(format!("--reason takes one line of at most {REASON_BYTES} bytes")));
    }
    Ok(text)
}

/// Signs a command and sends it; `None`: it was only to be printed.
fn run(signed: &Signed, command: &str, claims: Map<String, Value>) -> Result<Option<State>, Failure> {
    let message = sign(signed, command, claims)?;
    let Some(gateway) = signed.gateway.as_ref().filter(|_| !signed.print) else {
        writeln!(stdout(), "{message}")?;
        return Ok(None);
    };
    let (status, body) = send(gateway, &Request::Command(&message))?;
    if status != 200 {
        return Err(refusal((gateway, "refused the command"), status, &body));
    }
    let Ok(state) = serde_json::from_slice::<State>(&body) else {
        return Err(elsewhere(gateway, status));
    };
    if signed.format == Output::Json {
        print(&body)?;
    }
    Ok(Some(state))
}

fn sign(signed: &Signed, command: &str, mut claims: Map<String, Value>) -> Result<String, Failure> {
    let key = KeyFile::read(&signed.key)?;
    let id = match &signed.key_id {
        Some(id) if is_id(id) => id.clone(),
        Some(_) => return Err(Failure::Other("--key-id takes 1 to 128 visible ASCII characters".to_owned())),
        None => id_of(&signed.key).ok_or_else(|| {
            Failure::Other("the key file's name is not an id; say with --key-id what gateway.json calls the key".into())
        })?,
    };
    let now = Timestamp::now().as_second();
    for (name, value) in [
        ("aud", json!(signed.gateway_name)),
        ("jti", json!(random_id()?)),
        ("iat", json!(now)),
        ("exp", json!(now.saturating_add(LIFE))),
        ("command", json!(command)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    Ok(key.sign(Kind::Command, &id, Value::Object(claims).to_string().as_bytes()))
}

/// What goes to the control route.
enum Request<'a> {
    /// A signed command.
    Command(&'a str),
    /// The end of the session of this token.
    End(&'a str),
}

fn send(gateway: &str, request: &Request<'_>) -> Result<(u16, Vec<u8>), Failure> {
    if !gateway.starts_with("https://") && !gateway.starts_with("http://") {
        let message =
            "--gateway takes the URL of the control route, such as `https://gateway.example.com/.ambit/control`";
        return Err(Failure::Other(message.to_owned()));
    }
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        // What is sent is for the gateway that was named, and for nobody it points to.
        .max_redirects(0)
        .build()
        .into();
    let unreachable = |error: &ureq::Error| {
        Failure::Other(format!(
            "cannot reach the gateway at `{gateway}`: {error}; is it running, and is this the URL of its control route?"
        ))
    };
    let sent = match request {
        Request::Command(message) => agent.post(gateway).content_type("application/jose").send(*message),
        Request::End(token) => agent.delete(gateway).header("authorization", format!("Bearer {token}")).call(),
    };
    let mut response = sent.map_err(|error| unreachable(&error))?;
    let body =
        response.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec().map_err(|error| unreachable(&error))?;
    Ok((response.status().as_u16(), body))
}

fn refusal((gateway, refused): (&str, &str), status: u16, body: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
        detail: String,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { kind, detail }) if kind.starts_with("urn:ambit:command:") => {
            let code = kind.trim_start_matches("urn:ambit:command:");
            Failure::Other(printable(&format!("the gateway {refused} ({code}): {detail}")))
        }
        _ => elsewhere(gateway, status),
    }
}

fn elsewhere(gateway: &str, status: u16) -> Failure {
    Failure::Other(format!(
        "`{gateway}` answered {status}, and not as a control route: name the URL of the route that `control` in \
         gateway.json says"
    ))
}
