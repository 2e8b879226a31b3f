//! A sampler whose strategy somebody else replaces while spans start.

use super::{Decide, Decision, Query, Sampler};
use crate::fork;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

/// Decides as the sampler that was set last.
pub struct Replaceable {
    /// Taken out before it decides: that may run code which replaces it.
    current: RwLock<Arc<Sampler>>,
    on_first_use: Box<dyn Fn() + Send + Sync>,
    /// The process it was used in, one more than [`fork::generation`] counts; 0 before.
    used_in: AtomicU32,
}

impl Replaceable {
    /// Starts with `initial`; `on_first_use` is called by the first decision in each process.
    pub fn new(initial: Sampler, on_first_use: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            current: RwLock::new(Arc::new(initial)),
            on_first_use: Box::new(on_first_use),
            used_in: AtomicU32::new(0),
        }
    }

    /// Decides by `sampler` from now on.
    pub fn replace(&self, sampler: Sampler) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sampler);
    }
}

impl Decide for Replaceable {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let process = fork::generation() + 1;
        if self.used_in.load(Relaxed) != process && self.used_in.swap(process, Relaxed) != process {
            (self.on_first_use)();
        }
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.decide(query)
    }
}

impl fmt::Debug for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replaceable").field("current", &self.current).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Plain;
    use super::*;
    use crate::ids::TraceId;

    #[test]
    fn the_sampler_set_last_decides_and_the_first_use_is_told_once() {
        let uses = Arc::new(AtomicU32::new(0));
        let counter = uses.clone();
        let told = move || {
            counter.fetch_add(1, Relaxed);
        };
        let sampler = Replaceable::new(Sampler::AlwaysOff, told);
        let trace_id = TraceId::from_int(1).unwrap();
        let query = Query { parent: None, trace_state: "", trace_id, operation: &Plain("x") };
        assert!(!sampler.decide(&query).sampled);
        sampler.replace(Sampler::AlwaysOn);
        assert!(sampler.decide(&query).sampled);
        assert_eq!(uses.load(Relaxed), 1);
    }
}
