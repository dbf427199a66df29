//! Keys and tokens that begin with their issuer's prefix.
//!
//! A prefix alone is no secret ("keys begin with `sk_live_`"), nor is one followed by dots or crosses: the part behind
//! it must be as long as an issued one and look drawn at random. Prefixes and lengths: docs.stripe.com/keys; GitHub,
//! "About authentication to GitHub", token formats; api.slack.com/authentication/token-types; the WooCommerce REST API
//! docs and `wc_rand_hash`; cloud.google.com/docs/authentication/api-keys; keys as issued by OpenAI and Anthropic.

use super::detector::Detector;
use super::stretch::{before, inside_word, run};

/// A token whose first underscore stands at `at`.
pub(super) fn at_underscore(bytes: &[u8], at: usize) -> Option<Detector> {
    let start_of = |prefix: &[u8]| ends_with(bytes, at, prefix).filter(|start| !inside_word(bytes, *start));
    let goes_on = |with: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(with));
    let alphanumeric = |from: usize| run(bytes, from, |byte| byte.is_ascii_alphanumeric());
    match bytes.get(at.checked_sub(1)?)? {
        b'k' if goes_on(b"_live_") && (start_of(b"sk").is_some() || start_of(b"rk").is_some()) => {
            let key = alphanumeric(at + b"_live_".len());
            // Issued ones have 24 characters or more.
            let issued = key.len() >= 24 || (key.len() >= 16 && varied(key));
            (issued && !placeholder(key)).then_some(Detector::Stripe)
        }
        b's' if start_of(b"cs").is_some() => {
            let hex = run(bytes, at + 1, |byte| byte.is_ascii_hexdigit());
            let whole = !bytes.get(at + 1 + hex.len()).is_some_and(u8::is_ascii_alphanumeric);
            (hex.len() == 40 && whole).then_some(Detector::Woocommerce)
        }
        b'p' | b'o' | b'u' | b's' | b'r' if start_of_github(bytes, at) => {
            // Issued ones have 36 characters; GitHub reserves the right to lengthen them.
            let token = alphanumeric(at + 1);
            (token.len() >= 30 && !placeholder(token)).then_some(Detector::Github)
        }
        b'b' if goes_on(b"_pat_") && start_of(b"github").is_some() => {
            // 22 characters, an underscore, 59 characters.
            let token = alphanumeric(at + b"_pat_".len());
            (token.len() >= 20 && varied(token)).then_some(Detector::Github)
        }
        b'b' if goes_on(b"_secret_") && start_of(b"sb").is_some() => {
            let key = run(bytes, at + b"_secret_".len(), is_base64url);
            (key.len() >= 20 && has_varied_run(key, 10)).then_some(Detector::Supabase)
        }
        _ => None,
    }
}

/// `ghp`, `gho`, `ghu`, `ghs`, `ghr` before the underscore.
fn start_of_github(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(3).is_some_and(|start| {
        bytes.get(start..).is_some_and(|rest| rest.starts_with(b"gh")) && !inside_word(bytes, start)
    })
}

/// Whether the hyphen at `at` can stand in a prefix (`sk-`, `xoxb-`, `xapp-`) or begin a marker (`-----BEGIN`).
pub(super) fn may_go_before(bytes: &[u8], at: usize) -> bool {
    matches!(before(bytes, at), Some(b'k' | b'b' | b'p' | b'a' | b'r' | b's' | b'e'))
        || bytes.get(at + 1) == Some(&b'-')
}

/// A token whose first hyphen stands at `at`.
pub(super) fn at_hyphen(bytes: &[u8], at: usize) -> Option<Detector> {
    if let Some(start) = ends_with(bytes, at, b"sk") {
        return if inside_word(bytes, start) { None } else { sk(bytes, at + 1) };
    }
    let start = at.checked_sub(4)?;
    let slack = match bytes.get(start..at)? {
        [b'x', b'o', b'x', kind] => b"bparse".contains(kind),
        prefix => prefix == b"xapp",
    };
    if !slack || inside_word(bytes, start) {
        return None;
    }
    let token = run(bytes, at + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let group = |group: &[u8]| group.len() >= 10 && group.iter().any(u8::is_ascii_digit) && !placeholder(group);
    (token.len() >= 20 && token.split(|byte| *byte == b'-').any(group)).then_some(Detector::Slack)
}

/// What follows `sk-`: a product line and random characters, or (OpenAI, up to 2024) random characters alone.
fn sk(bytes: &[u8], from: usize) -> Option<Detector> {
    let key = run(bytes, from, is_base64url);
    let lines: [(&[u8], Detector); 4] = [
        (b"ant-", Detector::Anthropic),
        (b"proj-", Detector::Openai),
        (b"svcacct-", Detector::Openai),
        (b"admin-", Detector::Openai),
    ];
    for (line, detector) in lines {
        if let Some(rest) = key.strip_prefix(line) {
            // `sk-ant-design-components-4` is a name: it has no long run of mixed characters.
            let random = rest.len() >= 20 && rest.iter().any(u8::is_ascii_digit) && has_varied_run(rest, 12);
            return random.then_some(detector);
        }
    }
    let key = run(bytes, from, |byte| byte.is_ascii_alphanumeric());
    // A digest behind `sk-` is an identifier.
    let digest = key.iter().all(u8::is_ascii_hexdigit);
    (key.len() >= 40 && varied(key) && !digest).then_some(Detector::Openai)
}

/// `AIza` and 35 characters from `at`.
pub(super) fn google(bytes: &[u8], at: usize) -> Option<Detector> {
    if !bytes.get(at..)?.starts_with(b"AIza") || inside_word(bytes, at) {
        return None;
    }
    let key = run(bytes, at + 4, is_base64url);
    (key.len() == 35 && varied(key) && !placeholder(key)).then_some(Detector::Google)
}

/// Where `prefix` begins, if it ends before `at`.
fn ends_with(bytes: &[u8], at: usize, prefix: &[u8]) -> Option<usize> {
    let start = at.checked_sub(prefix.len())?;
    (bytes.get(start..at)? == prefix).then_some(start)
}

pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Letters and digits, or letters of both cases: what is drawn at random has them, a word does not.
pub(super) fn varied(run: &[u8]) -> bool {
    let digit = run.iter().any(u8::is_ascii_digit);
    let upper = run.iter().any(u8::is_ascii_uppercase);
    let lower = run.iter().any(u8::is_ascii_lowercase);
    (digit && (upper || lower)) || (upper && lower)
}

/// Whether letters and digits of some length stand together and are [`varied`].
fn has_varied_run(text: &[u8], length: usize) -> bool {
    text.split(|byte| !byte.is_ascii_alphanumeric()).any(|run| run.len() >= length && varied(run) && !placeholder(run))
}

/// Crosses and zeros that stand for a key.
fn placeholder(run: &[u8]) -> bool {
    run.iter().all(|byte| matches!(byte, b'x' | b'X' | b'0' | b'_' | b'-'))
}
