//! Messages by delay, in logarithmic buckets: quantiles that are right to four percent whatever the scale, in the memory of the
//! buckets that are in use.

/// Neighbouring buckets differ by this factor.
const RATIO: f64 = 1.04;
/// Below it delays are one bucket, and count as zero.
const FROM_SECONDS: f64 = 0.05;
/// The last bucket begins at more than a century.
const BUCKETS: u16 = 640;

/// A straight piece of both curves whose ends were sampled is entered as so many equal parts: it is known no better.
const SAMPLED_PARTS: u32 = 4;

/// Where buckets begin, in seconds; the last one has no end.
const BEGINNINGS: [f64; BUCKETS as usize] = beginnings();

const fn beginnings() -> [f64; BUCKETS as usize] {
    let mut bounds = [0.0; BUCKETS as usize];
    let (mut bucket, mut seconds) = (1, FROM_SECONDS);
    while bucket < bounds.len() {
        bounds[bucket] = seconds;
        seconds *= RATIO;
        bucket += 1;
    }
    bounds
}

/// Messages by their delay in seconds.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// `(bucket, messages)`, in order of bucket.
    used: Vec<(u16, f64)>,
    total: f64,
}

impl Histogram {
    /// Adds messages that waited so many seconds.
    pub fn add(&mut self, delay_seconds: f64, messages: f64) {
        self.add_to(bucket_of(delay_seconds), messages);
    }

    /// Adds messages that waited about evenly between two delays in seconds: those of a straight piece of both curves.
    pub fn add_evenly(&mut self, from: f64, to: f64, messages: f64) {
        if bucket_of(from) == bucket_of(to) {
            return self.add(from, messages);
        }
        let parts = f64::from(SAMPLED_PARTS);
        for part in 0..SAMPLED_PARTS {
            let middle = (f64::from(part) + 0.5) / parts;
            self.add(from + (to - from) * middle, messages / parts);
        }
    }

    /// The same for delays that are known well: each bucket gets what lies in it.
    pub fn add_finely(&mut self, from: f64, to: f64, messages: f64) {
        let (first, last) = (bucket_of(from), bucket_of(to));
        if first >= last {
            return self.add(from, messages);
        }
        let a_second = messages / (to - from);
        self.total += messages;
        for (bucket, held) in self.used_between(first, last) {
            let end = BEGINNINGS.get(usize::from(*bucket) + 1).unwrap_or(&to);
            let begin = BEGINNINGS[usize::from(*bucket)].max(from);
            *held += a_second * (end.min(to) - begin).max(0.0);
        }
    }

    /// All buckets from the first to the last of these.
    fn used_between(&mut self, first: u16, last: u16) -> &mut [(u16, f64)] {
        let from = self.used.partition_point(|(bucket, _)| *bucket < first);
        let to = from + self.used[from..].partition_point(|(bucket, _)| *bucket <= last);
        let wanted = usize::from(last - first) + 1;
        if to - from < wanted {
            let held = &self.used[from..to];
            let is_missing =
                |bucket: &u16| held.binary_search_by_key(bucket, |used| used.0).is_err();
            let missing: Vec<u16> = (first..=last).filter(is_missing).collect();
            let empty = missing.into_iter().map(|bucket| (bucket, 0.0));
            self.used.extend(empty);
            self.used.sort_unstable_by_key(|used| used.0);
        }
        &mut self.used[from..from + wanted]
    }

    fn add_to(&mut self, bucket: u16, messages: f64) {
        self.total += messages;
        match self
            .used
            .binary_search_by_key(&bucket, |(bucket, _)| *bucket)
        {
            Ok(place) => self.used[place].1 += messages,
            Err(place) => self.used.insert(place, (bucket, messages)),
        }
    }

    /// Messages in it.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The delay in seconds that a share `q` of the messages did not exceed; `None` while there are none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let wanted = q * self.total;
        let mut seen = 0.0;
        let reached = self.used.iter().find(|(_, messages)| {
            seen += messages;
            seen >= wanted
        });
        let last = self.used.last();
        reached.or(last).map(|(bucket, _)| middle_of(*bucket))
    }

    /// Empties it, and keeps its room.
    pub fn clear(&mut self) {
        self.used.clear();
        self.total = 0.0;
    }
}

/// Upper bounds in seconds of the buckets of [`DelayHistogram`]: from what a sample every second can resolve to six hours, close where
/// objectives for delays usually lie. Sixteen series a group and topic with the one beyond.
pub const DELAY_BOUNDS_SECONDS: [f64; 15] = [
    0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
    21_600.0,
];

/// Messages by the delay with which they were committed, since the beginning: it only grows. 136 bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DelayHistogram {
    /// Messages in each bucket alone, those beyond the last bound last.
    messages: [f64; DELAY_BOUNDS_SECONDS.len() + 1],
    sum_seconds: f64,
}

