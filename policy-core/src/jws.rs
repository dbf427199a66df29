//! Compact signed messages (JWS, RFC 7515) with EdDSA (RFC 8037), the only algorithm there is: grants, session tokens,
//! commands. What a message says is for others to read; here is whether it was said, and by whom.
//!
//! Read strictly: a header of exactly `alg`, `typ` and `kid`, each once; no padding; no bits behind the last byte. A message has
//! one spelling, so that what is burnt is not taken again in another one.

#[cfg(feature = "author")]
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::document::{Record, read_json};
use crate::limits::{ID_BYTES, SIGNED_BYTES};
use crate::policy::Key;
use crate::time::Timestamp;

/// What a message is: one kind never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person has approved an action.
    Grant,
    /// A session of an agent.
    Session,
    /// A command to the gateway.
    Command,
}

impl Kind {
    /// Its `typ` (RFC 7515, 4.1.9).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grant => "ambit-grant+jwt",
            Self::Session => "ambit-session+jwt",
            Self::Command => "ambit-command+jwt",
        }
    }

    /// Whether a key may sign such a message at all.
    fn is_for(self, key: &Key) -> bool {
        match self {
            Self::Grant => !key.roles.is_empty(),
            Self::Session => key.sessions,
            Self::Command => key.control,
        }
    }
}

/// Why a message counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no compact JWS, or longer than is read.
    Form,
    /// It is signed by another algorithm than EdDSA, or by none.
    Algorithm,
    /// It is another kind of message.
    Kind,
    /// No key of the gateway has its `kid`.
    UnknownKey,
    /// Its key may not sign such messages.
    NotForThis,
    /// Its key is not valid at this time.
    KeyNotValid,
    /// It is not signed by that key.
    Signature,
}

impl Fault {
    /// What is wrong, for a message: `the grant …`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Form => "is not a compact signed message",
            Self::Algorithm => "is not signed with EdDSA",
            Self::Kind => "is a message of another kind",
            Self::UnknownKey => "is signed by a key that this gateway does not know",
            Self::NotForThis => "is signed by a key that may not sign it",
            Self::KeyNotValid => "is signed by a key that is not valid at this time",
            Self::Signature => "is not what was signed",
        }
    }
}

/// A message that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<'k> {
    /// By whom.
    pub key: &'k Key,
    /// What: bytes that are to be read as JSON.
    pub payload: Vec<u8>,
}

/// Whether a text has the shape of a compact JWS: three parts of base64url.
#[must_use]
pub fn is_shaped(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    text.split('.').count() == 3 && text.split('.').all(part)
}

/// Verifies a message.
///
/// # Errors
/// [`Fault`]: why it counts for nothing. The signature is looked at last.
pub fn verify<'k>(message: &str, kind: Kind, keys: &'k [Key], now: Timestamp) -> Result<Verified<'k>, Fault> {
    if message.len() > SIGNED_BYTES || !is_shaped(message) {
        return Err(Fault::Form);
    }
    let (signed, signature) = message.rsplit_once('.').ok_or(Fault::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(Fault::Form)?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Form);
    // What is no such header may be one of another algorithm.
    let header = read_json(bytes(header)?).map_err(|_| Fault::Form)?;
    let header = Record::of(header.root(), &["alg", "typ", "kid"]).map_err(|_| Fault::Form)?;
    let text = |name| header.text(name).map_err(|_| Fault::Form);
    let (algorithm, typed, id) = (text("alg")?, text("typ")?, text("kid")?);
    if algorithm != "EdDSA" {
        return Err(Fault::Algorithm);
    }
    if typed != kind.name() {
        return Err(Fault::Kind);
    }
    let key = keys.iter().find(|key| key.id == id).ok_or(Fault::UnknownKey)?;
    if !kind.is_for(key) {
        return Err(Fault::NotForThis);
    }
    if now < key.from || now >= key.until {
        return Err(Fault::KeyNotValid);
    }
    let signature: [u8; 64] = bytes(signature)?.try_into().map_err(|_| Fault::Form)?;
    let public = VerifyingKey::from_bytes(&key.public).map_err(|_| Fault::Signature)?;
    // Strictly: no signature that holds for several messages, no second one for the same.
    public.verify_strict(signed.as_bytes(), &Signature::from_bytes(&signature)).map_err(|_| Fault::Signature)?;
    Ok(Verified { key, payload: bytes(payload)? })
}

/// Whether an id may stand in messages, logs and headers: visible ASCII, bounded, not empty.
#[must_use]
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic())
}

/// Signs a message with a secret key.
#[cfg(feature = "author")]
#[must_use]
pub fn sign(kind: Kind, key: &str, secret: &[u8; 32], payload: &[u8]) -> String {
    use ed25519_dalek::Signer as _;
    let header = serde_json::json!({ "alg": "EdDSA", "typ": kind.name(), "kid": key });
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed =
        alloc::format!("{}.{}", encode(alloc::string::ToString::to_string(&header).as_bytes()), encode(payload));
    let signature = ed25519_dalek::SigningKey::from_bytes(secret).sign(signed.as_bytes());
    alloc::format!("{signed}.{}", encode(&signature.to_bytes()))
}

/// The public half of a secret key.
#[cfg(feature = "author")]
#[must_use]
pub fn public_of(secret: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

/// Reads a public key in base64url; `None`: it is none, or one for which forged signatures hold.
#[cfg(feature = "author")]
#[must_use]
pub fn public_key(text: &str) -> Option<[u8; 32]> {
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak()).map(|_| bytes)
}

