//! One group of a recording: its rows become samples, as if it had been read from a cluster.

use std::sync::Arc;

use super::directive::Directives;
use super::recording::{Recording, Row};
use super::retries::RetryTopics;
use crate::analysis::report::Report;
use crate::analysis::sample::{
    Commits, Cycle, Edge, GroupSample, PartitionSample, Reading, Sample, TopicCommits, TopicSample,
};
use crate::analysis::{Analysis, Ceilings, RetryNameOf, RulesOf};
use crate::config::Settings;

/// A group, and everything that is known of it so far.
pub(super) struct GroupReplay {
    name: Arc<str>,
    analysis: Analysis,
    directives: Directives,
    topics: Vec<Topic>,
}

struct Topic {
    number: u32,
    name: Arc<str>,
    /// The last commit, by partition; absent = none. A partition without a row in a sample still has it.
    committed: Vec<Option<u64>>,
    /// The commits of the present instant, by partition; `None` in a recording that does not say when they were made.
    edges: Option<Vec<Edge>>,
}

impl GroupReplay {
    pub(super) fn new(name: &Arc<str>, settings: &Arc<Settings>, directives: &Directives) -> Self {
        let (rules_of, retry_name_of) = rules(settings, directives);
        Self {
            name: Arc::clone(name),
            analysis: Analysis::new(rules_of, retry_name_of),
            directives: directives.clone(),
            topics: Vec::new(),
        }
    }

    /// The directives say something new from here on.
    pub(super) fn retune(&mut self, settings: &Arc<Settings>) {
        let (rules_of, retry_name_of) = rules(settings, &self.directives);
        self.analysis.retune(rules_of, retry_name_of);
    }

    /// Takes the rows of one instant.
    pub(super) fn observe(
        &mut self,
        rows: &[Row],
        names: &Recording,
        retries: &RetryTopics,
    ) -> Report {
        self.topics.iter_mut().for_each(Topic::begin);
        for row in rows {
            self.note(row, names);
        }
        let at = rows[0].t;
        let mut topics: Vec<TopicSample> = self.topics.iter().map(|t| self.sample_of(t)).collect();
        for row in rows {
            let place = self
                .topics
                .iter()
                .position(|topic| topic.number == row.topic);
            let topic = place.map(|place| &mut topics[place]);
            if let Some(partition) =
                topic.and_then(|t| t.partitions.get_mut(row.partition as usize))
            {
                let reading = |offset| Some(Reading { offset, at });
                partition.log_start = reading(row.log_start);
                partition.log_end = reading(row.log_end);
            }
        }
        // Behind its own: commits name topics by their place.
        let is_own = |number| self.topics.iter().any(|topic| topic.number == number);
        topics.extend(retries.of_others(rows[0].cluster, names, is_own));
        self.analysis.observe(Sample {
            began: at,
            at,
            topics,
            groups: vec![GroupSample {
                name: Arc::clone(&self.name),
                state: None,
                kind: None,
                members: None,
                generation: rows.iter().filter_map(|row| row.generation).max(),
                commits: Some(self.commits(at)),
            }],
            pasts: Vec::new(),
            cycle: Cycle::default(),
        })
    }

    fn note(&mut self, row: &Row, names: &Recording) {
        let place = self
            .topics
            .iter()
            .position(|topic| topic.number == row.topic);
        let place = place.unwrap_or_else(|| {
            self.topics.push(Topic {
                number: row.topic,
                name: Arc::clone(names.name(row.topic)),
                committed: Vec::new(),
                edges: names.tells_commit_times().then(Vec::new),
            });
            self.topics.len() - 1
        });
        self.topics[place].note(row);
    }

    fn sample_of(&self, topic: &Topic) -> TopicSample {
        TopicSample {
            name: Arc::clone(&topic.name),
            id: None,
            retention: self.directives.retention(&topic.name),
            message_bytes: Arc::default(),
            partitions: vec![PartitionSample::default(); topic.committed.len()],
        }
    }

    fn commits(&self, at: f64) -> Commits {
        let topics = self.topics.iter().enumerate().map(|(topic, known)| {
            let partitions = known.committed.iter().enumerate();
            let committed = |(partition, offset): (usize, &Option<u64>)| {
                Some((u32::try_from(partition).ok()?, (*offset)?))
            };
            TopicCommits {
                topic,
                partitions: partitions.filter_map(committed).collect(),
                edges: known.edges.clone(),
            }
        });
        Commits {
            at,
            topics: topics
                .filter(|topic| !topic.partitions.is_empty())
                .collect(),
        }
    }
}

impl Topic {
    /// Another instant.
    fn begin(&mut self) {
        self.edges.iter_mut().for_each(Vec::clear);
    }

    /// Takes a row. Several of one partition and instant are the commits since the instant before.
    fn note(&mut self, row: &Row) {
        let partition = row.partition as usize;
        if self.committed.len() <= partition {
            self.committed.resize(partition + 1, None);
        }
        let before = std::mem::replace(&mut self.committed[partition], row.committed);
        let moved = row.committed.filter(|_| row.committed != before);
        let (Some(edges), Some(committed), Some(at)) = (&mut self.edges, moved, row.committed_at)
        else {
            return;
        };
        let place = edges.partition_point(|edge| edge.partition <= row.partition);
        edges.insert(
            place,
            Edge {
                partition: row.partition,
                committed,
                at,
            },
        );
    }
}

/// By the configuration, and by what the recording says of itself.
fn rules(settings: &Arc<Settings>, directives: &Directives) -> (RulesOf, RetryNameOf) {
    let (given, common) = (directives.clone(), Arc::clone(settings));
    let rules_of = move |group: &str, topic: &str| {
        let mut rules = common.rules_of(group, topic);
        let given = given.ceilings(group, topic);
        rules.ceilings = Ceilings {
            lag_messages: given.lag_messages.or(rules.ceilings.lag_messages),
            delay_seconds: given.delay_seconds.or(rules.ceilings.delay_seconds),
        };
        rules
    };
    let (given, settings) = (directives.clone(), Arc::clone(settings));
    let retry_name_of = move |topic: &str| {
        given
            .retry_name_of(topic)
            .or_else(|| settings.retries.name_of(topic))
    };
    (Box::new(rules_of), Box::new(retry_name_of))
}
