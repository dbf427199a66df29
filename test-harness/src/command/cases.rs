//! `ambit cases`: requests with the facts around them, held against the pages that ought to answer for them.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::sync::Arc;

use policy_core::{PolicySet, Timestamp};

use super::arguments::{Cases as Arguments, Output};
use super::exit::{Exit, Failure};
use crate::cases::{CaseError, CaseGrants, CaseMap, CaseResult, CaseSummary, Cases, Intent, Record};
use crate::policies::{Policies, PolicyDirectory, PolicyError};
use crate::recording::{Exchange, Ids, Place, Position, RecordedRequest};
use crate::render::{Screen, table};
use crate::replay::{Engine, EngineError, EngineKind, NativeEngine, WasmEngine, find_module};

/// Counters are kept since long before any case.
const EVER: Timestamp = Timestamp(0);

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let map = CaseMap::open(&arguments.map)?;
    let cases = Cases::open(&arguments.file)?;
    let policies = policies(&arguments.policies)?;
    if let Some(problem) = map.unknown(&policies.set) {
        return Err(CaseError::NotAMap { file: arguments.map.display().to_string(), problem }.into());
    }
    let identity = identity_header(&arguments.policies, &policies)?;
    let (engine, set) = (engine(arguments, &policies)?, Arc::clone(&policies.set));
    let grants = CaseGrants::of(&set)?;
    let mut run = Run { engine, set, map, identity, grants, file: cases.file().into() };
    let mut summary = CaseSummary::default();
    let mut rows = Vec::new();
    let mut out = BufWriter::new(stdout().lock());
    for case in cases {
        let (line, record) = case?;
        let result = run.judge(line, &record)?;
        summary.add(&record.category, &result);
        match arguments.format {
            Output::Json => {
                serde_json::to_writer(&mut out, &result).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Output::Table => rows.push(result.row()),
        }
    }
    if arguments.format == Output::Table {
        write!(out, "{}", table(Screen::stdout(), &CaseResult::HEAD, &rows, &[]))?;
    }
    out.flush()?;
    eprint!("{}", summary.render(Screen::stderr()));
    Ok(if summary.as_expected() { Exit::Fine } else { Exit::Differs })
}

/// The policies, with one approver more: who signs the grants of cases. A bundle is as it is.
fn policies(path: &Path) -> Result<Policies, PolicyError> {
    if path.is_file() {
        return Policies::open(path);
    }
    let mut directory = PolicyDirectory::load(path)?;
    CaseGrants::admit(&mut directory);
    Policies::from_directory(directory)
}

/// The header that names the agent of a case.
fn identity_header(path: &Path, policies: &Policies) -> Result<String, Failure> {
    policies.identity_header.clone().ok_or_else(|| {
        let path = path.display();
        Failure::Other(format!(
            "`{path}` has no header among its identity sources by which a case could name its agent; name a policy \
             directory whose gateway.json has one"
        ))
    })
}

fn engine(arguments: &Arguments, policies: &Policies) -> Result<Box<dyn Engine>, Failure> {
    Ok(match arguments.engine {
        EngineKind::Native => {
            Box::new(NativeEngine::counting(Arc::clone(&policies.set), EVER).map_err(EngineError::from)?)
        }
        EngineKind::Wasm => {
            let wasm = find_module(arguments.wasm.as_deref())?;
            Box::new(WasmEngine::new(&wasm, &policies.bundle, Arc::clone(&policies.set))?)
        }
    })
}

/// A run that goes on.
struct Run {
    engine: Box<dyn Engine>,
    set: Arc<PolicySet>,
    map: CaseMap,
    identity: String,
    grants: CaseGrants,
    file: Arc<str>,
}

impl Run {
    fn judge(&mut self, line: usize, record: &Record) -> Result<CaseResult, Failure> {
        let Some(intent) = self.map.intents.get(&record.policy_intent) else {
            let (file, intent) = (self.file.to_string(), record.policy_intent.clone());
            return Err(CaseError::NoIntent { file, line, intent }.into());
        };
        let at = self.map.time_of(record);
        let scene = self.map.scene(record, &self.set, &self.grants, &self.identity, at);
        let Some(scene) = scene.map_err(|problem| self.not_a_case(line, problem))? else {
            return Ok(CaseResult::without_page(record));
        };
        let exchange = self.exchange(line, record, scene.request);
        self.engine.forget_grants();
        if scene.again {
            self.engine.judge_in(&scene.world, &exchange, Some(self.map.now))?;
        }
        let judgement = self.engine.judge_in(&scene.world, &exchange, Some(self.map.now))?;
        let waited = |got, rule: Option<&str>| Intent::waits_for(intent, record, got, rule);
        Ok(CaseResult::judged(record, judgement, waited))
    }

    fn not_a_case(&self, line: usize, problem: String) -> CaseError {
        CaseError::NotACase { file: self.file.to_string(), line, problem }
    }

    fn exchange(&self, line: usize, record: &Record, request: RecordedRequest) -> Exchange {
        let number = u64::try_from(line).unwrap_or(u64::MAX);
        Exchange {
            index: number.saturating_sub(1),
            position: Position { file: Arc::clone(&self.file), place: Place::Line(number) },
            time: record.state.now,
            request,
            response: None,
            ids: Ids::default(),
        }
    }
}
