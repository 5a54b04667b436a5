//! Which topics there are, who leads their partitions, and which brokers the cluster has: Metadata.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use kafka_protocol::protocol::StrBytes;

use super::client::broker::Question;
use super::client::cluster::BrokerId;
use super::client::session::Session;
use super::error::Error;
use super::filter::Filter;
use super::offsets::End;
use crate::analysis::sample::{PartitionSample, Reading, Retention, Time};

/// Each costs a connection and a question in every cycle. The largest clusters have a few thousand.
const BROKERS_MAX: usize = 10_000;

/// A topic that two answers in a row lack is gone. One is not enough: a broker that is starting may not know all topics yet,
/// and with a topic its whole history goes. Meanwhile nothing wrong is told of it: no broker gives an end of a topic that is gone.
const ANSWERS_UNTIL_GONE: u8 = 2;

/// Asks for all topics. It never creates one.
pub(crate) struct AskMetadata;

/// What the cluster said of itself.
pub(crate) struct Metadata {
    pub(crate) brokers: Vec<(BrokerId, String)>,
    topics: Vec<MetadataResponseTopic>,
}

impl Question for AskMetadata {
    const NAME: &'static str = "Metadata";
    type Answer = Metadata;

    async fn put(self, session: &mut Session) -> Result<Metadata, Error> {
        let make = |_| {
            MetadataRequest::default()
                .with_topics(None)
                .with_allow_auto_topic_creation(false)
        };
        let answer = session.ask(make).await?.body;
        session.check(answer.error_code, Self::NAME)?;
        believable(&answer)
            .inspect_err(|error| session.tally().error(Self::NAME, error.label()))?;
        Ok(Metadata::from(answer))
    }
}

/// The broker that answers is in the cluster, so an answer without brokers is none: one that is starting or stopping gives it,
/// with no topics either.
fn believable(answer: &MetadataResponse) -> Result<(), Error> {
    let what = match answer.brokers.len() {
        0 => "it names no broker",
        1..=BROKERS_MAX => return Ok(()),
        _ => "it names more brokers than a cluster can have",
    };
    Err(Error::Garbled {
        api: AskMetadata::NAME,
        what: what.to_owned(),
    })
}

impl From<MetadataResponse> for Metadata {
    fn from(answer: MetadataResponse) -> Self {
        let brokers = answer.brokers.iter();
        Self {
            brokers: brokers
                .map(|broker| (broker.node_id.0, address(&broker.host, broker.port)))
                .collect(),
            topics: answer.topics,
        }
    }
}

fn address(host: &str, port: i32) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A watched topic.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// The same name as the codec wants it; a clone costs nothing.
    pub(crate) wire_name: StrBytes,
    pub(crate) id: Option<u128>,
    pub(crate) internal: bool,
    /// By partition number.
    pub(crate) leaders: Vec<Option<BrokerId>>,
    /// What this cycle read of them, by partition number.
    pub(crate) ends: Vec<PartitionSample>,
    /// The last log end that was told of each partition; 0 before the first.
    last_ends: Vec<u64>,
    pub(crate) retention: Option<Retention>,
    /// When its configuration was last asked for; absent = never.
    pub(crate) config_asked: Option<Time>,
    /// Answers in a row that lacked it.
    missed: u8,
}

impl Topic {
    /// The log end is lower than it was: either the topic was made again, which its id will tell, or the log was truncated.
    pub(crate) fn fell(&mut self, partition: usize, log_end: u64) -> bool {
        let last = self.last_ends.get_mut(partition);
        last.is_some_and(|last| std::mem::replace(last, log_end) > log_end)
    }

    /// The same, one answer later that lacks it; `None` when it is gone.
    fn missed(mut self) -> Option<Self> {
        self.missed += 1;
        (self.missed < ANSWERS_UNTIL_GONE).then_some(self)
    }

    fn seen(mut self) -> Self {
        self.missed = 0;
        self
    }

    /// Must the metadata be read again soon?
    pub(crate) fn is_unsettled(&self) -> bool {
        self.missed > 0 || self.leaders.iter().any(Option::is_none)
    }

    /// Of two answers for a partition the later one counts.
    pub(crate) fn put(&mut self, end: End, partition: usize, reading: Reading) {
        if let Some(place) = self.ends.get_mut(partition) {
            match end {
                End::Latest => place.log_end = Some(reading),
                End::Earliest => place.log_start = Some(reading),
            }
        }
    }
}

