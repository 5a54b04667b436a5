//! A log start above the commit: unread messages are being deleted, whatever else is known.

use super::Told;
use super::retention::{Offsets, by_age, retention_of, tell};
use lagslope::analysis::Ceilings;
use lagslope::analysis::report::{Eta, GrowthState};
use lagslope::analysis::sample::Retention;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

#[test]
fn what_is_deleted_unread_is_a_fact_whatever_the_lag_does() {
    // No commit moves and little arrives: nothing is raised. The log start is above the commit from the first look on, which the commit
    // of the second look proves; and what was produced before is known to nobody.
    let offsets: Offsets = |t| [600.0, 10_000.0 + (t / 600.0).floor(), 500.0];
    let both = Some(Retention {
        seconds: Some(HOUR),
        bytes: Some(1 << 40),
        compacted: false,
    });
    for (retention, why) in [
        (by_age(HOUR), "by age"),
        (both, "the size is far from its limit"),
        (None, "its configuration may not be read"),
    ] {
        let mut told = Told::new(Ceilings::default());
        told.retention = retention;
        told.message_bytes = Some(100.0);
        for (_, report) in tell(&mut told, offsets, 10.0 * MINUTE).into_iter().skip(2) {
            assert!(report.lag_growth.state < GrowthState::Accumulating, "{why}");
            let ceiling = retention_of(&report).expect(why);
            assert_eq!(ceiling.eta, Some(Eta::NOW), "{why}");
            assert_eq!(ceiling.utilization_ratio, 1.0, "{why}");
        }
    }
}

#[test]
fn age_of_the_log_start_is_the_least_that_retention_is_used_up() {
    // The commit is older than anything that was watched; the log start, 20 minutes old and proven an interval later, lies in
    // what was. Ten minutes are kept.
    let offsets: Offsets = |t| {
        [
            1_000.0 * (t - 1_200.0).max(1.0),
            1_000.0 * t + 5_000.0,
            500.0,
        ]
    };
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(600.0);
    let reports = tell(&mut told, offsets, 40.0 * MINUTE);
    let (_, last) = reports.last().expect("there are some");
    assert_eq!(last.time_lag_seconds, None);
    let ceiling = retention_of(last).expect("known");
    assert!(
        (1.99..2.04).contains(&ceiling.utilization_ratio),
        "{ceiling:?}"
    );
    assert_eq!(ceiling.eta, Some(Eta::NOW));
}

#[test]
fn commit_at_the_log_start_has_lost_nothing() {
    let offsets: Offsets = |_| [500.0, 10_000.0, 500.0];
    let mut told = Told::new(Ceilings::default());
    told.retention = by_age(HOUR);
    let reports = tell(&mut told, offsets, 10.0 * MINUTE);
    assert!(reports.iter().all(|(_, report)| report.ceilings.is_empty()));
}
