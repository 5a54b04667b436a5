//! Stories, and the alerts that they must and must not raise.

use lagslope::analysis::Ceilings;

use crate::stories::proof::{About, Proof};
use crate::stories::story::{INTERVAL, Pace, Story};
use crate::stories::{NORMAL, OVERLOAD, begin, minute};

pub(super) const GROWING: (&str, &str) = ("LagslopeLagGrowing", "warning");
const GROWING_CRITICAL: (&str, &str) = ("LagslopeLagGrowing", "critical");
pub(super) const STOPPED: (&str, &str) = ("LagslopeConsumerStopped", "critical");
const CEILING: (&str, &str) = ("LagslopeCeilingSoon", "critical");
pub(super) const LOSS_SOON: (&str, &str) = ("LagslopeRetentionLossSoon", "critical");
pub(super) const LOST: (&str, &str) = ("LagslopeMessagesLost", "critical");
pub(super) const DROPPED: (&str, &str) = ("LagslopeSeriesDropped", "warning");
const DOWN: (&str, &str) = ("LagslopeDown", "critical");
const CLUSTER_DOWN: (&str, &str) = ("LagslopeClusterDown", "critical");
const STALE: (&str, &str) = ("LagslopeSampleStale", "warning");
const SILENT: (&str, &str) = ("LagslopeSampleStale", "critical");
const REFUSED: (&str, &str) = ("LagslopeConfigRefused", "warning");
const SKIPPED: (&str, &str) = ("LagslopeCyclesSkipped", "warning");

/// Any signal of the one topic.
const SIGNAL: &str = "lagslope_signal{";

const CATCHES_UP: Pace = Pace {
    consumed: 14_000.0,
    ..NORMAL
};
pub(super) const STANDS_STILL: Pace = Pace {
    consumed: 0.0,
    ..NORMAL
};
/// Keeps up, but says so once in ten minutes.
const BATCHES: Pace = Pace {
    consumed: 40_000.0,
    commits_every: 600,
    ..NORMAL
};

/// A story of a group whose queue has no ceiling.
async fn story() -> Story {
    begin(Ceilings::default()).await
}

/// 10,000 against 9,500: the alert is there in the second that the signal is, and goes with it after the catch-up.
#[tokio::test]
async fn an_overload_fires_with_the_signal_and_resolves_when_caught_up() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .runs(25, OVERLOAD)
        .runs(20, CATCHES_UP);
    let series = story.series();
    let rises = series.first_second(SIGNAL, 1.0).expect("a signal");
    assert!(
        rises > minute(15) && rises <= minute(31),
        "raised after {rises} s"
    );
    Proof::of(&series)
        .firing(rises - INTERVAL, &[])
        .firing(rises, &[GROWING])
        .firing(minute(40), &[GROWING])
        .says(
            minute(40),
            GROWING,
            About::Topic,
            "billing is falling behind on orders",
            "The lag of group billing on topic orders (cluster prod) grows and does not come back: \
             750k messages now, and 500 more each second. The oldest has waited 1m 15s.",
        )
        .firing(minute(60), &[])
        .holds();
}

/// Two replicas watch the same group: one alert, not two.
#[tokio::test]
async fn replicas_are_one_alert() {
    let story = story().await.runs(15, NORMAL).runs(25, OVERLOAD);
    Proof::of(&story.series())
        .seen_by(&["one:9877", "two:9877"])
        .firing(minute(40), &[GROWING])
        .holds();
}

/// A coordinator that moves makes the group unknown for two minutes: nobody is told that it is well.
#[tokio::test]
async fn what_is_unknown_for_a_moment_is_not_resolved() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .runs(20, OVERLOAD)
        .coordinator_is_silent(2, OVERLOAD)
        .runs(3, OVERLOAD);
    [35, 36, 37, 38, 40]
        .into_iter()
        .fold(Proof::of(&story.series()), |proof, at| {
            proof.firing(minute(at), &[GROWING])
        })
        .holds();
}

/// A stop pages once, and only for what it is.
#[tokio::test]
async fn a_stopped_consumer_is_called_that() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .runs(15, STANDS_STILL)
        .runs(30, CATCHES_UP);
    let series = story.series();
    let rises = series.first_second(SIGNAL, 2.0).expect("a signal");
    assert!(rises <= minute(15 + 4), "raised after {rises} s");
    Proof::of(&series)
        .firing(rises - INTERVAL, &[])
        .firing(rises, &[STOPPED, GROWING])
        .in_trouble(20..=30, "The consumer has stopped")
        .says(
            minute(30),
            STOPPED,
            About::Topic,
            "billing has stopped consuming orders",
            "Group billing commits nothing on topic orders (cluster prod), for longer than it usually does, while 10k messages \
             arrive each second. 9M messages wait, the oldest 15m 0s; the group has 3 members.",
        )
        .firing(minute(60), &[])
        .holds();
}

