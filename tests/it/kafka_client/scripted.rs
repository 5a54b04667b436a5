//! A scripted Kafka cluster on loopback: a few hundred lines of metadata and offsets, and ways to misbehave.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response as ends;
use kafka_protocol::messages::metadata_response as metadata;
use kafka_protocol::messages::offset_fetch_response as commits;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Request, StrBytes, decode_request_header_from_buffer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a broker does with what it reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mood {
    Answers,
    /// Reads, and says nothing.
    Hangs,
    /// Closes the connection at the next request, as after an idle limit or a restart, and answers from then on.
    HangsUpOnce,
    /// Says these bytes to the first request, whatever it is, and hangs up.
    Says(&'static [u8]),
    /// Answers `ApiVersions` well and says these bytes to everything else.
    GreetsThenSays(&'static [u8]),
}

/// What a look-up by time is answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Lookup {
    /// There is no record at or after that instant.
    #[default]
    Nothing,
    /// The first record at or after it; the function gives the timestamp of an offset.
    Stamped(fn(i64) -> i64),
    /// This error for each partition.
    Error(i16),
    /// This offset and timestamp, whatever was asked.
    Says(i64, i64),
    /// No partition is in the answer.
    Empty,
    /// Nothing at all: the broker hangs.
    Hangs,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) coordinator: i32,
    pub(crate) state: &'static str,
    pub(crate) members: usize,
    /// `(topic, partition, offset)`
    pub(crate) commits: Vec<(&'static str, i32, i64)>,
}

/// The truth that all brokers tell.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) brokers: BTreeMap<i32, SocketAddr>,
    pub(crate) moods: BTreeMap<i32, Mood>,
    /// By topic: leader and end of each partition.
    pub(crate) topics: BTreeMap<&'static str, Vec<(i32, i64)>>,
    /// By topic, where it isn't 1.
    pub(crate) topic_ids: BTreeMap<&'static str, u128>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// Who lists a group, where it isn't its coordinator alone.
    pub(crate) listed_by: BTreeMap<String, Vec<i32>>,
    /// The error that a broker answers when it is to list its groups.
    pub(crate) list_errors: BTreeMap<i32, i16>,
    /// The error that its coordinator answers for a group's commits.
    pub(crate) commits_errors: BTreeMap<String, i16>,
    /// Brokers that haven't noticed that they lost their groups, and answer for all that they are asked for.
    pub(crate) unaware: Vec<i32>,
    /// `retention.bytes` of every topic, where it is set; a message takes 100 bytes, half as much on a follower.
    pub(crate) retention_bytes: Option<i64>,
    /// What else is set of every topic then.
    pub(crate) other_configs: Vec<(&'static str, &'static str)>,
    /// What DescribeLogDirs answers instead of sizes.
    pub(crate) sizes_error: i16,
    /// Brokers that answer with what was true at a moment in the past.
    pub(crate) frozen: BTreeMap<i32, Box<World>>,
    /// By topic: the epoch of each partition's leader. Others have none.
    pub(crate) epochs: BTreeMap<&'static str, Vec<i32>>,
    /// `(broker, api)` of each request read, but for look-ups by time.
    pub(crate) requests: Vec<(i32, ApiKey)>,
    /// Look-ups by time: of each request the broker, and the first partition with its instant.
    pub(crate) lookups: Vec<(i32, i32, i64)>,
    /// What they are answered.
    pub(crate) lookup: Lookup,
    /// When the newest record of a topic's partitions was stamped, where that doesn't follow from `lookup`; in milliseconds.
    pub(crate) newest: BTreeMap<&'static str, i64>,
    /// Who was asked for newest records.
    pub(crate) newest_asked: Vec<i32>,
    /// How long each look-up takes.
    pub(crate) lookup_takes: Duration,
    pub(crate) connections: usize,
    /// The highest version of `OffsetFetch` offered.
    pub(crate) offset_fetch_max: i16,
    /// The highest version of `Metadata` offered.
    pub(crate) metadata_max: i16,
    /// The highest version of `ListOffsets` offered.
    pub(crate) list_offsets_max: i16,
    /// What Metadata says of each topic, with no partitions, instead of telling it.
    pub(crate) metadata_error: i16,
    /// Metadata tells nothing at all.
    pub(crate) metadata_is_empty: bool,
}

