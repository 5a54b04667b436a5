//! Stories of the signals beside lag growth: each raises its own alerts, when it should, and they go when it is over; what merely
//! looks like it raises none.

use super::firing::STOPPED;
use super::recording::{KEEPS_UP, Load, Recording};
use crate::stories::minute;
use crate::stories::proof::{About, Proof};
use crate::stories::series::Series;

const TAIL: (&str, &str) = ("LagslopeTailDiverging", "warning");
const TAIL_CRITICAL: (&str, &str) = ("LagslopeTailDiverging", "critical");
const FULL: (&str, &str) = ("LagslopeCeilingRepeatedly", "warning");
const FULL_CRITICAL: (&str, &str) = ("LagslopeCeilingRepeatedly", "critical");
const STORM: (&str, &str) = ("LagslopeRetryStorm", "warning");
const STORM_CRITICAL: (&str, &str) = ("LagslopeRetryStorm", "critical");
/// The consumer is ahead of everything within minutes.
const CATCHES_UP: Load = Load {
    consumed: 5_000.0,
    ..KEEPS_UP
};
const ONE_IS_SLOW: Load = Load {
    slow: &[(7, 500.0)],
    ..KEEPS_UP
};
const ONE_IS_STUCK: Load = Load {
    slow: &[(7, 0.0)],
    ..KEEPS_UP
};
/// A few messages always fail.
const A_FEW_RETRIES: Load = Load {
    retried: 0.02,
    ..KEEPS_UP
};
const MANY_RETRIES: Load = Load {
    retried: 0.4,
    ..KEEPS_UP
};
const RETRIES_EXCEED: Load = Load {
    retried: 1.4,
    ..KEEPS_UP
};

/// The line of the table for the three reasons of signal 4.
const RETRIED: &str =
    "Messages are retried out of proportion, or read again, or the group rebalances without end";

/// When what should be told, in minutes of the story.
struct Course {
    /// By the table of docs/prometheus.md.
    trouble: &'static str,
    /// Nothing is told before.
    begins: u32,
    /// All of it is told by then …
    told: u32,
    /// … until here.
    ends: u32,
    /// Nothing is told from here on.
    quiet: u32,
    /// The end of the story.
    last: u32,
}

/// Claims the whole course, minute by minute.
fn proof<'a>(series: &'a Series, course: &Course) -> Proof<'a> {
    let trouble = course.trouble;
    Proof::of(series)
        .silent(1..=course.begins)
        .in_part_of(course.begins..=course.told, trouble)
        .in_trouble(course.told..=course.ends, trouble)
        .in_part_of(course.ends..=course.quiet, trouble)
        .silent(course.quiet..=course.last)
        .none_came_back(course.last)
}

/// Twelve minutes up, three down.
fn sawtooth(recording: Recording, teeth: u32, (up, down): (Load, Load)) -> Recording {
    (0..teeth).fold(recording, |so_far, _| so_far.runs(12, up).runs(3, down))
}

/// Four partitions; the lag comes to some 100,000 messages in each quarter of an hour, and goes.
fn visits(ceiling: &str) -> Recording {
    let up = Load {
        consumed: 965.0,
        ..KEEPS_UP
    };
    let recording = Recording::new(4).with_ceiling(ceiling).runs(10, KEEPS_UP);
    sawtooth(recording, 8, (up, KEEPS_UP))
}

/// The third visit to the ceiling, in minute 51, is the one too many; an hour without is needed to forget it.
#[tokio::test]
async fn a_queue_that_is_full_again_and_again_is_told_at_the_third_time() {
    let series = visits("lag_messages=100000")
        .runs(90, KEEPS_UP)
        .series()
        .await;
    let course = Course {
        trouble: "The queue is full again and again",
        begins: 49,
        told: 57,
        ends: 150,
        quiet: 160,
        last: 220,
    };
    proof(&series, &course)
        .says(minute(60), FULL,
            About::Topic,
            "billing on orders is full again and again",
            "In the last hour group billing on topic orders (cluster prod) came to its lag ceiling about 3 times and was there for \
             6m 0s. It is 42.87% full now.",
        )
        .holds();
}

