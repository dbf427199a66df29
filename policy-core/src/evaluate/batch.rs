//! Requests within a request: each part of a batch is judged as if it came alone, by the same page, and the strictest
//! verdict holds for all of them. Nothing of a batch passes unless all of it does.
//!
//! A part speaks for nobody else than the request it stands in: it goes to the same host, and of its headers only those are
//! taken that say nothing about who is asking, for whom, or how to read it. The outer request's headers are the part's too,
//! but for those about its body. Source: Google's "Batching Requests", "Format of a batch request".

use crate::ordered::Set;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::credential;
use super::ending::{blank, denied};
use super::forbids::forbidden;
use super::judge::judge_one;
use super::leaks::{self, Sent};
use super::reading::read;
use super::route::{self, Route};
use crate::approval::Roles;
use crate::decision::{EventOperation, Outcome};
use crate::decode::google_batch::{Part, read_google_batch};
use crate::decode::{Body, Content, path_key};
use crate::limits::OPERATIONS;
use crate::policy::{Action, Api, Effect, Gateway, Page, PolicySet};
use crate::quote::quote;
use crate::reason::{Code, Decision, Reason};
use crate::request::{Headers, Malformed, Request, normalize};
use crate::state::{Known, Why};

/// Headers that a part may have of its own, beside `host` and `authorization` as the outer request has them.
const OF_A_PART: [&str; 10] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-length",
    "content-type",
    "if-match",
    "if-none-match",
    "mime-version",
    "user-agent",
    // The client library and its version.
    "x-goog-api-client",
];

/// Headers of the outer request that say nothing of its parts: they speak of its own body and way.
const OF_THE_OUTER: [&str; 3] = ["host", "transfer-encoding", "connection"];

/// Paths below which Google's APIs take media, which they do not in a batch.
const UPLOADS: [&str; 2] = ["upload", "resumable"];

/// Judges a request whose body has been read, or each of those within it: by its content and what is known of the present.
pub(super) fn judge(
    set: &PolicySet,
    page: &Page,
    request: &Request,
    route: &Route,
    content: &Result<Content, Reason>,
    known: &Known,
) -> Outcome {
    match content {
        // The secrets of each part are looked for with it.
        Ok(Content::Batch(bytes)) if page.apis.get(route.api as usize).is_some() => {
            judge_parts(set, page, request, route, (bytes, known))
        }
        content => judge_one(set, page, request, route, content, known),
    }
}

/// Judges a batch whose bytes are known.
fn judge_parts(
    set: &PolicySet,
    page: &Page,
    outer: &Request,
    route: &Route,
    (bytes, around): (&[u8], &Known),
) -> Outcome {
    // The parts run one after another: what one is judged by, another may change before it. So the present is not known to
    // them, and a rule that asks for it refuses.
    let mut known = around.fresh();
    if around.is_traced() {
        known.begin_trace();
    }
    known.close(Why::unfit("the parts of a batch are judged without lookups: send it alone"));
    let (forbid, considered) = forbidden(set, page, outer, route, &known);
    let mut whole = Outcome {
        decision: Decision::Allow,
        agent: Some(page.agent.clone()),
        version: Some(page.version.clone()),
        considered,
        ..blank()
    };
    if let Some(forbid) = forbid {
        return Outcome { considered: whole.considered, ..denied(page, forbid.reason, Some(forbid.rule)) };
    }
    let Some(api) = page.apis.get(route.api as usize) else {
        let message = "the policy set is torn".to_string();
        return denied(page, Reason { code: Code::Gateway, message, pointer: None }, None);
    };
    let sent = Sent { gateway: &set.set.gateway, api, request: Some(outer), body: None };
    if let Some(reason) = outer_query(api, outer).or_else(|| leaks::find(sent)) {
        return denied(page, reason, None);
    }
    let content_type = outer.headers.single("content-type").ok().flatten().unwrap_or_default();
    let parts = match read_google_batch(content_type, bytes) {
        Ok(parts) => parts,
        Err(reason) => return denied(page, reason, None),
    };
    let mut written = Set::new();
    let judged: Vec<Outcome> =
        parts.iter().map(|part| judge_part((set, page, outer), part, &known, &mut written)).collect();
    let trace = known.end_trace();
    around.note(|all| all.add(trace));
    // What is only recorded counts where nothing else refuses.
    let refused = judged.iter().any(|part| !part.forward);
    for (position, part) in judged.into_iter().enumerate() {
        let counts = !(refused && part.forward && part.decision != Decision::Allow);
        add(&mut whole, part, position, counts);
    }
    if whole.operations.len() > OPERATIONS {
        let message = format!("more than {OPERATIONS} operations in one request");
        return denied(page, Reason { code: Code::BatchLimit, message, pointer: None }, None);
    }
    whole.shadow = page.shadow || (whole.decision != Decision::Allow && !refused);
    whole.forward = page.shadow || !refused;
    whole
}

