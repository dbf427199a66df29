//! Lines of a file, one in memory at a time, none longer than a limit.

use std::io::{self, BufRead, Read};

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
