//! Delay quantiles against a model that knows of each message when it arrived and when it was committed; the analysis sees
//! samples only.

use lagslope::analysis::curve::Curve;
use lagslope::analysis::report::Severity;
use lagslope::analysis::sample::Edge;
use lagslope::analysis::trend::delay::{CommitGaps, Evenness, OpenWindow, Pair, PartitionDelays};
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

/// Each message's arrival and commit, the commits, and what a sampler sees: `(at, log end, committed)`.
struct Acted {
    messages: Vec<(f64, f64)>,
    commits: Vec<Edge>,
    seen: Vec<(f64, u64, u64)>,
}

fn act(phases: &[Phase]) -> Acted {
    let (mut arrived, mut left, mut done) = (Vec::<f64>::new(), Vec::new(), 0usize);
    let (mut seen, mut commits) = (vec![(0.0, 0, 0)], Vec::new());
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
                commits.push(edge(at, done as u64));
            }
            if second.is_multiple_of(SAMPLE_SECONDS) {
                seen.push((at, arrived.len() as u64, left.len() as u64));
            }
        }
    }
    Acted {
        messages: arrived.into_iter().zip(left).collect(),
        commits,
        seen,
    }
}

fn edge(at: f64, committed: u64) -> Edge {
    Edge {
        partition: 0,
        committed,
        at,
    }
}

