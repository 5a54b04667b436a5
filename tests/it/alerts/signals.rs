//! Stories of ceilings and of partitions that fall behind: each raises its own alerts, when it should, and they go when it is over; what merely
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
/// The consumer is ahead of everything within minutes.
pub(super) const CATCHES_UP: Load = Load {
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

/// When what should be told, in minutes of the story.
pub(super) struct Course {
    /// By the table of docs/prometheus.md.
    pub(super) trouble: &'static str,
    /// Nothing is told before.
    pub(super) begins: u32,
    /// All of it is told by then …
    pub(super) told: u32,
    /// … until here.
    pub(super) ends: u32,
    /// Nothing is told from here on.
    pub(super) quiet: u32,
    /// The end of the story.
    pub(super) last: u32,
}

/// Nothing yet. Every half minute is often enough for stories of hours.
pub(super) fn claims(series: &Series) -> Proof<'_> {
    Proof::of(series).evaluated_every(30)
}

/// Claims the whole course, minute by minute.
pub(super) fn proof<'a>(series: &'a Series, course: &Course) -> Proof<'a> {
    let trouble = course.trouble;
    claims(series)
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
    claims(&series)
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
    claims(&series)
        .in_trouble(170..=220, trouble)
        .none_came_back(220)
        .says(
            minute(200),
            FULL,
            About::Topic,
            "billing on orders is full for much of the time",
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
        begins: 60,
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
             while 11.99k messages arrive each second. 299.6k messages wait, the oldest 5m 0s; the group has 3 members. Behind the \
             others: partition 7.",
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
    claims(&series).silent(1..=180).holds();
}
