//! What was learned goes on after a restart, ages while nobody watches, belongs to one topic, and can be forgotten.

use std::sync::LazyLock;

use lagslope::analysis::Ceilings;
use lagslope::analysis::learned::{self, Learned};
use lagslope::analysis::report::{GrowthState, TopicReport};
use lagslope::analysis::signal::churn::Churn;
use lagslope::analysis::signal::divergence::{self, Divergence};
use lagslope::analysis::signal::lag_growth::{Lag, Profile, Series};
use lagslope::analysis::signal::retry_storm::{self, RetryStorm};
use lagslope::analysis::signal::straggler::Excursion;
use proptest::prelude::*;

use super::{BEGIN, INTERVAL, Read, Told, read};

const HOUR: f64 = 3600.0;
const MINUTE: f64 = 60.0;
/// How often the batch runs that a group falls behind by, how long before the end of that it begins, and for how long it lasts.
const PERIOD: f64 = 6.0 * HOUR;
const BATCH: f64 = 2.0 * HOUR;
const RISE: f64 = 40.0 * MINUTE;
/// Messages a second by which it falls behind, and catches up afterwards.
const BEHIND: f64 = 200.0;
const AHEAD: f64 = 2_000.0;

/// A thousand messages a second arrive, and in the last hours of each period the group falls behind for `rise` seconds.
fn nightly(t: f64, rise: f64) -> Vec<Read> {
    let into = t.rem_euclid(PERIOD) - (PERIOD - BATCH);
    let risen = BEHIND * into.clamp(0.0, rise);
    let fallen = AHEAD * (into - rise).max(0.0);
    let lag = 500.0 + (risen - fallen).max(0.0);
    let log_end = 10_000_000 + (1_000.0 * t) as u64;
    vec![read(log_end, log_end - lag as u64)]
}

/// Tells the cycles between two times since the beginning.
fn tell(told: &mut Told, from: f64, until: f64, rise: f64) -> Vec<TopicReport> {
    let cycles = ((until - from) / INTERVAL) as u32;
    let times = (0..cycles).map(|cycle| from + f64::from(cycle) * INTERVAL);
    times
        .filter_map(|t| told.cycle(BEGIN + t, &nightly(t, rise)))
        .collect()
}

fn raised(reports: &[TopicReport]) -> bool {
    let states = reports.iter().map(|report| report.lag_growth.state);
    states
        .into_iter()
        .any(|state| state >= GrowthState::Accumulating)
}

/// Three nights, and what they taught.
fn taught() -> Learned {
    static TAUGHT: LazyLock<Learned> = LazyLock::new(teach);
    TAUGHT.clone()
}

fn teach() -> Learned {
    let mut told = Told::new(Ceilings::default());
    let nights = tell(&mut told, 0.0, 3.0 * PERIOD, RISE);
    assert!(
        raised(&nights[..nights.len() / 3]),
        "nobody knows at first that this is usual"
    );
    told.learned()
}

fn restarted(learned: Option<Learned>) -> Told {
    let mut told = Told::new(Ceilings::default());
    if let Some(learned) = learned {
        told.remember(learned);
    }
    told
}

#[test]
fn a_nightly_rise_is_no_news_after_a_restart_that_remembers() {
    let learned = taught();
    let (from, until) = (3.2 * PERIOD, 4.0 * PERIOD);
    let mut with = restarted(Some(learned.clone()));
    let night = tell(&mut with, from, until, RISE);
    assert!(night[0].habits_known, "at once");
    assert!(!raised(&night));
    let mut without = restarted(None);
    let night = tell(&mut without, from, until, RISE);
    assert!(!night[0].habits_known);
    assert!(raised(&night), "else the story proves nothing");
    let mut with = restarted(Some(learned));
    tell(&mut with, from, until - BATCH, RISE);
    let night = tell(&mut with, until - BATCH, until, BATCH);
    assert!(raised(&night), "one that doesn't end is news all the same");
}

#[test]
fn what_is_remembered_is_told_again_whether_it_showed_up_or_not() {
    let learned = taught();
    let mut told = restarted(Some(learned.clone()));
    assert_eq!(told.learned(), learned, "before the first sample");
    let at = BEGIN + 3.2 * PERIOD;
    told.silent(at, &nightly(3.2 * PERIOD, RISE));
    assert_eq!(
        told.learned().groups[0].topics,
        learned.groups[0].topics,
        "its coordinator has not answered yet"
    );
    told.cycle(at + 10.0, &nightly(3.2 * PERIOD + 10.0, RISE));
    let mut now = told.learned();
    for (now, then) in now.groups.iter_mut().zip(&learned.groups) {
        now.seen_at = then.seen_at;
        now.topics[0].seen_at = then.topics[0].seen_at;
    }
    assert_eq!(now, learned);
    let [group] = &learned.groups[..] else {
        panic!("{learned:?}")
    };
    assert_eq!(
        learned.series(),
        1,
        "of the only partition the sum tells all"
    );
    assert!(learned.is_sound());
    let sum = group.topics[0].sum.as_ref().expect("learned");
    assert!(!sum.levels.is_empty() && sum.levels.iter().all(|level| level.count > 0));
}

