//! ListOffsets: log ends, log starts, the newest record, and the first at or after a time, of partitions that the broker leads.

use std::collections::HashSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::super::view::{Found, Log, Right, View, millis};

/// Kafka's timestamps that are none.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const NEWEST: i64 = -3;
/// The oldest that is on the broker's own disk: there is no other.
const EARLIEST_LOCAL: i64 = -4;
/// The newest that is elsewhere: none is.
const LATEST_TIERED: i64 = -5;

/// Kafka's number for "committed messages only".
const READ_COMMITTED: i8 = 1;

/// From this version on offsets have their leader's epoch.
const EPOCH_SINCE: i16 = 4;

/// Offset, timestamp, epoch; −1 each where there is none.
type Place = (i64, i64, i32);

const NOWHERE: Place = (-1, -1, -1);

pub(super) fn answer(
    view: &View<'_>,
    question: ListOffsetsRequest,
    version: i16,
) -> ListOffsetsResponse {
    let committed = question.isolation_level == READ_COMMITTED;
    let topics = question.topics.into_iter();
    let topics = topics.map(|asked| topic(view, asked, committed, version));
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn topic(
    view: &View<'_>,
    asked: ListOffsetsTopic,
    committed: bool,
    version: i16,
) -> ListOffsetsTopicResponse {
    let log = view.log(&asked.name.0);
    let refused = view.error_for(&asked.name.0, Right::Topic);
    let twice = named_twice(&asked.partitions);
    let partitions = asked.partitions.iter().map(|asked| {
        let found = match log {
            _ if refused.is_some() => Err(refused.unwrap_or_default()),
            _ if twice.contains(&asked.partition_index) => {
                Err(ResponseError::InvalidRequest.code())
            }
            None => Err(ResponseError::UnknownTopicOrPartition.code()),
            Some(log) => partition(view, log, asked, committed),
        };
        let (error, (offset, timestamp, epoch)) = match found {
            Ok(place) => (0, place),
            Err(error) => (error, NOWHERE),
        };
        let answer = ListOffsetsPartitionResponse::default()
            .with_partition_index(asked.partition_index)
            .with_error_code(error)
            .with_offset(offset)
            .with_timestamp(timestamp);
        if version >= EPOCH_SINCE {
            answer.with_leader_epoch(epoch)
        } else {
            answer
        }
    });
    ListOffsetsTopicResponse::default()
        .with_partitions(partitions.collect())
        .with_name(asked.name)
}

/// Partitions that a question names more than once, which Kafka refuses. Clients name them in order.
fn named_twice(asked: &[ListOffsetsPartition]) -> HashSet<i32> {
    let numbers = asked.iter().map(|asked| asked.partition_index);
    if numbers.clone().is_sorted_by(|a, b| a < b) {
        return HashSet::new();
    }
    let mut seen = HashSet::new();
    numbers.filter(|number| !seen.insert(*number)).collect()
}

fn partition(
    view: &View<'_>,
    log: Log,
    asked: &ListOffsetsPartition,
    committed: bool,
) -> Result<Place, i16> {
    let (number, epoch) = (asked.partition_index, asked.current_leader_epoch);
    if let Some(error) = view.trouble_with(log, number, epoch) {
        return Err(error);
    }
    let number = number as u32;
    let (_, epoch) = view.leader(log, number);
    let at = |offset: u64| (offset as i64, -1, epoch);
    let end = || match committed {
        true => view.last_stable(log, number),
        false => view.log_end(log, number),
    };
    let record = |found: Found, asked: i64| {
        let found = found.filter(|(offset, _)| !committed || *offset < end());
        // The time was rounded down on its way to milliseconds.
        found.map_or(NOWHERE, |(offset, time)| {
            (offset as i64, millis(time).max(asked), epoch)
        })
    };
    Ok(match asked.timestamp {
        LATEST => at(end()),
        EARLIEST | EARLIEST_LOCAL => at(view.log_start(log, number)),
        NEWEST => record(view.newest(log, number), 0),
        LATEST_TIERED => NOWHERE,
        time if time >= 0 => {
            let found = view.first_at_or_after(log, number, time as f64 / 1000.0);
            record(found, time)
        }
        _ => return Err(ResponseError::UnsupportedVersion.code()),
    })
}
