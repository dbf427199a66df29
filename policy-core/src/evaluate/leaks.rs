//! Live secrets in a request: keys, tokens, private keys and card numbers do not leave through the gateway, whatever
//! a rule permits.
//!
//! Looked through are path segments, query names and values, member names, strings and numbers of a body (all decoded), and
//! headers. The reason says the detector and the place; the value itself is never repeated.
//!
//! What this does not do: it does not look into headers that are there for credentials (`is_credential`), into bodies
//! that no rule reads, nor below another encoding (base64 but for that of whole header values, a compression that is not loosened), and it does not put
//! together what was split over two texts (but for the two halves of an AWS key). It stops what leaks by mistake, not
//! who hides on purpose: for that, rules list fields.

use alloc::format;

use crate::approval::HEADER;
use crate::document::{Document, Part, Piece, Value};
use crate::policy::{Api, Gateway, IdentitySource};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::request::{Request, in_base64};
use crate::secrets::sign::Sign;
use crate::secrets::sweep::{SHORTEST, sweep};
use crate::secrets::{Detector, aws, card};

/// Where a text stands in a request.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// A path segment, counted from 1.
    Path(usize),
    QueryName,
    /// The value of the query parameter of this name.
    Query(&'a str),
    HeaderName,
    /// A value of the header of this name.
    Header(&'a str),
    Body(&'a Document, Piece<'a>),
}

/// A request, and what is known of whom it is for.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) api: &'a Api,
    /// The head, where it is looked through.
    pub(super) request: Option<&'a Request>,
    /// The body, where it was read.
    pub(super) body: Option<&'a Document>,
}

/// Looks for the first live secret of a request, in the order path, query, headers, body. Detectors that the API's page
/// switches off find nothing.
pub(super) fn find(sent: Sent<'_>) -> Option<Reason> {
    let mut search = Search { sent, aws_id: false, plain_card: false };
    if let Some(found) = search.head() {
        return Some(found);
    }
    for piece in sent.body.into_iter().flat_map(|document| document.pieces().map(move |piece| (document, piece))) {
        let (document, piece) = piece;
        if let Some(found) = search.look(piece.text.as_bytes(), Place::Body(document, piece)) {
            return Some(found);
        }
    }
    // Halves that count only beside something else: rare, so that a second pass costs nothing elsewhere.
    let named = if search.plain_card { named_card(sent) } else { None };
    let pair =
        || if search.aws_id && !sent.api.loosen.secrets.contains(&Detector::Aws) { aws_secret(sent) } else { None };
    named.or_else(pair)
}

/// The same for a document that a decoder made of a body. Its places are none of the body's.
pub(super) fn find_unfolded(sent: Sent<'_>, document: &Document) -> Option<Reason> {
    let sent = Sent { request: None, body: Some(document), ..sent };
    find(sent).map(|reason| Reason { pointer: None, ..reason })
}

/// One pass over a request.
struct Search<'a> {
    sent: Sent<'a>,
    /// An AWS access key id was seen.
    aws_id: bool,
    /// Digits were seen that are a card's if something beside them says so.
    plain_card: bool,
}

impl<'a> Search<'a> {
    fn head(&mut self) -> Option<Reason> {
        let request = self.sent.request?;
        for (segment, nth) in request.segments.iter().zip(1..) {
            if let Some(found) = self.look(segment.text.as_bytes(), Place::Path(nth)) {
                return Some(found);
            }
        }
        for pair in &request.query {
            let name = self.look(pair.name.as_bytes(), Place::QueryName);
            if let Some(found) = name.or_else(|| self.look(pair.value.as_bytes(), Place::Query(&pair.name))) {
                return Some(found);
            }
        }
        for (name, value) in request.headers.iter() {
            // What pseudo-headers say was read before: the path, the query, and a host of the page.
            if name.starts_with(':') {
                continue;
            }
            // A name is in small letters, which few keys survive; those are longer than names are.
            let of_name = if name.len() > LONG_NAME { self.look(name.as_bytes(), Place::HeaderName) } else { None };
            let found = of_name.or_else(|| self.look(value, Place::Header(name)));
            if let Some(found) = found.or_else(|| self.look(&in_base64(value)?.ok()?, Place::Header(name))) {
                return Some(found);
            }
        }
        None
    }

    fn look(&mut self, text: &[u8], place: Place<'a>) -> Option<Reason> {
        if text.len() < SHORTEST {
            return None;
        }
        let off = &self.sent.api.loosen.secrets;
        let mut found = None;
        let mut aws_id = false;
        let mut plain = None;
        sweep(text, &mut |sign| match sign {
            Sign::Secret(detector) if found.is_none() && !off.contains(&detector) => found = Some(detector),
            Sign::Secret(_) => {}
            Sign::AwsId => aws_id = true,
            Sign::PlainCard(written) => plain = plain.max(Some(written)),
        });
        if found.is_none() && !aws_id && plain.is_none() {
            return None;
        }
        // Asked last: hardly any header holds a sign.
        if matches!(place, Place::Header(name) if is_credential(name, self.sent)) {
            return None;
        }
        self.aws_id |= aws_id;
        if let Some(plain) = plain.filter(|_| found.is_none() && !off.contains(&Detector::Card)) {
            if card::in_text(plain, text) {
                found = Some(Detector::Card);
            }
            self.plain_card = true;
        }
        found.map(|detector| reason(detector, place))
    }
}

