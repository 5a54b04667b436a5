//! Random histories: whatever happens, what is published is sane; and what does not matter does not matter.

use super::evidence::contradiction;
use super::{BEGIN, INTERVAL, Read, Told};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{GrowthState, Report, Slope, TopicReport};
use proptest::prelude::*;

/// What happens to a partition in one cycle.
#[derive(Clone, Copy, Debug)]
enum Event {
    Moves {
        arrived: u64,
        read: u64,
    },
    Unread,
    Uncommitted,
    Rewound(u64),
    Recreated,
    Deleted(u64),
    PastEnd(u64),
    /// Both ends leap, as far as Kafka's offsets reach.
    Leaps(u64),
}

/// What happens to the whole in one cycle.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Calm,
    /// The group's coordinator does not answer.
    Silent,
    /// Two brokers miss cycles in turn, for so many of them.
    Alternating(usize),
    /// Nobody looked for about an hour.
    Gap(f64),
    /// The topic is made again; commits are left over.
    Recreated,
    /// The topic has one more partition.
    Grown,
}

const PARTITIONS: usize = 3;
const MOST_PARTITIONS: usize = 6;
const MOST_OFFSET: u64 = i64::MAX as u64;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => (0u64..2_000, 0u64..2_000).prop_map(|(arrived, read)| Event::Moves { arrived, read }),
        2 => Just(Event::Unread),
        1 => Just(Event::Uncommitted),
        1 => (0u64..5_000).prop_map(Event::Rewound),
        1 => Just(Event::Recreated),
        1 => (0u64..5_000).prop_map(Event::Deleted),
        1 => (0u64..500).prop_map(Event::PastEnd),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![
        40 => Just(Weather::Calm),
        4 => Just(Weather::Silent),
        2 => (2usize..20).prop_map(Weather::Alternating),
        1 => (3_000.0..4_000.0).prop_map(Weather::Gap),
        1 => Just(Weather::Recreated),
        1 => Just(Weather::Grown),
    ]
}

/// Histories of a cluster: what happens to each partition and to the whole, and the seconds to the next cycle.
fn history(
    event: impl Strategy<Value = Event>,
) -> impl Strategy<Value = Vec<(Vec<Event>, Weather, f64)>> {
    let events = prop::collection::vec(event, MOST_PARTITIONS);
    prop::collection::vec((events, weather(), 1.0..60.0), 1..250)
}

/// Tells a history; the first report that is not sane.
fn first_insane(history: Vec<(Vec<Event>, Weather, f64)>) -> Option<Report> {
    let mut told = Told::new(Ceilings {
        lag_messages: Some(5_000.0),
        delay_seconds: Some(60.0),
    });
    let mut partitions = vec![super::read(0, 0); PARTITIONS];
    let (mut at, mut alternating) = (BEGIN, 0usize);
    history.into_iter().find_map(|(events, weather, seconds)| {
        at += seconds;
        alternating = alternating.saturating_sub(1);
        match weather {
            Weather::Calm | Weather::Silent => {}
            Weather::Alternating(cycles) => alternating = cycles,
            Weather::Gap(seconds) => at += seconds,
            Weather::Grown if partitions.len() == MOST_PARTITIONS => {}
            Weather::Grown => partitions.push(super::read(0, 0)),
            Weather::Recreated => {
                told.topic_id = told.topic_id.map(|id| id + 1);
                partitions.truncate(PARTITIONS);
                for partition in &mut partitions {
                    apply(partition, Event::Recreated);
                }
            }
        }
        let reads = partitions.iter_mut().zip(events);
        let mut reads: Vec<_> = reads.map(|(p, event)| apply(p, event)).collect();
        if alternating > 0 {
            reads[alternating % 2].log_end = None;
        }
        let report = told.report(at, &reads, !matches!(weather, Weather::Silent));
        (!is_sane(&report) || contradicts_itself(&report, &told)).then_some(report)
    })
}

fn apply(read: &mut Read, event: Event) -> Read {
    let (log_end, committed) = (read.log_end.unwrap_or(0), read.committed.unwrap_or(0));
    match event {
        Event::Moves { arrived, read: n } => {
            let log_end = (log_end + arrived).min(MOST_OFFSET);
            read.log_end = Some(log_end);
            read.committed = Some((committed + n).min(log_end).max(committed));
        }
        Event::Unread => {
            return Read {
                log_end: None,
                ..*read
            };
        }
        Event::Uncommitted => {
            return Read {
                committed: None,
                ..*read
            };
        }
        Event::Rewound(by) => read.committed = Some(committed.saturating_sub(by)),
        Event::Recreated => {
            *read = Read {
                log_end: Some(0),
                committed: read.committed,
                ..Read::default()
            }
        }
        Event::Deleted(n) => read.log_start = (read.log_start + n).min(log_end),
        Event::PastEnd(by) => read.committed = Some((log_end + by).min(MOST_OFFSET)),
        Event::Leaps(to) => {
            read.log_end = Some(log_end.max(to));
            read.committed = Some(MOST_OFFSET - to);
        }
    }
    *read
}

