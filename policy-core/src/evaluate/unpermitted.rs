//! What is said where no permit matches: which operation it is, and why.

use alloc::format;
use alloc::string::String;

use super::bench::Bench;
use super::judged::Judged;
use super::matching::Matches;
use crate::decode::Operation;
use crate::policy::{CallKind, RuleRef, RuleTarget};
use crate::quote::{list, quote};
use crate::reason::{Code, Reason};

impl<'a> Bench<'a> {
    /// Refuses an operation that no permit matches. `filtered`: one names it, and its filter does not match.
    pub(super) fn nothing_permits(
        &self,
        operation: &Operation<'_>,
        filtered: Option<Matches>,
        embedded: Option<String>,
    ) -> Judged {
        let action = operation.action.map(|action| quote(&format!("{}:{}", self.api.alias, action.name)));
        let called = operation.call.map(|call| format!("the {} {}", call.kind.noun(), quote(call.name)));
        let what = called.or(action).unwrap_or_else(|| "this endpoint".into());
        let by_name = operation.call.filter(|call| matches!(call.kind, CallKind::Tool | CallKind::Rpc));
        let code = if by_name.is_some() { Code::ToolNotAllowed } else { Code::EndpointNotAllowed };
        let and_session = if self.is_narrowed() { " that this session may use" } else { "" };
        let (code, message) = match (filtered, operation.call) {
            (Some(Matches::Unknown { why, present: true }), _) => {
                let message = format!("{what} is permitted only for some resources, and which this is cannot be known");
                (Code::UnknownState, format!("{message}: {why}"))
            }
            (Some(unmatched), _) => {
                let outside = match unmatched {
                    Matches::No(outside) => outside,
                    Matches::Unknown { .. } | Matches::Yes | Matches::Awaited => None,
                };
                let why = embedded.or(outside).unwrap_or_else(|| "the filter of the rule does not match".into());
                (Code::ScopeFilter, format!("{what} is permitted only for other resources: {why}"))
            }
            (None, Some(call)) => {
                let permitted = list(self.permitted(call.kind), 8);
                (code, format!("no rule of this page{and_session} permits {what}; permitted: {permitted}"))
            }
            (None, None) => (code, format!("no rule of this page{and_session} permits {what}")),
        };
        let message = match &operation.why {
            Some(why) => format!("{message}; {why}"),
            None => message,
        };
        Judged::refused(Reason { code, message, pointer: None })
    }

    /// Names of this kind that some permit of the page is about.
    fn permitted(&self, kind: CallKind) -> impl Iterator<Item = &'a str> {
        let api = self.api;
        let permits = |rule: &RuleRef| match rule.target {
            RuleTarget::Permit(index) => {
                self.permit(index).is_some_and(|permit| !permit.shadow && self.may_use(permit))
            }
            RuleTarget::Forbid(_) => false,
        };
        api.calls.iter().filter(move |call| call.kind == kind).filter_map(move |call| {
            let action = call.action.and_then(|index| api.actions.get(index as usize));
            let of_action = action.map(|action| action.rules.as_slice()).unwrap_or_default();
            call.rules.iter().chain(of_action).any(permits).then_some(call.name.as_str())
        })
    }
}
