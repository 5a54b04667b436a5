//! What the detectors say of simulated worlds, read straight off them: each trouble is called, and nothing else.

use std::collections::BTreeMap;
use std::ops::Range;

use lagslope::analysis::report::{Report, Severity};
use lagslope::analysis::sample::Sample;
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings, Signal};
use lagslope::config::RetryPatterns;
use lagslope::demo::told::Teller;
use lagslope::demo::{cast, past};
use lagslope::simulator::World;
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::group::Group;
use lagslope::simulator::occurrence::Occurrence;
use lagslope::simulator::scenario::{Act, Scenario};
use lagslope::simulator::topic::{Retention, Topic};

use Severity::{Critical, Ok, Warning};
use Signal::{Ceiling, Divergence, LagGrowth, RetryStorm};

const NOW: f64 = 1_700_000_003.0;

/// When a verdict became another: group, topic, signal, seconds from the beginning of the second act, the verdict.
#[derive(Debug)]
struct Change {
    group: String,
    topic: String,
    signal: Signal,
    at: f64,
    severity: Option<Severity>,
}

impl Change {
    fn is_raised(&self) -> bool {
        self.severity > Some(Ok)
    }
}

/// As much as the demo has, in seconds.
const PAST_SECONDS: f64 = 7_200.0;

/// What changed from two hours before `now` until `after` seconds after it, `tell` told of each sample.
fn changes(
    world: &World,
    now: f64,
    after: f64,
    interval: f64,
    tell: impl Fn(&World, &mut Sample),
) -> Vec<Change> {
    let (mut before, mut changes) = (BTreeMap::new(), Vec::new());
    let span = now - PAST_SECONDS..now + after;
    observe(world, span, interval, tell, |report| {
        note(report, &mut before, &mut changes);
    });
    changes.iter_mut().for_each(|change| change.at -= now);
    changes
}

/// Looks at a world for a while, `hear` told of each report.
fn observe(
    world: &World,
    span: Range<f64>,
    interval: f64,
    tell: impl Fn(&World, &mut Sample),
    mut hear: impl FnMut(&Report),
) {
    let rules_of = move |group: &str, _: &str| {
        let ceiling = cast::CEILINGS.iter().find(|(name, _)| *name == group);
        let ceilings = Ceilings {
            lag_messages: ceiling.map(|(_, messages)| f64::from(*messages)),
            delay_seconds: None,
        };
        Rules::new(Settings::new(interval), ceilings)
    };
    let patterns = RetryPatterns::default();
    let names = Box::new(move |topic: &str| patterns.name_of(topic));
    let mut analysis = Analysis::new(Box::new(rules_of), names);
    for mut sample in past::samples(world, 0..world.groups.len(), span, interval) {
        tell(world, &mut sample);
        hear(&analysis.observe(sample));
    }
}

