//! Slopes with confidence bounds: Theil–Sen with Mann–Kendall's S for troughs, least squares for the quick slope.

use crate::analysis::report::Slope;
use crate::analysis::sample::Time;

/// Most points that [`kendall`] and [`theil_sen`] look at: a level of signal 1 keeps no more minima.
pub const TREND_POINTS: usize = 8;

const PAIRS: usize = TREND_POINTS * (TREND_POINTS - 1) / 2;

/// Quantiles of the pairwise slopes that bound a trend.
const LOWER_QUANTILE: f64 = 0.1;
const UPPER_QUANTILE: f64 = 0.9;

/// Fewer points have no residuals to take bounds from.
const LEAST_POINTS: usize = 3;

/// Mann–Kendall's S of at most [`TREND_POINTS`] points in order of time: pairs that rise minus pairs that fall.
pub fn kendall(points: impl Iterator<Item = (Time, f64)>) -> i32 {
    let mut kendall = 0;
    pairs(points, |_, step| {
        kendall += i32::from(step > 0.0) - i32::from(step < 0.0);
    });
    kendall
}

/// Theil–Sen's slope of at most [`TREND_POINTS`] points in order of time, with its bounds; `None` below two. Costs ten times what
/// [`kendall`] does: it sorts.
pub fn theil_sen(points: impl Iterator<Item = (Time, f64)>) -> Option<Slope> {
    let mut slopes = [0.0; PAIRS];
    let mut count = 0;
    pairs(points, |seconds, step| {
        slopes[count] = step / seconds;
        count += 1;
    });
    let slopes = &mut slopes[..count];
    slopes.sort_unstable_by(f64::total_cmp);
    let last = count.checked_sub(1)?;
    Some(Slope {
        slope: f64::midpoint(slopes[last / 2], slopes[count / 2]),
        lower: slopes[(LOWER_QUANTILE * last as f64).floor() as usize],
        upper: slopes[(UPPER_QUANTILE * last as f64).ceil() as usize],
    })
}

/// Seconds and change of value between each two points at different times.
fn pairs(points: impl Iterator<Item = (Time, f64)>, mut visit: impl FnMut(f64, f64)) {
    let mut before = [(0.0, 0.0); TREND_POINTS];
    for (count, (t, value)) in points.take(TREND_POINTS).enumerate() {
        for &(t_before, value_before) in &before[..count] {
            let seconds = t - t_before;
            if seconds > 0.0 {
                visit(seconds, value - value_before);
            }
        }
        before[count] = (t, value);
    }
}

/// The least-squares slope, with the bounds that its standard error gives at 10 % and 90 %; `None` below three points.
///
/// Student's t, not the normal distribution: a window of 120 s holds 5 to 13 points, where the normal is up to 30 % too narrow.
/// Residuals of a lag are correlated, so the bounds are still on the narrow side: good for a quick look, no test rests on them.
pub fn least_squares(points: impl Iterator<Item = (Time, f64)> + Clone) -> Option<Slope> {
    let (t0, v0) = points.clone().next()?;
    let centred = || points.clone().map(move |(t, v)| (t - t0, v - v0));
    let n = points.clone().count();
    let mean_t = centred().map(|(t, _)| t).sum::<f64>() / n as f64;
    let mean_v = centred().map(|(_, v)| v).sum::<f64>() / n as f64;
    let spread: f64 = centred().map(|(t, _)| (t - mean_t).powi(2)).sum();
    if n < LEAST_POINTS || spread <= 0.0 {
        return None;
    }
    let slope = centred()
        .map(|(t, v)| (t - mean_t) * (v - mean_v))
        .sum::<f64>()
        / spread;
    let residuals: f64 = centred()
        .map(|(t, v)| (v - mean_v - slope * (t - mean_t)).powi(2))
        .sum();
    let freedom = (n - 2) as f64;
    let margin = student_t_90(freedom) * (residuals / freedom / spread).sqrt();
    Some(Slope {
        slope,
        lower: slope - margin,
        upper: slope + margin,
    })
}

/// The 90 % quantile of Student's t: exact for one and two degrees of freedom, else by its expansion around the normal quantile
/// (Abramowitz and Stegun, 26.7.5), right within 0.1 %.
fn student_t_90(freedom: f64) -> f64 {
    const NORMAL_90: f64 = 1.281_551_6;
    match freedom as u64 {
        0 | 1 => 3.077_683_5,
        2 => 1.885_618_1,
        _ => {
            NORMAL_90 + 0.846_585 / freedom + 0.570_87 / freedom.powi(2) + 0.258_5 / freedom.powi(3)
        }
    }
}
