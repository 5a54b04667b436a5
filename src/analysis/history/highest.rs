//! The highest value of the last hours. Kafka deletes whole segments: a log keeps up to a segment more than its topic's retention says,
//! in age and in size, and by how much only the log itself tells.

use crate::analysis::sample::Time;

/// Periods that are remembered, the present one included: half a day at least, and no more of what once was. So a day has its peak in
/// it, or the night before; and a log that deletes a few times a day was seen to.
const PERIODS: usize = 3;

const PERIOD_SECONDS: f64 = 6.0 * 3600.0;

/// The highest value of each period, the present one first. There may be a million of these: 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::analysis) struct Highest {
    period: u32,
    /// 0 when none was seen, which is what an empty log has, too.
    highest: [f32; PERIODS],
}

impl Highest {
    /// Takes a value.
    pub(super) fn note(&mut self, now: Time, value: f64) {
        let period = (now / PERIOD_SECONDS) as u32;
        let passed = (period.saturating_sub(self.period) as usize).min(PERIODS);
        self.highest.rotate_right(passed % PERIODS);
        self.highest[..passed].fill(0.0);
        self.period = self.period.max(period);
        self.highest[0] = self.highest[0].max(value as f32);
    }

    /// The highest; `None` when none was seen.
    pub(in crate::analysis) fn get(&self) -> Option<f64> {
        let highest = self.highest.iter().copied().fold(0.0, f32::max);
        (highest > 0.0).then_some(f64::from(highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_remembered_for_three_periods() {
        let mut ages = Highest::default();
        assert_eq!(ages.get(), None);
        let steps = [
            (600.0, 50.0, 50.0, "the first"),
            (1_200.0, 90.0, 90.0, "higher"),
            (22_200.0, 20.0, 90.0, "in the next period"),
            (43_800.0, 30.0, 90.0, "in the one after"),
            (65_400.0, 10.0, 30.0, "in the third"),
            (300_000.0, 5.0, 5.0, "long after"),
        ];
        for (now, value, highest, why) in steps {
            ages.note(now, value);
            assert_eq!(ages.get(), Some(highest), "{why}");
        }
    }
}
