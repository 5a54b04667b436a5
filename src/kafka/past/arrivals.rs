//! How far logs had reached at past instants, for all partitions that are consumed: what a start recalls. Another question than the
//! search for ages, which looks for a few messages each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::analysis::past::{AHEAD_MS, Millis, Record};
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

/// By how much the time of a record and that of its arrival may differ where both are right: it waits in a batch.
const SLACK_SECONDS: f64 = 2.0;

/// Asks a leader how far partitions that it leads had reached at instants, newest first.
pub(crate) struct AskArrivals {
    pub(crate) isolation: IsolationLevel,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) instants: Vec<Millis>,
}

/// What a leader said of an instant.
pub(crate) struct FirstSince {
    topic: StrBytes,
    partition: i32,
    asked: Millis,
    /// The first message at or after it; absent where nothing had come since.
    found: Option<Record>,
}

impl Question for AskArrivals {
    const NAME: &'static str = ListOffsetsRequest::NAME;
    /// Of the instants that there was time for.
    type Answer = Vec<FirstSince>;

    fn own_patience(&self) -> Option<Duration> {
        Some(PATIENCE)
    }

    async fn put(self, session: &mut Session) -> Result<Vec<FirstSince>, Error> {
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
            for (at_asked, answer) in instants.iter().zip(answers) {
                for topic in answer.body.topics {
                    for partition in &topic.partitions {
                        if let Ok(found) = end_of(partition) {
                            let at = partition.timestamp;
                            told.push(FirstSince {
                                topic: topic.name.0.clone(),
                                partition: partition.partition_index,
                                asked: *at_asked,
                                found: found.map(|(_, offset)| Record { offset, at }),
                            });
                        }
                    }
                }
            }
        }
        Ok(told)
    }
}

/// What was told, as curves that end with what a sample read. Records' times are those of whoever set them: what contradicts what was
/// read is not believed, nor anything else of that partition.
pub(crate) struct Arrivals<'a> {
    sample: &'a Sample,
    topics: HashMap<&'a str, usize>,
    told: BTreeMap<(usize, u32), Told>,
}

/// Of a partition.
#[derive(Default)]
struct Told {
    points: Vec<Reading>,
    is_doubted: bool,
}

impl<'a> Arrivals<'a> {
    pub(crate) fn of(sample: &'a Sample) -> Self {
        let names = sample.topics.iter().enumerate();
        Self {
            sample,
            topics: names.map(|(index, topic)| (&*topic.name, index)).collect(),
            told: BTreeMap::new(),
        }
    }

    /// The partitions in which somebody has committed, as topic and number.
    pub(crate) fn consumed(&self) -> BTreeSet<(usize, u32)> {
        committed(self.sample).collect()
    }

    /// Takes what a broker told; the clock that the instants are by is so many seconds ahead of ours.
    pub(crate) fn take(&mut self, told: Vec<FirstSince>, ahead_seconds: f64) {
        for first in told {
            let topic = self.topics.get(&*first.topic).copied();
            let (Some(topic), Ok(partition)) = (topic, u32::try_from(first.partition)) else {
                continue;
            };
            let Some((end, _)) = self.ends(topic, partition) else {
                continue;
            };
            let own = self.told.entry((topic, partition)).or_default();
            // What came after the end was read is as good as nothing.
            let found = first.found.filter(|record| record.offset < end.offset);
            let read_ms = ((end.at + ahead_seconds) * 1000.0) as Millis;
            own.is_doubted |= found.is_some_and(|record| record.at > read_ms + AHEAD_MS);
            let at = first.asked as f64 / 1000.0 - ahead_seconds;
            let offset = found.map_or(end.offset, |record| record.offset);
            own.points.push(Reading { offset, at });
        }
    }

    fn ends(&self, topic: usize, partition: u32) -> Option<(Reading, Option<u64>)> {
        let read = self.sample.topics[topic]
            .partitions
            .get(partition as usize)?;
        Some((read.log_end?, read.log_start.map(|start| start.offset)))
    }

    /// In order of time; offsets only rise. `before` is a sample of some time ago: where logs had grown since, the told must agree
    /// with it.
    pub(crate) fn pasts(mut self, before: &Sample) -> Vec<Past> {
        let before = log_ends(before);
        let told = std::mem::take(&mut self.told).into_iter();
        let past = |((topic, partition), mut told): ((usize, u32), Told)| {
            let (end, start) = self.ends(topic, partition)?;
            let name = &*self.sample.topics[topic].name;
            let read_before = before.get(&(name, partition));
            if told.is_doubted || read_before.is_some_and(|read| told.contradicts(*read)) {
                return None;
            }
            told.forget_beginning(start, end.offset);
            let mut points = told.points;
            if points.is_empty() {
                return None;
            }
            points.push(end);
            points.sort_by(|a, b| a.at.total_cmp(&b.at));
            let mut reached = 0;
            for point in &mut points {
                reached = point.offset.max(reached);
                point.offset = reached;
            }
            Some(Past {
                topic,
                partition,
                points,
            })
        };
        told.filter_map(past).collect()
    }
}