/// The watched topics, in order of name.
#[derive(Default)]
pub(crate) struct Topics {
    list: Vec<Topic>,
    by_name: HashMap<Arc<str>, usize>,
    /// Names that commits told of and the last metadata didn't: no reason to ask again.
    missing: BTreeSet<StrBytes>,
    coordinators_are_missing: bool,
}

/// The leader of one of its partitions is the coordinator of the groups whose commits are in there.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// More names than this are not remembered as missing: each could only cost a metadata request too many.
const MISSING_MAX: usize = 10_000;

impl Topics {
    pub(crate) fn list(&self) -> &[Topic] {
        &self.list
    }

    pub(crate) fn list_mut(&mut self) -> &mut [Topic] {
        &mut self.list
    }

    /// Did the last metadata name partitions of Kafka's offsets without a leader, so that some groups have no coordinator?
    /// (An offsets topic with one replica, and its broker down: the broker is not in the metadata either.)
    pub(crate) fn coordinators_are_missing(&self) -> bool {
        self.coordinators_are_missing
    }

    /// Forgets what an earlier cycle read.
    pub(crate) fn begin_cycle(&mut self) {
        for topic in &mut self.list {
            topic.ends.clear();
            topic
                .ends
                .resize(topic.leaders.len(), PartitionSample::default());
        }
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.index(name).map(|index| &mut self.list[index])
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Is it worth asking for the metadata that a commit names this topic?
    pub(crate) fn is_new(&mut self, name: &StrBytes) -> bool {
        // A copy: the name's own bytes would keep its whole answer in memory.
        let copy = || StrBytes::from_string(name.to_string());
        self.missing.len() < MISSING_MAX && self.missing.insert(copy())
    }

    /// Takes the topics as they are now. Names are kept as they are; what was read of a recreated topic is not.
    pub(crate) fn update(&mut self, metadata: Metadata, filter: &Filter) {
        self.coordinators_are_missing = metadata.topics.iter().any(lacks_coordinators);
        let answered = metadata.topics.into_iter();
        let mut list: Vec<Topic> = answered
            .filter_map(|topic| self.topic(topic, filter))
            .collect();
        let missed = std::mem::take(&mut self.list)
            .into_iter()
            .filter_map(Topic::missed);
        list.extend(missed);
        // Stable: what was answered comes before what is kept of the same name.
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list.dedup_by(|a, b| a.name == b.name);
        let names = list.iter().enumerate();
        self.by_name = names.map(|(i, t)| (Arc::clone(&t.name), i)).collect();
        self.list = list;
        self.missing
            .retain(|name| !self.by_name.contains_key(&**name));
    }

    fn topic(&self, answered: MetadataResponseTopic, filter: &Filter) -> Option<Topic> {
        let wire_name = answered.name.as_ref()?.0.clone();
        let old = self.index(&wire_name).map(|index| &self.list[index]);
        if answered.error_code != 0 {
            // It exists, and nothing else is known of it now.
            return old.cloned().map(Topic::seen);
        }
        if old.is_none() && !filter.passes(&wire_name) {
            return None;
        }
        let id = Some(answered.topic_id.as_u128()).filter(|id| *id != 0);
        let same = old.filter(|old| old.id == id);
        let leaders = leaders(&answered);
        let mut ends = same.map_or_else(Vec::new, |old| old.ends.clone());
        ends.resize(leaders.len(), PartitionSample::default());
        let mut last_ends = same.map_or_else(Vec::new, |old| old.last_ends.clone());
        last_ends.resize(leaders.len(), 0);
        Some(Topic {
            name: old.map_or_else(|| Arc::from(&*wire_name), |old| Arc::clone(&old.name)),
            // Not the answer's own bytes: a name would keep the whole answer in memory.
            wire_name: old.map_or_else(
                || StrBytes::from_string(wire_name.to_string()),
                |old| old.wire_name.clone(),
            ),
            id,
            internal: answered.is_internal,
            leaders,
            ends,
            last_ends,
            retention: same.and_then(|old| old.retention),
            config_asked: same.and_then(|old| old.config_asked),
            missed: 0,
        })
    }
}

/// Watched or not: that decides about commits, not about groups.
fn lacks_coordinators(topic: &MetadataResponseTopic) -> bool {
    let is_offsets = topic
        .name
        .as_ref()
        .is_some_and(|name| **name == *OFFSETS_TOPIC);
    is_offsets && (topic.error_code != 0 || leaders(topic).iter().any(Option::is_none))
}

/// Leaders by partition number. The answer lists every partition, so that a number beyond their count is nonsense.
fn leaders(topic: &MetadataResponseTopic) -> Vec<Option<BrokerId>> {
    let mut leaders = vec![None; topic.partitions.len()];
    for partition in &topic.partitions {
        let index = usize::try_from(partition.partition_index).ok();
        if let Some(place) = index.and_then(|index| leaders.get_mut(index)) {
            *place = Some(partition.leader_id.0).filter(|leader| *leader >= 0);
        }
    }
    leaders
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition,
    };

