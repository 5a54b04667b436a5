//! What cycles before the first one would have read, put together from what the logs themselves remember: when which commit was made,
//! and how far each log had reached by then. Whoever starts anew understands it as if it had been there.

use std::collections::HashMap;

use super::sample::{
    Commits, Cycle, Edge, GroupSample, PartitionSample, Past, Reading, Sample, Time, TopicCommits,
    TopicSample,
};

/// No more is recalled of the past: what was learned of longer times is in the state file.
const LONGEST_SECONDS: f64 = 3_600.0;

/// Pairs of commit and log end that are recalled at most, of all partitions together: a few seconds' work.
const MOST_PAIRS: usize = 3_000_000;

/// Fewer cycles are not worth asking for.
const LEAST_CYCLES: usize = 12;

/// How many cycles to recall of so many partitions with commits, each group's counted; none where that would take too long.
pub fn cycles(pairs: usize, interval_seconds: f64) -> usize {
    let longest = (LONGEST_SECONDS / interval_seconds) as usize;
    let cycles = longest.min(MOST_PAIRS / pairs.max(1));
    if cycles < LEAST_CYCLES { 0 } else { cycles }
}

/// What there is to put together.
#[derive(Debug)]
pub struct Recalled {
    /// What was read last. Groups are recalled whose commits it tells with their times, as far back as it does.
    pub now: Sample,
    /// How far logs had reached, in order of time.
    pub arrivals: Vec<Past>,
    /// When the last cycle before that would have been: commits are known exactly as of such moments.
    pub until: Time,
    /// How many cycles there are up to then.
    pub cycles: usize,
    /// Seconds between them.
    pub interval_seconds: f64,
}

/// The cycles, in order of time; the last one is what was read.
pub fn samples(recalled: Recalled) -> impl Iterator<Item = Sample> + Send + 'static {
    let Recalled {
        now,
        arrivals,
        until,
        cycles,
        interval_seconds,
    } = recalled;
    let end = now.at;
    let mut walks = Walks::new(now, arrivals);
    let before = (0..cycles).rev();
    let before = before.map(move |n| until - n as f64 * interval_seconds);
    let times = before.filter(move |at| *at < end).chain([end]);
    times.map(move |at| walks.sample(at))
}

struct Walks {
    now: Sample,
    groups: Vec<Group>,
    /// By topic and partition.
    arrivals: HashMap<(usize, u32), Walk>,
}

struct Group {
    /// As it is now, without its commits.
    now: GroupSample,
    topics: Vec<Topic>,
}

struct Topic {
    index: usize,
    /// In order of partition.
    partitions: Vec<(u32, Walk)>,
}

/// Points in order of time, and how far they have been gone through.
struct Walk {
    points: Vec<Reading>,
    next: usize,
}

impl Walk {
    fn new(points: Vec<Reading>) -> Self {
        Self { points, next: 0 }
    }

    /// The points since the last time, up to and with `at`.
    fn on_to(&mut self, at: Time) -> &[Reading] {
        let from = self.next;
        let points = &self.points[from..];
        self.next += points.iter().take_while(|point| point.at <= at).count();
        &self.points[from..self.next]
    }

    /// The last point that was gone through.
    fn last(&self) -> Option<Reading> {
        self.points[..self.next].last().copied()
    }

    /// On the straight line between the last point and the next.
    fn between(&self, at: Time) -> Option<u64> {
        let last = self.last()?;
        let Some(next) = self.points.get(self.next) else {
            return Some(last.offset);
        };
        let share = (at - last.at) / (next.at - last.at);
        let messages = next.offset.saturating_sub(last.offset) as f64;
        Some(last.offset + (share * messages) as u64)
    }
}

impl Walks {
    fn new(mut now: Sample, arrivals: Vec<Past>) -> Self {
        let groups = std::mem::take(&mut now.groups).into_iter();
        let groups: Vec<Group> = groups.filter_map(group).collect();
        let walks = arrivals.into_iter().map(|past| {
            let place = (past.topic, past.partition);
            (place, Walk::new(past.points))
        });
        Self {
            groups,
            arrivals: walks.collect(),
            now,
        }
    }

