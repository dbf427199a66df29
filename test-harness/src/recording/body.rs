//! What is known about a body, from what the recorder wrote and what the head announced.

use super::exchange::{Field, RecordedBody, first};
use super::json::Text;

/// What a head says about the body that follows it.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// `content-length`, where it is one number. Two that differ announce nothing.
    pub(super) length: Option<u64>,
    /// `transfer-encoding` is present (HTTP/1.1; Envoy removes it before the tap).
    pub(super) chunked: bool,
    /// A `content-encoding` other than `identity`: the body is not text as it stands.
    pub(super) encoded: bool,
    /// The declared charset is not UTF-8, nor ASCII.
    foreign_charset: bool,
}

impl Announced {
    /// Reads a head with names in lower case.
    pub(super) fn by(headers: &[Field]) -> Self {
        let values =
            |name: &'static str| headers.iter().filter(move |(n, _)| n == name.as_bytes()).map(|(_, value)| value);
        let mut lengths = values("content-length").map(|value| length(value));
        let length = match (lengths.next(), lengths.next()) {
            (Some(only), None) => only,
            _ => None,
        };
        let encoded = values("content-encoding").any(|value| {
            let value = value.trim_ascii();
            !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
        });
        Self {
            length,
            chunked: values("transfer-encoding").next().is_some(),
            encoded,
            foreign_charset: first(headers, "content-type").is_some_and(has_foreign_charset),
        }
    }
}

