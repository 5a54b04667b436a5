//! What a cluster says of logs: where they begin and end, what was written when, what they are set to, what they take; and what is
//! in the log of commits.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    ApiKey, DescribeConfigsRequest, DescribeLogDirsRequest, FetchRequest, ListOffsetsRequest,
    MetadataRequest,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};

use super::super::wire::{Wire, text};
use super::{GroupThere, NOTHING, There, in_each_version};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const NEWEST: i64 = -3;

/// Partition, error, offset, timestamp, epoch.
type Told = (i32, i16, i64, i64, i32);

fn ask(
    wire: &mut Wire,
    version: i16,
    topic: &str,
    partitions: &[(i32, i64)],
    with: impl Fn(ListOffsetsPartition) -> ListOffsetsPartition,
    isolation: i8,
) -> Vec<Told> {
    let partition = |(number, timestamp): &(i32, i64)| {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(*number)
            .with_timestamp(*timestamp);
        with(partition)
    };
    let topic = ListOffsetsTopic::default()
        .with_name(text(topic).into())
        .with_partitions(partitions.iter().map(partition).collect());
    let question = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_isolation_level(isolation)
        .with_topics(vec![topic]);
    let answer = wire.ask(&question, version);
    assert_eq!(answer.topics.len(), 1);
    let told = answer.topics[0].partitions.iter().map(|p| {
        (
            p.partition_index,
            p.error_code,
            p.offset,
            p.timestamp,
            p.leader_epoch,
        )
    });
    let mut told: Vec<Told> = told.collect();
    told.sort_unstable();
    told
}

/// A question in all partitions of `orders`.
fn ends(wire: &mut Wire, version: i16, there: &There, timestamp: i64, isolation: i8) -> Vec<Told> {
    let partitions = [(0, timestamp), (1, timestamp), (2, timestamp)];
    ask(
        wire,
        version,
        &there.orders.name,
        &partitions,
        |p| p,
        isolation,
    )
}

/// Epochs are told from version 4 on.
fn epoch(version: i16) -> i32 {
    if version >= 4 { 0 } else { -1 }
}

pub(super) fn log_ends_and_starts_are_told(address: &str, there: &There) {
    in_each_version(address, ApiKey::ListOffsets, |wire, version| {
        let isolations = if version >= 2 { 0..=1 } else { 0..=0 };
        for isolation in isolations {
            let told = |offset: fn(&(i64, i64)) -> i64| -> Vec<Told> {
                let ends = (0..).zip(&there.orders.ends);
                ends.map(|(n, ends)| (n, 0, offset(ends), -1, epoch(version)))
                    .collect()
            };
            let latest = ends(wire, version, there, LATEST, isolation);
            assert_eq!(latest, told(|(_, end)| *end), "version {version}");
            let earliest = ends(wire, version, there, EARLIEST, isolation);
            assert_eq!(earliest, told(|(start, _)| *start), "version {version}");
        }
    });
}

pub(super) fn records_are_found_by_time(address: &str, there: &There) {
    let topic = &*there.dated.name;
    let last = there.stamps[there.stamps.len() - 1];
    in_each_version(address, ApiKey::ListOffsets, |wire, version| {
        let mut at = |time| ask(wire, version, topic, &[(0, time)], |p| p, 0);
        for (offset, stamp) in &there.stamps {
            let found = vec![(0, 0, *offset, *stamp, epoch(version))];
            assert_eq!(at(*stamp), found, "at its time");
            assert_eq!(at(*stamp - 1), found, "just before");
        }
        let first = there.stamps[0];
        assert_eq!(at(0), [(0, 0, first.0, first.1, epoch(version))]);
        assert_eq!(at(last.1 + 1), [(0, 0, -1, -1, -1)], "after the last");
        if version >= 7 {
            assert_eq!(at(NEWEST), [(0, 0, last.0, last.1, 0)]);
        }
    });
}

