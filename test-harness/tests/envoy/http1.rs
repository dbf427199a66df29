//! HTTP/1.1 framing (RFC 9112), read byte by byte as it arrives; used by the client and the upstream.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::answer::Headers;

/// A message head: the first line and the header fields.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) first_line: String,
    pub(crate) headers: Headers,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Head {
    /// The framing of a request body: without a length there is none.
    pub(crate) fn request_framing(&self) -> io::Result<Framing> {
        Ok(self.declared_framing()?.unwrap_or(Framing::Length(0)))
    }

    /// The framing of a response body: without a length it ends with the connection.
    pub(crate) fn response_framing(&self) -> io::Result<Framing> {
        Ok(self.declared_framing()?.unwrap_or(Framing::UntilClose))
    }

    fn declared_framing(&self) -> io::Result<Option<Framing>> {
        for (name, value) in &self.headers {
            if name == "transfer-encoding" && value.eq_ignore_ascii_case(b"chunked") {
                return Ok(Some(Framing::Chunked));
            }
            if name == "content-length" {
                let length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                return length.map(|n| Some(Framing::Length(n))).ok_or_else(|| malformed("content-length"));
            }
        }
        Ok(None)
    }
}

/// Reads messages from a byte stream.
pub(crate) struct Reader<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The stream; what was read ahead is dropped.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// The next message head; `None` when the peer closed before sending a byte of it.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let mut lines = head[..end].split(|b| *b == b'\n').map(|l| l.trim_ascii());
        let first_line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        Ok(Some(Head { first_line, headers: lines.map(field).collect::<io::Result<_>>()? }))
    }

    /// Reads a body to its end, handing over each piece as it arrives. Trailers are dropped.
    pub(crate) async fn body(&mut self, framing: Framing, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
        match framing {
            Framing::Length(length) => self.exactly(length, &mut piece).await,
            Framing::UntilClose => loop {
                piece(&self.buffer);
                self.buffer.clear();
                if !self.fill().await? {
                    return Ok(());
                }
            },
            Framing::Chunked => loop {
                let line = self.line().await?;
                let digits = line.split(|b| *b == b';').next().unwrap_or_default();
                let size = std::str::from_utf8(digits)
                    .ok()
                    .and_then(|d| usize::from_str_radix(d.trim(), 16).ok())
                    .ok_or_else(|| malformed("chunk size"))?;
                if size == 0 {
                    while !self.line().await?.is_empty() {}
                    return Ok(());
                }
                self.exactly(size, &mut piece).await?;
                self.line().await?;
            },
        }
    }

    async fn exactly(&mut self, mut left: usize, piece: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            if self.buffer.is_empty() && !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let take = left.min(self.buffer.len());
            piece(&self.buffer[..take]);
            self.buffer.drain(..take);
            left -= take;
        }
        Ok(())
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = self.buffer[..at].to_vec();
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for more bytes; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn field(line: &[u8]) -> io::Result<(String, Vec<u8>)> {
    let colon = find(line, b":").ok_or_else(|| malformed("header line"))?;
    let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
    Ok((name, line[colon + 1..].trim_ascii().to_vec()))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed {what}"))
}
