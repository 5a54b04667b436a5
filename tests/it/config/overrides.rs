//! Overrides, mutes, and the names of retry topics: which of them holds for whom, and the words for what is wrong.

use std::sync::Arc;

use lagslope::analysis::{MuteWindow, RetryKind, Signal};

use super::{LEAST, faults, load};

#[test]
fn the_first_override_that_matches_wins_and_lies_over_what_holds_for_all() {
    let text = "signals: {critical_eta: 2h, lag_growth: {hold: 6m}, lag_growth_strict: {spread_factor: 20}}\n\
        overrides:\n\
        - {group: pay, topic: orders, mute: []}\n\
        - {group: 'pay.*', topic: '.*', mute: [ceiling], signals: {critical_eta: 1m, lag_growth: {stall: 9m}, strict_above: 5}}\n\
        - {group: payments, topic: '.*', mute: [lag_growth]}\n";
    let settings = load(format!("{text}{LEAST}"), &[]).unwrap();
    let of = |group, topic| settings.rules_of(group, topic);
    for (group, topic) in [("pay", "orders"), ("other", "orders")] {
        let rules = of(group, topic);
        assert!(Arc::ptr_eq(&rules.settings, &settings.analysis), "{group}");
        assert_eq!(rules.mute, None, "{group}");
    }
    let rules = of("payments", "orders");
    assert!(
        Arc::ptr_eq(&rules.settings, &of("pay", "bills").settings),
        "shared"
    );
    let own = &rules.settings;
    assert_eq!(own.critical_eta_seconds, 60.0);
    assert_eq!(
        (own.lag_growth.hold_seconds, own.lag_growth.stall_seconds),
        (360.0, 540.0)
    );
    let strict = &own.lag_growth_strict;
    assert_eq!((strict.spread_factor, strict.stall_seconds), (20.0, 540.0));
    assert_eq!((own.strict_above, own.rate_window_seconds), (5, 120.0));
    let mute = rules.mute.expect("it is muted");
    assert_eq!(mute.signals, [Signal::Ceiling].into_iter().collect());
    assert_eq!(mute.window, None);
}

#[test]
fn the_general_rate_window_holds_in_overrides_too() {
    let text = "signals: {rate_window: 5m}\noverrides: [{group: a, topic: b, signals: {critical_eta: 1m}}]\n";
    let settings = load(format!("{text}{LEAST}"), &[]).unwrap();
    assert_eq!(
        settings.rules_of("a", "b").settings.rate_window_seconds,
        300.0
    );
}

#[test]
fn a_mute_may_be_limited_to_hours_and_days() {
    let every = [true; 7];
    let weekend = [false, false, false, false, false, true, true];
    let cases = [
        ("between: '09:30-10:00'", 34_200, 1_800, every),
        ("between: '22:00-04:00'", 79_200, 21_600, every),
        (
            "between: '22:00-24:00', days: [sat, sun]",
            79_200,
            7_200,
            weekend,
        ),
        (
            "between: '00:00-24:00', days: [sun, sat]",
            0,
            86_400,
            weekend,
        ),
    ];
    for (written, begins, lasts, days) in cases {
        let text =
            format!("overrides: [{{group: a, topic: b, mute: [lag_growth], {written}}}]\n{LEAST}");
        let mute = load(text, &[])
            .unwrap()
            .rules_of("a", "b")
            .mute
            .expect("muted");
        let expected = MuteWindow {
            begins,
            lasts,
            days,
        };
        assert_eq!(mute.window, Some(expected), "{written}");
    }
}

#[test]
fn own_patterns_tell_retry_topics() {
    let text =
        "retry_topics: ['again[.](?P<group>[^.]+)[.](?P<main>.+)']\ndead_letter_topics: []\n";
    let settings = load(format!("{text}{LEAST}"), &[]).unwrap();
    let name = settings.retries.name_of("again.pay.orders").expect("known");
    assert_eq!(
        (name.kind, name.main.as_str()),
        (RetryKind::Retry, "orders")
    );
    for topic in ["orders-retry-0", "orders-dlt"] {
        assert_eq!(settings.retries.name_of(topic), None, "{topic}");
    }
    let default = load(LEAST, &[]).unwrap();
    assert!(default.retries.name_of("orders-retry-0").is_some());
}