pub(super) fn what_is_not_there_is_an_error(address: &str, there: &There) {
    let orders = &*there.orders.name;
    in_each_version(address, ApiKey::ListOffsets, |wire, version| {
        let missing = ask(wire, version, NOTHING, &[(0, LATEST)], |p| p, 0);
        assert_eq!(missing, [(0, 3, -1, -1, -1)]);
        let missing = ask(
            wire,
            version,
            orders,
            &[(0, LATEST), (99, LATEST)],
            |p| p,
            0,
        );
        let end = there.orders.ends[0].1;
        assert_eq!(
            missing,
            [(0, 0, end, -1, epoch(version)), (99, 3, -1, -1, -1)]
        );
        let twice = ask(wire, version, orders, &[(0, LATEST), (0, LATEST)], |p| p, 0);
        assert!(twice.iter().all(|told| told.1 == 42), "{twice:?}");
        if version >= 4 {
            let future = |p: ListOffsetsPartition| p.with_current_leader_epoch(5);
            let told = ask(wire, version, orders, &[(0, LATEST)], future, 0);
            assert_eq!(told, [(0, 75, -1, -1, -1)]);
        }
    });
}

pub(super) fn topics_tell_what_they_are_set_to(address: &str, there: &There) {
    in_each_version(address, ApiKey::DescribeConfigs, |wire, version| {
        let keys = ["cleanup.policy", "retention.ms", "remote.storage.enable"];
        let names = [&*there.orders.name, &there.dated.name, NOTHING];
        let resources = names.map(|name| {
            DescribeConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text(name))
                .with_configuration_keys(Some(keys.map(StrBytes::from_static_str).to_vec()))
        });
        let question = DescribeConfigsRequest::default().with_resources(resources.to_vec());
        let answer = wire.ask(&question, version);
        for (name, retention_ms) in [
            (names[0], &there.orders.retention_ms),
            (names[1], &there.dated.retention_ms),
        ] {
            let mut results = answer.results.iter();
            let result = results.find(|result| *result.resource_name == *name);
            let result = result.expect("each topic is answered for");
            assert_eq!((result.error_code, result.resource_type), (0, 2));
            let mut told: Vec<(&str, &str)> = result
                .configs
                .iter()
                .map(|entry| (&*entry.name, entry.value.as_deref().expect("a value")))
                .collect();
            told.sort_unstable();
            let expected = [
                ("cleanup.policy", "delete"),
                ("remote.storage.enable", "false"),
                ("retention.ms", retention_ms),
            ];
            assert_eq!(told, expected);
            assert!(result.configs.iter().all(|entry| !entry.is_sensitive));
        }
        let mut results = answer.results.iter();
        let nothing = results.find(|result| *result.resource_name == *NOTHING);
        assert_eq!(nothing.expect("it is answered for").error_code, 3);
    });
}

pub(super) fn disks_tell_what_partitions_take(address: &str, there: &There) {
    in_each_version(address, ApiKey::DescribeLogDirs, |wire, version| {
        let topics = [(&*there.orders.name, vec![0, 2]), (NOTHING, vec![0])];
        let topics = topics.map(|(name, partitions)| {
            DescribableLogDirTopic::default()
                .with_topic(text(name).into())
                .with_partitions(partitions)
        });
        let question = DescribeLogDirsRequest::default().with_topics(Some(topics.to_vec()));
        let answer = wire.ask(&question, version);
        assert_eq!(answer.error_code, 0);
        let told = answer.results.iter().flat_map(|disk| {
            assert_eq!(disk.error_code, 0);
            assert!(disk.log_dir.starts_with('/'));
            disk.topics.iter()
        });
        let partitions = told.flat_map(|topic| {
            assert_eq!(&**topic.name, there.orders.name);
            topic.partitions.iter()
        });
        let mut numbers: Vec<i32> = partitions
            .map(|partition| {
                assert!(partition.partition_size > 0 && !partition.is_future_key);
                partition.partition_index
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 2]);
    });
}

fn fetch(wire: &mut Wire, version: i16, id: u128, partition: i32, offset: i64) -> PartitionData {
    let asked = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_partitions(vec![asked]);
    let topic = if version >= 13 {
        topic.with_topic_id(format!("{id:032x}").parse().expect("an id"))
    } else {
        topic.with_topic(text("__consumer_offsets").into())
    };
    let question = FetchRequest::default()
        .with_max_wait_ms(100)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic]);
    let question = if version < 15 {
        question.with_replica_id((-1).into())
    } else {
        question
    };
    let mut answer = wire.ask(&question, version);
    assert_eq!(answer.error_code, 0);
    let mut topic = answer.responses.pop().expect("the topic is answered for");
    topic.partitions.pop().expect("and its partition")
}