/// The source pauses while the consumer is stopped: the backlog is still nobody's.
#[tokio::test]
async fn a_stopped_consumer_stays_one_when_the_source_pauses() {
    let silence = Pace {
        produced: 0.0,
        ..STANDS_STILL
    };
    let story = story()
        .await
        .runs(15, NORMAL)
        .runs(10, STANDS_STILL)
        .runs(20, silence);
    Proof::of(&story.series())
        .firing(minute(45), &[STOPPED, GROWING])
        .holds();
}

/// The ceiling stands where the overload's lag is 70 minutes after it began: quiet at first, a page in its last hour.
#[tokio::test]
async fn a_ceiling_within_the_hour_pages() {
    let ceilings = Ceilings {
        lag_messages: Some(500.0 * 60.0 * 90.0),
        delay_seconds: None,
    };
    let story = begin(ceilings).await.runs(15, NORMAL).runs(40, OVERLOAD);
    Proof::of(&story.series())
        .firing(minute(15 + 25), &[GROWING])
        .in_trouble(
            48..=55,
            "The consumer is too slow, a ceiling is less than an hour away or reached",
        )
        .says(
            minute(15 + 40),
            CEILING,
            About::Topic,
            "billing on orders is full in 50m 0s",
            "At its present trend group billing on topic orders (cluster prod) reaches its lag ceiling in 50m 0s (between 50m 0s and \
             50m 0s). It is 44.44% full and gains 500 messages each second.",
        )
        .holds();
}

/// A delay ceiling that a stopped consumer runs into: both are true, neither is the catch-all.
#[tokio::test]
async fn a_stop_below_a_ceiling_is_a_stop_and_a_ceiling() {
    let ceilings = Ceilings {
        lag_messages: None,
        delay_seconds: Some(1_800.0),
    };
    let story = begin(ceilings)
        .await
        .runs(15, NORMAL)
        .runs(40, STANDS_STILL);
    Proof::of(&story.series())
        .in_trouble(25..=55, "The consumer has stopped below a ceiling")
        .says(
            minute(55),
            CEILING,
            About::Topic,
            "billing on orders is full",
            "At its present trend group billing on topic orders (cluster prod) is at its ceiling. It is \
             133.3% full and gains 10k messages each second.",
        )
        .holds();
}

/// What this daemon calls critical is set by its operator: beyond this file's hour the catch-all speaks.
#[tokio::test]
async fn critical_for_other_reasons_still_pages() {
    let ceilings = Ceilings {
        lag_messages: Some(500.0 * 60.0 * 150.0),
        delay_seconds: None,
    };
    let story = begin(ceilings)
        .await
        .critical_within(7_200.0)
        .runs(15, NORMAL)
        .runs(40, OVERLOAD);
    Proof::of(&story.series())
        .firing(minute(55), &[GROWING, GROWING_CRITICAL])
        .says(
            minute(55),
            GROWING,
            About::Topic,
            "billing is falling behind on orders",
            "The lag of group billing on topic orders (cluster prod) grows and does not come back: \
             1.2M messages now, and 500 more each second. The oldest has waited 2m 0s.",
        )
        .says(
            minute(55),
            GROWING_CRITICAL,
            About::Topic,
            "billing is falling behind on orders, and that is critical",
            "The lag of group billing on topic orders (cluster prod) is critical by the daemon's settings: \
             1.2M messages now, and 500 more each second; the nearest ceiling is 1h 50m 0s away.",
        )
        .holds();
}

