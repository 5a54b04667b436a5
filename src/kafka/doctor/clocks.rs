//! Whose clock is off. Looks again and again at the newest record of partitions: one that came between two looks was stamped
//! between them, so that the difference between its stamp and our clock then is known to within the time between the looks.
//!
//! Records of `__consumer_offsets` are stamped by the broker that leads the partition; elsewhere producers stamp them, or brokers.
//! It matters because time lag is our time minus a record's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kafka_protocol::messages::ListOffsetsRequest;
use tokio::time::{Instant, sleep};

use super::ask::{partitions, request};
use super::findings::{Clock, Skew};
use crate::analysis::sample::Time;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::client::session::Session;
use crate::kafka::coordinators::OFFSETS_TOPIC;
use crate::kafka::error::Code;
use crate::kafka::offsets::{Place, Wanted};
use crate::kafka::sampler;
use crate::kafka::topics::Topics;

/// How exactly a skew can be known.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// Partitions of a broker that are looked at: each look-up reads a record batch.
const PARTITIONS_MAX: usize = 200;
/// "The newest record", asked as a timestamp.
const NEWEST: i64 = -3;
/// Older versions of ListOffsets would take it for a time before 1970.
const NEWEST_SINCE: i16 = 7;

/// The newest record of a partition, and when it was looked at: no record that came after `asked` can be missing.
#[derive(Clone, Copy, Debug)]
struct Look {
    offset: i64,
    stamped: Time,
    asked: Time,
    answered: Time,
}

/// How far the stamps may be ahead, at least and at most, seconds.
type Bounds = (f64, f64);

/// What is known of the stamps in each partition of one broker: `None` before a record came.
type Seen = BTreeMap<(Arc<str>, i32), (Look, Option<Bounds>)>;

/// Watches until each broker has stamped a record, or for so long.
pub(super) async fn watch(
    sessions: &mut [(BrokerId, Session)],
    topics: &Topics,
    clock: sampler::Clock,
    time: Duration,
) -> Vec<Skew> {
    let watched = sessions
        .iter_mut()
        .map(|(id, session)| watch_broker(session, wanted(topics, *id), clock, time));
    let watched: Vec<Watched> = join_all(watched).await;
    let ids = sessions.iter().map(|(id, _)| *id);
    let mut skews: Vec<Skew> = ids
        .zip(&watched)
        .map(|(id, w)| of_broker(id, w, time))
        .collect();
    skews.push(of_producers(&watched, time));
    skews
}

struct Watched {
    seen: Seen,
    /// Why it could not be watched.
    failure: Option<String>,
}

/// The partitions that a broker leads: those of the commits first.
fn wanted(topics: &Topics, broker: BrokerId) -> Vec<Wanted> {
    let mut list: Vec<_> = topics.list().iter().collect();
    list.sort_by_key(|topic| *topic.name != *OFFSETS_TOPIC);
    let mut room = PARTITIONS_MAX;
    let mut wanted = Vec::new();
    for topic in list {
        let leaders = topic.leaders.iter().enumerate();
        let led = leaders.filter(|(_, leader)| leader.broker == Some(broker));
        let places = led.map(|(index, leader)| Place::new(index as i32, *leader));
        let partitions: Vec<Place> = places.take(room).collect();
        room -= partitions.len();
        if !partitions.is_empty() {
            let topic = topic.wire_name.clone();
            wanted.push(Wanted { topic, partitions });
        }
    }
    wanted
}

async fn watch_broker(
    session: &mut Session,
    wanted: Vec<Wanted>,
    clock: sampler::Clock,
    time: Duration,
) -> Watched {
    let mut watched = Watched {
        seen: Seen::new(),
        failure: None,
    };
    let version = session.version_of::<ListOffsetsRequest>();
    if version.is_none_or(|version| version < NEWEST_SINCE) {
        watched.failure = Some("it can't be asked for the newest record: since Kafka 3.0".into());
        return watched;
    }
    let end = Instant::now() + time;
    loop {
        if let Err(failure) = look_again(session, &wanted, clock, &mut watched.seen).await {
            watched.failure = Some(failure);
            break;
        }
        let is_known = bounds_of(&watched.seen, |topic| topic == OFFSETS_TOPIC).is_some();
        if is_known || Instant::now() >= end {
            break;
        }
        sleep(BETWEEN_LOOKS).await;
    }
    watched
}

async fn look_again(
    session: &mut Session,
    wanted: &[Wanted],
    clock: sampler::Clock,
    seen: &mut Seen,
) -> Result<(), String> {
    let asked = clock.time(Instant::now());
    let answer = session.ask(|_| request(wanted, NEWEST)).await;
    let answer = answer.map_err(|error| error.to_string())?;
    for (topic, partition) in partitions(&answer) {
        // −1: there is no record in it.
        if Code::of(partition.error_code).is_some() || partition.timestamp < -1 {
            continue;
        }
        let look = Look {
            offset: partition.offset,
            stamped: partition.timestamp as f64 / 1000.0,
            asked,
            answered: clock.time(answer.at),
        };
        take(seen, (Arc::from(&**topic), partition.partition_index), look);
    }
    Ok(())
}

