//! What may arrive from now on: in as long a time no more, and no less, than ever did within memory.

use crate::analysis::curve::{Curve, GAPS};
use crate::analysis::report::Slope;
use crate::analysis::sample::Time;

/// The past must be so many times as long as the future that it is asked about, or it has seen too little.
const PASTS: f64 = 3.0;

/// How much arrivals may change where the past is too short to tell, as a share either way.
const UNSEEN_MARGIN: f64 = 0.3;

/// Over less than this a rate read off the curve is noise, in seconds.
const LEAST_SPAN_SECONDS: f64 = 60.0;

/// Messages per second that arrived in the last `lately_seconds`, or in as much of them as the curve has. `None` while it is too short.
pub fn lately(curve: &Curve, now: Time, lately_seconds: f64) -> Option<f64> {
    let (oldest, newest) = (curve.points().next()?, curve.points().last()?);
    let since = oldest.0.max(now - lately_seconds);
    let seconds = newest.0 - since;
    (seconds >= LEAST_SPAN_SECONDS).then_some((newest.1 - curve.at(since)?) / seconds)
}

/// Messages per second that arrive in the next `ahead_seconds`: as many as lately, and between the least and the most that arrived in as
/// long a time before. `None` while the curve is too short.
pub fn arrivals(
    curve: &Curve,
    now: Time,
    lately_seconds: f64,
    ahead_seconds: f64,
) -> Option<Slope> {
    let lately = lately(curve, now, lately_seconds)?;
    let (oldest, newest) = (curve.points().next()?.0, curve.points().last()?.0);
    let seen_seconds = ((newest - oldest) / PASTS).max(LEAST_SPAN_SECONDS);
    let margin = if ahead_seconds <= seen_seconds {
        0.0
    } else {
        UNSEEN_MARGIN
    };
    let mut range = Slope {
        slope: lately,
        lower: lately * (1.0 - margin),
        upper: lately * (1.0 + margin),
    };
    let seconds = ahead_seconds.clamp(LEAST_SPAN_SECONDS, seen_seconds);
    visit_windows(curve, seconds, |arrived| {
        range.lower = range.lower.min(arrived / seconds);
        range.upper = range.upper.max(arrived / seconds);
    });
    Some(range)
}

/// What arrived in each window of the curve that has an end at a bend: among these are the least and the most.
fn visit_windows(curve: &Curve, seconds: f64, mut visit: impl FnMut(f64)) {
    let mut points = [(0.0, 0.0); GAPS + 1];
    let mut count = 0;
    for (slot, point) in points.iter_mut().zip(curve.points()) {
        *slot = point;
        count += 1;
    }
    let points = &points[..count];
    let (mut before, mut after) = (Cursor::new(points), Cursor::new(points));
    for &(t, arrived) in points {
        if let Some(began) = before.at(t - seconds) {
            visit(arrived - began);
        }
        if let Some(ended) = after.at(t + seconds) {
            visit(ended - arrived);
        }
    }
}

/// Reads a curve at times that only rise.
struct Cursor<'a> {
    points: &'a [(Time, f64)],
    next: usize,
}

impl<'a> Cursor<'a> {
    fn new(points: &'a [(Time, f64)]) -> Self {
        Self { points, next: 1 }
    }

    fn at(&mut self, t: Time) -> Option<f64> {
        while self.points.get(self.next)?.0 < t {
            self.next += 1;
        }
        let (from, to) = (self.points[self.next - 1], self.points[self.next]);
        let share = (t - from.0) / (to.0 - from.0);
        (share >= 0.0).then_some(from.1 + share * (to.1 - from.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn future_lies_between_the_least_and_the_most_of_the_past() {
        // 100 messages a second, 300 in the second of five hours.
        let mut curve = Curve::default();
        for t in (0..=300u32).map(|minute| f64::from(minute) * 60.0) {
            let busy = (t - 3_600.0).clamp(0.0, 3_600.0);
            curve.append(t, (100.0 * t + 200.0 * busy) as u64);
        }
        let ahead = |seconds| arrivals(&curve, 18_000.0, 1_800.0, seconds).expect("known");
        let hour = ahead(3_600.0);
        for (found, expected) in [
            (hour.slope, 100.0),
            (hour.lower, 100.0),
            (hour.upper, 300.0),
        ] {
            assert!((found - expected).abs() < 2.0, "{hour:?}");
        }
        // Nobody has seen three days.
        let long = ahead(72.0 * 3_600.0);
        assert!(
            (long.lower - 70.0).abs() < 2.0 && long.upper >= 220.0,
            "{long:?}"
        );
        assert_eq!(arrivals(&Curve::default(), 0.0, 1_800.0, 60.0), None);
    }
}
