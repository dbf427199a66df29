//! What a request does, as far as the policy knows: for pauses, tripwires and metrics.

use super::{Code, EventOperation, Outcome};
use crate::policy::Effect;

impl Outcome {
    /// Whether no operation of the request has an effect, as far as the policy knows them.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.operations.iter().all(|operation| operation.effect.is_none_or(|effect| effect == Effect::Read.name()))
    }

    /// Whether it may do anything else than to read, or to stop an effect.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.writes() > 0
    }

    /// Operations that may do anything else than to read, or to stop an effect. Bytes that pass unread may do one thing.
    #[must_use]
    pub fn writes(&self) -> u32 {
        if self.operations.is_empty() {
            return 1;
        }
        let writes = self.operations.iter().filter(|operation| !operation.is_harmless());
        u32::try_from(writes.count()).unwrap_or(u32::MAX)
    }

    /// Whether it goes on because people have approved it.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        !self.approved.is_empty()
    }

    /// Whether it was refused as what no permit is about, or what a forbid is.
    #[must_use]
    pub fn is_out_of_scope(&self) -> bool {
        let is_outside = |code| {
            matches!(
                code,
                Code::EndpointNotAllowed
                    | Code::ToolNotAllowed
                    | Code::Forbidden
                    | Code::HostMismatch
                    | Code::ScopeFilter
            )
        };
        self.reasons.iter().any(|reason| is_outside(reason.code))
    }
}

impl EventOperation {
    /// Whether it only reads, or stops an effect. What the policy does not know does more.
    fn is_harmless(&self) -> bool {
        self.effect.is_some_and(|effect| effect == Effect::Read.name() || effect == Effect::Brake.name())
    }
}
