//! The path of a request target: segments decoded once, everything with two readings refused.

use alloc::string::String;
use alloc::vec::Vec;

use crate::hex::hex;
use crate::limits::PATH_SEGMENTS;

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathSegment {
    /// Decoded once.
    pub text: String,
    /// Bytes of `text` up to and with the last that percent-encoding spells; 0 where none is spelled so.
    pub encoded: usize,
    /// A slash is among what was decoded; only a variable that its page names may hold one.
    pub encoded_slash: bool,
}

/// Segments of an absolute path, and whether a slash ends it.
///
/// # Errors
/// What is ambiguous, in words that complete "the path …".
pub(super) fn segments(raw: &str) -> Result<(Vec<PathSegment>, bool), &'static str> {
    let Some(rest) = raw.strip_prefix('/') else {
        return Err("does not begin with `/`");
    };
    if !raw.is_ascii() {
        return Err("holds a byte outside ASCII");
    }
    if rest.is_empty() {
        return Ok((Vec::new(), false));
    }
    let (rest, trailing_slash) = match rest.strip_suffix('/') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let mut segments = Vec::new();
    for raw in rest.split('/') {
        if segments.len() == PATH_SEGMENTS {
            return Err("has too many segments");
        }
        segments.push(segment(raw)?);
    }
    Ok((segments, trailing_slash))
}

fn segment(raw: &str) -> Result<PathSegment, &'static str> {
    if raw.is_empty() {
        return Err("has an empty segment (`//`)");
    }
    let mut bytes = raw.bytes();
    let mut text = Vec::with_capacity(raw.len());
    let mut encoded = 0;
    let mut encoded_slash = false;
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                encoded = text.len() + 1;
                let decoded = hex(bytes.next()).zip(hex(bytes.next())).map(|(high, low)| high * 16 + low);
                match decoded {
                    None => return Err("has a `%` without two hexadecimal digits"),
                    Some(b'%') => return Err("holds an encoded `%`, which could be decoded twice"),
                    Some(b'\\') => return Err("holds an encoded backslash"),
                    Some(0..=0x1f | 0x7f) => return Err("holds an encoded control character"),
                    Some(b'/') => {
                        encoded_slash = true;
                        b'/'
                    }
                    Some(byte) => byte,
                }
            }
            b'\\' => return Err("holds a backslash"),
            b';' => return Err("holds a `;`, which some servers cut at"),
            b'#' => return Err("holds a fragment"),
            0..=b' ' | 0x7f => return Err("holds a control character or blank"),
            byte => byte,
        };
        text.push(byte);
    }
    let Ok(text) = String::from_utf8(text) else {
        return Err("does not decode to UTF-8");
    };
    if text == "." || text == ".." || (encoded_slash && text.split('/').any(|part| part == "." || part == "..")) {
        return Err("holds a dot segment");
    }
    Ok(PathSegment { text, encoded, encoded_slash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(raw: &str) -> Result<Vec<String>, &'static str> {
        segments(raw).map(|(s, _)| s.into_iter().map(|s| s.text).collect())
    }

    #[test]
    fn decoded_once() {
        assert_eq!(texts("/calendars/team%40example.com/events").unwrap()[1], "team@example.com");
        assert_eq!(texts("/").unwrap(), [""; 0]);
        assert!(segments("/a/").unwrap().1);
        let (slash, _) = segments("/a%2Fb").unwrap();
        assert_eq!((slash[0].text.as_str(), slash[0].encoded_slash), ("a/b", true));
    }

    /// A2: a path with two readings is refused.
    #[test]
    fn two_readings_are_refused() {
        for raw in [
            "a",
            "",
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/..",
            "/%2e%2E/a",
            "/.%2e",
            "/a%252fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/a%zz",
            "/a%2",
            "/a#b",
            "/é",
            "/%ff",
            "/a b",
            "/a%2f..%2fb",
        ] {
            assert!(segments(raw).is_err(), "{raw}");
        }
    }
}