fn take(seen: &mut Seen, place: (Arc<str>, i32), look: Look) {
    match seen.get_mut(&place) {
        Some((before, known)) => {
            let new = bounds(before, &look);
            *known = match (*known, new) {
                (Some(known), Some(new)) => Some(narrowed(known, new)),
                (known, new) => known.or(new),
            };
            *before = look;
        }
        None => {
            seen.insert(place, (look, None));
        }
    }
}

/// What two looks say when a record came between them.
fn bounds(before: &Look, after: &Look) -> Option<Bounds> {
    let came = after.offset > before.offset;
    let earliest = after.stamped - after.answered;
    let latest = after.stamped + STAMP_SECONDS - before.asked;
    came.then_some((earliest, latest))
}

/// Stamps are whole milliseconds.
const STAMP_SECONDS: f64 = 0.001;

/// Both hold of one clock; of two clocks that were taken for one, the wider.
fn narrowed(a: Bounds, b: Bounds) -> Bounds {
    let (lower, upper) = (a.0.max(b.0), a.1.min(b.1));
    if lower <= upper {
        (lower, upper)
    } else {
        widened(a, b)
    }
}

fn widened(a: Bounds, b: Bounds) -> Bounds {
    (a.0.min(b.0), a.1.max(b.1))
}

fn bounds_of(seen: &Seen, is_meant: impl Fn(&str) -> bool) -> Option<Bounds> {
    let meant = seen.iter().filter(|((topic, _), _)| is_meant(topic));
    meant
        .filter_map(|(_, (_, bounds))| *bounds)
        .reduce(narrowed)
}

fn of_broker(id: BrokerId, watched: &Watched, time: Duration) -> Skew {
    let bounds = bounds_of(&watched.seen, |topic| topic == OFFSETS_TOPIC);
    let clock = match (bounds, &watched.failure) {
        (Some((lower, upper)), _) => Clock::Ahead(lower, upper),
        (None, Some(failure)) => Clock::Unknown(failure.clone()),
        (None, None) => Clock::Unknown(format!("nobody committed in {time:?}")),
    };
    Skew {
        whose: format!("broker {id}"),
        clock,
        is_broker: true,
    }
}

/// Producers have a clock each.
fn of_producers(watched: &[Watched], time: Duration) -> Skew {
    let each = watched.iter().flat_map(|w| w.seen.iter());
    let of_topics = each.filter(|((topic, _), _)| **topic != *OFFSETS_TOPIC);
    let bounds = of_topics
        .filter_map(|(_, (_, bounds))| *bounds)
        .reduce(widened);
    let nothing = || Clock::Unknown(format!("no record came in {time:?}"));
    Skew {
        whose: "producers".to_owned(),
        clock: bounds.map_or_else(nothing, |(lower, upper)| Clock::Ahead(lower, upper)),
        is_broker: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(offset: i64, stamped: Time, asked: Time) -> Look {
        Look {
            offset,
            stamped,
            asked,
            answered: asked + 0.1,
        }
    }

    /// Two looks half a second apart at a partition in which a record was stamped at 100.3 by a right clock.
    #[test]
    fn a_record_between_two_looks_bounds_the_skew_of_who_stamped_it() {
        let cases = [
            (0.0, -0.3, 0.301, "it agrees"),
            (30.0, 29.7, 30.301, "it is ahead"),
            (-5.0, -5.3, -4.699, "it is behind"),
        ];
        for (ahead, lower, upper, why) in cases {
            let (before, after) = (look(7, 50.0, 100.0), look(8, 100.3 + ahead, 100.5));
            let found = bounds(&before, &after).expect("a record came");
            assert!((found.0 - lower).abs() < 1e-9, "{why}: {found:?}");
            assert!((found.1 - upper).abs() < 1e-9, "{why}: {found:?}");
        }
        let same = bounds(&look(7, 50.0, 100.0), &look(7, 50.0, 100.5));
        assert_eq!(same, None, "nothing came");
    }

    #[test]
    fn more_records_narrow_it_unless_they_contradict() {
        assert_eq!(narrowed((-0.3, 0.3), (-0.1, 0.5)), (-0.1, 0.3));
        assert_eq!(narrowed((0.0, 0.3), (5.0, 5.3)), (0.0, 5.3));
    }

    #[test]
    fn a_first_look_at_an_empty_partition_counts_as_one() {
        let (mut seen, place) = (Seen::new(), || (Arc::from(OFFSETS_TOPIC), 3));
        take(&mut seen, place(), look(-1, -0.001, 100.0));
        take(&mut seen, place(), look(0, 100.2, 100.5));
        let found = bounds_of(&seen, |topic| topic == OFFSETS_TOPIC);
        assert!(found.is_some_and(|(lower, upper)| lower < 0.0 && upper > 0.0));
    }
}
