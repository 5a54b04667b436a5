//! The thresholds of each signal as they are written. The defaults are the analysis' own: what isn't written is left alone.

mod lag_growth;

use serde::Deserialize;

use super::leaf::{Positive, Share, Span, SpanWithin, Text, Whole};
use crate::analysis::signal::{ceiling, churn, divergence, reprocessing, retry_storm};
pub(super) use lag_growth::LagGrowth;

/// A count of things that are remembered or waited for: enough to try anything, and far from using up memory.
type Count = Whole<1, 1000>;

/// A time of which each sample is remembered.
type Remembered = SpanWithin<1, 3600>;

/// A key and what is wrong with it.
type Wrong = (&'static str, String);

/// How a written value becomes a threshold.
trait Threshold<T> {
    fn threshold(&self) -> T;
}

impl Threshold<f64> for Span {
    fn threshold(&self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl<const MIN: u64, const MAX: u64> Threshold<f64> for SpanWithin<MIN, MAX> {
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

impl<const MIN: u64, const MAX: u64> Threshold<u32> for Whole<MIN, MAX> {
    fn threshold(&self) -> u32 {
        u32::try_from(self.0).expect("no bound of ours is beyond a u32")
    }
}

/// `key: kind => field of the profile`; a key says `15s` where the field counts seconds. A profile's field that has no key here, and
/// isn't named as one that is taken over by hand (`beside`), doesn't compile: every threshold is a setting.
macro_rules! thresholds {
    (
        $(#[$doc:meta])* $name:ident => $profile:ty,
        beside { $($beside:ident: $beside_kind:ty)? }
        $($key:ident: $kind:ty => $field:ident,)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(expecting = "a map")]
        pub(in crate::config) struct $name {
            $($beside: Option<$beside_kind>,)?
            $($key: Option<Text<$kind>>,)*
        }

        impl $name {
            /// Takes over what was written.
            pub(in crate::config) fn take_over(&self, profile: &mut $profile) {
                type Whole = $profile;
                let Whole { $($field,)* $($beside: _)? } = profile;
                $(if let Some(Text(value)) = &self.$key {
                    *$field = value.threshold();
                })*
            }
        }
    };
}
use thresholds;

thresholds! {
    /// `signals.ceiling`.
    Ceiling => ceiling::Profile,
    beside {}
    enter: Share => enter_ratio,
    leave: Share => leave_ratio,
    leave_after: Remembered => leave_seconds,
    window: Span => window_seconds,
    warning_hits: Count => warning_hits,
    warning_share: Share => warning_share,
}

thresholds! {
    /// `signals.divergence`.
    Divergence => divergence::Profile,
    beside {}
    commit_gap_windows: Whole<2, 60> => commit_gap_windows,
    least_watched: Span => least_watched_seconds,
    behind: Span => behind_seconds,
    least_limit: Span => least_limit_seconds,
    least_limit_resolutions: Positive => least_limit_resolutions,
    peak_factor: Positive => peak_factor,
    recovered_factor: Positive => recovered_factor,
    hold: Span => hold_seconds,
    calm_hold: Span => calm_hold_seconds,
    young: Span => young_seconds,
    young_factor: Positive => young_factor,
    least_messages: Positive => least_messages,
    tail_traffic_share: Share => tail_traffic_share,
    clear_limit_share: Share => clear_limit_share,
    clear_peak_share: Share => clear_peak_share,
    quantile_messages: Positive => quantile_messages,
}

thresholds! {
    /// `signals.retry_storm`.
    RetryStorm => retry_storm::Profile,
    beside {}
    windows: Whole<1, 60> => windows,
    unbroken: Span => unbroken_seconds,
    sustained_windows: Whole<1, 60> => sustained_windows,
    sustained_share: Share => sustained_share,
    least_ratio: Positive => least_ratio,
    base_factor: Positive => base_factor,
    base_margin: Positive => base_margin,
    base_after_windows: Count => base_after_windows,
    least_retries: Positive => least_retries,
    idle_share: Share => idle_share,
    clear_windows: Count => clear_windows,
    clear_share: Share => clear_share,
    critical_ratio: Positive => critical_ratio,
    critical_rising_windows: Count => critical_rising_windows,
}

thresholds! {
    /// `signals.reprocessing`.
    Reprocessing => reprocessing::Profile,
    beside {}
    rewinds: Count => rewinds,
    rewinds_within: Span => rewinds_seconds,
    rewound_share: Share => rewound_share,
    windows_in_a_row: Count => windows_in_a_row,
}

thresholds! {
    /// `signals.churn`.
    Churn => churn::Profile,
    beside {}
    rebalances: Count => rebalances,
    usual_factor: Positive => usual_factor,
    windows_in_a_row: Whole<1, { churn::MOST_WINDOWS_IN_A_ROW as u64 }> => windows_in_a_row,
}

impl Ceiling {
    /// Takes over what was written, or says which key is wrong and why.
    pub(super) fn apply(&self, profile: &mut ceiling::Profile) -> Result<(), Wrong> {
        self.take_over(profile);
        let (enter, leave) = (profile.enter_ratio, profile.leave_ratio);
        if leave >= enter {
            return Err((
                "leave",
                format!("must be below enter ({enter}), is {leave}: each wobble would count"),
            ));
        }
        Ok(())
    }
}

impl Divergence {
    /// Takes over what was written, or says which key is wrong and why.
    pub(super) fn apply(&self, profile: &mut divergence::Profile) -> Result<(), Wrong> {
        self.take_over(profile);
        let (calm, other) = (profile.calm_hold_seconds, profile.hold_seconds);
        if calm > other {
            return Err((
                "calm_hold",
                format!("must not be above hold ({other} s), is {calm} s"),
            ));
        }
        Ok(())
    }
}

impl RetryStorm {
    /// Takes over what was written, or says which key is wrong and why.
    pub(super) fn apply(&self, profile: &mut retry_storm::Profile) -> Result<(), Wrong> {
        self.take_over(profile);
        let (sustained, clear) = (profile.sustained_share, profile.clear_share);
        if clear > sustained {
            return Err((
                "clear_share",
                format!("must not be above sustained_share ({sustained}), is {clear}"),
            ));
        }
        Ok(())
    }
}
