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
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Output,
}

#[derive(Debug, Args)]
pub(super) struct Bundle {
    /// The policy directory
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
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
    /// The ticket of a held request; or a file with it, or with the whole answer that the agent got; `-`: standard input
    #[arg(value_name = "TICKET")]
    pub(super) ticket: String,
    /// Your private key, as `ambit keygen` makes it
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// Its id in the gateway document; else the name of its file without the ending
    #[arg(long, value_name = "ID")]
    pub(super) key_id: Option<String>,
    /// The role for which you approve; not needed where the page has one
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    /// How long the grant holds, such as 10m; else as long as the role lets it
    #[arg(long = "for", value_name = "DURATION")]
    pub(super) life: Option<String>,
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

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "it is not RFC 3339, such as 2026-11-20T12:00:00Z".to_owned())
}