/// A resource that a part writes.
type Written = Set<(u32, String, String)>;

fn judge_part(
    (set, page, outer): (&PolicySet, &Page, &Request),
    part: &Part<'_>,
    known: &Known,
    written: &mut Written,
) -> Outcome {
    let refuse = |code, message| denied(page, Reason { code, message, pointer: None }, None);
    let request = match request(&set.set.gateway, outer, part) {
        Ok(request) => request,
        Err(Malformed { code, message }) => return refuse(code, message),
    };
    let uploads = request.segments.first().is_some_and(|first| UPLOADS.contains(&first.text.as_str()));
    if uploads {
        return refuse(Code::NestedRequest, "uploads media, which a batch does not do; send it alone".into());
    }
    let route = match route::find(set, page, &request) {
        Ok(route) => route,
        Err(refused) => return denied(page, refused.reason, refused.rule),
    };
    let Some(api) = page.apis.get(route.api as usize) else {
        return refuse(Code::Gateway, "the policy set is torn".into());
    };
    let actions: Vec<&Action> = route.actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect();
    if actions.iter().any(|action| action.decoder.carries()) {
        return refuse(Code::NestedRequest, "holds requests itself; send them one by one".into());
    }
    if route.opaque {
        return refuse(Code::NestedRequest, "may only pass unread, which a batch does not do; send it alone".into());
    }
    let limit = api.body_limit.unwrap_or(set.set.gateway.body_limit) as usize;
    if part.body.len() > limit {
        return refuse(Code::BodyTooLarge, format!("has a body of more than the {limit} bytes that are judged"));
    }
    let writes = actions.iter().find(|action| action.effect != Effect::Read);
    if let Some((action, key)) = writes.and_then(|action| Some((action, path_key(action, &route.variables)?)))
        && !api.loosen.duplicate_rows
        && !written.insert((route.api, action.resource.clone(), key.clone()))
    {
        return refuse(Code::DuplicateTarget, format!("writes the resource {} as another part does", quote(&key)));
    }
    let body = if part.body.is_empty() { Body::Empty } else { Body::Complete(part.body.to_vec()) };
    let content = read(set, page, &request, &route, body, &mut None);
    judge(set, page, &request, &route, &content, known)
}

