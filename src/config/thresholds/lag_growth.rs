//! The thresholds of signal 1 as they are written, and what must hold between them.

use serde::Deserialize;

use super::{Count, Threshold, Wrong, thresholds};
use crate::analysis::signal::lag_growth::{Profile, Rule as CheckedRule};
use crate::config::leaf::{Positive, Share, Span, Text, Whole};

thresholds! {
    /// `signals.lag_growth`, and `signals.lag_growth_strict`.
    LagGrowth => Profile,
    beside { rules: Vec<Rule> }
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
    quiet_share: Share => quiet_share,
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
pub(in crate::config) struct Rule {
    minima: Option<Text<Whole<2, 8>>>,
    kendall: Option<Text<Whole<1, 28>>>,
    rise: Option<Text<Span>>,
    even_steps: Option<Text<bool>>,
}

impl LagGrowth {
    /// Takes over what was written, or says which key is wrong and why.
    pub(in crate::config) fn apply(&self, profile: &mut Profile) -> Result<(), Wrong> {
        self.take_over(profile);
        if let Some(rules) = &self.rules {
            let given = profile.rules.len();
            if rules.len() != given {
                let got = rules.len();
                return Err(("rules", format!("expected {given} rules, got {got}")));
            }
            for (rule, written) in profile.rules.iter_mut().zip(rules) {
                written.apply(rule);
            }
        }
        let longest = profile.rules.iter().map(|rule| rule.minima).max();
        let wanted = longest.unwrap_or_default().max(profile.flat_minima);
        let kept = profile.minima_kept;
        if wanted > kept {
            return Err((
                "minima_kept",
                format!("{kept} are kept, but {wanted} are looked at"),
            ));
        }
        Ok(())
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
