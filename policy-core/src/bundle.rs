//! The bundle: how a policy set travels to a gateway. An envelope around bytes that nothing on the way re-renders:
//! `{"format": "ambit-bundle/3", "digest": "sha256:…", "payload": "<base64>", "signatures": []}`.
//! A second policy set may travel in it, which decides nothing: `"candidate": {"digest": "sha256:…", "payload": "<base64>"}`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex_automata::dfa::sparse::DFA;
#[cfg(feature = "author")]
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::document::{Document, Kind, Record, Value, read_json};
use crate::limits::CANDIDATE_COUNTERS_PART;
use crate::policy::{PolicySet, Set};

/// The format this version writes and reads.
pub const FORMAT: &str = "ambit-bundle/3";

/// The envelope. Signatures are carried; no version verifies them yet, so a bundle that has some is refused rather
/// than trusted unverified.
#[cfg_attr(feature = "author", derive(Serialize))]
struct Envelope<'b> {
    format: &'b str,
    digest: &'b str,
    payload: &'b str,
    signatures: Vec<&'b str>,
    /// A second policy set, which only looks on.
    #[cfg_attr(feature = "author", serde(skip_serializing_if = "Option::is_none"))]
    candidate: Option<Member<'b>>,
}

/// A policy set beside that of the envelope.
#[cfg_attr(feature = "author", derive(Serialize))]
struct Member<'b> {
    digest: &'b str,
    payload: &'b str,
}

impl<'b> Envelope<'b> {
    /// Reads an envelope, or says what is wrong with it.
    fn read(document: &'b Document) -> Result<Self, String> {
        let envelope = Record::of(document.root(), &["format", "digest", "payload", "signatures", "candidate"])?;
        let (format, Member { digest, payload }) = (envelope.text("format")?, Member::read(envelope)?);
        let signatures = envelope.read("signatures", "a list of strings", |list| {
            (list.kind() == Kind::Array).then(|| list.children().map(Value::string).collect::<Option<_>>())?
        })?;
        let candidate = match envelope.member("candidate") {
            Some(member) => Some(Member::read(Record::of(member, &["digest", "payload"])?)?),
            None => None,
        };
        Ok(Self { format, digest, payload, signatures: signatures.unwrap_or_default(), candidate })
    }
}

impl<'b> Member<'b> {
    fn read(record: Record<'b>) -> Result<Self, String> {
        Ok(Self { digest: record.text("digest")?, payload: record.text("payload")? })
    }
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
/// does not hold together. Nothing of a refused bundle is used. A candidate that does not load refuses nothing: see
/// [`PolicySet::candidate_refused`].
pub fn load(bytes: &[u8]) -> Result<PolicySet, LoadError> {
    let none = |why| {
        LoadError(format!(
            "not an Ambit bundle: {why}; the plugin configuration must be the output of `ambit bundle`, as a \
             google.protobuf.StringValue"
        ))
    };
    let document = read_json(bytes.to_vec()).map_err(|error| none(format!("{error}")))?;
    let envelope = Envelope::read(&document).map_err(none)?;
    if envelope.format != FORMAT {
        return Err(LoadError(format!(
            "`format` is {}, this filter reads `{FORMAT}`; build the bundle with the `ambit` of the same release",
            crate::quote::quote(envelope.format)
        )));
    }
    if !envelope.signatures.is_empty() {
        return Err(LoadError("`signatures`: this filter cannot verify signatures yet; bundle without them".into()));
    }
    let mut set = open(envelope.payload, envelope.digest)?;
    // The candidate stands in nobody's way: what is wrong with it is told, and the set is whole without it.
    set.candidate = envelope.candidate.map(|member| {
        let candidate = open(member.payload, member.digest)?;
        Ok(Arc::new(beside(&set, candidate)))
    });
    Ok(set)
}

/// Reads a payload and makes it ready to evaluate.
fn open(payload: &str, named: &str) -> Result<PolicySet, LoadError> {
    let payload = STANDARD
        .decode(payload.as_bytes())
        .map_err(|e| LoadError(format!("`payload` is not base64: {e}; the bundle was changed on its way")))?;
    let digest = digest_of(&payload);
    if digest != named {
        return Err(LoadError(format!(
            "`digest` is {}, the payload's is {digest}; the bundle was changed on its way",
            crate::quote::quote(named)
        )));
    }
    let (set, rest): (Set, _) = postcard::take_from_bytes(&payload)
        .map_err(|e| LoadError(format!("`payload` is not a policy set of format {FORMAT}: {e}")))?;
    if !rest.is_empty() {
        return Err(LoadError(format!("`payload` goes on for {} bytes behind the policy set", rest.len())));
    }
    ready(set, digest)
}

/// Keeps a candidate's counters apart from those of the enforced set: other names, a table and a part of memory of their own.
fn beside(enforced: &PolicySet, mut candidate: PolicySet) -> PolicySet {
    candidate.is_candidate = true;
    candidate.set.gateway.counters_kib = enforced.set.gateway.counters_kib / CANDIDATE_COUNTERS_PART;
    for counter in candidate.set.pages.iter_mut().flat_map(|page| &mut page.counters) {
        let salted = Sha256::new().chain_update(b"candidate").chain_update(counter.region).finalize();
        for (byte, salted) in counter.region.iter_mut().zip(salted) {
            *byte = salted;
        }
    }
    candidate
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
    Ok(PolicySet { digest, set, patterns, candidate: None, is_candidate: false })
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
        format: FORMAT,
        digest: &digest_of(&payload),
        payload: &STANDARD.encode(&payload),
        signatures: Vec::new(),
        candidate: None,
    };
    let bytes = serde_json::to_vec(&envelope).map_err(|e| LoadError(format!("cannot serialize: {e}")))?;
    load(&bytes).map(|_| bytes)
}

/// Puts the policy set of one bundle into another as its candidate, in place of one that it may have.
///
/// # Errors
/// [`LoadError`] when either does not load, or the candidate has a candidate of its own.
#[cfg(feature = "author")]
pub fn with_candidate(bundle: &[u8], candidate: &[u8]) -> Result<Vec<u8>, LoadError> {
    let none = |why| LoadError(format!("not an Ambit bundle: {why}"));
    let document = |bytes: &[u8]| read_json(bytes.to_vec()).map_err(|error| none(format!("{error}")));
    if load(candidate)?.candidate.is_some() {
        return Err(LoadError("it has a candidate of its own: name the policies that are to be tried alone".into()));
    }
    let (bundle, candidate) = (document(bundle)?, document(candidate)?);
    let Envelope { digest, payload, .. } = Envelope::read(&candidate).map_err(none)?;
    let bundle = Envelope::read(&bundle).map_err(none)?;
    let envelope = Envelope { candidate: Some(Member { digest, payload }), ..bundle };
    let bytes = serde_json::to_vec(&envelope).map_err(|e| LoadError(format!("cannot serialize: {e}")))?;
    match load(&bytes)?.candidate {
        Some(Err(why)) => Err(why),
        _ => Ok(bytes),
    }
}
