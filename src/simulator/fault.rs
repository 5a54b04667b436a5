//! What goes wrong with a simulated cluster, as data: troubles of brokers, and moves of leaders and coordinators, each for a while.

use std::sync::{Arc, RwLock};

use kafka_protocol::messages::ApiKey;
use tokio::sync::watch;

use super::Time;

/// Something that goes wrong, at whom, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub trouble: Trouble,
    /// At this broker only; absent = at all of them.
    pub broker: Option<u32>,
    /// With this question only; absent = with all of them. A broker that refuses connections refuses all.
    pub api: Option<ApiKey>,
    /// For this topic or group only, where a [`Trouble::Error`] stands at each; absent = for all.
    pub name: Option<String>,
    /// Since when.
    pub from: Time,
    /// Until when; absent = for ever.
    pub until: Option<Time>,
}

/// What can go wrong with a broker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// It is gone: its port refuses connections, and those that were open are closed.
    Refuses,
    /// It accepts connections and reads questions, and answers them when this is over.
    Hangs,
    /// Each answer takes so many seconds longer.
    Slow {
        /// How many.
        seconds: f64,
    },
    /// Whoever asks is hung up on, with a reset.
    Resets,
    /// It answers with an error: in the answer's own place for it where there is no other, else at each topic, partition or group.
    Error {
        /// Kafka's number of it.
        code: i16,
    },
    /// Whoever asks has no right to: an empty list, or the error that Kafka has for it.
    Denies,
    /// It sends the first half of its answer, and hangs up.
    Truncates,
    /// It sends a frame of the right length, with the right number, and noise in it.
    Garbage,
    /// It knows nothing of what has happened since: a broker cut off from its cluster, that hasn't noticed yet.
    StandsStill,
}

impl Fault {
    /// Everywhere, with everything, always.
    pub fn new(trouble: Trouble) -> Self {
        Self {
            trouble,
            broker: None,
            api: None,
            name: None,
            from: 0.0,
            until: None,
        }
    }

    /// At this broker only.
    pub fn at(mut self, broker: u32) -> Self {
        self.broker = Some(broker);
        self
    }

    /// With this question only.
    pub fn with(mut self, api: ApiKey) -> Self {
        self.api = Some(api);
        self
    }

    /// For this topic or group only.
    pub fn of(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// For a while only.
    pub fn between(mut self, from: Time, until: Time) -> Self {
        self.from = from;
        self.until = Some(until);
        self
    }

    fn is_on(&self, now: Time) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }

    fn is_at(&self, broker: u32) -> bool {
        self.broker.is_none_or(|at| at == broker)
    }
}

/// Who leads or coordinates something, in place of who did; for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// What.
    pub of: Moved,
    /// To this broker; absent = nobody leads it.
    pub to: Option<u32>,
    /// Since when.
    pub from: Time,
    /// Until when; absent = for ever.
    pub until: Option<Time>,
}

/// What can move.
#[derive(Clone, Debug, PartialEq)]
pub enum Moved {
    /// A partition of a topic, or all of them.
    Leader {
        /// The topic's name.
        topic: String,
        /// Its partition's number.
        partition: Option<u32>,
    },
    /// The coordinator of this group, and of all whose commits are in the same partition.
    Coordinator {
        /// The group's name.
        group: String,
    },
    /// All that a broker leads and coordinates.
    Broker(u32),
}

impl Move {
    /// For ever, since ever.
    pub fn new(of: Moved, to: Option<u32>) -> Self {
        Self {
            of,
            to,
            from: 0.0,
            until: None,
        }
    }

    /// For a while only.
    pub fn between(mut self, from: Time, until: Time) -> Self {
        self.from = from;
        self.until = Some(until);
        self
    }

    /// How many elections it has meant by `now`.
    pub(super) fn elections(&self, now: Time) -> i32 {
        i32::from(self.from <= now) + i32::from(self.until.is_some_and(|until| until <= now))
    }

    pub(super) fn is_on(&self, now: Time) -> bool {
        self.elections(now) == 1
    }
}

/// All that goes wrong, at one moment's reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    faults: Vec<(u64, Fault)>,
    pub(super) moves: Vec<(u64, Move)>,
    next: u64,
}

impl Faults {
    /// Those that a broker has with a question, in the order they were switched on.
    pub(super) fn on(&self, broker: u32, api: ApiKey, now: Time) -> impl Iterator<Item = &Fault> {
        let faults = self.faults.iter().map(|(_, fault)| fault);
        faults.filter(move |fault| {
            fault.is_on(now) && fault.is_at(broker) && fault.api.is_none_or(|only| only == api)
        })
    }

    pub(super) fn refuses(&self, broker: u32, now: Time) -> bool {
        self.refusals(broker).any(|fault| fault.is_on(now))
    }

    /// Whether it refuses, did, or will.
    pub(super) fn may_refuse(&self, broker: u32) -> bool {
        self.refusals(broker).next().is_some()
    }

    fn refusals(&self, broker: u32) -> impl Iterator<Item = &Fault> {
        let faults = self.faults.iter().map(|(_, fault)| fault);
        faults.filter(move |fault| fault.trouble == Trouble::Refuses && fault.is_at(broker))
    }
}

/// The switchboard: faults can be switched on and off while the cluster runs.
pub(super) struct Switches {
    faults: RwLock<Arc<Faults>>,
    /// Tells brokers to look again.
    changed: watch::Sender<()>,
}

/// Names a fault or a move that was switched on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Switch(u64);

impl Switches {
    pub(super) fn new() -> Self {
        Self {
            faults: RwLock::default(),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn now(&self) -> Arc<Faults> {
        let faults = self.faults.read();
        Arc::clone(&faults.expect("nobody panics while switching"))
    }

    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn switch_on(&self, fault: Fault) -> Switch {
        self.change(|faults| {
            faults.next += 1;
            faults.faults.push((faults.next, fault));
            Switch(faults.next)
        })
    }

    pub(super) fn shift(&self, moved: Move) -> Switch {
        self.change(|faults| {
            faults.next += 1;
            faults.moves.push((faults.next, moved));
            Switch(faults.next)
        })
    }

    /// What has moved goes back, with an election more: epochs never fall.
    pub(super) fn switch_off(&self, switch: Switch, now: Time) {
        self.change(|faults| {
            faults.faults.retain(|(id, _)| *id != switch.0);
            for (id, moved) in &mut faults.moves {
                if *id == switch.0 && moved.is_on(now) {
                    moved.until = Some(now);
                }
            }
        });
    }

    pub(super) fn switch_all_off(&self, now: Time) {
        self.change(|faults| {
            faults.faults.clear();
            for (_, moved) in &mut faults.moves {
                if moved.is_on(now) {
                    moved.until = Some(now);
                }
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
        let mut faults = self.faults.write().expect("nobody panics while switching");
        let result = change(Arc::make_mut(&mut faults));
        drop(faults);
        self.changed.send_replace(());
        result
    }
}
