//! The head of a request in the form Envoy hands to a filter.

use super::exchange::{Field, first};

/// What a request asks for, where the recording has it apart from the headers.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) authority: Option<Vec<u8>>,
    pub(super) path: Option<Vec<u8>>,
    pub(super) method: Option<Vec<u8>>,
    pub(super) scheme: Option<Vec<u8>>,
}

impl Target {
    /// The four pseudo headers, in Envoy's order, then `fields`.
    pub(super) fn before(self, fields: Vec<Field>) -> Vec<Field> {
        let pseudo =
            [(":authority", self.authority), (":path", self.path), (":method", self.method), (":scheme", self.scheme)];
        let mut head: Vec<Field> = pseudo.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect();
        head.extend(fields);
        head
    }
}

/// Turns fields as a client or proxy saw them on the wire into Envoy's form: names in lower case,
/// `Host` as `:authority`, and without the fields that Envoy removes before filters run
/// (`ConnectionManagerUtility::mutateRequestHeaders`). A second `Host` stays: it is the kind of
/// ambiguity a filter must get to see.
pub(super) fn from_wire(mut target: Target, fields: Vec<Field>) -> Vec<Field> {
    let mut fields: Vec<Field> = fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    // Browsers list the pseudo headers of HTTP/2 among the fields.
    let authority = first(&fields, ":authority").map(<[u8]>::to_vec);
    fields.retain(|(name, _)| !name.starts_with(b":"));
    let host = fields.iter().position(|(name, _)| name == b"host").map(|at| fields.remove(at).1);
    target.authority = authority.or(host).or(target.authority);

    let upgrade = first(&fields, "upgrade").is_some()
        && first(&fields, "connection")
            .is_some_and(|value| value.to_ascii_lowercase().windows(7).any(|w| w == b"upgrade"));
    fields.retain(|(name, _)| match name.as_slice() {
        b"connection" | b"upgrade" => upgrade,
        b"keep-alive" | b"proxy-connection" | b"transfer-encoding" => false,
        _ => true,
    });
    target.before(fields)
}

/// Scheme, authority and path with query of an absolute `http`, `https`, `ws` or `wss` URL.
pub(super) fn split_url(url: &[u8]) -> Option<Target> {
    let colon = url.windows(3).position(|at| at == b"://")?;
    let (scheme, rest) = (url.get(..colon)?.to_ascii_lowercase(), url.get(colon + 3..)?);
    let scheme: &[u8] = match scheme.as_slice() {
        b"http" | b"ws" => b"http",
        b"https" | b"wss" => b"https",
        _ => return None,
    };
    let rest = rest.split(|&byte| byte == b'#').next()?;
    let slash = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let authority = authority.rsplit(|&byte| byte == b'@').next()?;
    if authority.is_empty() {
        return None;
    }
    let mut target = path.to_vec();
    if !target.starts_with(b"/") {
        target.insert(0, b'/');
    }
    Some(Target {
        authority: Some(authority.to_vec()),
        path: Some(target),
        method: None,
        scheme: Some(scheme.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Vec<Field> {
        list.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
    }

    fn split(url: &str) -> Option<(String, String, String)> {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
        split_url(url.as_bytes()).map(|t| (text(t.scheme), text(t.authority), text(t.path)))
    }

    #[test]
    fn the_head_takes_envoys_form() {
        let target = split_url(b"https://u:p@shop.example/a?b=1#c").unwrap();
        let head = from_wire(
            Target { method: Some("POST".into()), ..target },
            fields(&[
                ("Accept", "*/*"),
                ("Host", "SHOP.example:8443"),
                ("Connection", "keep-alive"),
                ("Transfer-Encoding", "chunked"),
                ("HOST", "other"),
            ]),
        );
        let expected = fields(&[
            (":authority", "SHOP.example:8443"),
            (":path", "/a?b=1"),
            (":method", "POST"),
            (":scheme", "https"),
            ("accept", "*/*"),
            ("host", "other"),
        ]);
        assert_eq!(head, expected);
    }

    #[test]
    fn an_upgrade_stays_visible() {
        let head =
            from_wire(Target::default(), fields(&[("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")]));
        assert_eq!(head, fields(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]));
    }

    #[test]
    fn pseudo_headers_of_a_browser_are_not_doubled() {
        let target = split_url(b"https://a.example/x").unwrap();
        let head = from_wire(target, fields(&[(":authority", "b.example"), (":path", "/x")]));
        assert_eq!(head, fields(&[(":authority", "b.example"), (":path", "/x"), (":scheme", "https")]));
    }

    #[test]
    fn urls_are_split_as_sent() {
        let parts = |s: &str, a: &str, p: &str| Some((s.into(), a.into(), p.into()));
        assert_eq!(split("HTTP://A:80"), parts("http", "A:80", "/"));
        assert_eq!(split("wss://a?x=/y"), parts("https", "a", "/?x=/y"));
        assert_eq!(split("https://a/%2e/é?q=://"), parts("https", "a", "/%2e/é?q=://"));
        assert_eq!(split("data:text/plain,x"), None);
        assert_eq!(split("blob:https://a/1"), None);
        assert_eq!(split("https:///x"), None);
    }
}
