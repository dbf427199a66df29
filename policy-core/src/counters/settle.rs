//! When what was reserved is given back: only where the upstream certainly did nothing.

/// What a gateway knows of a request that went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// A connection to an upstream was chosen: without one, nothing was sent.
    pub upstream: bool,
    /// The connection was refused or never made.
    pub connect_failed: bool,
    /// How often the gateway tried to send it. Where it does not say: more than once.
    pub attempts: u32,
    /// The status that the upstream itself answered; `None`: it did not, or the answer is the gateway's own.
    pub status: Option<u16>,
    /// Number of operations in the request.
    pub operations: usize,
}

/// Answers by which an upstream says that it did nothing. Others may come after an effect: 408 and 425 from a proxy on the
/// way, 409 and 429 from a part of the work.
const NOTHING_DONE: [u16; 7] = [400, 401, 403, 404, 405, 415, 422];

impl Signals {
    /// Whether what was reserved is given back.
    #[must_use]
    pub fn give_back(&self) -> bool {
        // Of a request that was sent twice, what became of the last says nothing of the first. Gateways forget the first
        // upstream with the next try.
        if self.attempts > 1 {
            return false;
        }
        if !self.upstream {
            return true;
        }
        match self.status {
            Some(status) => self.operations == 1 && NOTHING_DONE.contains(&status),
            None => self.connect_failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Signals = Signals { upstream: true, connect_failed: false, attempts: 1, status: None, operations: 1 };

    #[test]
    fn what_was_not_sent_is_given_back() {
        assert!(Signals { upstream: false, attempts: 0, ..SENT }.give_back());
        assert!(Signals { connect_failed: true, ..SENT }.give_back());
        // A second try that was refused says nothing of the first.
        assert!(!Signals { connect_failed: true, attempts: 2, ..SENT }.give_back());
        assert!(!Signals { upstream: false, attempts: 2, ..SENT }.give_back());
        // Reset, timeout, client gone: nobody knows.
        assert!(!SENT.give_back());
    }

    #[test]
    fn only_certain_refusals_are_given_back() {
        let given: alloc::vec::Vec<u16> =
            (100..600).filter(|status| Signals { status: Some(*status), ..SENT }.give_back()).collect();
        assert_eq!(given, [400, 401, 403, 404, 405, 415, 422]);
        assert!(!Signals { status: Some(404), operations: 2, ..SENT }.give_back());
        assert!(!Signals { status: Some(404), attempts: 2, ..SENT }.give_back());
    }
}
