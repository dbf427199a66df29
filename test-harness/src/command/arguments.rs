//! The arguments, and the help text they make.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use jiff::Timestamp;

use crate::replay::EngineKind;
use crate::world::Values;

/// Keeps AI agents inside their scope: validates scope templates, replays recorded traffic against
/// them, and makes the bundle a gateway loads.
#[derive(Debug, Parser)]
#[command(name = "ambit", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) subcommand: Subcommand,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 could not run, 2 a decision or expectation differs, \
                          3 invalid policy.";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Find mistakes in policies: file, line, reason, and what to write instead
    Validate(Validate),
    /// Compile a policy directory into the bundle a gateway loads
    Bundle(Bundle),
    /// Judge recorded traffic, and compare with expected decisions
    Replay(Replay),
    /// Judge cases: requests with the facts around them and the verdict that is right
    Cases(Cases),
    /// Judge one request, and explain the decision rule by rule
    Evaluate(Evaluate),
    /// Approve a held request: shows what it would do, asks, and signs
    Grant(Grant),
    /// Make a key: who signs commands, sessions or approvals
    Keygen(Keygen),
    /// Issue a token for a session of an agent, or show what one says
    #[command(subcommand)]
    Token(Token),
    /// Stop an agent, or all, at a running gateway: at once, until they are resumed
    Pause(Pause),
    /// Let an agent, or all, go on
    Resume(Resume),
    /// Show who is paused at a gateway, by whom and until when
    Paused(Show),
    /// End a session of an agent before its time
    EndSession(EndSession),
}

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// A policy directory, documents of one, or a bundle
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// The moment at which pages, keys and pauses may have ended, by RFC 3339; else now
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) now: Option<Timestamp>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

