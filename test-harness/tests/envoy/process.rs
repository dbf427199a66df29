//! One running Envoy: started in a folder of its own, asked through its admin port, killed on drop.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::answer::Answer;
use crate::client_h1::{self, RequestHead};
use crate::config;
use crate::deadline::until;

/// Envoy compiles the filter before it serves; a busy machine takes its time over that.
const START: Duration = Duration::from_secs(60);
const CONDITION: Duration = Duration::from_secs(20);

/// How an Envoy that did not start ended.
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

/// A running Envoy.
pub(crate) struct Envoy {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    holds_headers: bool,
    process: Process,
}

impl Envoy {
    /// Starts Envoy with `arguments` and waits until it serves. `dir` is kept as long as it runs.
    pub(crate) async fn start(dir: TempDir, arguments: &[String], holds_headers: bool) -> Self {
        let mut process = Process::spawn(dir, arguments);
        let admin = until(START, "Envoy's admin port", || {
            let found = process.admin();
            async move { found }
        })
        .await;
        until(START, "Envoy ready", || {
            process.assert_running();
            async move { (admin_get(admin, "/ready").await.status == 200).then_some(()) }
        })
        .await;
        let address = listener(admin, |_| true).await;
        Self { address, admin, holds_headers, process }
    }

    /// Where clients of this listener connect; [`Envoy::address`] is of the first.
    pub(crate) async fn listener(&self, name: &str) -> SocketAddr {
        listener(self.admin, |known| known == name).await
    }

    /// Starts Envoy with a configuration it must refuse, and waits for its end.
    pub(crate) async fn start_and_exit(dir: TempDir, arguments: &[String]) -> Exit {
        let mut process = Process::spawn(dir, arguments);
        let status = until(START, "Envoy's exit", || {
            let status = process.child.try_wait().expect("Envoy's state");
            async move { status }
        })
        .await;
        Exit { status, log: process.log() }
    }

    /// Gives the filter another bundle through ECDS. Returns at once; see [`Envoy::updates`].
    pub(crate) fn push(&self, bundle: &str) {
        let file = config::ecds_file(self.process.dir.path());
        config::replace(&file, bundle, self.holds_headers);
    }

    /// Filter configurations accepted and refused so far.
    pub(crate) async fn updates(&self) -> (u64, u64) {
        const PREFIX: &str = "extension_config_discovery.http_filter.ambit";
        (self.stat(&format!("{PREFIX}.update_success")).await, self.stat(&format!("{PREFIX}.update_rejected")).await)
    }

    /// Waits until so many filter configurations were accepted and refused.
    pub(crate) async fn await_updates(&self, accepted: u64, rejected: u64) {
        until(CONDITION, "filter configurations", async || {
            (self.updates().await == (accepted, rejected)).then_some(())
        })
        .await;
    }

    /// A counter or gauge; 0 when Envoy has not made it yet.
    pub(crate) async fn stat(&self, name: &str) -> u64 {
        let path = format!("/stats?format=json&filter=^{}$", name.replace('.', "\\."));
        let stats = admin_json(self.admin, &path).await;
        stats["stats"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|s| s["name"] == name)
            .and_then(|s| s["value"].as_u64())
            .unwrap_or(0)
    }

    /// Waits until a counter or gauge has this value.
    pub(crate) async fn await_stat(&self, name: &str, value: u64) {
        until(CONDITION, &format!("{name} = {value}"), async || (self.stat(name).await == value).then_some(())).await;
    }

    /// Waits until so many requests are inside Envoy and unanswered.
    pub(crate) async fn await_open_requests(&self, count: u64) {
        self.await_stat("http.ingress.downstream_rq_active", count).await;
    }

    /// Requests Envoy has begun to forward.
    pub(crate) async fn forwarded(&self) -> u64 {
        self.stat("cluster.upstream.upstream_rq_total").await
    }

    /// Memory that Envoy holds resident, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let file = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(file).expect("Envoy's status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB")
    }

    /// Waits for `count` lines of the access log.
    pub(crate) async fn access_log(&self, count: usize) -> Vec<Value> {
        let file = self.process.dir.path().join("access.log");
        json_lines(count, || std::fs::read_to_string(&file).unwrap_or_default()).await
    }

    /// Waits for `count` lines of JSON on Envoy's standard output, an access log's.
    pub(crate) async fn stdout_json(&self, count: usize) -> Vec<Value> {
        json_lines(count, || self.process.log()).await
    }

    /// What Envoy has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// Waits until a text has `count` lines of JSON; its other lines are skipped.
async fn json_lines(count: usize, text: impl Fn() -> String) -> Vec<Value> {
    until(CONDITION, &format!("{count} lines of access log"), async || {
        let lines: Vec<Value> = text().lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

async fn admin_get(admin: SocketAddr, path: &str) -> Answer {
    let request = RequestHead::new("GET", path, "admin").header("connection", "close");
    client_h1::exchange(admin, &request.bytes()).await
}

async fn admin_json(admin: SocketAddr, path: &str) -> Value {
    let answer = admin_get(admin, path).await;
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The address of the first listener whose name is so.
async fn listener(admin: SocketAddr, is: impl Fn(&str) -> bool) -> SocketAddr {
    let listeners = admin_json(admin, "/listeners?format=json").await;
    let statuses = listeners["listener_statuses"].as_array().expect("listeners");
    let mut found = statuses.iter().filter(|status| is(status["name"].as_str().unwrap_or_default()));
    // Listeners within the process have no port.
    let port = found
        .find_map(|status| status["local_address"]["socket_address"]["port_value"].as_u64())
        .and_then(|port| u16::try_from(port).ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("the listener's port")))
}

/// The child process and its folder.
struct Process {
    child: Child,
    dir: TempDir,
}

impl Process {
    fn spawn(dir: TempDir, arguments: &[String]) -> Self {
        let log = File::create(dir.path().join("envoy.log")).expect("log file");
        let child = Command::new(binary())
            .args(arguments)
            .arg("--admin-address-path")
            .arg(dir.path().join("admin"))
            // Several run at once, and none hands over to the next.
            .arg("--disable-hot-restart")
            .args(["--file-flush-interval-msec", "20"])
            .args(["--log-level", "info"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .expect("Envoy starts");
        Self { child, dir }
    }

    /// The admin address, once Envoy has written it down.
    fn admin(&mut self) -> Option<SocketAddr> {
        self.assert_running();
        std::fs::read_to_string(self.dir.path().join("admin")).ok()?.trim().parse().ok()
    }

    fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("Envoy's state") {
            panic!("Envoy ended ({status})");
        }
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.dir.path().join("envoy.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when Envoy has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = lines.len().saturating_sub(40);
            eprintln!("--- end of Envoy's log ---\n{}", lines[tail..].join("\n"));
        }
    }
}

/// The Envoy to test with.
fn binary() -> PathBuf {
    let file = std::env::var_os("AMBIT_ENVOY")
        .map_or_else(|| config::target().join(Path::new("envoy/1.40.0/envoy")), PathBuf::from);
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask test` (it fetches Envoy), or set AMBIT_ENVOY=/path/to/envoy",
        file.display()
    );
    file
}
