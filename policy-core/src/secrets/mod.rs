//! Live secrets in a request: keys, tokens, private keys and card numbers do not leave through the gateway, whatever
//! a rule permits.
//!
//! ```text
//! path segments, query names and values, member names, strings and numbers of a body (all decoded)
//!   sweep          one pass per text, which stops only at bytes that every secret has
//!     tokens       keys that begin with their issuer's prefix
//!     private_key  PEM and OpenPGP blocks
//!     aws          an access key id counts beside its secret
//!     supabase     a JWT whose payload says `service_role`
//!     card         issuer, length and Luhn; how it is written decides where a chance match is likely
//!   Reason         the detector and the place; the value itself is never repeated
//! ```
//!
//! What this does not do: it does not look into headers (credentials belong there), into bodies that no rule reads, nor
//! below another encoding (base64, gzip), and it does not put together what was split over two texts (but for the two
//! halves of an AWS key). It stops what leaks by mistake, not who hides on purpose: for that, rules list fields.

mod aws;
mod card;
mod private_key;
mod supabase;
mod sweep;
mod tokens;

use alloc::format;

use serde::{Deserialize, Serialize};

use self::sweep::{Sign, sweep};
use crate::decision::{Code, Reason};
use crate::document::{Document, Part, Piece, Value};
use crate::quote::quote;
use crate::request::Request;

macro_rules! detectors {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $what:literal,)*) => {
        /// What looks for one kind of secret. The names are stable: pages switch detectors off by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Detector { $($(#[$doc])* $variant,)* }

        impl Detector {
            /// Every detector, in the order of this list.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it finds, for a message.
            const fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }
    };
}

detectors! {
    /// PEM and OpenPGP private key blocks.
    PrivateKey = "private_key": "a private key",
    /// Live secret and restricted keys of Stripe.
    Stripe = "stripe": "a live Stripe key",
    /// An AWS access key id together with its secret.
    Aws = "aws": "an AWS access key with its secret",
    /// Tokens of GitHub.
    Github = "github": "a GitHub token",
    /// Tokens of Slack.
    Slack = "slack": "a Slack token",
    /// Consumer secrets of WooCommerce.
    Woocommerce = "woocommerce": "a WooCommerce consumer secret",
    /// API keys of Google.
    Google = "google": "a Google API key",
    /// API keys of OpenAI.
    Openai = "openai": "an OpenAI key",
    /// API keys of Anthropic.
    Anthropic = "anthropic": "an Anthropic key",
    /// Service keys of Supabase.
    Supabase = "supabase": "a Supabase service key",
    /// Payment card numbers.
    Card = "card": "a card number",
}

impl Detector {
    /// The detector of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|detector| detector.name() == name)
    }
}

/// Where a text stands in a request.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// A path segment, counted from 1.
    Path(usize),
    QueryName,
    /// The value of the query parameter of this name.
    Query(&'a str),
    Body(&'a Document, Piece<'a>),
}

/// Looks for the first live secret of a request, in the order path, query, body. Detectors in `off` find nothing.
pub(crate) fn find(request: &Request, body: Option<&Document>, off: &[Detector]) -> Option<Reason> {
    look(Some(request), body, off)
}

/// The same for a document that a decoder made of a body. Its places are none of the body's.
pub(crate) fn find_in(document: &Document, off: &[Detector]) -> Option<Reason> {
    look(None, Some(document), off).map(|reason| Reason { pointer: None, ..reason })
}

