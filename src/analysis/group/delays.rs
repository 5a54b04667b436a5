//! The delays of a group's messages in one topic, from window to window, and whether a few partitions fall behind the others.

use super::partition::PartitionWatch;
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::history::TopicHistory;
use crate::analysis::sample::Time;
use crate::analysis::signal::divergence::{Divergence, Profile, Tail, WINDOW_SECONDS};
use crate::analysis::signal::straggler::Ordinary;

/// A commit that is missing for so many usual gaps, and a window, is overdue.
const OVERDUE_GAPS: f64 = 2.0;

/// So many partitions are explained at most: the worst tell what there is to tell.
const EXPLAINED_MAX: usize = 3;

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
        let is_overdue = end - delays.waiting_since() > overdue;
        windows.extend(straggler.close(is_overdue));
    }
    divergence.close(p);
    let ordinary = divergence.ordinary(end, &mut windows, p);
    let tail = tail(divergence, end, partitions, &ordinary, p);
    divergence.judge(end, tail, p);
    divergence.decided = if divergence.is_raised() {
        judged(divergence, partitions, p)
    } else {
        Vec::new()
    };
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
        if divergence.is_raised() && divergence.tail().contains(&number) {
            straggler.note_called();
        }
        if let Some(excursion) = straggler.judge(end, ordinary) {
            divergence.siblings.learn(excursion);
        }
        if straggler.is_left_behind(end, ordinary) && has_traffic(arrived, p).holds() {
            tail.arrived += arrived;
            tail.partitions.push(number);
        }
        tail.stays |= divergence.tail().contains(&number) && straggler.stays_behind(ordinary, p);
    }
    tail
}

fn has_traffic(arrived: f64, p: &Profile) -> Compared {
    Compared::at_least("arrived_messages", arrived, p.least_messages)
}

/// Each rule with what it compared when the last window ended: of the partitions that are nearest to be left behind, and of those that
/// were called.
pub(super) fn evidence(
    divergence: &Divergence,
    partitions: &[PartitionWatch],
    delay_ceiling_seconds: Option<f64>,
    p: &Profile,
) -> Vec<Evidence> {
    let mut rules = if divergence.is_raised() {
        divergence.decided.clone()
    } else {
        judged(divergence, partitions, p)
    };
    rules.extend(divergence.evidence(delay_ceiling_seconds, p));
    rules
}

fn judged(divergence: &Divergence, partitions: &[PartitionWatch], p: &Profile) -> Vec<Evidence> {
    let Some((end, ordinary)) = divergence.last_ordinary() else {
        return Vec::new();
    };
    let mut rules = left_behind(divergence, partitions, end, ordinary, p);
    if divergence.is_raised() {
        rules.extend(staying(divergence, partitions, ordinary, p));
    }
    rules
}

fn left_behind(
    divergence: &Divergence,
    partitions: &[PartitionWatch],
    end: Time,
    ordinary: &Ordinary,
    p: &Profile,
) -> Vec<Evidence> {
    let asked = |partition: &PartitionWatch| {
        let (delays, straggler) = partition.straggler()?;
        let [trough, rise, behind, left, beyond] = straggler.left(end, ordinary);
        let (traffic, share) = (has_traffic(delays.arrived(), p), divergence.share(p));
        Some([trough, rise, behind, left, beyond, traffic, share])
    };
    nearest(Rule::LeftBehind, partitions, asked)
}

fn staying(
    divergence: &Divergence,
    partitions: &[PartitionWatch],
    ordinary: &Ordinary,
    p: &Profile,
) -> Vec<Evidence> {
    let asked = |partition: &PartitionWatch| {
        let (_, straggler) = partition.straggler()?;
        let is_named = divergence.tail().contains(&partition.number);
        let [trough, behind, rise] = is_named.then(|| straggler.stays(ordinary, p))?;
        Some([trough, behind, rise, divergence.share(p)])
    };
    nearest(Rule::StaysBehind, partitions, asked)
}

/// Of the partitions of which most holds what is asked of them; of those alike, the first.
fn nearest<const N: usize>(
    rule: Rule,
    partitions: &[PartitionWatch],
    asked: impl Fn(&PartitionWatch) -> Option<[Compared; N]>,
) -> Vec<Evidence> {
    let missing = |asked: &[Compared; N]| asked.iter().filter(|c| !c.holds()).count();
    let mut best: Vec<(u32, Option<Time>, [Compared; N])> = Vec::with_capacity(EXPLAINED_MAX + 1);
    for partition in partitions {
        let Some(((_, straggler), asked)) = partition.straggler().zip(asked(partition)) else {
            continue;
        };
        let place = best.partition_point(|(_, _, other)| missing(other) <= missing(&asked));
        if place < EXPLAINED_MAX {
            best.insert(place, (partition.number, straggler.since(), asked));
            best.truncate(EXPLAINED_MAX);
        }
    }
    best.into_iter()
        .map(|(number, since, asked)| Evidence::new(rule, asked).of_partition(number).since(since))
        .collect()
}
