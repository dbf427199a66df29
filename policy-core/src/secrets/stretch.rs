//! The bytes around a place in a text, of which a detector reads a bounded stretch.

/// Longest stretch that a detector reads for one sign, in bytes.
pub(super) const STRETCH: usize = 128;

/// The longest run of bytes of a kind from `from` on, at most [`STRETCH`] long.
pub(super) fn run(bytes: &[u8], from: usize, of: impl Fn(u8) -> bool) -> &[u8] {
    let rest = bytes.get(from..bytes.len().min(from.saturating_add(STRETCH))).unwrap_or_default();
    let length = rest.iter().position(|byte| !of(*byte)).unwrap_or(rest.len());
    rest.get(..length).unwrap_or_default()
}

/// Whether the byte before `at` belongs to the same word: `desk_live_…` is no key. An escape before it does not.
pub(super) fn inside_word(bytes: &[u8], at: usize) -> bool {
    before(bytes, at).is_some_and(|byte| byte.is_ascii_alphanumeric()) && !behind_escape(bytes, at)
}

/// Whether an escape ends before `at`: texts hold others that are still written as JSON or as a URL.
pub(super) fn behind_escape(bytes: &[u8], at: usize) -> bool {
    let near = bytes.get(at.saturating_sub(6)..at).unwrap_or_default();
    // The shortest comes last: behind `%`, `\` or `\u`.
    (1..=5)
        .any(|length| near.len().checked_sub(length + 1).and_then(|from| escape(near.get(from..)?)) == Some(length + 1))
}

/// The length of the escape at the beginning of a text: `\n` and its like, `\xe9`, `\u00e9`, `%0A`.
pub(super) fn escape(text: &[u8]) -> Option<usize> {
    let (kind, digits) = match text {
        [b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'v' | b'0', ..] => return Some(2),
        [b'\\', b'u', ..] => (2, 4),
        [b'\\', b'x', ..] => (2, 2),
        [b'%', ..] => (1, 2),
        _ => return None,
    };
    let digits = text.get(kind..kind + digits)?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(kind + digits.len())
}

/// The byte before `at`.
pub(super) fn before(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at.checked_sub(1)?).copied()
}
