//! The contexts of this VM by their id.
//!
//! A context is taken out of the map while one of its callbacks runs and put back afterwards, so a host that calls back
//! from within a host call (a local reply whose response callbacks come at once, a deletion) finds a context that is
//! running, never a locked map and never the same context twice.

use policy_core::ordered::Map;
use std::cell::RefCell;

/// Why a context could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Never created, or deleted.
    Unknown,
    /// In the middle of another callback.
    Running,
}

enum Slot<C> {
    Idle(C),
    Running,
}

/// Contexts of type `C` by id.
pub(crate) struct Registry<C> {
    slots: RefCell<Map<u32, Slot<C>>>,
}

impl<C> Registry<C> {
    pub(crate) const fn new() -> Self {
        Self { slots: RefCell::new(Map::new()) }
    }

    /// Adds a context, in place of any of that id.
    pub(crate) fn insert(&self, id: u32, context: C) {
        let replaced = self.slots(|slots| slots.insert(id, Slot::Idle(context)));
        // Dropped here, when the map is free again: a context's drop may come back to this registry.
        drop(replaced);
    }

    /// Runs `callback` on a context.
    pub(crate) fn with<R>(&self, id: u32, callback: impl FnOnce(&mut C) -> R) -> Result<R, Absent> {
        let mut context = self.take(id)?;
        let result = callback(&mut context);
        drop(self.put_back(id, context));
        Ok(result)
    }

    /// Forgets a context; one that is running, when its callback returns.
    pub(crate) fn remove(&self, id: u32) {
        let removed = self.slots(|slots| slots.remove(&id));
        drop(removed);
    }

    fn take(&self, id: u32) -> Result<C, Absent> {
        self.slots(|slots| {
            let slot = slots.get_mut(&id).ok_or(Absent::Unknown)?;
            match std::mem::replace(slot, Slot::Running) {
                Slot::Idle(context) => Ok(context),
                Slot::Running => Err(Absent::Running),
            }
        })
        .unwrap_or(Err(Absent::Running))
    }

    /// Puts back a context that ran, or returns it if it was removed or replaced meanwhile.
    fn put_back(&self, id: u32, context: C) -> Option<C> {
        self.slots(|slots| match slots.get_mut(&id) {
            Some(slot @ Slot::Running) => {
                *slot = Slot::Idle(context);
                None
            }
            Some(Slot::Idle(_)) | None => Some(context),
        })
        .flatten()
    }

    /// The map, for an operation that calls nobody: the borrow is never held across a callback, so it never fails. If it
    /// did, the context would count as running, which no request passes on.
    fn slots<R>(&self, operation: impl FnOnce(&mut Map<u32, Slot<C>>) -> R) -> Option<R> {
        self.slots.try_borrow_mut().ok().map(|mut slots| operation(&mut slots))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_running_context_is_not_entered_again() {
        let registry = Registry::new();
        registry.insert(1, 10);
        let inner = registry.with(1, |context| {
            *context += 1;
            registry.with(1, |context| *context += 100)
        });
        assert_eq!(inner, Ok(Err(Absent::Running)));
        assert_eq!(registry.with(1, |context| *context), Ok(11), "put back with its change");
    }

    #[test]
    fn other_contexts_can_be_used_while_one_runs() {
        let registry = Registry::new();
        registry.insert(1, 10);
        registry.insert(2, 20);
        let sum = registry.with(1, |one| {
            registry.insert(3, 30);
            let two = registry.with(2, |two| *two).unwrap();
            let three = registry.with(3, |three| *three).unwrap();
            registry.remove(2);
            *one + two + three
        });
        assert_eq!(sum, Ok(60));
        assert_eq!(registry.with(2, |_| ()), Err(Absent::Unknown));
        assert_eq!(registry.with(3, |three| *three), Ok(30));
    }

    #[test]
    fn a_context_removed_while_it_runs_does_not_come_back() {
        let registry = Registry::new();
        let alive = Rc::new(());
        registry.insert(1, Rc::clone(&alive));
        registry.with(1, |_| registry.remove(1)).unwrap();
        assert_eq!(registry.with(1, |_| ()), Err(Absent::Unknown));
        assert_eq!(Rc::strong_count(&alive), 1, "dropped when its callback returned");
    }

    #[test]
    fn a_context_replaced_while_it_runs_stays_replaced() {
        let registry = Registry::new();
        registry.insert(1, "old");
        registry.with(1, |_| registry.insert(1, "new")).unwrap();
        assert_eq!(registry.with(1, |context| *context), Ok("new"));
    }

    #[test]
    fn a_context_may_use_the_registry_while_it_is_dropped() {
        struct Last(Rc<Registry<Option<Last>>>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.0.insert(7, None);
            }
        }
        let registry = Rc::new(Registry::new());
        registry.insert(1, Some(Last(Rc::clone(&registry))));
        registry.remove(1);
        assert_eq!(registry.with(7, |context| context.is_none()), Ok(true));
    }
}