#[derive(Debug, Args)]
pub(super) struct Bundle {
    /// The policy directory
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// A second policy directory, or a bundle: it judges every request too, and only what it would say is recorded
    #[arg(long, value_name = "DIR")]
    pub(super) candidate: Option<PathBuf>,
    /// Where to write the bundle; `-`: standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Recordings: Envoy taps (JSON or length-delimited protobuf), HAR, Envoy JSON access logs, or
    /// NDJSON exchanges
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The policy directory, or a bundle
    #[arg(long, value_name = "DIR")]
    pub(super) policies: PathBuf,
    /// Policies to compare with, a directory or a bundle: what they would decide otherwise is listed. Else the candidate of
    /// the bundle, if it has one
    #[arg(long, value_name = "DIR")]
    pub(super) candidate: Option<PathBuf>,
    /// `wasm`: the filter as a gateway loads it; `native`: the decision point alone
    #[arg(long, default_value_t, value_name = "wasm|native")]
    pub(super) engine: EngineKind,
    /// The filter; else AMBIT_WASM, else what `cargo xtask wasm` has built
    #[arg(long, value_name = "FILE")]
    pub(super) wasm: Option<PathBuf>,
    /// A manifest of expected decisions
    #[arg(long, value_name = "FILE")]
    pub(super) labels: Option<PathBuf>,
    /// The scenario of the manifest; else the one that names the recording
    #[arg(long, value_name = "NAME", requires = "labels")]
    pub(super) scenario: Option<String>,
    /// Whose requests these are, where the recording has not kept it (a HAR of a client, an access log): requests without the
    /// header from which the gateway takes the agent's name get it
    #[arg(long, value_name = "NAME")]
    pub(super) agent: Option<String>,
    /// When requests without a recorded time were made, by RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) now: Option<Timestamp>,
    /// What is there now, where the recording does not show it: resources by the names of their fields, or answers of the
    /// API, as JSON; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(super) fixture: Vec<PathBuf>,
    /// A field of a resource as it is now, where nothing else says it: `products/42.price=19.99`, or `products.status=live`
    /// for every product; may be given several times
    #[arg(long, value_name = "RESOURCE.FIELD=VALUE")]
    pub(super) assume: Vec<String>,
    /// Which current values rules look at: `recorded`, in the order of the recording; `enforced`, as they would be had the
    /// refusals held
    #[arg(long, value_enum, default_value_t, value_name = "recorded|enforced")]
    pub(super) world: Values,
    /// List the counters: how much of each budget was used at most, beside what may be used
    #[arg(long)]
    pub(super) counters: bool,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

#[derive(Debug, Args)]
pub(super) struct Cases {
    /// The cases, one JSON object a line
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The policy directory
    #[arg(long, value_name = "DIR")]
    pub(super) policies: PathBuf,
    /// Which page answers for which intent, and how its facts are spelled
    #[arg(long, value_name = "FILE")]
    pub(super) map: PathBuf,
    /// `wasm`: the filter as a gateway loads it; `native`: the decision point alone
    #[arg(long, default_value_t, value_name = "wasm|native")]
    pub(super) engine: EngineKind,
    /// The filter; else AMBIT_WASM, else what `cargo xtask wasm` has built
    #[arg(long, value_name = "FILE")]
    pub(super) wasm: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

#[derive(Debug, Args)]
pub(super) struct Grant {
    /// The ticket of a held request; or a file with it, or with the whole answer that the agent got, as JSON or as
    /// `curl -i` writes it; `-`: standard input
    #[arg(value_name = "TICKET")]
    pub(super) ticket: String,
    /// Your private key, as `ambit keygen` makes it
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// Its id in the gateway document; else the name of its file without the ending
    #[arg(long, value_name = "ID")]
    pub(super) key_id: Option<String>,
    /// The role for which you approve; not needed where the page has one, or the answer says that one is needed
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    /// How long the grant holds, such as 10m; else as long as the role lets it
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
    pub(super) life: Option<String>,
    /// Sign although not all of the request is shown: you have seen the request itself
    #[arg(long)]
    pub(super) unseen: bool,
    /// Sign without asking
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// The request's URL
    #[arg(value_name = "URL", required_unless_present = "file", conflicts_with = "file")]
    pub(super) url: Option<String>,
    /// The policy directory, or a bundle
    #[arg(long, value_name = "DIR")]
    pub(super) policies: PathBuf,
    /// The agent that asks: sets the header from which the gateway takes its name, in place of the one in a file
    #[arg(long, value_name = "NAME")]
    pub(super) agent: Option<String>,
    /// The method; GET, or POST with a body
    #[arg(short = 'X', long = "request", value_name = "METHOD", conflicts_with = "file")]
    pub(super) method: Option<String>,
    /// A header, as `name: value`; may be given several times
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(super) headers: Vec<String>,
    /// The body; `@FILE` reads it from a file. Needs a content-type header to be read
    #[arg(short = 'd', long = "data", value_name = "BODY", conflicts_with = "file")]
    pub(super) data: Option<String>,
    /// The body, as JSON: like --data, with `content-type: application/json`
    #[arg(long, value_name = "BODY", conflicts_with_all = ["data", "file"])]
    pub(super) json: Option<String>,
    /// The request from a file: an HTTP/1.1 message (`.http`) or a recording
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The entry of the recording, from 0
    #[arg(long, value_name = "N", requires = "file")]
    pub(super) index: Option<u64>,
    /// A grant that comes with the request; may be given several times, once for each role
    #[arg(long = "grant", value_name = "GRANT")]
    pub(super) grants: Vec<String>,
    /// When the request is made, by RFC 3339; else when it was recorded, else now
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) now: Option<Timestamp>,
    /// What is there now: resources by the names of their fields, or answers of the API, as JSON; may be given several
    /// times
    #[arg(long, value_name = "FILE")]
    pub(super) state: Vec<PathBuf>,
    /// A field of a resource as it is now: `products/42.price=19.99`, or `products.status=live` for every product; may be
    /// given several times
    #[arg(long, value_name = "RESOURCE.FIELD=VALUE")]
    pub(super) assume: Vec<String>,
    /// The decision to expect: another one is exit code 2
    #[arg(long, value_name = "DECISION", value_parser = ["allow", "deny", "approval_required", "not_an_agent", "undecidable"])]
    pub(super) expect: Option<String>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// Where to write the private key; never over a file that exists
    #[arg(short, long, value_name = "FILE", default_value = "ambit-key.pem")]
    pub(super) output: PathBuf,
    /// The key's id; else the file's name without its ending
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
    /// Who holds it: a person or a service
    #[arg(long, value_name = "NAME")]
    pub(super) owner: Option<String>,
    /// It signs commands to the gateway: pause, resume, end a session
    #[arg(long)]
    pub(super) control: bool,
    /// It signs tokens of sessions
    #[arg(long)]
    pub(super) sessions: bool,
    /// A role of the pages' `approvers` for which it approves; may be given several times
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Token {
    /// Issue a token; it is written to standard output
    New(Box<NewToken>),
    /// Show what a token says, and whether it holds
    Show(ShowToken),
    /// End the session of a token that you hold, at a running gateway
    End(EndToken),
    /// End a session whose token you need not hold, with a key for commands
    Revoke(Box<RevokeToken>),
}

#[derive(Debug, Args)]
pub(super) struct NewToken {
    /// The private key, as `ambit keygen` writes it
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// The key's id in the gateway document; else the file's name without its ending
    #[arg(long, value_name = "ID")]
    pub(super) key_id: Option<String>,
    /// The agent
    #[arg(long, value_name = "NAME")]
    pub(super) agent: String,
    /// The session's id; else a random one
    #[arg(long, value_name = "ID")]
    pub(super) session: Option<String>,
    /// How long it holds, such as 30m or 2h; at most 30d, and 2h for critical rules
    #[arg(long, value_name = "DURATION")]
    pub(super) ttl: String,
    /// The policy directory, or a bundle: says which gateway it is for, and the token is held against it
    #[arg(long, value_name = "DIR", required_unless_present = "gateway")]
    pub(super) policies: Option<PathBuf>,
    /// The gateway's name, where the policies are not at hand; needs `--issuer`
    #[arg(long, value_name = "NAME", conflicts_with = "policies")]
    pub(super) gateway: Option<String>,
    /// Who issues it: the key's `owner` in the gateway document, or its id
    #[arg(long, value_name = "NAME", conflicts_with = "policies")]
    pub(super) issuer: Option<String>,
    /// The person on whose behalf the session runs
    #[arg(long = "for", value_name = "NAME")]
    pub(super) on_behalf_of: Option<String>,
    /// The only permits that it may use; else all of the agent's page
    #[arg(long, value_name = "RULE,…", value_delimiter = ',')]
    pub(super) rules: Option<Vec<String>>,
    /// A lower maximum of a counter; may be given several times
    #[arg(long, value_name = "COUNTER=MAX")]
    pub(super) cap: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShowToken {
    /// The token; `-`: from standard input
    #[arg(value_name = "TOKEN")]
    pub(super) token: String,
    /// The policy directory, or a bundle, whose keys it is verified with
    #[arg(long, value_name = "DIR")]
    pub(super) policies: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct EndToken {
    /// A token of the session; `-`: from standard input
    #[arg(value_name = "TOKEN")]
    pub(super) token: String,
    /// The URL of the gateway's control route
    #[arg(long, value_name = "URL")]
    pub(super) gateway: String,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

#[derive(Debug, Args)]
pub(super) struct RevokeToken {
    /// A token of the session, which says whose it is; `-`: from standard input
    #[arg(value_name = "TOKEN", required_unless_present = "session", conflicts_with_all = ["agent", "session"])]
    pub(super) token: Option<String>,
    /// The agent
    #[arg(long, value_name = "NAME", requires = "session")]
    pub(super) agent: Option<String>,
    /// The session's id
    #[arg(long, value_name = "ID", requires = "agent")]
    pub(super) session: Option<String>,
    #[command(flatten)]
    pub(super) signed: Signed,
    /// Why, in one line, for the audit
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

/// How a command is signed, and where it goes.
#[derive(Debug, Args)]
pub(super) struct Signed {
    /// The URL of the gateway's control route
    #[arg(long, value_name = "URL", required_unless_present = "print")]
    pub(super) gateway: Option<String>,
    /// The gateway's name, as gateway.json says it: the command counts there alone
    #[arg(long, value_name = "NAME")]
    pub(super) gateway_name: String,
    /// The private key, as `ambit keygen --control` makes it
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// What gateway.json calls the key; else the file's name without its ending
    #[arg(long, value_name = "ID")]
    pub(super) key_id: Option<String>,
    /// Only print the signed command, to be sent within a minute: `curl --data-binary @- URL`
    #[arg(long)]
    pub(super) print: bool,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

/// Who is meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Whom {
    /// The agent
    #[arg(value_name = "AGENT")]
    pub(super) agent: Option<String>,
    /// Every agent
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Pause {
    #[command(flatten)]
    pub(super) whom: Whom,
    #[command(flatten)]
    pub(super) signed: Signed,
    /// Only writes: reads go on, and so does what stops an effect
    #[arg(long)]
    pub(super) writes: bool,
    /// How long, such as `1h`; else until it is resumed
    #[arg(long = "for", value_name = "DURATION")]
    pub(super) duration: Option<String>,
    /// Why, in one line: paused agents and the audit read it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    pub(super) whom: Whom,
    #[command(flatten)]
    pub(super) signed: Signed,
    /// Why, in one line, for the audit
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    pub(super) signed: Signed,
}

#[derive(Debug, Args)]
pub(super) struct EndSession {
    /// The agent
    #[arg(value_name = "AGENT")]
    pub(super) agent: String,
    /// The session's id
    #[arg(value_name = "SESSION")]
    pub(super) session: String,
    #[command(flatten)]
    pub(super) signed: Signed,
    /// How long its tokens still hold at most: so long its end is remembered; else as long as any could
    #[arg(long, value_name = "DURATION")]
    pub(super) lasting: Option<String>,
    /// Why, in one line, for the audit
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "it is not RFC 3339, such as 2026-11-20T12:00:00Z".to_owned())
}
