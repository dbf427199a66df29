//! What lies there to be judged: the request, its operations, the page, and what is known of the present.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::names::Scope;
use super::route::{Route, Variables};
use crate::decode::{Content, Operation, Unfolded, embedded_tables};
use crate::document::Document;
use crate::policy::{Api, Page, Permit, PolicySet};
use crate::request::Request;
use crate::state::Known;

/// Everything that is laid out to be judged.
pub(super) struct Bench<'a> {
    pub(super) set: &'a PolicySet,
    pub(super) page: &'a Page,
    pub(super) api: &'a Api,
    pub(super) request: &'a Request,
    pub(super) route: &'a Route,
    pub(super) content: &'a Content,
    pub(super) body: Option<&'a Document>,
    pub(super) unfolded: &'a Unfolded,
    pub(super) known: &'a Known,
    pub(super) operations: &'a [Operation<'a>],
    /// Tables that a `select` embeds, read when the first filter asks for them.
    pub(super) embedded: OnceCell<Vec<Option<String>>>,
}

impl<'a> Bench<'a> {
    /// The tables that the request's `select` embeds; `None` for what cannot be read.
    pub(super) fn embedded(&self) -> &[Option<String>] {
        self.embedded.get_or_init(|| embedded_tables(self.request))
    }

    pub(super) fn scope(&self, operation: &'a Operation<'a>, variables: &'a Variables) -> Scope<'a> {
        let Self { set, page, api, request, body, known, .. } = *self;
        let unread = matches!(self.content, Content::Unread(_));
        Scope { set, page, api, request, body, unread, variables, facts: &self.unfolded.facts, known, operation }
    }

    pub(super) fn permit(&self, index: u32) -> Option<&'a Permit> {
        self.page.permits.get(index as usize)
    }

    /// Whether the session of who asks may use a permit. What its counters count is counted all the same: a session that may
    /// use less never gets more than one that may use all.
    pub(super) fn may_use(&self, permit: &Permit) -> bool {
        self.known.session().is_none_or(|session| session.may_use(&permit.id))
    }

    /// Whether the session of who asks may not use all permits.
    pub(super) fn is_narrowed(&self) -> bool {
        self.page.permits.iter().any(|permit| !self.may_use(permit))
    }
}
