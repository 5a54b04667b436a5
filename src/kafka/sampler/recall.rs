//! A start recalls what cycles before it would have read, as far as Kafka still has it: commits with their times from the commit stream,
//! and how far the logs had reached by timestamp. Two cycles are needed for it: one that says who there is and where the stream ends,
//! and one for which it was read so far.

use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::stream::{committing, wall_clock};
use super::{Clock, Sampler};
use crate::analysis::recalled::{self, Recalled};
use crate::analysis::sample::{Moment, Past, Sample};
use crate::kafka::Offsets;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::harvest;
use crate::kafka::offsets::Wanted;
use crate::kafka::past::{Arrivals, AskArrivals, committed, instants_of_arrivals};
use crate::kafka::stream::{Millis, PastWanted};

/// How long the first page may be late for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Commits of a partition are told apart from such a part of their age on: with the last ones of each cycle some 400 of an hour.
const PARTS_MOST: usize = 30;

/// Of how many partitions, each group's counted, commits are told apart as finely as that; of more, more coarsely. 16 bytes each.
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
        recalled.into_iter().flat_map(recalled::samples)
    }

    /// The last sample of the past, how far logs had reached before it, and the cycles that is to become.
    async fn recalled(&mut self, now: Moment, interval_seconds: f64) -> Option<Recalled> {
        if self.settings.offsets == Offsets::Query {
            return None;
        }
        let clock = Clock::start(now);
        self.streamed.hold();
        let first = self.sample(now).await;
        let pairs = committed(&first).count();
        let cycles = recalled::cycles(pairs, interval_seconds);
        let groups = committing(&self.groups, self.topics.coordinators());
        let until = wall_clock(clock);
        let wanted = PastWanted {
            until,
            interval_ms: (interval_seconds * 1000.0) as Millis,
            cycles,
            parts: parts(pairs),
        };
        let (settings, streamed) = (&self.settings, &mut self.streamed);
        let read = streamed.read_past(settings, groups, wanted, PATIENCE).await;
        if !read || cycles == 0 || !self.clock_trust.is_agreed() {
            self.streamed.end_past();
            self.forget_told_past();
            return None;
        }
        let second = self.sample(later(clock)).await;
        self.streamed.end_past();
        let seconds = cycles as f64 * interval_seconds;
        let arrivals = self.ask_arrivals((&first, &second), later(clock), seconds);
        let arrivals = arrivals.await;
        // They were told of the time before, and nobody has heard it.
        self.forget_told_past();
        self.tell_recalled(&second, arrivals.len());
        Some(Recalled {
            now: second,
            arrivals,
            until: clock.time(until.at),
            cycles,
            interval_seconds,
        })
    }

    fn tell_recalled(&self, last: &Sample, arrivals: usize) {
        let commits = last
            .groups
            .iter()
            .filter_map(|group| group.commits.as_ref());
        let edges = commits.clone().flat_map(|commits| &commits.topics);
        let edges = edges.filter_map(|topic| topic.edges.as_ref()).flatten();
        let oldest = edges.map(|edge| edge.at).fold(last.at, f64::min);
        tracing::info!(
            "cluster {}: recalled the last {:.0} s of the commits of {} groups, and log ends of {arrivals} partitions",
            self.settings.name,
            last.at - oldest,
            commits.count(),
        );
    }

    async fn ask_arrivals(
        &mut self,
        (before, sample): (&Sample, &Sample),
        now: Moment,
        seconds: f64,
    ) -> Vec<Past> {
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
        arrivals.pasts(before)
    }
}

fn later(clock: Clock) -> Moment {
    Moment {
        time: clock.time(Instant::now()),
        wall_ahead_seconds: clock.wall_ahead_seconds,
    }
}

fn parts(pairs: usize) -> i64 {
    let parts = PARTS_MOST * PARTITIONS / pairs.max(PARTITIONS);
    parts.max(1) as i64
}
