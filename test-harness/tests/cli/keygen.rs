//! `ambit keygen` (B2, B4, C5): a key that this and other tools read, and its entry in a gateway document.

use std::path::Path;
use std::process::Command;

use crate::ambit::ambit_in;

fn keygen(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ambit_in(directory, &[&["keygen"], arguments].concat())
}

fn entry((code, out, err): &(i32, String, String)) -> serde_json::Value {
    assert_eq!(*code, 0, "{err}");
    serde_json::from_str(out).unwrap()
}

#[test]
fn a_key_has_its_entry_and_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let output = keygen(directory.path(), &["-o", "ops-2026.pem", "--control", "--owner", "anna"]);
    let made = entry(&output);
    assert_eq!((&made["id"], &made["control"], &made["owner"]), (&"ops-2026".into(), &true.into(), &"anna".into()));
    assert!(made.get("roles").is_none() && made.get("sessions").is_none(), "{made}");
    let key = test_harness::keys::KeyFile::read(&directory.path().join("ops-2026.pem")).unwrap();
    assert_eq!(made["public_key"], key.public_key());

    let (code, _, err) = keygen(directory.path(), &["-o", "ops-2026.pem"]);
    assert_eq!(code, 1);
    assert_eq!(err, "error: `ops-2026.pem` exists, and a key is never overwritten; name another file with -o\n");
}

#[test]
fn a_key_without_a_duty_says_what_to_add() {
    let directory = tempfile::tempdir().unwrap();
    let output = keygen(directory.path(), &[]);
    assert_eq!(entry(&output)["id"], "ambit-key");
    let (_, _, said) = output;
    assert!(said.contains(r#"add "control": true, "sessions": true, or "roles""#), "{said}");
}

#[test]
fn approvals_are_a_duty_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let (code, ..) = keygen(directory.path(), &["--role", "finance", "--control"]);
    assert_eq!(code, 1);
    assert!(!directory.path().join("ambit-key.pem").exists());
    assert_eq!(entry(&keygen(directory.path(), &["--role", "finance"]))["roles"], serde_json::json!(["finance"]));
}

/// Keys are exchanged with OpenSSL both ways, where it is installed.
#[test]
fn other_tools_read_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| Command::new("openssl").current_dir(directory.path()).args(arguments).output();
    let made = entry(&keygen(directory.path(), &["-o", "ours.pem"]));
    let Ok(public) = openssl(&["pkey", "-in", "ours.pem", "-pubout", "-outform", "DER"]) else {
        // Without OpenSSL the form is still what RFC 8410 shows: 48 bytes of DER in one line.
        let pem = std::fs::read_to_string(directory.path().join("ours.pem")).unwrap();
        assert_eq!(pem.lines().nth(1).map(str::len), Some(64));
        return;
    };
    assert!(public.status.success(), "{public:?}");
    let last: [u8; 32] = *public.stdout.last_chunk().unwrap();
    assert_eq!(made["public_key"], policy_core::jws::public_key_text(&last));

    assert!(openssl(&["genpkey", "-algorithm", "ed25519", "-out", "theirs.pem"]).unwrap().status.success());
    test_harness::keys::KeyFile::read(&directory.path().join("theirs.pem")).unwrap();
}