impl Told {
    /// What had arrived well before a log end was read is not beyond it, and what arrived well after it is not before it: or records'
    /// times are not those of their arrival.
    fn contradicts(&self, read: Reading) -> bool {
        self.points.iter().any(|point| {
            let (is_before, is_after) = (
                point.at < read.at - SLACK_SECONDS,
                point.at > read.at + SLACK_SECONDS,
            );
            is_before && point.offset > read.offset || is_after && point.offset < read.offset
        })
    }

    /// What arrived before the oldest message that is kept, nobody knows; unless nothing arrived since. Where it isn't known which
    /// that is, it may be the oldest one told.
    fn forget_beginning(&mut self, start: Option<u64>, end: u64) {
        let oldest = self.points.iter().map(|point| point.offset).min();
        let Some(start) = start.or(oldest) else {
            return;
        };
        self.points.retain(|Reading { offset, .. }| {
            let offset = *offset;
            offset == 0 || offset == end || offset > start
        });
    }
}

/// The partitions of groups' commits, as topic and number; each as often as there are groups.
pub(crate) fn committed(sample: &Sample) -> impl Iterator<Item = (usize, u32)> {
    let groups = sample.groups.iter();
    let commits = groups.filter_map(|group| group.commits.as_ref());
    let topics = commits.flat_map(|commits| &commits.topics);
    topics.flat_map(|told| {
        let partitions = told.partitions.iter();
        partitions.map(|(number, _)| (told.topic, *number))
    })
}

/// By topic and partition.
fn log_ends(sample: &Sample) -> HashMap<(&str, u32), Reading> {
    let ends = sample.topics.iter().flat_map(|topic| {
        let partitions = (0..).zip(&topic.partitions);
        partitions.filter_map(|(number, read)| Some(((&*topic.name, number), read.log_end?)))
    });
    ends.collect()
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

    /// The curve of what was told, as `(seconds, offset)`. Each record was stamped at the instant that it was found for.
    fn curve(sample: &Sample, told: &[(Millis, Option<u64>)]) -> Vec<(f64, u64)> {
        let stamped = |(at, offset): &(Millis, Option<u64>)| {
            (*at, offset.map(|offset| Record { offset, at: *at }))
        };
        let told: Vec<_> = told.iter().map(stamped).collect();
        curve_of_records(sample, &Sample::default(), &told)
    }

    fn curve_of_records(
        sample: &Sample,
        before: &Sample,
        told: &[(Millis, Option<Record>)],
    ) -> Vec<(f64, u64)> {
        let mut arrivals = Arrivals::of(sample);
        let told = told.iter().map(|(asked, found)| FirstSince {
            topic: StrBytes::from_static_str("orders"),
            partition: 0,
            asked: *asked,
            found: *found,
        });
        arrivals.take(told.collect(), 5.0);
        let pasts = arrivals.pasts(before);
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
    fn where_the_log_begins_is_not_known_the_oldest_that_is_told_may_be_that() {
        let mut read = read(10, 40);
        read.topics[0].partitions[0].log_start = None;
        let told = [(80_000, Some(30)), (60_000, Some(10)), (50_000, Some(10))];
        assert_eq!(curve(&read, &told), [(75.0, 30), (100.0, 40)]);
    }

    #[test]
    fn records_from_the_future_tell_nothing() {
        let late = |offset| {
            Some(Record {
                offset,
                at: 7_200_000,
            })
        };
        let told = [(90_000, late(20)), (60_000, late(20))];
        let nothing = Sample::default();
        assert!(curve_of_records(&read(0, 40), &nothing, &told).is_empty());
        let after_the_end = [(90_000, late(40)), (60_000, late(40))];
        let curve = curve_of_records(&read(0, 40), &nothing, &after_the_end);
        assert_eq!(curve.len(), 3, "it came later: {curve:?}");
    }

    #[test]
    fn records_whose_times_are_not_those_of_their_arrival_tell_nothing() {
        let at = |offset, at| Some(Record { offset, at });
        let mut before = read(0, 30);
        before.topics[0].partitions[0].log_end = Some(Reading {
            offset: 30,
            at: 80.0,
        });
        let cases: [(&[_], bool, &str); 4] = [
            (&[(60_000, at(20, 60_000))], true, "it agrees"),
            (&[(60_000, None)], false, "ten had not come by then"),
            (&[(95_000, at(25, 95_000))], false, "five more had"),
            (&[(84_000, at(32, 84_000))], true, "about then"),
        ];
        for (told, is_known, why) in cases {
            let curve = curve_of_records(&read(0, 40), &before, told);
            assert_eq!(!curve.is_empty(), is_known, "{why}: {curve:?}");
        }
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
