//! Clever code against naive code, on random input.

use lagslope::analysis::curve::{Curve, GAPS};
use lagslope::analysis::trend::slope::{kendall, least_squares, theil_sen};
use proptest::prelude::*;

/// Everything that was read, never thinned.
struct Everything(Vec<(f64, u64)>);

impl Everything {
    fn age(&self, offset: u64, now: f64) -> Option<f64> {
        if offset >= self.0.last()?.1 {
            return Some(0.0);
        }
        let pair = self.0.windows(2).rfind(|pair| pair[0].1 <= offset)?;
        let share = (offset - pair[0].1) as f64 / (pair[1].1 - pair[0].1) as f64;
        Some(now - (pair[0].0 + share * (pair[1].0 - pair[0].0)))
    }
}

fn samples(most: usize) -> impl Strategy<Value = Vec<(f64, u64)>> {
    let step = (1u32..60, prop_oneof![1 => Just(0u64), 4 => 0u64..10_000]);
    prop::collection::vec(step, 2..most).prop_map(|steps| {
        let (mut at, mut offset) = (1_700_000_000.0, 5_000u64);
        let add = |(seconds, messages): (u32, u64)| {
            at += f64::from(seconds);
            offset += messages;
            (at, offset)
        };
        steps.into_iter().map(add).collect()
    })
}

fn both(samples: &[(f64, u64)]) -> (Curve, Everything) {
    let mut curve = Curve::default();
    for &(at, offset) in samples {
        curve.append(at, offset);
    }
    (curve, Everything(samples.to_vec()))
}

proptest! {
    #[test]
    fn curve_is_exact_until_it_is_full(samples in samples(GAPS), share in 0.0..1.0) {
        let (curve, everything) = both(&samples);
        let (first, last) = (samples[0], samples[samples.len() - 1]);
        let offset = first.1 + (share * (last.1 - first.1) as f64) as u64;
        let (ours, naive) = (curve.age(offset, last.0), everything.age(offset, last.0));
        prop_assert!((ours.unwrap() - naive.unwrap()).abs() < 2e-3, "{ours:?} {naive:?}");
    }

    #[test]
    fn thinned_curve_is_off_by_little(samples in samples(2_000), share in 0.0..1.0) {
        let (curve, everything) = both(&samples);
        let (first, last) = (samples[0], samples[samples.len() - 1]);
        let offset = first.1 + (share * (last.1 - first.1) as f64) as u64;
        let (ours, naive) = (curve.age(offset, last.0), everything.age(offset, last.0));
        let (ours, naive) = (ours.unwrap(), naive.unwrap());
        prop_assert!((ours - naive).abs() <= 60.0 + 0.25 * naive, "{ours} {naive}");
        prop_assert!(curve.points().count() <= GAPS + 1);
        prop_assert_eq!(curve.age(first.1.saturating_sub(1), last.0), None);
        prop_assert_eq!(curve.age(last.1, last.0), Some(0.0));
    }

    #[test]
    fn curve_at_a_point_of_it_is_that_point(samples in samples(300), by in -4_000i64..4_000) {
        let (mut curve, _) = both(&samples);
        curve.rebase(by);
        let points: Vec<_> = curve.points().collect();
        prop_assert_eq!(points[points.len() - 1].1, (samples[samples.len() - 1].1 as i64 + by) as f64);
        for (at, offset) in points {
            prop_assert!((curve.at(at).unwrap() - offset).abs() < 1.0);
        }
    }

    #[test]
    fn trend_is_the_naive_one(values in prop::collection::vec(-1e6..1e6, 2..=8usize), dt in 1.0..100.0) {
        let points: Vec<_> = values.iter().zip(0u32..).map(|(v, i)| (f64::from(i) * dt, *v)).collect();
        let ours = theil_sen(points.iter().copied()).unwrap();
        let mut slopes = Vec::new();
        for (i, a) in points.iter().enumerate() {
            slopes.extend(points[i + 1..].iter().map(|b| (b.1 - a.1) / (b.0 - a.0)));
        }
        let naive: f64 = slopes.iter().map(|s| s.signum()).sum();
        prop_assert_eq!(f64::from(kendall(points.iter().copied())), naive);
        let above = slopes.iter().filter(|s| **s > ours.slope + 1e-9).count();
        let below = slopes.iter().filter(|s| **s < ours.slope - 1e-9).count();
        prop_assert!(above <= slopes.len() / 2 && below <= slopes.len() / 2);
        prop_assert!(ours.lower <= ours.slope && ours.slope <= ours.upper);
    }

    #[test]
    fn line_has_its_slope(slope in -100_000i32..100_000, start in 0u32..1_000_000_000, n in 3u32..=8) {
        // Whole numbers: these lines are exact in f64.
        let value = |i: u32| f64::from(start) + f64::from(slope) * 10.0 * f64::from(i);
        let points = (0..n).map(|i| (1.7e9 + 10.0 * f64::from(i), value(i)));
        let theil_sen = theil_sen(points.clone()).unwrap();
        let fitted = least_squares(points).unwrap();
        let slope = f64::from(slope);
        for found in [theil_sen, fitted] {
            for value in [found.slope, found.lower, found.upper] {
                prop_assert!((value - slope).abs() <= 1e-9 * slope.abs(), "{found:?}");
            }
        }
    }

    #[test]
    fn least_squares_leaves_residuals_that_do_not_lean(values in prop::collection::vec(-1e6..1e6, 3..30usize)) {
        // The normal equation: what is left over has no slope.
        let points = values.iter().zip(0u32..).map(|(v, i)| (7.0 * f64::from(i), *v));
        let slope = least_squares(points.clone()).unwrap().slope;
        let left = least_squares(points.map(|(t, v)| (t, v - slope * t))).unwrap();
        prop_assert!(left.slope.abs() < 1e-6 && left.lower <= 0.0 && left.upper >= 0.0, "{left:?}");
    }
}

#[test]
fn bounds_are_students() {
    // Worked by hand: slope 1, residuals (1/3, −2/3, 1/3) on one degree of freedom, standard error 0.5774, t = 3.078.
    let found = least_squares([(0.0, 0.0), (1.0, 0.0), (2.0, 2.0)].into_iter()).unwrap();
    assert!((found.slope - 1.0).abs() < 1e-9);
    assert!((found.upper - 2.776_9).abs() < 1e-3, "{found:?}");
}

#[test]
fn curve_survives_what_does_not_fit() {
    let mut curve = Curve::default();
    for (at, offset) in [
        (0.0, 0),
        (1.0, 10),
        (2.0, u64::MAX),
        (1.0, 5),
        (9e9, u64::MAX),
    ] {
        curve.append(at, offset);
    }
    assert_eq!(
        curve.age(10, 9e9),
        None,
        "what came before says nothing about now"
    );
    assert_eq!(curve.age(u64::MAX, 9e9), Some(0.0));
    let mut busy = Curve::default();
    for i in 0..200u64 {
        busy.append(i as f64, i * u64::from(u32::MAX));
    }
    assert_eq!(
        busy.points().count(),
        GAPS + 1,
        "no two gaps fit into one: the oldest go"
    );
}
