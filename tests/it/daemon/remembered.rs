//! What was learned outlives a restart, a reload and a bug; a state file that can't be used is reported and costs nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lagslope::analysis::learned::{Group, Learned, Level, Series, Topic};
use lagslope::config::Settings;
use lagslope::daemon::Watches;
use lagslope::state::{Cluster, Identity, Saved, encode, file};
use tempfile::TempDir;
use tokio::time::sleep;

use super::TWO;
use super::changed::{page, seconds};
use super::script::{Behaviour, Script, Scripts, settings};

/// A folder with a state file, perhaps.
pub(super) struct Kept {
    _folder: TempDir,
    pub(super) file: PathBuf,
}

impl Kept {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            file: folder.path().join("state"),
            _folder: folder,
        }
    }

    /// With what was learned of `pay` in `orders`.
    pub(super) fn with(saved: &Saved) -> Self {
        let kept = Self::new();
        let bytes = encode(saved).expect("it is small");
        fs::write(&kept.file, bytes).expect("written");
        kept
    }

    /// `TWO`, writing every minute.
    pub(super) fn settings(&self) -> Settings {
        settings(&self.text())
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{TWO}state: {{file: {}, interval: 60s}}\n",
            self.file.display()
        )
    }

    fn start(&self, scripts: &Scripts) -> Watches<Script> {
        Watches::start(self.settings(), scripts.source())
    }

    pub(super) fn saved(&self) -> Saved {
        file::read(&self.file).expect("whole").expect("there")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        format!("{}{ending}", self.file.display()).into()
    }
}

/// A group of cluster `a` whose habits are known: a level has learned, and ten advances were regular.
pub(super) fn learned_of(group: &str, cluster_id: Option<&str>, seen_at: f64) -> Saved {
    let series = Series {
        watched_seconds: 86_400.0,
        advances: 8_000,
        bucket_began: seen_at,
        levels: vec![Level {
            block_seconds: 60.0,
            count: 5,
            mean: 1_000.0,
            ..Level::default()
        }],
        ..Series::default()
    };
    let topic = Topic {
        name: "orders".into(),
        id: Some(1),
        seen_at,
        sum: Some(series.clone()),
        partitions: vec![(0, series)],
        retries: None,
        commit_gap_seconds: None,
    };
    let group = Group {
        name: group.into(),
        seen_at,
        rebalances: Vec::new(),
        topics: vec![topic],
    };
    let identity = Identity {
        cluster_id: cluster_id.map(Into::into),
        read_committed: false,
    };
    let learned = Learned {
        groups: vec![group],
    };
    Saved {
        clusters: vec![Cluster::new("a", identity, learned)],
    }
}

pub(super) fn now() -> f64 {
    lagslope::daemon::wall_clock()
}

fn habits(watches: &Watches<Script>) -> Option<f64> {
    page(watches).value("habits_known", &[("kafka_cluster", "a"), ("group", "pay")])
}

