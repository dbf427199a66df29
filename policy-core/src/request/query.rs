//! The query of a request target: names and values, decoded once.

use alloc::string::String;
use alloc::vec::Vec;

use crate::hex::hex;
use crate::limits::QUERY_PAIRS;

/// One `name=value` of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPair {
    /// Decoded name.
    pub name: String,
    /// Decoded value; empty when there is none.
    pub value: String,
}

/// Reads a query (`application/x-www-form-urlencoded` rules: `+` is a blank). An encoded NUL is left to the caller, who
/// knows what the name means to those that cut it there.
///
/// # Errors
/// What is ambiguous, in words that complete "the query …".
pub(super) fn pairs(raw: &str) -> Result<Vec<QueryPair>, &'static str> {
    let mut pairs = Vec::new();
    for part in raw.split('&') {
        if part.is_empty() {
            continue;
        }
        if pairs.len() == QUERY_PAIRS {
            return Err("has too many parameters");
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        pairs.push(QueryPair { name: decode(name)?, value: decode(value)? });
    }
    Ok(pairs)
}

fn decode(raw: &str) -> Result<String, &'static str> {
    let mut bytes = raw.bytes();
    let mut text = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => match hex(bytes.next()).zip(hex(bytes.next())).map(|(high, low)| high * 16 + low) {
                None => return Err("has a `%` without two hexadecimal digits"),
                Some(byte) => byte,
            },
            b'#' => return Err("holds a fragment"),
            0..=b' ' | 0x7f.. => {
                return Err("holds a control character, a blank or a byte outside ASCII");
            }
            byte => byte,
        });
    }
    String::from_utf8(text).map_err(|_| "does not decode to UTF-8")
}

/// A parameter name as PHP stores it: leading blanks dropped; cut at a NUL; blank, `.` and an unclosed `[` become `_`; the
/// name of an array ends at its bracket. (php.net, "Variables From External Sources".)
#[must_use]
pub fn mangled(name: &str) -> String {
    let name = name.trim_start_matches(' ').split('\0').next().unwrap_or_default();
    let base = match name.find('[') {
        Some(at) if at > 0 && name.get(at..).is_some_and(|rest| rest.contains(']')) => name.get(..at),
        _ => None,
    };
    base.unwrap_or(name).chars().map(|c| if matches!(c, ' ' | '.' | '[') { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_once_and_in_order() {
        let read = pairs("a=1&b=x%20y+z&a=%3D&c&&%5Fmethod=DELETE").unwrap();
        let read: Vec<_> = read.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b", "x y z"), ("a", "="), ("c", ""), ("_method", "DELETE")]);
        for raw in ["a=%", "a=%zz", "a=é", "a= b", "a=%ff", "a#b"] {
            assert!(pairs(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn php_names() {
        for name in ["_method", ".method", " _method", "  .method", "[method", "_method\0x"] {
            assert_eq!(mangled(name), "_method", "{name}");
        }
        for name in ["rest_route", "rest.route", "rest route", "rest[route", "rest_route[]", "rest_route[x]"] {
            assert_eq!(mangled(name), "rest_route", "{name}");
        }
        assert_eq!(mangled("update[0][id]"), "update");
    }
}
