//! Do those who stamp records go by our clock? A log's past is told by their timestamps, so it is believed only when somebody was
//! seen to stamp a record just now: the newest records of some partitions are the witnesses, those of Kafka's own commits first.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::protocol::StrBytes;

use crate::analysis::past::{AHEAD_MS, Millis};
use crate::kafka::client::broker::Question;
use crate::kafka::client::cluster::BrokerId;
use crate::kafka::client::session::Session;
use crate::kafka::coordinators::OFFSETS_TOPIC;
use crate::kafka::error::Error;
use crate::kafka::offsets::{Place, Wanted, list_offsets_of};
use crate::kafka::settings::IsolationLevel;
use crate::kafka::topics::Topics;

/// Partitions of a broker that are asked for their newest record: for each it reads a record batch.
const WITNESSES_MAX: usize = 200;

/// A record this young was stamped by a clock that is behind ours by no more than that, and consumers commit every 5 s by default.
const FRESH_MS: Millis = 15_000;

/// "The newest record", asked as a timestamp.
const NEWEST: Millis = -3;

/// Older versions of ListOffsets would take it for a time before 1970.
const NEWEST_SINCE: i16 = 7;

/// Witnesses are heard for so long: half of what a cycle waits for the past, which then has what is left.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks a leader for the newest records of partitions it leads.
pub(crate) struct AskNewest {
    witnesses: Vec<Wanted>,
    /// By our wall clock.
    now: Millis,
}

/// What the newest records say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Records are stamped by our time.
    Agree,
    /// Newest records are from the future: theirs is ahead of ours.
    Ahead,
    /// None is from just now: nobody wrote lately, or their clocks are behind ours.
    Silent,
}

/// Partitions whose newest record is recent, by who stamps it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stamps {
    brokers: Recent,
    producers: Recent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Recent {
    agreeing: usize,
    ahead: usize,
}

impl Stamps {
    fn note(&mut self, topic: &str, stamped: Millis, now: Millis) {
        let recent = if topic == OFFSETS_TOPIC {
            &mut self.brokers
        } else {
            &mut self.producers
        };
        if stamped > now.saturating_add(AHEAD_MS) {
            recent.ahead += 1;
        } else if stamped >= now - FRESH_MS {
            recent.agreeing += 1;
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.brokers, other.brokers),
            (&mut self.producers, other.producers),
        ] {
            sum.agreeing += more.agreeing;
            sum.ahead += more.ahead;
        }
    }

    /// Brokers' clocks count where they stamped something; producers' are many, and one of them may be from next year. Most decide:
    /// when our clock is a minute behind, a partition that fell silent a minute ago looks fresh among busy ones from the future.
    pub(crate) fn verdict(&self) -> Verdict {
        let witnesses = if self.brokers == Recent::default() {
            self.producers
        } else {
            self.brokers
        };
        match (witnesses.agreeing, witnesses.ahead) {
            (0, 0) => Verdict::Silent,
            (agreeing, ahead) if agreeing > ahead => Verdict::Agree,
            _ => Verdict::Ahead,
        }
    }
}

impl Question for AskNewest {
    const NAME: &'static str = "ListOffsets";
    type Answer = Stamps;

    fn own_patience(&self) -> Option<Duration> {
        Some(PATIENCE)
    }

    /// A partition that answers with an error, for want of a right perhaps, is no witness and no failure.
    async fn put(self, session: &mut Session) -> Result<Stamps, Error> {
        let make = |version| {
            let instants = instants(version, self.now);
            instants.iter().map(|at| self.request(*at)).collect()
        };
        let mut stamps = Stamps::default();
        for answer in session.ask_all(make).await? {
            for topic in answer.body.topics {
                let found = topic.partitions.iter().filter(|p| p.error_code == 0);
                found.for_each(|p| stamps.note(&topic.name, p.timestamp, self.now));
            }
        }
        Ok(stamps)
    }
}

/// A broker that can't tell the newest record tells the first since an instant: one that is fresh, and one from the future.
fn instants(version: i16, now: Millis) -> Vec<Millis> {
    if version >= NEWEST_SINCE {
        vec![NEWEST]
    } else {
        vec![now - FRESH_MS, now + AHEAD_MS + 1]
    }
}

impl AskNewest {
    pub(crate) fn new(witnesses: Vec<Wanted>, now: Millis) -> Self {
        Self { witnesses, now }
    }

    /// Whatever is committed or not: a stamp is a stamp.
    fn request(&self, instant: Millis) -> ListOffsetsRequest {
        list_offsets_of(&self.witnesses, instant, IsolationLevel::ReadUncommitted)
    }
}

