//! How a recording is to be read.

use super::detect::Format;

/// How to read a recording.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The format; `None` finds it by the content.
    pub format: Option<Format>,
    /// Largest entry in bytes of the file. A larger one is an error and is passed over. This
    /// bounds memory: one entry is held at a time, in at most a few copies.
    pub entry_limit: usize,
    /// Streamed taps: most traces held open. With more, the oldest ends with what is known of it.
    /// A trace whose response has no content-length stays open till then, or to the end of the
    /// file, since nothing marks its end.
    pub open_traces: usize,
    /// Streamed taps: most bytes held in open traces, with the same consequence.
    pub open_bytes: usize,
}

impl Default for ReadOptions {
    /// 64 MiB an entry, 256 open traces, 256 MiB in them.
    fn default() -> Self {
        Self { format: None, entry_limit: 64 * 1024 * 1024, open_traces: 256, open_bytes: 256 * 1024 * 1024 }
    }
}

impl ReadOptions {
    /// The same, for this format whatever the content looks like.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// The same, with another limit for one entry.
    #[must_use]
    pub fn with_entry_limit(mut self, bytes: usize) -> Self {
        self.entry_limit = bytes;
        self
    }

    /// The same, with other limits for open traces and the bytes in them.
    #[must_use]
    pub fn with_open_traces(mut self, traces: usize, bytes: usize) -> Self {
        self.open_traces = traces;
        self.open_bytes = bytes;
        self
    }
}
