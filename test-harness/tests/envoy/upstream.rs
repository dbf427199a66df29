//! The API behind the gateway: records what reaches it, the moment it does, and answers 200, or what a test wants.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::answer::{Headers, header};
use crate::client_h2::fields;
use crate::http1::Reader;

/// What an upstream without an API of its own answers to everything.
const BODY: &[u8] = br#"{"ok":true}"#;

/// What an upstream does about a request.
pub(crate) enum Reply {
    /// Sends these bytes and waits for the next request.
    Send(Vec<u8>),
    /// Sends these bytes and closes the connection.
    SendAndClose(Vec<u8>),
    /// Sends these bytes and never another one.
    SendAndStall(Vec<u8>),
    /// Resets the connection.
    Reset,
}

impl Reply {
    /// A JSON answer of this status.
    pub(crate) fn json(status: u16, body: &[u8]) -> Self {
        Self::Send(response(status, &[("content-type", "application/json")], body))
    }
}

/// The bytes of an answer, with the length of its body.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Answer\r\nx-upstream: reached\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

/// What answers an upstream's requests over HTTP/1.1.
pub(crate) trait Api: Send + Sync + 'static {
    /// What to do about a request that has arrived whole.
    fn reply(&self, request: Received) -> impl Future<Output = Reply> + Send;
}

/// Answers everything alike.
struct Contented;

impl Api for Contented {
    async fn reply(&self, _: Received) -> Reply {
        Reply::json(200, BODY)
    }
}

/// A request as it reached the upstream: there from its head on, growing with its body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Headers,
    pub(crate) trailers: Headers,
    pub(crate) body: Vec<u8>,
    /// The end of the request has arrived.
    pub(crate) complete: bool,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        header(&self.headers, name)
    }
}

#[derive(Default)]
struct Record {
    bytes: AtomicU64,
    requests: Mutex<Vec<Received>>,
}

impl Record {
    fn requests(&self) -> MutexGuard<'_, Vec<Received>> {
        self.requests.lock().expect("record")
    }

    fn open(&self, received: Received) -> usize {
        let mut requests = self.requests();
        requests.push(received);
        requests.len() - 1
    }
}

/// A server on loopback. It stops when dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) http2: bool,
    record: Arc<Record>,
    acceptor: JoinHandle<()>,
}

impl Upstream {
    /// Speaks HTTP/1.1.
    pub(crate) async fn http1() -> Self {
        Self::start(false, Arc::new(Contented)).await
    }

    /// Speaks HTTP/1.1, and answers as `api` says.
    pub(crate) async fn serving(api: Arc<impl Api>) -> Self {
        Self::start(false, api).await
    }

    /// Speaks HTTP/2 over cleartext.
    pub(crate) async fn http2() -> Self {
        Self::start(true, Arc::new(Contented)).await
    }

    async fn start(http2: bool, api: Arc<impl Api>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback");
        let address = listener.local_addr().expect("address");
        let record = Arc::new(Record::default());
        let shared = Arc::clone(&record);
        let acceptor = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (record, api) = (Arc::clone(&shared), Arc::clone(&api));
                let stream = Counted { stream, record: Arc::clone(&record) };
                // A connection ends with an error when the test is over; what arrived is on record.
                tokio::spawn(async move {
                    if http2 {
                        let _ = serve_http2(stream, record).await;
                    } else {
                        let _ = serve_http1(stream, &record, &*api).await;
                    }
                });
            }
        });
        Self { address, http2, record, acceptor }
    }

    /// Everything that has reached the upstream so far, whole or not.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.record.requests().clone()
    }

    /// Bytes read from all connections: 0 means not even the first byte of a head.
    pub(crate) fn bytes(&self) -> u64 {
        self.record.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn serve_http1(stream: Counted, record: &Record, api: &impl Api) -> io::Result<()> {
    let (read, mut write) = tokio::io::split(stream);
    let mut reader = Reader::new(read);
    while let Some(head) = reader.head().await? {
        let mut words = head.first_line.split(' ');
        let framing = head.request_framing()?;
        let at = record.open(Received {
            method: words.next().unwrap_or_default().to_owned(),
            path: words.next().unwrap_or_default().to_owned(),
            headers: head.headers,
            ..Received::default()
        });
        reader
            .body(framing, |piece| {
                record.requests()[at].body.extend_from_slice(piece);
            })
            .await?;
        let request = {
            let mut requests = record.requests();
            requests[at].complete = true;
            requests[at].clone()
        };
        match api.reply(request).await {
            Reply::Send(bytes) => write.write_all(&bytes).await?,
            Reply::SendAndClose(bytes) => return write.write_all(&bytes).await,
            Reply::SendAndStall(bytes) => {
                write.write_all(&bytes).await?;
                return pending().await;
            }
            Reply::Reset => return reader.into_stream().unsplit(write).stream.set_zero_linger(),
        }
    }
    Ok(())
}

async fn serve_http2(stream: Counted, record: Arc<Record>) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::spawn(answer_http2(request, respond, Arc::clone(&record)));
    }
    Ok(())
}

async fn answer_http2(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    record: Arc<Record>,
) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let at = record.open(Received {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: fields(&head.headers),
        ..Received::default()
    });
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        record.requests()[at].body.extend_from_slice(&piece);
    }
    if let Some(trailers) = body.trailers().await? {
        record.requests()[at].trailers = fields(&trailers);
    }
    record.requests()[at].complete = true;
    let response = http::Response::builder()
        .header("x-upstream", "reached")
        .header("content-type", "application/json")
        .body(())
        .expect("response");
    respond.send_response(response, false)?.send_data(Bytes::from_static(BODY), true)
}

/// A stream that counts what is read from it before anything looks at it.
struct Counted {
    stream: TcpStream,
    record: Arc<Record>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        let arrived = buf.filled().len() - before;
        self.record.bytes.fetch_add(arrived as u64, Ordering::SeqCst);
        poll
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