/// As Kafka does: the partition in which a group's records are.
fn partition_of(group: &str) -> i32 {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    hash.checked_abs().unwrap_or(0) % 50
}

pub(super) fn commits_are_records(address: &str, there: &There) {
    let metadata = MetadataRequest::default().with_topics(None);
    let metadata = Wire::to(address).ask(&metadata, 12);
    let id = |name: &str| {
        let mut topics = metadata.topics.iter();
        let found = topics.find(|topic| topic.name.as_ref().is_some_and(|n| **n == *name));
        found.expect("it is there").topic_id.as_u128()
    };
    let offsets_id = id("__consumer_offsets");
    let orders_id = id(&there.orders.name);
    in_each_version(address, ApiKey::Fetch, |wire, version| {
        for group in [&there.classic, &there.consumer, &there.assigns] {
            let partition = partition_of(&group.name);
            let (records, end) = all_records(wire, version, offsets_id, partition);
            last_commits_are(&records, group, &there.orders.name, orders_id);
            let beyond = fetch(wire, version, offsets_id, partition, end + 1);
            assert_eq!(beyond.error_code, 1, "out of range");
        }
        let missing = fetch(wire, version, offsets_id, 50, 0);
        assert_eq!(missing.error_code, 3);
    });
}

/// From the beginning to the high watermark, which they reach without a hole.
fn all_records(wire: &mut Wire, version: i16, id: u128, partition: i32) -> (Vec<Record>, i64) {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let next = records.last().map_or(0, |record| record.offset + 1);
        let data = fetch(wire, version, id, partition, next);
        assert_eq!(data.error_code, 0);
        assert!(data.last_stable_offset <= data.high_watermark);
        let bytes = data.records.unwrap_or_default();
        if next >= data.high_watermark {
            assert!(bytes.is_empty());
            return (records, next);
        }
        assert!(!bytes.is_empty(), "{next} of {}", data.high_watermark);
        let batches = RecordBatchDecoder::decode_all(&mut bytes.clone());
        for batch in batches.expect("batches without compression") {
            for record in batch.records.into_iter().filter(|r| r.offset >= next) {
                assert_eq!(
                    record.offset,
                    records.last().map_or(0, |last| last.offset + 1)
                );
                records.push(record);
            }
        }
    }
}

/// Group, topic and partition of a commit's key.
fn commit_key(key: &Bytes) -> Option<(String, String, i32)> {
    let mut key = key.clone();
    if key.get_i16() > 1 {
        return None;
    }
    let mut word = || {
        let size = key.get_i16() as usize;
        String::from_utf8(key.split_to(size).to_vec()).expect("text")
    };
    let (group, topic) = (word(), word());
    Some((group, topic, key.get_i32()))
}

fn last_commits_are(records: &[Record], group: &GroupThere, topic: &str, topic_id: u128) {
    let mut last = std::collections::BTreeMap::new();
    for record in records {
        let key = commit_key(record.key.as_ref().expect("every record has a key"));
        let Some((_, _, partition)) = key.filter(|(g, t, _)| *g == group.name && t == topic) else {
            continue;
        };
        let mut value = record.value.clone().expect("nothing was deleted");
        assert_eq!(value.get_i16(), 4);
        last.insert(partition, value.get_i64());
        assert!(value.get_i32() >= -1, "an epoch");
        assert_eq!(value.get_u8(), 1, "no metadata");
        let at = value.get_i64();
        assert!(
            (at - record.timestamp).abs() < 5_000,
            "{at} {}",
            record.timestamp
        );
        assert_eq!(&value[..3], [1, 0, 16], "a tag with the topic's id");
        value.advance(3);
        assert_eq!(value.get_u128(), topic_id);
        assert!(value.is_empty());
    }
    let last: Vec<(i32, i64)> = last.into_iter().collect();
    assert_eq!(last, group.commits, "{}", group.name);
}
