//! The cumulative histogram of a topic's delays, as the text format spells one.

use super::families::Family;
use super::fragment::Fragment;
use super::text::Labels;
use crate::analysis::report::DelayHistogram;

/// The samples' names: the family's, and what each is.
const BUCKET: &str = "lagslope_message_delay_seconds_bucket";
const SUM: &str = "lagslope_message_delay_seconds_sum";
const COUNT: &str = "lagslope_message_delay_seconds_count";

/// Adds its buckets, sum and count.
pub(super) fn add(fragment: &mut Fragment, labels: &Labels, delays: &DelayHistogram) {
    let mut count = 0.0;
    for (bound, up_to) in delays.cumulative() {
        let le = if bound.is_finite() {
            bound.to_string()
        } else {
            "+Inf".to_owned()
        };
        fragment.add_named(Family::MessageDelay, BUCKET, labels, &[("le", &le)], up_to);
        count = up_to;
    }
    let sum = delays.sum_seconds();
    fragment.add_named(Family::MessageDelay, SUM, labels, &[], sum);
    fragment.add_named(Family::MessageDelay, COUNT, labels, &[], count);
}