    fn sample(&mut self, at: Time) -> Sample {
        let mut topics: Vec<TopicSample> = self.now.topics.iter().map(unread).collect();
        for ((topic, partition), walk) in &mut self.arrivals {
            walk.on_to(at);
            let place = topics[*topic].partitions.get_mut(*partition as usize);
            if let Some(place) = place {
                let offset = walk.between(at);
                place.log_end = offset.map(|offset| Reading { offset, at });
            }
        }
        let groups = self.groups.iter_mut();
        let groups = groups.map(|group| group.sample(at, &mut topics)).collect();
        Sample {
            began: at,
            at,
            topics,
            groups,
            pasts: Vec::new(),
            cycle: Cycle {
                up: true,
                cluster_id: self.now.cycle.cluster_id.clone(),
                wall_ahead_seconds: self.now.cycle.wall_ahead_seconds,
                ..Cycle::default()
            },
        }
    }
}

/// A topic as it is now, with nothing read of its partitions.
fn unread(topic: &TopicSample) -> TopicSample {
    TopicSample {
        partitions: vec![PartitionSample::default(); topic.partitions.len()],
        ..topic.clone()
    }
}

/// Nothing for a group whose commits have no times.
fn group(mut now: GroupSample) -> Option<Group> {
    let commits = now.commits.take()?;
    let topics: Vec<Topic> = commits.topics.into_iter().filter_map(topic).collect();
    // Which generation it was then, nobody knows.
    now.generation = None;
    (!topics.is_empty()).then_some(Group { now, topics })
}

fn topic(commits: TopicCommits) -> Option<Topic> {
    let edges = commits.edges?;
    let mut edges = edges.iter().peekable();
    let partitions = commits.partitions.iter().map(|(number, committed)| {
        while edges.next_if(|edge| edge.partition < *number).is_some() {}
        let mut points = Vec::new();
        while let Some(edge) = edges.next_if(|edge| edge.partition == *number) {
            points.push(Reading {
                offset: edge.committed,
                at: edge.at,
            });
        }
        if points.is_empty() {
            // It was committed before everything that is told.
            let offset = *committed;
            let at = Time::NEG_INFINITY;
            points.push(Reading { offset, at });
        }
        (*number, Walk::new(points))
    });
    Some(Topic {
        index: commits.topic,
        partitions: partitions.collect(),
    })
}

impl Group {
    fn sample(&mut self, at: Time, topics: &mut [TopicSample]) -> GroupSample {
        let told = self.topics.iter_mut();
        let told = told.filter_map(|topic| {
            let ends = &mut topics[topic.index].partitions;
            topic.commits(at, ends)
        });
        let commits = Commits {
            at,
            topics: told.collect(),
        };
        GroupSample {
            commits: Some(commits),
            ..self.now.clone()
        }
    }
}

