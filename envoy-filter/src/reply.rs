//! Replies in the upstream's place, and the policy set's name on every response.

use crate::host;
use crate::plugin::Plugin;
use crate::types::HeaderMap;

/// The response field that names the policy set a request was held to.
const POLICY_FIELD: &[u8] = b"ambit-policy";
const CONTENT_TYPE_FIELD: &[u8] = b"content-type";

/// A reply in the upstream's place.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    /// For the gateway's access log.
    pub(crate) details: &'a str,
    /// Media type of the body; `None`: there is no body.
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// Answers the request of the effective context. If the host does not take the reply, the stream is reset instead: the
/// client must not wait for an answer that never comes.
pub(crate) fn reply(reply: &Reply<'_>, plugin: Option<&Plugin>) {
    let content_type = reply.content_type.map(|text| (CONTENT_TYPE_FIELD, text.as_bytes()));
    let policy = plugin.map(|plugin| (POLICY_FIELD, plugin.set.digest().as_bytes()));
    let fields: Vec<(&[u8], &[u8])> = content_type.into_iter().chain(policy).collect();
    let sent = host::send_local_response(reply.status, reply.details, &fields, reply.body);
    if sent.is_err() {
        // Nothing is left to try: the request stays paused, and the gateway's own timeouts end it.
        let _ = host::close_request();
    }
}

/// Names the policy set on a response, whoever made it, in place of any such field from the upstream.
pub(crate) fn name_policy(plugin: &Plugin) {
    // A response without it is still the right response.
    let _ = host::replace_header(HeaderMap::Response, POLICY_FIELD, plugin.set.digest().as_bytes());
}