/// The same sawtooth below a ceiling of which it touches nine tenths.
#[tokio::test]
async fn a_sawtooth_below_its_ceiling_is_silent() {
    let series = visits("lag_messages=112000").series().await;
    Proof::of(&series)
        .silent(1..=130)
        .finds(
            minute(130),
            "max_over_time(lagslope_ceiling_utilization_ratio[2h]) > 0.88 < 0.95",
        )
        .holds();
}

/// The sum comes to its ceiling and leaves it; one partition does not come back, which the sum does not show.
#[tokio::test]
async fn a_partition_that_fills_a_full_queue_pages() {
    let slow: &[(usize, f64)] = &[(7, 950.0)];
    let pace = |consumed, slow| Load {
        consumed,
        slow,
        ..KEEPS_UP
    };
    let recording = Recording::new(12)
        .with_ceiling("lag_messages=100000")
        .runs(10, KEEPS_UP);
    let recording = sawtooth(recording, 8, (pace(988.0, &[]), pace(1_100.0, &[])));
    let recording = sawtooth(recording, 6, (pace(988.0, slow), pace(1_100.0, slow)));
    let series = recording.series().await;
    let trouble = "The queue is full again and again, and one partition falls behind";
    Proof::of(&series)
        .in_trouble(170..=220, trouble)
        .none_came_back(220)
        .says(
            minute(200),
            FULL,
            About::Topic,
            "billing on orders is full again and again",
            "In the last hour group billing on topic orders (cluster prod) came to its lag ceiling once and was there for 54m 30s. \
             It is 291% full now.",
        )
        .says(
            minute(200),
            FULL_CRITICAL,
            About::Topic,
            "billing on orders is full and falls further behind",
            "Group billing on topic orders (cluster prod) is at its ceiling, 291% full, and a part of it still falls behind. Behind the \
             others: partition 7.",
        )
        .holds();
}

/// Partition 7 of twelve at half its pace.
#[tokio::test]
async fn a_slow_partition_is_named() {
    let recording = Recording::new(12).runs(60, KEEPS_UP).runs(60, ONE_IS_SLOW);
    let series = recording.runs(60, CATCHES_UP).series().await;
    let course = Course {
        trouble: "One partition is too slow",
        begins: 60,
        told: 60 + 20,
        ends: 120,
        quiet: 120 + 10,
        last: 180,
    };
    proof(&series, &course)
        .says(
            minute(100),
            TAIL,
            About::Topic,
            "A few partitions of orders fall behind in billing",
            "Group billing falls behind on a few partitions of topic orders (cluster prod), and keeps up with the others. Behind: \
             partition 7. One message in a hundred now waits 19m 29s or longer, half of them at most 15s.",
        )
        .holds();
}

/// The ceiling is nearer than an hour from the first: its page names the partition.
#[tokio::test]
async fn a_slow_partition_below_a_delay_ceiling_pages_once() {
    let recording = Recording::new(12).with_ceiling("delay_seconds=900");
    let recording = recording.runs(60, KEEPS_UP).runs(60, ONE_IS_SLOW);
    let series = recording.runs(60, CATCHES_UP).series().await;
    let course = Course {
        trouble: "One partition is too slow, below a delay ceiling",
        begins: 60,
        told: 60 + 20,
        ends: 120,
        quiet: 120 + 10,
        last: 180,
    };
    proof(&series, &course).holds();
    let muted = series.without_signal("lag_growth");
    let course = Course {
        trouble: "One partition is too slow, beyond a delay ceiling, and `lag_growth` is muted",
        begins: 70,
        told: 60 + 35,
        ends: 120,
        // Half an hour of the last is spent at the ceiling, and the page stays a while.
        quiet: 120 + 30,
        last: 180,
    };
    proof(&muted, &course).holds();
    let muted = muted.without_signal("ceiling");
    let course = Course {
        trouble: "The same, and `ceiling` is muted, too",
        told: 60 + 50,
        quiet: 120 + 10,
        ..course
    };
    proof(&muted, &course)
        .says(
            minute(115),
            TAIL,
            About::Topic,
            "A few partitions of orders fall behind in billing",
            "Group billing falls behind on a few partitions of topic orders (cluster prod), and keeps up with the others. Behind: \
             partition 7. One message in a hundred now waits 26m 40s or longer, half of them at most 15s.",
        )
        .says(
            minute(115),
            TAIL_CRITICAL,
            About::Topic,
            "A few partitions of orders are beyond the delay ceiling of billing",
            "Group billing falls behind on a few partitions of topic orders (cluster prod), beyond its delay ceiling: one message in a \
             hundred waits 26m 40s or longer. Behind: partition 7.",
        )
        .holds();
}

