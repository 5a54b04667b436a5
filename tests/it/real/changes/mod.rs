//! Changes on purpose, acted out on a real Kafka: what is published before, in between and after. Every scrape is judged, and
//! the table of docs/reliability.md is what was seen.

mod document;
mod published;
mod scenes;
mod stage;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::evidence::Evidence;
use crate::kafka::{Kafka, Version};
use document::Row;
use stage::play;

/// Log starts move soon after retention says so, not after the usual five minutes.
const QUICK_RETENTION: &[(&str, &str)] = &[
    ("log.retention.check.interval.ms", "500"),
    ("log.initial.task.delay.ms", "500"),
    ("log.segment.delete.delay.ms", "500"),
];

/// Blocks of a second instead of a minute, and no patience with young groups: in a few seconds the detector has a verdict, and
/// is as quick to call growth what is none as it would be after hours.
const QUICK_DETECTOR: &str = "signals: {lag_growth: {base_block: 1s, young: 1s, young_span: 1s, cold_span: 1s, unusual_span: 1s, hold: 1s}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_while_things_change_on_purpose_is_right_or_absent() {
    let kafka = Arc::new(Kafka::start(Version::Kafka4, 1, QUICK_RETENTION));
    let mut playing = JoinSet::new();
    for (number, scene) in scenes::all().into_iter().enumerate() {
        let kafka = Arc::clone(&kafka);
        playing.spawn(async move { (number, play(scene, kafka).await) });
    }
    let (mut played, mut failed) = (Vec::new(), 0);
    while let Some(ended) = playing.join_next().await {
        match ended {
            Ok(scene) => played.push(scene),
            // Its panic was printed; the others are played to their end.
            Err(_) => failed += 1,
        }
    }
    assert_eq!(failed, 0, "changes went wrong");
    played.sort_by_key(|(number, _)| *number);
    let rows: Vec<Row> = played
        .iter()
        .flat_map(|(_, played)| played.rows())
        .collect();
    let seen: String = played.iter().map(|(_, played)| played.told()).collect();
    Evidence::new("changes", "Changes on purpose, scrape by scrape").entry(
        "What is published while topics, groups and offsets are changed on purpose: each value that a scrape saw, and for how many scrapes",
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it real::changes",
        &seen,
    );
    document::compare_or_rewrite(&rows);
}