/// The delays as the analysis sees them, of what was committed in a sample; `commits` are known with their times, if any are.
fn measured(seen: &[(f64, u64, u64)], commits: &[Edge]) -> Histogram {
    let shift = f64::from(SAMPLE_SECONDS.min(COMMIT_SECONDS)) / 2.0;
    let (mut curve, mut histogram) = (Curve::default(), Histogram::default());
    let mut delays: Option<PartitionDelays> = None;
    let (mut gaps, mut evenness) = (CommitGaps::default(), Evenness::default());
    let mut before = f64::NEG_INFINITY;
    if seen[0].0 > 0.0 {
        // What arrived before the first sample was looked up.
        curve.append(0.0, 0);
    }
    for &(at, log_end, committed) in seen {
        curve.append(at, log_end);
        let known = |edge: &&Edge| edge.at > before && edge.at <= at;
        let edges: Vec<Edge> = commits.iter().filter(known).copied().collect();
        before = at;
        let pair = Pair {
            at,
            log_end,
            committed,
            edges: &edges,
            is_exact: !commits.is_empty(),
        };
        match &mut delays {
            Some(delays) => {
                let mut window = OpenWindow {
                    delays: &mut histogram,
                    gaps: &mut gaps,
                    evenness: &mut evenness,
                };
                delays.sample(&pair, shift, &curve, &mut window);
            }
            none => *none = Some(PartitionDelays::new(&pair, shift)),
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
        let resolution = f64::from(SAMPLE_SECONDS + COMMIT_SECONDS);
        quantile_is_right(&acted, &measured(&acted.seen, &[]), q, resolution)?;
    }

    #[test]
    fn where_commits_are_known_only_arrivals_are_uncertain(phases in phases(), q in 0.05..0.99) {
        let acted = act(&phases);
        let resolution = f64::from(SAMPLE_SECONDS);
        quantile_is_right(&acted, &measured(&acted.seen, &acted.commits), q, resolution)?;
    }

    #[test]
    fn edges_that_are_late_or_in_disorder_make_no_delay_negative(steps in prop::collection::vec((0u64..40, 0u64..1000, -20.0..40.0), 2..60)) {
        // 100 messages a cycle of 10 s; commits as they come, told with times of anywhere.
        let seen: Vec<_> = (0..30u32).map(|n| (f64::from(n) * 10.0, u64::from(n) * 100, u64::from(n) * 100)).collect();
        let commits: Vec<_> = steps.iter().map(|(n, committed, off)| edge(*n as f64 * 10.0 + off, *committed)).collect();
        let histogram = measured(&seen, &commits);
        prop_assert!(histogram.quantile(0.0).is_none_or(|least| least >= 0.0));
        prop_assert!(histogram.quantile(1.0).is_none_or(|most| most <= 300.0));
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
        let histogram = measured(&seen, &[]);
        prop_assert!(histogram.quantile(0.0).is_none_or(|least| least >= 0.0));
    }
}

fn quantile_is_right(
    acted: &Acted,
    histogram: &Histogram,
    q: f64,
    resolution: f64,
) -> Result<(), TestCaseError> {
    let naive = naive(acted);
    let committed = naive.len() as f64;
    prop_assume!(committed > 0.0);
    prop_assert!(
        (histogram.total() - committed).abs() < 1e-6 * committed,
        "each message once"
    );
    let ours = histogram.quantile(q).expect("messages were committed");
    prop_assert!(ours >= 0.0);
    // A quantile is only as well defined as the messages about it: compare with the neighbours, too.
    let (low, high) = (
        at(&naive, (q - 0.02).max(0.0)),
        at(&naive, (q + 0.02).min(1.0)),
    );
    let allowed = |delay: f64| resolution + (BUCKET - 1.0 + THINNED) * delay;
    prop_assert!(
        ours >= low - allowed(low) && ours <= high + allowed(high),
        "{ours} is not in {low}..{high}"
    );
    Ok(())
}

/// The delays of all that was committed by the last sample, rising.
fn naive(acted: &Acted) -> Vec<f64> {
    let committed = acted.seen.last().expect("samples").2 as usize;
    let messages = &acted.messages[..committed];
    let mut naive: Vec<f64> = messages
        .iter()
        .map(|(arrived, left)| left - arrived)
        .collect();
    naive.sort_unstable_by(f64::total_cmp);
    naive
}

fn at(naive: &[f64], q: f64) -> f64 {
    naive[((q * naive.len() as f64) as usize).min(naive.len() - 1)]
}

/// A story in which what arrives is even: then nothing but the commits is uncertain.
fn even() -> Acted {
    act(&[(600, 40, 40), (120, 40, 0), (900, 40, 60)])
}

#[test]
fn known_commits_make_delays_exact() {
    let acted = even();
    let naive = naive(&acted);
    let (exact, sampled) = (
        measured(&acted.seen, &acted.commits),
        measured(&acted.seen, &[]),
    );
    let quantiles = [0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
    let off = |histogram: &Histogram, q| {
        let ours = histogram.quantile(q).expect("messages");
        // Half a bucket, to which a value is rounded.
        ((ours - at(&naive, q)).abs() - (BUCKET - 1.0) / 2.0 * at(&naive, q)).max(0.0)
    };
    let worst = |histogram| {
        quantiles
            .iter()
            .map(|q| off(histogram, *q))
            .fold(0.0, f64::max)
    };
    assert!(worst(&exact) <= 0.1, "{}", worst(&exact));
    assert!(worst(&sampled) >= 1.0, "{}", worst(&sampled));
}

#[test]
fn of_edges_in_between_that_were_left_out_messages_leave_with_the_next() {
    let acted = even();
    // Of each ten seconds the last.
    let kept = acted.commits.iter().filter(|edge| edge.at % 10.0 == 0.0);
    let thinned = measured(&acted.seen, &kept.copied().collect::<Vec<_>>());
    let whole = measured(&acted.seen, &acted.commits);
    assert!((thinned.total() - whole.total()).abs() < 1e-6);
    for q in [0.1, 0.5, 0.9] {
        let (thinned, whole) = (thinned.quantile(q), whole.quantile(q));
        let later = thinned.expect("messages") - whole.expect("messages");
        assert!((-0.2..=5.2).contains(&later), "{q}: {later}");
    }
}

#[test]
fn each_message_leaves_once_where_commits_go_back_and_forth() {
    let commits = [(14.0, 120), (16.0, 90), (18.0, 110)].map(|(at, to)| edge(at, to));
    let seen = [(10.0, 100, 100), (20.0, 200, 110), (30.0, 300, 110)];
    let histogram = measured(&seen, &commits);
    assert!((histogram.total() - 20.0).abs() < 1e-9, "100 to 120");
    assert!(histogram.quantile(1.0).expect("messages") < 5.0);
    // Rewound at last: what leaves anew counts anew, as it does where only samples are known.
    let seen = [(10.0, 100, 100), (20.0, 200, 60), (30.0, 300, 160)];
    let commits = [(14.0, 120), (16.0, 60), (25.0, 160)].map(|(at, to)| edge(at, to));
    let total = measured(&seen, &commits).total();
    assert!((total - 20.0 - 100.0).abs() < 1e-9, "{total}");
}

#[test]
fn what_was_committed_before_the_first_sample_is_of_no_window() {
    let commits = [(1.0, 10), (4.0, 40), (13.0, 130)].map(|(at, to)| edge(at, to));
    let histogram = measured(&[(10.0, 100, 40), (20.0, 200, 130)], &commits);
    assert!((histogram.total() - 90.0).abs() < 1e-9);
    // And one that nobody told of is taken as sampled.
    let histogram = measured(&[(10.0, 100, 40), (20.0, 200, 130)], &commits[..2]);
    assert!((histogram.total() - 90.0).abs() < 1e-9);
}

/// 20 messages a second, all committed every minute, 7 s into it; the last quantiles.
fn minutely(is_exact: bool) -> (f64, f64) {
    let mut told = Told::new(Ceilings::default());
    let mut last = None;
    for n in 0..90u64 {
        let seconds = 10 * n;
        let commit = ((seconds + 53) / 60 * 60).saturating_sub(53);
        let (committed, is_new) = (20 * commit, seconds % 60 == 10);
        let edge = Edge {
            partition: 0,
            committed,
            at: BEGIN + commit as f64,
        };
        told.edges = is_exact.then(|| if is_new { vec![edge] } else { vec![] });
        let at = BEGIN + seconds as f64;
        last = told.cycle(at, &[read(20 * seconds, committed)]).or(last);
    }
    let quantiles = last.expect("a topic").delays.expect("messages");
    (quantiles.p50, quantiles.p99)
}

#[test]
fn a_commit_a_minute_is_no_floor_where_commits_are_known() {
    let (p50, p99) = minutely(true);
    assert!(
        (p50 - 30.0).abs() < 1.0 && (p99 - 59.4).abs() < 1.5,
        "{p50} {p99}"
    );
    let (p50, _) = minutely(false);
    assert_eq!(p50, 70.0, "the interval and the commit gap");
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

#[test]
fn floor_is_the_interval_where_nothing_arrives_in_every_other() {
    let p50 = |arrived: fn(u64) -> u64| {
        let mut told = Told::new(Ceilings::default());
        let mut last = None;
        for n in 0..60 {
            let (at, committed) = (BEGIN + n as f64 * INTERVAL, arrived(n));
            told.edges = Some(vec![edge(at - 0.5, committed)]);
            last = told.cycle(at, &[read(committed, committed)]).or(last);
        }
        last.expect("a topic").delays.expect("messages").p50
    };
    assert!(p50(|n| 200 * n) < 6.0);
    assert_eq!(p50(|n| 400 * (n / 2)), INTERVAL);
}

/// 20 messages a second, `taken` of them committed every `gap` seconds until `stop`; how far a partition's quick slope is off the true
/// one on average, in the cycles from the 20th minute on in which it is told, and in how many it is.
fn slope_error(is_exact: bool, (gap, taken): (f64, f64), stop: f64) -> (f64, u32) {
    let mut told = Told::new(Ceilings::default());
    let (mut error, mut count) = (0.0, 0);
    let mut before = 0.0;
    for n in 0..180u32 {
        let seconds = f64::from(n) * INTERVAL;
        // Neither with the samples nor with the minutes.
        let phase = (seconds.min(stop) - 7.3) / gap;
        let commit = (phase.floor() * gap + 7.3).max(0.0);
        let committed = (taken * commit) as u64;
        let edge = Edge {
            partition: 0,
            committed,
            at: BEGIN + commit,
        };
        told.edges = is_exact.then(|| if commit > before { vec![edge] } else { vec![] });
        before = commit;
        let read = [read((20.0 * seconds) as u64, committed)];
        let report = told.cycle(BEGIN + seconds, &read).expect("a topic");
        let slope = report.partitions.first().and_then(|p| p.rate_slope);
        if let Some(slope) = slope.filter(|_| n >= 120) {
            let truth = if seconds > stop { 20.0 } else { 20.0 - taken };
            error += (slope.slope - truth).abs();
            count += 1;
        }
    }
    (error / f64::from(count), count)
}

#[test]
fn quick_slope_of_a_partition_is_truer_where_commits_are_known() {
    let never = f64::INFINITY;
    for (gap, taken, stop) in [
        (60.0, 20.0, never),
        (60.0, 15.0, never),
        (60.0, 20.0, 1300.0),
        (47.0, 20.0, never),
        (5.0, 20.0, never),
        (5.0, 15.0, never),
        (5.0, 20.0, 1300.0),
        (300.0, 20.0, never),
    ] {
        let (sampled, told) = slope_error(false, (gap, taken), stop);
        let (exact, told_exact) = slope_error(true, (gap, taken), stop);
        println!(
            "{gap} s, {taken}/s, stop {stop}: {sampled:.2} ({told}), exact {exact:.2} ({told_exact})"
        );
        assert!(
            exact <= 1.02 * sampled + 0.05 && told_exact >= told,
            "{gap} {taken} {stop}"
        );
        assert!(gap != 60.0 || stop < never || exact < 0.1 * sampled);
    }
}
