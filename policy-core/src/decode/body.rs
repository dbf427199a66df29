//! The body of a request, judged only when it was seen in full and has one meaning.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::form::read_form;
use super::gzip::inflate;
use crate::document::{Document, ReadErrorKind, read_json};
use crate::policy::{Api, Decoder};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::request::{MediaType, Request};

/// The answer to a need for the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The request has none, or an empty one.
    Empty,
    /// All of it.
    Complete(Vec<u8>),
    /// Not to be had.
    Unavailable(Unavailable),
}

/// Why a need cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// Larger than what is judged.
    TooLarge,
    /// The host did not hand over all of it.
    NotSeen,
    /// The recording does not hold it.
    NotRecorded,
    /// The recording holds a part of it.
    Truncated,
    /// It did not arrive in time.
    Timeout,
    /// The gateway holds it back for as long as the head is held.
    NotDelivered,
    /// Its API could not be reached.
    Unreachable,
    /// This enforcement point cannot answer such a need.
    NotSupported,
}

impl Unavailable {
    /// The reason to deny.
    pub(crate) fn reason(self, limit: usize) -> Reason {
        let (code, message) = match self {
            Self::TooLarge => (
                Code::BodyTooLarge,
                format!("the body is larger than the {limit} bytes that are judged; send less in one request"),
            ),
            Self::NotSeen => (Code::BodyNotSeen, "the gateway did not hand over the whole body".to_string()),
            Self::NotRecorded => (Code::BodyNotSeen, "the body is not in the recording".to_string()),
            Self::Truncated => (Code::BodyNotSeen, "the recording holds only a part of the body".to_string()),
            Self::Timeout => (
                Code::BodyTimeout,
                "the whole body must arrive within the gateway's body timeout; send the request again".to_string(),
            ),
            Self::NotDelivered => (
                Code::BodyNotDelivered,
                "this request waited for its body, but the gateway never delivered one: \
                 `allow_on_headers_stop_iteration: true` is missing from the Wasm plugin's configuration"
                    .to_string(),
            ),
            Self::Unreachable => (Code::BodyNotSeen, "the body could not be had".to_string()),
            Self::NotSupported => {
                (Code::Gateway, "this enforcement point cannot look up what the rule needs".to_string())
            }
        };
        Reason { code, message, pointer: None }
    }

    /// Whether a recording, not the request, is what lacks the answer.
    pub(crate) fn undecidable(self) -> Option<&'static str> {
        match self {
            Self::NotRecorded => Some("body not in the recording"),
            Self::Truncated => Some("body truncated in the recording"),
            _ => None,
        }
    }
}

/// What a body turned out to be.
#[derive(Debug)]
pub(crate) enum Content {
    /// There is none.
    None,
    /// A document: JSON, or the tree of a form.
    Document(Document),
    /// A batch of requests, which is taken apart where its parts are judged.
    Batch(Vec<u8>),
    /// Bytes that were not read: only a permit with `opaque` may let them pass. The reason is what any other permit
    /// says to them.
    Unread(Reason),
}

impl Content {
    /// The bytes that were read; `None`: none were.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::None => Some(&[]),
            Self::Document(document) => Some(document.source().as_bytes()),
            Self::Batch(bytes) => Some(bytes),
            Self::Unread(_) => None,
        }
    }
}

