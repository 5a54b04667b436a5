//! A start recalls what cycles before it would have read, as far as Kafka still has it: commits with their times from the commit stream,
//! and how far the logs had reached by timestamp. Two cycles are needed for it: one that says who there is and where the stream ends,
//! and one for which it was read so far.

use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::stream::{committing, wall_clock};
use super::{Clock, Sampler};
use crate::analysis::recalled;
use crate::analysis::sample::{Moment, Past, Sample};
use crate::kafka::Offsets;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::harvest;
use crate::kafka::offsets::Wanted;
use crate::kafka::past::{Arrivals, AskArrivals, instants_of_arrivals};

/// How long the first page may be late for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Commits are told apart from such a part of their age on: some 170 of an hour.
const PARTS_MOST: usize = 30;

/// Partitions of which so many are kept: 50 MB. Of more, fewer each.
const PARTITIONS: usize = 20_000;

impl Sampler {
    /// What would have been read until `now`, every so many seconds; nothing where the stream can't be read, where clocks don't agree
    /// or where it would take too long.
    pub async fn recall(
        &mut self,
        now: Moment,
        interval_seconds: f64,
    ) -> impl Iterator<Item = Sample> + Send + 'static {
        let recalled = self.recalled(now, interval_seconds).await;
        let samples = recalled.map(|(last, arrivals, cycles)| {
            recalled::samples(last, arrivals, (cycles, interval_seconds))
        });
        samples.into_iter().flatten()
    }

    /// The last sample of the past, how far logs had reached before it, and how many cycles that is to become.
    async fn recalled(
        &mut self,
        now: Moment,
        interval_seconds: f64,
    ) -> Option<(Sample, Vec<Past>, usize)> {
        if self.settings.offsets == Offsets::Query {
            return None;
        }
        let clock = Clock::start(now);
        self.streamed.hold();
        let first = self.sample(now).await;
        let consumed = Arrivals::of(&first).consumed().len();
        let cycles = recalled::cycles(consumed, interval_seconds);
        let seconds = cycles as f64 * interval_seconds;
        let groups = committing(&self.groups, self.topics.coordinators());
        let begin = (wall_clock(clock), seconds, parts(consumed));
        let read = self
            .streamed
            .read_past(&self.settings, groups, begin, PATIENCE);
        if !read.await || cycles == 0 || !self.clock_trust.is_agreed() {
            self.streamed.end_past();
            self.forget_told_past();
            return None;
        }
        let second = self.sample(later(clock)).await;
        self.streamed.end_past();
        let arrivals = self.ask_arrivals(&second, later(clock), seconds).await;
        // They were told of the time before, and nobody has heard it.
        self.forget_told_past();
        Some((second, arrivals, cycles))
    }

    async fn ask_arrivals(&mut self, sample: &Sample, now: Moment, seconds: f64) -> Vec<Past> {
        let mut arrivals = Arrivals::of(sample);
        let wall_ms = ((now.time + now.wall_ahead_seconds) * 1000.0) as i64;
        let isolation = self.settings.isolation_level;
        let consumed = arrivals.consumed().into_iter();
        let partitions = consumed.map(|(topic, partition)| {
            let name = &sample.topics[topic].name;
            (StrBytes::from_string(name.to_string()), partition as i32)
        });
        let partitions: Vec<_> = partitions.collect();
        let wanted = harvest::these_partitions(&self.topics, &partitions);
        let ask = |(broker, wanted): (BrokerId, Vec<Wanted>)| {
            let count = wanted.iter().map(|wanted| wanted.partitions.len()).sum();
            let ask = AskArrivals {
                isolation,
                wanted,
                instants: instants_of_arrivals(count, wall_ms, seconds),
            };
            (broker, ask)
        };
        let questions = wanted.into_iter().map(ask).collect();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            match answer {
                Ok(told) => arrivals.take(told, now.wall_ahead_seconds),
                Err(error) => self.suspect(broker, &error),
            }
        }
        arrivals.pasts()
    }
}

fn later(clock: Clock) -> Moment {
    Moment {
        time: clock.time(Instant::now()),
        wall_ahead_seconds: clock.wall_ahead_seconds,
    }
}

fn parts(partitions: usize) -> i64 {
    let parts = PARTS_MOST * PARTITIONS / partitions.max(PARTITIONS);
    parts.max(1) as i64
}
