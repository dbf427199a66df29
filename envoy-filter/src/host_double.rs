//! A gateway in a thread-local: the functions of the host for native builds, so that the rest of the filter is tested
//! without wasm. It keeps what can be seen from outside (replies, headers, properties, counters), not who called what
//! in which order.

#![cfg_attr(not(test), allow(dead_code, reason = "only tests put a request into this gateway"))]

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::pairs;
use crate::types::{Fields, HeaderMap, Level, Status};

/// What the gateway has, and what has been done to it.
#[derive(Default)]
pub(crate) struct Gateway {
    pub(crate) now: u64,
    pub(crate) configuration: Vec<u8>,
    /// `None`: the host cannot give them.
    pub(crate) headers: Option<Fields>,
    pub(crate) body: Option<Vec<u8>>,
    /// The response: its head, and what of its body goes by.
    pub(crate) response: Option<Answer>,
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    /// Host functions that fail, and the status they return.
    pub(crate) failing: BTreeMap<&'static str, u32>,
    /// Contexts that [`set_effective_context`] no longer finds.
    pub(crate) gone: BTreeSet<u32>,

    pub(crate) effective: Option<u32>,
    pub(crate) tick_period: Option<u32>,
    pub(crate) logged: Vec<(Level, String)>,
    pub(crate) set_headers: BTreeMap<(HeaderMap, String), Vec<u8>>,
    pub(crate) removed_headers: BTreeSet<String>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) continued: Vec<Option<u32>>,
    pub(crate) closed: Vec<Option<u32>>,
    /// Calls that were made; the number of each is its place, counted from 1.
    pub(crate) calls: Vec<Call>,
    /// Clusters there are; a call to another is refused. `None`: all.
    pub(crate) clusters: Option<Vec<&'static str>>,
    /// What the call that is being answered brought; the context that waits must be effective to see it.
    pub(crate) answer: Option<Answer>,
    /// How often the body of an answer or a response was read.
    pub(crate) bodies_read: usize,
    /// Data that VMs share, each value with the number that a compare-and-set of it must name.
    pub(crate) shared: BTreeMap<String, (Vec<u8>, u32)>,
    /// So many times another VM sets a value between a look at it and the next set.
    pub(crate) others_set: usize,
    /// How often shared data was looked at or set.
    pub(crate) shared_calls: usize,
    pub(crate) counters: BTreeMap<String, i64>,
    pub(crate) metrics: Vec<String>,
}

/// A local reply, and the context it went to if that was not the running one.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) context: Option<u32>,
    pub(crate) status: u16,
    pub(crate) details: String,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(field, _)| field == name.as_bytes()).map(|(_, value)| value.as_slice())
    }
}

/// A call, as the gateway was told to make it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The effective context, if the running one was not it.
    pub(crate) context: Option<u32>,
    pub(crate) cluster: String,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    /// In milliseconds.
    pub(crate) timeout: u32,
}

impl Call {
    pub(crate) fn path(&self) -> String {
        let path = self.headers.iter().find(|(name, _)| name == b":path").map(|(_, value)| value.as_slice());
        String::from_utf8_lossy(path.unwrap_or_default()).into()
    }
}

/// The answer to a call, or a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
}

thread_local! {
    static GATEWAY: RefCell<Gateway> = RefCell::new(Gateway::default());
}

/// Looks at the gateway, or changes it.
pub(crate) fn gateway<R>(with: impl FnOnce(&mut Gateway) -> R) -> R {
    GATEWAY.with(|gateway| with(&mut gateway.borrow_mut()))
}

fn call<R>(name: &'static str, with: impl FnOnce(&mut Gateway) -> Result<R, Status>) -> Result<R, Status> {
    gateway(|gateway| {
        Status::from_code(gateway.failing.get(name).copied().unwrap_or_default())?;
        with(gateway)
    })
}

pub(crate) fn allocate(_size: usize) -> usize {
    0
}

pub(crate) fn log(level: Level, message: &str) {
    gateway(|gateway| gateway.logged.push((level, message.into())));
}

pub(crate) fn now() -> Result<u64, Status> {
    call("now", |gateway| Ok(gateway.now))
}

pub(crate) fn set_tick_period(milliseconds: u32) -> Result<(), Status> {
    call("set_tick_period", |gateway| {
        gateway.tick_period = Some(milliseconds);
        Ok(())
    })
}

pub(crate) fn set_effective_context(context: u32) -> Result<(), Status> {
    call("set_effective_context", |gateway| {
        if gateway.gone.contains(&context) {
            return Err(Status::BadArgument);
        }
        gateway.effective = Some(context);
        Ok(())
    })
}

pub(crate) fn plugin_configuration(max_size: usize) -> Result<Vec<u8>, Status> {
    call("plugin_configuration", |gateway| Ok(gateway.configuration.iter().copied().take(max_size).collect()))
}

pub(crate) fn request_body(max_size: usize) -> Result<Vec<u8>, Status> {
    call("request_body", |gateway| {
        let body = gateway.body.as_ref().ok_or(Status::NotFound)?;
        Ok(body.iter().copied().take(max_size).collect())
    })
}

/// A map as the filter gets it: through its serialized form.
fn decoded(fields: &Fields) -> Result<Fields, Status> {
    let pairs: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    pairs::encode(&pairs).and_then(|bytes| pairs::decode(&bytes)).ok_or(Status::Unreadable)
}

