//! Which groups matter most when not all have room on the page.

use std::cmp::Reverse;

use crate::analysis::report::{GroupReport, GrowthState, Severity, TopicReport};

/// What makes a topic of a group interesting, the weightiest first: a raised signal, what the lag does, how full a queue is, how
/// long it is. The last two are rounded: series of groups that are about alike shall not come and go with every message.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Interest {
    severity: Option<Severity>,
    growth: GrowthState,
    /// Of the fullest ceiling, up to four times full.
    eighths_full: u8,
    /// Binary digits of the lag; 0 when it is unknown, too.
    lag_digits: u32,
}

/// The most interesting groups first, those that are alike by name.
pub(super) fn groups(groups: &[GroupReport]) -> Vec<&GroupReport> {
    let mut sorted: Vec<_> = groups.iter().collect();
    sorted.sort_by_cached_key(|group| {
        let most = group.topics.iter().map(interest).max();
        (Reverse(most), group.name.clone())
    });
    sorted
}

/// Likewise a group's topics.
pub(super) fn topics(topics: &[TopicReport]) -> Vec<&TopicReport> {
    let mut sorted: Vec<_> = topics.iter().collect();
    sorted.sort_by_cached_key(|topic| (Reverse(interest(topic)), topic.topic.clone()));
    sorted
}

fn interest(topic: &TopicReport) -> Interest {
    let ratios = topic.ceilings.iter().map(|c| c.utilization_ratio);
    Interest {
        severity: topic.lag_growth.severity,
        growth: topic.lag_growth.state,
        eighths_full: (ratios.fold(0.0, f64::max) * 8.0).min(32.0) as u8,
        lag_digits: u64::BITS - topic.lag_messages.unwrap_or(0).leading_zeros(),
    }
}
