//! How well visits to a ceiling are counted: a depth whose true visits are known, looked at through noise.

use lagslope::analysis::signal::ceiling::{Ceiling, Profile};

const HOUR: f64 = 3600.0;

/// How long each shape is watched, and how long one round of it takes.
const WATCHED_SECONDS: f64 = 72.0 * HOUR;
const ROUND_SECONDS: f64 = 2400.0;

/// A depth as a share of its ceiling, by the share of a round that is over. Each round is at its ceiling once, or not at all.
type Shape = fn(f64) -> f64;

/// `(what it is like, its visits a round, the shape)`.
const SHAPES: [(&str, f64, Shape); 4] = [
    ("rises slowly and drains at once", 1.0, |x| 0.3 + 0.75 * x),
    ("swings", 1.0, |x| {
        0.7 + 0.33 * (x * std::f64::consts::TAU).sin()
    }),
    ("jumps up, and drains slowly", 1.0, |x| 1.05 - 0.75 * x),
    ("never gets there", 0.0, |x| {
        0.5 + 0.2 * (x * std::f64::consts::TAU).sin()
    }),
];

/// Standard deviations, as shares of the ceiling.
const NOISES: [f64; 3] = [0.0, 0.02, 0.05];

fn counted(shape: Shape, noise: f64, interval: f64, seed: u64) -> u64 {
    let (mut ceiling, p) = (Ceiling::default(), Profile::default());
    let mut dice = fastrand::Rng::with_seed(seed);
    // Somewhere between two looks.
    let mut t = dice.f64() * interval;
    while t < WATCHED_SECONDS {
        // Twelve uniform numbers are as good as a normal one.
        let normal = (0..12).map(|_| dice.f64()).sum::<f64>() - 6.0;
        let depth = shape((t / ROUND_SECONDS).fract()) + noise * normal;
        ceiling.sample(t, depth.max(0.0), 3.0 * interval, &p);
        t += interval;
    }
    ceiling.hits_total
}

#[test]
fn visits_to_a_ceiling_are_counted_within_five_percent() {
    let rounds = WATCHED_SECONDS / ROUND_SECONDS;
    let mut wrong = Vec::new();
    for (name, visits, shape) in SHAPES {
        let truth = visits * rounds;
        for interval in [15.0, 60.0] {
            for noise in NOISES {
                let counts = (0..5).map(|seed| counted(shape, noise, interval, seed) as f64);
                let error = counts
                    .map(|count| (count - truth).abs())
                    .fold(0.0, f64::max);
                let said = format!(
                    "{name}, every {interval} s, noise {noise}: {truth} visits, off by {error} at most"
                );
                println!("{said}");
                if error > 0.05 * truth {
                    wrong.push(said);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
