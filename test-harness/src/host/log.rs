//! What the guest logs.

use super::LogLevel;
use std::collections::VecDeque;
use std::fmt;

/// One line a guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its severity.
    pub level: LogLevel,
    /// Its text; bytes that are not UTF-8 are replaced by U+FFFD. Not escaped otherwise: escape it
    /// before it reaches a terminal.
    pub message: String,
}

impl fmt::Display for LogLine {
    /// The text on one line, control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.message.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

/// The newest lines, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: VecDeque<LogLine>,
    /// Lines ever pushed: the sequence number of the next one.
    pushed: u64,
}

impl Log {
    /// Appends a line cut to `most_bytes`, dropping the oldest beyond `most_lines`.
    pub(crate) fn push(&mut self, level: LogLevel, text: &[u8], most_lines: usize, most_bytes: usize) {
        let text = text.get(..most_bytes).unwrap_or(text);
        self.lines.push_back(LogLine { level, message: String::from_utf8_lossy(text).into_owned() });
        self.pushed += 1;
        while self.lines.len() > most_lines {
            self.lines.pop_front();
        }
    }

    /// Sequence number of the next line, to be handed to [`Log::since`] later.
    pub(crate) fn mark(&self) -> u64 {
        self.pushed
    }

    /// The lines pushed since `mark` that are still kept.
    pub(crate) fn since(&self, mark: u64) -> impl DoubleEndedIterator<Item = &LogLine> {
        let new = usize::try_from(self.pushed.saturating_sub(mark)).unwrap_or(usize::MAX);
        self.lines.iter().skip(self.lines.len().saturating_sub(new))
    }

    /// Every kept line, oldest first, leaving none.
    pub(crate) fn take(&mut self) -> Vec<LogLine> {
        self.lines.drain(..).collect()
    }
}
