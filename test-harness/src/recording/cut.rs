//! Cuts JSON values out of a stream, one in memory at a time.
//!
//! [`Extent`] finds where a value ends by its brackets and strings alone; whether it *is* JSON is
//! for the parser that gets the piece. [`Values`] cuts a sequence of values, on lines of their own
//! or not; [`Source`] walks into a document.

use std::io::{self, BufRead};

/// How much of the source is looked at in one go.
const CHUNK: usize = 64 * 1024;

/// Finds the end of one JSON value, fed in pieces.
#[derive(Debug, Default)]
struct Extent {
    depth: u64,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
}

impl Extent {
    /// Goes on through `piece`. Where the value ends in it, the position just after its last byte.
    fn advance(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            if self.escaped {
                self.escaped = false;
                at += 1;
            } else if self.in_string {
                let stop = rest.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
                at += stop + 1;
                if rest.get(stop) == Some(&b'\\') {
                    self.escaped = true;
                } else {
                    self.in_string = false;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
            } else if let Some(end) = self.step(rest.first().copied()?, at) {
                return Some(end);
            } else {
                at += 1;
            }
        }
        None
    }

    /// One byte outside a string.
    fn step(&mut self, byte: u8, at: usize) -> Option<usize> {
        match byte {
            b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if self.in_scalar => return Some(at),
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return (self.depth == 0).then_some(at + 1);
            }
            _ if self.depth == 0 && !byte.is_ascii_whitespace() => self.in_scalar = true,
            _ => {}
        }
        None
    }
}

/// A value cut out of a sequence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Line on which it begins, from 1.
    pub(super) line: u64,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Value(Vec<u8>),
    /// Longer than the limit; passed over.
    TooLarge,
    /// Does not end before the file does, or before a line that begins the next value.
    Unfinished(Vec<u8>),
    /// Text that begins no object, up to the end of its line; passed over.
    NotAnObject,
}

/// Iterates over JSON objects that follow each other, with or without line breaks, in one line
/// or spread over several.
#[derive(Debug)]
pub(super) struct Values<R> {
    source: R,
    limit: usize,
    /// What a line begins with that begins a value, whatever came before: the way back into step
    /// after a value that does not end. A JSON string cannot hold a line break.
    marker: &'static [u8],
    /// Read and not handed out.
    buffer: Vec<u8>,
    /// Where in `buffer` the open value begins.
    start: usize,
    /// How far in `buffer` has been gone through; not before `start`.
    seen: usize,
    /// Line at `seen`, from 1.
    line: u64,
    /// A line begins at `seen`.
    at_line_start: bool,
    extent: Extent,
    began: u64,
    too_large: bool,
    at_end: bool,
}

impl<R: BufRead> Values<R> {
    pub(super) fn new(source: R, limit: usize, marker: &'static [u8]) -> Self {
        Self {
            source,
            limit,
            marker,
            buffer: Vec::new(),
            start: 0,
            seen: 0,
            line: 1,
            at_line_start: false,
            extent: Extent::default(),
            began: 1,
            too_large: false,
            at_end: false,
        }
    }

