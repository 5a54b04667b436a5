//! Stories of work that is done again: retries, commits that go back, rebalances without end.

use super::recording::{KEEPS_UP, Load, Recording};
use super::signals::{CATCHES_UP, Course, claims, proof};
use crate::stories::minute;
use crate::stories::proof::About;

const STORM: (&str, &str) = ("LagslopeRetryStorm", "warning");
const STORM_CRITICAL: (&str, &str) = ("LagslopeRetryStorm", "critical");

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
    claims(&series)
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
    claims(&series)
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
