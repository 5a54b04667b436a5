//! Delay quantiles against a model that knows of each message when it arrived and when it was committed; the analysis sees
//! samples only.

use lagslope::analysis::curve::Curve;
use lagslope::analysis::report::Severity;
use lagslope::analysis::trend::delay::{CommitGaps, OpenWindow, PartitionDelays};
use lagslope::analysis::trend::histogram::Histogram;
use lagslope::analysis::{Ceilings, Settings};
use proptest::prelude::*;

use super::{BEGIN, INTERVAL, Told, read};

/// Samples of log end and commit are so many seconds apart.
const SAMPLE_SECONDS: u32 = 10;
/// The consumer commits so often.
const COMMIT_SECONDS: u32 = 5;
/// Neighbouring buckets of the histogram differ by this factor.
const BUCKET: f64 = 1.04;
/// Thinned curves are right to so much of an age (docs of `Curve`).
const THINNED: f64 = 0.03;

/// Messages a second, for so many seconds, and messages a second that are worked off meanwhile.
type Phase = (u32, u32, u32);

/// Each message's arrival and commit, and what a sampler sees: `(at, log end, committed)`.
struct Acted {
    messages: Vec<(f64, f64)>,
    seen: Vec<(f64, u64, u64)>,
}

fn act(phases: &[Phase]) -> Acted {
    let (mut arrived, mut left, mut done) = (Vec::<f64>::new(), Vec::new(), 0usize);
    let mut seen = vec![(0.0, 0, 0)];
    let mut second = 0u32;
    for &(seconds, arriving, working) in phases {
        for _ in 0..seconds {
            second += 1;
            let at = f64::from(second);
            // Spread evenly over the second.
            arrived.extend((1..=arriving).map(|n| at - 1.0 + f64::from(n) / f64::from(arriving)));
            done = arrived.len().min(done + working as usize);
            if second.is_multiple_of(COMMIT_SECONDS) {
                left.resize(done, at);
            }
            if second.is_multiple_of(SAMPLE_SECONDS) {
                seen.push((at, arrived.len() as u64, left.len() as u64));
            }
        }
    }
    Acted {
        messages: arrived.into_iter().zip(left).collect(),
        seen,
    }
}

/// The delays as the analysis sees them, of what was committed in a sample.
fn measured(seen: &[(f64, u64, u64)]) -> Histogram {
    let shift = f64::from(SAMPLE_SECONDS.min(COMMIT_SECONDS)) / 2.0;
    let (mut curve, mut histogram) = (Curve::default(), Histogram::default());
    let mut delays: Option<PartitionDelays> = None;
    let mut gaps = CommitGaps::default();
    for &(at, log_end, committed) in seen {
        curve.append(at, log_end);
        match &mut delays {
            Some(delays) => {
                let mut window = OpenWindow {
                    delays: &mut histogram,
                    gaps: &mut gaps,
                };
                delays.sample(at, log_end, committed, shift, &curve, &mut window);
            }
            none => *none = Some(PartitionDelays::new(at, log_end, committed, shift)),
        }
    }
    histogram
}

fn phases() -> impl Strategy<Value = Vec<Phase>> {
    prop::collection::vec((30u32..300, 1u32..40, 0u32..60), 1..6)
}

proptest! {
    #[test]
    fn quantiles_are_those_of_the_messages_to_the_bucket_and_the_resolution(phases in phases(), q in 0.05..0.99) {
        let acted = act(&phases);
        let committed = acted.seen.last().expect("samples").2 as usize;
        prop_assume!(committed > 0);
        let mut naive: Vec<f64> = acted.messages[..committed].iter().map(|(arrived, left)| left - arrived).collect();
        naive.sort_unstable_by(f64::total_cmp);
        let histogram = measured(&acted.seen);
        prop_assert!((histogram.total() - committed as f64).abs() < 1e-6 * committed as f64, "each message once");
        let ours = histogram.quantile(q).expect("messages were committed");
        prop_assert!(ours >= 0.0);
        // A quantile is only as well defined as the messages about it: compare with the neighbours, too.
        let at = |q: f64| naive[((q * committed as f64) as usize).min(committed - 1)];
        let (low, high) = (at((q - 0.02).max(0.0)), at((q + 0.02).min(1.0)));
        let resolution = f64::from(SAMPLE_SECONDS + COMMIT_SECONDS);
        let allowed = |delay: f64| resolution + (BUCKET - 1.0 + THINNED) * delay;
        prop_assert!(ours >= low - allowed(low) && ours <= high + allowed(high), "{ours} is not in {low}..{high}");
    }

    #[test]
    fn no_delay_is_negative_however_readings_cross(steps in prop::collection::vec((1u32..60, 0u64..1000, 0u64..1500), 2..200)) {
        // Commits may be read beyond the log end that was read with them.
        let (mut at, mut log_end, mut committed) = (0.0, 0, 0);
        let seen: Vec<_> = steps.into_iter().map(|(seconds, produced, consumed)| {
            at += f64::from(seconds);
            log_end += produced;
            committed = (committed + consumed).min(log_end + 500);
            (at, log_end, committed)
        }).collect();
        let histogram = measured(&seen);
        prop_assert!(histogram.quantile(0.0).is_none_or(|least| least >= 0.0));
    }
}

#[test]
fn histogram_is_told_only_where_it_is_wanted_and_counts_each_commit_once() {
    for wanted in [false, true] {
        let mut told = Told::new(Ceilings::default());
        let mut settings = Settings::new(INTERVAL);
        settings.delay_histogram = wanted;
        told.retune(settings, Ceilings::default());
        let (mut last, mut counts) = (None, vec![]);
        // 100 messages a cycle; what waits when a window ends is counted when it is committed, and not before.
        for n in 0..120u64 {
            let at = BEGIN + n as f64 * INTERVAL;
            let report = told.cycle(at, &[read(1000 + 100 * n, 900 + 100 * n)]);
            last = report.expect("a topic").delay_histogram;
            let count = last.iter().filter_map(|h| Some(h.cumulative().last()?.1));
            counts.extend(count);
        }
        assert_eq!(last.is_some(), wanted);
        assert!(
            counts.windows(2).all(|pair| pair[0] <= pair[1]),
            "{counts:?}"
        );
        if let Some(histogram) = last {
            let all = histogram.cumulative().last().expect("a last bucket").1;
            assert!((11_000.0..=11_900.0).contains(&all), "{all}");
            let mean = histogram.sum_seconds() / all;
            assert!((5.0..=15.0).contains(&mean), "{mean}");
        }
    }
}

#[test]
fn one_slow_partition_of_twenty_is_named_within_a_quarter_of_an_hour() {
    let mut told = Told::new(Ceilings::default());
    let mut named = None;
    // From the second hour on partition 13 works off half of what arrives there.
    for n in 0..600u64 {
        let slow = 100 * n.min(360) + 50 * n.saturating_sub(360);
        let partitions: Vec<_> = (0..20)
            .map(|p| read(100 * n, if p == 13 { slow } else { 100 * n }))
            .collect();
        let at = BEGIN + n as f64 * INTERVAL;
        let report = told.cycle(at, &partitions).expect("a topic");
        if report.divergence.severity > Some(Severity::Ok) && named.is_none() {
            named = Some((at - BEGIN - 3600.0, report.divergence.tail));
        }
    }
    let (after, tail) = named.expect("it is called");
    assert_eq!(tail, [13]);
    assert!((120.0..=900.0).contains(&after), "{after}");
}
