//! The pure core, told stories: offsets in, verdicts out.

mod bounded;
mod delays;
pub(crate) mod evidence;
mod forecasts;
mod frugal;
mod gaps;
mod hygiene;
mod interrupted;
mod invariance;
mod learned;
mod losses;
mod models;
mod overrun;
mod past;
mod random;
mod retention;
mod retries;
mod retuned;
mod rules;
mod shares;
mod stories;
mod visits;

use lagslope::analysis::evidence::Explanation;
use lagslope::analysis::learned::Learned;
use lagslope::analysis::report::{Report, TopicReport};
use lagslope::analysis::sample::{
    Commits, Edge, GroupSample, PartitionSample, Reading, Retention, Sample, TopicCommits,
    TopicSample,
};
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};

/// Seconds between samples in the stories.
pub(crate) const INTERVAL: f64 = 10.0;
/// Not zero, and not on a block's boundary.
pub(crate) const BEGIN: f64 = 1_700_000_003.0;

/// What one cycle reads of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Read {
    pub(crate) log_start: u64,
    /// The budget had no room for the log start.
    pub(crate) start_unread: bool,
    /// `None`: its leader did not say.
    pub(crate) log_end: Option<u64>,
    /// `None`: no commit.
    pub(crate) committed: Option<u64>,
}

/// A partition whose log begins at 0.
pub(crate) fn read(log_end: u64, committed: u64) -> Read {
    Read {
        log_end: Some(log_end),
        committed: Some(committed),
        ..Read::default()
    }
}

/// One group in one topic of one cluster.
pub(crate) struct Told {
    analysis: Analysis,
    pub(crate) topic_id: Option<u128>,
    /// The group's type, in Kafka's words.
    pub(crate) kind: Option<&'static str>,
    pub(crate) retention: Option<Retention>,
    /// Bytes that a message takes, in every partition.
    pub(crate) message_bytes: Option<f32>,
    /// The commits since the last cycle, where that is known.
    pub(crate) edges: Option<Vec<Edge>>,
}

impl Told {
    pub(crate) fn new(ceilings: Ceilings) -> Self {
        Self {
            analysis: Analysis::new(
                Rules::new(Settings::new(INTERVAL), ceilings).for_all(),
                Box::new(|_| None),
            ),
            topic_id: Some(1),
            kind: None,
            retention: None,
            message_bytes: None,
            edges: None,
        }
    }

    pub(crate) fn retune(&mut self, settings: Settings, ceilings: Ceilings) {
        let rules = Rules::new(settings, ceilings);
        self.analysis.retune(rules.for_all(), Box::new(|_| None));
    }

    pub(crate) fn begin_new_curves(&mut self) {
        self.analysis.begin_new_curves();
    }

    pub(crate) fn interrupt(&mut self) {
        self.analysis.interrupt();
    }

    pub(crate) fn learned(&self) -> Learned {
        self.analysis.learned(usize::MAX)
    }

    pub(crate) fn remember(&mut self, learned: Learned) {
        self.analysis.remember(learned);
    }

    pub(crate) fn end_past(&mut self) {
        self.analysis.end_past();
    }

    pub(crate) fn forget(&mut self, group: &str, topic: Option<&str>) -> Option<usize> {
        self.analysis.forget(group, topic)
    }

    /// Why its verdicts are what they are.
    pub(crate) fn explain(&self) -> Option<Explanation> {
        self.explain_of("payments", "orders")
    }

    pub(crate) fn explain_of(&self, group: &str, topic: &str) -> Option<Explanation> {
        self.analysis.explain(group, topic)
    }

    /// A cycle in which the group's coordinator answered.
    pub(crate) fn cycle(&mut self, at: f64, partitions: &[Read]) -> Option<TopicReport> {
        self.observe(at, partitions, true)
    }

    /// A cycle in which it did not.
    pub(crate) fn silent(&mut self, at: f64, partitions: &[Read]) -> Option<TopicReport> {
        self.observe(at, partitions, false)
    }

    fn observe(&mut self, at: f64, partitions: &[Read], answered: bool) -> Option<TopicReport> {
        let report = self.report(at, partitions, answered);
        let group = report.groups.into_iter().next()?;
        group.topics.into_iter().next()
    }

    pub(crate) fn report(&mut self, at: f64, partitions: &[Read], answered: bool) -> Report {
        self.report_of("payments", at, partitions, answered)
    }

    pub(crate) fn report_of(
        &mut self,
        group: &str,
        at: f64,
        partitions: &[Read],
        answered: bool,
    ) -> Report {
        let commits = partitions.iter().zip(0u32..);
        let commits = commits.filter_map(|(read, number)| Some((number, read.committed?)));
        let ends = partitions.iter().map(|read| PartitionSample {
            log_start: read
                .log_end
                .filter(|_| !read.start_unread)
                .map(|_| Reading {
                    offset: read.log_start,
                    at,
                }),
            log_end: read.log_end.map(|offset| Reading { offset, at }),
        });
        self.analysis.observe(Sample {
            began: at,
            at,
            topics: vec![TopicSample {
                name: "orders".into(),
                id: self.topic_id,
                retention: self.retention,
                message_bytes: vec![self.message_bytes; partitions.len()].into(),
                partitions: ends.collect(),
            }],
            groups: vec![GroupSample {
                name: group.into(),
                state: None,
                kind: self.kind.map(Into::into),
                members: None,
                generation: None,
                commits: answered.then(|| Commits {
                    at,
                    topics: vec![TopicCommits {
                        topic: 0,
                        partitions: commits.collect(),
                        edges: self.edges.clone(),
                    }],
                }),
            }],
            ..Sample::default()
        })
    }
}
