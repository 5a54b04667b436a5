//! Overrides, mutes and names of retry topics that change while the daemon runs.

use lagslope::daemon::Watches;

use super::TWO;
use super::changed::{page, seconds};
use super::script::{Scripts, settings};

const OF_A: [(&str, &str); 2] = [("kafka_cluster", "a"), ("group", "pay")];
const LAG_GROWTH: [(&str, &str); 2] = [("kafka_cluster", "a"), ("signal", "lag_growth")];

#[tokio::test(start_paused = true)]
async fn a_mute_holds_from_the_next_cycle_on_and_silence_is_counted() {
    let scripts = Scripts::new(&[]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(605).await;
    let before = page(&watches);
    assert_eq!(before.value("signal", &LAG_GROWTH), Some(0.0));
    assert_eq!(before.value("signal_muted", &LAG_GROWTH), None);
    assert_eq!(before.value("stalled", &OF_A), Some(0.0));
    let muted = format!("{TWO}overrides: [{{group: p.*, topic: orders, mute: [lag_growth]}}]\n");
    let changes = watches.change(settings(&muted)).await;
    assert_eq!(changes.changed, ["a", "b"]);
    seconds(10).await;
    let during = page(&watches);
    assert_eq!(during.value("signal", &LAG_GROWTH), None);
    assert_eq!(during.value("signal_muted", &LAG_GROWTH), Some(1.0));
    assert_eq!(during.all("signal_muted", &OF_A).count(), 1);
    assert_eq!(during.value("stalled", &OF_A), None);
    assert_eq!(during.value("lag_messages", &OF_A), Some(500.0));
    watches.change(settings(TWO)).await;
    seconds(10).await;
    let after = page(&watches);
    assert_eq!(after.value("signal", &LAG_GROWTH), Some(0.0), "at once");
    assert_eq!(after.value("signal_muted", &LAG_GROWTH), None);
    assert_eq!(after.value("production_rate", &OF_A), Some(100.0));
}

#[tokio::test(start_paused = true)]
async fn an_overrides_thresholds_hold_from_the_next_cycle_on_and_history_stays() {
    let scripts = Scripts::new(&[]);
    let text = format!("{TWO}ceilings: [{{group: pay, topic: '.*', lag_messages: 1000}}]\n");
    let mut watches = Watches::start(settings(&text), scripts.source());
    seconds(65).await;
    assert_eq!(page(&watches).value("ceiling_hits_total", &OF_A), Some(0.0));
    let of = |group: &str| {
        let signals = "{ceiling: {enter: 0.5, leave: 0.4}}";
        settings(&format!(
            "{text}overrides: [{{group: {group}, topic: '.*', signals: {signals}}}]\n"
        ))
    };
    watches.change(of("another")).await;
    seconds(20).await;
    assert_eq!(page(&watches).value("ceiling_hits_total", &OF_A), Some(0.0));
    watches.change(of("pay")).await;
    seconds(20).await;
    let after = page(&watches);
    assert_eq!(after.value("ceiling_hits_total", &OF_A), Some(1.0));
    assert_eq!(after.value("production_rate", &OF_A), Some(100.0));
}

#[tokio::test(start_paused = true)]
async fn other_names_of_dead_letter_topics_hold_from_the_next_cycle_on() {
    let scripts = Scripts::new(&[]);
    let mut watches = Watches::start(settings(TWO), scripts.source());
    seconds(65).await;
    assert_eq!(page(&watches).value("dead_letter_rate", &OF_A), None);
    let own = format!("{TWO}dead_letter_topics: ['(?P<main>.+)[.]given-up']\n");
    watches.change(settings(&own)).await;
    seconds(10).await;
    assert_eq!(
        page(&watches).value("dead_letter_rate", &OF_A),
        None,
        "of one reading there is no rate"
    );
    seconds(10).await;
    let rate = page(&watches).value("dead_letter_rate", &OF_A);
    assert_eq!(rate, Some(10.0));
    watches.change(settings(TWO)).await;
    seconds(10).await;
    assert_eq!(page(&watches).value("dead_letter_rate", &OF_A), None);
}
