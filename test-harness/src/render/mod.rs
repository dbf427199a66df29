//! What people see: diagnostics with the place underlined, tables, progress.
//!
//! Everything that comes out of a recording or a request passes [`printable`] on its way to a
//! terminal; JSON output escapes by itself.

mod diagnostics;
mod progress;
mod table;
mod text;

pub use diagnostics::{diagnostics, diagnostics_json};
pub use progress::Progress;
pub use table::table;
pub use text::printable;

use std::io::IsTerminal;

/// Where output goes, as far as its looks depend on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Colours are wanted: it is a terminal, and neither `NO_COLOR` nor `TERM=dumb` says otherwise.
    pub colour: bool,
    /// Columns, where lines are to be broken: on a terminal alone.
    pub width: Option<u16>,
}

/// Columns of a terminal that does not say.
const USUAL_WIDTH: u16 = 120;

impl Screen {
    /// A file or a pipe: no colours, no broken lines.
    pub const PLAIN: Self = Self { colour: false, width: None };

    /// Standard output.
    pub fn stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    /// Standard error.
    pub fn stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        if !stream.is_terminal() {
            return Self::PLAIN;
        }
        // https://no-color.org: any value that is not empty.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Self { colour: !refused && !dumb, width: Some(columns.unwrap_or(USUAL_WIDTH)) }
    }
}
