//! What a level compares to see a rise.

use super::{Habits, Level};
use crate::analysis::evidence::{Compared, Evidence, Rule};
use crate::analysis::sample::Time;
use crate::analysis::signal::lag_growth::profile::Profile;
use crate::analysis::signal::lag_growth::window::Window;

impl Level {
    /// A rise, and for how long it must last. Of an armed level it is what fired; else the test that is nearest to pass, with what is
    /// known now.
    pub(in crate::analysis::signal::lag_growth) fn evidence(
        &self,
        t: Time,
        habits: Habits,
        p: &Profile,
    ) -> Evidence {
        let compared = match &self.armed {
            Some(armed) => armed.fired.clone(),
            None => self.nearest_test(habits, p),
        };
        let block = Compared::beside("block_seconds", self.block_seconds);
        let all = [block].into_iter().chain(compared);
        let since = self.armed.as_ref().map(|armed| armed.at);
        Evidence::new(Rule::RisingTroughs, all.chain([self.held(t, p)])).since(since)
    }

    /// For how long it is armed, and must be.
    pub(super) fn held(&self, t: Time, p: &Profile) -> Compared {
        let hold = p.hold_seconds.max(p.hold_block_share * self.block_seconds);
        let held = self.armed.as_ref().map(|armed| t - armed.at);
        Compared::at_least("held_seconds", held, hold)
    }

    fn nearest_test(&self, habits: Habits, p: &Profile) -> Vec<Compared> {
        let minima = self.minima.unpack();
        let tests = p.rules.iter().filter_map(|rule| {
            let window = Window::last(&minima, rule.minima)?;
            Some(self.test(rule, &window, habits, p).compared())
        });
        let missing = |compared: &Vec<Compared>| compared.iter().filter(|c| !c.holds()).count();
        tests.min_by_key(missing).unwrap_or_else(|| {
            let least = p.rules.iter().map(|rule| rule.minima).min();
            let least = least.unwrap_or_default() as f64;
            vec![Compared::at_least("troughs", minima.len() as f64, least)]
        })
    }
}
