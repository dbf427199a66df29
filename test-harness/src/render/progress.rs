//! Progress on a terminal, for what takes over a second.

use std::io::{self, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on standard error: nothing unless that is a terminal, and nothing within the first second.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    done: Arc<AtomicU64>,
    started: Instant,
    bar: Option<ProgressBar>,
    wanted: bool,
}

impl Default for Progress {
    /// The work begins now.
    fn default() -> Self {
        Self { total: 0, done: Arc::default(), started: Instant::now(), bar: None, wanted: io::stderr().is_terminal() }
    }
}

impl Progress {
    /// A reader that counts what is read from `source`, which holds `size` bytes.
    pub fn counting<R>(&mut self, source: R, size: u64) -> Counting<R> {
        self.total = self.total.saturating_add(size);
        Counting { source, done: Arc::clone(&self.done) }
    }

    /// Draws, after `entries` entries.
    pub fn update(&mut self, entries: u64) {
        if !self.wanted || self.started.elapsed() < PATIENCE {
            return;
        }
        let total = self.total;
        let bar = self.bar.get_or_insert_with(|| new_bar(total));
        bar.set_position(self.done.load(Ordering::Relaxed));
        bar.set_message(format!("{entries} requests"));
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn new_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{wide_bar} {percent}% {msg}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A reader that counts its bytes.
#[derive(Debug)]
pub struct Counting<R> {
    source: R,
    done: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.done.fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(read)
    }
}
