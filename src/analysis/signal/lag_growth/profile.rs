//! Every threshold of the trough envelope, with its default: tuned in a simulation of 28 healthy and 23 troubled behaviours.

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// A test over the last block minima of a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// How many minima it looks at, 2 to 8.
    pub minima: usize,
    /// Mann–Kendall's S must reach this.
    pub kendall: i32,
    /// The rise must reach this many seconds of traffic.
    pub rise_seconds: f64,
    /// Four points pass Mann–Kendall too easily: each step must carry its share of the rise.
    pub even_steps: bool,
}

/// The thresholds of signal 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The tests, longest window first: the first that passes fires and gives the rise.
    pub rules: [Rule; 3],
    /// Levels of blocks, each twice as long as the one before (at most 7).
    pub levels: usize,
    /// Seconds of a block of level 0.
    pub base_block_seconds: f64,
    /// Block minima that a level keeps (at most 8).
    pub minima_kept: usize,
    /// Share of the rise that each step must carry, where a rule wants even steps.
    pub even_step_share: f64,
    /// Share of the rise that each half of the window must carry: a ramp, not a step.
    pub half_share: f64,
    /// The slope must reach this share of the arrival rate.
    pub slope_share: f64,
    /// The rise must reach this many messages.
    pub rise_messages: f64,
    /// The time lag must rise by this share of what the rise in messages amounts to.
    pub time_lag_share: f64,
    /// Share of the time lag by which it may be wrong: it must rise by more.
    pub time_lag_error_share: f64,
    /// Share of the rise by which the last minimum may lie below the highest.
    pub top_share: f64,
    /// Seconds for which a series counts as young.
    pub young_seconds: f64,
    /// Factor on the rises that the rules ask for while the series is young.
    pub young_factor: f64,
    /// Seconds that a window must span while the series is young.
    pub young_span_seconds: f64,
    /// Habits are known early after this many advances of the commit …
    pub habit_commits: usize,
    /// … if none of them took longer than this many seconds.
    pub habit_gap_seconds: f64,
    /// Seconds that a window must span while habits are unknown.
    pub cold_span_seconds: f64,
    /// Seconds over which the usual arrival rate and the usual pauses are averaged.
    pub usual_seconds: f64,
    /// From this many times the usual arrival rate on a window holds a surge, which may end as it came …
    pub surge_factor: f64,
    /// … and commits pause unusually when that takes this share of a window more than usual, as in a rolling restart.
    pub pause_share: f64,
    /// Seconds that a window with a surge or with unusual pauses must span.
    pub unusual_span_seconds: f64,
    /// Share of a rise that must be gone for it to count as recovered from.
    pub recovered_share: f64,
    /// Seconds within which a group must recover for the rise to be learned as ordinary.
    pub recovery_seconds: f64,
    /// Rises below this many seconds of traffic are not learned.
    pub learn_from_seconds: f64,
    /// While the minima stay within this share of what could be learned or called, only the finest level is kept. At 0 all are
    /// kept from the first change on.
    pub quiet_share: f64,
    /// Events that the mean and the spread of recovered rises remember.
    pub memory_events: usize,
    /// While fewer events are known, their spread is not trusted.
    pub few_events: usize,
    /// A rise is unusual from the mean and this many standard deviations on …
    pub spread_factor: f64,
    /// … or from the mean and this share of it on, whichever is more.
    pub mean_margin: f64,
    /// Least standard deviation as a share of the mean, while few events are known.
    pub least_spread: f64,
    /// What is learned is clipped at this many times the usual limit.
    pub clip_factor: f64,
    /// A rise must pass the second largest that was recovered from by this factor.
    pub largest_factor: f64,
    /// Seconds after which the largest rises and gaps begin to be forgotten.
    pub bucket_seconds: f64,
    /// A level disarms when the lag falls below its top by this share of the rise.
    pub lower_low_share: f64,
    /// A window is flat when its slope is below this share of the arrival rate …
    pub flat_slope_share: f64,
    /// … or its S at most this …
    pub flat_kendall: i32,
    /// … or its time lag rose by less than this share of what the rise in messages amounts to.
    pub flat_time_lag_share: f64,
    /// Minima that are looked at for flatness.
    pub flat_minima: usize,
    /// Successive flat blocks that disarm a level.
    pub flat_blocks: usize,
    /// Seconds that a level must stay armed to be believed …
    pub hold_seconds: f64,
    /// … or this share of its block, whichever is more.
    pub hold_block_share: f64,
    /// Seconds without progress that make a stall …
    pub stall_seconds: f64,
    /// … or this many times the longest ordinary gap, whichever is more.
    pub stall_gap_factor: f64,
    /// Seconds after which a verdict that nothing confirms any more is cleared.
    pub clear_seconds: f64,
    /// A verdict is cleared when this share of the rise since the onset is gone and no level is confirmed …
    pub clear_share: f64,
    /// … and when this share is gone and the lag falls steadily, whatever coarser levels say.
    pub falling_share: f64,
}

