//! Envoy HTTP taps: the way from their records, in JSON or protobuf, to [`Exchange`]s.

use std::collections::VecDeque;

use super::body::{Announced, Followed, weigh, weigh_response};
use super::error::RecordingError;
use super::exchange::{Exchange, Position, RecordedRequest};
use super::options::ReadOptions;
use super::tap_stream::OpenTraces;
use super::tap_trace::{Buffered, Message, NO_RESPONSE, Segment, Side, Trace, evidence, finish, response};

/// Turns a sequence of records into exchanges.
#[derive(Debug)]
pub(super) struct TapReader<S> {
    records: S,
    open: OpenTraces,
    ready: VecDeque<Result<Exchange, RecordingError>>,
    /// Number of the next request; see [`Exchange::index`].
    next: u64,
    ended: bool,
}

impl<S> TapReader<S> {
    pub(super) fn new(records: S, options: &ReadOptions) -> Self {
        Self {
            records,
            open: OpenTraces::new(options.open_traces, options.open_bytes),
            ready: VecDeque::new(),
            next: 0,
            ended: false,
        }
    }

    fn take(&mut self, position: Position, trace: Trace) {
        match trace {
            Trace::Buffered(trace) => {
                let index = self.number();
                self.ready.push_back(exchange(index, position, *trace));
            }
            Trace::Segment(id, segment) => {
                if matches!(segment, Segment::Headers(Side::Request, _)) {
                    let index = self.number();
                    self.open.begin(id, index, position.clone(), &mut self.ready);
                }
                self.open.add(id, segment, position, &mut self.ready);
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl<S> Iterator for TapReader<S>
where
    S: Iterator<Item = Result<(Position, Trace), RecordingError>>,
{
    type Item = Result<Exchange, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(exchange) = self.ready.pop_front() {
                return Some(exchange);
            }
            if self.ended {
                return None;
            }
            match self.records.next() {
                Some(Ok((position, trace))) => self.take(position, trace),
                Some(Err(error)) => {
                    // A broken segment is not a request of its own; its trace has a number.
                    if self.open.never_used() {
                        self.number();
                    }
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    self.open.finish_all(&mut self.ready);
                }
            }
        }
    }
}

fn exchange(index: u64, at: Position, trace: Buffered) -> Result<Exchange, RecordingError> {
    let Message { headers, body, trailers, received } = trace.request;
    // Envoy writes an empty response where the stream was reset.
    let response = trace.response.filter(|response| !response.headers.is_empty());
    let followed = if response.is_some() { Followed::ToTheEnd } else { NO_RESPONSE };
    let announced = Announced::by(&headers);
    let body = weigh(evidence(body, &announced), &announced, followed);
    let response = match response {
        None => None,
        Some(message) => {
            let announced = Announced::by(&message.headers);
            let evidence = evidence(message.body, &announced);
            let body = weigh_response(evidence, &headers, &message.headers, Followed::ToTheEnd);
            Some(self::response(&at, message.headers, body, message.trailers)?)
        }
    };
    finish(
        index,
        at,
        received,
        None,
        RecordedRequest { headers, body, trailers, ..RecordedRequest::default() },
        response,
    )
}
