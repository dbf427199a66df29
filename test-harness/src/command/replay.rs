//! `ambit replay`.

use std::fs::File;
use std::io::{self, BufWriter, Write, stdout};
use std::path::Path;
use std::sync::Arc;

use policy_core::Timestamp;

use super::arguments::{Output, Replay};
use super::exit::{Exit, Failure};
use super::present;
use super::request::agent_field;
use crate::policies::Policies;
use crate::recording::{Field, Format, ReadOptions, Recording, RecordingError};
use crate::render::{Progress, Screen};
use crate::replay::{
    Decided, DecisionWriter, Engine, EngineError, EngineKind, Labels, Manifest, NativeEngine, Numbering, Summary,
    WasmEngine, find_module,
};
use crate::world::{Recorded, Values};

/// Nothing has been used before a recording, however long a counter looks back.
const EVER: Timestamp = Timestamp(0);
/// Entries that cannot be read and are told one by one.
const TOLD: u64 = 10;

pub(super) fn run(arguments: &Replay) -> Result<Exit, Failure> {
    if arguments.world == Values::Enforced && arguments.labels.is_some() {
        let message = "--labels cannot be compared with --world enforced: labels are of what was recorded, where refused \
                       requests had their effect; leave one of the two out";
        return Err(Failure::Other(message.into()));
    }
    let manifest = arguments.labels.as_deref().map(Manifest::open).transpose()?;
    // A mistyped file or scenario is found before the first request is judged. Each file is opened once: it may be a
    // pipe.
    let mut progress = Progress::default();
    let opened = arguments.files.iter().map(|file| open(file, arguments, manifest.as_ref(), &mut progress));
    let opened = opened.collect::<Result<Vec<_>, Failure>>()?;
    let mut policies = Policies::open(&arguments.policies)?;
    if let Some(candidate) = &arguments.candidate {
        policies = policies.with_candidate(candidate)?;
    }
    let agent = arguments.agent.as_ref().map(|agent| agent_field(agent, &policies)).transpose()?;
    let engine: Box<dyn Engine> = match arguments.engine {
        EngineKind::Native => {
            Box::new(NativeEngine::counting(Arc::clone(&policies.set), EVER).map_err(EngineError::from)?)
        }
        EngineKind::Wasm => {
            let wasm = find_module(arguments.wasm.as_deref())?;
            Box::new(WasmEngine::new(&wasm, &policies.bundle, Arc::clone(&policies.set))?)
        }
    };
    let facts = present::facts(&policies.set, &arguments.fixture, &arguments.assume)?;
    let world = Recorded::new(Arc::clone(&policies.set), facts, arguments.world);
    let mut replay = Run {
        arguments,
        agent,
        engine,
        world,
        summary: Summary::default(),
        writer: None,
        progress,
        entries: 0,
        trips: policies.set.trips(),
    };
    let (digest, kind) = (policies.set.digest(), arguments.engine.name());
    if arguments.format == Output::Json {
        replay.writer = Some(DecisionWriter::begin(BufWriter::new(stdout().lock()), digest, kind)?);
    }
    for opened in opened {
        replay.recording(opened)?;
    }
    replay.finish(digest, kind)
}

/// A replay that goes on.
struct Run<'a> {
    arguments: &'a Replay,
    /// The header that names the agent, for requests that lack it.
    agent: Option<Field>,
    engine: Box<dyn Engine>,
    world: Recorded,
    summary: Summary,
    writer: Option<DecisionWriter<BufWriter<io::StdoutLock<'static>>>>,
    progress: Progress,
    entries: u64,
    /// Whether the policies have tripwires.
    trips: bool,
}

impl Run<'_> {
    fn recording(&mut self, opened: Opened) -> Result<(), Failure> {
        let Opened { recording, mut labels } = opened;
        let format = recording.format();
        for exchange in recording {
            self.entries += 1;
            self.progress.update(self.entries);
            let mut exchange = match exchange {
                Ok(exchange) => exchange,
                Err(error @ RecordingError::Read { .. }) => return Err(error.into()),
                Err(error) => {
                    self.unreadable(&error);
                    continue;
                }
            };
            let label = match &mut labels {
                Some(labels) => Some(labels.take(&exchange)?),
                None => None,
            };
            if let Some(agent) = &self.agent
                && !exchange.request.headers.iter().any(|(name, _)| *name == agent.0)
            {
                exchange.request.headers.push(agent.clone());
            }
            let judgement = match self.engine.judge_in(&self.world, &exchange, self.arguments.now)? {
                judgement if format == Format::AccessLog => judgement.of_access_log(),
                judgement => judgement,
            };
            self.world.observe(&exchange, judgement.fate());
            let decided = Decided::new(&exchange, judgement, self.arguments.files.len() > 1);
            self.summary.add(&decided);
            if let Some(label) = label {
                self.summary.compare(label.as_ref(), &decided);
            }
            if let Some(writer) = &mut self.writer {
                writer.decision(&decided)?;
            }
        }
        if let Some(labels) = labels {
            self.summary.add_unmet(labels.unmet());
        }
        Ok(())
    }

    /// The others are still judged, and the exit code says that this one was not.
    fn unreadable(&mut self, error: &RecordingError) {
        self.summary.add_unreadable();
        if self.summary.unreadable() <= TOLD {
            self.progress.finish();
            eprintln!("error: {error}");
        }
    }

    fn finish(mut self, digest: &str, kind: &str) -> Result<Exit, Failure> {
        self.progress.finish();
        let forgotten = self.world.forgotten();
        if forgotten > 0 {
            eprintln!(
                "warning: the recording shows more resources than are kept (64 MiB); {forgotten} were forgotten, and what \
                 depends on them is undecidable: replay a part of the recording, or tell them with --fixture"
            );
        }
        let summary = self.summary;
        let peaks = self.arguments.counters.then(|| self.engine.peaks());
        let trips = self.trips.then(|| self.engine.trips());
        match self.writer {
            Some(writer) => writer.end(&summary, peaks.as_ref(), trips.as_ref())?,
            None => {
                let mut out = stdout().lock();
                let total = summary.counts().total();
                writeln!(out, "{total} requests, {kind} engine, policy {digest}\n")?;
                write!(out, "{}", summary.render(Screen::stdout()))?;
                if let Some(peaks) = &peaks {
                    write!(out, "{}", peaks.render(Screen::stdout()))?;
                }
                if let Some(trips) = &trips {
                    write!(out, "{}", trips.render(Screen::stdout()))?;
                }
            }
        }
        let unreadable = summary.unreadable();
        if unreadable > 0 {
            eprintln!("error: {unreadable} entries could not be read and are not judged; correct the recording");
            return Ok(Exit::CouldNotRun);
        }
        Ok(if summary.as_expected() { Exit::Fine } else { Exit::Differs })
    }
}

/// A recording, and its labels if there is a manifest.
struct Opened {
    recording: Recording,
    labels: Option<Labels>,
}

fn open(
    path: &Path,
    arguments: &Replay,
    manifest: Option<&Manifest>,
    progress: &mut Progress,
) -> Result<Opened, Failure> {
    let name = path.display().to_string();
    let failed = |source| RecordingError::Open { file: name.clone(), source };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()).into());
    }
    let recording = Recording::from_reader(&name, progress.counting(file, metadata.len()), &ReadOptions::default())?;
    let labels = match manifest {
        None => None,
        Some(manifest) => {
            let numbering = Numbering::from(recording.format());
            Some(manifest.labels(arguments.scenario.as_deref(), path, numbering)?)
        }
    };
    Ok(Opened { recording, labels })
}
