//! What was learned of a real group outlives a restart of the real binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lagslope::state::file;
use tokio::time::{Instant, sleep};

use super::config;
use crate::kafka::{Version, shared, unique};
use crate::lagslope::{Lagslope, Scrape};

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_known_is_known_at_once_after_a_restart() {
    let kafka = shared(Version::Kafka4);
    let (topic, group) = (unique("orders"), unique("payments"));
    kafka.create_topic(&topic, 1, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let config = format!(
        "{}state: {{file: {}}}\n",
        config(&kafka.bootstrap()),
        state.display()
    );
    let known = |page: &Scrape| page.value("habits_known", &[("group", &group)]);

    let lagslope = Lagslope::start(&config).await;
    let began = Instant::now();
    let mut committed = 0;
    while known(&lagslope.scrape().await) != Some(1.0) {
        assert!(began.elapsed() < PATIENCE, "{}", lagslope.log());
        kafka.produce(&topic, 0, 10);
        committed += 9;
        kafka.commit(&group, &topic, &[(0, committed)]);
        sleep(Duration::from_secs(1)).await;
    }
    let (status, _) = lagslope.terminate().await;
    assert!(status.success(), "{status}");
    let mode = fs::metadata(&state).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let saved = file::read(&state).expect("whole").expect("there");
    let [cluster] = &saved.clusters[..] else {
        panic!("{saved:?}")
    };
    assert!(
        cluster.identity.cluster_id.is_some(),
        "every Kafka has an id"
    );

    let again = Lagslope::start(&config).await;
    let first = again
        .wait_for("the group", PATIENCE, |page| known(page).is_some())
        .await;
    assert_eq!(
        known(&first),
        Some(1.0),
        "{}\n{}",
        first.text(),
        again.log()
    );
    assert!(first.value("state_restored_series", &[]) >= Some(1.0));
}
