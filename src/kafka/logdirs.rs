//! How many bytes partitions take on their leaders' disks: DescribeLogDirs, asked seldom, of each broker about what it leads, and
//! only where a topic's retention is a number of bytes.

use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use kafka_protocol::protocol::StrBytes;

use super::client::broker::Question;
use super::client::cluster::BrokerId;
use super::client::session::Session;
use super::client::tally::Tally;
use super::error::{Code, Error};
use super::leader::Leader;
use super::offsets::{Place, Wanted};
use super::topic::Topic;
use crate::analysis::sample::Time;

/// Partitions in one request: half a MiB of an answer.
const PARTITIONS_MAX: usize = 20_000;

/// How old the size of a message may become: it changes with what is produced, and the largest logs have every size in them.
const SIZES_SECONDS: f64 = 300.0;

/// Asks a broker for the sizes of partitions that it leads.
#[derive(Clone)]
pub(crate) struct AskSizes(pub(crate) Vec<Wanted>);

/// Topic, partition, bytes.
pub(crate) type Sizes = Vec<(StrBytes, i32, u64)>;

impl Question for AskSizes {
    const NAME: &'static str = "DescribeLogDirs";
    /// `None`: the budget had no room for it in this cycle.
    type Answer = Option<Sizes>;

    async fn put(self, session: &mut Session) -> Result<Self::Answer, Error> {
        if !session.has_room_for(1) {
            return Ok(None);
        }
        let topic = |wanted: &Wanted| {
            DescribableLogDirTopic::default()
                .with_topic(wanted.topic.clone().into())
                .with_partitions(wanted.partitions.iter().map(|place| place.index).collect())
        };
        let make = |_| {
            let topics = self.0.iter().map(topic).collect();
            DescribeLogDirsRequest::default().with_topics(Some(topics))
        };
        let answer = session.ask(make).await?.body;
        Ok(Some(sizes(answer, session.tally())))
    }
}

/// Of what the disks hold. A refusal is counted and is no failure of the broker's: that its sizes are unknown hides nothing else.
fn sizes(answer: DescribeLogDirsResponse, tally: &Tally) -> Sizes {
    let is_good = |code: i16| {
        let code = Code::of(code);
        if let Some(code) = code {
            tally.error(AskSizes::NAME, code.label());
        }
        code.is_none()
    };
    let mut sizes = Sizes::new();
    if !is_good(answer.error_code) {
        return sizes;
    }
    let good = answer.results.into_iter().filter(|d| is_good(d.error_code));
    for topic in good.flat_map(|dir| dir.topics) {
        // A future replica is one that is being moved to another disk: a copy.
        let present = topic.partitions.iter().filter(|p| !p.is_future_key);
        sizes.extend(present.filter_map(|p| {
            let bytes = u64::try_from(p.partition_size).ok()?;
            Some((topic.name.0.clone(), p.partition_index, bytes))
        }));
    }
    sizes
}

/// The partitions of a broker whose sizes come next, whole topics while they fit.
pub(crate) fn due(topics: &[Topic], broker: BrokerId, now: Time) -> Vec<Wanted> {
    let mut room = PARTITIONS_MAX;
    let mut due = Vec::new();
    for topic in topics.iter().filter(|topic| is_due(topic, broker, now)) {
        let leads = |(number, leader): (usize, &Leader)| {
            (leader.broker == Some(broker)).then(|| Place::new(number as i32, *leader))
        };
        let led = topic.leaders.iter().enumerate().filter_map(leads);
        let partitions: Vec<Place> = led.take(PARTITIONS_MAX).collect();
        if partitions.is_empty() {
            continue;
        }
        let Some(left) = room.checked_sub(partitions.len()) else {
            break;
        };
        room = left;
        due.push(Wanted {
            topic: topic.wire_name.clone(),
            partitions,
        });
    }
    due
}

fn is_due(topic: &Topic, broker: BrokerId, now: Time) -> bool {
    let limited = topic.retention.is_some_and(|r| r.bytes.is_some());
    let asked = topic.sizes_asked.get(&broker);
    limited && asked.is_none_or(|asked| now - asked >= SIZES_SECONDS)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_log_dirs_response::{
        DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
    };

    use super::*;

    #[test]
    fn what_a_broken_disk_or_a_copy_holds_is_no_size() {
        let partition = |index, size| {
            DescribeLogDirsPartition::default()
                .with_partition_index(index)
                .with_partition_size(size)
        };
        let dir = |error, partitions| {
            let topic = DescribeLogDirsTopic::default()
                .with_name(StrBytes::from_static_str("t").into())
                .with_partitions(partitions);
            DescribeLogDirsResult::default()
                .with_error_code(error)
                .with_topics(vec![topic])
        };
        let copy = partition(2, 7).with_is_future_key(true);
        let answer = DescribeLogDirsResponse::default().with_results(vec![
            dir(0, vec![partition(0, 500), copy, partition(3, -1)]),
            dir(56, vec![partition(1, 900)]),
        ]);
        let tally = Tally::default();
        let read = sizes(answer, &tally);
        assert_eq!(read, [(StrBytes::from_static_str("t"), 0, 500)]);
        let counted = [("DescribeLogDirs", "kafka_storage_error", 1)];
        assert_eq!(tally.errors(), counted);
    }
}
