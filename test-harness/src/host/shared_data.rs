//! Data that the instances of one VM id share, with Envoy's compare-and-set.

use super::Status;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The store behind `proxy_get_shared_data` and `proxy_set_shared_data`.
///
/// Clones share one store: give the same one to several [`Vm`](super::Vm)s, in one thread or many,
/// to play the workers of a gateway. Keys live in the namespace of a VM id and never expire.
///
/// Envoy's semantics, which differ from what one might expect:
/// - A compare value of 0 overwrites unconditionally; there is no create-if-absent.
/// - A compare value other than 0 on a key that does not exist *creates* it.
/// - The guest cannot remove a key.
///
/// ```
/// use test_harness::host::{SharedData, Status};
///
/// let shared = SharedData::new();
/// assert_eq!(shared.set("vm", b"k", b"1", 0), Ok(()));
/// let (_, cas) = shared.value("vm", b"k").unwrap();
/// assert_eq!(shared.set("vm", b"k", b"2", cas), Ok(()));
/// assert_eq!(shared.set("vm", b"k", b"3", cas), Err(Status::CasMismatch));
/// ```
#[derive(Clone, Debug)]
pub struct SharedData {
    inner: Arc<Mutex<Store>>,
    capacity: usize,
}

/// Value and compare value of each key of a VM id.
type Namespace = BTreeMap<Vec<u8>, (Vec<u8>, u32)>;

#[derive(Debug, Default)]
struct Store {
    namespaces: HashMap<String, Namespace>,
    last_cas: u32,
    bytes: usize,
}

impl SharedData {
    /// Bytes of keys and values a store made by [`SharedData::new`] holds at most: 64 MiB.
    pub const DEFAULT_CAPACITY: usize = 64 * 1024 * 1024;

    /// An empty store.
    pub fn new() -> Self {
        Self::with_capacity(Self::DEFAULT_CAPACITY)
    }

    /// An empty store of at most `capacity` bytes of keys and values, over all VM ids.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { inner: Arc::default(), capacity }
    }

    /// Writes `value` if `cas` is 0, or is the key's present compare value, or the key is absent.
    ///
    /// # Errors
    /// [`Status::CasMismatch`] when someone else wrote in between, [`Status::InternalFailure`] when
    /// the store is full.
    pub fn set(&self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let mut store = self.lock();
        let present = store.namespaces.get(vm_id).and_then(|keys| keys.get(key));
        let freed = match present {
            Some((_, now)) if cas != 0 && cas != *now => return Err(Status::CasMismatch),
            Some((old, _)) => key.len() + old.len(),
            None => 0,
        };
        let bytes = store.bytes - freed + key.len() + value.len();
        if bytes > self.capacity {
            return Err(Status::InternalFailure);
        }
        // 0 means "unconditionally" in the ABI and is never handed out.
        let next = store.last_cas.checked_add(1).unwrap_or(1);
        store.last_cas = next;
        store.bytes = bytes;
        let keys = store.namespaces.entry(vm_id.to_owned()).or_default();
        keys.insert(key.to_vec(), (value.to_vec(), next));
        Ok(())
    }

    /// Value and compare value of a key.
    pub fn value(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.lock().namespaces.get(vm_id)?.get(key).cloned()
    }

    /// Every key and value of a VM id, in the order of the keys.
    pub fn snapshot(&self, vm_id: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let store = self.lock();
        let keys = store.namespaces.get(vm_id).into_iter().flatten();
        keys.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        // No method leaves the store half written, so a poisoned lock still guards sound data.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SharedData {
    fn default() -> Self {
        Self::new()
    }
}
