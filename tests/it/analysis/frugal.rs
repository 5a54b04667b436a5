//! Levels on demand: a series that keeps its coarser levels only while it needs them calls what one calls that always keeps them all.

use lagslope::analysis::report::GrowthState;
use lagslope::analysis::signal::lag_growth::{Lag, Profile, Series};

use super::BEGIN;

/// Seconds between samples, and samples of a story: a day and a half.
const STEP: f64 = 15.0;
const SAMPLES: u32 = 8_640;

/// Stories, each with a handful of troubles.
const SEEDS: u64 = 40;

/// Messages a second, on average: from a topic of which nobody knows it is there to a busy one.
const RATES: [f64; 4] = [0.02, 1.5, 200.0, 20_000.0];

const DAY: f64 = 86_400.0;

/// What a consumer does for a while: from one sample to another its lag gains a share of what arrives.
#[derive(Debug)]
struct Trouble {
    from: u32,
    until: u32,
    share: f64,
}

/// A lag that is small and noisy, grows in troubles, and is worked off at once afterwards. Half of the traffic comes by day.
fn story(seed: u64, rate: f64) -> (Vec<Lag>, Vec<Trouble>) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut troubles: Vec<Trouble> = Vec::new();
    let mut from = dice.u32(600..2_400);
    while from < SAMPLES - 1_000 {
        let until = from + dice.u32(20..2_000);
        // From 0.4 % of what arrives to half of it.
        let share = 0.004 * (dice.f64() * 4.8).exp();
        troubles.push(Trouble { from, until, share });
        from = until + dice.u32(300..3_000);
    }
    let (commits_every, phase) = (dice.f64() * 6.0, dice.f64());
    let (mut lags, mut behind, mut produced) = (Vec::new(), 0.0_f64, 0.0_f64);
    for n in 0..SAMPLES {
        let day = STEP * f64::from(n) / DAY + phase;
        let rate = rate * (1.0 + 0.5 * (day * std::f64::consts::TAU).sin());
        produced += rate * STEP;
        let trouble = troubles.iter().find(|t| (t.from..t.until).contains(&n));
        behind = trouble.map_or(behind * 0.9, |trouble| behind + trouble.share * rate * STEP);
        let waits = behind + rate * (0.2 + commits_every * dice.f64());
        let log_end = 1_000_000 + produced as u64;
        lags.push(Lag {
            at: BEGIN + STEP * f64::from(n),
            log_end,
            committed: log_end - waits as u64,
            time_lag: Some(waits.floor() / rate),
        });
    }
    (lags, troubles)
}

/// The first sample and the last of each time that it was called.
fn called(lags: &[Lag], p: &Profile) -> Vec<(u32, u32)> {
    let mut series = Series::new(lags[0], p);
    let mut called: Vec<(u32, u32)> = Vec::new();
    for (n, lag) in (1u32..).zip(&lags[1..]) {
        series.sample(*lag, p);
        if series.state() >= GrowthState::Accumulating {
            match called.last_mut() {
                Some((_, last)) if *last + 1 == n => *last = n,
                _ => called.push((n, n)),
            }
        }
    }
    called
}

/// A slow rise, or one of a message in many minutes, may be called so much sooner or later: a share of the time that it takes.
const APART: f64 = 0.4;

#[test]
fn levels_on_demand_call_what_levels_that_are_always_there_call() {
    let frugal = Profile::default();
    let lavish = Profile {
        quiet_share: 0.0,
        ..Profile::default()
    };
    let (mut calls, mut same) = (0, 0);
    for (seed, rate) in (0..SEEDS).zip(RATES.into_iter().cycle()) {
        let (lags, troubles) = story(seed, rate);
        let [few, many] = [&frugal, &lavish].map(|p| called(&lags, p));
        let story = format!("seed {seed}, {rate} messages/s, {troubles:?}: {few:?} {many:?}");
        assert_eq!(few.len(), many.len(), "{story}");
        for (few, many) in few.iter().zip(&many) {
            let mut began = troubles.iter().rev().map(|trouble| trouble.from);
            let began = began.find(|from| *from < many.0).expect("a trouble");
            let most = APART * f64::from(many.0 - began);
            assert!(f64::from(few.0.abs_diff(many.0)) <= most, "{story}");
            assert!(few.1.abs_diff(many.1) <= 1, "{story}");
            same += usize::from(few.0 == many.0);
        }
        calls += many.len();
    }
    assert!(calls > 80, "else the stories prove nothing: {calls}");
    assert!(same * 10 > calls * 9, "{same} of {calls} to the sample");
    assert!(same < calls, "else nothing ever slept");
}
