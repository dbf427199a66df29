//! Why a recording, or one entry of it, could not be read.

use std::io;

use super::exchange::Position;

/// A recording, or one entry of it, that could not be read. The text is one line: where, what is
/// wrong, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file could not be opened.
    #[error("cannot open recording `{file}`: {source}; name a file that exists and may be read")]
    Open {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The content is in no format that this crate reads.
    #[error(
        "`{file}` is not a recording I know: {found}; expected Envoy tap JSON \
         (`http_buffered_trace` or `http_streamed_trace_segment`), Envoy length-delimited tap \
         protobuf, HAR 1.2, an Envoy JSON access log or NDJSON exchanges"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// What was found instead.
        found: String,
    },
    /// Reading stopped; nothing follows.
    #[error("{at}: reading failed: {source}; record or copy the file again")]
    Read {
        /// Where.
        at: Position,
        /// What the system said.
        source: io::Error,
    },
    /// One entry is broken. Where the format allows, the next entry follows.
    #[error("{at}: {problem}; {advice}")]
    Broken {
        /// Where.
        at: Position,
        /// What is wrong.
        problem: String,
        /// What to do.
        advice: &'static str,
    },
    /// One entry is larger than allowed. Where the format allows, the next entry follows.
    #[error(
        "{at}: entry is larger than {limit} bytes; record with shorter \
         bodies"
    )]
    TooLarge {
        /// Where.
        at: Position,
        /// The limit in bytes, [`entry_limit`](super::ReadOptions::entry_limit).
        limit: usize,
    },
}