pub(crate) fn request_headers() -> Result<Fields, Status> {
    call("request_headers", |gateway| decoded(gateway.headers.as_ref().ok_or(Status::NotFound)?))
}

pub(crate) fn response_headers() -> Result<Fields, Status> {
    call("response_headers", |gateway| decoded(&gateway.response.as_ref().ok_or(Status::NotFound)?.headers))
}

pub(crate) fn response_body(max_size: usize) -> Result<Vec<u8>, Status> {
    call("response_body", |gateway| {
        gateway.bodies_read = gateway.bodies_read.saturating_add(1);
        let response = gateway.response.as_ref().ok_or(Status::NotFound)?;
        Ok(response.body.iter().copied().take(max_size).collect())
    })
}

pub(crate) fn dispatch_call(
    cluster: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
    timeout: u32,
) -> Result<u32, Status> {
    call("dispatch_call", |gateway| {
        if gateway.clusters.as_ref().is_some_and(|clusters| !clusters.contains(&cluster)) {
            return Err(Status::BadArgument);
        }
        let context = gateway.effective;
        let headers = pairs::encode(headers).and_then(|bytes| pairs::decode(&bytes)).ok_or(Status::BadArgument)?;
        gateway.calls.push(Call { context, cluster: cluster.into(), headers, body: body.to_vec(), timeout });
        u32::try_from(gateway.calls.len()).map_err(|_| Status::InternalFailure)
    })
}

pub(crate) fn call_headers() -> Result<Fields, Status> {
    call("call_headers", |gateway| decoded(&gateway.answer.as_ref().ok_or(Status::NotFound)?.headers))
}

pub(crate) fn call_body(max_size: usize) -> Result<Vec<u8>, Status> {
    call("call_body", |gateway| {
        gateway.bodies_read = gateway.bodies_read.saturating_add(1);
        let answer = gateway.answer.as_ref().ok_or(Status::NotFound)?;
        Ok(answer.body.iter().copied().take(max_size).collect())
    })
}

pub(crate) fn replace_header(map: HeaderMap, name: &[u8], value: &[u8]) -> Result<(), Status> {
    call("replace_header", |gateway| {
        gateway.set_headers.insert((map, String::from_utf8_lossy(name).into()), value.to_vec());
        Ok(())
    })
}

pub(crate) fn remove_header(_map: HeaderMap, name: &[u8]) -> Result<(), Status> {
    call("remove_header", |gateway| {
        gateway.removed_headers.insert(String::from_utf8_lossy(name).into());
        Ok(())
    })
}

pub(crate) fn property<Part: Borrow<str>>(path: &[Part]) -> Result<Vec<u8>, Status> {
    call("property", |gateway| gateway.properties.get(&path.join(".")).cloned().ok_or(Status::NotFound))
}

pub(crate) fn set_property(path: &[&str], value: &[u8]) -> Result<(), Status> {
    call("set_property", |gateway| {
        gateway.properties.insert(path.join("."), value.to_vec());
        Ok(())
    })
}

pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Result<(), Status> {
    call("send_local_response", |gateway| {
        gateway.replies.push(Reply {
            context: gateway.effective,
            status,
            details: details.into(),
            headers: headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            body: body.to_vec(),
        });
        Ok(())
    })
}

pub(crate) fn continue_request() -> Result<(), Status> {
    call("continue_request", |gateway| {
        gateway.continued.push(gateway.effective);
        Ok(())
    })
}

pub(crate) fn close_request() -> Result<(), Status> {
    call("close_request", |gateway| {
        gateway.closed.push(gateway.effective);
        Ok(())
    })
}

pub(crate) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), Status> {
    call("shared_data", |gateway| {
        gateway.shared_calls = gateway.shared_calls.saturating_add(1);
        let found = gateway.shared.get(key).cloned().ok_or(Status::NotFound)?;
        if let Some(left) = gateway.others_set.checked_sub(1)
            && let Some((_, cas)) = gateway.shared.get_mut(key)
        {
            gateway.others_set = left;
            *cas = cas.saturating_add(1);
        }
        Ok(found)
    })
}

/// As Envoy: 0 compares nothing.
pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<(), Status> {
    call("set_shared_data", |gateway| {
        gateway.shared_calls = gateway.shared_calls.saturating_add(1);
        let known = gateway.shared.get(key).map_or(0, |(_, known)| *known);
        if cas != 0 && cas != known {
            return Err(Status::CasMismatch);
        }
        gateway.shared.insert(key.into(), (value.to_vec(), known.saturating_add(1)));
        Ok(())
    })
}

pub(crate) fn define_counter(name: &str) -> Result<u32, Status> {
    call("define_counter", |gateway| {
        gateway.metrics.push(name.into());
        u32::try_from(gateway.metrics.len()).map_err(|_| Status::InternalFailure)
    })
}

pub(crate) fn increment(metric: u32, by: i64) -> Result<(), Status> {
    call("increment", |gateway| {
        let index = usize::try_from(metric).ok().and_then(|metric| metric.checked_sub(1));
        let name = index.and_then(|index| gateway.metrics.get(index)).ok_or(Status::NotFound)?;
        let count = gateway.counters.entry(name.clone()).or_default();
        *count = count.saturating_add(by);
        Ok(())
    })
}