    /// Line reached, for errors of the source.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    fn unseen(&self) -> &[u8] {
        self.buffer.get(self.seen..).unwrap_or_default()
    }

    /// Reads on. What is over the limit is no longer kept.
    fn pull(&mut self) -> io::Result<()> {
        if self.seen - self.start > self.limit {
            self.too_large = true;
        }
        if self.too_large {
            self.start = self.seen;
        }
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        let chunk = self.source.fill_buf()?;
        let chunk = chunk.get(..CHUNK).unwrap_or(chunk);
        let count = chunk.len();
        self.at_end = count == 0;
        self.buffer.extend_from_slice(chunk);
        self.source.consume(count);
        Ok(())
    }

    /// Counts `count` more bytes as gone through.
    fn pass(&mut self, count: usize) {
        let passed = self.unseen().get(..count).unwrap_or_default();
        let breaks = passed.iter().filter(|&&byte| byte == b'\n').count();
        self.at_line_start = passed.last() == Some(&b'\n');
        self.line += u64::try_from(breaks).unwrap_or_default();
        self.seen += count;
    }

    /// Between two values: to the first byte of the next, which it gives.
    fn begin(&mut self) -> io::Result<Option<u8>> {
        loop {
            let blank = self.unseen().iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.pass(blank);
            self.start = self.seen;
            self.began = self.line;
            if let Some(&first) = self.unseen().first() {
                return Ok(Some(first));
            }
            if self.at_end {
                return Ok(None);
            }
            self.pull()?;
        }
    }

    fn read(&mut self) -> io::Result<Option<Cut>> {
        match self.begin()? {
            None => return Ok(None),
            Some(b'{') => self.at_line_start = false,
            Some(_) => return self.pass_line().map(Some),
        }
        loop {
            let ahead = self.unseen();
            if self.at_line_start && ahead.starts_with(self.marker) {
                return Ok(Some(self.hand_out(false)));
            }
            let undecided = ahead.is_empty() || self.at_line_start && self.marker.starts_with(ahead);
            if undecided && !self.at_end {
                self.pull()?;
                continue;
            }
            if ahead.is_empty() {
                return Ok(Some(self.hand_out(false)));
            }
            // Line by line, so that a marker is seen before its line is gone through.
            let line = ahead.iter().position(|&byte| byte == b'\n').map_or(ahead.len(), |at| at + 1);
            let piece = self.buffer.get(self.seen..self.seen + line).unwrap_or_default();
            let end = self.extent.advance(piece);
            self.pass(end.unwrap_or(line));
            if end.is_some() {
                return Ok(Some(self.hand_out(true)));
            }
        }
    }

    /// The value gone through, and the state for the next.
    fn hand_out(&mut self, finished: bool) -> Cut {
        let value = self.buffer.get(self.start..self.seen).unwrap_or_default();
        let too_large = std::mem::take(&mut self.too_large) || value.len() > self.limit;
        let content = match (too_large, finished) {
            (true, _) => Content::TooLarge,
            (false, true) => Content::Value(value.to_vec()),
            (false, false) => Content::Unfinished(value.to_vec()),
        };
        self.start = self.seen;
        self.extent = Extent::default();
        Cut { line: self.began, content }
    }

    /// Passes over the rest of a line.
    fn pass_line(&mut self) -> io::Result<Cut> {
        loop {
            let line = self.unseen().iter().position(|&byte| byte == b'\n');
            self.pass(line.map_or(self.unseen().len(), |at| at + 1));
            self.start = self.seen;
            if line.is_some() || self.at_end {
                return Ok(Cut { line: self.began, content: Content::NotAnObject });
            }
            self.pull()?;
        }
    }
}

