//! The delays of a group's messages in one topic, from window to window, and whether a few partitions fall behind the others.

use super::partition::PartitionWatch;
use crate::analysis::history::TopicHistory;
use crate::analysis::sample::Time;
use crate::analysis::signal::divergence::{Divergence, Profile, Tail};
use crate::analysis::trend::delay::CommitGaps;

/// Gaps that a window remembers over all partitions: their median needs no more.
const GAPS_MAX: usize = 256;

/// Ends the window if it is due: the partitions say what still waits, and which of them fall behind.
pub(super) fn follow(
    divergence: &mut Divergence,
    now: Time,
    partitions: &mut [PartitionWatch],
    arrivals: &TopicHistory,
    p: &Profile,
) {
    let Some(end) = divergence.tick(now) else {
        return;
    };
    let (mut tail, mut gaps) = (Tail::default(), CommitGaps::default());
    for partition in partitions {
        let number = partition.number;
        let is_raised = partition.is_raised();
        let (Some(delays), Some(arrivals)) = (partition.delays(), arrivals.partition(number))
        else {
            continue;
        };
        delays.close(end, &arrivals.curve, &mut divergence.window);
        gaps.add(delays.take_gaps(), GAPS_MAX);
        tail.arrived_in_all += delays.arrived();
        if is_raised {
            tail.arrived += delays.arrived();
            tail.partitions.push(number);
        }
    }
    divergence.close(end, tail, gaps, p);
}