/// What the verdicts rest on says otherwise.
fn contradicts_itself(report: &Report, told: &Told) -> bool {
    let mut topics = report.groups.iter().flat_map(|group| &group.topics);
    topics.any(|topic| {
        let why = told.explain().expect("it is known");
        contradiction(topic, &why).is_some()
    })
}

fn is_sane(report: &Report) -> bool {
    let ages = report.groups.iter().map(|group| group.sample_age_seconds);
    let topics = report.groups.iter().flat_map(|group| &group.topics);
    let is_count = |x: f64| x.is_finite() && x >= 0.0;
    { ages }.flatten().all(is_count) && { topics }.all(|topic| {
        let growth = topic.lag_growth;
        let seconds = [
            topic.time_lag_seconds,
            topic.drain_seconds,
            topic.production_rate,
            topic.consumption_rate,
            growth.onset.map(|onset| report.at - onset),
            growth.onset_lag_messages,
        ];
        let ceilings = topic.ceilings.iter().flat_map(|c| {
            let eta = c.eta.into_iter();
            let eta = eta.flat_map(|e| [e.lower_seconds, Some(e.seconds), e.upper_seconds]);
            eta.chain([Some(c.utilization_ratio)])
        });
        let partitions = topic.partitions.iter();
        let slopes = partitions.clone().map(|p| p.rate_slope);
        let slopes = slopes
            .chain([topic.rate_slope, topic.trend_slope])
            .flatten();
        let numbers = seconds
            .into_iter()
            .chain(ceilings)
            .chain(partitions.map(|p| p.time_lag_seconds));
        numbers.flatten().all(is_count)
            && { slopes }.all(is_ordered)
            && (growth.severity.is_none() == (growth.state == GrowthState::Unknown))
    })
}

fn is_ordered(s: Slope) -> bool {
    [s.slope, s.lower, s.upper].into_iter().all(f64::is_finite)
        && s.lower <= s.slope
        && s.slope <= s.upper
}

/// Verdict, lag and slope of a consumer whose backlog steps as given, with time and traffic changed.
fn verdicts(steps: &[(u64, u64)], later: f64, scale: u64) -> Vec<Option<TopicReport>> {
    let mut told = Told::new(Ceilings::default());
    let (mut log_end, mut committed) = (0, 0);
    let reports = steps.iter().zip(0u32..).map(|(&(arrived, read), cycle)| {
        log_end += scale * arrived;
        committed = (committed + scale * read).min(log_end);
        told.cycle(
            BEGIN + later + f64::from(cycle) * INTERVAL,
            &[super::read(log_end, committed)],
        )
    });
    reports.collect()
}

fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((900u64..1_100, 700u64..1_150), 150..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_insane_is_ever_published(history in history(event())) {
        let insane = first_insane(history);
        prop_assert!(insane.is_none(), "{insane:?}");
    }

    #[test]
    fn nothing_insane_is_made_of_insane_offsets(
        history in history(prop_oneof![10 => event(), 1 => (0..=MOST_OFFSET).prop_map(Event::Leaps)]),
    ) {
        let insane = first_insane(history);
        prop_assert!(insane.is_none(), "{insane:?}");
    }

    #[test]
    fn shifting_time_changes_nothing(steps in steps(), days in 0u32..1_000) {
        let ours = verdicts(&steps, 0.0, 1);
        // By whole blocks of every level, or the troughs fall into others.
        let later = verdicts(&steps, f64::from(days) * 64.0 * 60.0, 1);
        for (a, b) in ours.iter().zip(&later) {
            let (a, b) = (a.as_ref().unwrap(), b.as_ref().unwrap());
            prop_assert_eq!(a.lag_growth.state, b.lag_growth.state);
            prop_assert_eq!(a.lag_messages, b.lag_messages);
        }
    }

    #[test]
    fn scaling_traffic_changes_no_verdict(steps in steps(), scale in 2u64..1_000) {
        let ours = verdicts(&steps, 0.0, 1);
        let scaled = verdicts(&steps, 0.0, scale);
        for (a, b) in ours.iter().zip(&scaled) {
            let (a, b) = (a.as_ref().unwrap(), b.as_ref().unwrap());
            prop_assert_eq!(a.lag_growth.state, b.lag_growth.state);
            prop_assert_eq!(a.lag_messages.map(|lag| lag * scale), b.lag_messages);
        }
    }
}
