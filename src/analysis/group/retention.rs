//! The ceiling that nobody has to configure: what the topic's own retention deletes unread. Worst partition, nearer limit.

use super::partition::PartitionWatch;
use crate::analysis::Settings;
use crate::analysis::history::TopicHistory;
use crate::analysis::report::{CeilingKind, CeilingReport, Eta, PartitionReport};
use crate::analysis::trend::delay;
use crate::analysis::trend::forecast::APPROACH_WINDOW_SECONDS;
use crate::analysis::trend::rates::Rates;

/// From this share of a limit on, a partition's pace is remembered for the forecast: 0.7 KB that not every partition need have.
/// Below it nothing can be lost for a long while: an age grows by a second in a second, so fifteen sixteenths of the limit are left.
const NEARING: f64 = 1.0 / 16.0;

/// What a partition keeps at most; absent = no such limit, or not known in messages.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) seconds: Option<f64>,
    pub(super) messages: Option<f64>,
}

impl Limits {
    pub(super) fn of(topic: &TopicHistory, partition: u32) -> Self {
        let bytes = topic.retention.and_then(|retention| retention.bytes);
        let size = bytes.zip(topic.message_bytes(partition));
        Self {
            seconds: seconds(topic),
            messages: size.map(|(bytes, each)| bytes as f64 / each),
        }
    }
}

/// How much of a limit is used up by messages of this age, and this many.
fn depths(limits: Limits, lag: u64, time_lag: Option<f64>) -> [Option<f64>; 2] {
    [
        limits.seconds.zip(time_lag).map(|(most, age)| age / most),
        limits.messages.map(|most| lag as f64 / most),
    ]
}

/// Begins to remember a partition's pace when it nears a limit, and stops when it is far from it again.
pub(super) fn mind(watch: &mut PartitionWatch, topic: &TopicHistory, settings: &Settings) {
    let Some(offsets) = watch.known() else {
        return;
    };
    let limits = Limits::of(topic, watch.number);
    let depths = depths(limits, offsets.lag(), watch.time_lag).into_iter();
    let depth = depths.flatten().fold(0.0, f64::max);
    if depth >= NEARING {
        let window = settings.window(APPROACH_WINDOW_SECONDS);
        watch.remember_pace(|| Rates::new(window));
    } else if depth < NEARING / 2.0 {
        watch.forget_pace();
    }
}

/// How full it is, and how soon something unread is deleted. What is known of the two limits counts: without the right to ask for
/// sizes the age is still told. `nears`: it grows, and whether nothing leaves at all.
pub(super) fn report(
    topic: &TopicHistory,
    watches: &[PartitionWatch],
    partitions: &[PartitionReport],
    time_lag: Option<f64>,
    nears: Option<bool>,
) -> Option<CeilingReport> {
    let by_age = seconds(topic).zip(time_lag).map(|(most, age)| age / most);
    // Where nothing waits no size matters; of the others the unknown one may be the worst.
    let filled = |p: &PartitionReport| match p.lag_messages {
        0 => Some(0.0),
        lag => Limits::of(topic, p.partition)
            .messages
            .map(|most| lag as f64 / most),
    };
    let has_size = topic.retention.is_some_and(|r| r.bytes.is_some());
    let by_size = has_size
        .then(|| delay::worst(partitions.iter().map(filled)))
        .flatten();
    // That something is deleted unread is a fact, whatever the lag does: no forecast.
    let overflow = overflow(topic, watches);
    let eta = match overflow {
        Some(_) => Some(Eta::NOW),
        None => nears.and_then(|stalled| nearest(topic, watches, stalled)),
    };
    let known = by_age.into_iter().chain(by_size).chain(overflow);
    let filled = known.reduce(f64::max)?;
    Some(CeilingReport::new(CeilingKind::Retention, filled, eta))
}

/// How full it is at least where a log begins above the commit: what comes next there is gone, and is older than the oldest that is
/// kept. `None` where nothing is missing.
fn overflow(topic: &TopicHistory, watches: &[PartitionWatch]) -> Option<f64> {
    let ratios = watches.iter().filter_map(|watch| {
        let arrivals = topic.partition(watch.number)?;
        let log_start = watch.log_start_beyond_commit(arrivals)?;
        let age = arrivals.curve.age(log_start, watch.read_at()?);
        let by_age = seconds(topic).zip(age).map(|(most, age)| age / most);
        Some(by_age.map_or(1.0, |ratio| ratio.max(1.0)))
    });
    ratios.reduce(f64::max)
}

/// Of the partition and the limit that come first.
fn nearest(topic: &TopicHistory, watches: &[PartitionWatch], stalled: bool) -> Option<Eta> {
    let etas = watches.iter().filter_map(|watch| {
        let limits = Limits::of(topic, watch.number);
        watch.retention_eta(limits, topic.partition(watch.number)?, stalled)
    });
    etas.min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn seconds(topic: &TopicHistory) -> Option<f64> {
    let limit = topic.retention.and_then(|retention| retention.seconds);
    limit.filter(|seconds| *seconds > 0.0)
}