/// `(what is written, what is said of it)`.
const WRONG: &[(&str, &str)] = &[
    (
        "overrides: [{group: a, topic: b}]",
        "f.yaml:1: overrides[0]: missing: mute, signals or both",
    ),
    (
        "overrides: [{group: a, mute: [ceiling]}]",
        "f.yaml:1: overrides[0].topic: missing",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [lag]}]",
        "f.yaml:1: overrides[0].mute[0]: expected lag_growth or ceiling or divergence or retry_storm, got the text \"lag\"",
    ),
    (
        "overrides: [{group: a, topic: b, signals: {rate_window: 1m}}]",
        "f.yaml:1: overrides[0].signals.rate_window: holds for all groups alike, since Kafka is asked for the past by it: set it under the general `signals`",
    ),
    (
        "overrides: [{group: a, topic: b, signals: {ceiling: {leave: 1}}}]",
        "f.yaml:1: overrides[0].signals.ceiling.leave: must be below enter (0.95), is 1: each wobble would count",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [ceiling], between: '22-4'}]",
        "f.yaml:1: overrides[0].between: expected two times of day, UTC, such as 22:00-04:00, got the text \"22-4\"",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [ceiling], between: '24:00-04:00'}]",
        "f.yaml:1: overrides[0].between: expected two times of day, UTC, such as 22:00-04:00, got the text \"24:00-04:00\"",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [ceiling], between: '04:00-04:00'}]",
        "f.yaml:1: overrides[0].between: expected an end other than the beginning (a whole day is 00:00-24:00), got the text \"04:00-04:00\"",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [], between: '04:00-05:00'}]",
        "f.yaml:1: overrides[0].between: there is no `mute` that it is for",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [ceiling], days: [mon]}]",
        "f.yaml:1: overrides[0].days: needs `between`: write between: \"00:00-24:00\" for whole days",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [ceiling], between: '04:00-05:00', days: []}]",
        "f.yaml:1: overrides[0].days: expected at least one day",
    ),
    (
        "overrides: [{group: a, topic: b, mute: [ceiling], between: '04:00-05:00', days: [monday]}]",
        "f.yaml:1: overrides[0].days[0]: expected mon or tue or wed or thu or fri or sat or sun, got the text \"monday\"",
    ),
    (
        "retry_topics: ['.*-again']",
        "f.yaml:1: retry_topics[0]: the pattern \".*-again\" doesn't say which part is the main topic's name: put (?P<main>…) around it",
    ),
    (
        "dead_letter_topics: ['(?P<main>.+)-(dead']",
        "f.yaml:1: dead_letter_topics[0]: the pattern \"(?P<main>.+)-(dead\" is no regular expression: unclosed group",
    ),
    (
        "dead_letter_topics: ['(?P<main>.+)-(?P<gruop>.+)-dead']",
        "f.yaml:1: dead_letter_topics[0]: the pattern \"(?P<main>.+)-(?P<gruop>.+)-dead\" names a part \"gruop\": only main and group mean something",
    ),
];

#[test]
fn what_is_wrong_is_told_with_line_key_and_value() {
    for (written, told) in WRONG {
        assert_eq!(
            faults(format!("{written}\n{LEAST}"), &[]),
            [*told],
            "{written}"
        );
    }
}

#[test]
fn what_is_wrong_with_what_holds_for_all_is_told_once() {
    let text = "signals: {ceiling: {leave: 1}}\noverrides: [{group: a, topic: b, signals: {critical_eta: 1m}}]\n";
    assert_eq!(faults(format!("{text}{LEAST}"), &[]).len(), 1);
}