/// A poison message in partition 7.
#[tokio::test]
async fn a_stuck_partition_is_a_stop_of_a_part() {
    let recording = Recording::new(12).runs(60, KEEPS_UP).runs(60, ONE_IS_STUCK);
    let series = recording.runs(60, CATCHES_UP).series().await;
    let course = Course {
        trouble: "One partition is stuck",
        begins: 60,
        told: 60 + 12,
        ends: 120,
        quiet: 120 + 10,
        last: 180,
    };
    proof(&series, &course)
        .says(
            minute(65),
            STOPPED,
            About::Topic,
            "billing has stopped consuming a part of orders",
            "Group billing commits nothing on at least one partition of topic orders (cluster prod), for longer than it usually does, \
             while 11.99k messages arrive each second. 299.6k messages wait, the oldest 5m 0s; the group has 3 members.",
        )
        .says(
            minute(100),
            STOPPED,
            About::Topic,
            "billing has stopped consuming a part of orders",
            "Group billing commits nothing on at least one partition of topic orders (cluster prod), for longer than it usually does, \
             while 12.02k messages arrive each second. 2.395M messages wait, the oldest 40m 0s; the group has 3 members. Behind the \
             others: partition 7.",
        )
        .holds();
}

/// All partitions slow down alike: that is the consumer, and no tail.
#[tokio::test]
async fn a_uniform_overload_is_no_tail() {
    let slow = Load {
        consumed: 900.0,
        ..KEEPS_UP
    };
    let recording = Recording::new(12).runs(60, KEEPS_UP).runs(60, slow);
    let series = recording.runs(60, CATCHES_UP).series().await;
    let course = Course {
        trouble: "The consumer is too slow",
        begins: 60,
        told: 60 + 20,
        ends: 120,
        quiet: 120 + 10,
        last: 180,
    };
    proof(&series, &course).holds();
}

/// All partitions at half pace for two minutes in each half hour, and back.
#[tokio::test]
async fn a_uniform_slow_down_that_recovers_is_silent() {
    let half = Load {
        consumed: 500.0,
        ..KEEPS_UP
    };
    let recording = Recording::new(12)
        .with_ceiling("delay_seconds=900")
        .runs(60, KEEPS_UP);
    let recording = (0..4).fold(recording, |so_far, _| {
        so_far.runs(2, half).runs(28, KEEPS_UP)
    });
    let series = recording.series().await;
    Proof::of(&series).silent(1..=180).holds();
}

/// Two in a hundred are usual, and then it is forty.
#[tokio::test]
async fn a_retry_storm_is_told_within_minutes() {
    let recording = Recording::new(4).with_retries().runs(30, A_FEW_RETRIES);
    let recording = recording.runs(60, MANY_RETRIES).runs(30, A_FEW_RETRIES);
    let series = recording.series().await;
    let course = Course {
        trouble: RETRIED,
        begins: 30,
        told: 30 + 5,
        ends: 90,
        quiet: 90 + 8,
        last: 120,
    };
    proof(&series, &course)
        .says(
            minute(60),
            STORM,
            About::Topic,
            "billing retries messages of orders out of proportion",
            "Group billing on topic orders (cluster prod) sends 40 messages to the retry topics for each 100 that it consumes, far more \
             than it is used to.",
        )
        .holds();
}