impl DelayHistogram {
    /// Adds the messages of a window, each at the middle of its narrow bucket.
    pub fn add(&mut self, window: &Histogram) {
        for (bucket, messages) in &window.used {
            let delay = middle_of(*bucket);
            let place = DELAY_BOUNDS_SECONDS.partition_point(|bound| *bound < delay);
            self.messages[place] += messages;
            self.sum_seconds += delay * messages;
        }
    }

    /// `(upper bound in seconds, whole messages up to it)`, rising; the last bound is infinite, and its count that of all.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, f64)> {
        let bounds = DELAY_BOUNDS_SECONDS.into_iter().chain([f64::INFINITY]);
        let counts = self.messages.iter().scan(0.0, |up_to, messages| {
            *up_to += messages;
            Some(f64::floor(*up_to))
        });
        bounds.zip(counts)
    }

    /// Seconds that all of them waited.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_seconds
    }
}

fn bucket_of(delay_seconds: f64) -> u16 {
    if delay_seconds < FROM_SECONDS {
        return 0;
    }
    let above = (delay_seconds / FROM_SECONDS).ln() / RATIO.ln();
    (1 + above as u16).min(BUCKETS - 1)
}

/// The geometric middle.
fn middle_of(bucket: u16) -> f64 {
    match bucket {
        0 => 0.0,
        _ => FROM_SECONDS * RATIO.powf(f64::from(bucket) - 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_few_percent() {
        let mut delays = Histogram::default();
        assert_eq!(delays.quantile(0.5), None);
        (1..=1000).for_each(|n| delays.add(f64::from(n), 2.0));
        for (q, expected) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = delays.quantile(q).expect("it has messages");
            assert!((found / expected - 1.0).abs() < 0.04, "{q}: {found}");
        }
        delays.clear();
        assert_eq!((delays.quantile(0.5), delays.total()), (None, 0.0));
    }

    #[test]
    fn what_is_known_well_is_spread_over_the_buckets_it_lies_in() {
        let (mut at_once, mut one_by_one) = (Histogram::default(), Histogram::default());
        for (from, to, messages) in [
            (0.0, 5.0, 1000.0),
            (2.0, 2.01, 7.0),
            (1.0, 90.0, 300.0),
            (0.02, 0.3, 50.0),
            (4.0, 4.0, 3.0),
            (1e12, 1e13, 2.0),
        ] {
            at_once.add_finely(from, to, messages);
            let parts = 100_000;
            for part in 0..parts {
                let share = (f64::from(part) + 0.5) / f64::from(parts);
                one_by_one.add(from + (to - from) * share, messages / f64::from(parts));
            }
        }
        let (found, expected) = (&at_once.used, &one_by_one.used);
        assert!((at_once.total() - one_by_one.total()).abs() < 1e-6);
        let buckets = |all: &[(u16, f64)]| all.iter().map(|(bucket, _)| *bucket).collect();
        let (found_in, expected_in): (Vec<_>, Vec<_>) = (buckets(found), buckets(expected));
        assert_eq!(found_in, expected_in);
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found.1 - expected.1).abs() < 0.02,
                "{found:?} {expected:?}"
            );
        }
    }

    #[test]
    fn cumulative_histogram_only_grows_and_ends_with_all() {
        let (mut all, mut window) = (DelayHistogram::default(), Histogram::default());
        let mut before: Vec<(f64, f64)> = all.cumulative().collect();
        for (delay, messages) in [(0.2, 3.5), (7.0, 2.0), (59.0, 1.0), (1e6, 4.0), (7.0, 0.7)] {
            window.clear();
            window.add(delay, messages);
            all.add(&window);
            let now: Vec<_> = all.cumulative().collect();
            assert!(
                now.windows(2)
                    .all(|pair| pair[0] < pair[1] || pair[0].1 == pair[1].1)
            );
            assert!(
                now.iter()
                    .zip(&before)
                    .all(|(now, before)| now.1 >= before.1)
            );
            before = now;
        }
        let up_to = |bound: f64| before.iter().find(|b| b.0 == bound).expect("a bound").1;
        assert_eq!((up_to(0.5), up_to(5.0), up_to(10.0)), (3.0, 3.0, 6.0));
        assert_eq!(
            (up_to(60.0), up_to(21_600.0), up_to(f64::INFINITY)),
            (7.0, 7.0, 11.0)
        );
        let expected = 0.2 * 3.5 + 7.0 * 2.7 + 59.0 + 4e6;
        assert!((all.sum_seconds() / expected - 1.0).abs() < 0.02);
    }

    #[test]
    fn delays_below_and_beyond_the_buckets_have_a_place() {
        let mut delays = Histogram::default();
        delays.add(0.0, 1.0);
        assert_eq!(delays.quantile(0.5), Some(0.0));
        delays.add(1e15, 9.0);
        assert!(delays.quantile(0.99).is_some_and(|delay| delay > 1e9));
    }
}
