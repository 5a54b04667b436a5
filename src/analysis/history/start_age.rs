//! How old the oldest kept message of a partition was in the last hours. Kafka deletes whole segments: a message outlives its
//! topic's retention by up to a segment, and by how much only the log start tells.

use crate::analysis::sample::Time;

/// Hours that are remembered, the present one included: a few segments of a busy topic, and no more of what once was.
const HOURS: usize = 3;

const HOUR_SECONDS: f64 = 3600.0;

/// The oldest age of each of the last hours, the present one first. There may be a million of these: 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::analysis) struct StartAges {
    hour: u32,
    /// Seconds; 0 when none was seen, which is what an empty log has, too.
    oldest: [f32; HOURS],
}

impl StartAges {
    /// Takes an age in seconds.
    pub(super) fn note(&mut self, now: Time, age: f64) {
        let hour = (now / HOUR_SECONDS) as u32;
        let passed = (hour.saturating_sub(self.hour) as usize).min(HOURS);
        self.oldest.rotate_right(passed % HOURS);
        self.oldest[..passed].fill(0.0);
        self.hour = self.hour.max(hour);
        self.oldest[0] = self.oldest[0].max(age as f32);
    }

    /// The oldest age in seconds; `None` when none was seen.
    pub(in crate::analysis) fn oldest_seconds(&self) -> Option<f64> {
        let oldest = self.oldest.iter().copied().fold(0.0, f32::max);
        (oldest > 0.0).then_some(f64::from(oldest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_remembered_for_three_hours() {
        let mut ages = StartAges::default();
        assert_eq!(ages.oldest_seconds(), None);
        let steps = [
            (100.0, 50.0, 50.0, "the first"),
            (200.0, 90.0, 90.0, "older"),
            (3_700.0, 20.0, 90.0, "an hour later"),
            (7_300.0, 30.0, 90.0, "two hours later"),
            (10_900.0, 10.0, 30.0, "three hours later"),
            (50_000.0, 5.0, 5.0, "long after"),
        ];
        for (now, age, oldest, why) in steps {
            ages.note(now, age);
            assert_eq!(ages.oldest_seconds(), Some(oldest), "{why}");
        }
    }
}
