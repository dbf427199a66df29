//! The content type of a body: one media type, its charset absent or UTF-8.

use alloc::string::String;

/// A media type whose text has one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype`, lower case.
    pub essence: String,
    /// The charset parameter is absent or `utf-8`.
    pub utf8: bool,
}

impl MediaType {
    /// Reads RFC 9110 §8.3.1 without quoted strings other than around a parameter's whole value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let essence = parts.next()?.trim();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut utf8 = true;
        let mut charset_seen = false;
        for part in parts {
            let (name, value) = part.trim().split_once('=')?;
            let value = match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
                Some(quoted) if quoted.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') => quoted,
                Some(_) => return None,
                None if is_token(value) => value,
                None => return None,
            };
            if !is_token(name) {
                return None;
            }
            if name.eq_ignore_ascii_case("charset") {
                if charset_seen {
                    return None;
                }
                charset_seen = true;
                utf8 = value.eq_ignore_ascii_case("utf-8");
            }
        }
        Some(Self { essence: essence.to_ascii_lowercase(), utf8 })
    }
}

/// RFC 9110 §5.6.2, without the characters that lists use.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'!' | b'#' | b'$' | b'&' | b'-' | b'^' | b'_' | b'.' | b'+')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_media_type() {
        let parse = |t: &str| MediaType::parse(t).map(|m| (m.essence, m.utf8));
        assert_eq!(parse("Application/JSON; charset=UTF-8"), Some(("application/json".into(), true)));
        assert_eq!(parse("application/json;charset=utf-16"), Some(("application/json".into(), false)));
        assert_eq!(parse("multipart/mixed; boundary=\"==x==\""), Some(("multipart/mixed".into(), true)));
        for wrong in [
            "",
            "json",
            "text/plain, application/json",
            "application/json; charset",
            "a/b; c=\"d",
            "a/b/c",
            "application/json; charset=utf-8; charset=utf-16",
            "text/plain; a=application/json",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
