//! Grants on the way of a request: they take away what their roles say, and nothing else. What denies still denies.

use crate::ordered::Map;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::batch::judge;
use super::route::Route;
use super::words::Words;
use crate::approval::{Approving, Asked, Granted, HEADER, Requester, Roles, Terms, Ticket, digest, read};
use crate::decision::{Held, Outcome};
use crate::decode::Content;
use crate::document::{Document, Kind, Value};
use crate::policy::{Api, Band, Page, Permit, PolicySet};
use crate::reason::{Code, Decision, Reason};
use crate::request::{Headers, Request};
use crate::state::{Known, Trace};
use crate::time::Timestamp;

/// What a ticket is made of.
pub(super) struct Matter<'a> {
    pub(super) set: &'a PolicySet,
    pub(super) page: &'a Page,
    pub(super) requester: Requester<'a>,
    pub(super) request: &'a Request,
    pub(super) route: &'a Route,
    pub(super) content: &'a Result<Content, Reason>,
    /// The body as it came; `None`: it was not seen whole.
    pub(super) body: Option<&'a [u8]>,
}

/// Headers that a ticket binds whoever looks at them: what they say changes what the body means, or whether a write is
/// done.
const BOUND: [&str; 6] =
    ["content-type", "content-encoding", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

impl Matter<'_> {
    /// The request as it is held, for nobody yet; `None`: its body was not seen, so that nobody can approve exactly this one.
    fn held(&self, known: &mut Known) -> Option<Box<Held>> {
        let ticket = self.ticket(self.body?, known);
        Some(Box::new(Held { digest: ticket.digest(), ticket, roles: Roles::default() }))
    }

    fn ticket(&self, body: &[u8], known: &mut Known) -> Ticket {
        // The same again: it notes what it looks at. Whether the request is held is known at the end alone, and what is not
        // held pays for no notes.
        known.begin_trace();
        let again = judge(self.set, self.page, self.request, self.route, self.content, known);
        known.take_wants();
        let calls = self.content.as_ref().ok().filter(|_| again.rpc.is_some());
        let mut trace = known.end_trace();
        let api = self.page.apis.get(self.route.api as usize);
        let names = api.map(|api| bound_headers(self.page, api, &trace)).unwrap_or_default();
        self.complete(&mut trace, body, &again.reasons);
        let Trace { present, words, unseen, rules, .. } = trace;
        let (path, query) = self.request.target.split_once('?').unwrap_or((&self.request.target, ""));
        let present: Vec<&str> = present.iter().map(String::as_str).collect();
        // One by one: putting a map together at once would sort, which takes more code than all of this.
        let mut headers = Map::new();
        for name in names {
            headers.extend(bound(&self.request.headers, &name));
        }
        let mut roles = Map::new();
        for role in &self.page.roles {
            roles.insert(role.name.clone(), Terms { expires: role.expires, hold: role.hold, reuse: role.reuse });
        }
        Ticket {
            gateway: self.set.set.gateway.name.clone(),
            agent: self.requester.agent.to_string(),
            session: self.requester.session.map(Into::into),
            policy: self.set.digest().to_string(),
            rules: rules.iter().cloned().collect(),
            method: self.request.method.name().to_string(),
            host: self.request.host.clone(),
            path: digest(path.as_bytes()),
            // An empty query is another target than none.
            query: digest(if self.request.target.contains('?') { query.as_bytes() } else { b"\0" }),
            body: match calls {
                Some(Content::Document(document)) => digest(&without_ids(body, document)),
                _ => digest(body),
            },
            headers,
            present: digest(present.join("\n").as_bytes()),
            roles,
            action: words,
            unseen,
        }
    }

    /// Adds to the words what is not the request's own: values of the present that it does not write, a body that nobody
    /// reads, the limits that it goes past.
    fn complete(&self, trace: &mut Trace, body: &[u8], reasons: &[Reason]) {
        let mut words = Words::after(&trace.words);
        for (_, (line, unseen)) in trace.looked.iter().filter(|(noted, _)| !trace.told.contains(*noted)) {
            words.unseen |= unseen;
            words.line(line.clone());
        }
        if matches!(self.content, Ok(Content::Unread(_))) {
            words.unseen = true;
            let mut line = String::from("  a body that is not read: only its digest is approved, ");
            for byte in Sha256::digest(body).iter().take(8) {
                // Writing to a String cannot fail.
                let _ = write!(line, "{byte:02x}");
            }
            words.line(line + "…");
        }
        for reason in reasons.iter().filter(|reason| trace.measured.contains(&reason.message)) {
            words.line(format!("held: {}", reason.message));
        }
        trace.say(words.lines, words.unseen);
    }

    /// What the grants that come with the request approve of it; `None`: it needs none, whatever counters say. The ticket
    /// by which they are read is `made`, should the request be held all the same.
    pub(super) fn weigh(
        &self,
        outcome: &mut Outcome,
        known: &mut Known,
        made: &mut Option<Box<Held>>,
        now: Timestamp,
    ) -> Option<Box<Approving>> {
        let (needed, may_need) = (is_held(outcome, self.page), self.may_need(outcome));
        if !self.request.headers.grants() || !(needed || may_need) {
            return None;
        }
        let mut approving = Box::new(Approving::default());
        match self.granted(known, now) {
            Ok((granted, held)) => {
                approving.granted = granted;
                *made = Some(held);
            }
            Err(reason) if needed => {
                refuse(outcome, reason);
                return None;
            }
            // Counters may still ask for them.
            Err(reason) => approving.invalid = Some(reason),
        }
        if needed {
            approving.needed = outcome.roles.clone();
        }
        approving.passes = !needed || outcome.roles.iter().all(|role| approving.has(role));
        if needed && approving.passes {
            outcome.decision = Decision::Allow;
            outcome.reasons = Vec::new();
            outcome.more_reasons = 0;
            outcome.roles = Roles::default();
            outcome.shadow = self.page.shadow;
            outcome.forward = true;
        }
        Some(approving)
    }

    /// The grants that cover the request, and its ticket.
    fn granted(&self, known: &mut Known, now: Timestamp) -> Result<(Vec<Granted>, Box<Held>), Reason> {
        let held = self.held(known).ok_or_else(|| unseen(Code::ApprovalInvalid))?;
        let (gateway, page, requester) = (&self.set.set.gateway, self.page, self.requester);
        let asked = Asked { gateway, page, requester, ticket: &held.ticket, digest: &held.digest, now };
        Ok((read(self.request.headers.single(HEADER), asked)?, held))
    }

    /// Whether counters may ask for a grant.
    fn may_need(&self, outcome: &Outcome) -> bool {
        let counters = outcome.tallies.iter().filter_map(|tally| self.page.counters.get(tally.counter as usize));
        outcome.decision == Decision::Allow && counters.into_iter().any(|counter| counter.beyond != Band::Deny)
    }

    /// The last word on a request that is held: with grants that count for nothing it is refused, else it has a ticket.
    pub(super) fn conclude(
        &self,
        mut outcome: Outcome,
        approving: Option<&Approving>,
        known: &mut Known,
        made: Option<Box<Held>>,
    ) -> Outcome {
        if !is_held(&outcome, self.page) {
            return outcome;
        }
        if let Some(reason) = approving.and_then(|approving| approving.invalid.clone()) {
            refuse(&mut outcome, reason);
        } else if !outcome.forward {
            let mut roles = core::mem::take(&mut outcome.roles);
            if let Some(approving) = approving {
                roles.add_all(&approving.needed);
            }
            match made.or_else(|| self.held(known)) {
                Some(held) => outcome.held = Some(Box::new(Held { roles, ..*held })),
                None => outcome.add_reasons(alloc::vec![unseen(Code::ApprovalRequired)]),
            }
        }
        outcome
    }
}

