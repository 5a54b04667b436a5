//! Random histories: whatever happens, what is published is sane; and what does not matter does not matter.

use super::{BEGIN, INTERVAL, Read, Told};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{Report, Slope, TopicReport};
use proptest::prelude::*;

/// What happens to a partition in one cycle.
#[derive(Clone, Copy, Debug)]
enum Event {
    Moves { arrived: u64, read: u64 },
    Unread,
    Uncommitted,
    Rewound(u64),
    Recreated,
    Deleted(u64),
    PastEnd(u64),
}

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

fn apply(read: &mut Read, event: Event) -> Read {
    let (log_end, committed) = (read.log_end.unwrap_or(0), read.committed.unwrap_or(0));
    match event {
        Event::Moves { arrived, read: n } => {
            read.log_end = Some(log_end + arrived);
            read.committed = Some((committed + n).min(log_end + arrived).max(committed));
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
                log_start: 0,
                log_end: Some(0),
                committed: read.committed,
            }
        }
        Event::Deleted(n) => read.log_start = (read.log_start + n).min(log_end),
        Event::PastEnd(by) => read.committed = Some(log_end + by),
    }
    *read
}

fn is_sane(report: &Report) -> bool {
    let topics = report.groups.iter().flat_map(|group| &group.topics);
    topics.into_iter().all(|topic| {
        let seconds = [
            topic.time_lag_seconds,
            topic.drain_seconds,
            topic.production_rate,
            topic.consumption_rate,
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
        numbers.flatten().all(|x| x.is_finite() && x >= 0.0) && { slopes }.all(is_ordered)
    })
}

fn is_ordered(s: Slope) -> bool {
    s.slope.is_finite() && s.lower <= s.slope && s.slope <= s.upper
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
    fn nothing_insane_is_ever_published(
        history in prop::collection::vec((prop::collection::vec(event(), 3), prop::bool::weighted(0.9), 1.0..60.0), 1..250),
    ) {
        let mut told = Told::new(Ceilings { lag_messages: Some(5_000.0), delay_seconds: Some(60.0) });
        let mut partitions = [super::read(0, 0); 3];
        let mut at = BEGIN;
        for (events, answered, seconds) in history {
            at += seconds;
            let reads: Vec<_> = partitions.iter_mut().zip(events).map(|(p, e)| apply(p, e)).collect();
            let report = told.report(at, &reads, answered);
            prop_assert!(is_sane(&report), "{report:?}");
        }
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
