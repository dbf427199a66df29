//! What a request that is forwarded means for the answers that are kept: a read whose answer is copied as it streams by,
//! or a write that makes them worthless.

use std::rc::Rc;

use crate::copying::Copying;
use crate::host;
use crate::kept::{Id, Written};
use crate::plugin::Plugin;
use crate::policy::request::canonical_host;
use crate::policy::state::Keep;
use crate::policy::{Decision, Outcome};
use crate::types::Fields;

/// What Envoy says of an answer that came from the upstream, not from a filter, a cache or itself.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

/// What the head of a request says, for requests that no policy reads as well.
pub(crate) struct Line {
    /// Canonical host, if there is one.
    host: Option<String>,
    /// Its method changes nothing, and nothing in its head looks like another method.
    reads: bool,
}

impl Line {
    pub(crate) fn of(fields: &Fields) -> Self {
        let all = |name: &'static [u8]| {
            fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
        };
        let mut hosts =
            all(b":authority").chain(all(b"host")).map(|value| str::from_utf8(value).ok().and_then(canonical_host));
        let first = hosts.next().flatten();
        let host = first.filter(|first| hosts.all(|other| other.as_ref() == Some(first)));
        // Some servers take the method from a header or a parameter (`x-http-method-override`, `_method`).
        let replaced = fields.iter().any(|(name, _)| !name.starts_with(b":") && holds_method(name))
            || all(b":path").any(|path| path.splitn(2, |byte| *byte == b'?').nth(1).is_some_and(holds_method));
        let mut methods = all(b":method");
        let reads = matches!(methods.next(), Some(b"GET" | b"HEAD" | b"OPTIONS")) && methods.next().is_none();
        Self { host, reads: reads && !replaced }
    }

    /// What the request is, once it is decided.
    pub(crate) fn purpose(self, outcome: &mut Outcome) -> Purpose {
        let keep = outcome.keep.take();
        if !(self.reads && outcome.only_reads()) {
            return Purpose::Write(Written { host: self.host, agent: outcome.agent.clone() });
        }
        match keep {
            Some(keep) if outcome.decision == Decision::Allow => Purpose::Keep(*keep),
            _ => Purpose::Read,
        }
    }
}

fn holds_method(text: &[u8]) -> bool {
    const METHOD: &[u8] = b"method";
    text.windows(METHOD.len()).any(|window| window.eq_ignore_ascii_case(METHOD))
}

/// What a request is.
pub(crate) enum Purpose {
    /// A read whose answer is worth nothing here.
    Read,
    /// A read whose answer may be kept.
    Keep(Keep),
    /// Anything else.
    Write(Written),
}

/// A forwarded request, until its stream ends.
pub(crate) struct Passage {
    plugin: Rc<Plugin>,
    what: What,
}

enum What {
    /// Its answer is kept, or will be.
    Kept { id: Id, copying: Copying, begun: bool },
    /// It writes.
    Write(Id),
    /// Its answer is not kept.
    Nothing,
}

impl Passage {
    /// The request is forwarded now.
    pub(crate) fn begin(purpose: Purpose, plugin: &Rc<Plugin>) -> Option<Self> {
        let kept = plugin.kept.as_ref()?;
        let what = match purpose {
            Purpose::Read => return None,
            Purpose::Keep(keep) => {
                let limit = keep.limit;
                let id = kept.begin(keep, host::now().ok()?)?;
                What::Kept { id, copying: Copying::begin(limit), begun: false }
            }
            Purpose::Write(write) => What::Write(kept.write_begins(write)?),
        };
        Some(Self { plugin: Rc::clone(plugin), what })
    }

    /// The head of the response.
    pub(crate) fn on_response_headers(&mut self, end_of_stream: bool) {
        let Some(kept) = &self.plugin.kept else { return };
        match &mut self.what {
            What::Kept { id, copying, begun } => {
                let again = std::mem::replace(begun, true);
                match (!again && !end_of_stream).then(|| head(copying.limit())).flatten() {
                    Some((fields, announced)) => {
                        copying.announce(announced);
                        kept.head(*id, fields);
                    }
                    None => self.give_up(),
                }
            }
            What::Write(id) => kept.write_answered(*id),
            What::Nothing => {}
        }
    }

    /// `size` bytes of the response's body go by; with `end_of_stream` they are the last.
    pub(crate) fn on_response_body(&mut self, size: usize, end_of_stream: bool) {
        let (Some(kept), What::Kept { id, copying, begun }) = (&self.plugin.kept, &mut self.what) else {
            return;
        };
        let part = copying.part(size).filter(|_| *begun);
        let going = part.is_some_and(|part| part.is_empty() || kept.add(*id, &part));
        if !going {
            self.give_up();
        } else if end_of_stream {
            self.on_response_end();
        }
    }

    /// The response has ended, with its body or with trailers.
    pub(crate) fn on_response_end(&mut self) {
        if let (Some(kept), What::Kept { id, copying, begun: true }) = (&self.plugin.kept, &self.what)
            && copying.is_whole()
        {
            kept.complete(*id);
        }
        if matches!(self.what, What::Kept { .. }) {
            self.give_up();
        }
    }

    /// Looks at the response no longer. What is whole stays.
    fn give_up(&mut self) {
        if let (Some(kept), What::Kept { id, .. }) = (&self.plugin.kept, &self.what) {
            kept.abandon(*id);
        }
        self.what = What::Nothing;
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        match (&self.plugin.kept, &self.what) {
            (Some(kept), What::Write(id)) => kept.write_ends(*id),
            _ => self.give_up(),
        }
    }
}

/// The head of a response that is worth keeping, without what is between client and server alone, and the length that it
/// announces.
fn head(limit: usize) -> Option<(Fields, Option<usize>)> {
    let mut fields = host::response_headers().ok()?;
    let length = fit(&fields).filter(|length| length.is_none_or(|length| length <= limit))?;
    if host::property(&["response", "code_details"]).ok()? != VIA_UPSTREAM {
        return None;
    }
    fields.retain(|(name, _)| !name.eq_ignore_ascii_case(b"set-cookie"));
    Some((fields, length))
}

/// Whether a response has a form that lookups read, fresh from its server, and the length that it announces. What is
/// behind this is for the decision point to read, as of any answer.
fn fit(fields: &Fields) -> Option<Option<usize>> {
    let single = |name: &[u8]| {
        let mut values = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Some(None),
            (Some(value), None) => str::from_utf8(value).ok().map(|text| Some(text.trim())),
            (Some(_), Some(_)) => None,
        }
    };
    let media = single(b"content-type")??;
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fit = single(b":status")? == Some("200")
        && (essence == "application/json" || essence.ends_with("+json"))
        && single(b"content-encoding")?.is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"))
        // Of another age than zero: a cache on the way has answered.
        && single(b"age")?.is_none_or(|age| age == "0");
    let length = match single(b"content-length")? {
        None => None,
        Some(text) => Some(text.parse().ok()?),
    };
    fit.then_some(length)
}
