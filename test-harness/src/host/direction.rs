//! One direction of an HTTP stream: what arrived, what is held for the guest, what went on.
//!
//! No wasm here: this is the gateway's side of the rules in the module documentation, as a state
//! machine. [`Direction::arrive`] says what to ask the guest, [`Direction::conclude`] applies its
//! answer, [`Direction::resume`] its `continue_stream`.

use super::HeaderMap;
use std::mem;

/// Which part of a message a callback, a pause or an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The head.
    Headers,
    /// The body.
    Body,
    /// The trailers.
    Trailers,
}

/// What has been let through so far in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transmitted {
    /// The head, once it has been let through.
    pub headers: Option<HeaderMap>,
    /// The body bytes let through.
    pub body: Vec<u8>,
    /// The trailers, if there were any and they have been let through.
    pub trailers: Option<HeaderMap>,
    /// Whether the message is complete.
    pub complete: bool,
}

/// Something that arrives from the network.
#[derive(Debug)]
pub(crate) enum Arrival {
    Headers(HeaderMap, bool),
    Body(Vec<u8>, bool),
    Trailers(HeaderMap),
}

/// The callback to make for an arrival, with its ABI arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    Headers { count: usize, end_of_stream: bool },
    Body { size: usize, end_of_stream: bool },
    Trailers { count: usize },
}

impl Callback {
    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Headers { .. } => Stage::Headers,
            Self::Body { .. } => Stage::Body,
            Self::Trailers { .. } => Stage::Trailers,
        }
    }
}

/// What the guest answered to a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Continue,
    Pause,
    /// Pause, and no further callback for this direction until the guest resumes it.
    StopAll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    #[default]
    Flowing,
    Paused(Stage),
    /// Paused in headers, and what arrives meanwhile is kept away from the guest.
    Stopped,
}

/// How far the network has delivered the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Nothing,
    Head,
    End,
}

#[derive(Debug, Default)]
pub(crate) struct Direction {
    progress: Progress,
    hold: Hold,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    pub(crate) headers_open: bool,
    pub(crate) trailers_open: bool,
    /// Body bytes held, which the guest may read and change.
    pub(crate) held: Vec<u8>,
    /// Whether the guest has been shown the end of the message.
    ended: bool,
    has_trailers: bool,
    /// What arrived while stopped, in order.
    unseen: Vec<Arrival>,
    sent: Transmitted,
}

impl Direction {
    /// Takes what arrived; gives the callback to make, or `None` when it is kept back.
    ///
    /// # Errors
    /// A sentence saying why that cannot arrive now.
    pub(crate) fn arrive(&mut self, arrival: Arrival) -> Result<Option<Callback>, &'static str> {
        match (self.progress, &arrival) {
            (Progress::Nothing, Arrival::Headers(..)) | (Progress::Head, Arrival::Body(..)) => {}
            (Progress::Head, Arrival::Trailers(_)) => {}
            (Progress::Nothing, _) => return Err("the headers have not been delivered yet"),
            (_, Arrival::Headers(..)) => return Err("the headers have been delivered already"),
            (Progress::End, _) => return Err("the message has ended already"),
        }
        self.progress = match arrival {
            Arrival::Headers(_, false) | Arrival::Body(_, false) => Progress::Head,
            Arrival::Headers(_, true) | Arrival::Body(_, true) | Arrival::Trailers(_) => Progress::End,
        };
        if self.hold == Hold::Stopped {
            self.unseen.push(arrival);
            return Ok(None);
        }
        Ok(Some(self.show(arrival)))
    }

    /// Applies the guest's answer to the callback about `stage`.
    pub(crate) fn conclude(&mut self, stage: Stage, answer: Answer) {
        match answer {
            Answer::Continue => {
                match stage {
                    Stage::Headers => self.headers_open = false,
                    Stage::Body => {}
                    Stage::Trailers => self.trailers_open = false,
                }
                self.release();
            }
            Answer::Pause => self.hold = Hold::Paused(stage),
            Answer::StopAll => self.hold = Hold::Stopped,
        }
    }

    /// `continue_stream`: lets go what is held, closes the maps to the guest.
    ///
    /// What arrived while stopped is to be shown to the guest now: see [`Direction::next_unseen`].
    pub(crate) fn resume(&mut self) {
        if self.hold == Hold::Flowing {
            return;
        }
        self.headers_open = false;
        self.trailers_open = false;
        self.release();
    }

    /// The next callback owed after a [`Direction::resume`]: all body that was kept back in one
    /// piece, then the trailers.
    pub(crate) fn next_unseen(&mut self) -> Option<Callback> {
        if self.unseen.is_empty() || self.hold == Hold::Stopped {
            return None;
        }
        let (mut body, mut end, mut any, mut trailers) = (Vec::new(), false, false, None);
        for arrival in mem::take(&mut self.unseen) {
            match arrival {
                Arrival::Body(mut chunk, last) => {
                    body.append(&mut chunk);
                    end |= last;
                    any = true;
                }
                Arrival::Trailers(map) => trailers = Some(map),
                Arrival::Headers(..) => {}
            }
        }
        match (any, trailers) {
            (true, trailers) => {
                self.unseen.extend(trailers.map(Arrival::Trailers));
                Some(self.show(Arrival::Body(body, end)))
            }
            (false, Some(trailers)) => Some(self.show(Arrival::Trailers(trailers))),
            (false, None) => None,
        }
    }

    /// Drops what is held, because a local reply takes its place.
    pub(crate) fn discard(&mut self) {
        self.progress = Progress::End;
        self.hold = Hold::Flowing;
        self.held = Vec::new();
        self.unseen = Vec::new();
    }

    /// Replaces whatever was going on by a complete message the guest does not see.
    pub(crate) fn overrule(&mut self, sent: Transmitted) {
        self.discard();
        self.sent = sent;
    }

    /// Where it is paused, if it is.
    pub(crate) fn paused(&self) -> Option<Stage> {
        match self.hold {
            Hold::Flowing => None,
            Hold::Paused(stage) => Some(stage),
            Hold::Stopped => Some(Stage::Headers),
        }
    }

    /// Whether a head has arrived.
    pub(crate) fn begun(&self) -> bool {
        self.progress != Progress::Nothing
    }

    pub(crate) fn sent(&self) -> &Transmitted {
        &self.sent
    }

    fn show(&mut self, arrival: Arrival) -> Callback {
        match arrival {
            Arrival::Headers(map, end_of_stream) => {
                self.headers = map;
                self.headers_open = true;
                self.ended = end_of_stream;
                Callback::Headers { count: self.headers.len(), end_of_stream }
            }
            Arrival::Body(mut chunk, end_of_stream) => {
                self.held.append(&mut chunk);
                self.ended = end_of_stream;
                Callback::Body { size: self.held.len(), end_of_stream }
            }
            Arrival::Trailers(map) => {
                self.trailers = map;
                self.trailers_open = true;
                self.ended = true;
                self.has_trailers = true;
                Callback::Trailers { count: self.trailers.len() }
            }
        }
    }

    fn release(&mut self) {
        self.hold = Hold::Flowing;
        // A snapshot: what the guest changes after this moment reaches nobody.
        if self.sent.headers.is_none() {
            self.sent.headers = Some(self.headers.clone());
        }
        self.sent.body.append(&mut self.held);
        if self.has_trailers {
            self.sent.trailers = Some(self.trailers.clone());
        }
        self.sent.complete = self.ended;
    }
}
