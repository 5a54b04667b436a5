//! Which topics there are, who leads their partitions, and which brokers the cluster has: Metadata.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use kafka_protocol::protocol::StrBytes;

use super::bounds::{Limits, topics_within};
use super::client::broker::Question;
use super::client::cluster::BrokerId;
use super::client::session::Session;
use super::coordinators::Coordinators;
use super::error::Error;
use super::filter::Filter;
use super::logdirs::Sizes;
use super::topic::Topic;

/// Each costs a connection and a question in every cycle. The largest clusters have a few thousand.
const BROKERS_MAX: usize = 10_000;

/// Kafka's own are 22 characters long; whoever names clusters by hand has room. A longer one is none, nor is an empty one.
const CLUSTER_ID_BYTES: usize = 256;

/// Brokers that speak no later version of Metadata may tell older epochs after newer ones while they are upgraded (KAFKA-9212).
const EPOCHS_SINCE: i16 = 9;

/// Asks for all topics. It never creates one.
pub(crate) struct AskMetadata;

/// What the cluster said of itself.
pub(crate) struct Metadata {
    pub(crate) brokers: Vec<(BrokerId, String)>,
    /// Kafka's id of the cluster.
    pub(crate) cluster_id: Option<Arc<str>>,
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
        let answer = session.ask(make).await?;
        let has_epochs = answer.version >= EPOCHS_SINCE;
        let mut answer = answer.body;
        session.check(answer.error_code, Self::NAME)?;
        believable(&answer)
            .inspect_err(|error| session.tally().error(Self::NAME, error.label()))?;
        if !has_epochs {
            forget_epochs(&mut answer);
        }
        Ok(Metadata::from(answer))
    }
}