#[test]
fn what_a_restart_recalls_is_not_learned_a_second_time() {
    let learned = taught();
    let levels = |learned: &Learned| {
        let sum = learned.groups[0].topics[0].sum.as_ref().expect("learned");
        sum.levels.clone()
    };
    let recalled = |learned: Learned| {
        let mut told = restarted(Some(learned));
        // The last night, which it had seen.
        tell(&mut told, 3.0 * PERIOD - BATCH, 3.0 * PERIOD, RISE);
        told
    };
    let mut told = recalled(learned.clone());
    assert_ne!(levels(&told.learned()), levels(&learned), "learned again");
    told.end_past();
    assert_eq!(levels(&told.learned()), levels(&learned));
    // What nobody saw is news, and learned once.
    let counts = |told: &Told| {
        let levels = levels(&told.learned());
        levels.iter().map(|level| level.count).collect::<Vec<_>>()
    };
    let mut overlapping = recalled(learned.clone());
    tell(&mut overlapping, 3.0 * PERIOD, 4.0 * PERIOD, RISE);
    overlapping.end_past();
    let mut after = restarted(Some(learned.clone()));
    tell(&mut after, 3.0 * PERIOD, 4.0 * PERIOD, RISE);
    assert_eq!(counts(&overlapping), counts(&after));
    assert_ne!(levels(&after.learned()), levels(&learned));
    let mut missed = learned.clone();
    missed.groups[0].topics[0].seen_at -= 2.0 * PERIOD;
    let mut told = recalled(missed);
    told.end_past();
    assert_ne!(
        levels(&told.learned()),
        levels(&learned),
        "nobody was there"
    );
}

#[test]
fn habits_are_of_a_topic_and_not_of_its_name() {
    let learned = taught();
    for (id, known, why) in [
        (Some(1), true, "the same"),
        (Some(2), false, "made anew meanwhile"),
        (None, true, "nobody can tell"),
    ] {
        let mut told = restarted(Some(learned.clone()));
        told.topic_id = id;
        let t = 3.2 * PERIOD;
        let report = told.cycle(BEGIN + t, &nightly(t, RISE)).expect("known");
        assert_eq!(report.habits_known, known, "{why}");
    }
}

#[test]
fn what_is_known_of_an_only_partition_is_known_of_it_when_another_joins_and_gone_when_it_is_alone_again()
 {
    let mut told = Told::new(Ceilings::default());
    tell(&mut told, 0.0, 3.0 * PERIOD, RISE);
    let partitions = |told: &Told| {
        let topic = told.learned().groups.remove(0).topics.remove(0);
        let of = |(number, series): (u32, learned::Series)| (number, series.levels);
        topic.partitions.into_iter().map(of).collect::<Vec<_>>()
    };
    let sum = told.learned().groups[0].topics[0].sum.clone();
    let levels = sum.expect("learned").levels;
    assert!(!levels.is_empty());
    assert_eq!(partitions(&told), []);
    let two = |t| [nightly(t, RISE), vec![read(10, 10)]].concat();
    let (t, next) = (3.0 * PERIOD, 3.0 * PERIOD + INTERVAL);
    told.cycle(BEGIN + t, &two(t));
    assert_eq!(partitions(&told), [(0, levels)]);
    told.cycle(BEGIN + next, &nightly(next, RISE));
    assert_eq!(partitions(&told), []);
}

