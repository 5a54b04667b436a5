//! Levels on demand: a series that keeps its coarser levels only while it needs them calls what one calls that always keeps them all.

use lagslope::analysis::report::GrowthState;
use lagslope::analysis::signal::lag_growth::{Lag, Profile, Series};

use super::BEGIN;

/// Seconds between samples, and samples of a story: a day and a half.
const STEP: f64 = 15.0;
const SAMPLES: u32 = 8_640;

/// Stories, each with a handful of troubles.
const SEEDS: u64 = 40;

/// Messages a second.
const RATE: f64 = 200.0;

/// What a consumer does for a while: from one sample to another its lag gains so many messages a sample.
#[derive(Debug)]
struct Trouble {
    from: u32,
    until: u32,
    gain: f64,
}

/// A lag that is small and noisy, grows in troubles, and is worked off at once afterwards.
fn story(seed: u64) -> (Vec<Lag>, Vec<Trouble>) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut troubles: Vec<Trouble> = Vec::new();
    let mut from = dice.u32(600..2_400);
    while from < SAMPLES - 1_000 {
        let until = from + dice.u32(20..2_000);
        // From 0.6 % of what arrives to half of it.
        let share = 0.004 * (dice.f64() * 4.8).exp();
        troubles.push(Trouble {
            from,
            until,
            gain: share * RATE * STEP,
        });
        from = until + dice.u32(300..3_000);
    }
    let commits_every = dice.f64() * 6.0;
    let mut lags = Vec::new();
    let mut behind = 0.0_f64;
    for n in 0..SAMPLES {
        let trouble = troubles.iter().find(|t| (t.from..t.until).contains(&n));
        behind = trouble.map_or(behind * 0.9, |trouble| behind + trouble.gain);
        let waits = behind + RATE * (0.2 + commits_every * dice.f64());
        let at = BEGIN + STEP * f64::from(n);
        let log_end = 1_000_000 + (RATE * STEP * f64::from(n)) as u64;
        lags.push(Lag {
            at,
            log_end,
            committed: log_end - waits as u64,
            time_lag: Some(waits / RATE),
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

#[test]
fn levels_on_demand_call_what_levels_that_are_always_there_call() {
    let frugal = Profile::default();
    let lavish = Profile {
        quiet_share: 0.0,
        ..Profile::default()
    };
    let mut seen = 0;
    for seed in 0..SEEDS {
        let (lags, troubles) = story(seed);
        let [few, many] = [&frugal, &lavish].map(|p| called(&lags, p));
        for trouble in &troubles {
            let first = |calls: &[(u32, u32)]| {
                let mut began = calls.iter().map(|call| call.0);
                began.find(|n| (trouble.from..trouble.until).contains(n))
            };
            assert_eq!(first(&few), first(&many), "seed {seed}, {trouble:?}");
            seen += usize::from(first(&many).is_some());
        }
    }
    assert!(seen > 100, "else the stories prove nothing: {seen}");
}