/// A body of JSON-RPC without the names that its client gives to the answers: each time it asks, others, and the same call.
fn without_ids(body: &[u8], document: &Document) -> Vec<u8> {
    if document.source().as_bytes() != body {
        // It was compressed: all of its bytes count.
        return body.to_vec();
    }
    let root = document.root();
    let messages: Vec<Value<'_>> =
        if root.kind() == Kind::Array { root.children().collect() } else { alloc::vec![root] };
    let mut out = Vec::with_capacity(body.len());
    let mut from = 0;
    for message in messages {
        let progress = message.member("params").and_then(|params| params.member("_meta")?.member("progressToken"));
        let id = message.member("id").map(Value::span);
        let mut names = [id, progress.map(Value::span)];
        if let [Some(first), Some(second)] = &names
            && first.start > second.start
        {
            names.reverse();
        }
        for span in names.into_iter().flatten() {
            out.extend(body.get(from..span.start).unwrap_or_default());
            // No JSON text holds this: what is left out leaves its place.
            out.push(0);
            from = span.end;
        }
    }
    out.extend(body.get(from..).unwrap_or_default());
    out
}

/// Grants that count for nothing refuse what needs some.
fn refuse(outcome: &mut Outcome, reason: Reason) {
    outcome.decision = Decision::Deny;
    outcome.reasons = alloc::vec![reason.bounded()];
    outcome.more_reasons = 0;
}

/// Whether people must approve the request. What is only recorded, and goes on, needs nobody.
fn is_held(outcome: &Outcome, page: &Page) -> bool {
    outcome.decision == Decision::ApprovalRequired && (!outcome.forward || page.shadow)
}

fn unseen(code: Code) -> Reason {
    let message = "the body was not seen whole, so that nobody can approve exactly this request: it is larger than the gateway judges, or did not \
                   come in time"
        .into();
    Reason { code, message, pointer: None }
}

/// Names of the headers that a ticket binds where they are there, each once.
pub(super) fn bound_headers(page: &Page, api: &Api, trace: &Trace) -> Vec<String> {
    let permits = page.permits.iter().filter(|permit| trace.rules.contains(&permit.id));
    let listed = permits.flat_map(|permit: &Permit| permit.headers.allow.iter().chain(&permit.headers.require));
    let names = trace.headers.iter().chain(listed).chain(&api.guarded_headers).map(String::as_str).chain(BOUND);
    let mut each: Vec<String> = Vec::new();
    for name in names {
        // Of a parameter the whole header is bound.
        let name = name.split('/').next().unwrap_or(name);
        if !each.iter().any(|known| known == name) {
            each.push(name.to_string());
        }
    }
    each
}

/// The name and a digest of the values of a header that is there.
fn bound(headers: &Headers, name: &str) -> Option<(String, String)> {
    let mut values = Vec::new();
    for value in headers.all(name) {
        // The same number of bytes on every machine.
        values.extend((value.len() as u64).to_be_bytes());
        values.extend(value);
    }
    (!values.is_empty()).then(|| (name.to_string(), digest(&values)))
}