fn look(request: Option<&Request>, body: Option<&Document>, off: &[Detector]) -> Option<Reason> {
    let mut aws_id = false;
    let mut plain_card = false;
    for (text, place) in texts(request, body) {
        if text.len() < sweep::SHORTEST {
            continue;
        }
        let mut found = None;
        let mut plain = None;
        sweep(text, &mut |sign| match sign {
            Sign::Secret(detector) if found.is_none() && !off.contains(&detector) => found = Some(detector),
            Sign::Secret(_) => {}
            Sign::AwsId => aws_id = true,
            Sign::PlainCard(written) => plain = plain.max(Some(written)),
        });
        if let Some(plain) = plain.filter(|_| found.is_none() && !off.contains(&Detector::Card)) {
            if card::in_text(plain, text) {
                found = Some(Detector::Card);
            }
            plain_card = true;
        }
        if let Some(detector) = found {
            return Some(reason(detector, place));
        }
    }
    // Halves that count only beside something else: rare, so that a second pass costs nothing elsewhere.
    let named = if plain_card { named_card(request, body) } else { None };
    let pair = || if aws_id && !off.contains(&Detector::Aws) { aws_secret(request, body) } else { None };
    named.or_else(pair)
}

/// A plain number below a name that speaks of cards.
fn named_card(request: Option<&Request>, body: Option<&Document>) -> Option<Reason> {
    let mut card: Option<Value<'_>> = None;
    texts(request, body).find_map(|(text, place)| {
        let named = match place {
            Place::Path(_) | Place::QueryName => false,
            Place::Query(name) => card::speaks_of_cards(name),
            Place::Body(_, piece) => {
                let below = card.is_some_and(|card| card.contains(piece.value));
                if !below && piece.part == Part::Name && card::speaks_of_cards(text) {
                    card = Some(piece.value);
                }
                below && piece.part == Part::Value
            }
        };
        let mut plain = false;
        if named {
            sweep(text, &mut |sign| plain |= matches!(sign, Sign::PlainCard(_)));
        }
        plain.then(|| reason(Detector::Card, place))
    })
}

/// The secret of an AWS access key whose id was seen.
fn aws_secret(request: Option<&Request>, body: Option<&Document>) -> Option<Reason> {
    let (_, place) = texts(request, body).find(|(text, place)| {
        // A `+` that was not encoded reads as a blank in a query: it is one of the secret's characters.
        let sent_as_blank = || text.contains(' ') && aws::has_secret(&text.replace(' ', "+"));
        aws::has_secret(text) || (matches!(place, Place::Query(_)) && sent_as_blank())
    })?;
    Some(reason(Detector::Aws, place))
}

/// Every text of a request that is looked through.
fn texts<'a>(request: Option<&'a Request>, body: Option<&'a Document>) -> impl Iterator<Item = (&'a str, Place<'a>)> {
    let path = request
        .into_iter()
        .flat_map(|request| request.segments.iter().zip(1..))
        .map(|(segment, nth)| (segment.text.as_str(), Place::Path(nth)));
    let query = request.into_iter().flat_map(|request| &request.query).flat_map(|pair| {
        [(pair.name.as_str(), Place::QueryName), (pair.value.as_str(), Place::Query(pair.name.as_str()))]
    });
    let body = body
        .into_iter()
        .flat_map(|document| document.pieces().map(move |piece| (piece.text, Place::Body(document, piece))));
    path.chain(query).chain(body)
}

/// The reason to refuse. It repeats no text in which the secret was found; names it does repeat were looked through
/// before.
fn reason(detector: Detector, place: Place<'_>) -> Reason {
    let (place, pointer) = match place {
        Place::Path(nth) => (format!("segment {nth} of the path"), None),
        Place::QueryName => ("the name of a query parameter".into(), None),
        Place::Query(name) => (quote(&format!("query.{name}")), None),
        Place::Body(document, piece) => {
            let mut pointer = document.pointer_of(piece.value);
            if piece.part == Part::Name {
                // The pointer's last token is the name itself.
                pointer.truncate(pointer.rfind('/').unwrap_or(0));
                ("the name of a member of the body".into(), Some(pointer))
            } else {
                ("the body".into(), Some(pointer))
            }
        }
    };
    let message =
        format!("{} (detector {}) in {place}; send the request without it", detector.what(), quote(detector.name()));
    Reason { code: Code::SecretFound, message, pointer }
}

#[cfg(test)]
mod tests;
