//! A request on the control route: a command to the gateway, which is answered here and never goes on.

use std::rc::Rc;

use super::wait::{Reader, Wait};
use super::{Request, Settled, Stage};
use crate::enforce;
use crate::host;
use crate::plugin::Plugin;
use crate::policy::{Body, Timestamp, control};
use crate::refusal::Refusal;
use crate::store::Slots;
use crate::types::{Action, Fields};

impl Request {
    /// The head of a request to the control route, which is answered here and never goes on. `since`: it has a body, which
    /// is awaited from now on.
    pub(super) fn on_command_head(
        &mut self,
        plugin: &Rc<Plugin>,
        fields: &Fields,
        since: Option<u64>,
        head: u64,
    ) -> Action {
        match (control::read_head(&plugin.set, fields), since) {
            (Err(answer), _) => {
                self.stage = Stage::Refused;
                enforce::answer_command(&answer, plugin);
            }
            (Ok(asked), None) => {
                let _ = self.obey(asked, Body::Empty);
            }
            (Ok(asked), Some(since)) => {
                let need = Reader::Command(asked);
                self.wait(plugin, Stage::AwaitingBody(Wait { need, since, head, announced: None }));
            }
        }
        Action::Pause
    }

    /// Does what is asked for on the control route, or not, and answers. Needs this context to be effective.
    pub(super) fn obey(&mut self, asked: control::Asked, body: Body) -> Settled {
        let Some(plugin) = self.plugin.clone() else {
            return self.undecided(Refusal::NoPolicy);
        };
        let Ok(now) = host::now() else {
            return self.undecided(Refusal::ClockUnreadable);
        };
        // Set first: a host may send the reply, and call back, at once.
        self.stage = Stage::Refused;
        enforce::answer_command(&control::carry_out(&plugin.set, asked, body, &mut Slots, Timestamp(now)), &plugin);
        Settled::Refused
    }
}