/// The sawtooth of a batch consumer that keeps up is its habit, first tooth included.
#[tokio::test]
async fn a_batch_consumer_that_keeps_up_is_silent() {
    let story = story().await.runs(180, BATCHES);
    (1..=36)
        .fold(Proof::of(&story.series()), |proof, five| {
            proof.firing(minute(5 * five), &[])
        })
        .holds();
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_down_and_nothing_else() {
    let story = story().await.runs(15, NORMAL).cluster_is_down(20);
    Proof::of(&story.series())
        .firing(minute(16), &[])
        .firing(minute(18), &[CLUSTER_DOWN])
        .says(
            minute(18),
            CLUSTER_DOWN,
            About::Cluster,
            "lagslope cannot reach Kafka cluster prod",
            "No broker of prod has answered for two minutes. The last sample is 3m 0s old. \
             Consumer lag there is not watched until it answers.",
        )
        .firing(minute(35), &[CLUSTER_DOWN])
        .holds();
}

#[tokio::test]
async fn a_cluster_that_never_answered_is_down_too() {
    let story = story().await.cluster_is_down(5);
    Proof::of(&story.series())
        .firing(minute(5), &[CLUSTER_DOWN])
        .says(
            minute(5),
            CLUSTER_DOWN,
            About::Cluster,
            "lagslope cannot reach Kafka cluster prod",
            "No broker of prod has answered for two minutes. It has not been sampled since lagslope started. \
             Consumer lag there is not watched until it answers.",
        )
        .holds();
}

#[tokio::test]
async fn a_daemon_that_does_not_answer_is_down_and_nothing_else() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .daemon_is_down(20)
        .runs(5, NORMAL);
    Proof::of(&story.series())
        .firing(minute(17), &[])
        .firing(minute(19), &[DOWN])
        .says(
            minute(30),
            DOWN,
            About::Daemon,
            "No lagslope is scraped",
            "For three minutes Prometheus has scraped no lagslope that answers. Until one does, nobody watches consumer lag, \
             and no other lagslope alert can fire.",
        )
        .firing(minute(30), &[DOWN])
        .firing(minute(40), &[])
        .holds();
}

/// The page of a hung cycle says "up" for as long as it stands, and nothing once it is taken down.
#[tokio::test]
async fn a_cycle_that_hangs_is_stale() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .cycle_hangs(10)
        .page_is_taken_down()
        .cycle_hangs(95);
    Proof::of(&story.series())
        .firing(minute(19), &[])
        .firing(minute(21), &[STALE])
        .says(
            minute(21),
            STALE,
            About::Cluster,
            "The last sample of Kafka cluster prod is 6m 0s old",
            "lagslope last read prod 6m 0s ago, and doesn't say that the cluster is down. \
             What it publishes of this cluster is old or absent.",
        )
        .firing(minute(32), &[STALE])
        .firing(minute(34), &[STALE, SILENT])
        .says(
            minute(119),
            SILENT,
            About::Cluster,
            "lagslope says nothing of Kafka cluster prod",
            "Kafka cluster prod is configured, and lagslope has published nothing about it for minutes: reading it hangs. \
             Consumer lag there is not watched.",
        )
        .firing(minute(119), &[SILENT])
        .holds();
}

#[tokio::test]
async fn skipped_cycles_are_told() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .skips_every_second_cycle(15, NORMAL)
        .runs(20, NORMAL);
    Proof::of(&story.series())
        .firing(minute(16), &[])
        .firing(minute(30), &[SKIPPED])
        .says(
            minute(30),
            SKIPPED,
            About::Overlap,
            "lagslope skips samples of Kafka cluster prod",
            "Cycles of prod skipped in the last 15 minutes: about 44 (reason: overlap). \
             The last one that was done took 250ms to read.",
        )
        .firing(minute(50), &[])
        .holds();
}

#[tokio::test]
async fn a_bug_is_told_at_once() {
    let story = story()
        .await
        .runs(15, NORMAL)
        .a_bug_ends_the_watch()
        .runs(25, NORMAL);
    Proof::of(&story.series())
        .firing(minute(15), &[])
        .firing(minute(16), &[SKIPPED])
        .firing(minute(40), &[])
        .holds();
}

/// Told when nobody has mended it for ten minutes, and gone with the first configuration that is read.
#[tokio::test]
async fn a_configuration_that_stays_refused_is_told() {
    let story = story()
        .await
        .runs(5, NORMAL)
        .configuration_is_refused()
        .runs(15, NORMAL)
        .configuration_is_mended()
        .runs(5, NORMAL);
    Proof::of(&story.series())
        .seen_by(&["one:9877", "two:9877"])
        .firing(minute(14), &[])
        .firing(minute(16), &[REFUSED])
        .says(
            minute(16),
            REFUSED,
            About::Job,
            "lagslope has refused its configuration",
            "The configuration that lagslope (watchers) was last told to read has a fault. The former one stays in force, and a \
             lagslope that starts with this one exits at once.",
        )
        .firing(minute(21), &[])
        .holds();
}
