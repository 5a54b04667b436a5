//! `signals`: every threshold, for all groups or, in an override, for some. What is written is laid over what holds otherwise.

use serde::Deserialize;

use super::leaf::{Span, Text, Whole};
use super::thresholds::{Ceiling, Churn, Divergence, LagGrowth, Reprocessing, RetryStorm};
use super::tree::Path;
use crate::analysis::Settings;

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
pub(super) struct Signals {
    pub(super) rate_window: Option<Text<Span>>,
    critical_eta: Option<Text<Span>>,
    strict_above: Option<Text<Whole<1, 1_000_000>>>,
    lag_growth: Option<LagGrowth>,
    lag_growth_strict: Option<LagGrowth>,
    ceiling: Option<Ceiling>,
    divergence: Option<Divergence>,
    retry_storm: Option<RetryStorm>,
    reprocessing: Option<Reprocessing>,
    churn: Option<Churn>,
}

/// Lays what was written, and stands at these paths, over settings, one after the other; `rate_window` aside.
///
/// # Errors
/// The first key that is wrong, and why.
pub(super) fn laid_over(
    mut settings: Settings,
    layers: &[(&Signals, &Path)],
) -> Result<Settings, (Path, String)> {
    for (signals, at) in layers {
        signals.apply(&mut settings, at)?;
    }
    // The strict profile follows the ordinary one wherever nothing was said of it.
    settings.lag_growth_strict = settings.lag_growth.strict();
    for (signals, at) in layers {
        if let Some(strict) = &signals.lag_growth_strict {
            let applied = strict.apply(&mut settings.lag_growth_strict);
            applied.map_err(|(key, message)| (at.key("lag_growth_strict").key(key), message))?;
        }
    }
    Ok(settings)
}

impl Signals {
    fn apply(&self, settings: &mut Settings, at: &Path) -> Result<(), (Path, String)> {
        let wrong = |section: &'static str| {
            move |(key, message): (&'static str, String)| (at.key(section).key(key), message)
        };
        if let Some(Text(eta)) = &self.critical_eta {
            settings.critical_eta_seconds = eta.0.as_secs_f64();
        }
        if let Some(Text(partitions)) = &self.strict_above {
            let partitions = usize::try_from(partitions.0);
            settings.strict_above = partitions.expect("no bound of ours is beyond a usize");
        }
        if let Some(written) = &self.lag_growth {
            let applied = written.apply(&mut settings.lag_growth);
            applied.map_err(wrong("lag_growth"))?;
        }
        if let Some(written) = &self.ceiling {
            let applied = written.apply(&mut settings.ceiling);
            applied.map_err(wrong("ceiling"))?;
        }
        if let Some(written) = &self.divergence {
            let applied = written.apply(&mut settings.divergence);
            applied.map_err(wrong("divergence"))?;
        }
        if let Some(written) = &self.retry_storm {
            let applied = written.apply(&mut settings.retry_storm);
            applied.map_err(wrong("retry_storm"))?;
        }
        if let Some(written) = &self.reprocessing {
            written.take_over(&mut settings.reprocessing);
        }
        if let Some(written) = &self.churn {
            written.take_over(&mut settings.churn);
        }
        Ok(())
    }
}
