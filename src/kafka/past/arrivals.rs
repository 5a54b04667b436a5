//! How far logs had reached at past instants, for all partitions that are consumed: what a start recalls. Another question than the
//! search for ages, which looks for a few messages each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::analysis::past::Millis;
use crate::analysis::sample::{Past, Reading, Sample};
use crate::kafka::client::api::Api;
use crate::kafka::client::broker::Question;
use crate::kafka::client::session::Session;
use crate::kafka::error::Error;
use crate::kafka::offsets::{Wanted, end_of, list_offsets_of};
use crate::kafka::settings::IsolationLevel;

/// Look-ups that one broker is asked for at most: each searches an index and reads a piece of the log.
const LOOKUPS_MAX: usize = 60_000;

/// Instants that are asked for at most.
const INSTANTS_MAX: usize = 60;

/// With fewer, the lines between them would be made up.
const INSTANTS_MIN: usize = 6;

/// No further instant is asked for after this: what comes late is lost, all of it.
const BEGIN_WITHIN: Duration = Duration::from_secs(3);

/// Requests that are under way at once.
const AHEAD: usize = 4;

/// How long a broker may take for all of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a leader how far partitions that it leads had reached at instants, newest first.
pub(crate) struct AskArrivals {
    pub(crate) isolation: IsolationLevel,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) instants: Vec<Millis>,
}

/// The first message at or after an instant: topic, partition, instant, and its offset; absent where there is none.
pub(crate) type Reached = (StrBytes, i32, Millis, Option<u64>);

impl Question for AskArrivals {
    const NAME: &'static str = ListOffsetsRequest::NAME;
    /// Of the instants that there was time for.
    type Answer = Vec<Reached>;

    fn own_patience(&self) -> Option<Duration> {
        Some(PATIENCE)
    }

    async fn put(self, session: &mut Session) -> Result<Vec<Reached>, Error> {
        let began = Instant::now();
        let mut told = Vec::new();
        for instants in self.instants.chunks(AHEAD) {
            if began.elapsed() > BEGIN_WITHIN {
                break;
            }
            let make = |_| {
                let requests = instants.iter();
                requests
                    .map(|at| list_offsets_of(&self.wanted, *at, self.isolation))
                    .collect()
            };
            let answers = session.ask_all(make).await?;
            for (at, answer) in instants.iter().zip(answers) {
                for topic in answer.body.topics {
                    for partition in &topic.partitions {
                        // No offset: nothing had come since.
                        if let Ok(offset) = end_of(partition) {
                            let offset = offset.map(|(_, offset)| offset);
                            let index = partition.partition_index;
                            told.push((topic.name.0.clone(), index, *at, offset));
                        }
                    }
                }
            }
        }
        Ok(told)
    }
}

/// What was told, as curves that end with what a sample read.
pub(crate) struct Arrivals<'a> {
    sample: &'a Sample,
    topics: HashMap<&'a str, usize>,
    points: BTreeMap<(usize, u32), Vec<Reading>>,
}

impl<'a> Arrivals<'a> {
    pub(crate) fn of(sample: &'a Sample) -> Self {
        let names = sample.topics.iter().enumerate();
        Self {
            sample,
            topics: names.map(|(index, topic)| (&*topic.name, index)).collect(),
            points: BTreeMap::new(),
        }
    }

    /// The partitions in which somebody has committed, as topic and number.
    pub(crate) fn consumed(&self) -> BTreeSet<(usize, u32)> {
        let commits = self
            .sample
            .groups
            .iter()
            .filter_map(|group| group.commits.as_ref());
        let topics = commits.flat_map(|commits| &commits.topics);
        let partitions = topics.flat_map(|told| {
            let partitions = told.partitions.iter();
            partitions.map(|(number, _)| (told.topic, *number))
        });
        partitions.collect()
    }

    /// Takes what a broker told; the clock that the instants are by is so many seconds ahead of ours.
    pub(crate) fn take(&mut self, told: Vec<Reached>, ahead_seconds: f64) {
        for (topic, partition, at, offset) in told {
            let topic = self.topics.get(&*topic).copied();
            let (Some(topic), Ok(partition)) = (topic, u32::try_from(partition)) else {
                continue;
            };
            let Some((end, start)) = self.ends(topic, partition) else {
                continue;
            };
            let offset = offset.map_or(end.offset, |offset| offset.min(end.offset));
            // What arrived before the oldest message that is kept, nobody knows; unless nothing arrived since.
            let is_known = offset == 0 || offset == end.offset || Some(offset) > start;
            if is_known {
                let at = at as f64 / 1000.0 - ahead_seconds;
                let points = self.points.entry((topic, partition)).or_default();
                points.push(Reading { offset, at });
            }
        }
    }