    use super::*;

    fn metadata(topics: &[(&str, &[i32])]) -> Metadata {
        let partition = |index: usize, leader: &i32| {
            MetadataResponsePartition::default()
                .with_partition_index(index as i32)
                .with_leader_id((*leader).into())
        };
        let topics = topics.iter().map(|(name, leaders)| {
            let partitions = leaders.iter().enumerate().map(|(i, l)| partition(i, l));
            MetadataResponseTopic::default()
                .with_name(Some(TopicName(StrBytes::from_string((*name).to_owned()))))
                .with_partitions(partitions.collect())
        });
        Metadata {
            brokers: Vec::new(),
            topics: topics.collect(),
        }
    }

    #[test]
    fn names_are_the_same_after_an_update_and_unwatched_topics_are_left_out() {
        let mut topics = Topics::default();
        let filter = Filter::new(&["o.*".to_owned()], &[]).unwrap();
        topics.update(metadata(&[("orders", &[1, -1]), ("x", &[1])]), &filter);
        let name = Arc::clone(&topics.list()[0].name);
        topics.update(metadata(&[("odd", &[2]), ("orders", &[1, 2])]), &filter);
        assert!(Arc::ptr_eq(&name, &topics.list()[1].name));
        assert_eq!(topics.index("x"), None);
        assert_eq!(topics.list()[1].leaders, [Some(1), Some(2)]);
    }

    #[test]
    fn a_topic_is_gone_after_two_answers_in_a_row_without_it() {
        let mut topics = Topics::default();
        let (with, without) = (metadata(&[("t", &[1])]), || metadata(&[]));
        topics.update(with, &Filter::all());
        let steps = [
            (without(), 1, "missed once"),
            (metadata(&[("t", &[2])]), 1, "there again"),
            (without(), 1, "missed once, counted anew"),
            (without(), 0, "missed twice"),
        ];
        for (answer, left, why) in steps {
            topics.update(answer, &Filter::all());
            assert_eq!(topics.list().len(), left, "{why}");
            assert_eq!(topics.by_name.len(), left, "{why}");
        }
    }

    #[test]
    fn an_error_for_a_topic_changes_nothing_of_it() {
        let mut topics = Topics::default();
        topics.update(metadata(&[("t", &[1, 2])]), &Filter::all());
        for _ in 0..3 {
            let mut broken = metadata(&[("t", &[]), ("new", &[])]);
            for topic in &mut broken.topics {
                topic.error_code = 5;
            }
            topics.update(broken, &Filter::all());
            assert_eq!(topics.list().len(), 1);
            assert_eq!(topics.list()[0].leaders, [Some(1), Some(2)]);
        }
    }

    #[test]
    fn an_answer_with_no_brokers_or_too_many_is_none() {
        for (brokers, believed) in [(0, false), (1, true), (BROKERS_MAX + 1, false)] {
            let broker = MetadataResponseBroker::default();
            let answer = MetadataResponse::default().with_brokers(vec![broker; brokers]);
            assert_eq!(believable(&answer).is_ok(), believed, "{brokers}");
        }
    }

    #[test]
    fn a_hostile_partition_number_makes_no_room() {
        let mut hostile = metadata(&[("t", &[1, 2])]);
        hostile.topics[0].partitions[1].partition_index = i32::MAX;
        let mut topics = Topics::default();
        topics.update(hostile, &Filter::all());
        assert_eq!(topics.list()[0].leaders, [Some(1), None]);
    }

    #[test]
    fn an_unknown_topic_asks_for_metadata_once() {
        let mut topics = Topics::default();
        let name = StrBytes::from_static_str("gone");
        assert!(topics.is_new(&name));
        topics.update(metadata(&[]), &Filter::all());
        assert!(!topics.is_new(&name));
    }

    #[test]
    fn an_ipv6_host_is_put_in_brackets() {
        assert_eq!(address("::1", 9092), "[::1]:9092");
        assert_eq!(address("kafka-1", 9092), "kafka-1:9092");
    }
}
