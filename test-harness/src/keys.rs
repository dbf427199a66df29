//! Private keys, as files: PKCS#8 in PEM, which other tools read and write too.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use policy_core::jws::{self, Kind};

/// Largest file that is read: a key takes some 120 bytes.
const FILE_BYTES: u64 = 16 * 1024;

/// A private key. It is never shown, not even by `Debug`.
pub struct KeyFile {
    key: SigningKey,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such file.
    #[error("there is no key file `{path}`; `ambit keygen -o {path}` makes a key", path = .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read the key file `{path}`: {1}; name a file that you may read", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// The file holds something else.
    #[error("`{path}` is not an Ed25519 private key (PKCS#8 in PEM); `ambit keygen` makes one, as does \
             `openssl genpkey -algorithm ed25519`", path = .0.display())]
    NotAKey(PathBuf),
    /// The file exists.
    #[error("`{path}` exists, and a key is never overwritten; name another file with -o", path = .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write the key file `{path}`: {1}; name a file that you may write with -o", path = .0.display())]
    Unwritable(PathBuf, io::Error),
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}; a key cannot be made here")]
    Random(getrandom::Error),
}

impl KeyFile {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(KeyError::Random)?;
        Ok(Self { key: SigningKey::from_bytes(&secret) })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyError`], if there is no file, or none that holds a key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => KeyError::Missing(path.to_owned()),
            _ => KeyError::Unreadable(path.to_owned(), error),
        };
        let mut text = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        io::Read::read_to_end(&mut io::Read::take(file, FILE_BYTES), &mut text).map_err(unreadable)?;
        let text = String::from_utf8(text).map_err(|_| KeyError::NotAKey(path.to_owned()))?;
        let key = SigningKey::from_pkcs8_pem(text.trim_start()).map_err(|_| KeyError::NotAKey(path.to_owned()))?;
        Ok(Self { key })
    }

    /// Writes the key to a new file that its owner alone may read.
    ///
    /// # Errors
    /// [`KeyError`]; a file that exists is left as it is.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        // Without the public half (version 1): what OpenSSL reads, and all there is to know.
        let pair = KeypairBytes { secret_key: self.key.to_bytes(), public_key: None };
        let unwritable = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
            _ => KeyError::Unwritable(path.to_owned(), error),
        };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).map_err(|error| unwritable(io::Error::other(error)))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(unwritable)?;
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)
    }

    /// The public half, as a gateway document holds it.
    #[must_use]
    pub fn public_key(&self) -> String {
        jws::public_key_text(&self.key.verifying_key().to_bytes())
    }

    /// Signs a message under a key id.
    #[must_use]
    pub fn sign(&self, kind: Kind, id: &str, payload: &[u8]) -> String {
        jws::sign(kind, id, &self.key.to_bytes(), payload)
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFile").field("public_key", &self.public_key()).finish_non_exhaustive()
    }
}

/// The id of a key for which nothing else is said: its file's name without the ending.
#[must_use]
pub fn id_of(path: &Path) -> Option<String> {
    path.file_stem().and_then(|stem| stem.to_str()).filter(|id| jws::is_id(id)).map(str::to_owned)
}

/// An id that nobody guesses and that is not given twice: 128 random bits in hexadecimal.
///
/// # Errors
/// [`KeyError::Random`].
pub fn random_id() -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_signs_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ops.pem");
        let key = KeyFile::generate().unwrap();
        key.write(&path).unwrap();
        let again = KeyFile::read(&path).unwrap();
        let message = key.sign(Kind::Command, "ops", b"{}");
        assert_eq!(again.sign(Kind::Command, "ops", b"{}"), message);
        assert_eq!(again.public_key(), key.public_key());
        assert!(jws::public_key(&key.public_key()).is_some());
        assert!(matches!(key.write(&path), Err(KeyError::Exists(_))));
        assert_eq!(KeyFile::read(&path).unwrap().public_key(), key.public_key());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(!format!("{key:?}").contains("secret"), "{key:?}");
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_makes_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ops.pem");
        let missing = KeyFile::read(&path).unwrap_err().to_string();
        assert!(missing.contains("ambit keygen -o "), "{missing}");
        for text in ["", "-----BEGIN PRIVATE KEY-----\n", "{}", &"x".repeat(100_000)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(KeyFile::read(&path), Err(KeyError::NotAKey(_))));
        }
    }

    #[test]
    fn a_key_has_the_id_of_its_file() {
        assert_eq!(id_of(Path::new("keys/ops-2026.pem")).as_deref(), Some("ops-2026"));
        assert_eq!(id_of(Path::new("my key.pem")), None);
    }
}
