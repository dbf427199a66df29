//! A world, and what was asked of it.

use std::cell::RefCell;

use super::call::{Call, Reply};
use super::{Budget, Used, World};

/// One lookup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// What was asked: `GET host/path?query`, or `host/path tool {"arguments"}`.
    pub call: String,
    /// What came, in few words.
    pub reply: String,
    /// The recording did not say.
    pub lacking: bool,
}

/// Remembers what was asked.
pub struct Watched<'w> {
    world: &'w dyn World,
    lookups: RefCell<Vec<Lookup>>,
}

impl<'w> Watched<'w> {
    /// Watches a world.
    pub fn new(world: &'w dyn World) -> Self {
        Self { world, lookups: RefCell::default() }
    }

    /// What was asked, in its order.
    pub fn into_lookups(self) -> Vec<Lookup> {
        self.lookups.into_inner()
    }
}

impl World for Watched<'_> {
    fn reply(&self, call: &Call<'_>) -> Reply {
        let reply = self.world.reply(call);
        let (name, verb) = (call.shown(), if call.method == "GET" { "GET " } else { "" });
        let lookup = Lookup { call: format!("{verb}{name}"), reply: reply.summary(), lacking: reply.is_lack() };
        self.lookups.borrow_mut().push(lookup);
        reply
    }

    fn used(&self, budget: &Budget<'_>) -> Used {
        self.world.used(budget)
    }

    fn unenforced(&self) -> bool {
        self.world.unenforced()
    }
}
