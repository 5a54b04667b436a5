//! Counts since the start: requests by API, errors by API and label.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by all sessions of a cluster. Its keys are constants of ours: it can't grow without bound.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<&'static str, u64>,
    errors: BTreeMap<(&'static str, &'static str), u64>,
}

impl Tally {
    pub(crate) fn request(&self, api: &'static str, count: usize) {
        *self.counts().requests.entry(api).or_default() += count as u64;
    }

    pub(crate) fn error(&self, api: &'static str, label: &'static str) {
        *self.counts().errors.entry((api, label)).or_default() += 1;
    }

    /// Requests sent, by API, sorted.
    pub(crate) fn requests(&self) -> Vec<(&'static str, u64)> {
        self.counts()
            .requests
            .iter()
            .map(|(api, n)| (*api, *n))
            .collect()
    }

    /// What went wrong, by API and label, sorted.
    pub(crate) fn errors(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.counts();
        let errors = counts.errors.iter();
        errors.map(|((api, label), n)| (*api, *label, *n)).collect()
    }

    /// A panic elsewhere leaves the counts right.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
