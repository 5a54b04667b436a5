//! Every threshold is a setting: where it ends up, and the words for what can't be.

use lagslope::analysis::Settings;

use super::{LEAST, faults, load};

#[test]
fn each_signals_thresholds_reach_the_analysis() {
    let signals = "signals:\n\
        \x20 strict_above: 3\n\
        \x20 ceiling: {enter: 0.9, leave: 0.5, leave_after: 2m, window: 30m, warning_hits: 5, warning_share: 0.1}\n\
        \x20 divergence: {commit_gap_windows: 5, least_watched: 10m, hold: 1m, least_limit: 5s, calm_hold: 1m, peak_factor: 3, least_messages: 7}\n\
        \x20 retry_storm: {windows: 3, least_ratio: 0.2, base_after_windows: 4, clear_windows: 9}\n\
        \x20 reprocessing: {rewinds: 9, rewinds_within: 1h}\n\
        \x20 churn: {rebalances: 8, windows_in_a_row: 6}\n";
    let mut expected = Settings::new(10.0);
    expected.strict_above = 3;
    let ceiling = &mut expected.ceiling;
    (ceiling.enter_ratio, ceiling.leave_ratio) = (0.9, 0.5);
    (ceiling.leave_seconds, ceiling.window_seconds) = (120.0, 1800.0);
    (ceiling.warning_hits, ceiling.warning_share) = (5, 0.1);
    let divergence = &mut expected.divergence;
    (
        divergence.commit_gap_windows,
        divergence.least_watched_seconds,
    ) = (5, 600.0);
    (divergence.hold_seconds, divergence.least_limit_seconds) = (60.0, 5.0);
    (divergence.peak_factor, divergence.least_messages) = (3.0, 7.0);
    divergence.calm_hold_seconds = 60.0;
    let storm = &mut expected.retry_storm;
    (storm.windows, storm.least_ratio) = (3, 0.2);
    (storm.base_after_windows, storm.clear_windows) = (4, 9);
    let reprocessing = &mut expected.reprocessing;
    (reprocessing.rewinds, reprocessing.rewinds_seconds) = (9, 3600.0);
    (expected.churn.rebalances, expected.churn.windows_in_a_row) = (8, 6);
    let settings = load(format!("{signals}{LEAST}"), &[]).unwrap();
    assert_eq!(*settings.analysis, expected);
}

#[test]
fn the_strict_profile_follows_the_ordinary_one_where_nothing_was_said_of_it() {
    let signals = "signals: {lag_growth: {stall: 9m, hold: 6m}, lag_growth_strict: {hold: 7m}}\n";
    let settings = load(format!("{signals}{LEAST}"), &[]).unwrap();
    let strict = &settings.analysis.lag_growth_strict;
    assert_eq!((strict.stall_seconds, strict.hold_seconds), (540.0, 420.0));
    assert_eq!(strict.spread_factor, 10.0);
    let default = load(LEAST, &[]).unwrap();
    assert_eq!(*default.analysis, Settings::new(10.0));
}

/// `(what stands under signals, what is said of it)`.
const WRONG: &[(&str, &str)] = &[
    (
        "ceiling: {leave: 0.96}",
        "f.yaml:1: signals.ceiling.leave: must be below enter (0.95), is 0.96: each wobble would count",
    ),
    (
        "ceiling: {enter: 95}",
        "f.yaml:1: signals.ceiling.enter: expected a number above 0 and at most 1, got the text \"95\"",
    ),
    (
        "ceiling: {leave_after: 2h}",
        "f.yaml:1: signals.ceiling.leave_after: expected a duration from 1s to 1h, got the text \"2h\"",
    ),
    (
        "divergence: {calm_hold: 5m}",
        "f.yaml:1: signals.divergence.calm_hold: must not be above hold (240 s), is 300 s",
    ),
    (
        "retry_storm: {clear_share: 0.7}",
        "f.yaml:1: signals.retry_storm.clear_share: must not be above sustained_share (0.6), is 0.7",
    ),
    (
        "retry_storm: {least_ration: 1}",
        "f.yaml:1: signals.retry_storm.least_ration: unknown key: did you mean `least_ratio`?",
    ),
    (
        "churn: {windows_in_a_row: 7}",
        "f.yaml:1: signals.churn.windows_in_a_row: expected a whole number from 1 to 6, got the text \"7\"",
    ),
    (
        "lag_growth_strict: {minima_kept: 7}",
        "f.yaml:1: signals.lag_growth_strict.minima_kept: 7 are kept, but 8 are looked at",
    ),
];

#[test]
fn what_cannot_be_is_told_with_line_key_and_value() {
    for (written, told) in WRONG {
        let text = format!("signals: {{{written}}}\n{LEAST}");
        assert_eq!(faults(text, &[]), [*told], "{written}");
    }
}
