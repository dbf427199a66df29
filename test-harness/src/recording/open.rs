//! Opening a recording of any format.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use super::detect::{Format, detect};
use super::error::RecordingError;
use super::exchange::{Exchange, Place, Position};
use super::har::HarReader;
use super::lines::LineReader;
use super::options::ReadOptions;
use super::tap::TapReader;
use super::tap_json::JsonTraces;
use super::tap_proto::ProtoTraces;
use super::{access_log, ndjson};

/// How much of a file is looked at to find its format.
const PROBE: usize = 64 * 1024;
/// Size of the read buffer.
const BUFFER: usize = 64 * 1024;

/// A recording: an iterator over its exchanges.
///
/// An entry that cannot be read is an error item; where the format tells where the next entry
/// begins, that follows. After [`RecordingError::Read`] nothing does.
pub struct Recording {
    format: Format,
    exchanges: Box<dyn Iterator<Item = Result<Exchange, RecordingError>> + Send>,
}

impl Recording {
    /// Opens a file, with its format found by its content.
    ///
    /// # Errors
    /// The file cannot be opened, or is in no known format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::open_with(path, &ReadOptions::default())
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let failed = |source| RecordingError::Open { file: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        // Some systems open a directory and fail at the first read.
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Self::from_reader(&name, file, options)
    }

    /// Reads from any source. `name` stands for the file in positions and errors.
    ///
    /// # Errors
    /// The source cannot be read, or is in no known format.
    pub fn from_reader(
        name: &str,
        mut source: impl Read + Send + 'static,
        options: &ReadOptions,
    ) -> Result<Self, RecordingError> {
        let file: Arc<str> = name.into();
        let mut start = Vec::new();
        let format = match options.format {
            Some(format) => format,
            None => {
                let probe = u64::try_from(PROBE).unwrap_or(u64::MAX);
                (&mut source).take(probe).read_to_end(&mut start).map_err(|source| {
                    let at = Position { file: Arc::clone(&file), place: Place::File };
                    RecordingError::Read { at, source }
                })?;
                detect(&start).map_err(|found| RecordingError::UnknownFormat { file: name.into(), found })?
            }
        };
        let source = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(source));
        let limit = options.entry_limit;
        let exchanges: Box<dyn Iterator<Item = _> + Send> = match format {
            Format::Tap => Box::new(TapReader::new(JsonTraces::new(source, file, limit), options)),
            Format::TapProto => Box::new(TapReader::new(ProtoTraces::new(source, file, limit), options)),
            Format::Har => Box::new(HarReader::new(source, file, limit)),
            Format::AccessLog => Box::new(LineReader::new(source, file, limit, access_log::read_line)),
            Format::Ndjson => Box::new(LineReader::new(source, file, limit, ndjson::read_line)),
        };
        Ok(Self { format, exchanges })
    }

    /// The format it is read in.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Iterator for Recording {
    type Item = Result<Exchange, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.exchanges.next()
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("format", &self.format).finish_non_exhaustive()
    }
}