/// Names of headers of at most so many bytes are not looked through.
const LONG_NAME: usize = 24;

/// Headers that carry credentials by the name they have everywhere: RFC 9110 §11, and the defaults of key
/// authentication in gateways. Grants are signed, and never get further than the gateway.
const CREDENTIALS: [&str; 5] = ["authorization", "proxy-authorization", "apikey", "x-api-key", HEADER];

/// Whether a key in this header is the request's own credential rather than something it carries away: headers that are
/// made for it, those that name the agent, and those the catalog guards, which pass only where a rule lists them. A
/// cookie is not among them: it is a credential too, but none in a form that a detector knows.
fn is_credential(name: &str, sent: Sent<'_>) -> bool {
    let names_agent = |source: &IdentitySource| source.header() == Some(name);
    CREDENTIALS.contains(&name)
        || sent.api.guarded_headers.iter().any(|guarded| guarded == name)
        || sent.gateway.identity.iter().any(names_agent)
}

/// Parts of the names of headers that hold a secret.
const SECRET_NAMES: [&str; 7] = ["authorization", "cookie", "token", "secret", "password", "apikey", "api-key"];

/// Whether a header's name says that its value is a credential, in whatever form: it is repeated to nobody.
pub(super) fn is_credential_by_name(name: &str, gateway: &Gateway) -> bool {
    CREDENTIALS.contains(&name)
        || SECRET_NAMES.iter().any(|part| name.contains(part))
        || gateway.identity.iter().any(|source| source.header() == Some(name))
}

/// A plain number below a name that speaks of cards.
fn named_card(sent: Sent<'_>) -> Option<Reason> {
    let mut card: Option<Value<'_>> = None;
    texts(sent).find_map(|(text, place)| {
        let named = match place {
            Place::Path(_) | Place::QueryName | Place::HeaderName => false,
            Place::Query(name) | Place::Header(name) => card::speaks_of_cards(name.as_bytes()),
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
fn aws_secret(sent: Sent<'_>) -> Option<Reason> {
    let (_, place) = texts(sent).find(|(text, place)| {
        let blanks = match place {
            Place::Query(_) | Place::QueryName => true,
            Place::Body(document, _) => document.is_untyped(),
            Place::Path(_) | Place::HeaderName | Place::Header(_) => false,
        };
        let inside = || match place {
            Place::Header(_) => in_base64(text)?.ok(),
            _ => None,
        };
        aws::has_secret(text)
            || inside().is_some_and(|text| aws::has_secret(&text))
            || (blanks && text.contains(&b' ') && aws::has_secret(&aws::plus_for_blanks(text)))
    })?;
    Some(reason(Detector::Aws, place))
}

/// Every text of a request that is looked through.
fn texts(sent: Sent<'_>) -> impl Iterator<Item = (&[u8], Place<'_>)> {
    let Sent { request, body, .. } = sent;
    let segments = request.into_iter().flat_map(|request| request.segments.iter().zip(1..));
    let path = segments.map(|(segment, nth)| (segment.text.as_bytes(), Place::Path(nth)));
    let query = request.into_iter().flat_map(|request| &request.query).flat_map(|pair| {
        [(pair.name.as_bytes(), Place::QueryName), (pair.value.as_bytes(), Place::Query(pair.name.as_str()))]
    });
    let headers = request.into_iter().flat_map(|request| request.headers.iter()).flat_map(move |(name, value)| {
        let value = (!is_credential(name, sent)).then_some((value, Place::Header(name)));
        core::iter::once((name.as_bytes(), Place::HeaderName)).chain(value)
    });
    let body = body
        .into_iter()
        .flat_map(|document| document.pieces().map(move |piece| (piece.text.as_bytes(), Place::Body(document, piece))));
    path.chain(query).chain(headers).chain(body)
}

/// The reason to refuse. It repeats no text in which the secret was found; names it does repeat were looked through
/// before.
fn reason(detector: Detector, place: Place<'_>) -> Reason {
    let (place, pointer) = match place {
        Place::Path(nth) => (format!("segment {nth} of the path"), None),
        Place::QueryName => ("the name of a query parameter".into(), None),
        Place::Query(name) => (quote(&format!("query.{name}")), None),
        Place::HeaderName => ("the name of a header".into(), None),
        Place::Header(name) => (quote(&format!("header.{name}")), None),
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
