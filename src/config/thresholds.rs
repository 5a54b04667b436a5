//! The thresholds of signal 1 as they are written. The defaults are the analysis' own: what isn't written is left alone.

use serde::Deserialize;

use super::leaf::{Positive, Share, Span, Text, Whole};
use crate::analysis::signal::lag_growth::{Profile, Rule as CheckedRule};

/// A count of things that are remembered or waited for: enough to try anything, and far from using up memory.
type Count = Whole<1, 1000>;

/// How a written value becomes a threshold.
trait Threshold<T> {
    fn threshold(&self) -> T;
}

impl Threshold<f64> for Span {
    fn threshold(&self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl Threshold<f64> for Positive {
    fn threshold(&self) -> f64 {
        self.0
    }
}

impl Threshold<f64> for Share {
    fn threshold(&self) -> f64 {
        self.0
    }
}

impl<const MIN: u64, const MAX: u64> Threshold<usize> for Whole<MIN, MAX> {
    fn threshold(&self) -> usize {
        usize::try_from(self.0).expect("no bound of ours is beyond a usize")
    }
}

impl<const MIN: u64, const MAX: u64> Threshold<i32> for Whole<MIN, MAX> {
    fn threshold(&self) -> i32 {
        i32::try_from(self.0).expect("no bound of ours is beyond an i32")
    }
}

/// `key: kind => field of the profile`; a key says `15s` where the field counts seconds.
macro_rules! lag_growth {
    ($($key:ident: $kind:ty => $field:ident,)*) => {
        /// `signals.lag_growth`.
        #[derive(Debug, Default, Deserialize)]
        #[serde(expecting = "a map")]
        pub(super) struct LagGrowth {
            pub(super) rules: Option<Vec<Rule>>,
            $(pub(super) $key: Option<Text<$kind>>,)*
        }

        impl LagGrowth {
            /// Takes over what was written, `rules` aside.
            fn apply(&self, profile: &mut Profile) {
                $(if let Some(Text(value)) = &self.$key {
                    profile.$field = value.threshold();
                })*
            }
        }
    };
}

lag_growth! {
    levels: Whole<1, 7> => levels,
    base_block: Span => base_block_seconds,
    minima_kept: Whole<2, 8> => minima_kept,
    even_step_share: Share => even_step_share,
    half_share: Share => half_share,
    slope_share: Share => slope_share,
    rise_messages: Positive => rise_messages,
    time_lag_share: Share => time_lag_share,
    time_lag_error_share: Share => time_lag_error_share,
    top_share: Share => top_share,
    young: Span => young_seconds,
    young_factor: Positive => young_factor,
    young_span: Span => young_span_seconds,
    habit_commits: Count => habit_commits,
    habit_gap: Span => habit_gap_seconds,
    cold_span: Span => cold_span_seconds,
    usual: Span => usual_seconds,
    surge_factor: Positive => surge_factor,
    pause_share: Share => pause_share,
    unusual_span: Span => unusual_span_seconds,
    recovered_share: Share => recovered_share,
    recovery: Span => recovery_seconds,
    learn_from: Span => learn_from_seconds,
    memory_events: Count => memory_events,
    few_events: Count => few_events,
    spread_factor: Positive => spread_factor,
    mean_margin: Positive => mean_margin,
    least_spread: Positive => least_spread,
    clip_factor: Positive => clip_factor,
    largest_factor: Positive => largest_factor,
    bucket: Span => bucket_seconds,
    lower_low_share: Share => lower_low_share,
    flat_slope_share: Share => flat_slope_share,
    flat_kendall: Whole<0, 28> => flat_kendall,
    flat_time_lag_share: Share => flat_time_lag_share,
    flat_minima: Whole<2, 8> => flat_minima,
    flat_blocks: Count => flat_blocks,
    hold: Span => hold_seconds,
    hold_block_share: Positive => hold_block_share,
    stall: Span => stall_seconds,
    stall_gap_factor: Positive => stall_gap_factor,
    clear: Span => clear_seconds,
    clear_share: Share => clear_share,
    falling_share: Share => falling_share,
}

/// An entry of `rules`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Rule {
    pub(super) minima: Option<Text<Whole<2, 8>>>,
    pub(super) kendall: Option<Text<Whole<1, 28>>>,
    pub(super) rise: Option<Text<Span>>,
    pub(super) even_steps: Option<Text<bool>>,
}

impl LagGrowth {
    /// The profile that was written, or the key that is wrong and why.
    pub(super) fn profile(&self) -> Result<Profile, (&'static str, String)> {
        let mut profile = Profile::default();
        self.apply(&mut profile);
        if let Some(rules) = &self.rules {
            let given = profile.rules.len();
            if rules.len() != given {
                return Err((
                    "rules",
                    format!("expected {given} rules, got {}", rules.len()),
                ));
            }
            for (rule, written) in profile.rules.iter_mut().zip(rules) {
                written.apply(rule);
            }
        }
        let longest = profile
            .rules
            .iter()
            .map(|rule| rule.minima)
            .max()
            .unwrap_or_default();
        let wanted = longest.max(profile.flat_minima);
        if wanted > profile.minima_kept {
            let kept = profile.minima_kept;
            return Err((
                "minima_kept",
                format!("{kept} are kept, but {wanted} are looked at"),
            ));
        }
        Ok(profile)
    }
}

impl Rule {
    fn apply(&self, rule: &mut CheckedRule) {
        if let Some(Text(minima)) = &self.minima {
            rule.minima = minima.threshold();
        }
        if let Some(Text(kendall)) = &self.kendall {
            rule.kendall = kendall.threshold();
        }
        if let Some(Text(rise)) = &self.rise {
            rule.rise_seconds = rise.threshold();
        }
        if let Some(Text(even_steps)) = self.even_steps {
            rule.even_steps = even_steps;
        }
    }
}
