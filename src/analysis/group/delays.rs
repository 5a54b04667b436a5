//! The delays of a group's messages in one topic, from window to window, and whether a few partitions fall behind the others.

use super::partition::PartitionWatch;
use crate::analysis::history::TopicHistory;
use crate::analysis::sample::Time;
use crate::analysis::signal::divergence::{Divergence, Profile, Tail, WINDOW_SECONDS};
use crate::analysis::signal::straggler::Ordinary;
use crate::analysis::trend::delay::CommitGaps;

/// Gaps that a window remembers over all partitions: their median needs no more.
const GAPS_MAX: usize = 256;

/// A commit that is missing for so many usual gaps, and a window, is overdue.
const OVERDUE_GAPS: f64 = 2.0;

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
    divergence.accumulate();
    let mut gaps = CommitGaps::default();
    let mut windows = Vec::with_capacity(partitions.len());
    let overdue = OVERDUE_GAPS * divergence.commit_gap() + WINDOW_SECONDS;
    for partition in partitions.iter_mut() {
        let number = partition.number;
        let (Some((delays, straggler)), Some(arrivals)) =
            (partition.delays(), arrivals.partition(number))
        else {
            continue;
        };
        delays.close(end, &arrivals.curve, &mut divergence.window);
        gaps.add(delays.take_gaps(), GAPS_MAX);
        let is_overdue = end - delays.waiting_since() > overdue;
        windows.extend(straggler.close(is_overdue));
    }
    divergence.close(gaps, p);
    let resolution = divergence.resolution();
    let ordinary = divergence
        .siblings
        .ordinary(end, &mut windows, resolution, p);
    let tail = tail(divergence, end, partitions, &ordinary, p);
    divergence.judge(end, tail, p);
}

/// Who is left behind.
fn tail(
    divergence: &mut Divergence,
    end: Time,
    partitions: &mut [PartitionWatch],
    ordinary: &Ordinary,
    p: &Profile,
) -> Tail {
    let mut tail = Tail::default();
    for partition in partitions {
        let number = partition.number;
        let Some((delays, straggler)) = partition.delays() else {
            continue;
        };
        let arrived = delays.arrived();
        tail.arrived_in_all += arrived;
        if let Some(height) = straggler.judge(end, ordinary) {
            divergence.siblings.learn(height);
        }
        if straggler.is_left_behind(end, ordinary) && arrived >= p.least_messages {
            tail.arrived += arrived;
            tail.partitions.push(number);
        }
        tail.stays |= divergence.tail().contains(&number) && straggler.stays_behind(ordinary, p);
    }
    tail
}
