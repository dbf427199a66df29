//! The host of a request: lower case, without the default port.

use alloc::string::String;

/// The canonical spelling of an authority, or `None` when it is none: letters, digits, `-`, `_`, `.` and an optional
/// port; `:443` is dropped. User information, a trailing dot, IPv6 literals and IDN U-labels have no canonical
/// spelling here and are refused.
#[must_use]
pub fn canonical(authority: &str) -> Option<String> {
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (authority, None),
    };
    let label =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if name.len() > 253 || !name.split('.').all(label) {
        return None;
    }
    let mut host = name.to_ascii_lowercase();
    match port {
        None | Some("443") => {}
        Some(port) => {
            let number: u16 = port.parse().ok()?;
            if port.starts_with(['0', '+']) || number == 0 {
                return None;
            }
            host.push(':');
            host.push_str(port);
        }
    }
    Some(host)
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn one_spelling_or_none() {
        assert_eq!(canonical("Shop.Example.com:443").as_deref(), Some("shop.example.com"));
        assert_eq!(canonical("shop.example.com:10443").as_deref(), Some("shop.example.com:10443"));
        for wrong in ["", "a@b", "a.", ".a", "a..b", "a:", "a:0", "a:080", "a:65536", "[::1]", "shöp", "a b", "a:1:2"]
        {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }
}
