//! A case as a gateway meets it: the request with what it shows, and the world it comes into.

use std::sync::Arc;

use jiff::Timestamp;
use policy_core::PolicySet;

use super::grants::Shown;
use super::{CaseGrants, CaseMap, Record, ShownGrant, as_delivered};
use crate::recording::{Field, RecordedRequest};
use crate::world::Facts;

/// A request of a case, and what is so when it comes.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The request, as a gateway delivers it, with the grant.
    pub request: RecordedRequest,
    /// The header of the request that holds a grant; `None`: it shows none.
    pub grant: Option<Field>,
    /// The grant has been used: the same request has come before.
    pub again: bool,
    /// What lookups find, and what has been used of counters.
    pub world: Facts,
}

impl CaseMap {
    /// When the request of a case is made.
    pub fn time_of(&self, record: &Record) -> Timestamp {
        record.state.now.unwrap_or(self.now)
    }

    /// The scene of a case that is judged at a time: what the case dates is moved there. `None`: there is no page for it yet.
    ///
    /// # Errors
    /// What is wrong with the case.
    pub fn scene(
        &self,
        record: &Record,
        set: &Arc<PolicySet>,
        grants: &CaseGrants,
        identity: &str,
        at: Timestamp,
    ) -> Result<Option<Scene>, String> {
        let Some((intent, agent)) =
            self.intents.get(&record.policy_intent).and_then(|intent| Some((intent, intent.agent.as_ref()?)))
        else {
            return Ok(None);
        };
        let mut request = as_delivered(record, identity, agent)?;
        let world = intent.world(set, record)?;
        let (mut grant, mut again) = (None, false);
        if let Some(shown) = intent.shown_grant(record)? {
            grant = match shown {
                Shown::Unknown => Some(CaseGrants::unknown()),
                Shown::Signed(said) => {
                    let later = at.duration_since(self.time_of(record));
                    let expires_at = said.expires_at.checked_add(later).map_err(|e| format!("`expires_at`: {e}"))?;
                    again = said.used;
                    let said = ShownGrant { expires_at, ..self.named(said) };
                    grants.sign(&record.id, &said, &request, &world, at)
                }
            };
            request.headers.extend(grant.clone());
        }
        Ok(Some(Scene { request, grant, again, world }))
    }
}
