//! What a request asks for, whoever asks and whether or not it may: for hosts that follow what becomes of resources, such
//! as a replay.

use alloc::vec::Vec;

use super::route::{self, Variables};
use crate::decode::{Body, Content, Input, decode, decoder_of, read_body, unfold};
use crate::document::{Document, Value};
use crate::policy::{Action, Api, Page, PolicySet};
use crate::request::{Head, Headers, normalize};

/// One operation of a request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The page's API.
    pub api: &'a Api,
    /// The catalog's action.
    pub action: &'a Action,
    /// The operation's own document: the body, one row of it, the arguments of a call. `None`: there is none, or it could
    /// not be read.
    pub document: Option<Value<'a>>,
    /// Canonical key of the resource, where the request names one.
    pub key: Option<&'a str>,
    /// Path variables of the endpoint, by the catalog's names.
    pub variables: &'a [(alloc::string::String, alloc::string::String)],
    /// The fields stand where calls write them.
    pub by_call: bool,
}

/// Hands over each operation of a request that is sent to an API of this page. Where the body cannot be taken apart, these
/// are the actions of the endpoint, without a document. Says nothing of what no catalog lists, nor of the parts of a batch
/// of requests.
pub fn operations(set: &PolicySet, page: &Page, head: Head, body: Body, take: &mut dyn FnMut(Asked<'_>)) {
    let Ok(request) = normalize(Headers::new(head.fields)) else { return };
    let Some((api, actions, variables)) = route::listed(set, page, &request) else { return };
    let decoder = decoder_of(api, &actions);
    let limit = api.body_limit.unwrap_or(set.set.gateway.body_limit) as usize;
    let content = read_body(api, decoder, &request, body, limit, &mut None);
    let document = match &content {
        Ok(Content::Document(document)) => Some(document),
        Ok(Content::None) => None,
        Ok(Content::Batch(_)) => return,
        Ok(Content::Unread(_)) | Err(_) => return unread(api, &actions, &variables, take),
    };
    let document = document.map(Document::root);
    let input = Input { api, decoder, actions: actions.clone(), variables: &variables, request: &request, document };
    let Ok(unfolded) = unfold(&input) else { return unread(api, &actions, &variables, take) };
    let Ok(operations) = decode(&input, &unfolded) else { return unread(api, &actions, &variables, take) };
    for operation in &operations {
        if let Some(action) = operation.action {
            take(Asked {
                api,
                action,
                document: operation.document,
                key: operation.key.as_deref(),
                variables: &variables,
                by_call: operation.is_by_call(),
            });
        }
    }
}

fn unread(api: &Api, actions: &Vec<&Action>, variables: &Variables, take: &mut dyn FnMut(Asked<'_>)) {
    for action in actions {
        take(Asked { api, action, document: None, key: None, variables, by_call: false });
    }
}
