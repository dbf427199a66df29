//! The bundle: how a policy set travels to a gateway. An envelope around bytes that nothing on the way re-renders:
//! `{"format": "ambit-bundle/3", "digest": "sha256:…", "payload": "<base64>", "signatures": []}`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex_automata::dfa::sparse::DFA;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::policy::{PolicySet, Set};

/// The format this version writes and reads.
pub const FORMAT: &str = "ambit-bundle/3";

/// The envelope. Signatures are carried; no version verifies them yet, so a bundle that has some is refused rather
/// than trusted unverified.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    format: String,
    digest: String,
    payload: String,
    #[serde(default)]
    signatures: Vec<String>,
}

/// Most characters of a [`LoadError`] that are written.
const LONGEST_ERROR: usize = 1_000;

/// Why a bundle is not loaded: one bounded line that says what is wrong and where. It may repeat what the bundle holds, so
/// control characters are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(LONGEST_ERROR).try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { fmt::Write::write_char(f, c) }
        })
    }
}

impl core::error::Error for LoadError {}

/// Reads a bundle and makes it ready to evaluate.
///
/// # Errors
/// [`LoadError`] when the envelope is no bundle of this format, the digest does not match its payload, or the payload
/// does not hold together. Nothing of a refused bundle is used.
pub fn load(bytes: &[u8]) -> Result<PolicySet, LoadError> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|e| {
        LoadError(format!(
            "not an Ambit bundle: {e}; the plugin configuration must be the output of `ambit bundle`, as a \
             google.protobuf.StringValue"
        ))
    })?;
    if envelope.format != FORMAT {
        return Err(LoadError(format!(
            "`format` is {}, this filter reads `{FORMAT}`; build the bundle with the `ambit` of the same release",
            crate::quote::quote(&envelope.format)
        )));
    }
    if !envelope.signatures.is_empty() {
        return Err(LoadError("`signatures`: this filter cannot verify signatures yet; bundle without them".into()));
    }
    let payload = STANDARD
        .decode(envelope.payload.as_bytes())
        .map_err(|e| LoadError(format!("`payload` is not base64: {e}; the bundle was changed on its way")))?;
    let digest = digest_of(&payload);
    if digest != envelope.digest {
        return Err(LoadError(format!(
            "`digest` is {}, the payload's is {digest}; the bundle was changed on its way",
            crate::quote::quote(&envelope.digest)
        )));
    }
    let (set, rest): (Set, _) = postcard::take_from_bytes(&payload)
        .map_err(|e| LoadError(format!("`payload` is not a policy set of format {FORMAT}: {e}")))?;
    if !rest.is_empty() {
        return Err(LoadError(format!("`payload` goes on for {} bytes behind the policy set", rest.len())));
    }
    ready(set, digest)
}

/// Makes a policy set ready to evaluate: its automata are read, its indices checked.
pub(crate) fn ready(set: Set, digest: String) -> Result<PolicySet, LoadError> {
    let mut patterns = Vec::with_capacity(set.patterns.len());
    for (index, bytes) in set.patterns.iter().enumerate() {
        let dfa = DFA::from_bytes(bytes).map_err(|e| LoadError(format!("pattern {index} cannot be read: {e}")))?;
        patterns.push(dfa.0.to_owned());
    }
    for page in &set.pages {
        if !page.tries.iter().all(|trie| trie.is_sound(page.apis.len())) {
            return Err(LoadError(format!("the routes of agent {} point outside the page", page.agent)));
        }
        if !page.apis.iter().all(|api| api.calls.is_sound(api.actions.len())) {
            return Err(LoadError(format!("the calls of agent {} are not in the order of their names", page.agent)));
        }
        let mut charged = page.permits.iter().flat_map(|permit| &permit.counters);
        if !charged.all(|index| (*index as usize) < page.counters.len()) {
            return Err(LoadError(format!("a counter of agent {} is missing", page.agent)));
        }
    }
    if !set.pages.windows(2).all(|pair| matches!(pair, [a, b] if a.agent < b.agent)) {
        return Err(LoadError("the pages are not in the order of their agents".to_string()));
    }
    Ok(PolicySet { digest, set, patterns })
}

/// `sha256:` and the hex digest.
#[must_use]
pub fn digest_of(payload: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(payload) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Writes a policy set as a bundle.
///
/// # Errors
/// [`LoadError`] when the set cannot be serialized or would not load again.
#[cfg(feature = "author")]
pub fn seal(set: &Set) -> Result<Vec<u8>, LoadError> {
    let payload = postcard::to_allocvec(set).map_err(|e| LoadError(format!("cannot serialize: {e}")))?;
    let envelope = Envelope {
        format: FORMAT.into(),
        digest: digest_of(&payload),
        payload: STANDARD.encode(&payload),
        signatures: Vec::new(),
    };
    let bytes = serde_json::to_vec(&envelope).map_err(|e| LoadError(format!("cannot serialize: {e}")))?;
    load(&bytes).map(|_| bytes)
}