impl<R: BufRead> Iterator for Values<R> {
    type Item = io::Result<Cut>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Walks through one document.
#[derive(Debug)]
pub(super) struct Source<R> {
    source: R,
}

/// A value cut out of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Value(Vec<u8>),
    TooLarge,
    /// The file ends first.
    Unfinished,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source }
    }

    /// The next byte that is not white space; stays.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.source.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = chunk.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = chunk.get(blank).copied();
            self.source.consume(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Consumes the byte that [`peek`](Self::peek) saw.
    pub(super) fn bump(&mut self) {
        self.source.consume(1);
    }

    /// Consumes `bytes` where they are next.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        for &byte in bytes {
            if self.source.fill_buf()?.first() != Some(&byte) {
                break;
            }
            self.source.consume(1);
        }
        Ok(())
    }

    /// Cuts the next value out. One that is longer than `limit` is passed over.
    pub(super) fn value(&mut self, limit: usize) -> io::Result<Piece> {
        self.peek()?;
        let mut extent = Extent::default();
        let mut value = Vec::new();
        let mut too_large = false;
        loop {
            let chunk = self.source.fill_buf()?;
            if chunk.is_empty() {
                // Nothing marks the end of a bare number but what comes after it.
                return Ok(if extent.in_scalar { Piece::Value(value) } else { Piece::Unfinished });
            }
            let end = extent.advance(chunk);
            let piece = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            too_large |= value.len() + piece.len() > limit;
            if too_large {
                value = Vec::new();
            } else {
                value.extend_from_slice(piece);
            }
            let count = piece.len();
            self.source.consume(count);
            if end.is_some() {
                return Ok(if too_large { Piece::TooLarge } else { Piece::Value(value) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    const MARKER: &[u8] = b"{\"http_";

    fn cuts(text: &str, chunk: usize, limit: usize) -> Vec<(u64, Content)> {
        let source = BufReader::with_capacity(chunk, text.as_bytes());
        Values::new(source, limit, MARKER).map(|cut| cut.unwrap()).map(|cut| (cut.line, cut.content)).collect()
    }

    fn value(line: u64, text: &str) -> (u64, Content) {
        (line, Content::Value(text.into()))
    }

    #[test]
    fn values_are_cut_whatever_the_layout_and_the_chunks() {
        let pretty = "{\n \"a\": \"}{\\\"\\\\\"\n}";
        let text = format!("{{\"a\":1}}{{\"b\":[{{}}]}}\n\n{pretty}\r\n{{}}");
        for chunk in 1..text.len() {
            assert_eq!(
                cuts(&text, chunk, 100),
                [value(1, "{\"a\":1}"), value(1, "{\"b\":[{}]}"), value(3, pretty), value(6, "{}")],
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn a_value_that_does_not_end_costs_itself_only() {
        for chunk in 1..40 {
            assert_eq!(
                cuts("{\"http_a\":\"x\n{\"http_b\":1}\nnoise\n{\"c\":", chunk, 100),
                [
                    (1, Content::Unfinished("{\"http_a\":\"x\n".into())),
                    value(2, "{\"http_b\":1}"),
                    (3, Content::NotAnObject),
                    (4, Content::Unfinished("{\"c\":".into())),
                ],
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn a_value_over_the_limit_is_passed_over() {
        let long = "x".repeat(500);
        for chunk in [1, 7, 64, 1000] {
            assert_eq!(
                cuts(&format!("{{\"a\":\"{long}\"}}{{\"b\":2}}\n{{\"c\":3}}"), chunk, 50),
                [(1, Content::TooLarge), value(1, "{\"b\":2}"), value(2, "{\"c\":3}")],
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn the_buffer_never_holds_more_than_the_limit_and_a_chunk() {
        let text = format!("{{\"a\":\"{}", "x\n".repeat(500_000));
        let mut values = Values::new(text.as_bytes(), 1000, MARKER);
        let cut = values.next().unwrap().unwrap();
        assert_eq!(cut.content, Content::TooLarge);
        assert!(values.buffer.capacity() <= 4 * CHUNK, "{}", values.buffer.capacity());
    }

    #[test]
    fn a_document_is_walked_in_any_chunks() {
        let text = " [ 12 ,\"a\\\"]\" , {\"b\":[1]}\n]";
        for chunk in 1..text.len() {
            let mut source = Source::new(BufReader::with_capacity(chunk, text.as_bytes()));
            let mut values = Vec::new();
            while let Some(next) = source.peek().unwrap() {
                if b"[,]".contains(&next) {
                    source.bump();
                    continue;
                }
                values.push(source.value(10).unwrap());
            }
            let value = |text: &str| Piece::Value(text.into());
            assert_eq!(values, [value("12"), value("\"a\\\"]\""), value("{\"b\":[1]}")]);
        }
    }

    #[test]
    fn a_large_value_of_a_document_is_not_kept() {
        let text = format!("\"{}\",1", "x".repeat(100));
        let mut source = Source::new(text.as_bytes());
        assert_eq!(source.value(100).unwrap(), Piece::TooLarge);
        source.bump();
        assert_eq!(source.value(100).unwrap(), Piece::Value(b"1".to_vec()));
        assert_eq!(source.value(100).unwrap(), Piece::Unfinished);
    }
}
