//! Says once that groups or partitions are refused, and again when it comes back after a pause; the metrics have the counts.

use std::collections::BTreeMap;

use super::error::is_refusal;

/// Cycles without a refusal after which the next one is news again.
const QUIET_CYCLES: u32 = 6;

/// `(api, label)` → total when last looked, and cycles since it grew.
#[derive(Default)]
pub(crate) struct Refusals {
    seen: BTreeMap<(&'static str, &'static str), (u64, u32)>,
}

impl Refusals {
    /// Looks at the totals of a cluster's errors.
    pub(crate) fn tell(&mut self, cluster: &str, totals: &[(&'static str, &'static str, u64)]) {
        for (api, label, total) in totals.iter().filter(|(_, label, _)| is_refusal(label)) {
            let (before, quiet) = self.seen.entry((api, label)).or_insert((0, QUIET_CYCLES));
            let grown = total - *before;
            if grown > 0 && *quiet >= QUIET_CYCLES {
                tracing::warn!(
                    count = grown,
                    "cluster {cluster}: {api} answers {label}; further ones are only counted"
                );
            }
            *before = *total;
            *quiet = if grown > 0 {
                0
            } else {
                quiet.saturating_add(1)
            };
        }
    }
}
