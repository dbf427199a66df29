//! An HTTP/1.1 client that sends exactly the bytes it is given, in the pieces it is given.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::answer::Answer;
use crate::deadline::within;
use crate::http1::Reader;

/// The start of a request: everything before its body.
#[derive(Clone)]
pub(crate) struct RequestHead(Vec<u8>);

impl RequestHead {
    /// A request line and the `host` header.
    pub(crate) fn new(method: &str, target: &str, host: &str) -> Self {
        Self::without_host(method, target).header("host", host)
    }

    /// A request line alone: whoever adds the headers chooses where `host` stands, and how often.
    pub(crate) fn without_host(method: &str, target: &str) -> Self {
        Self(format!("{method} {target} HTTP/1.1\r\n").into_bytes())
    }

    /// Adds a header field, its value as raw bytes.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value.as_ref());
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// The head with the empty line that ends it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.0.as_slice(), b"\r\n"].concat()
    }

    /// The whole request, with a body of declared length.
    pub(crate) fn with_body(self, body: &[u8]) -> Vec<u8> {
        let head = self.header("content-length", body.len().to_string());
        [head.bytes().as_slice(), body].concat()
    }

    /// The whole request, with a chunked body: one chunk for each piece, then the last one.
    pub(crate) fn with_chunks(self, pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = self.header("transfer-encoding", "chunked").bytes();
        for piece in pieces {
            bytes.extend_from_slice(&chunk(piece));
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

/// One chunk of a chunked body.
pub(crate) fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

/// One TCP connection to the gateway.
pub(crate) struct Connection {
    reader: Reader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("gateway accepts connections");
        stream.set_nodelay(true).expect("nodelay");
        let (read, writer) = stream.into_split();
        Self { reader: Reader::new(read), writer }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.expect("gateway reads");
    }

    /// Sends pieces until an answer begins, then reads that answer. The gateway may answer, and
    /// stop reading, long before the last piece.
    pub(crate) async fn send_until_answered(&mut self, pieces: impl Iterator<Item = Vec<u8>>) -> Answer {
        let Self { reader, writer } = self;
        let sending = async {
            for piece in pieces {
                if writer.write_all(&piece).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = sending => unreachable!("sending never ends by itself"),
            answer = read_answer(reader) => answer,
        }
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Reads the next answer to its end; interim (1xx) answers are skipped.
    pub(crate) async fn answer(&mut self) -> Answer {
        read_answer(&mut self.reader).await
    }

    /// Closes both directions at once, as a client that is killed does: the peer gets a reset.
    pub(crate) fn abort(self) {
        let Self { reader, writer } = self;
        let stream: &TcpStream = writer.as_ref();
        stream.set_zero_linger().expect("linger");
        drop(writer);
        drop(reader);
    }
}

async fn read_answer(reader: &mut Reader<OwnedReadHalf>) -> Answer {
    within(Duration::from_secs(20), "an answer", async {
        loop {
            let head = reader.head().await.expect("a response head").expect("an answer before the connection closes");
            let status = head.first_line.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
            if (100..200).contains(&status) {
                continue;
            }
            let framing = head.response_framing().expect("framing");
            let mut body = Vec::new();
            reader.body(framing, |piece| body.extend_from_slice(piece)).await.expect("a whole response body");
            return Answer { status, headers: head.headers, body };
        }
    })
    .await
}

/// Sends one HEAD request on a connection of its own; the answer has a head alone, whatever length it announces.
pub(crate) async fn exchange_head(address: SocketAddr, request: &[u8]) -> u16 {
    let mut connection = Connection::open(address).await;
    connection.send(request).await;
    within(Duration::from_secs(20), "an answer", async {
        let head = connection.reader.head().await.expect("a response head").expect("an answer");
        head.first_line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    })
    .await
}

/// Sends one request on a connection of its own.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    Connection::open(address).await.exchange(request).await
}
