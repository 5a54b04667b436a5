//! DescribeLogDirs: how many bytes partitions take on the broker's disk. It has those that it leads.

use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::view::{Log, Right, View};

/// Its one disk.
const FOLDER: StrBytes = StrBytes::from_static_str("/simulated");

/// From this version on an answer can have an error for all of it; older ones are empty then.
const ERROR_SINCE: i16 = 3;

pub(super) fn answer(
    view: &View<'_>,
    question: DescribeLogDirsRequest,
    version: i16,
) -> DescribeLogDirsResponse {
    if let Some(error) = view.error(Right::Cluster) {
        let answer = DescribeLogDirsResponse::default();
        return if version < ERROR_SINCE {
            answer
        } else {
            answer.with_error_code(error)
        };
    }
    let topics = match question.topics {
        Some(asked) => asked.iter().filter_map(|asked| some(view, asked)).collect(),
        None => {
            let logs = view.logs();
            let all = |log| topic(view, log, 0..view.partitions(log));
            logs.filter_map(all).collect()
        }
    };
    let disk = DescribeLogDirsResult::default()
        .with_log_dir(FOLDER)
        .with_topics(topics);
    DescribeLogDirsResponse::default().with_results(vec![disk])
}

fn some(view: &View<'_>, asked: &DescribableLogDirTopic) -> Option<DescribeLogDirsTopic> {
    let log = view.log(&asked.topic.0)?;
    let numbers = asked.partitions.iter();
    let numbers = numbers.filter_map(|number| u32::try_from(*number).ok());
    topic(view, log, numbers.filter(|n| *n < view.partitions(log)))
}

fn topic(
    view: &View<'_>,
    log: Log,
    numbers: impl Iterator<Item = u32>,
) -> Option<DescribeLogDirsTopic> {
    // How large the topic of commits is nobody asks.
    let Log::Topic(index) = log else { return None };
    let led = numbers.filter(|number| view.leader(log, *number).0 == view.broker);
    let partitions: Vec<_> = led
        .filter_map(|number| {
            let bytes = view.cluster.world.size_bytes(index, number, view.now)?;
            let partition = DescribeLogDirsPartition::default()
                .with_partition_index(number as i32)
                .with_partition_size(i64::try_from(bytes).ok()?);
            Some(partition)
        })
        .collect();
    let name = view.name(log);
    (!partitions.is_empty()).then(|| {
        DescribeLogDirsTopic::default()
            .with_name(name.into())
            .with_partitions(partitions)
    })
}
