//! What is published of the groups under load, against what the true curves allow: at each scrape the value must have been true at
//! some moment at which it may have been read.

use super::ledger::{Bounds, Truth};
use super::load::{self, PARTITIONS, TOPIC};
use super::look::Look;
use super::rest::{Key, Tolerance, key};
use crate::lagslope::Scrape;

/// From the tick to the last answer, and until the page is up. A hung broker costs 0.8 s of it.
const CYCLE_SECONDS: f64 = 2.0;

/// The rate window, and as long before it as a pair may stand for the present.
const SLOPE_REACH_SECONDS: f64 = 150.0;

/// Readings closer than this make no slope.
const LEAST_STEP_SECONDS: f64 = 4.0;

/// Steps in which a window is gone through.
const GRID_SECONDS: f64 = 0.25;

/// Signal 1 calls a stall after this, at the earliest.
const STALL_SECONDS: f64 = 180.0;

/// The least and the most.
type Band = (f64, f64);

/// The truth, with how old what is published may be.
pub(super) struct Pressed {
    truth: Truth,
    tolerance: Tolerance,
    /// When each cycle began.
    cycles: Vec<f64>,
}

/// What came of comparing.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Each value that no moment allows, with its band.
    pub(super) wrong: Vec<String>,
    pub(super) lags: usize,
    /// Lags that were true within the last cycle: not left over from an older one.
    pub(super) new_lags: usize,
    pub(super) slopes: usize,
    pub(super) ages: usize,
    pub(super) signals: usize,
    /// Signals that are not yet or no more known.
    pub(super) signals_unknown: usize,
    pub(super) largest_lag: f64,
    pub(super) steepest_slope: f64,
    pub(super) longest_stall: f64,
}