#[test]
fn habits_age_while_nobody_watches() {
    let learned = taught();
    let largest = |told: &Told| {
        let learned = told.learned();
        let group = learned.groups.first()?;
        let levels = &group.topics.first()?.sum.as_ref()?.levels;
        Some(
            levels
                .iter()
                .any(|level| level.largest[0] > 0.0 || level.largest_before[0] > 0.0),
        )
    };
    let began = learned.groups[0].topics[0]
        .sum
        .as_ref()
        .map(|s| s.bucket_began);
    let began = began.expect("learned") - BEGIN;
    for (hours, expected, why) in [
        (71.0, Some(true), "in the bucket"),
        (143.0, Some(true), "in the bucket before"),
        (
            145.0,
            Some(false),
            "the largest are forgotten, the mean isn't",
        ),
        (200.0, None, "older than two buckets: that was another life"),
    ] {
        let mut told = restarted(Some(learned.clone()));
        let t = began + hours * HOUR;
        let t = (t / INTERVAL).floor() * INTERVAL;
        told.cycle(BEGIN + t, &nightly(t, RISE));
        assert_eq!(largest(&told), expected, "{hours} h: {why}");
    }
}

#[test]
fn what_never_shows_up_is_waited_for_three_days() {
    let mut told = restarted(Some(taught()));
    let nothing = [read(5, 5)];
    for (hours, waits) in [(0.0, true), (71.9, true), (72.1, false)] {
        told.report_of(
            "invoices",
            BEGIN + 4.0 * PERIOD + hours * HOUR,
            &nothing,
            true,
        );
        let learned = told.learned();
        let is_there = learned
            .groups
            .iter()
            .any(|group| &*group.name == "payments");
        assert_eq!(is_there, waits, "{hours} h");
    }
}

#[test]
fn what_is_forgotten_is_learned_anew_and_the_rest_stays() {
    let mut told = Told::new(Ceilings::default());
    tell(&mut told, 0.0, 3.0 * PERIOD + RISE, RISE);
    let before = told.learned();
    assert_eq!(told.forget("nobody", None), None);
    assert_eq!(told.forget("payments", Some("refunds")), None);
    assert_eq!(told.learned(), before);
    assert_eq!(told.forget("payments", Some("orders")), Some(1));
    assert_eq!(told.learned(), Learned::default());
    let t = 3.0 * PERIOD + RISE;
    let report = told.cycle(BEGIN + t, &nightly(t, RISE)).expect("known");
    assert!(!report.habits_known);
    assert!(report.trend_slope.is_some(), "the curve is still there");
    let night = tell(&mut told, t + INTERVAL, 4.0 * PERIOD, RISE);
    assert!(raised(&night), "the next night is news again");
    let mut waiting = restarted(Some(before));
    assert_eq!(waiting.forget("payments", None), Some(1), "not seen yet");
    assert_eq!(waiting.learned(), Learned::default());
}

/// Seconds between samples of a bare series.
const STEP: f64 = 30.0;

/// So much lag where a hundred messages a second arrive.
fn lag(at: f64, messages: f64) -> Lag {
    let log_end = 1_000_000_000 + (100.0 * (at - BEGIN)) as u64;
    Lag {
        at,
        log_end,
        committed: log_end - messages as u64,
        time_lag: Some(messages / 100.0),
    }
}

fn feed(series: &mut Series, from: f64, lags: &[f64], p: &Profile) -> Vec<GrowthState> {
    let times = (0..lags.len()).map(|step| from + STEP * step as f64);
    let states = times.zip(lags).map(|(at, messages)| {
        series.sample(lag(at, *messages), p);
        series.state()
    });
    states.collect()
}

/// Lags of a rise of so many minutes at so many messages a second, its end, and so many quiet hours.
fn rise(minutes: u32, behind: f64, quiet_hours: u32) -> Vec<f64> {
    let risen = (0..2 * minutes).map(|step| 50.0 + 30.0 * behind * f64::from(step));
    let quiet = (0..120 * quiet_hours).map(|_| 50.0);
    risen.chain(quiet).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Once the minima are those of a quiet time, only what was learned could make a difference.
    #[test]
    fn after_a_restart_that_remembers_the_same_lags_get_the_same_verdicts(
        before in prop::collection::vec((15u32..55, 5.0..60.0f64), 1..6),
        (minutes, behind) in (15u32..90, 5.0..90.0f64),
    ) {
        let p = Profile::default();
        let nights = before.iter().flat_map(|(minutes, behind)| rise(*minutes, *behind, 4));
        let quiet = rise(0, 0.0, 12);
        let mut one = Series::new(lag(BEGIN, 50.0), &p);
        let lags: Vec<f64> = nights.chain(quiet.clone()).collect();
        feed(&mut one, BEGIN + STEP, &lags, &p);
        let stopped = BEGIN + STEP * (lags.len() + 1) as f64;
        let learned = one.learned(&p).expect("habits are known");
        let mut other = Series::going_on(lag(stopped, 50.0), Some(Box::new(learned)), &p);
        feed(&mut one, stopped, &quiet, &p);
        feed(&mut other, stopped + STEP, &quiet[1..], &p);
        let began = stopped + STEP * quiet.len() as f64;
        let lags = rise(minutes, behind, 1);
        prop_assert_eq!(feed(&mut one, began, &lags, &p), feed(&mut other, began, &lags, &p));
    }
}