fn forget_epochs(answer: &mut MetadataResponse) {
    let topics = answer.topics.iter_mut();
    for partition in topics.flat_map(|topic| &mut topic.partitions) {
        partition.leader_epoch = -1;
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
        let cluster_id = answer.cluster_id.as_ref();
        Self {
            cluster_id: cluster_id
                .filter(|id| (1..=CLUSTER_ID_BYTES).contains(&id.len()))
                .map(|id| Arc::from(&**id)),
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

/// The watched topics, in order of name.
pub(crate) struct Topics {
    list: Vec<Topic>,
    by_name: HashMap<Arc<str>, usize>,
    /// Names that commits told of and the last metadata didn't: no reason to ask again.
    missing: BTreeSet<StrBytes>,
    coordinators: Coordinators,
    max_partitions: usize,
    /// Partitions of topics beyond the bound.
    refused: usize,
}

impl Default for Topics {
    fn default() -> Self {
        Self::new(Limits::default().max_partitions)
    }
}

/// More names than this are not remembered as missing: each could only cost a metadata request too many.
const MISSING_MAX: usize = 10_000;

impl Topics {
    /// With at most so many partitions together.
    pub(crate) fn new(max_partitions: usize) -> Self {
        Self {
            list: Vec::new(),
            by_name: HashMap::new(),
            missing: BTreeSet::new(),
            coordinators: Coordinators::default(),
            max_partitions,
            refused: 0,
        }
    }

    /// Partitions of the topics that are not watched for want of room.
    pub(crate) fn refused(&self) -> usize {
        self.refused
    }

    pub(crate) fn list(&self) -> &[Topic] {
        &self.list
    }

    pub(crate) fn list_mut(&mut self) -> &mut [Topic] {
        &mut self.list
    }

    /// As the last metadata told them.
    pub(crate) fn coordinators(&self) -> &Coordinators {
        &self.coordinators
    }

    /// Forgets what an earlier cycle read.
    pub(crate) fn begin_cycle(&mut self) {
        for topic in &mut self.list {
            topic.begin_cycle();
        }
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.index(name).map(|index| &mut self.list[index])
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// At most so many partitions from now on: topics that don't fit, in order of name, are forgotten. What more room lets in comes
    /// with the next metadata.
    pub(crate) fn bound(&mut self, max_partitions: usize) {
        self.max_partitions = max_partitions;
        let list = std::mem::take(&mut self.list);
        let held = list.iter().map(|t| (Arc::clone(&t.name), t.leaders.len()));
        let held: HashMap<_, _> = held.collect();
        let (list, refused) = topics_within(max_partitions, list, &held);
        self.list = list;
        self.refused += refused;
        self.index_names();
    }

    /// Log ends mean something else from here on: what was read of them before can't be compared.
    pub(crate) fn redefine_ends(&mut self) {
        self.list.iter_mut().for_each(Topic::redefine_ends);
    }

    /// What was told of the time before partitions were watched is of no use any more.
    pub(crate) fn forget_pasts(&mut self) {
        self.list.iter_mut().for_each(Topic::forget_past);
    }

    /// Takes what a broker said of the partitions that it leads; a follower's copy may be longer or shorter.
    pub(crate) fn take_sizes(&mut self, broker: BrokerId, sizes: &Sizes) {
        for same in sizes.chunk_by(|a, b| a.0 == b.0) {
            if let Some(topic) = self.get_mut(&same[0].0) {
                topic.take_sizes(broker, same);
            }
        }
    }

    /// Is it worth asking for the metadata that a commit names this topic?
    pub(crate) fn is_new(&mut self, name: &StrBytes) -> bool {
        // A copy: the name's own bytes would keep its whole answer in memory.
        let copy = || StrBytes::from_string(name.to_string());
        self.missing.len() < MISSING_MAX && self.missing.insert(copy())
    }

    /// Takes the topics as they are now. Names are kept as they are; what was read of a recreated topic is not.
    pub(crate) fn update(&mut self, metadata: Metadata, filter: &Filter) {
        self.coordinators = Coordinators::of(&metadata.topics, &self.coordinators);
        let answered = metadata.topics.into_iter();
        let mut list: Vec<Topic> = answered
            .filter_map(|topic| self.topic(topic, filter))
            .collect();
        let old = std::mem::take(&mut self.list);
        let held = old.iter().map(|t| (Arc::clone(&t.name), t.leaders.len()));
        let held: HashMap<_, _> = held.collect();
        let missed = old.into_iter().filter_map(Topic::missed);
        list.extend(missed);
        // Stable: what was answered comes before what is kept of the same name.
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list.dedup_by(|a, b| a.name == b.name);
        let (list, refused) = topics_within(self.max_partitions, list, &held);
        self.refused = refused;
        self.list = list;
        self.index_names();
        self.missing
            .retain(|name| !self.by_name.contains_key(&**name));
    }

    /// Forgets the topics that a filter leaves out.
    pub(crate) fn forget_all_but(&mut self, filter: &Filter) {
        self.list.retain(|topic| filter.passes(&topic.name));
        self.index_names();
    }

    fn index_names(&mut self) {
        let names = self.list.iter().enumerate();
        self.by_name = names.map(|(i, t)| (Arc::clone(&t.name), i)).collect();
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
        Some(Topic::new(&answered, &wire_name, old))
    }
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
            cluster_id: None,
            topics: topics.collect(),
        }
    }

    fn leaders(topics: &Topics, index: usize) -> Vec<Option<BrokerId>> {
        let leaders = topics.list()[index].leaders.iter();
        leaders.map(|leader| leader.broker).collect()
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
        assert_eq!(leaders(&topics, 1), [Some(1), Some(2)]);
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
            assert_eq!(leaders(&topics, 0), [Some(1), Some(2)]);
        }
    }

    #[test]
    fn a_log_that_fell_is_believed_when_the_metadata_was_read_after_it() {
        let mut topics = Topics::default();
        let mut known = metadata(&[("t", &[1])]);
        known.topics[0].topic_id = "1".repeat(32).parse().unwrap();
        topics.update(known, &Filter::all());
        for (end, fell, why) in [
            (100, false, "the first"),
            (60, true, "it fell"),
            (60, true, "nothing was read since"),
            (110, true, "another log may have grown as long"),
        ] {
            assert_eq!(topics.list[0].fell(0, end), fell, "{why}");
        }
        let mut broken = metadata(&[("t", &[])]);
        broken.topics[0].error_code = 5;
        topics.update(broken, &Filter::all());
        assert!(topics.list[0].fell(0, 60), "an error tells nothing");
        let mut same = metadata(&[("t", &[1])]);
        same.topics[0].topic_id = "1".repeat(32).parse().unwrap();
        topics.update(same, &Filter::all());
        assert!(!topics.list[0].fell(0, 60), "truncated");
        assert!(topics.list[0].fell(0, 50), "and fallen once more");
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
        assert_eq!(leaders(&topics, 0), [Some(1), None]);
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
