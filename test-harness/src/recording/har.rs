//! HAR 1.2: walks to `log.entries` and cuts one entry out at a time.

use std::io::{self, BufRead};
use std::sync::Arc;

use super::cut::{Piece, Source};
use super::detect::UTF8_BOM;
use super::error::RecordingError;
use super::exchange::{Exchange, Place, Position};
use super::har_entry::read_entry;
use super::json::{Cursor, Fault};

/// Longest member name on the way to the entries.
const MAX_NAME: usize = 4096;

/// Iterates over the entries of a HAR.
#[derive(Debug)]
pub(super) struct HarReader<R> {
    source: Source<R>,
    file: Arc<str>,
    limit: usize,
    place: Within,
    /// Entries begun.
    number: u64,
    found_entries: bool,
}

/// Where in the document the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Before the document.
    Start,
    /// In the outermost object; `true` right after its bracket.
    Top(bool),
    /// In the object `log`.
    Log(bool),
    /// In the array `log.entries`.
    Entries(bool),
    /// Behind the document, or behind an error from which there is no way on.
    End,
}

/// What stops the walk.
enum Stop {
    Io(io::Error),
    Fault(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Fault> for Stop {
    fn from(Fault(problem): Fault) -> Self {
        Self::Fault(problem)
    }
}

impl<R: BufRead> HarReader<R> {
    pub(super) fn new(source: R, file: Arc<str>, limit: usize) -> Self {
        Self { source: Source::new(source), file, limit, place: Within::Start, number: 0, found_entries: false }
    }

    fn at_entry(&self) -> Position {
        Position { file: Arc::clone(&self.file), place: Place::Entry(self.number) }
    }

    /// Walks on to the next entry. `None` at the end of the document.
    fn next_entry(&mut self) -> Result<Option<Piece>, Stop> {
        loop {
            self.place = match self.place {
                Within::Start => {
                    self.source.pass(UTF8_BOM)?;
                    self.expect(b'{')?;
                    Within::Top(true)
                }
                Within::Top(first) => match self.member(first, b'}')? {
                    false => self.end()?,
                    true if self.name()? == b"log" => {
                        self.expect(b'{')?;
                        Within::Log(true)
                    }
                    true => {
                        self.pass_value()?;
                        Within::Top(false)
                    }
                },
                Within::Log(first) => match self.member(first, b'}')? {
                    false => Within::Top(false),
                    true if self.name()? == b"entries" => {
                        if std::mem::replace(&mut self.found_entries, true) {
                            return Err(Stop::Fault("`log.entries` occurs twice".into()));
                        }
                        self.expect(b'[')?;
                        Within::Entries(true)
                    }
                    true => {
                        self.pass_value()?;
                        Within::Log(false)
                    }
                },
                Within::Entries(first) => {
                    if self.member(first, b']')? {
                        self.place = Within::Entries(false);
                        self.number += 1;
                        return Ok(Some(self.source.value(self.limit)?));
                    }
                    Within::Log(false)
                }
                Within::End => return Ok(None),
            };
        }
    }

    /// After the document: nothing but white space.
    fn end(&mut self) -> Result<Within, Stop> {
        if !self.found_entries {
            return Err(Stop::Fault("there is no `log.entries`".into()));
        }
        match self.source.peek()? {
            None => Ok(Within::End),
            Some(byte) => Err(Stop::Fault(format!("`{}` follows the document", byte.escape_ascii()))),
        }
    }

    /// Whether another member or element follows (`true`) or the closing bracket.
    fn member(&mut self, first: bool, close: u8) -> Result<bool, Stop> {
        match self.source.peek()? {
            Some(byte) if byte == close => {
                self.source.bump();
                Ok(false)
            }
            Some(b',') if !first => {
                self.source.bump();
                Ok(true)
            }
            Some(_) if first => Ok(true),
            other => Err(unexpected(other, "`,`")),
        }
    }

    /// A member name and the colon after it.
    fn name(&mut self) -> Result<Vec<u8>, Stop> {
        match self.source.peek()? {
            Some(b'"') => {}
            other => return Err(unexpected(other, "a member name")),
        }
        let Piece::Value(name) = self.source.value(MAX_NAME)? else {
            return Err(Stop::Fault("a member name does not end".into()));
        };
        self.expect(b':')?;
        Ok(Cursor::new(&name).text()?.bytes)
    }

    fn pass_value(&mut self) -> Result<(), Stop> {
        match self.source.peek()? {
            None | Some(b',' | b':' | b'}' | b']') => {
                return Err(Stop::Fault("a value is missing".into()));
            }
            Some(_) => {}
        }
        match self.source.value(0)? {
            Piece::Unfinished => Err(unexpected(None, "the end of a value")),
            Piece::Value(_) | Piece::TooLarge => Ok(()),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        match self.source.peek()? {
            Some(next) if next == byte => {
                self.source.bump();
                Ok(())
            }
            other => Err(unexpected(other, &format!("`{}`", char::from(byte)))),
        }
    }

    /// An error after which nothing can be read.
    fn stop(&mut self, stop: Stop) -> RecordingError {
        let at = match self.place {
            Within::Entries(_) => self.at_entry(),
            _ => Position { file: Arc::clone(&self.file), place: Place::File },
        };
        self.place = Within::End;
        match stop {
            Stop::Io(source) => RecordingError::Read { at, source },
            Stop::Fault(problem) => RecordingError::Broken {
                at,
                problem,
                advice: "export the HAR again; entries after this place cannot be read",
            },
        }
    }
}

fn unexpected(byte: Option<u8>, wanted: &str) -> Stop {
    Stop::Fault(match byte {
        None => format!("the file ends where {wanted} should come"),
        Some(byte) => format!("`{}` where {wanted} should come", byte.escape_ascii()),
    })
}

impl<R: BufRead> Iterator for HarReader<R> {
    type Item = Result<Exchange, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let piece = match self.next_entry() {
                Ok(piece) => piece?,
                Err(stop) => return Some(Err(self.stop(stop))),
            };
            let at = self.at_entry();
            return Some(match piece {
                Piece::Value(entry) => match read_entry(&entry, self.number - 1, &at) {
                    // Never left the browser (`data:`, `blob:`, an extension's own pages).
                    Ok(None) => continue,
                    Ok(Some(exchange)) => Ok(exchange),
                    Err(Fault(problem)) => Err(RecordingError::Broken {
                        at,
                        problem,
                        advice: "remove the entry or export the HAR again; the others are not \
                                 affected",
                    }),
                },
                Piece::TooLarge => Err(RecordingError::TooLarge { at, limit: self.limit }),
                Piece::Unfinished => Err(self.stop(Stop::Fault("the file ends inside the entry".into()))),
            });
        }
    }
}
