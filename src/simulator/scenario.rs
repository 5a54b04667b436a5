//! The troubles by name, and their look-alikes: each is what it does to arrivals, delays, retention and membership.

use super::arrivals::{Arrivals, Echo, Pulse, Swing};
use super::delay::Delay;
use super::group::{Absence, Group, Subscription};
use super::occurrence::Occurrence;
use super::topic::Topic;
use super::world::World;

/// What happens to a group in a topic. Times are in seconds; a share is 0 to 1, of what arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scenario {
    /// Nothing: it keeps up.
    Steady,
    /// From then on nothing arrives any more.
    Idle,
    /// It reads `share` less than arrives, then catches up.
    Overload {
        /// What it doesn't read.
        share: f64,
        /// How long.
        lasts: f64,
        /// How long until it has caught up.
        drains: f64,
    },
    /// It reads all that is there once in so many seconds, from the beginning of the act on, for ever.
    Sawtooth {
        /// From batch to batch.
        every: f64,
    },
    /// It reads nothing, then catches up.
    Stopped {
        /// How long.
        seconds: f64,
        /// How long until it has caught up.
        drains: f64,
        /// Its members leave meanwhile, so that nothing else that it reads is committed either; else they only hang.
        leaves: bool,
    },
    /// It stood still before; now it catches up.
    Drain {
        /// How far behind it is at the beginning.
        behind: f64,
        /// How long until it has caught up.
        drains: f64,
    },
    /// So many times as much arrives as usual; the reader takes at most `capacity` times the usual.
    Spike {
        /// Times the rate.
        times: f64,
        /// How long.
        seconds: f64,
        /// Times the rate; above 1, so that it catches up.
        capacity: f64,
    },
    /// One partition is read more slowly than it fills, then catches up.
    SlowPartition {
        /// Its number.
        partition: u32,
        /// What is not read of it.
        share: f64,
        /// How long.
        lasts: f64,
        /// How long until it has caught up.
        drains: f64,
    },
    /// One partition is not read any more: its next message fails again and again. Then it is skipped.
    PoisonMessage {
        /// Its number.
        partition: u32,
        /// How long.
        seconds: f64,
        /// How long until it has caught up.
        drains: f64,
    },
    /// More of what is read than usual is written to the topic's retry topic (`…-retry`), which the group reads, too.
    RetryLoop {
        /// Messages written for each one read.
        share: f64,
        /// The same, before and after.
        usual: f64,
        /// How long.
        seconds: f64,
    },
    /// It is set back again and again.
    Rewinds {
        /// By so many seconds' worth of messages.
        back: f64,
        /// From one to the next; what was lost is made up for in a third of that.
        every: f64,
        /// How many.
        times: u32,
    },
    /// It rebalances again and again.
    Churn {
        /// From one rebalance to the next.
        every: f64,
        /// How many.
        times: u32,
    },
    /// It reads `share` less than arrives until messages go before they are read, and for `loses` seconds longer; then it catches up.
    RetentionEatsTail {
        /// What it doesn't read.
        share: f64,
        /// How long messages are lost.
        loses: f64,
        /// How long until it has caught up.
        drains: f64,
    },
    /// The topic is deleted, and made again with the same name; once, even when the act is repeated.
    Recreated {
        /// How long there is none.
        gone: f64,
    },
    /// Arrivals follow the time of day, around their rate at the beginning of the act.
    Diurnal {
        /// Up and down.
        share: f64,
        /// From peak to peak.
        period: f64,
    },
}

/// One topic of a group, and what happens there.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// The topic, as it is without the scenario.
    pub topic: Topic,
    /// How far behind the group usually is.
    pub usual_delay: f64,
    /// What happens.
    pub scenario: Scenario,
    /// When. It is repeated seldom enough that each time is over before the next.
    pub begins: Occurrence,
}

impl Act {
    /// The group keeps up, half a second behind.
    pub fn steady(topic: Topic) -> Self {
        Self {
            topic,
            usual_delay: 0.5,
            scenario: Scenario::Steady,
            begins: Occurrence::once(0.0),
        }
    }

    /// This happens then.
    pub fn with(mut self, scenario: Scenario, begins: Occurrence) -> Self {
        self.scenario = scenario;
        self.begins = begins;
        self
    }

    /// The group's delay in all partitions that are not excepted.
    fn delay(&self) -> Delay {
        let usual = self.usual_delay;
        let line = Delay::until(self.begins.first, usual);
        let line = match self.scenario {
            Scenario::Overload {
                share,
                lasts,
                drains,
            } => line.fall_behind(share, lasts).drain(usual, drains),
            Scenario::Stopped {
                seconds, drains, ..
            } => line.stop(seconds).drain(usual, drains),
            Scenario::Drain { behind, drains } => Delay::until(self.begins.first - behind, usual)
                .stop(behind)
                .drain(usual, drains),
            Scenario::Spike {
                times,
                seconds,
                capacity,
            } => after_spike(line, usual, times, seconds, capacity),
            Scenario::Rewinds { back, every, times } => (0..times).fold(line, |line, _| {
                let line = line.rewind(back).drain(usual, every / 3.0);
                line.hold(every - every / 3.0)
            }),
            Scenario::RetentionEatsTail {
                share,
                loses,
                drains,
            } => {
                let kept = self.topic.retention.seconds.unwrap_or(0.0);
                line.fall_behind(share, kept / share + loses)
                    .drain(usual, drains)
            }
            Scenario::Sawtooth { every } => {
                return line
                    .stop(every * SAWTOOTH_IDLE)
                    .drain(usual, every * SAWTOOTH_READING)
                    .repeat_every(every);
            }
            _ => return Delay::steady(usual),
        };
        self.repeated(line)
    }

