//! An HTTP/2 client over cleartext with prior knowledge: frames, trailers and pauses under control.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::deadline::within;

const LIMIT: Duration = Duration::from_secs(20);

/// One HTTP/2 connection to the gateway.
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("gateway accepts connections");
        stream.set_nodelay(true).expect("nodelay");
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let driver = tokio::spawn(async move {
            // The end of the connection shows in the streams.
            let _ = connection.await;
        });
        Self { requests, driver }
    }

    /// Starts a request. With `end` its head is all of it.
    pub(crate) async fn start(&mut self, method: &str, url: &str, headers: &[(&str, &[u8])], end: bool) -> Stream {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value).expect("header value");
            request = request.header(*name, value);
        }
        let mut ready =
            within(LIMIT, "room for a stream", self.requests.clone().ready()).await.expect("connection open");
        let (response, body) = ready.send_request(request.body(()).expect("request"), end).expect("request sent");
        Stream { response, body }
    }

    /// Sends a request with a whole body in one frame and reads its answer.
    pub(crate) async fn exchange(&mut self, method: &str, url: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Answer {
        let mut stream = self.start(method, url, headers, body.is_empty()).await;
        if !body.is_empty() {
            stream.data(body, true).await;
        }
        stream.answer().await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One request under way.
pub(crate) struct Stream {
    response: ResponseFuture,
    body: SendStream<Bytes>,
}

impl Stream {
    /// Sends `bytes` in frames as large as the peer's window lets them be: one frame for few bytes.
    pub(crate) async fn data(&mut self, bytes: &[u8], end: bool) {
        assert!(self.try_data(bytes, end).await, "the gateway takes the body");
    }

    /// As [`Stream::data`]; false when the gateway has ended the stream and reads no more.
    pub(crate) async fn try_data(&mut self, bytes: &[u8], end: bool) -> bool {
        let mut rest = Bytes::copy_from_slice(bytes);
        while !rest.is_empty() {
            self.body.reserve_capacity(rest.len());
            let room = within(LIMIT, "room in the window", async {
                std::future::poll_fn(|cx| self.body.poll_capacity(cx)).await
            })
            .await;
            let Some(Ok(room)) = room else { return false };
            let piece = rest.split_to(room.min(rest.len()));
            if self.body.send_data(piece, end && rest.is_empty()).is_err() {
                return false;
            }
        }
        true
    }

    /// Ends the request with trailers.
    pub(crate) fn trailers(&mut self, fields: &[(&str, &str)]) {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("trailer name");
            map.append(name, HeaderValue::from_str(value).expect("trailer value"));
        }
        self.body.send_trailers(map).expect("trailers sent");
    }

    /// Ends the request with an empty frame.
    pub(crate) fn end(&mut self) {
        self.body.send_data(Bytes::new(), true).expect("end sent");
    }

    /// Gives the request up (RST_STREAM, CANCEL).
    pub(crate) fn cancel(mut self) {
        self.body.send_reset(h2::Reason::CANCEL);
    }

    /// Reads the answer to its end.
    pub(crate) async fn answer(self) -> Answer {
        let Self { response, body } = self;
        let answer = within(LIMIT, "an answer", async {
            let (head, stream) = response.await.expect("a response").into_parts();
            Answer { status: head.status.as_u16(), headers: fields(&head.headers), body: read(stream).await }
        })
        .await;
        drop(body);
        answer
    }
}

/// A header map as names and raw values.
pub(crate) fn fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect()
}

async fn read(mut stream: RecvStream) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let Ok(piece) = piece else { break };
        let _ = stream.flow_control().release_capacity(piece.len());
        body.extend_from_slice(&piece);
    }
    body
}
