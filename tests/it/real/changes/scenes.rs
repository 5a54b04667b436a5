//! The changes, as data: what is done, step by step, and what must be published in the end of each.

use super::published::{Truth, Waits};
use super::stage::Stage;
use crate::kafka::clients::Protocol;

/// One change.
pub(super) struct Scene {
    pub(super) title: &'static str,
    /// Before the daemon starts.
    pub(super) begin: fn(&Stage),
    pub(super) steps: Vec<Step>,
}

/// A step of it.
pub(super) struct Step {
    pub(super) what: &'static str,
    pub(super) act: fn(&Stage),
    pub(super) truth: Truth,
    /// Between two samples: the daemon stands still meanwhile.
    pub(super) unseen: bool,
    /// Messages arrive while it is watched, one by one.
    pub(super) arrives: bool,
}

fn step(what: &'static str, act: fn(&Stage), truth: Truth) -> Step {
    Step {
        what,
        act,
        truth,
        unseen: false,
        arrives: false,
    }
}

fn arrives(messages: &'static str, act: fn(&Stage), truth: Truth) -> Step {
    Step {
        arrives: true,
        ..step(messages, act, truth)
    }
}

fn unseen(what: &'static str, act: fn(&Stage), truth: Truth) -> Step {
    Step {
        unseen: true,
        ..step(what, act, truth)
    }
}

/// So many messages wait, the oldest of them since a step.
fn lag(messages: u32, step: usize) -> Truth {
    Truth {
        lag: Some(f64::from(messages)),
        waits: Waits::SinceStep(step),
        unknown: Some(0.0),
        ..Truth::default()
    }
}

const CAUGHT_UP: Truth = Truth {
    lag: Some(0.0),
    waits: Waits::Nothing,
    unknown: Some(0.0),
    counters: &[],
    group: None,
};

const GONE: Truth = Truth {
    lag: None,
    waits: Waits::Unknown,
    unknown: None,
    counters: &[],
    group: None,
};

impl Truth {
    fn counted(self, counters: &'static [(&'static str, f64)]) -> Self {
        Self { counters, ..self }
    }

    fn group(self, state: &'static str, members: f64) -> Self {
        let group = Some((state, members));
        Self { group, ..self }
    }
}

impl Stage {
    fn create(&self) {
        self.kafka.create_topic(&self.topic, 1, 1);
    }

    fn produce(&self, count: usize) {
        self.kafka.produce(&self.topic, 0, count);
    }

    fn commit(&self, offset: i64) {
        self.kafka.commit(&self.group, &self.topic, &[(0, offset)]);
    }

    /// 100 messages, of which 60 are committed.
    fn lags_by_40(&self) {
        self.produce(100);
        self.commit(60);
    }

    fn reset(&self, to: &str) {
        let topic = self.topic.as_str();
        self.tool(&["--reset-offsets", "--execute", "--topic", topic, to]);
    }

    /// `kafka-consumer-groups` for the group. Its own five seconds are too few where several JVMs start at once.
    fn tool(&self, args: &[&str]) {
        let for_group = ["--timeout", "60000", "--group", &self.group];
        self.kafka.consumer_groups(&[args, &for_group].concat());
    }
}

fn before() -> Step {
    step(
        "before: 100 messages, 60 committed",
        Stage::lags_by_40,
        lag(40, 0),
    )
}

fn scene(title: &'static str, steps: Vec<Step>) -> Scene {
    let mut all = vec![before()];
    all.extend(steps);
    Scene {
        title,
        begin: Stage::create,
        steps: all,
    }
}

pub(super) fn all() -> Vec<Scene> {
    let mut scenes = topics();
    scenes.extend(groups());
    scenes.extend(deletions());
    scenes
}

fn topics() -> Vec<Scene> {
    let delete = |s: &Stage| s.kafka.delete_topic(&s.topic);
    vec![
        scene(
            "topic deleted; made again later",
            vec![
                step("deleted (Kafka drops the commits with it)", delete, GONE),
                step(
                    "made again, and the group commits 0",
                    |s| {
                        s.create();
                        s.commit(0);
                    },
                    CAUGHT_UP,
                ),
                arrives("5 messages", |s| s.produce(5), lag(5, 3)),
            ],
        ),
        scene(
            "topic made again between two samples; a consumer goes on where it was, beyond the end",
            vec![
                unseen(
                    "5 messages, 60 committed",
                    |s| {
                        made_again(s, 5);
                        s.commit(60);
                    },
                    Truth {
                        unknown: Some(1.0),
                        ..GONE
                    }
                    .counted(&[("past_end", 1.0), ("recreated", 1.0)]),
                ),
                step(
                    "it commits 5",
                    |s| s.commit(5),
                    CAUGHT_UP.counted(&[("past_end", 1.0), ("recreated", 1.0)]),
                ),
                arrives(
                    "7 more messages",
                    |s| s.produce(7),
                    lag(7, 3).counted(&[("past_end", 1.0), ("recreated", 1.0)]),
                ),
            ],
        ),
        scene(
            "topic made again between two samples; a consumer goes on where it was, inside the new log",
            vec![
                unseen(
                    "150 messages, 60 committed",
                    |s| {
                        made_again(s, 150);
                        s.commit(60);
                    },
                    lag(90, 1).counted(&[("recreated", 1.0)]),
                ),
                step(
                    "it commits 150",
                    |s| s.commit(150),
                    CAUGHT_UP.counted(&[("recreated", 1.0)]),
                ),
                arrives(
                    "10 more messages",
                    |s| s.produce(10),
                    lag(10, 3).counted(&[("recreated", 1.0)]),
                ),
            ],
        ),
        scene(
            "partitions added",
            vec![
                step(
                    "two, with 10 messages each",
                    |s| {
                        s.kafka.add_partitions(&s.topic, 3);
                        for partition in [1, 2] {
                            s.kafka.produce(&s.topic, partition, 10);
                        }
                    },
                    lag(40, 0),
                ),
                step(
                    "the group commits 4 in one of them",
                    |s| s.kafka.commit(&s.group, &s.topic, &[(1, 4)]),
                    lag(46, 0),
                ),
                step(
                    "and all 10 of them",
                    |s| s.kafka.commit(&s.group, &s.topic, &[(1, 10)]),
                    lag(40, 0),
                ),
            ],
        ),
    ]
}

