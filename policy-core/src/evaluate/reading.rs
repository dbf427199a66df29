//! From the bytes of a request to its operations: the body is read and taken apart, and no resource is written twice.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::route::Route;
use crate::decode::{Body, Content, Input, Operation, Unfolded, decode, decoder_of, read_body, unfold};
use crate::ordered::Set;
use crate::policy::{Action, Api, Effect, Inner, Page, PolicySet};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::request::Request;

/// Reads the body of a request. As it came it is `left`, where the content does not hold it.
///
/// # Errors
/// A [`Reason`] to deny, whatever the permits say.
pub(crate) fn read(
    set: &PolicySet,
    page: &Page,
    request: &Request,
    route: &Route,
    body: Body,
    left: &mut Option<Vec<u8>>,
) -> Result<Content, Reason> {
    let api = page.apis.get(route.api as usize).ok_or_else(torn)?;
    let limit = api.body_limit.unwrap_or(set.set.gateway.body_limit);
    read_body(api, decoder_of(api, &actions(api, route)), request, body, limit as usize, left)
}

/// What the operations of a request will refer to. Bytes that were not read cannot be taken apart, and what is not judged
/// is not allowed.
pub(super) fn unfold_read(input: &Input<'_>, content: &Content) -> Result<Unfolded, Reason> {
    match content {
        Content::Unread(reason)
            if input.actions.iter().any(|action| {
                action.is_carrier() || action.inner.iter().any(|inner| !matches!(inner, Inner::Unread))
            }) =>
        {
            Err(reason.clone())
        }
        Content::Unread(_) | Content::None | Content::Document(_) | Content::Batch(_) => unfold(input),
    }
}

/// The actions of an endpoint.
pub(super) fn actions<'a>(api: &'a Api, route: &Route) -> Vec<&'a Action> {
    route.actions.iter().filter_map(|index| api.actions.get(*index as usize)).collect()
}

pub(super) fn torn() -> Reason {
    Reason { code: Code::Gateway, message: "the policy set is torn".into(), pointer: None }
}

/// The operations of a request, of which there is at least one, and none twice.
pub(super) fn operations<'a>(input: &Input<'a>, unfolded: &'a Unfolded) -> Result<Vec<Operation<'a>>, Reason> {
    let operations = decode(input, unfolded)?;
    if operations.is_empty() {
        let message = "the request holds no operation".to_string();
        return Err(Reason { code: Code::BatchShape, message, pointer: None });
    }
    match duplicate(&operations) {
        Some(reason) if !input.api.loosen.duplicate_rows => Err(reason),
        _ => Ok(operations),
    }
}

/// One resource written twice in a request: the second row would be judged against a value that the first has changed.
fn duplicate(operations: &[Operation<'_>]) -> Option<Reason> {
    let mut seen = Set::new();
    let writes = |operation: &&Operation<'_>| operation.action.is_none_or(|action| action.effect != Effect::Read);
    operations.iter().filter(writes).find_map(|operation| {
        let key = operation.key.as_deref()?;
        let resource = operation.action.map(|action| action.resource.as_str());
        (!seen.insert((resource, key))).then(|| Reason {
            code: Code::DuplicateTarget,
            message: format!("the resource {} occurs twice in one request", quote(key)),
            pointer: None,
        })
    })
}
