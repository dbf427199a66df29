//! A lenient reader of multipart batches.

/// What a lenient reader makes of a batch: it looks for the boundary anywhere and takes any end of a line, as a naive
/// gateway or server might. The request line of each part, and all that stands behind the headers.
pub fn read(boundary: &str, body: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let find = |from: usize| body[from..].windows(delimiter.len()).position(|w| w == delimiter).map(|at| from + at);
    let mut parts = Vec::new();
    let mut start = find(0)? + delimiter.len();
    loop {
        let end = find(start).unwrap_or(body.len());
        let content = &body[start..end];
        if content.starts_with(b"--") {
            return Some(parts);
        }
        // What is left of the boundary's line, the part's headers, the request line, the request's headers.
        let mut rest = content;
        let mut next = || {
            let at = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let line = rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]);
            rest = rest.get(at + 1..).unwrap_or_default();
            String::from_utf8_lossy(line).into_owned()
        };
        next();
        while !next().is_empty() {}
        let request = next();
        while !next().is_empty() {}
        let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        parts.push((request, rest.strip_suffix(b"\r").unwrap_or(rest).to_vec()));
        if end == body.len() {
            return Some(parts);
        }
        start = end + delimiter.len();
    }
}