/// Whom to ask, by leader: all partitions of the commits, then watched ones, evenly picked; others in each cycle.
pub(crate) fn witnesses(topics: &Topics, cycle: usize) -> BTreeMap<BrokerId, Vec<Wanted>> {
    let mut witnesses = of_commits(topics);
    for (leader, led) in led(topics) {
        let picked = witnesses.entry(leader).or_default();
        let room = WITNESSES_MAX - picked.iter().map(|w| w.partitions.len()).sum::<usize>();
        if room == 0 {
            continue;
        }
        let step = led.len().div_ceil(room);
        for (topic, place) in led.into_iter().skip(cycle % step).step_by(step) {
            let name = &topics.list()[topic].wire_name;
            match picked.last_mut().filter(|last| last.topic == *name) {
                Some(last) => last.partitions.push(place),
                None => picked.push(Wanted {
                    topic: name.clone(),
                    partitions: vec![place],
                }),
            }
        }
    }
    witnesses
}

/// Watched or not.
fn of_commits(topics: &Topics) -> BTreeMap<BrokerId, Vec<Wanted>> {
    let mut by_leader: BTreeMap<BrokerId, Vec<Wanted>> = BTreeMap::new();
    for (leader, partition) in topics.coordinators().leaders().zip(0..) {
        let Some(broker) = leader.broker else {
            continue;
        };
        let wanted = by_leader.entry(broker).or_insert_with(|| {
            vec![Wanted {
                topic: StrBytes::from_static_str(OFFSETS_TOPIC),
                partitions: Vec::new(),
            }]
        });
        if wanted[0].partitions.len() < WITNESSES_MAX {
            wanted[0].partitions.push(Place::new(partition, leader));
        }
    }
    by_leader
}

/// The other topics' partitions by leader, with the index of the topic. None of the lists is empty.
fn led(topics: &Topics) -> BTreeMap<BrokerId, Vec<(usize, Place)>> {
    let mut led: BTreeMap<BrokerId, Vec<(usize, Place)>> = BTreeMap::new();
    let others = topics.list().iter().enumerate();
    for (index, topic) in others.filter(|(_, topic)| *topic.name != *OFFSETS_TOPIC) {
        for (leader, partition) in topic.leaders.iter().zip(0..) {
            if let Some(broker) = leader.broker {
                let place = Place::new(partition, *leader);
                led.entry(broker).or_default().push((index, place));
            }
        }
    }
    led
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_000_000;

    #[test]
    fn clocks_agree_when_most_of_the_fresh_stamps_are_from_now() {
        type Story = (&'static [(&'static str, Millis)], Verdict, &'static str);
        let stories: &[Story] = &[
            (&[], Verdict::Silent, "no record"),
            (&[("t", -1), ("t", 0)], Verdict::Silent, "no time"),
            (&[("t", -3_000)], Verdict::Agree, "just written"),
            (
                &[("t", -60_000)],
                Verdict::Silent,
                "a minute behind, or idle",
            ),
            (&[("t", 60_000)], Verdict::Ahead, "a minute ahead"),
            (
                &[("t", 60_000), ("t", 59_000), ("t", -9_000)],
                Verdict::Ahead,
                "a minute ahead, and one that was idle for a minute",
            ),
            (
                &[("t", 31_536_000_000), ("t", -9_000), ("t", -1_000)],
                Verdict::Agree,
                "one producer is from next year",
            ),
            (
                &[(OFFSETS_TOPIC, -4_000), ("t", 60_000), ("t", 59_000)],
                Verdict::Agree,
                "brokers know better than producers",
            ),
            (
                &[(OFFSETS_TOPIC, 60_000), ("t", -1_000), ("t", -1_000)],
                Verdict::Ahead,
                "also when they differ",
            ),
            (
                &[(OFFSETS_TOPIC, -900_000), ("t", -1_000)],
                Verdict::Agree,
                "nobody committed lately",
            ),
        ];
        for (seen, verdict, why) in stories {
            let mut stamps = Stamps::default();
            for (topic, ago) in *seen {
                let stamped = if *ago == 0 || *ago == -1 {
                    *ago
                } else {
                    NOW + ago
                };
                stamps.note(topic, stamped, NOW);
            }
            assert_eq!(stamps.verdict(), *verdict, "{why}");
        }
    }

    #[test]
    fn a_hostile_stamp_overflows_nothing() {
        let mut stamps = Stamps::default();
        for stamped in [Millis::MIN, Millis::MAX] {
            stamps.note("t", stamped, NOW);
        }
        assert_eq!(stamps.verdict(), Verdict::Ahead);
    }
}