/// Two retries for each hundred messages are usual; then so many. How many minutes until it is called.
fn called_after(
    storm: &mut RetryStorm,
    from: f64,
    totals: (f64, f64),
    retries: f64,
) -> Option<u32> {
    let p = retry_storm::Profile::default();
    let (mut retried, mut consumed) = totals;
    (1..=30).find(|minute| {
        retried += retries;
        consumed += 6_000.0;
        storm.sample(from + MINUTE * f64::from(*minute), retried, consumed, &p);
        storm.severity(&p) > Some(lagslope::analysis::report::Severity::Ok)
    })
}

#[test]
fn what_is_usual_of_retries_is_known_after_a_restart_and_nothing_is_said_of_minutes_nobody_saw() {
    let p = retry_storm::Profile::default();
    let mut storm = RetryStorm::new(BEGIN, 0.0, 0.0);
    assert_eq!(storm.learned(), None);
    for minute in 1..=180 {
        let minute = f64::from(minute);
        storm.sample(
            BEGIN + MINUTE * minute,
            600.0 * minute,
            6_000.0 * minute,
            &p,
        );
    }
    let learned = storm.learned().expect("known after ten minutes");
    assert!((learned.base - 0.1).abs() < 0.02, "{learned:?}");
    let went_on = |retries| {
        let totals = (600.0 * 180.0, 6_000.0 * 180.0);
        called_after(&mut storm.clone(), BEGIN + 180.0 * MINUTE, totals, retries)
    };
    let later = BEGIN + 400.0 * MINUTE;
    let restarted = |retries| {
        let mut storm = RetryStorm::new(later, 0.0, 0.0);
        storm.remember(&learned);
        assert_eq!((storm.amplification(), storm.severity(&p)), (None, None));
        called_after(&mut storm, later, (0.0, 0.0), retries)
    };
    for (retries, why) in [
        (600.0, "as ever"),
        (2_000.0, "more, but under four times the usual"),
    ] {
        assert_eq!(
            (went_on(retries), restarted(retries)),
            (None, None),
            "{why}"
        );
    }
    assert!(went_on(6_000.0).is_some());
    assert!(
        restarted(6_000.0).is_some_and(|minutes| minutes <= 5),
        "{:?}",
        restarted(6_000.0)
    );
    let mut new = RetryStorm::new(later, 0.0, 0.0);
    let called = called_after(&mut new, later, (0.0, 0.0), 5_000.0);
    assert_eq!(
        called, None,
        "to a new one a storm from the beginning on is usual"
    );
}

#[test]
fn a_group_that_rebalances_all_day_is_known_for_it() {
    let window = 600.0;
    // Half an hour of calm, and then as ever.
    let feed = |churn: &mut Churn| {
        let mut total = 0.0;
        (1..=6).any(|n| {
            total += if n > 3 { 4.0 } else { 0.0 };
            churn.sample(BEGIN + window * f64::from(n), total);
            churn.is_raised(&lagslope::analysis::signal::churn::Profile::default())
        })
    };
    let mut churn = Churn::new(BEGIN, 0.0);
    for n in 1..=36 {
        churn.sample(BEGIN + window * f64::from(n), 4.0 * f64::from(n));
    }
    let learned = churn.learned();
    let mut restarted = Churn::new(BEGIN, 0.0);
    restarted.remember(&learned);
    assert!(!feed(&mut restarted));
    assert_eq!(Churn::new(BEGIN, 0.0).learned(), Vec::<f32>::new());
    assert_eq!(learned.len(), 36);
    assert!(
        feed(&mut Churn::new(BEGIN, 0.0)),
        "else the story proves nothing"
    );
}

#[test]
fn what_partitions_got_over_is_forgotten_with_the_rest() {
    let p = divergence::Profile::default();
    let mut divergence = Divergence::new(BEGIN);
    divergence.siblings.learn(Excursion {
        seconds: 1_000.0,
        called: false,
    });
    let limit = |divergence: &mut Divergence| {
        let ordinary = divergence.ordinary(BEGIN + 2.0 * HOUR, &mut [(1.0, 5.0); 9], &p);
        ordinary.limit_seconds
    };
    assert!(limit(&mut divergence) > 1_000.0);
    divergence.forget_learned();
    assert_eq!(limit(&mut divergence), 60.0);
}
