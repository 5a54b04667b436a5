//! What happens to the clock while the daemon runs: the machine sleeps, a virtual one is paused, somebody sets the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lagslope::daemon::{Clocks, Watches};

use super::changed::{page, seconds, ticks};
use super::script::{Behaviour, Script, Scripts, settings};
use super::{TWO, skipped};

const BEGIN: f64 = 1_700_000_000.0;
const OF_A: [(&str, &str); 1] = [("kafka_cluster", "a")];

/// A machine whose clock is set, and that sleeps, as the test says; in seconds.
#[derive(Clone, Default)]
struct Machine {
    ahead: Arc<AtomicI64>,
    asleep: Arc<AtomicI64>,
}

impl Machine {
    fn watches(&self, scripts: &Scripts) -> Watches<Script> {
        let (ahead, asleep) = (Arc::clone(&self.ahead), Arc::clone(&self.asleep));
        let clocks = Clocks::new(
            || BEGIN,
            move || ahead.load(Ordering::Relaxed) as f64,
            move || asleep.load(Ordering::Relaxed) as f64,
        );
        Watches::start_by(clocks, settings(TWO), scripts.source())
    }

    fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    fn sleep(&self, seconds: i64) {
        self.asleep.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_slept_through_is_an_hour_and_nothing_old_is_shown_after_it() {
    let (machine, scripts) = (Machine::default(), Scripts::new(&[]));
    let watches = machine.watches(&scripts);
    seconds(62).await;
    assert_eq!(page(&watches).value("lag_messages", &OF_A), Some(500.0));
    machine.sleep(3600);
    seconds(2).await;
    assert!(!page(&watches).text().contains("kafka_cluster"));
    seconds(8).await;
    let after = page(&watches);
    assert_eq!(after.value("lag_messages", &OF_A), Some(500.0));
    assert_eq!(
        after.value("production_rate", &OF_A),
        None,
        "a gap, not ten seconds"
    );
    assert_eq!(
        after.value("last_sample_timestamp_seconds", &OF_A),
        Some(BEGIN + 3670.0)
    );
    assert_eq!(skipped(&after, "a", "clock"), Some(0.0), "no tick is lost");
    seconds(10).await;
    assert_eq!(page(&watches).value("production_rate", &OF_A), Some(100.0));
    assert_eq!(
        ticks(&scripts, "a"),
        [0, 10, 20, 30, 40, 50, 60, 70, 80],
        "one after the other"
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_bends_no_age_and_interrupts_the_rates_once() {
    for step in [3600, -3600, 60] {
        let (machine, scripts) = (Machine::default(), Scripts::new(&[]));
        let watches = machine.watches(&scripts);
        seconds(65).await;
        // Ten minutes' worth of curve at 100 a second: what waits came five seconds ago.
        let before = page(&watches).value("time_lag_seconds", &OF_A);
        assert_eq!(before, Some(5.0));
        machine.set(step);
        seconds(10).await;
        let after = page(&watches);
        assert_eq!(after.value("lag_messages", &OF_A), Some(500.0), "{step}");
        for name in ["time_lag_seconds", "production_rate", "consumption_rate"] {
            assert_eq!(after.value(name, &OF_A), None, "{step}: {name}");
        }
        assert_eq!(
            after.value("last_sample_timestamp_seconds", &OF_A),
            Some(BEGIN + 70.0 + step as f64)
        );
        assert_eq!(skipped(&after, "a", "clock"), Some(0.0));
        seconds(10).await;
        let later = page(&watches);
        assert_eq!(later.value("production_rate", &OF_A), Some(100.0));
        assert_eq!(later.value("time_lag_seconds", &OF_A), Some(5.0));
        assert_eq!(later.sum("resets_total", &OF_A), 0.0);
        assert_eq!(scripts.done("a").pasts_forgotten, 1, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cycle_that_was_slept_through_or_stepped_over_is_thrown_away_and_counted() {
    for steps in [false, true] {
        let machine = Machine::default();
        let slow = Behaviour::Takes(Duration::from_secs(4));
        let scripts = Scripts::new(&[("a", slow)]);
        let watches = machine.watches(&scripts);
        seconds(62).await;
        if steps {
            machine.set(3600);
        } else {
            machine.sleep(3600);
        }
        seconds(5).await;
        let text = page(&watches).text().to_owned();
        assert!(!text.contains("lag_messages{kafka_cluster=\"a\""), "{text}");
        seconds(10).await;
        let after = page(&watches);
        assert_eq!(skipped(&after, "a", "clock"), Some(1.0));
        assert_eq!(after.value("lag_messages", &OF_A), Some(500.0));
        assert_eq!(after.value("production_rate", &OF_A), None);
        assert!(scripts.done("a").pasts_forgotten >= 1);
    }
}
