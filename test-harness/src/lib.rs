//! Ambit's replay harness, and the `ambit` command around it.
//!
//! ```text
//! policies    a directory of templates and catalogs -> bundle        (or an error with the place underlined)
//! recording   a file of recorded traffic            -> exchanges
//! replay      exchange + engine                     -> judgement     native core, or the real filter in `host`
//! world       the present: what lookups are answered
//! cases       requests with an intent, held against the pages that answer for it
//! keys        private keys of operators and approvers, as files
//! approvals   tickets of held requests, and the grants that people sign for them
//! render      diagnostics, tables, progress         -> the terminal
//! command     the `ambit` command: one file per subcommand
//! ```

pub mod approvals;
pub mod cases;
pub mod command;
pub mod host;
pub mod keys;
pub mod policies;
pub mod recording;
pub mod render;
pub mod replay;
pub mod world;
