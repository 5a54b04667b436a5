//! Records as bytes: what Kafka writes to `__consumer_offsets` for a commit and for a generation, in batches. Records of other topics
//! have the right offsets and times, and nothing in them.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};

use super::commit_log::{Entry, What};
use super::group::Kind;
use super::server::CommitRecords;
use super::view::{Log, View, millis};
use super::world::{Commit, Generation};

/// Records of one batch; a client asks again for more.
const RECORDS_MAX: usize = 2_000;

/// What a record takes at least, to know before they are written how many are enough.
const RECORD_BYTES: usize = 64;

/// Versions of keys.
const COMMIT_KEY: i16 = 1;
const CLASSIC_GROUP_KEY: i16 = 2;
const CONSUMER_GROUP_KEY: i16 = 3;
const STREAMS_GROUP_KEY: i16 = 17;

/// Versions of the values of groups.
const CLASSIC_GROUP_VALUE: i16 = 3;
const CONSUMER_GROUP_VALUE: i16 = 0;
const STREAMS_GROUP_VALUE: i16 = 0;

/// The tag by which a commit of version 4 has its topic's id.
const TOPIC_ID_TAG: u8 = 0;

/// Milliseconds that a member may be silent, and that it may take to rejoin: Java's defaults.
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 300_000;

/// A batch of the records with these offsets, the first of them, of not many more than `max_bytes`; empty when there is none.
pub(super) fn batch(
    view: &View<'_>,
    log: Log,
    partition: u32,
    offsets: Range<u64>,
    max_bytes: usize,
) -> Bytes {
    let most = (max_bytes / RECORD_BYTES).clamp(1, RECORDS_MAX);
    let count = most.min(offsets.end.saturating_sub(offsets.start) as usize);
    if count == 0 {
        return Bytes::new();
    }
    let (_, epoch) = view.leader(log, partition);
    let record = |offset: u64, at: f64, key, value| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: epoch,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: offset as i64,
        // Counted from −1, so that the batch has no first number, as one of a producer without transactions.
        sequence: (offset - offsets.start) as i32 - 1,
        timestamp: millis(at),
        key,
        value,
        headers: IndexMap::new(),
    };
    let records: Vec<Record> = match log {
        Log::Commits => {
            let (commits, world) = (&view.cluster.commits, &view.cluster.world);
            let entries = commits.read(world, partition, offsets.start, count, view.now);
            let of = |entry: &Entry| {
                record(
                    entry.offset,
                    entry.at,
                    Some(key(view, entry)),
                    value(view, entry),
                )
            };
            entries.iter().map(of).collect()
        }
        Log::Topic(topic) => {
            let some = offsets.start..offsets.start + count as u64;
            some.filter_map(|offset| {
                let world = &view.cluster.world;
                let at = world.timestamp_of(topic, partition, offset, view.now)?;
                Some(record(offset, at, None, Some(Bytes::from_static(b"x"))))
            })
            .collect()
        }
    };
    encoded(&records)
}

fn encoded(records: &[Record]) -> Bytes {
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut bytes, records, &options)
        .expect("records without compression can be written");
    bytes.freeze()
}

fn key(view: &View<'_>, entry: &Entry) -> Bytes {
    let mut key = BytesMut::new();
    let group = view.group_data(entry.group);
    match &entry.what {
        What::Commit(commit) => {
            key.put_i16(COMMIT_KEY);
            put_text(&mut key, &group.name);
            put_text(&mut key, &view.cluster.world.topics[commit.topic].name);
            key.put_i32(commit.partition as i32);
        }
        What::Generation(_) => {
            key.put_i16(match group.kind {
                Kind::Classic => CLASSIC_GROUP_KEY,
                Kind::Streams => STREAMS_GROUP_KEY,
                Kind::Consumer | Kind::Share => CONSUMER_GROUP_KEY,
            });
            put_text(&mut key, &group.name);
        }
    }
    key.freeze()
}

fn value(view: &View<'_>, entry: &Entry) -> Option<Bytes> {
    let mut value = BytesMut::new();
    match &entry.what {
        What::Commit(commit) => match view.cluster.settings.commit_records {
            CommitRecords::V3 => commit_v3(&mut value, commit),
            CommitRecords::V4 => {
                let world = &view.cluster.world;
                commit_v4(&mut value, commit, world.topic_id(commit.topic, commit.at));
            }
        },
        What::Generation(generation) => match view.group_data(entry.group).kind {
            Kind::Classic => classic_group(&mut value, view, entry, generation),
            Kind::Streams => streams_group(&mut value, generation),
            Kind::Consumer | Kind::Share => consumer_group(&mut value, generation),
        },
    }
    Some(value.freeze())
}

fn commit_v3(value: &mut BytesMut, commit: &Commit) {
    value.put_i16(3);
    value.put_i64(commit.offset as i64);
    value.put_i32(0);
    put_text(value, "");
    value.put_i64(millis(commit.at));
}

/// Compact: lengths are one more, in as few bytes as they need; tagged fields at the end.
fn commit_v4(value: &mut BytesMut, commit: &Commit, topic_id: Option<u128>) {
    value.put_i16(4);
    value.put_i64(commit.offset as i64);
    value.put_i32(0);
    value.put_u8(1);
    value.put_i64(millis(commit.at));
    match topic_id {
        Some(id) => {
            value.put_u8(1);
            value.put_u8(TOPIC_ID_TAG);
            value.put_u8(16);
            value.put_u128(id);
        }
        None => value.put_u8(0),
    }
}

/// With its members, but without what they said and were assigned.
fn classic_group(value: &mut BytesMut, view: &View<'_>, entry: &Entry, generation: &Generation) {
    let members = view.cluster.world.members(entry.group, entry.at);
    value.put_i16(CLASSIC_GROUP_VALUE);
    put_text(value, "consumer");
    value.put_i32(i32::try_from(generation.number).unwrap_or(i32::MAX));
    match members.first() {
        Some(leader) => {
            put_text(value, "range");
            put_text(value, &leader.id);
        }
        None => {
            value.put_i16(-1);
            value.put_i16(-1);
        }
    }
    value.put_i64(millis(generation.at));
    value.put_i32(members.len() as i32);
    for member in &members {
        put_text(value, &member.id);
        // No fixed identity.
        value.put_i16(-1);
        put_text(value, &member.client_id);
        put_text(value, &member.host);
        value.put_i32(REBALANCE_TIMEOUT_MS);
        value.put_i32(SESSION_TIMEOUT_MS);
        value.put_i32(0);
        value.put_i32(0);
    }
}

/// The epoch, and no tagged fields.
fn consumer_group(value: &mut BytesMut, generation: &Generation) {
    value.put_i16(CONSUMER_GROUP_VALUE);
    value.put_i32(i32::try_from(generation.number).unwrap_or(i32::MAX));
    value.put_u8(0);
}

/// The epoch; no hash of its topics, no topology that was checked, and no tagged fields.
fn streams_group(value: &mut BytesMut, generation: &Generation) {
    value.put_i16(STREAMS_GROUP_VALUE);
    value.put_i32(i32::try_from(generation.number).unwrap_or(i32::MAX));
    value.put_i64(0);
    value.put_i32(-1);
    value.put_u8(0);
}

fn put_text(bytes: &mut BytesMut, text: &str) {
    bytes.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
    bytes.put_slice(&text.as_bytes()[..text.len().min(i16::MAX as usize)]);
}