/// `content-length` is digits only (RFC 9110 §8.6); a sign would pass `parse`.
fn length(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let number = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn has_foreign_charset(content_type: &[u8]) -> bool {
    let lower = content_type.to_ascii_lowercase();
    let Some(at) = lower.windows(8).position(|window| window == b"charset=") else {
        return false;
    };
    let value = lower.get(at + 8..).unwrap_or_default();
    let charset: Vec<u8> = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii().to_vec();
    let charset = charset.strip_prefix(b"\"").unwrap_or(&charset);
    let charset = charset.strip_suffix(b"\"").unwrap_or(charset);
    ![&b"utf-8"[..], b"utf8", b"us-ascii", b"ascii"].contains(&charset)
}

/// What the recorder wrote down of a body.
#[derive(Debug)]
pub(super) enum Evidence {
    /// Nothing.
    None,
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, and that there were more.
    Cut(Vec<u8>),
    /// Something, but not its bytes; why.
    Lost(String),
}

/// Whether the message was followed to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// To its end.
    ToTheEnd,
    /// The recording stops and does not say whether more came.
    Unknown(&'static str),
}

/// Weighs the recorded bytes against the head. Nothing is completed by guessing: where they
/// disagree, the body is not known.
pub(super) fn weigh(evidence: Evidence, announced: &Announced, followed: Followed) -> RecordedBody {
    // Framing by chunks overrides content-length (RFC 9112 §6.3).
    let length = announced.length.filter(|_| !announced.chunked);
    match evidence {
        Evidence::Lost(reason) => RecordedBody::Undecodable { reason },
        Evidence::Cut(seen) => RecordedBody::Truncated {
            seen,
            announced: length,
            reason: "the recorder cut the body at its own limit".into(),
        },
        Evidence::None => weigh_nothing(length, announced, followed),
        Evidence::Bytes(bytes) if bytes.is_empty() => weigh_nothing(length, announced, followed),
        Evidence::Bytes(bytes) => {
            let present = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            match (length, followed) {
                (Some(length), _) if present < length => RecordedBody::Truncated {
                    seen: bytes,
                    announced: Some(length),
                    reason: format!("{present} bytes recorded, content-length says {length}"),
                },
                (Some(length), _) if present > length => RecordedBody::Undecodable {
                    reason: format!("{present} bytes recorded, content-length says {length}"),
                },
                (None, Followed::Unknown(why)) => {
                    RecordedBody::Truncated { seen: bytes, announced: None, reason: why.into() }
                }
                _ => RecordedBody::Complete(bytes),
            }
        }
    }
}

/// Weighs the body of a response, which may announce a length it does not have: an answer to
/// HEAD, 204 and 304 (RFC 9110 §6.4.1).
pub(super) fn weigh_response(
    evidence: Evidence,
    request: &[Field],
    response: &[Field],
    followed: Followed,
) -> RecordedBody {
    let mut announced = Announced::by(response);
    if is_bodiless(request, response) {
        announced.length = Some(0);
    }
    // Without a length a response may have a body, whether or not its head says so.
    announced.chunked |= announced.length.is_none();
    weigh(evidence, &announced, followed)
}

/// The response to `request` has no body whatever its head announces.
pub(super) fn is_bodiless(request: &[Field], response: &[Field]) -> bool {
    first(request, ":method") == Some(b"HEAD") || matches!(first(response, ":status"), Some(b"204" | b"304"))
}

fn weigh_nothing(length: Option<u64>, announced: &Announced, followed: Followed) -> RecordedBody {
    match (length, followed) {
        (Some(0), _) => RecordedBody::Empty,
        (Some(length), _) => {
            RecordedBody::Missing { reason: format!("content-length says {length} and no body was recorded") }
        }
        (None, Followed::Unknown(why)) if announced.chunked => RecordedBody::Missing { reason: why.into() },
        (None, _) => RecordedBody::Empty,
    }
}

/// Bytes that Envoy wrote into a string (`as_string`).
///
/// Envoy's JSON writer puts a space in place of a sequence that is not UTF-8, which cannot be
/// undone; a single byte leaves the length as it was. Three things give it away: a content-encoding
/// (compressed bytes are never text), a charset that is not UTF-8, and control characters, which
/// binary data has and text has not. Without any space nothing can have been replaced. Where
/// several bytes became one space, content-length no longer agrees, which [`weigh`] sees.
pub(super) fn from_tap_string(text: Text, announced: &Announced) -> Evidence {
    const ADVICE: &str = "tap as JSON_BODY_AS_BYTES to keep such bodies";
    if announced.encoded {
        return Evidence::Lost(format!("encoded bytes (content-encoding) were recorded as a string; {ADVICE}"));
    }
    if let Some(damage) = text.damage {
        return Evidence::Lost(format!("the recorded text {}; {ADVICE}", damage.words()));
    }
    if text.bytes.contains(&b' ') {
        if announced.foreign_charset {
            return Evidence::Lost(format!(
                "a body that is not UTF-8 by its charset was recorded as a string; {ADVICE}"
            ));
        }
        if text.bytes.iter().any(|&byte| byte.is_ascii_control() && !b"\t\n\r".contains(&byte)) {
            return Evidence::Lost(format!(
                "binary data was recorded as a string, in which a space may stand for a lost \
                 byte; {ADVICE}"
            ));
        }
    }
    Evidence::Bytes(text.bytes)
}

/// Text of a HAR. The recorder has decoded it from the declared charset; for anything but UTF-8
/// and ASCII the way back is not certain.
pub(super) fn from_decoded_text(text: Text, announced: &Announced) -> Evidence {
    if let Some(damage) = text.damage {
        return Evidence::Lost(format!("the recorded text {}", damage.words()));
    }
    if announced.foreign_charset && !text.bytes.is_ascii() {
        return Evidence::Lost("the recorder decoded the text from a charset that is not UTF-8".into());
    }
    Evidence::Bytes(text.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::json::Damage;
    use super::*;

    fn announced(list: &[(&str, &str)]) -> Announced {
        let fields: Vec<Field> = list.iter().map(|(n, v)| (n.as_bytes().into(), v.as_bytes().into())).collect();
        Announced::by(&fields)
    }

    fn weighed(evidence: Evidence, head: &[(&str, &str)], followed: Followed) -> String {
        match weigh(evidence, &announced(head), followed) {
            RecordedBody::Empty => "empty".into(),
            RecordedBody::Complete(bytes) => format!("complete {}", bytes.len()),
            RecordedBody::Truncated { seen, announced, reason } => {
                format!("truncated {} of {announced:?}: {reason}", seen.len())
            }
            RecordedBody::Missing { reason } => format!("missing: {reason}"),
            RecordedBody::Undecodable { reason } => format!("undecodable: {reason}"),
        }
    }

    #[test]
    fn the_head_and_the_bytes_must_agree() {
        use Evidence::{Bytes, Cut, None};
        use Followed::{ToTheEnd, Unknown};
        let four = || Bytes(b"four".to_vec());
        let length = |value| vec![("content-length", value)];
        let unsure = Unknown("no response was recorded");
        let chunked = [("transfer-encoding", "chunked"), ("content-length", "9")];
        for (evidence, head, followed, expected) in [
            (None, vec![], ToTheEnd, "empty"),
            (None, length("0"), ToTheEnd, "empty"),
            (Bytes(vec![]), length("0"), ToTheEnd, "empty"),
            (None, vec![], unsure, "empty"),
            (None, chunked.to_vec(), ToTheEnd, "empty"),
            (None, chunked.to_vec(), unsure, "missing: no response was recorded"),
            (None, length("2"), ToTheEnd, "missing: content-length says 2 and no body was recorded"),
            (four(), vec![], ToTheEnd, "complete 4"),
            (four(), length("4"), unsure, "complete 4"),
            (four(), chunked.to_vec(), ToTheEnd, "complete 4"),
            (four(), vec![], unsure, "truncated 4 of None: no response was recorded"),
            (four(), length("9"), ToTheEnd, "truncated 4 of Some(9): 4 bytes recorded, content-length says 9"),
            (four(), length("3"), ToTheEnd, "undecodable: 4 bytes recorded, content-length says 3"),
            (
                Cut(b"fo".to_vec()),
                length("4"),
                ToTheEnd,
                "truncated 2 of Some(4): the recorder cut the body at its own limit",
            ),
        ] {
            assert_eq!(weighed(evidence, &head, followed), expected);
        }
    }

    #[test]
    fn an_unclear_length_announces_nothing() {
        for value in ["+4", "4, 4", "", "x", "99999999999999999999999"] {
            let head = [("content-length", value)];
            assert_eq!(announced(&head).length, None, "{value}");
        }
        assert_eq!(announced(&[("content-length", "4"), ("content-length", "5")]).length, None);
    }

    #[test]
    fn a_string_that_may_have_lost_bytes_is_not_trusted() {
        let text = |bytes: &[u8]| Text { bytes: bytes.into(), damage: None };
        let trusted =
            |text: Text, head: &[(&str, &str)]| matches!(from_tap_string(text, &announced(head)), Evidence::Bytes(_));
        let latin = [("content-type", "text/plain; charset=\"ISO-8859-1\"")];
        let utf8 = [("content-type", "application/json; charset=UTF-8")];
        assert!(trusted(text(b"{\"a\": 1}\r\n"), &utf8));
        assert!(trusted(text(b"caf"), &latin));
        assert!(!trusted(text(b"caf "), &latin));
        assert!(trusted(text(b"\x01\x02"), &[]));
        assert!(!trusted(text(b"\x01 \x02"), &[]));
        assert!(!trusted(text(b"{}"), &[("content-encoding", "gzip")]));
        assert!(trusted(text(b"{}"), &[("content-encoding", "identity")]));
        let damaged = Text { damage: Some(Damage::InvalidUtf8), ..text(b"\xFF") };
        assert!(!trusted(damaged, &[]));
    }

    #[test]
    fn text_of_another_charset_is_not_taken_for_bytes() {
        let head = announced(&[("content-type", "text/plain; charset=iso-8859-1")]);
        let text = |s: &str| Text { bytes: s.into(), damage: None };
        assert!(matches!(from_decoded_text(text("cafe"), &head), Evidence::Bytes(_)));
        assert!(matches!(from_decoded_text(text("café"), &head), Evidence::Lost(_)));
    }
}
