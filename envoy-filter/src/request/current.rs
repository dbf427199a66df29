//! A request that waits for the present: the calls of one need after another, until all are answered or the time is up.

use std::rc::Rc;

use super::{Lives, Request, Stage};
use crate::calls::NANOSECONDS_PER_MILLISECOND;
use crate::host;
use crate::lookups::Lookups;
use crate::plugin::Plugin;
use crate::policy::NeedCurrent;
use crate::refusal::Refusal;

impl Request {
    /// A call of this request is answered, with `fields` headers and `size` bytes of body. Called in the root context, so
    /// that host calls need this context made effective.
    pub(crate) fn on_call_response(&mut self, call: u32, fields: usize, size: usize) -> Lives {
        let (Some(plugin), Stage::AwaitingCurrent(lookups)) = (self.plugin.clone(), &mut self.stage) else {
            return Lives::Yes;
        };
        if host::set_effective_context(self.id).is_err() {
            return Lives::No;
        }
        lookups.take(call, fields, size, &plugin);
        if !lookups.is_open() {
            self.end_lookups(&plugin);
        }
        Lives::Yes
    }

    /// Goes on with what the lookups brought, from a callback of the root context.
    pub(super) fn end_lookups(&mut self, plugin: &Rc<Plugin>) {
        if let Stage::AwaitingCurrent(lookups) = self.leave(plugin) {
            let step = lookups.conclude(self.trial.as_deref_mut(), plugin);
            let settled = self.settle(step);
            self.resume(settled);
        }
    }

    /// Makes the calls that a need asks for.
    pub(super) fn look_up(&mut self, need: NeedCurrent, plugin: &Plugin) -> Result<Lookups, Refusal> {
        let now = host::now().map_err(|_| Refusal::ClockUnreadable)?;
        let timeout = plugin.set.lookup_timeout_ms().saturating_mul(NANOSECONDS_PER_MILLISECOND);
        let until = *self.until.get_or_insert(now.saturating_add(timeout));
        Ok(Lookups::open(need, self.id, now, until, plugin))
    }
}
