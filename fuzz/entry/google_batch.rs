//! Entry: bytes as a multipart batch of HTTP requests. Its boundary is what stands in the first line behind `--`.

use policy_core::decode::google_batch::{Part, read_google_batch};
use policy_core::limits::GOOGLE_BATCH_PARTS;

use super::lenient_batch;

/// Reads the batch, reads it as others might, writes what was read and reads that.
pub fn run(bytes: &[u8]) {
    let line = bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let boundary = line.strip_prefix(b"--").and_then(|rest| std::str::from_utf8(rest).ok()).unwrap_or("b");
    let content_type = format!("multipart/mixed; boundary=\"{boundary}\"");
    let parts = match read_google_batch(&content_type, bytes) {
        Ok(parts) => parts,
        Err(reason) => {
            let bounded = !reason.message.contains(char::is_control) && reason.message.len() < 1024;
            assert!(bounded && !reason.message.is_empty(), "a reason is one bounded line: {reason:?}");
            return;
        }
    };
    assert!((1..=GOOGLE_BATCH_PARTS).contains(&parts.len()), "{} parts", parts.len());
    let lenient = lenient_batch::read(boundary, bytes).expect("a lenient reader finds parts");
    assert_eq!(parts.len(), lenient.len(), "a lenient reader finds as many parts");
    for (part, (request, rest)) in parts.iter().zip(&lenient) {
        assert!(
            request.starts_with(&format!("{} ", part.method)) && request.contains(part.target),
            "{request}: {part:?}"
        );
        assert!(rest.ends_with(part.body), "a lenient reader finds the same body: {part:?}");
    }
    for ending in ["\r\n", "\n"] {
        let again = written(boundary, ending, &parts);
        // A body may end in what the other ending would read as its own.
        if let Ok(again) = read_google_batch(&content_type, &again) {
            assert_eq!(again, parts, "what was read is written and read again");
        } else {
            assert!(parts.iter().any(|part| part.body.ends_with(b"\r")), "{parts:?}");
        }
    }
}

/// The parts as a client writes them.
fn written(boundary: &str, ending: &str, parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let authority = part.authority.map(|authority| format!("http://{authority}")).unwrap_or_default();
        let mut head = format!("--{boundary}\nContent-Type: application/http\n\n");
        head.push_str(&format!("{} {authority}{} HTTP/1.1\n", part.method, part.target));
        for (name, value) in &part.headers {
            head.push_str(&format!("{name}: {value}\n"));
        }
        head.push('\n');
        out.extend_from_slice(head.replace('\n', ending).as_bytes());
        out.extend_from_slice(part.body);
        out.extend_from_slice(ending.as_bytes());
    }
    out.extend_from_slice(format!("--{boundary}--{ending}").as_bytes());
    out
}