#[tokio::test]
async fn retries_that_exceed_the_traffic_page() {
    let recording = Recording::new(4).with_retries().runs(30, A_FEW_RETRIES);
    let recording = recording.runs(30, RETRIES_EXCEED).runs(30, A_FEW_RETRIES);
    let series = recording.series().await;
    let course = Course {
        trouble: "More is retried than gets done",
        begins: 30,
        told: 30 + 7,
        ends: 60,
        quiet: 60 + 8,
        last: 90,
    };
    proof(&series, &course)
        .says(
            minute(50),
            STORM,
            About::Topic,
            "billing retries messages of orders out of proportion",
            "Group billing on topic orders (cluster prod) sends 140 messages to the retry topics for each 100 that it consumes, far more \
             than it is used to.",
        )
        .says(
            minute(50),
            STORM_CRITICAL,
            About::Topic,
            "billing retries more of orders than it gets done",
            "Group billing on topic orders (cluster prod) sends 140 messages to the retry topics for each 100 that it consumes. Either \
             the retries exceed the traffic, or they have grown for minutes without a pause: retries make retries.",
        )
        .holds();
}

/// The consumer has less time for new messages, the more of them come again.
#[tokio::test]
async fn a_storm_that_fills_the_queue_is_one_page() {
    let storm = Load {
        consumed: 900.0,
        ..RETRIES_EXCEED
    };
    let recording = Recording::new(4).with_retries();
    let recording = recording.with_ceiling("lag_messages=2000000");
    let recording = recording.runs(60, A_FEW_RETRIES).runs(60, storm);
    let over = Load {
        retried: 0.02,
        ..CATCHES_UP
    };
    let series = recording.runs(30, over).series().await;
    let course = Course {
        trouble: "More is retried than gets done, and that fills the queue",
        begins: 60,
        told: 60 + 30,
        ends: 120,
        quiet: 120 + 10,
        last: 150,
    };
    proof(&series, &course).holds();
}

/// What always fails is no storm.
#[tokio::test]
async fn a_steady_share_of_retries_is_silent() {
    let always = Load {
        retried: 0.08,
        ..KEEPS_UP
    };
    let recording = Recording::new(4).with_retries().runs(180, always);
    let series = recording.series().await;
    Proof::of(&series)
        .silent(1..=180)
        .finds(minute(180), "lagslope_retry_amplification_ratio > 0.07")
        .holds();
}

/// Every seven minutes it begins again where it was half a minute ago.
#[tokio::test]
async fn a_consumer_that_goes_back_again_and_again_is_told() {
    let loops = Load {
        rewinds_every: Some(420),
        ..KEEPS_UP
    };
    let recording = Recording::new(4).runs(30, KEEPS_UP).runs(60, loops);
    let series = recording.runs(60, KEEPS_UP).series().await;
    let course = Course {
        trouble: RETRIED,
        begins: 30,
        told: 30 + 25,
        ends: 90,
        quiet: 90 + 31,
        last: 150,
    };
    proof(&series, &course)
        .says(
            minute(80),
            STORM,
            About::Topic,
            "billing reads messages of orders again and again",
            "Group billing on topic orders (cluster prod) goes back again and again: about 79.75k messages in half an hour are read once \
             more.",
        )
        .holds();
}

/// Somebody went back once, on purpose.
#[tokio::test]
async fn one_step_back_is_silent() {
    let once = Load {
        rewinds_every: Some(60),
        ..KEEPS_UP
    };
    let recording = Recording::new(4)
        .runs(40, KEEPS_UP)
        .runs(1, once)
        .runs(60, KEEPS_UP);
    let series = recording.series().await;
    Proof::of(&series)
        .silent(1..=100)
        .finds(minute(100), "lagslope_reprocessed_messages_total > 15000")
        .holds();
}

#[tokio::test]
async fn a_group_that_rebalances_without_end_is_told() {
    let churn = Load {
        rebalances_every: Some(90),
        ..KEEPS_UP
    };
    let recording = Recording::new(4).runs(60, KEEPS_UP).runs(60, churn);
    let series = recording.runs(60, KEEPS_UP).series().await;
    let course = Course {
        trouble: RETRIED,
        begins: 60,
        told: 60 + 25,
        ends: 120,
        quiet: 120 + 17,
        last: 180,
    };
    proof(&series, &course)
        .says(
            minute(100),
            STORM,
            About::Topic,
            "billing rebalances again and again, orders waits",
            "Group billing on topic orders (cluster prod) rebalances far more often than it is used to, and reads nothing while it does. \
             Now it has 3 members.",
        )
        .holds();
}