/// Reads a body by the strict profile; a compressed one holds at most `limit` bytes. A body as it came, where the content
/// does not hold it, is `left`: one that is not read, or compressed.
///
/// # Errors
/// A [`Reason`] to deny, whatever the permits say.
pub(crate) fn read_body(
    api: &Api,
    decoder: Decoder,
    request: &Request,
    body: Body,
    limit: usize,
    left: &mut Option<Vec<u8>>,
) -> Result<Content, Reason> {
    let bytes = match body {
        Body::Empty => {
            return match request.content_length {
                None | Some(0) => Ok(Content::None),
                Some(_) => Err(reason(Code::BodyNotSeen, "a body was announced and did not come")),
            };
        }
        Body::Complete(bytes) if bytes.is_empty() => return read_body(api, decoder, request, Body::Empty, limit, left),
        Body::Complete(bytes) => bytes,
        Body::Unavailable(why) => return Ok(Content::Unread(why.reason(0))),
    };
    if request.method.is_bodiless() {
        return Err(reason(Code::BodyOnRead, &format!("a {} request must not have a body", request.method.name())));
    }
    if request.content_length.is_some_and(|length| length != bytes.len() as u64) {
        return Err(reason(Code::BodyNotSeen, "the body is not as long as was announced"));
    }
    let encoding = match media_type(api, decoder, request) {
        Ok(encoding) => encoding,
        Err(why) => {
            *left = Some(bytes);
            return Ok(Content::Unread(why));
        }
    };
    let bytes = match encoding {
        Encoding::Identity => bytes,
        // What is judged is what the upstream will inflate; the bytes go on as they came.
        Encoding::Gzip => {
            let inflated = inflate(&bytes, limit)?;
            *left = Some(bytes);
            inflated
        }
    };
    if decoder == Decoder::Form {
        return read_form(bytes, api).map(Content::Document);
    }
    if decoder == Decoder::GoogleBatch {
        return Ok(Content::Batch(bytes));
    }
    // JSON under the name of a form: an upstream that reads a form must find no parameter in it.
    let form = content_type(request).is_ok_and(|declared| declared.essence == "application/x-www-form-urlencoded");
    if form && bytes.iter().any(|b| matches!(b, b'&' | b'=' | b';')) {
        let message = "JSON sent as a form must not hold `&`, `=` or `;`: they could be read as parameters";
        return Err(reason(Code::BodyUnparsable, message));
    }
    read_json(bytes).map(Content::Document).map_err(|e| {
        let code = match e.kind {
            ReadErrorKind::Duplicate(_) => Code::BodyDuplicateKey,
            ReadErrorKind::Encoding => Code::Charset,
            ReadErrorKind::Number => Code::ValueFormat,
            ReadErrorKind::Values => Code::BodyTooLarge,
            _ => Code::BodyUnparsable,
        };
        reason(code, &format!("the body cannot be read: {e}"))
    })
}

/// The body is declared to be what the decoder reads by one of the API's media types, in UTF-8, in an encoding that
/// the page takes.
fn media_type(api: &Api, decoder: Decoder, request: &Request) -> Result<Encoding, Reason> {
    let encoding = encoding(api, request)?;
    let declared = content_type(request)?;
    // The catalog's types are those of its own decoder; an action that is read in another way takes that one's.
    let own = [decoder.default_type().to_string()];
    let types = if decoder == api.decoder { api.types.as_slice() } else { &own };
    let added = if decoder.takes_json_types() { api.loosen.json_types.as_slice() } else { &[] };
    if !types.iter().chain(added).any(|known| *known == declared.essence) {
        let listed = crate::quote::list(types.iter().map(alloc::string::String::as_str), 4);
        let message = format!("the content type {} is not one of {listed}", quote(&declared.essence));
        return Err(reason(Code::ContentType, &message));
    }
    if !declared.utf8 {
        return Err(reason(Code::Charset, "the charset of the body is not utf-8"));
    }
    Ok(encoding)
}

/// How the bytes of a body hold its text.
enum Encoding {
    Identity,
    Gzip,
}

/// `content-encoding` is absent or `identity`, or the one the page loosens.
fn encoding(api: &Api, request: &Request) -> Result<Encoding, Reason> {
    match request.headers.single("content-encoding") {
        Ok(None) => Ok(Encoding::Identity),
        Ok(Some(text)) if text.eq_ignore_ascii_case("identity") => Ok(Encoding::Identity),
        Ok(Some(text)) if api.loosen.gzip && text.eq_ignore_ascii_case("gzip") => Ok(Encoding::Gzip),
        _ if api.loosen.gzip => Err(reason(Code::ContentEncoding, "the body is encoded in another way than gzip")),
        _ => Err(reason(Code::ContentEncoding, "the body is compressed; send it as it is")),
    }
}

/// The one media type of the body.
pub(crate) fn content_type(request: &Request) -> Result<MediaType, Reason> {
    match request.headers.single("content-type") {
        Ok(Some(text)) => MediaType::parse(text).ok_or_else(|| {
            reason(Code::ContentType, &format!("the content type {} is not one media type", quote(text)))
        }),
        Ok(None) => Err(reason(Code::ContentType, "the body has no content type")),
        Err(_) => Err(reason(Code::ContentType, "the content type is not one value of visible ASCII")),
    }
}

fn reason(code: Code, message: &str) -> Reason {
    Reason { code, message: message.to_string(), pointer: None }
}