impl Pressed {
    /// `pages` are all that were scraped: they tell when cycles began.
    pub(super) fn new<'a>(
        truth: Truth,
        tolerance: Tolerance,
        pages: impl Iterator<Item = &'a Scrape>,
    ) -> Self {
        let began = pages.filter_map(|page| page.value("last_sample_timestamp_seconds", &[]));
        let mut cycles: Vec<f64> = began.collect();
        cycles.dedup();
        Self {
            truth,
            tolerance,
            cycles,
        }
    }

    pub(super) fn hold(&self, look: &Look, held: &mut Held) {
        let Some(page) = &look.page else { return };
        let until = look.began + look.took.as_secs_f64();
        for family in ["partition_lag_messages", "lag_messages"] {
            for (series, value, group, partitions) in ours(page, family) {
                held.lags += 1;
                held.largest_lag = held.largest_lag.max(value);
                let lag = |from| self.sum(partitions.clone(), |p| self.lags(group, p, from, until));
                held.check(series, value, lag(self.read_since(until)));
                let newest = until - self.tolerance.sample_interval - CYCLE_SECONDS;
                held.new_lags += usize::from(contains(lag(newest), value));
            }
        }
        self.hold_slopes(page, until, held);
        self.hold_ages(page, until, held);
        self.hold_the_rest(page, until, held);
    }

    fn hold_slopes(&self, page: &Scrape, until: f64, held: &mut Held) {
        for family in ["partition_lag_slope", "lag_slope"] {
            for (series, value, group, partitions) in ours(page, family) {
                if series.contains("window=\"trend\"") {
                    continue;
                }
                held.slopes += 1;
                held.steepest_slope = held.steepest_slope.max(value.abs());
                held.check(series, value, self.slopes(group, partitions, until));
            }
        }
    }

    fn hold_ages(&self, page: &Scrape, until: f64, held: &mut Held) {
        for family in ["partition_time_lag_seconds", "time_lag_seconds"] {
            for (series, value, group, partitions) in ours(page, family) {
                held.ages += 1;
                let ages = partitions.map(|p| self.ages(group, p, until));
                let worst = |a: Band, b: Band| (a.0.max(b.0), a.1.max(b.1));
                let band = ages.reduce(worst).expect("a partition at least");
                held.check(series, value, band);
            }
        }
    }

    /// The signal, and counters of what never happened.
    fn hold_the_rest(&self, page: &Scrape, until: f64, held: &mut Held) {
        for family in [
            "resets_total",
            "reprocessed_messages_total",
            "lost_messages_total",
        ] {
            for (series, value, ..) in ours(page, family) {
                held.check(series, value, (0.0, 0.0));
            }
        }
        let stalls: Vec<f64> = (0..load::COMMIT_EVERY.len())
            .map(|group| {
                let stalls = (0..PARTITIONS).map(|p| self.stall(group, p, until));
                stalls.fold(0.0, f64::max)
            })
            .collect();
        held.longest_stall = stalls.iter().copied().fold(held.longest_stall, f64::max);
        let mut unknown = stalls.len();
        for (series, value, group, _) in ours(page, "signal") {
            held.signals += 1;
            unknown -= 1;
            let stall = stalls[group];
            if value > 0.0 && stall < STALL_SECONDS {
                held.wrong.push(format!(
                    "{series} {value}: the longest stall is {stall:.0} s"
                ));
            }
        }
        held.signals_unknown += unknown;
    }

    fn read_since(&self, until: f64) -> f64 {
        until - self.tolerance.max_age - self.tolerance.sample_interval - CYCLE_SECONDS
    }

    fn sum(&self, partitions: Partitions, band: impl Fn(usize) -> Band) -> Band {
        let add = |a: Band, b: Band| (a.0 + b.0, a.1 + b.1);
        partitions.map(band).fold((0.0, 0.0), add)
    }

    /// A commit is read before the log end, in one cycle: what arrives in between counts as lag.
    fn lags(&self, group: usize, partition: usize, from: f64, until: f64) -> Band {
        let (arrived, left) = self.curves(group, partition);
        let mut band = (f64::INFINITY, 0.0f64);
        for at in grid(from, until) {
            let next = at + GRID_SECONDS;
            let least = arrived.least.at(at).saturating_sub(left.most.at(next));
            let most = arrived.most.at((next + CYCLE_SECONDS).min(until));
            let most = most.saturating_sub(left.least.at(at));
            band = (band.0.min(least as f64), band.1.max(most as f64));
        }
        band
    }

    /// A line through any of the readings is no steeper than the steepest between two of them.
    fn slopes(&self, group: usize, partitions: Partitions, until: f64) -> Band {
        let since = self.read_since(until) - SLOPE_REACH_SECONDS;
        let cycles = self.cycles.iter().filter(|at| (since..=until).contains(at));
        let lag = |at: f64| {
            self.sum(partitions.clone(), |p| {
                self.lags(group, p, at, at + CYCLE_SECONDS)
            })
        };
        let points: Vec<(f64, Band)> = cycles.map(|at| (*at, lag(*at))).collect();
        let mut band = (f64::INFINITY, f64::NEG_INFINITY);
        for (i, (before, low)) in points.iter().enumerate() {
            for (after, high) in &points[i + 1..] {
                let apart = (after - before - CYCLE_SECONDS).max(LEAST_STEP_SECONDS);
                let (fall, rise) = (high.0 - low.1, high.1 - low.0);
                band = (band.0.min(fall / apart), band.1.max(rise / apart));
            }
        }
        band
    }

    /// The age of the oldest record that is not committed, as exactly as a sampled curve tells when a record came.
    fn ages(&self, group: usize, partition: usize, until: f64) -> Band {
        let (arrived, left) = self.curves(group, partition);
        let mut band = (f64::INFINITY, 0.0f64);
        for at in grid(self.read_since(until), until) {
            let sent = arrived.most.exceeded(left.least.at(at)).unwrap_or(at);
            let there = arrived
                .least
                .exceeded(left.most.at(at + GRID_SECONDS))
                .unwrap_or(at);
            let interval = self.tolerance.sample_interval + CYCLE_SECONDS;
            band.0 = band.0.min((at - there - interval).max(0.0));
            band.1 = band.1.max(at - sent + interval);
        }
        band
    }

    /// For how long nothing may have been committed, up to a moment.
    fn stall(&self, group: usize, partition: usize, until: f64) -> f64 {
        let (arrived, left) = self.curves(group, partition);
        let Some(first) = arrived.most.exceeded(0) else {
            return 0.0;
        };
        let mut last = (0, f64::NEG_INFINITY);
        let mut longest = 0.0f64;
        for at in grid(first.max(until - 2.0 * STALL_SECONDS), until) {
            let committed = left.least.at(at);
            if committed > last.0 || last.1 == f64::NEG_INFINITY {
                last = (committed, at);
            }
            longest = longest.max(at - last.1);
        }
        longest
    }

    fn curves(&self, group: usize, partition: usize) -> (&Bounds, &Bounds) {
        (
            &self.truth.arrivals[partition],
            &self.truth.departures[group][partition],
        )
    }
}