#[derive(Clone)]
pub(crate) struct Scripted(Arc<Mutex<World>>);

impl Scripted {
    /// So many brokers, numbered from 1, with topic `orders`: three partitions, led by the brokers in turn.
    pub(crate) async fn start(brokers: i32) -> Self {
        let this = Self(Arc::default());
        let leader = |partition: i32| (partition % brokers + 1, 100 + i64::from(partition));
        this.change(|world| {
            world.offset_fetch_max = 9;
            world.metadata_max = 12;
            world.list_offsets_max = 8;
            world.topics.insert("orders", (0..3).map(leader).collect());
        });
        for id in 1..=brokers {
            this.start_broker(id).await;
        }
        this
    }

    /// On a port of its own; a broker that was started before is now known by the new one.
    pub(crate) async fn start_broker(&self, id: i32) {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        self.change(|world| {
            world.brokers.insert(id, address);
            world.moods.insert(id, Mood::Answers);
        });
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if this.change(|world| world.brokers.get(&id) != Some(&address)) {
                    return;
                }
                this.change(|world| world.connections += 1);
                let this = this.clone();
                tokio::spawn(async move { this.serve(id, stream).await });
            }
        });
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().expect("no script panicked"))
    }

    pub(crate) fn group(&self, name: &str, coordinator: i32, commits: &[(&'static str, i32, i64)]) {
        let group = Group {
            coordinator,
            state: "Stable",
            members: 2,
            commits: commits.to_vec(),
        };
        self.change(|world| world.groups.insert(name.to_owned(), group));
    }

    pub(crate) fn mood(&self, id: i32, mood: Mood) {
        self.change(|world| world.moods.insert(id, mood));
    }

    /// It hangs; when it answers again, then with what is true now.
    pub(crate) fn stop(&self, id: i32) {
        self.mood(id, Mood::Hangs);
        self.change(|world| world.frozen.insert(id, Box::new(world.clone())));
    }

    pub(crate) fn resume(&self, id: i32) {
        self.mood(id, Mood::Answers);
    }

    /// It has heard what happened.
    pub(crate) fn notices(&self, id: i32) {
        self.change(|world| world.frozen.remove(&id));
    }

    pub(crate) fn address(&self, id: i32) -> String {
        self.change(|world| world.brokers[&id].to_string())
    }

    async fn serve(&self, id: i32, mut stream: TcpStream) -> Option<()> {
        loop {
            let size = stream.read_u32().await.ok()?;
            let mut request = vec![0; size as usize];
            stream.read_exact(&mut request).await.ok()?;
            let mut request = Bytes::from(request);
            let header =
                decode_request_header_from_buffer(&mut request).expect("a request of ours");
            let api = ApiKey::try_from(header.request_api_key).expect("a request of ours");
            let first = first_instant(api, &header, &request);
            let lookup = first.filter(|(_, instant)| *instant >= 0);
            let mood = self.change(|world| {
                match first {
                    Some((partition, instant @ 0..)) => {
                        world.lookups.push((id, partition, instant));
                    }
                    Some((_, NEWEST)) => world.newest_asked.push(id),
                    _ => world.requests.push((id, api)),
                }
                match (&world.lookup, lookup) {
                    (Lookup::Hangs, Some(_)) => Mood::Hangs,
                    _ => world.moods[&id].clone(),
                }
            });
            match mood {
                Mood::Answers => {}
                Mood::GreetsThenSays(_) if api == ApiKey::ApiVersions => {}
                Mood::HangsUpOnce => {
                    self.mood(id, Mood::Answers);
                    return None;
                }
                Mood::Hangs => {
                    let hangs = |world: &mut World| {
                        world.moods[&id] == Mood::Hangs
                            || lookup.is_some() && matches!(world.lookup, Lookup::Hangs)
                    };
                    while self.change(hangs) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                Mood::Says(bytes) | Mood::GreetsThenSays(bytes) => {
                    stream.write_all(bytes).await.ok()?;
                    return None;
                }
            }
            if lookup.is_some() {
                let takes = self.change(|world| world.lookup_takes);
                tokio::time::sleep(takes).await;
            }
            let answer = self.change(|world| {
                let view = world.frozen.get(&id).map_or(&*world, |frozen| frozen);
                view.answer(id, api, &header, request)
            });
            stream.write_all(&answer).await.ok()?;
        }
    }
}

impl World {
    fn answer(&self, id: i32, api: ApiKey, header: &RequestHeader, mut body: Bytes) -> Bytes {
        let version = header.request_api_version;
        match api {
            ApiKey::ApiVersions => {
                frame::<ApiVersionsRequest>(header, &self.versions(), version.min(3))
            }
            ApiKey::Metadata => frame::<MetadataRequest>(header, &self.metadata(version), version),
            ApiKey::ListGroups => frame::<ListGroupsRequest>(header, &self.list(id), version),
            ApiKey::OffsetFetch => {
                let asked =
                    OffsetFetchRequest::decode(&mut body, version).expect("a request of ours");
                frame::<OffsetFetchRequest>(header, &self.commits(id, &asked), version)
            }
            ApiKey::ListOffsets => {
                let asked =
                    ListOffsetsRequest::decode(&mut body, version).expect("a request of ours");
                frame::<ListOffsetsRequest>(header, &self.ends(id, &asked), version)
            }
            ApiKey::DescribeGroups => {
                let asked =
                    DescribeGroupsRequest::decode(&mut body, version).expect("a request of ours");
                frame::<DescribeGroupsRequest>(header, &self.describe(&asked), version)
            }
            ApiKey::DescribeConfigs => {
                let asked =
                    DescribeConfigsRequest::decode(&mut body, version).expect("a request of ours");
                frame::<DescribeConfigsRequest>(header, &self.configs(&asked), version)
            }
            ApiKey::DescribeLogDirs => {
                frame::<DescribeLogDirsRequest>(header, &self.sizes(id), version)
            }
            other => panic!("nobody may ask {other:?}"),
        }
    }

    fn versions(&self) -> ApiVersionsResponse {
        let offered = [
            (ApiKey::ApiVersions, 3),
            (ApiKey::Metadata, self.metadata_max),
            (ApiKey::ListGroups, 5),
            (ApiKey::OffsetFetch, self.offset_fetch_max),
            (ApiKey::ListOffsets, self.list_offsets_max),
            (ApiKey::DescribeGroups, 5),
            (ApiKey::DescribeConfigs, 4),
            (ApiKey::DescribeLogDirs, 4),
        ];
        let keys = offered.map(|(key, max)| {
            ApiVersion::default()
                .with_api_key(key as i16)
                .with_max_version(max)
        });
        ApiVersionsResponse::default().with_api_keys(keys.to_vec())
    }

    fn metadata(&self, version: i16) -> MetadataResponse {
        if self.metadata_is_empty {
            return MetadataResponse::default();
        }
        let brokers = self.brokers.iter().map(|(id, address)| {
            metadata::MetadataResponseBroker::default()
                .with_node_id((*id).into())
                .with_host(StrBytes::from_string(address.ip().to_string()))
                .with_port(address.port().into())
        });
        let topics = self.topics.iter().map(|(name, partitions)| {
            let partitions = partitions.iter().enumerate().map(|(index, (leader, _))| {
                metadata::MetadataResponsePartition::default()
                    .with_partition_index(index as i32)
                    .with_leader_id((*leader).into())
                    .with_leader_epoch(self.epoch(name, index))
            });
            let told = if self.metadata_error == 0 {
                usize::MAX
            } else {
                0
            };
            metadata::MetadataResponseTopic::default()
                .with_error_code(self.metadata_error)
                .with_is_internal(name.starts_with("__"))
                .with_name(Some(StrBytes::from_static_str(name).into()))
                .with_topic_id(
                    format!("{:032x}", self.topic_id(name, version))
                        .parse()
                        .expect("32 hexadecimal digits"),
                )
                .with_partitions(partitions.take(told).collect())
        });
        MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_topics(topics.collect())
    }

    fn topic_id(&self, name: &str, version: i16) -> u128 {
        let known = self.topic_ids.get(name).copied().unwrap_or(1);
        if version < 10 { 0 } else { known }
    }

    /// −1: none.
    fn epoch(&self, topic: &str, partition: usize) -> i32 {
        let epochs = self.epochs.get(topic);
        epochs.map_or(-1, |epochs| epochs[partition])
    }

    /// The error for a request that names another epoch than the leader knows.
    fn fence(&self, topic: &str, asked: &ListOffsetsPartition) -> i16 {
        let known = self.epoch(topic, asked.partition_index as usize);
        match asked.current_leader_epoch {
            -1 => 0,
            epoch if epoch < known => 74,
            epoch if epoch > known => 75,
            _ => 0,
        }
    }

    fn list(&self, id: i32) -> ListGroupsResponse {
        if let Some(error) = self.list_errors.get(&id) {
            return ListGroupsResponse::default().with_error_code(*error);
        }
        let groups = self.groups.iter().filter(|(name, group)| {
            let listed_by = self.listed_by.get(*name);
            listed_by.map_or(group.coordinator == id, |brokers| brokers.contains(&id))
        });
        let listed = groups.map(|(name, group)| {
            ListedGroup::default()
                .with_group_id(StrBytes::from_string(name.clone()).into())
                .with_group_state(StrBytes::from_static_str(group.state))
                .with_group_type(StrBytes::from_static_str("classic"))
        });
        ListGroupsResponse::default().with_groups(listed.collect())
    }

    fn commits(&self, id: i32, asked: &OffsetFetchRequest) -> OffsetFetchResponse {
        if asked.groups.is_empty() {
            let topics = by_topic(&self.groups[&*asked.group_id.0]).map(|(topic, offsets)| {
                let partition = |(partition, offset): &(i32, i64)| {
                    commits::OffsetFetchResponsePartition::default()
                        .with_partition_index(*partition)
                        .with_committed_offset(*offset)
                };
                commits::OffsetFetchResponseTopic::default()
                    .with_name(StrBytes::from_static_str(topic).into())
                    .with_partitions(offsets.iter().map(partition).collect())
            });
            return OffsetFetchResponse::default().with_topics(topics.collect());
        }
        let groups = asked.groups.iter().map(|asked| {
            let group = self.groups.get(&*asked.group_id.0);
            let topics = group.into_iter().flat_map(by_topic);
            let topics = topics.map(|(topic, offsets)| {
                let partition = |(partition, offset): &(i32, i64)| {
                    commits::OffsetFetchResponsePartitions::default()
                        .with_partition_index(*partition)
                        .with_committed_offset(*offset)
                };
                commits::OffsetFetchResponseTopics::default()
                    .with_name(StrBytes::from_static_str(topic).into())
                    .with_partitions(offsets.iter().map(partition).collect())
            });
            // As Kafka does: a group that nobody knows has no commits, and any broker may say so here.
            let is_here = group.is_none_or(|group| group.coordinator == id);
            let error = match self.commits_errors.get(&*asked.group_id.0) {
                _ if self.unaware.contains(&id) => 0,
                _ if !is_here => 16,
                error => error.copied().unwrap_or(0),
            };
            commits::OffsetFetchResponseGroup::default()
                .with_group_id(asked.group_id.clone())
                .with_error_code(error)
                .with_topics(topics.collect())
        });
        OffsetFetchResponse::default().with_groups(groups.collect())
    }

    /// Error, offset and timestamp.
    fn look_up(&self, instant: i64, end: i64) -> (i16, i64, i64) {
        match self.lookup {
            Lookup::Stamped(stamp) => {
                let found = (0..end).find(|offset| stamp(*offset) >= instant);
                found.map_or((0, -1, -1), |offset| (0, offset, stamp(offset)))
            }
            Lookup::Error(code) => (code, -1, -1),
            Lookup::Says(offset, at) => (0, offset, at),
            Lookup::Nothing | Lookup::Empty | Lookup::Hangs => (0, -1, -1),
        }
    }

    /// The same for the newest record.
    fn newest(&self, topic: &str, end: i64) -> (i16, i64, i64) {
        if let Some(at) = self.newest.get(topic) {
            return (0, end - 1, *at);
        }
        match self.lookup {
            Lookup::Stamped(stamp) => {
                let newest = (0..end).max_by_key(|offset| stamp(*offset));
                newest.map_or((0, -1, -1), |offset| (0, offset, stamp(offset)))
            }
            _ => self.look_up(NEWEST, end),
        }
    }

    fn ends(&self, id: i32, asked: &ListOffsetsRequest) -> ListOffsetsResponse {
        let is_left_out = |partitions: &[ListOffsetsPartition]| {
            let is_lookup = partitions.iter().any(|partition| partition.timestamp >= 0);
            is_lookup && matches!(self.lookup, Lookup::Empty)
        };
        let topics = asked.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let known = self.topics.get(&*topic.name.0);
                let (error, offset, at) = match known.map(|t| t[asked.partition_index as usize]) {
                    None => (3, -1, -1),
                    Some((leader, _)) if leader != id => (6, -1, -1),
                    Some(_) if self.fence(&topic.name.0, asked) != 0 => {
                        (self.fence(&topic.name.0, asked), -1, -1)
                    }
                    Some(_) if asked.timestamp == -2 => (0, 0, -1),
                    Some((_, end)) if asked.timestamp == -1 => (0, end, -1),
                    Some((_, end)) if asked.timestamp == NEWEST => self.newest(&topic.name.0, end),
                    Some((_, end)) => self.look_up(asked.timestamp, end),
                };
                ends::ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(error)
                    .with_offset(offset)
                    .with_timestamp(at)
            });
            let partitions = partitions.filter(|_| !is_left_out(&topic.partitions));
            ends::ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn describe(&self, asked: &DescribeGroupsRequest) -> DescribeGroupsResponse {
        let groups = asked.groups.iter().map(|name| {
            let group = self.groups.get(&*name.0);
            let members = vec![DescribedGroupMember::default(); group.map_or(0, |g| g.members)];
            DescribedGroup::default()
                .with_group_id(name.clone())
                .with_group_state(StrBytes::from_static_str(group.map_or("Dead", |g| g.state)))
                .with_members(members)
        });
        DescribeGroupsResponse::default().with_groups(groups.collect())
    }
}

/// "The newest record" in place of an instant.
const NEWEST: i64 = -3;

/// The first partition in a request for offsets, and the instant that is asked for.
fn first_instant(api: ApiKey, header: &RequestHeader, body: &Bytes) -> Option<(i32, i64)> {
    if api != ApiKey::ListOffsets {
        return None;
    }
    let asked = ListOffsetsRequest::decode(&mut body.clone(), header.request_api_version)
        .expect("a request of ours");
    let first = asked.topics.first()?.partitions.first()?;
    Some((first.partition_index, first.timestamp))
}

fn by_topic(group: &Group) -> impl Iterator<Item = (&'static str, Vec<(i32, i64)>)> {
    let mut topics: BTreeMap<&'static str, Vec<(i32, i64)>> = BTreeMap::new();
    for (topic, partition, offset) in &group.commits {
        topics.entry(topic).or_default().push((*partition, *offset));
    }
    topics.into_iter()
}

pub(crate) fn frame<R: Request>(
    header: &RequestHeader,
    answer: &R::Response,
    version: i16,
) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u32(0);
    let id = header.correlation_id;
    let head = ResponseHeader::default().with_correlation_id(id);
    head.encode(&mut bytes, R::Response::header_version(version))
        .expect("a header has an encoding");
    answer
        .encode(&mut bytes, version)
        .expect("set only what the version has");
    let size = bytes.len() as u32 - 4;
    bytes[..4].copy_from_slice(&size.to_be_bytes());
    bytes.freeze()
}