/// A public key in base64url, as [`public_key`] reads it.
#[cfg(feature = "author")]
#[must_use]
pub fn public_key_text(public: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(public)
}

#[cfg(all(test, feature = "author"))]
mod tests {
    use alloc::string::ToString;
    use alloc::{format, vec};

    use super::*;

    const SECRET: [u8; 32] = [7; 32];
    const NOW: Timestamp = Timestamp(50);

    fn keys() -> Vec<Key> {
        let key = |id: &str, roles: &[&str], control| Key {
            id: id.into(),
            public: public_of(&SECRET),
            owner: None,
            roles: roles.iter().map(ToString::to_string).collect(),
            sessions: false,
            control,
            from: Timestamp(10),
            until: Timestamp(100),
        };
        vec![key("anna", &["finance"], false), key("ops", &[], true)]
    }

    fn verdict(message: &str) -> Result<(), Fault> {
        verify(message, Kind::Grant, &keys(), NOW).map(|_| ())
    }

    fn encoded(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn what_was_signed_is_read() {
        let message = sign(Kind::Grant, "anna", &SECRET, b"{}");
        let keys = keys();
        let verified = verify(&message, Kind::Grant, &keys, NOW).unwrap();
        assert_eq!((verified.key.id.as_str(), verified.payload.as_slice()), ("anna", b"{}".as_slice()));
    }

    #[test]
    fn a_message_counts_only_as_what_it_is_and_while_its_key_does() {
        let message = sign(Kind::Grant, "anna", &SECRET, b"{}");
        let at = |now, kind| verify(&message, kind, &keys(), Timestamp(now)).map(|_| ());
        assert_eq!(at(10, Kind::Grant), Ok(()));
        assert_eq!(at(9, Kind::Grant), Err(Fault::KeyNotValid));
        assert_eq!(at(100, Kind::Grant), Err(Fault::KeyNotValid));
        assert_eq!(at(50, Kind::Session), Err(Fault::Kind));
        assert_eq!(verdict(&sign(Kind::Grant, "ops", &SECRET, b"{}")), Err(Fault::NotForThis));
        assert_eq!(verdict(&sign(Kind::Grant, "bob", &SECRET, b"{}")), Err(Fault::UnknownKey));
        assert_eq!(verdict(&sign(Kind::Grant, "anna", &[8; 32], b"{}")), Err(Fault::Signature));
    }

    #[test]
    fn other_algorithms_and_headers_are_refused() {
        let signed = |header: &str| {
            use ed25519_dalek::Signer as _;
            let text = format!("{}.{}", encoded(header), encoded("{}"));
            let signature = ed25519_dalek::SigningKey::from_bytes(&SECRET).sign(text.as_bytes());
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
        };
        let header = |alg: &str| format!(r#"{{"alg":"{alg}","typ":"ambit-grant+jwt","kid":"anna"}}"#);
        assert_eq!(verdict(&signed(&header("EdDSA"))), Ok(()));
        for alg in ["none", "HS256", "eddsa", "Ed25519", ""] {
            assert_eq!(verdict(&signed(&header(alg))), Err(Fault::Algorithm), "{alg}");
        }
        for header in [
            r#"{"alg":"EdDSA","typ":"ambit-grant+jwt"}"#,
            r#"{"alg":"EdDSA","alg":"EdDSA","typ":"ambit-grant+jwt","kid":"anna"}"#,
            r#"{"alg":"EdDSA","typ":"ambit-grant+jwt","kid":"anna","jwk":{}}"#,
            r#"{"alg":"EdDSA","typ":"ambit-grant+jwt","kid":"anna","crit":["b64"],"b64":false}"#,
            r#"["EdDSA"]"#,
            "",
        ] {
            assert_eq!(verdict(&signed(header)), Err(Fault::Form), "{header}");
        }
    }

    #[test]
    fn a_message_has_one_spelling() {
        let message = sign(Kind::Grant, "anna", &SECRET, b"{}");
        let (head, signature) = message.rsplit_once('.').unwrap();
        for broken in [
            format!("{message}="),
            format!("{message}."),
            format!(" {message}"),
            format!("{message}\n"),
            head.to_string(),
            format!("{head}."),
            format!("{head}.{signature}.{signature}"),
            format!("{head}.{}", &signature[..signature.len() - 1]),
            message.replace('.', ","),
            "é".repeat(20),
            "a".repeat(1 << 20),
            String::new(),
        ] {
            assert_eq!(verdict(&broken), Err(Fault::Form), "{}", broken.len());
        }
        // The last character of 64 bytes holds four bits that are to be zero.
        let last = signature.chars().last().unwrap();
        let other = char::from(u8::try_from(last).unwrap() + 1);
        assert_eq!(verdict(&format!("{}{other}", &message[..message.len() - 1])), Err(Fault::Form));
        for at in 0..message.len() {
            let mut changed = message.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(verdict(core::str::from_utf8(&changed).unwrap()).is_err(), "{at}");
        }
    }

    #[test]
    fn keys_for_which_anything_is_signed_are_no_keys() {
        assert_eq!(public_key(&public_key_text(&public_of(&SECRET))), Some(public_of(&SECRET)));
        let small_order = [1u8].into_iter().chain([0; 31]).collect::<Vec<_>>();
        assert_eq!(public_key(&URL_SAFE_NO_PAD.encode(small_order)), None);
        assert_eq!(public_key(""), None);
        assert_eq!(public_key("AAAA"), None);
    }
}
