//! The verdict on lag growth for a group and topic: the worst of the sum and of each partition of several. One hot partition of fifty
//! never shows in the sum.

use super::partition::PartitionWatch;
use crate::analysis::report::GrowthState;
use crate::analysis::signal::lag_growth::{Onset, Series};

/// What grows, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) state: GrowthState,
    /// The partition that is worse than the sum; absent when it is the sum.
    pub(super) partition: Option<u32>,
    pub(super) onset: Option<Onset>,
}

impl Growth {
    pub(super) const UNKNOWN: Self = Self {
        state: GrowthState::Unknown,
        partition: None,
        onset: None,
    };

    /// The sum comes first, and a partition only where it is worse.
    pub(super) fn worst(sum: Option<&Series>, partitions: &[PartitionWatch]) -> Self {
        let mut worst = sum.map_or(Self::UNKNOWN, |series| Self::of(series, None));
        for partition in partitions {
            if let Some(series) = partition.series() {
                let growth = Self::of(series, Some(partition.number));
                if growth.state > worst.state {
                    worst = growth;
                }
            }
        }
        worst
    }

    fn of(series: &Series, partition: Option<u32>) -> Self {
        Self {
            state: series.state(),
            partition,
            onset: series.onset(),
        }
    }
}