    fn ends(&self, topic: usize, partition: u32) -> Option<(Reading, Option<u64>)> {
        let read = self.sample.topics[topic]
            .partitions
            .get(partition as usize)?;
        Some((read.log_end?, read.log_start.map(|start| start.offset)))
    }

    /// In order of time; offsets only rise.
    pub(crate) fn pasts(mut self) -> Vec<Past> {
        let points = std::mem::take(&mut self.points).into_iter();
        let past = |((topic, partition), mut points): ((usize, u32), Vec<Reading>)| {
            points.extend(self.ends(topic, partition).map(|(end, _)| end));
            points.sort_by(|a, b| a.at.total_cmp(&b.at));
            let mut reached = 0;
            for point in &mut points {
                reached = point.offset.max(reached);
                point.offset = reached;
            }
            Past {
                topic,
                partition,
                points,
            }
        };
        points.map(past).collect()
    }
}

/// The instants to ask for, newest first, of so many partitions of a broker: the nearer the denser.
pub(crate) fn instants(partitions: usize, now: Millis, seconds: f64) -> Vec<Millis> {
    let count = INSTANTS_MAX.min(LOOKUPS_MAX / partitions.max(1));
    if count < INSTANTS_MIN {
        return Vec::new();
    }
    let back = |n: usize| seconds * (n as f64 / count as f64).powi(2);
    let instants = (1..=count).map(|n| now - (back(n) * 1000.0) as Millis);
    instants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample::{PartitionSample, TopicSample};

    fn read(log_start: u64, log_end: u64) -> Sample {
        let at = |offset| Some(Reading { offset, at: 100.0 });
        Sample {
            topics: vec![TopicSample {
                name: "orders".into(),
                partitions: vec![PartitionSample {
                    log_start: at(log_start),
                    log_end: at(log_end),
                }],
                ..TopicSample::default()
            }],
            ..Sample::default()
        }
    }

    /// The curve of what was told, as `(milliseconds, offset)`.
    fn curve(sample: &Sample, told: &[(Millis, Option<u64>)]) -> Vec<(f64, u64)> {
        let mut arrivals = Arrivals::of(sample);
        let name = StrBytes::from_static_str("orders");
        let told = told
            .iter()
            .map(|(at, offset)| (name.clone(), 0, *at, *offset));
        arrivals.take(told.collect(), 5.0);
        let pasts = arrivals.pasts();
        let points = pasts.first().map_or(&[][..], |past| &past.points);
        points
            .iter()
            .map(|point| (point.at, point.offset))
            .collect()
    }

    #[test]
    fn a_curve_ends_with_what_was_read_and_is_in_our_time() {
        let told = [
            (90_000, None),
            (80_000, Some(30)),
            (70_000, Some(35)),
            (60_000, Some(20)),
        ];
        let expected = [(55.0, 20), (65.0, 35), (75.0, 35), (85.0, 40), (100.0, 40)];
        assert_eq!(curve(&read(0, 40), &told), expected);
    }

    #[test]
    fn before_the_oldest_message_nothing_is_known() {
        let told = [(80_000, Some(30)), (60_000, Some(10)), (50_000, Some(10))];
        assert_eq!(curve(&read(10, 40), &told), [(75.0, 30), (100.0, 40)]);
        let idle = [(80_000, None), (60_000, None)];
        assert_eq!(
            curve(&read(40, 40), &idle).len(),
            3,
            "nothing arrived since"
        );
    }

    #[test]
    fn instants_are_dense_where_it_is_near_and_few_for_many() {
        let all = instants(100, 3_600_000, 3_600.0);
        assert_eq!((all.len(), all[0], all[59]), (60, 3_599_000, 0));
        assert!(all[58] - all[59] > 100_000);
        assert_eq!(instants(6_000, 0, 3_600.0).len(), 10);
        assert!(instants(20_000, 0, 3_600.0).is_empty());
    }
}
