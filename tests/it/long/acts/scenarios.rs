//! The scenarios of the acts without the hour that they take: that each file can be played, and that a schedule gives its orders when
//! it should.

use std::time::Duration;

use super::ACTS;
use crate::long::pressure;

#[path = "../../../../examples/pressure/scenario.rs"]
#[allow(dead_code, reason = "the pair uses what the tests don't")]
mod scenario;

use scenario::Scenario;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn each_act_begins_normally_and_ends_its_trouble() {
    for act in &ACTS {
        let text = std::fs::read_to_string(pressure::scenario(act.scenario)).expect(act.scenario);
        let scenario = Scenario::parse(&text).expect(act.scenario);
        let names: Vec<&str> = scenario.phases.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["normal", "trouble", "recovery"], "{}", act.scenario);
        let has = |name: &str, value: &str| {
            let pair = [name.to_owned(), value.to_owned()];
            scenario.arguments.windows(2).any(|two| two == pair)
        };
        assert!(has("--group", act.group), "{}", act.scenario);
        assert!(has("--topic", act.topic), "{}", act.scenario);
    }
}

const REPEATED: &str = r#"{"about": "", "phases": [
    {"name": "once", "lasts": "1m", "orders": [{"at": "0s", "order": "a"}, {"at": "20s", "order": "b"}]},
    {"name": "again", "every": "10s", "orders": [{"at": "0s", "order": "c"}, {"at": "2500ms", "order": "d"}]}
]}"#;

#[test]
fn orders_come_once_each_however_the_time_is_cut() {
    let scenario = Scenario::parse(REPEATED).expect("it is well formed");
    // Phase, span in seconds, orders.
    let cases: &[(usize, (f64, f64), &[&str])] = &[
        // An order at the beginning is due at once.
        (0, (0.0, 0.1), &["a"]),
        (0, (0.1, 20.0), &[]),
        (0, (20.0, 59.0), &["b"]),
        (1, (0.0, 10.0), &["c", "d"]),
        // A repeat begins where the one before ended.
        (1, (9.9, 10.1), &["c"]),
        // Whoever was held up for longer than a repeat gives what it missed, in order.
        (1, (2.0, 23.0), &["d", "c", "d", "c", "d"]),
    ];
    for (phase, (since, until), orders) in cases {
        let due = scenario.phases[*phase].due(seconds(*since), seconds(*until));
        assert_eq!(due, *orders, "{since} to {until}");
    }
    let steps = (0..300).flat_map(|n| {
        let since = f64::from(n) * 0.1;
        scenario.phases[1].due(seconds(since), seconds(since + 0.1))
    });
    assert_eq!(steps.count(), 6);
}

#[test]
fn what_cannot_be_played_is_refused() {
    let phase = |rest: &str| format!(r#"{{"about": "", "phases": [{{"name": "p", {rest}}}]}}"#);
    let cases = [
        (r#"{"about": "", "phases": []}"#.to_owned(), "has phases"),
        (phase(r#""orders": [], "evry": "1s""#), "evry"),
        (phase(r#""orders": [], "lasts": "6""#), "a unit is missing"),
        (phase(r#""every": "10ms", "orders": []"#), "repeats faster"),
        (
            phase(r#""every": "1m", "orders": [{"at": "60s", "order": "a"}]"#),
            "after its repeat",
        ),
        (
            phase(r#""orders": [{"at": "2s", "order": "a"}, {"at": "1s", "order": "b"}]"#),
            "in order of time",
        ),
    ];
    for (text, expected) in cases {
        let error = format!("{:#}", Scenario::parse(&text).expect_err(&text));
        assert!(error.contains(expected), "{text}: {error}");
    }
}
