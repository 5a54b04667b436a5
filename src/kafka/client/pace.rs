//! How long a broker usually takes, and so how long a cycle waits for it.

use std::time::Duration;

/// Cycles whose answer times are remembered. Their median is the usual time: one slow answer doesn't change it.
const PACES: usize = 5;
/// A broker may take so many times its usual time.
const PATIENCE_FACTOR: u32 = 4;
/// Below a second, so that everything of the other brokers is delivered within a second of the tick.
const PATIENCE_MIN: Duration = Duration::from_millis(800);

/// How long a broker's answers take.
#[derive(Default)]
pub(crate) struct Pace {
    recent: Vec<Duration>,
    /// In this cycle.
    pub(crate) spent: Duration,
}

impl Pace {
    pub(crate) fn begin_cycle(&mut self) {
        let spent = std::mem::take(&mut self.spent);
        if spent > Duration::ZERO {
            if self.recent.len() == PACES {
                self.recent.remove(0);
            }
            self.recent.push(spent);
        }
    }

    pub(crate) fn patience(&self, timeout: Duration) -> Duration {
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        let usual = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        // `min` last: a request timeout below a second is the user's wish.
        let allowed = (usual * PATIENCE_FACTOR).max(PATIENCE_MIN).min(timeout);
        allowed.saturating_sub(self.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn pace(cycles_ms: &[u64]) -> Pace {
        let mut pace = Pace::default();
        for ms in cycles_ms {
            pace.spent = Duration::from_millis(*ms);
            pace.begin_cycle();
        }
        pace
    }

    #[test]
    fn patience_follows_the_usual_time_within_its_bounds() {
        let cases: &[(&[u64], u64, &str)] = &[
            (&[], 800, "nothing known yet"),
            (&[2, 2, 3], 800, "a quick broker still gets the least"),
            (
                &[500, 600, 400],
                2000,
                "a slow one gets four times its median",
            ),
            (&[2, 2, 4000, 2], 800, "one slow answer changes nothing"),
            (
                &[2000, 2000, 2000],
                5000,
                "never more than the request timeout",
            ),
        ];
        for (cycles, expected, why) in cases {
            assert_eq!(
                pace(cycles).patience(TIMEOUT).as_millis(),
                u128::from(*expected),
                "{why}"
            );
        }
    }

    #[test]
    fn patience_is_for_the_whole_cycle() {
        let mut pace = pace(&[2]);
        pace.spent = Duration::from_millis(500);
        assert_eq!(pace.patience(TIMEOUT).as_millis(), 300);
    }
}