impl Profile {
    /// The same for a partition of many: more evidence, longer.
    #[must_use]
    pub fn strict(&self) -> Self {
        let mut strict = self.clone();
        strict.hold_seconds *= STRICT_HOLD_FACTOR;
        strict.spread_factor *= STRICT_SPREAD_FACTOR;
        strict.rules[0].kendall = strict.rules[0].kendall.max(STRICT_KENDALL);
        for rule in &mut strict.rules {
            rule.rise_seconds *= STRICT_RISE_FACTOR;
        }
        strict
    }
}

/// What the strict profile asks for beyond the ordinary one: 300 s, 10·sd, S₈ ≥ 24, rises of 20, 24 and 120 s.
const STRICT_HOLD_FACTOR: f64 = 5.0;
const STRICT_SPREAD_FACTOR: f64 = 10.0 / 7.0;
const STRICT_KENDALL: i32 = 24;
const STRICT_RISE_FACTOR: f64 = 2.0;

impl Default for Profile {
    fn default() -> Self {
        let rule = |minima, kendall, rise_seconds| Rule {
            minima,
            kendall,
            rise_seconds,
            even_steps: minima == 4,
        };
        Self {
            rules: [rule(8, 22, 10.0), rule(6, 13, 12.0), rule(4, 6, 60.0)],
            levels: 7,
            base_block_seconds: MINUTE,
            minima_kept: 8,
            even_step_share: 0.15,
            half_share: 0.2,
            slope_share: 0.005,
            rise_messages: 5.0,
            time_lag_share: 0.5,
            time_lag_error_share: 0.005,
            top_share: 0.1,
            young_seconds: HOUR,
            young_factor: 2.0,
            young_span_seconds: 12.0 * MINUTE,
            habit_commits: 10,
            habit_gap_seconds: 60.0,
            cold_span_seconds: 35.0 * MINUTE,
            usual_seconds: 2.0 * HOUR,
            surge_factor: 1.3,
            pause_share: 0.05,
            unusual_span_seconds: 30.0 * MINUTE,
            recovered_share: 0.5,
            recovery_seconds: HOUR,
            learn_from_seconds: 2.0,
            quiet_share: 1.0,
            memory_events: 32,
            few_events: 4,
            spread_factor: 7.0,
            mean_margin: 0.3,
            least_spread: 0.1,
            clip_factor: 2.0,
            largest_factor: 1.5,
            bucket_seconds: 72.0 * HOUR,
            lower_low_share: 0.25,
            flat_slope_share: 0.001,
            flat_kendall: 2,
            flat_time_lag_share: 0.1,
            flat_minima: 6,
            flat_blocks: 3,
            hold_seconds: 60.0,
            hold_block_share: 0.25,
            stall_seconds: 180.0,
            stall_gap_factor: 1.5,
            clear_seconds: 600.0,
            clear_share: 0.5,
            falling_share: 0.25,
        }
    }
}