fn groups_of(saved: &Saved, cluster: &str) -> Vec<String> {
    let of = saved.clusters.iter().filter(|known| known.name == cluster);
    let groups = of.flat_map(|known| &known.learned.groups);
    groups.map(|group| group.name.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn habits_are_known_at_once_after_a_restart() {
    let (kept, scripts) = (Kept::new(), Scripts::new(&[]));
    let watches = kept.start(&scripts);
    seconds(2).await;
    assert_eq!(habits(&watches), Some(0.0), "nobody knows the group yet");
    seconds(200).await;
    assert_eq!(habits(&watches), Some(1.0));
    drop(watches);
    assert_eq!(groups_of(&kept.saved(), "a"), ["pay"]);
    assert_eq!(groups_of(&kept.saved(), "b"), ["pay"]);
    let watches = kept.start(&scripts);
    seconds(2).await;
    assert_eq!(habits(&watches), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn habits_of_another_cluster_of_that_name_are_nobodys() {
    for (cluster_id, known) in [(None, 1.0), (Some("another"), 0.0)] {
        let kept = Kept::with(&learned_of("pay", cluster_id, now()));
        let watches = kept.start(&Scripts::new(&[]));
        seconds(2).await;
        assert_eq!(habits(&watches), Some(known), "{cluster_id:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_group_or_its_cluster_is_saved_again() {
    let mut saved = learned_of("seldom", None, now());
    let mut elsewhere = learned_of("elsewhere", Some("far"), now()).clusters;
    elsewhere[0].name = "z".to_owned();
    saved.clusters.append(&mut elsewhere);
    let mut silent = learned_of("silent", None, now()).clusters;
    silent[0].name = "b".to_owned();
    saved.clusters.append(&mut silent);
    let kept = Kept::with(&saved);
    let watches = kept.start(&Scripts::new(&[("b", Behaviour::Hangs(0))]));
    seconds(130).await;
    watches.save().await;
    let again = kept.saved();
    assert_eq!(groups_of(&again, "a"), ["pay", "seldom"]);
    assert_eq!(groups_of(&again, "b"), ["silent"], "it has not answered");
    assert_eq!(groups_of(&again, "z"), ["elsewhere"], "not watched now");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_saw_for_six_days_is_dropped() {
    let day = 24.0 * 3600.0;
    for (days, left) in [(5.9, 1), (6.1, 0)] {
        let mut saved = learned_of("elsewhere", None, now() - days * day);
        saved.clusters[0].name = "z".to_owned();
        let kept = Kept::with(&saved);
        let watches = kept.start(&Scripts::new(&[]));
        seconds(2).await;
        watches.save().await;
        assert_eq!(groups_of(&kept.saved(), "z").len(), left, "{days} days");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_taken_out_and_put_back_has_its_habits() {
    let (kept, scripts) = (Kept::new(), Scripts::new(&[]));
    let mut watches = kept.start(&scripts);
    seconds(200).await;
    let without = kept
        .text()
        .replace("{name: a, bootstrap_servers: [\"x:1\"]}, ", "");
    let changes = watches.change(settings(&without)).await;
    assert_eq!(changes.removed, ["a"]);
    assert!(changes.changed.is_empty(), "{changes:?}");
    seconds(100).await;
    watches.change(kept.settings()).await;
    seconds(2).await;
    assert_eq!(habits(&watches), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_reading_a_cluster_costs_no_habits() {
    let kept = Kept::new();
    let watches = kept.start(&Scripts::new(&[("a", Behaviour::PanicsAt(20))]));
    // The reading at 200 panics; that at 210 is the first of another life.
    seconds(215).await;
    assert_eq!(habits(&watches), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn another_file_is_written_from_the_next_time_on() {
    let kept = Kept::new();
    let mut watches = kept.start(&Scripts::new(&[]));
    seconds(200).await;
    let elsewhere = kept.beside(".other");
    let other = kept
        .text()
        .replace("state, interval", "state.other, interval");
    let changes = watches.change(settings(&other)).await;
    assert!(
        changes.changed.is_empty(),
        "no watch is concerned: {changes:?}"
    );
    seconds(61).await;
    let saved = file::read(&elsewhere).expect("whole").expect("there");
    assert_eq!(groups_of(&saved, "a"), ["pay"]);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_put_aside_and_any_other_is_left_as_it_is() {
    let whole = encode(&learned_of("pay", None, now())).expect("small");
    let cut = whole[..whole.len() / 2].to_vec();
    for (bytes, is_replaced, why) in [
        (cut, true, "damaged"),
        (Vec::new(), true, "empty"),
        (b"clusters: []\n".to_vec(), false, "a configuration"),
    ] {
        let kept = Kept::new();
        fs::write(&kept.file, &bytes).expect("written");
        let watches = kept.start(&Scripts::new(&[]));
        seconds(200).await;
        assert_eq!(
            habits(&watches),
            Some(1.0),
            "{why}: it is watched all the same"
        );
        let contents = |path: &Path| fs::read(path).ok();
        if is_replaced {
            assert_eq!(contents(&kept.beside(".damaged")), Some(bytes), "{why}");
            assert_eq!(groups_of(&kept.saved(), "a"), ["pay"], "{why}");
        } else {
            assert_eq!(contents(&kept.file), Some(bytes), "{why}");
            assert_eq!(contents(&kept.beside(".damaged")), None, "{why}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_or_written_stops_no_cycle() {
    for is_there in [true, false] {
        let mut kept = Kept::new();
        if is_there {
            fs::create_dir(&kept.file).expect("a folder in its place");
        } else {
            kept.file.push("in a folder that is not there");
        }
        let scripts = Scripts::new(&[]);
        let watches = kept.start(&scripts);
        sleep(Duration::from_secs(305)).await;
        assert_eq!(habits(&watches), Some(1.0));
        assert_eq!(scripts.done("a").readings.len(), 31);
        assert!(!kept.file.is_file());
    }
}