type Verdicts = BTreeMap<(String, String, &'static str), Option<Severity>>;

fn note(report: &Report, before: &mut Verdicts, changes: &mut Vec<Change>) {
    for group in &report.groups {
        for topic in &group.topics {
            for signal in Signal::ALL {
                let (name, topic_name) = (group.name.to_string(), topic.topic.to_string());
                let severity = topic.severity(signal);
                let key = (name.clone(), topic_name.clone(), signal.name());
                if before.insert(key, severity).flatten() != severity {
                    changes.push(Change {
                        group: name,
                        topic: topic_name,
                        signal,
                        at: report.at,
                        severity,
                    });
                }
            }
        }
    }
}

/// `(group, signal, verdict)` that the audience sees in the first two minutes, and what was raised when the curtain rose.
const PLAY: &[(&str, Signal, Severity)] = &[
    ("payments", LagGrowth, Critical),
    ("shipping", LagGrowth, Critical),
    ("shipping", LagGrowth, Ok),
    ("billing", LagGrowth, Ok),
    ("thumbnails", Ceiling, Warning),
    ("audit-archive", Ceiling, Critical),
    ("search-indexer", Divergence, Warning),
    ("email-sender", RetryStorm, Warning),
    ("fraud-check", RetryStorm, Ok),
    ("notifications", RetryStorm, Warning),
];

const RAISED_BEFORE: &[(&str, Signal)] = &[
    ("billing", LagGrowth),
    ("audit-archive", LagGrowth),
    ("fraud-check", RetryStorm),
    // A few seconds before: a stall is called sooner than a tail.
    ("search-indexer", LagGrowth),
];

#[test]
fn the_demo_shows_each_signal_within_two_minutes_and_calls_nobody_else() {
    // Detectors look by minutes of the clock, so that signal 1 is up to a minute earlier or later with another beginning; of the
    // sixty seconds this is one in the middle.
    check_play(&changes(&cast::world(NOW), NOW, 130.0, 5.0, |_, _| ()));
}

fn check_play(changes: &[Change]) {
    for (group, signal, severity) in PLAY {
        let seen = changes.iter().any(|change| {
            let is_it = change.group == *group && change.signal == *signal;
            is_it && change.severity == Some(*severity) && (2.0..120.0).contains(&change.at)
        });
        assert!(seen, "{group} {signal:?} {severity:?}: {changes:#?}");
    }
    for change in changes.iter().filter(|change| change.is_raised()) {
        let (who, at) = ((change.group.as_str(), change.signal), change.at);
        let is_played = PLAY
            .iter()
            .any(|(group, signal, _)| (*group, *signal) == who);
        let began_before = RAISED_BEFORE.contains(&who);
        assert!(is_played || began_before, "{change:?}");
        assert!(at > 0.0 || began_before, "{change:?}: before the curtain");
    }
}

const RATE: f64 = 1_000.0;

/// A group of two topics: one has the trouble, beginning at `NOW`, and the other none.
fn world_of(scenario: Scenario) -> World {
    let mut world = World::new(3, 1);
    let topic = |name: &str| {
        let arrivals = Arrivals::steady(NOW - 86_400.0, RATE);
        Topic::new(name, 8, arrivals).keeping(Retention {
            seconds: Some(1_200.0),
            segment_seconds: 10.0,
            checked_every: 10.0,
            ..Retention::default()
        })
    };
    let quiet = Act::steady(topic("quiet"));
    let begins = match scenario {
        // Long enough for it to be usual.
        Scenario::Sawtooth { .. } => NOW - 10_000.0,
        _ => NOW,
    };
    let troubled = Act::steady(topic("troubled")).with(scenario, Occurrence::once(begins));
    let group = Group::new("group").with_members(4).committing(2.0, 1.0);
    world.act(group, &[quiet, troubled]);
    world
}

/// `(the trouble, the signals that it raises within the hour)`.
const CALLED: &[(Scenario, &[Signal])] = &[
    (Scenario::Steady, &[]),
    (Scenario::Idle, &[]),
    (Scenario::Recreated { gone: 10.0 }, &[]),
    (Scenario::Sawtooth { every: 60.0 }, &[]),
    (
        Scenario::Diurnal {
            share: 0.5,
            period: 86_400.0,
        },
        &[],
    ),
    (
        Scenario::Drain {
            behind: 60.0,
            drains: 600.0,
        },
        &[],
    ),
    (
        Scenario::Spike {
            times: 5.0,
            seconds: 60.0,
            capacity: 2.0,
        },
        &[],
    ),
    (
        Scenario::Overload {
            share: 0.05,
            lasts: 3_000.0,
            drains: 600.0,
        },
        &[LagGrowth],
    ),
    (
        Scenario::Stopped {
            seconds: 600.0,
            drains: 60.0,
            leaves: false,
        },
        &[LagGrowth],
    ),
    (
        Scenario::SlowPartition {
            partition: 3,
            share: 0.5,
            lasts: 1_800.0,
            drains: 300.0,
        },
        &[Divergence, LagGrowth],
    ),
    (
        Scenario::PoisonMessage {
            partition: 3,
            seconds: 1_000.0,
            drains: 300.0,
        },
        &[Divergence, LagGrowth],
    ),
    (
        Scenario::RetryLoop {
            share: 0.5,
            usual: 0.01,
            seconds: 900.0,
        },
        &[RetryStorm],
    ),
    (
        Scenario::Rewinds {
            back: 30.0,
            every: 300.0,
            times: 4,
        },
        &[RetryStorm],
    ),
    (
        Scenario::Churn {
            every: 40.0,
            times: 30,
        },
        &[RetryStorm],
    ),
    (
        Scenario::RetentionEatsTail {
            share: 0.9,
            loses: 300.0,
            drains: 300.0,
        },
        &[Ceiling, LagGrowth],
    ),
];

#[test]
fn each_scenario_raises_what_it_should_and_only_where_it_is() {
    for (scenario, expected) in CALLED {
        // Queries don't tell generations; the stream of commits does.
        let changes = changes(&world_of(*scenario), NOW, 3_600.0, 15.0, |world, sample| {
            sample.groups[0].generation = Some(world.groups[0].generation(sample.at));
        });
        let raised: Vec<&Change> = changes.iter().filter(|change| change.is_raised()).collect();
        let mut signals: Vec<&str> = raised.iter().map(|change| change.signal.name()).collect();
        signals.sort_unstable();
        signals.dedup();
        let mut wanted: Vec<&str> = expected.iter().map(|signal| signal.name()).collect();
        wanted.sort_unstable();
        assert_eq!(signals, wanted, "{scenario:?}: {raised:#?}");
        for change in raised {
            // A rebalance is the whole group's.
            let is_here = change.topic != "quiet" || matches!(scenario, Scenario::Churn { .. });
            assert!(is_here && change.at >= 0.0, "{scenario:?}: {change:?}");
        }
    }
}

#[test]
fn a_line_is_said_when_a_verdict_changes_and_not_again() {
    let stopped = Scenario::Stopped {
        seconds: 600.0,
        drains: 60.0,
        leaves: false,
    };
    let world = world_of(stopped);
    let mut teller = Teller::new(NOW);
    let mut lines = Vec::new();
    let span = NOW - PAST_SECONDS..NOW + 1_800.0;
    observe(
        &world,
        span,
        15.0,
        |_, _| (),
        |report| lines.extend(teller.hear(report)),
    );
    let told = [
        (
            "   3:00  lag_growth   group/troubled",
            "CRITICAL  messages wait and nothing is committed, for 3 min, loses messages in 17 min",
        ),
        ("  10:45  lag_growth   group/troubled", "ok again"),
    ];
    assert_eq!(lines.len(), told.len(), "{lines:#?}");
    for (line, (begins, ends)) in lines.iter().zip(told) {
        assert!(line.starts_with(begins) && line.ends_with(ends), "{line}");
    }
}
