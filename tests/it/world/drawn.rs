//! Worlds drawn at random.

use lagslope::simulator::World;
use lagslope::simulator::arrivals::{Arrivals, Pulse, Swing};
use lagslope::simulator::delay::Delay;
use lagslope::simulator::group::{Absence, Group};
use lagslope::simulator::occurrence::Occurrence;
use lagslope::simulator::topic::{Hanging, Retention, Spread, Topic};
use proptest::prelude::*;

/// When everything begins: neither zero nor on a boundary of anything.
pub(crate) const BEGIN: f64 = 1_700_000_003.0;

/// How long is looked at, in seconds.
pub(crate) const SPAN: f64 = 7_200.0;

/// A moment within the span.
pub(crate) fn moment() -> impl Strategy<Value = f64> {
    (0.0..SPAN).prop_map(|t| BEGIN + t)
}

fn occurrence() -> impl Strategy<Value = Occurrence> {
    (moment(), prop::option::of(400.0..3_000.0))
        .prop_map(|(first, every)| Occurrence { first, every })
}

pub(crate) fn arrivals() -> impl Strategy<Value = Arrivals> {
    let steps = prop::collection::vec((moment(), 0.0..50.0), 0..3);
    let swings = prop::collection::vec((0.0..0.5, 60.0..86_400.0, moment()), 0..3);
    let pulses = prop::collection::vec((occurrence(), 1.0..300.0, 0.0..100.0), 0..3);
    (0.0..50.0, steps, swings, pulses).prop_map(|(rate, mut steps, swings, pulses)| {
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut arrivals = Arrivals::steady(BEGIN, rate);
        arrivals.steps = steps;
        let swings = swings.into_iter().map(|(share, period, phase)| Swing {
            share,
            period,
            phase,
        });
        arrivals.swings = swings.collect();
        let pulses = pulses.into_iter().map(|(begins, seconds, rate)| Pulse {
            begins,
            seconds,
            rate,
        });
        arrivals.pulses = pulses.collect();
        arrivals
    })
}

/// One more part of a line.
#[derive(Clone, Copy, Debug)]
enum Part {
    Hold(f64),
    Stop(f64),
    FallBehind(f64, f64),
    Drain(f64, f64),
    Skip(f64),
    Rewind(f64),
}

impl Part {
    fn append(self, line: Delay) -> Delay {
        match self {
            Self::Hold(seconds) => line.hold(seconds),
            Self::Stop(seconds) => line.stop(seconds),
            Self::FallBehind(share, seconds) => line.fall_behind(share, seconds),
            Self::Drain(to, seconds) => line.drain(to, seconds),
            Self::Skip(to) => line.skip(to),
            Self::Rewind(seconds) => line.rewind(seconds),
        }
    }
}

/// With rewinds or without.
pub(crate) fn delay(rewinds: bool) -> impl Strategy<Value = Delay> {
    let seconds = || 1.0..900.0;
    let part = prop_oneof![
        seconds().prop_map(Part::Hold),
        seconds().prop_map(Part::Stop),
        (0.0..0.99, seconds()).prop_map(|(share, seconds)| Part::FallBehind(share, seconds)),
        (0.0..300.0, seconds()).prop_map(|(to, seconds)| Part::Drain(to, seconds)),
        (0.0..300.0).prop_map(Part::Skip),
        (0.0..300.0).prop_map(move |s| if rewinds {
            Part::Rewind(s)
        } else {
            Part::Hold(s)
        }),
    ];
    let parts = prop::collection::vec(part, 0..8);
    (moment(), 0.0..60.0, parts, any::<bool>()).prop_map(|(at, usual, parts, repeats)| {
        let begin = Delay::until(at, usual);
        let line = parts
            .into_iter()
            .fold(begin, |line, part| part.append(line));
        // As high at the end as at the beginning, or the repetition is a rewind.
        let line = line.drain(usual, 900.0);
        let end = line.points.last().expect("it has a beginning").0;
        let high = line.points.last().is_some_and(|(_, high)| *high >= usual);
        if repeats && high {
            line.repeat_every(end - at + 60.0)
        } else {
            line
        }
    })
}

pub(crate) fn topic() -> impl Strategy<Value = Topic> {
    let spread = prop_oneof![
        Just(Spread::Even),
        (0.0..1.0).prop_map(|slope| Spread::Sloped { slope }),
        (0u32..4, 0.0..1.0).prop_map(|(partition, share)| Spread::Hot { partition, share }),
    ];
    let retention = (
        prop::option::of(60.0..4_000.0),
        prop::option::of(10u64..100_000),
        30.0..900.0,
    );
    let recreated = prop::option::of((moment(), 0.0..100.0));
    let hanging = prop::option::of((0u32..4, moment(), prop::option::of(1.0..500.0)));
    (1u32..5, arrivals(), spread, retention, recreated, hanging).prop_map(
        |(partitions, arrivals, spread, (seconds, messages, segment_seconds), again, hanging)| {
            let mut topic = Topic::new("orders", partitions, arrivals)
                .spread(spread)
                .keeping(Retention {
                    seconds,
                    messages,
                    segment_seconds,
                    ..Retention::default()
                });
            if let Some((deleted, gone)) = again {
                topic = topic.recreated(deleted, deleted + gone);
            }
            let hanging = hanging.map(|(partition, since, seconds)| Hanging {
                partition,
                since,
                until: seconds.map(|seconds| since + seconds),
            });
            topic.hanging.extend(hanging);
            topic
        },
    )
}

pub(crate) fn group(rewinds: bool) -> impl Strategy<Value = Group> {
    let absence = prop::option::of((occurrence(), 5.0..300.0));
    let rebalances = prop::collection::vec(occurrence(), 0..4);
    let exception = prop::option::of((0u32..4, delay(rewinds)));
    (
        delay(rewinds),
        exception,
        (1.0..60.0, 0.0..1.0, 0u32..5),
        absence,
        rebalances,
    )
        .prop_map(
            |(line, exception, (every, jitter, members), absence, rebalances)| {
                let mut group = Group::new("payments")
                    .reading(0, line)
                    .with_members(members)
                    .committing(every, every * jitter);
                group.since = BEGIN;
                group.reads[0].exceptions.extend(exception);
                let absence = absence.map(|(begins, seconds)| Absence { begins, seconds });
                group.absences.extend(absence);
                group.rebalances = rebalances;
                group
            },
        )
}

/// One topic and its one reader.
pub(crate) fn world(rewinds: bool) -> impl Strategy<Value = World> {
    (topic(), group(rewinds), any::<u64>()).prop_map(|(topic, group, seed)| {
        let mut world = World::new(3, seed);
        world.add_topic(topic);
        world.add_group(group);
        world
    })
}
