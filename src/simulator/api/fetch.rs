//! Fetch: the records of `__consumer_offsets`, and of the other topics records that say nothing. There are no fetch sessions: each
//! question names all that it is about, which clients do when they are given no session.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::super::records;
use super::super::view::{Log, Right, View};
use super::uuid;

/// From this version on topics are named by id.
const IDS_SINCE: i16 = 13;
/// From this version on there are fetch sessions, and an error for the whole answer.
const SESSIONS_SINCE: i16 = 7;
/// From this version on log starts are told.
const STARTS_SINCE: i16 = 5;

/// Kafka's number for "committed messages only".
const READ_COMMITTED: i8 = 1;

/// No client waits longer, whatever it says: one that has gone would be waited for.
const PATIENCE_MAX: Duration = Duration::from_secs(10);

/// How long the client would rather wait than be told nothing.
pub(super) fn patience(question: &FetchRequest) -> Duration {
    let millis = u64::try_from(question.max_wait_ms).unwrap_or(0);
    Duration::from_millis(millis).min(PATIENCE_MAX)
}

/// As many bytes of records as the client would wait for, or an error.
pub(super) fn tells_enough(question: &FetchRequest, answer: &FetchResponse) -> bool {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let bytes = partitions.clone().filter_map(|p| p.records.as_ref());
    let bytes: usize = bytes.map(|records| records.len()).sum();
    let least = question.min_bytes.clamp(1, question.max_bytes.max(1));
    let has_failed = answer.error_code != 0 || partitions.clone().any(|p| p.error_code != 0);
    has_failed || bytes >= least as usize
}

pub(super) fn answer(view: &View<'_>, question: &FetchRequest, version: i16) -> FetchResponse {
    // It goes on with a session that nobody opened.
    if version >= SESSIONS_SINCE && question.session_id != 0 && question.session_epoch > 0 {
        let error = ResponseError::FetchSessionIdNotFound.code();
        return FetchResponse::default().with_error_code(error);
    }
    let committed = question.isolation_level == READ_COMMITTED;
    let mut room = usize::try_from(question.max_bytes).unwrap_or(0);
    let topics = question.topics.iter().map(|asked| {
        let id = asked.topic_id.as_u128();
        let log = if version >= IDS_SINCE {
            view.log_with_id(id)
                .ok_or(ResponseError::UnknownTopicId.code())
        } else {
            view.log(&asked.topic.0)
                .ok_or(ResponseError::UnknownTopicOrPartition.code())
        };
        let partitions = asked.partitions.iter().map(|asked| {
            let data = log.and_then(|log| partition(view, log, asked, committed, &mut room));
            let data = data.unwrap_or_else(|error| {
                PartitionData::default()
                    .with_error_code(error)
                    .with_high_watermark(-1)
            });
            let data = data.with_partition_index(asked.partition);
            if version >= STARTS_SINCE {
                data
            } else {
                data.with_log_start_offset(-1)
            }
        });
        let partitions = partitions.collect();
        let answer = FetchableTopicResponse::default().with_partitions(partitions);
        if version >= IDS_SINCE {
            answer.with_topic_id(uuid(id))
        } else {
            answer.with_topic(asked.topic.clone())
        }
    });
    FetchResponse::default().with_responses(topics.collect())
}

/// `room`: bytes that the answer may still grow by. The first batch is given even where it is more.
fn partition(
    view: &View<'_>,
    log: Log,
    asked: &FetchPartition,
    committed: bool,
    room: &mut usize,
) -> Result<PartitionData, i16> {
    if let Some(error) = view.error_for(&view.name(log), Right::Topic) {
        return Err(error);
    }
    if let Some(error) = view.trouble_with(log, asked.partition, asked.current_leader_epoch) {
        return Err(error);
    }
    let number = asked.partition as u32;
    let (start, end) = (view.log_start(log, number), view.log_end(log, number));
    let stable = view.last_stable(log, number);
    let from = u64::try_from(asked.fetch_offset).ok();
    let from = from.filter(|from| (start..=end).contains(from));
    let from = from.ok_or(ResponseError::OffsetOutOfRange.code())?;
    let until = if committed { stable } else { end };
    let most = usize::try_from(asked.partition_max_bytes).unwrap_or(0);
    let records = records::batch(view, log, number, from..until, most.min(*room));
    *room = room.saturating_sub(records.len());
    Ok(PartitionData::default()
        .with_high_watermark(end as i64)
        .with_last_stable_offset(stable as i64)
        .with_log_start_offset(start as i64)
        .with_records(Some(records)))
}
