//! The cumulative histogram of a topic's delays, as the text format spells one.

use super::draft::Draft;
use super::families::Family;
use super::text::Labels;
use crate::analysis::report::DelayHistogram;

/// The samples' names: the family's, and what each is.
const BUCKET: &str = "lagslope_message_delay_seconds_bucket";
const SUM: &str = "lagslope_message_delay_seconds_sum";
const COUNT: &str = "lagslope_message_delay_seconds_count";

/// Adds its buckets, sum and count.
pub(super) fn add(draft: &mut Draft, labels: &Labels, delays: &DelayHistogram) {
    let mut count = 0.0;
    for (bound, up_to) in delays.cumulative() {
        let le = if bound.is_finite() {
            bound.to_string()
        } else {
            "+Inf".to_owned()
        };
        draft.add_named(Family::MessageDelay, BUCKET, labels, &[("le", &le)], up_to);
        count = up_to;
    }
    let sum = delays.sum_seconds();
    draft.add_named(Family::MessageDelay, SUM, labels, &[], sum);
    draft.add_named(Family::MessageDelay, COUNT, labels, &[], count);
}