/// A part as a request: what the outer one says, and what the part says in its place.
fn request(gateway: &Gateway, outer: &Request, part: &Part<'_>) -> Result<Request, Malformed> {
    let refuse = |code, message| Malformed { code, message };
    let mut own: Vec<(String, &str)> = Vec::with_capacity(part.headers.len());
    let mut host = part.authority;
    for (name, value) in &part.headers {
        let name = name.to_ascii_lowercase();
        if credential::holds_token(gateway, &name, value.as_bytes()) {
            let message = format!("has the agent's token in {}, which stays here; leave it out", quote(&name));
            return Err(refuse(Code::HeaderNotAllowed, message));
        }
        match name.as_str() {
            "host" if host.is_some_and(|host| !host.eq_ignore_ascii_case(value)) => {
                return Err(refuse(Code::HostMismatch, "names two hosts".into()));
            }
            "host" => host = Some(*value),
            "authorization" => {
                if outer.headers.single("authorization") != Ok(Some(*value)) {
                    let message = "has another `authorization` than the request it stands in; leave it out".into();
                    return Err(refuse(Code::HeaderNotAllowed, message));
                }
            }
            _ => own.push((name, *value)),
        }
    }
    let mut fields: Vec<(Vec<u8>, Vec<u8>)> =
        [(":method", part.method.as_bytes()), (":path", part.target.as_bytes()), (":authority", outer.host.as_bytes())]
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .to_vec();
    fields.extend(host.map(|host| (b"host".to_vec(), host.as_bytes().to_vec())));
    let kept = |name: &str| {
        !name.starts_with(':')
            && !name.starts_with("content-")
            && !OF_THE_OUTER.contains(&name)
            && !own.iter().any(|(known, _)| known == name)
    };
    let outer = outer.headers.iter().filter(|(name, _)| kept(name));
    fields.extend(outer.map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())));
    fields.extend(own.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    // What replaces the method or the route says so itself, before it is only a header that is not listed.
    let request = normalize(Headers::new(fields))?;
    let mut seen = Set::new();
    for (name, _) in &own {
        if !OF_A_PART.contains(&name.as_str()) || !seen.insert(name) {
            let message = format!("has the header {}, or has it twice; a part has {}", quote(name), listed());
            return Err(refuse(Code::HeaderNotAllowed, message));
        }
    }
    Ok(request)
}

fn listed() -> String {
    crate::quote::list(OF_A_PART, OF_A_PART.len())
}

/// The outer request's own query: no part sees it, and an upstream may.
fn outer_query(api: &Api, outer: &Request) -> Option<Reason> {
    let harmless = |name: &String| {
        let credential = api.loosen.query_credentials.iter().any(|pattern| pattern.matches(name));
        let guarded = api.guarded_query.iter().any(|pattern| pattern.matches(name));
        credential || (!guarded && (api.write_query.contains(name) || api.loosen.write_query.contains(name)))
    };
    let pair = outer.query.iter().find(|pair| !harmless(&pair.name))?;
    let message = format!("the query name {} is not listed for a batch", quote(&pair.name));
    Some(Reason { code: Code::ParamShadow, message, pointer: None })
}

/// Adds the verdict on a part. The strictest that `counts` holds, with its reasons.
fn add(whole: &mut Outcome, mut part: Outcome, position: usize, counts: bool) {
    let before = whole.operations.len();
    let stricter = counts && part.decision > whole.decision;
    if stricter || (counts && position == 0 && part.decision == whole.decision) {
        whole.rule = part.rule;
    }
    if stricter {
        whole.decision = part.decision;
        whole.reasons = Vec::new();
        whole.more_reasons = 0;
        whole.roles = Roles::default();
    }
    if counts && part.decision == whole.decision {
        whole.roles.add_all(&part.roles);
        whole.undecidable = whole.undecidable.take().or(part.undecidable);
        for reason in &mut part.reasons {
            reason.message = format!("part {} of the batch: {}", position + 1, reason.message);
        }
        whole.add_reasons(part.reasons);
        whole.more_reasons = whole.more_reasons.saturating_add(part.more_reasons);
    }
    // A part that was refused before it was taken apart is one operation, of which nothing is known.
    if part.operations.is_empty() {
        part.operations.push(EventOperation { action: None, effect: None, call: None });
    }
    whole.operations.append(&mut part.operations);
    whole.tallies.append(&mut part.tallies);
    whole.moved.append(&mut part.moved);
    whole.considered.extend(part.considered.into_iter().map(|mut considered| {
        considered.operation = considered.operation.saturating_add(before);
        considered
    }));
}
