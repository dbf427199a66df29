//! Lines of a file, one in memory at a time, none longer than a limit.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::error::RecordingError;
use super::exchange::{Exchange, Place, Position};
use super::json::Fault;

/// Iterates over the lines that are not blank.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    limit: usize,
    number: u64,
    ended: bool,
}

/// One line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1, blank lines counted.
    pub(super) number: u64,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// Longer than the limit; passed over.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R, limit: usize) -> Self {
        Self { source, limit, number: 0, ended: false }
    }

    /// Number of the line last read, for errors of the source.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            // One byte more than allowed tells a line that fits from one that does not.
            let most = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(1);
            self.number += 1;
            let count = (&mut self.source).take(most).read_until(b'\n', &mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            let number = self.number;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            } else if bytes.len() > self.limit {
                self.source.skip_until(b'\n')?;
                return Ok(Some(Line { number, content: Content::TooLong }));
            }
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            if number == 1 && bytes.starts_with(super::detect::UTF8_BOM) {
                bytes.drain(..super::detect::UTF8_BOM.len());
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(Line { number, content: Content::Bytes(bytes) }));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// What reads one line: its bytes, the number of its exchange, its place.
type ReadLine = fn(&[u8], u64, Position) -> Result<Exchange, Fault>;

/// Iterates over the exchanges of a format that has one on each line.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    lines: Lines<R>,
    file: Arc<str>,
    limit: usize,
    next: u64,
    read_line: ReadLine,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(source: R, file: Arc<str>, limit: usize, read_line: ReadLine) -> Self {
        Self { lines: Lines::new(source, limit), file, limit, next: 0, read_line }
    }
}

impl<R: BufRead> Iterator for LineReader<R> {
    type Item = Result<Exchange, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        let index = self.next;
        self.next += 1;
        let at = |line| Position { file: Arc::clone(&self.file), place: Place::Line(line) };
        Some(match line {
            Err(source) => Err(RecordingError::Read { at: at(self.lines.number()), source }),
            Ok(Line { number, content: Content::TooLong }) => {
                Err(RecordingError::TooLarge { at: at(number), limit: self.limit })
            }
            Ok(Line { number, content: Content::Bytes(bytes) }) => {
                (self.read_line)(&bytes, index, at(number)).map_err(|Fault(problem)| RecordingError::Broken {
                    at: at(number),
                    problem,
                    advice: "correct or remove the line; the others are not affected",
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: u64, content: &str) -> Line {
        Line { number, content: Content::Bytes(content.into()) }
    }

    #[test]
    fn blank_lines_count_and_are_passed_over() {
        let lines: Vec<_> = Lines::new(&b"\xEF\xBB\xBFa\r\n\n  \nb"[..], 10).map(Result::unwrap).collect();
        assert_eq!(lines, [bytes(1, "a"), bytes(4, "b")]);
    }

    #[test]
    fn a_long_line_is_passed_over_and_the_next_is_read() {
        let lines: Vec<_> = Lines::new(&b"1234\n12345\n123456789\nx\n"[..], 4).map(Result::unwrap).collect();
        let too_long = |number| Line { number, content: Content::TooLong };
        assert_eq!(lines, [bytes(1, "1234"), too_long(2), too_long(3), bytes(4, "x")]);
    }
}