fn made_again(stage: &Stage, messages: usize) {
    stage.kafka.delete_topic(&stage.topic);
    stage.create();
    stage.produce(messages);
}

fn groups() -> Vec<Scene> {
    vec![
        scene(
            "offsets reset backwards",
            vec![step(
                "`--reset-offsets --to-earliest`",
                |s| s.reset("--to-earliest"),
                lag(100, 0).counted(&[("reprocessed", 60.0), ("rewound", 1.0)]),
            )],
        ),
        scene(
            "offsets reset forwards",
            vec![step(
                "`--reset-offsets --to-latest`",
                |s| s.reset("--to-latest"),
                CAUGHT_UP,
            )],
        ),
        scene(
            "group deleted",
            vec![
                step("`--delete`", |s| s.tool(&["--delete"]), GONE),
                step("it commits 90", |s| s.commit(90), lag(10, 0)),
            ],
        ),
        Scene {
            title: "last member leaves",
            begin: Stage::create,
            steps: vec![
                step(
                    "before: 100 messages, 60 committed, one member",
                    |s| {
                        s.produce(100);
                        let member = s.kafka.join(&s.group, &[&s.topic], Protocol::Classic);
                        member.commit(&s.topic, &[(0, 60)]);
                        *s.member.lock().expect("not poisoned") = Some(member);
                    },
                    lag(40, 0).group("Stable", 1.0),
                ),
                step(
                    "it leaves",
                    |s| drop(s.member.lock().expect("not poisoned").take()),
                    lag(40, 0).group("Empty", 0.0),
                ),
            ],
        },
    ]
}

fn deletions() -> Vec<Scene> {
    vec![
        scene(
            "records deleted below a lagging group",
            vec![
                step(
                    "DeleteRecords up to 80",
                    |s| s.kafka.delete_records(&s.topic, 0, 80),
                    lag(40, 0).counted(&[("lost", 20.0)]),
                ),
                step(
                    "it commits 80, the new beginning",
                    |s| s.commit(80),
                    lag(20, 0).counted(&[("lost", 20.0), ("skipped", 1.0)]),
                ),
            ],
        ),
        scene(
            "topic emptied",
            vec![
                step(
                    "DeleteRecords up to the end",
                    |s| s.kafka.delete_records(&s.topic, 0, 100),
                    lag(40, 0).counted(&[("lost", 40.0)]),
                ),
                step(
                    "`--reset-offsets --to-latest`",
                    |s| s.reset("--to-latest"),
                    CAUGHT_UP.counted(&[("lost", 40.0), ("skipped", 1.0)]),
                ),
            ],
        ),
        scene(
            "a group deletes what it has read, as Kafka Streams does",
            vec![step(
                "it commits 90, and deletes up to 90 at once",
                |s| {
                    s.commit(90);
                    s.kafka.delete_records(&s.topic, 0, 90);
                },
                lag(10, 0),
            )],
        ),
        Scene {
            title: "retention eats a lagging group",
            begin: |s| {
                s.kafka.create_topic_with(
                    &s.topic,
                    1,
                    &[("retention.ms", "-1"), ("segment.ms", HOUR_MS)],
                )
            },
            steps: vec![
                step(
                    "before: 80 messages that say they are two hours old, 20 of now, 60 committed",
                    |s| {
                        s.kafka.produce_old(&s.topic, 0, 80, 2 * 3_600_000);
                        s.produce(20);
                        s.commit(60);
                    },
                    lag(40, 0),
                ),
                step(
                    "`retention.ms` is set to an hour",
                    |s| {
                        s.kafka.alter_topic(
                            &s.topic,
                            &[("retention.ms", HOUR_MS), ("segment.ms", HOUR_MS)],
                        )
                    },
                    lag(40, 0).counted(&[("lost", 20.0)]),
                ),
                step(
                    "it commits 80, the new beginning",
                    |s| s.commit(80),
                    lag(20, 0).counted(&[("lost", 20.0), ("skipped", 1.0)]),
                ),
            ],
        },
    ]
}

const HOUR_MS: &str = "3600000";