    /// The delay of the one partition that is worse off.
    fn exception(&self) -> Option<(u32, Delay)> {
        let line = Delay::until(self.begins.first, self.usual_delay);
        let (partition, line, drains) = match self.scenario {
            Scenario::SlowPartition {
                partition,
                share,
                lasts,
                drains,
            } => (partition, line.fall_behind(share, lasts), drains),
            Scenario::PoisonMessage {
                partition,
                seconds,
                drains,
            } => (partition, line.stop(seconds), drains),
            _ => return None,
        };
        let line = line.drain(self.usual_delay, drains);
        Some((partition, self.repeated(line)))
    }

    fn repeated(&self, line: Delay) -> Delay {
        match self.begins.every {
            Some(every) => line.repeat_every(every),
            None => line,
        }
    }

    /// The topic, with what happens to it.
    fn topic_after(&self) -> Topic {
        let mut topic = self.topic.clone();
        let at = self.begins.first;
        let rate = topic.arrivals.rate_at(at);
        match self.scenario {
            Scenario::Idle => topic.arrivals.steps.push((at, 0.0)),
            Scenario::Spike { times, seconds, .. } => topic.arrivals.pulses.push(Pulse {
                begins: self.begins,
                seconds,
                rate: rate * (times - 1.0),
            }),
            Scenario::Recreated { gone } => topic = topic.recreated(at, at + gone),
            Scenario::Diurnal { share, period } => topic.arrivals.swings.push(Swing {
                share,
                period,
                phase: at,
            }),
            _ => {}
        }
        topic
    }

    /// The retry topic, when there is one.
    fn retry_topic(&self, delay: &Delay) -> Option<Topic> {
        let Scenario::RetryLoop {
            share,
            usual,
            seconds,
        } = self.scenario
        else {
            return None;
        };
        let main = &self.topic.arrivals;
        let at = self.begins.first;
        let none = Arrivals::steady(main.since, 0.0);
        let mut shares = vec![(main.since, usual)];
        let arrivals = match self.begins.every {
            None => {
                shares.extend([(at, share), (at + seconds, usual)]);
                none
            }
            // Without end there is no list of them; by the rate of the beginning, then.
            Some(_) => none.with_pulse(Pulse {
                begins: self.begins,
                seconds,
                rate: main.rate_at(at) * (share - usual),
            }),
        };
        let arrivals = arrivals.echoing(Echo {
            of: main.clone(),
            delay: delay.clone(),
            shares,
        });
        let name = format!("{}-retry", self.topic.name);
        let mut topic = Topic::new(name, self.topic.partitions, arrivals);
        topic.lives.clone_from(&self.topic.lives);
        Some(topic)
    }

    /// What happens to the group itself.
    fn trouble(&self, group: &mut Group) {
        match self.scenario {
            Scenario::Stopped {
                seconds,
                leaves: true,
                ..
            } => group.absences.push(Absence {
                begins: self.begins,
                seconds,
            }),
            Scenario::Churn { every, times } => {
                let each = (0..times).map(|n| Occurrence {
                    first: self.begins.first + f64::from(n) * every,
                    ..self.begins
                });
                group.rebalances.extend(each);
            }
            _ => {}
        }
    }
}

/// Part of the time in which a reader of batches reads nothing.
const SAWTOOTH_IDLE: f64 = 0.9;

/// Part of the time in which it catches up; then it waits for more until the batch is over.
const SAWTOOTH_READING: f64 = 0.08;

/// While it reads what came in the spike, `capacity / times` seconds of arrivals pass it in a second, and then `capacity`.
fn after_spike(line: Delay, usual: f64, times: f64, seconds: f64, capacity: f64) -> Delay {
    if capacity >= times {
        return line;
    }
    let reading = seconds * times / capacity;
    let behind = reading - seconds;
    line.fall_behind(1.0 - capacity / times, reading)
        .drain(usual, behind / (capacity - 1.0))
}

impl World {
    /// Adds a group with its topics and what happens in each, and tells the group's place.
    pub fn act(&mut self, mut group: Group, acts: &[Act]) -> usize {
        for act in acts {
            let delay = act.delay();
            let topic = self.add_topic(act.topic_after());
            if let Some(retries) = act.retry_topic(&delay) {
                let retries = self.add_topic(retries);
                group = group.reading(retries, delay.clone());
            }
            group.reads.push(Subscription {
                topic,
                delay,
                exceptions: act.exception().into_iter().collect(),
                committed_partitions: None,
            });
            act.trouble(&mut group);
        }
        self.add_group(group)
    }
}
