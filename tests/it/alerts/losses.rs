//! Stories of what goes missing: unread messages, and series on the page.

use lagslope::analysis::Ceilings;

use super::firing::{DROPPED, GROWING, LOSS_SOON, LOST, STANDS_STILL, STOPPED};
use crate::stories::proof::{About, Proof};
use crate::stories::story::Pace;
use crate::stories::{NORMAL, OVERLOAD, begin, minute};

/// Neither produced nor consumed.
const NOTHING: Pace = Pace {
    produced: 0.0,
    ..STANDS_STILL
};

/// 90 minutes are kept; the consumer stops after 15 minutes: an hour before its next message is deleted somebody is called.
#[tokio::test]
async fn a_loss_within_the_hour_pages() {
    let story = begin(Ceilings::default()).await.keeps_for(5_400);
    let story = story.runs(15, NORMAL).runs(50, STANDS_STILL);
    Proof::of(&story.series())
        .firing(minute(43), &[STOPPED, GROWING])
        .firing(minute(47), &[STOPPED, GROWING, LOSS_SOON])
        .says(
            minute(60),
            LOSS_SOON,
            About::Topic,
            "billing loses unread messages of orders in 45m 0s",
            "At its present trend Kafka deletes messages of topic orders (cluster prod) that group billing has not read in 45m 0s \
             (at the latest in an unknown time): 50% of the topic's retention is used up.",
        )
        .holds();
}

/// Ten minutes are kept: ten minutes after the stop the loss begins, at the rate at which messages had arrived.
#[tokio::test]
async fn messages_that_are_lost_page_for_as_long_as_more_are_lost() {
    let story = begin(Ceilings::default()).await.keeps_for(600);
    let story = story.runs(15, NORMAL).runs(30, STANDS_STILL);
    Proof::of(&story.series())
        .firing(minute(24), &[STOPPED, GROWING, LOSS_SOON])
        .in_trouble(
            27..=45,
            "The consumer has stopped, and retention deletes what it has not read",
        )
        .says(
            minute(42),
            LOST,
            About::Topic,
            "billing has lost messages of orders",
            "In the last 15 minutes about 9M messages of topic orders (cluster prod) were deleted before group billing had read them.",
        )
        .says(
            minute(42),
            LOSS_SOON,
            About::Topic,
            "billing may be losing unread messages of orders now",
            "Messages of topic orders (cluster prod) that group billing has not read are being deleted, or may be from now on: 270% of the topic's retention is used up.",
        )
        .holds();
}

/// lagslope was started again while messages are lost: what the group usually does is not known, so there is no signal. The loss is
/// told all the same.
#[tokio::test]
async fn a_loss_needs_no_signal() {
    let story = begin(Ceilings::default()).await.keeps_for(600);
    let story = story
        .runs(15, NORMAL)
        .runs(15, STANDS_STILL)
        .starts_over()
        .runs(12, STANDS_STILL);
    Proof::of(&story.series())
        .firing(minute(30), &[STOPPED, GROWING, LOSS_SOON, LOST])
        .firing(minute(38), &[LOSS_SOON, LOST])
        .says(
            minute(38),
            LOSS_SOON,
            About::Topic,
            "billing may be losing unread messages of orders now",
            "Messages of topic orders (cluster prod) that group billing has not read are being deleted, or may be from now on: 100% \
             of the topic's retention is used up.",
        )
        .holds();
}

/// All that it had not read is gone, the daemon starts anew with the hole before its eyes: nothing more is lost.
#[tokio::test]
async fn a_hole_of_before_a_restart_pages_nobody() {
    let story = begin(Ceilings::default()).await.keeps_for(600);
    let story = story.runs(15, NORMAL).runs(15, STANDS_STILL);
    // Nothing is produced any more: ten minutes later all is deleted, and another fifteen later the loss is no news.
    let story = story.runs(30, NOTHING).a_bug_ends_the_watch();
    let story = story.log_starts_have_no_room(1, NOTHING).runs(20, NOTHING);
    let series = story.series();
    let firing = "ALERTS{alertname=\"LagslopeMessagesLost\",alertstate=\"firing\"}";
    let proof = Proof::of(&series)
        .finds(minute(42), firing)
        .finds(minute(63), "lagslope_deleted_unread_messages > 8e6");
    let not_firing = format!("absent({firing})");
    (60..80)
        .fold(proof, |proof, at| proof.finds(minute(at), &not_firing))
        .holds();
}

/// A day is kept, and the oldest message has waited for minutes.
#[tokio::test]
async fn a_slow_consumer_that_is_far_from_the_limit_loses_nothing() {
    let story = begin(Ceilings::default()).await.keeps_for(86_400);
    let story = story.runs(15, NORMAL).runs(30, OVERLOAD);
    Proof::of(&story.series())
        .firing(minute(45), &[GROWING])
        .holds();
}

#[tokio::test]
async fn series_that_have_no_room_are_told() {
    let story = begin(Ceilings::default()).await.page_holds(1);
    let story = story.runs(15, NORMAL);
    Proof::of(&story.series())
        .firing(minute(4), &[])
        .firing(minute(7), &[DROPPED])
        .says(
            minute(7),
            DROPPED,
            About::Groups,
            "lagslope drops series of Kafka cluster prod",
            "29 series of prod have no room on the page (reason: groups): alerts and dashboards do not see them.",
        )
        .holds();
}
