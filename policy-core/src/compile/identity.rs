//! The identity sources of the gateway document.

use crate::ordered::Map;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::report::Report;
use crate::gateway::{IdentityEntry, KongConsumerWord, TokenEntry};
use crate::identify::{CONSUMER_ID, CONSUMER_NAME};
use crate::limits::IDENTITY_BYTES;
use crate::policy::{IdentitySource, Key};
use crate::quote::quote;

/// Most segments of the way to a claim.
const CLAIM_SEGMENTS: usize = 8;

/// What the sources of a document are compiled to.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) identity: Vec<IdentitySource>,
    /// Paths of the host's properties that they read.
    pub(super) properties: Vec<Vec<String>>,
}

pub(super) fn compile(entries: &[IdentityEntry], keys: &[Key], report: &mut Report<'_>) -> Sources {
    if entries.is_empty() {
        let help = "say where the agent's name stands, like `[{\"header\": \"x-agent-name\"}]`";
        report.error("/identity", "no identity source: no request could name its agent", Some(help.into()));
    }
    let mut sources = Sources::default();
    for (position, entry) in entries.iter().enumerate() {
        let pointer = format!("/identity/{position}");
        let source = match entry {
            IdentityEntry::Header(name) => {
                header_name(name, &format!("{pointer}/header"), report);
                IdentitySource::Header(name.to_ascii_lowercase())
            }
            IdentityEntry::Token(entry) => token(entry, &pointer, report),
            IdentityEntry::Jwt(entry) => {
                let agent = sources.claim(&entry.metadata, &format!("{pointer}/jwt/metadata"), report);
                let session = entry.session.as_ref();
                let session = session.map(|path| sources.claim(path, &format!("{pointer}/jwt/session"), report));
                IdentitySource::Claim { agent, session }
            }
            IdentityEntry::Mtls(entry) => {
                for uri in entry.uri_sans.keys().filter(|uri| !is_uri(uri)) {
                    let at = format!("{pointer}/mtls/uri_sans/{}", uri.replace('~', "~0").replace('/', "~1"));
                    let help = "write it as it stands in the certificate: `spiffe://example.com/price-agent`";
                    report.error(&at, format!("{} is not a URI", quote(uri)), Some(help.into()));
                }
                let uri_san = sources.property(["connection", "uri_san_peer_certificate"].map(String::from).to_vec());
                IdentitySource::Certificate { uri_san, agents: entry.uri_sans.clone().into_iter().collect() }
            }
            IdentityEntry::SessionToken(entry) => {
                header_name(&entry.header, &format!("{pointer}/session_token/header"), report);
                if !keys.iter().any(|key| key.sessions) {
                    let help = "give one of `keys` the member `\"sessions\": true`";
                    report.error(
                        &format!("{pointer}/session_token"),
                        "no key may sign session tokens",
                        Some(help.into()),
                    );
                }
                IdentitySource::SessionToken(entry.header.to_ascii_lowercase())
            }
            IdentityEntry::KongConsumer(word) => IdentitySource::KongConsumer(
                match word {
                    KongConsumerWord::Username => CONSUMER_NAME,
                    KongConsumerWord::CustomId => CONSUMER_ID,
                }
                .to_string(),
            ),
        };
        sources.identity.push(source);
    }
    sources
}

impl Sources {
    /// The property that a claim is.
    fn claim(&mut self, path: &[String], pointer: &str, report: &mut Report<'_>) -> u32 {
        let named = |part: &String| !part.is_empty() && !part.chars().any(char::is_control);
        if !(2..=CLAIM_SEGMENTS).contains(&path.len()) || !path.iter().all(named) {
            let message = format!("the way to a claim has 2 to {CLAIM_SEGMENTS} names, the namespace first");
            let help = r#"write `["envoy.filters.http.jwt_authn", "jwt_payload", "sub"]`"#;
            report.error(pointer, message, Some(help.into()));
        }
        let metadata = ["metadata", "filter_metadata"].map(String::from);
        self.property(metadata.into_iter().chain(path.iter().cloned()).collect())
    }

    fn property(&mut self, path: Vec<String>) -> u32 {
        let known = self.properties.iter().position(|known| *known == path);
        let index = known.unwrap_or(self.properties.len());
        if known.is_none() {
            self.properties.push(path);
        }
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

fn token(entry: &TokenEntry, pointer: &str, report: &mut Report<'_>) -> IdentitySource {
    header_name(&entry.header, &format!("{pointer}/token/header"), report);
    let mut agents = Map::new();
    for (hex, agent) in &entry.sha256 {
        match digest(hex) {
            Some(digest) => {
                agents.insert(digest, agent.clone());
            }
            None => {
                let message = format!("{} is not a SHA-256 in hexadecimal", quote(hex));
                let help = "printf %s TOKEN | sha256sum";
                report.error(&format!("{pointer}/token/sha256/{hex}"), message, Some(help.into()));
            }
        }
    }
    IdentitySource::Token { header: entry.header.to_ascii_lowercase(), agents }
}

/// The name of a header that a source reads.
fn header_name(name: &str, pointer: &str, report: &mut Report<'_>) {
    let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !token {
        report.error(
            pointer,
            format!("{} is not a header name", quote(name)),
            Some("write it like `x-agent-name`: letters, digits, `-` and `_`".into()),
        );
    }
}

/// RFC 3986 §3: a scheme and something behind it, of visible ASCII.
fn is_uri(text: &str) -> bool {
    let scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    text.len() <= IDENTITY_BYTES
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(before, rest)| scheme(before) && !rest.is_empty())
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (position, byte) in digest.iter_mut().enumerate() {
        let pair: &str = hex.get(position * 2..position * 2 + 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}
