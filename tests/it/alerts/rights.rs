//! Stories of rights that are missing or were taken away: what lagslope may not see it can't watch.

use lagslope::analysis::Ceilings;

use crate::stories::proof::{About, Proof};
use crate::stories::{NORMAL, begin, minute};

const REFUSED: (&str, &str) = ("LagslopeRequestsRefused", "warning");
const UNREAD: (&str, &str) = ("LagslopeCommitsUnread", "critical");
const VANISHED: (&str, &str) = ("LagslopeGroupsVanished", "critical");

#[tokio::test]
async fn a_request_that_is_refused_is_told_while_it_is() {
    let story = begin(Ceilings::default()).await;
    let story = story
        .runs(15, NORMAL)
        .asks_in_vain(15, NORMAL)
        .runs(20, NORMAL);
    Proof::of(&story.series())
        .firing(minute(15), &[])
        .firing(minute(16), &[REFUSED])
        .says(
            minute(30),
            REFUSED,
            About::Refused,
            "Kafka cluster prod refuses DescribeConfigs to lagslope",
            "In the last 15 minutes brokers of prod refused DescribeConfigs about 90 times (topic_authorization_failed): \
             lagslope's user lacks a right. What it may not read is absent, and raises no alert.",
        )
        .firing(minute(50), &[])
        .holds();
}

/// The only source of commits can't be read, and then can.
#[tokio::test]
async fn commits_that_nobody_reads_page() {
    let story = begin(Ceilings::default()).await;
    let story = story
        .runs(15, NORMAL)
        .commits_are_unread(15, NORMAL)
        .runs(10, NORMAL);
    Proof::of(&story.series())
        .firing(minute(18), &[])
        .firing(minute(22), &[UNREAD])
        .says(
            minute(22),
            UNREAD,
            About::Cluster,
            "lagslope reads no commits of Kafka cluster prod",
            "For five minutes the commit stream of prod could not be read, and the configuration (offsets: stream) lets lagslope ask \
             nobody instead. No group there has a lag until it can be read again.",
        )
        .firing(minute(29), &[UNREAD])
        .firing(minute(31), &[])
        .holds();
}

/// The right to see groups is taken away, and given back.
#[tokio::test]
async fn groups_that_vanish_all_at_once_page() {
    let story = begin(Ceilings::default()).await;
    let story = story
        .runs(15, NORMAL)
        .groups_vanish(20, NORMAL)
        .runs(10, NORMAL);
    Proof::of(&story.series())
        .firing(minute(16), &[])
        .firing(minute(18), &[VANISHED])
        .says(
            minute(18),
            VANISHED,
            About::Cluster,
            "All consumer groups of Kafka cluster prod are gone",
            "Kafka cluster prod answers, and lists no consumer group any more; watched within the last day: 1. \
             Either they were deleted, or lagslope may not see them any more: then nobody watches their lag.",
        )
        .firing(minute(35), &[VANISHED])
        .firing(minute(36), &[])
        .holds();
}

/// Rights that are still revoked after an hour are not forgotten.
#[tokio::test]
async fn groups_that_have_vanished_are_told_of_for_longer_than_an_hour() {
    let story = begin(Ceilings::default()).await;
    let story = story.runs(5, NORMAL).groups_vanish(70, NORMAL);
    Proof::of(&story.series())
        .firing(minute(30), &[VANISHED])
        .firing(minute(70), &[VANISHED])
        .holds();
}

#[tokio::test]
async fn a_cluster_without_groups_is_nobodys_incident() {
    let story = begin(Ceilings::default()).await.groups_vanish(20, NORMAL);
    Proof::of(&story.series()).firing(minute(20), &[]).holds();
}

/// Nobody can say that groups are gone while nobody answers.
#[tokio::test]
async fn groups_of_a_cluster_that_is_down_have_not_vanished() {
    let story = begin(Ceilings::default()).await;
    let story = story.runs(15, NORMAL).groups_vanish(1, NORMAL);
    let story = story.cluster_is_down(10);
    Proof::of(&story.series())
        .firing(minute(25), &[("LagslopeClusterDown", "critical")])
        .holds();
}