impl Topic {
    /// A partition is in it from its first commit on that is told. Log ends lie between instants that were asked for: no commit is
    /// beyond one.
    fn commits(&mut self, at: Time, ends: &mut [PartitionSample]) -> Option<TopicCommits> {
        let (mut partitions, mut edges) = (Vec::new(), Vec::new());
        for (number, walk) in &mut self.partitions {
            let new = walk.on_to(at).iter().filter(|edge| edge.at.is_finite());
            edges.extend(new.map(|edge| Edge {
                partition: *number,
                committed: edge.offset,
                at: edge.at,
            }));
            let Some(last) = walk.last() else {
                continue;
            };
            partitions.push((*number, last.offset));
            let end = ends.get_mut(*number as usize);
            if let Some(end) = end.and_then(|end| end.log_end.as_mut()) {
                end.offset = end.offset.max(last.offset);
            }
        }
        (!partitions.is_empty()).then_some(TopicCommits {
            topic: self.index,
            partitions,
            edges: Some(edges),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading((at, offset): (Time, u64)) -> Reading {
        Reading { offset, at }
    }

    fn now(commits: Vec<(u32, u64)>, edges: Option<Vec<(u32, u64, Time)>>) -> Sample {
        let edge = |(partition, committed, at)| Edge {
            partition,
            committed,
            at,
        };
        let commits = TopicCommits {
            topic: 0,
            partitions: commits,
            edges: edges.map(|edges| edges.into_iter().map(edge).collect()),
        };
        Sample {
            at: 100.0,
            topics: vec![TopicSample {
                name: "orders".into(),
                partitions: vec![PartitionSample::default(); 2],
                ..TopicSample::default()
            }],
            groups: vec![GroupSample {
                name: "pay".into(),
                state: None,
                kind: None,
                members: Some(2),
                generation: Some(4),
                commits: Some(Commits {
                    at: 100.0,
                    topics: vec![commits],
                }),
            }],
            ..Sample::default()
        }
    }

    fn arrivals(points: &[(Time, u64)]) -> Vec<Past> {
        vec![Past {
            topic: 0,
            partition: 0,
            points: points.iter().copied().map(reading).collect(),
        }]
    }

    /// So many cycles with the last one, every ten seconds.
    fn recalled(now: Sample, arrivals: Vec<Past>, cycles: usize) -> impl Iterator<Item = Sample> {
        samples(Recalled {
            until: now.at - 10.0,
            now,
            arrivals,
            cycles: cycles - 1,
            interval_seconds: 10.0,
        })
    }

    /// `(time, log end, committed)` of partition 0.
    fn pairs(samples: impl Iterator<Item = Sample>) -> Vec<(Time, Option<u64>, Option<u64>)> {
        let pair = |sample: Sample| {
            let end = sample.topics[0].partitions[0].log_end;
            let commits = sample
                .groups
                .first()
                .and_then(|group| group.commits.as_ref());
            let told = commits.and_then(|commits| commits.topics.first());
            let told = told.and_then(|told| told.partitions.first().copied());
            (
                sample.at,
                end.map(|end| end.offset),
                told.map(|(_, committed)| committed),
            )
        };
        samples.map(pair).collect()
    }

    #[test]
    fn commits_are_those_that_held_and_log_ends_lie_on_the_line() {
        let now = now(vec![(0, 30)], Some(vec![(0, 10, 65.0), (0, 30, 85.0)]));
        let arrivals = arrivals(&[(50.0, 0), (90.0, 40)]);
        let expected = [
            (60.0, Some(10), None),
            (70.0, Some(20), Some(10)),
            (80.0, Some(30), Some(10)),
            (90.0, Some(40), Some(30)),
            (100.0, Some(40), Some(30)),
        ];
        assert_eq!(pairs(recalled(now, arrivals, 5)), expected);
    }

    #[test]
    fn each_edge_is_told_once_and_a_commit_from_before_it_all_holds_all_along() {
        let now = now(
            vec![(0, 30), (1, 7)],
            Some(vec![(0, 10, 65.0), (0, 20, 68.0), (0, 30, 85.0)]),
        );
        let told: Vec<_> = recalled(now, arrivals(&[(0.0, 90)]), 5)
            .map(|sample| {
                let commits = sample.groups[0].commits.as_ref().expect("told");
                let topic = &commits.topics[0];
                let edges = topic.edges.as_ref().expect("told");
                let edges: Vec<u64> = edges.iter().map(|edge| edge.committed).collect();
                (topic.partitions.clone(), edges)
            })
            .collect();
        assert_eq!(told[0], (vec![(1, 7)], vec![]));
        assert_eq!(told[1], (vec![(0, 20), (1, 7)], vec![10, 20]));
        assert_eq!(told[2], (vec![(0, 20), (1, 7)], vec![]));
        assert_eq!(told[3], (vec![(0, 30), (1, 7)], vec![30]));
    }

    #[test]
    fn no_commit_is_beyond_the_end() {
        let now = now(vec![(0, 30)], Some(vec![(0, 30, 75.0)]));
        let told = pairs(recalled(now, arrivals(&[(50.0, 10), (95.0, 11)]), 3));
        assert_eq!(told, [80.0, 90.0, 100.0].map(|at| (at, Some(30), Some(30))));
    }

    #[test]
    fn groups_whose_commits_have_no_times_are_not_recalled() {
        let told = recalled(now(vec![(0, 30)], None), arrivals(&[(50.0, 10)]), 2);
        assert!(told.into_iter().all(|sample| sample.groups.is_empty()));
    }

    #[test]
    fn of_many_partitions_less_is_recalled() {
        assert_eq!(cycles(2_000, 10.0), 360);
        assert_eq!(cycles(100_000, 10.0), 30);
        assert_eq!(cycles(1_000_000, 10.0), 0);
        assert_eq!(cycles(0, 30.0), 120);
    }
}
