//! Messages by delay, in logarithmic buckets: quantiles that are right to four percent whatever the scale, in the memory of the
//! buckets that are in use.

/// Neighbouring buckets differ by this factor.
const RATIO: f64 = 1.04;
/// Below it delays are one bucket, and count as zero.
const FROM_SECONDS: f64 = 0.05;
/// The last bucket begins at more than a century.
const BUCKETS: u16 = 640;

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
        let bucket = bucket_of(delay_seconds);
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
    fn delays_below_and_beyond_the_buckets_have_a_place() {
        let mut delays = Histogram::default();
        delays.add(0.0, 1.0);
        assert_eq!(delays.quantile(0.5), Some(0.0));
        delays.add(1e15, 9.0);
        assert!(delays.quantile(0.99).is_some_and(|delay| delay > 1e9));
    }
}