impl Held {
    fn check(&mut self, series: &str, value: f64, band: Band) {
        if !contains(band, value) {
            self.wrong
                .push(format!("{series} {value}, the curves allow {band:.1?}"));
        }
    }

    pub(super) const HEADING: &str = "fault | lags, of them true within the last cycle, largest | slopes, steepest | time lags | \
        signals, unknown | longest true stall | wrong\n";

    pub(super) fn line(&self, name: &str) -> String {
        format!(
            "{name} | {}, {}, {:.0} | {}, {:.1}/s | {} | {}, {} | {:.0} s | {}\n",
            self.lags,
            self.new_lags,
            self.largest_lag,
            self.slopes,
            self.steepest_slope,
            self.ages,
            self.signals,
            self.signals_unknown,
            self.longest_stall,
            self.wrong.len()
        )
    }
}

type Partitions = std::ops::Range<usize>;

/// The series of the groups under load: value, group's number, and the partitions it is about.
fn ours<'a>(
    page: &'a Scrape,
    family: &'a str,
) -> impl Iterator<Item = (&'a str, f64, usize, Partitions)> {
    page.all(family, &[("topic", TOPIC)])
        .map(|(series, value)| {
            let (group, _, partition): Key = key(series);
            let number = (0..load::COMMIT_EVERY.len()).find(|number| load::group(*number) == group);
            let partition = partition as usize;
            let partitions = if series.contains("partition=") {
                partition..partition + 1
            } else {
                0..PARTITIONS
            };
            (series, value, number.expect("one of ours"), partitions)
        })
}

fn contains((least, most): Band, value: f64) -> bool {
    // Rounding, where a slope is exactly its bound.
    const ROUNDING: f64 = 1e-6;
    (least - ROUNDING..=most + ROUNDING).contains(&value)
}

fn grid(from: f64, until: f64) -> impl Iterator<Item = f64> {
    let steps = ((until - from) / GRID_SECONDS).ceil() as usize;
    (0..=steps).map(move |step| from + GRID_SECONDS * step as f64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::long::faults::ledger::Steps;

    const TOLERANCE: Tolerance = Tolerance {
        sample_interval: 10.0,
        max_age: 30.0,
    };

    fn steps(count: u64, each: u64) -> Bounds {
        let mut steps = Steps::default();
        (1..=count).for_each(|n| steps.push((each * n) as f64, each * n));
        Bounds {
            most: steps.clone(),
            least: steps,
        }
    }

    /// One a second arrives, and all is committed every ten seconds, when the daemon samples: the lag is 0 to 10.
    fn sawtooth() -> Pressed {
        let truth = Truth {
            arrivals: vec![steps(300, 1); PARTITIONS],
            departures: vec![vec![steps(30, 10); PARTITIONS]; load::COMMIT_EVERY.len()],
            failures: 0,
        };
        let page = |n| format!("lagslope_last_sample_timestamp_seconds {}\n", 10 * n);
        let pages: Vec<Scrape> = (0..30).map(|n| Scrape::parse(&page(n))).collect();
        Pressed::new(truth, TOLERANCE, pages.iter())
    }

    fn look(family: &str, value: f64) -> Look {
        let labels = "group=\"pressing-0\",topic=\"pressed\",partition=\"1\"";
        Look {
            began: 295.0,
            took: Duration::ZERO,
            page: Some(Scrape::parse(&format!(
                "lagslope_{family}{{{labels}}} {value}"
            ))),
        }
    }

    #[test]
    fn what_no_moment_allows_is_found() {
        let cases = [
            ("partition_lag_messages", 5.0, 0),
            ("partition_lag_messages", 14.0, 1),
            ("partition_lag_slope", 0.1, 0),
            ("partition_lag_slope", -3.0, 1),
            ("partition_time_lag_seconds", 8.0, 0),
            ("partition_time_lag_seconds", 70.0, 1),
            ("resets_total", 1.0, 1),
            ("signal", 0.0, 0),
            ("signal", 1.0, 1),
        ];
        let pressed = sawtooth();
        for (family, value, wrong) in cases {
            let mut held = Held::default();
            pressed.hold(&look(family, value), &mut held);
            assert_eq!(held.wrong.len(), wrong, "{family} {value}: {held:?}");
        }
    }
}
