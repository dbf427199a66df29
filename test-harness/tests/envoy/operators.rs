//! Who commands a gateway: an operator with a key, who runs `ambit`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::keys::KeyFile;

use crate::ambit;
use crate::deadline::until;

/// What the gateways of these tests are called.
pub(crate) const NAME: &str = "shop-gateway";
/// The control route.
pub(crate) const CONTROL: &str = "/.ambit/control";

/// An operator, and the folder with the key `ops.pem`.
pub(crate) struct Operator {
    folder: tempfile::TempDir,
}

impl Operator {
    pub(crate) fn new() -> Self {
        let operator = Self { folder: tempfile::tempdir().expect("a folder") };
        KeyFile::generate().expect("a key").write(&operator.file()).expect("a key file");
        operator
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ops.pem")
    }

    pub(crate) fn key(&self) -> KeyFile {
        KeyFile::read(&self.file()).expect("a key")
    }

    /// The key's entry in a gateway document.
    pub(crate) fn entry(&self) -> Value {
        json!({ "id": "ops", "public_key": self.key().public_key(), "control": true })
    }

    /// Runs `ambit` in the folder: exit code, standard output, standard error. What else the test does goes on meanwhile.
    pub(crate) async fn ambit(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = ambit::command();
        command.current_dir(self.folder.path()).args(arguments);
        tokio::task::spawn_blocking(move || ambit::run(&mut command)).await.expect("`ambit` runs")
    }

    /// A signed command, with these options.
    pub(crate) async fn command(&self, command: &[&str], options: &[&str]) -> (i32, String, String) {
        self.ambit(&[command, &["--gateway-name", NAME, "--key", "ops.pem"], options].concat()).await
    }

    /// A command to the gateway at this URL, until it no longer calls it older than its own start: a command says in whole
    /// seconds when it was signed.
    pub(crate) async fn first_command(&self, url: &str, command: &[&str]) {
        until(Duration::from_secs(5), "the second after the start", async || {
            let (code, _, err) = self.command(command, &["--gateway", url]).await;
            assert!(code == 0 || err.contains("(before_start)"), "{err}");
            (code == 0).then_some(())
        })
        .await;
    }
}
