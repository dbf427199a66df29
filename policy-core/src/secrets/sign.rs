//! Signs: what a pass over a text comes upon.

use super::detector::Detector;

/// What a pass comes upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A live secret.
    Secret(Detector),
    /// An AWS access key id: half of a secret.
    AwsId,
    /// Digits without separators that could be a card number.
    PlainCard(Plain),
}

/// A plain number that passes as a card's; the later, the surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plain {
    /// Any identifier may look so.
    Alone,
    /// Nothing beside it says what else it is.
    Prose,
    /// No identifier that was drawn looks so.
    Repetitive,
}
