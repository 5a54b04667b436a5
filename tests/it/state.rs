//! The state file: what goes in comes out, and nothing comes out of one that was damaged, is somebody else's, or of a later version.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lagslope::analysis::learned::{Group, Learned, Level, Retries, Series, Topic};
use lagslope::state::{Cluster, Fault, Identity, Saved, decode, encode, file};
use proptest::prelude::*;

fn quantity() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0), 0.0..1e12f32, Just(f32::MAX)]
}

fn pair() -> impl Strategy<Value = [f32; 2]> {
    [quantity(), quantity()]
}

fn level() -> impl Strategy<Value = Level> {
    let numbers = (quantity(), any::<u32>(), quantity(), quantity());
    (numbers, pair(), pair()).prop_map(
        |((block_seconds, count, mean, variance), largest, largest_before)| Level {
            block_seconds,
            count,
            mean,
            variance,
            largest,
            largest_before,
        },
    )
}

fn series() -> impl Strategy<Value = Series> {
    let numbers = (quantity(), any::<u32>(), quantity(), pair(), 0.0..4e9f64);
    (numbers, prop::collection::vec(level(), 0..7)).prop_map(
        |((watched_seconds, advances, longest_gap_seconds, ordinary, bucket_began), levels)| {
            Series {
                watched_seconds,
                advances,
                longest_gap_seconds,
                ordinary_gap_seconds: ordinary,
                bucket_began,
                levels,
            }
        },
    )
}

fn retries() -> impl Strategy<Value = Retries> {
    (quantity(), quantity(), any::<u32>()).prop_map(|(base, mean_consumed, windows)| Retries {
        base,
        mean_consumed,
        windows,
    })
}

fn name() -> impl Strategy<Value = Arc<str>> {
    ".{0,12}".prop_map(Arc::from)
}

fn topic() -> impl Strategy<Value = Topic> {
    let learned = (
        prop::option::of(series()),
        prop::collection::btree_map(any::<u32>(), series(), 0..4),
        prop::option::of(retries()),
        prop::option::of(quantity()),
    );
    let named = (name(), any::<Option<u128>>(), -1e9..4e9f64);
    (named, learned).prop_map(
        |((name, id, seen_at), (sum, partitions, retries, commit_gap_seconds))| Topic {
            name,
            id,
            seen_at,
            sum,
            partitions: partitions.into_iter().collect(),
            retries,
            commit_gap_seconds,
        },
    )
}

fn group() -> impl Strategy<Value = Group> {
    let lists = (
        prop::collection::vec(quantity(), 0..37),
        prop::collection::vec(topic(), 0..3),
    );
    (name(), 0.0..4e9f64, lists).prop_map(|(name, seen_at, (rebalances, topics))| Group {
        name,
        seen_at,
        rebalances,
        topics,
    })
}

fn saved() -> impl Strategy<Value = Saved> {
    let identity = (prop::option::of(name()), any::<bool>());
    let cluster = (".{0,8}", identity, prop::collection::vec(group(), 0..3));
    let cluster = cluster.prop_map(|(name, (cluster_id, read_committed), groups)| Cluster {
        name,
        identity: Identity {
            cluster_id,
            read_committed,
        },
        learned: Learned { groups },
    });
    prop::collection::vec(cluster, 0..3).prop_map(|clusters| Saved { clusters })
}

fn is_refused(bytes: &[u8]) -> bool {
    decode(bytes).is_err()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_saved_is_read_again(saved in saved()) {
        let bytes = encode(&saved).expect("it is small");
        prop_assert_eq!(decode(&bytes).expect("just made"), saved);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed(saved in saved(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = encode(&saved).expect("it is small");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(is_refused(&bytes), "byte {at}, bit {bit}");
    }

    #[test]
    fn a_file_that_is_cut_short_or_goes_on_is_noticed(saved in saved(), at in any::<prop::sample::Index>()) {
        let mut bytes = encode(&saved).expect("it is small");
        let at = at.index(bytes.len());
        prop_assert!(is_refused(&bytes[..at]), "{at} bytes of {}", bytes.len());
        bytes.push(0);
        prop_assert!(is_refused(&bytes), "one byte more");
    }

    /// Behind a head that is right: as if another lagslope had written nonsense.
    #[test]
    fn any_bytes_with_a_right_checksum_are_read_or_refused_and_never_more(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(saved) = decode(&sealed(1, &body)) {
            prop_assert!(saved.clusters.iter().all(|cluster| cluster.learned.is_sound()));
        }
    }
}

/// With a head of that version, and its checksum.
fn sealed(version: u32, body: &[u8]) -> Vec<u8> {
    let head = [
        &version.to_le_bytes()[..],
        &(body.len() as u64).to_le_bytes(),
    ]
    .concat();
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&head);
    checksum.update(body);
    let checksum = checksum.finalize().to_le_bytes();
    [b"lagslope", &head[..], &checksum, body].concat()
}

fn example() -> Saved {
    let series = Series {
        levels: vec![Level::default()],
        ..Series::default()
    };
    let topic = Topic {
        name: "orders".into(),
        id: Some(7),
        seen_at: 1_700_000_000.0,
        sum: Some(series.clone()),
        partitions: vec![(0, series)],
        retries: None,
        commit_gap_seconds: None,
    };
    let group = Group {
        name: "payments".into(),
        seen_at: 1_700_000_000.0,
        rebalances: Vec::new(),
        topics: vec![topic],
    };
    Saved {
        clusters: vec![Cluster {
            name: "prod".to_owned(),
            identity: Identity {
                cluster_id: Some("abc".into()),
                read_committed: false,
            },
            learned: Learned {
                groups: vec![group],
            },
        }],
    }
}

#[test]
fn each_kind_of_file_that_is_not_ours_to_read_is_called_what_it_is() {
    let whole = encode(&example()).expect("it is small");
    let body = &whole[24..];
    let mut unsound = example();
    let topic = &mut unsound.clusters[0].learned.groups[0].topics[0];
    topic.commit_gap_seconds = Some(f32::NAN);
    for (bytes, label, why) in [
        (
            Vec::new(),
            "damaged",
            "an empty file, as a crash leaves behind",
        ),
        (b"lagsl".to_vec(), "damaged", "the beginning of one"),
        (whole[..whole.len() - 1].to_vec(), "damaged", "cut short"),
        (b"clusters: []\n".to_vec(), "foreign", "a configuration"),
        (sealed(2, body), "newer", "of a later version"),
        (sealed(2, b"another layout"), "newer", "whatever it says"),
        (sealed(0, body), "damaged", "there was no such version"),
        (sealed(1, &body[1..]), "damaged", "not a record"),
        (
            sealed(1, &[body, b"more"].concat()),
            "damaged",
            "more than a record",
        ),
        (encode(&unsound).expect("small"), "damaged", "not a number"),
    ] {
        let fault = decode(&bytes).expect_err(why);
        assert_eq!(fault.label(), label, "{why}: {fault}");
    }
    assert!(decode(&sealed(1, body)).is_ok(), "else this proves nothing");
}

#[test]
fn a_level_takes_about_forty_bytes_and_a_lag_without_one_less() {
    let bytes = |levels| {
        let mut saved = example();
        let topic = &mut saved.clusters[0].learned.groups[0].topics[0];
        topic.partitions = (0..1_000)
            .map(|number| {
                let level = Level {
                    count: 1_000,
                    ..Level::default()
                };
                let levels = vec![level; levels];
                (
                    number,
                    Series {
                        levels,
                        ..Series::default()
                    },
                )
            })
            .collect();
        encode(&saved).expect("it is small").len() as f64 / 1_000.0
    };
    let (none, one) = (bytes(0), bytes(1));
    assert!((20.0..40.0).contains(&none), "{none}");
    assert!((25.0..40.0).contains(&(one - none)), "{}", one - none);
}

#[test]
fn a_file_is_replaced_whole_and_is_nobody_elses_to_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    assert!(file::read(&path).expect("none is no fault").is_none());
    let bytes = encode(&example()).expect("it is small");
    // Left behind by a crash, and somebody's link to elsewhere.
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "precious").expect("written");
    std::os::unix::fs::symlink(&elsewhere, folder.path().join("state.new")).expect("linked");
    for _ in 0..2 {
        file::write(&path, &bytes).expect("written");
        assert_eq!(file::read(&path).expect("readable"), Some(example()));
    }
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let precious = fs::read_to_string(&elsewhere).expect("there");
    assert_eq!(precious, "precious");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
}

#[test]
fn what_cannot_be_written_is_called_so_and_the_old_file_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = encode(&example()).expect("it is small");
    let nowhere = folder.path().join("missing/state");
    let fault = file::write(&nowhere, &bytes).expect_err("no such folder");
    assert_eq!(fault.label(), "unwritable");
    let directory = folder.path().join("directory");
    fs::create_dir(&directory).expect("made");
    assert!(matches!(file::read(&directory), Err(Fault::Unreadable(_))));
    let fault = file::write(&directory, &bytes).expect_err("a folder is in its place");
    assert_eq!(fault.label(), "unwritable");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_pipe_in_its_place_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
    assert!(matches!(file::read(&path), Err(Fault::Unreadable(_))));
}

#[test]
fn a_damaged_one_is_put_aside_in_place_of_an_earlier_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    for text in ["first", "second"] {
        fs::write(&path, text).expect("written");
        let aside = file::set_aside(&path).expect("moved");
        assert_eq!(aside, Path::new(&format!("{}.damaged", path.display())));
        assert_eq!(fs::read_to_string(aside).expect("there"), text);
        let gone = fs::metadata(&path).expect_err("moved");
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
}

/// Where another process of these tests writes for ever, for the test below.
const WRITES_TO: &str = "LAGSLOPE_TEST_STATE_WRITER";

#[test]
fn a_process_that_writes_for_ever_if_it_is_told_to() {
    let Some(path) = std::env::var_os(WRITES_TO) else {
        return;
    };
    let mut saved = example();
    let topic = &mut saved.clusters[0].learned.groups[0].topics[0];
    let series = topic.sum.clone().expect("an example");
    topic.partitions = (0..20_000).map(|number| (number, series.clone())).collect();
    let bytes = encode(&saved).expect("it is small");
    loop {
        file::write(Path::new(&path), &bytes).expect("written");
    }
}

#[test]
fn whoever_is_killed_while_writing_leaves_a_whole_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let unfinished = folder.path().join("state.new");
    let bytes = encode(&example()).expect("it is small");
    file::write(&path, &bytes).expect("written");
    let mut killed_within = 0;
    for round in 0..10u64 {
        let mut writer = Command::new(std::env::current_exe().expect("these tests"))
            .args([
                "--exact",
                "state::a_process_that_writes_for_ever_if_it_is_told_to",
            ])
            .env(WRITES_TO, &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        while !unfinished.exists() {
            let ended = writer.try_wait().expect("it is our child");
            assert!(ended.is_none(), "{ended:?}");
            std::thread::sleep(Duration::from_micros(50));
        }
        std::thread::sleep(Duration::from_micros(300 * round));
        writer.kill().expect("it runs");
        writer.wait().expect("it ended");
        killed_within += usize::from(unfinished.exists());
        let saved = file::read(&path).expect("whole").expect("there");
        let partitions = saved.clusters[0].learned.groups[0].topics[0]
            .partitions
            .len();
        assert!(
            [1, 20_000].contains(&partitions),
            "round {round}: {partitions}"
        );
        let _left_behind = fs::remove_file(&unfinished);
    }
    assert!(killed_within > 0, "else this proves nothing");
}

#[test]
fn without_room_for_the_new_file_the_old_one_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let bytes = encode(&example()).expect("it is small");
    file::write(&path, &bytes).expect("written");
    // Files of this process may have 16 KiB, which the large one of the test above has not.
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let ended = Command::new("bash")
        .args(["-c", limited])
        .arg(std::env::current_exe().expect("these tests"))
        .args(["--exact", "--nocapture"])
        .arg("state::a_process_that_writes_for_ever_if_it_is_told_to")
        .env(WRITES_TO, &path)
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("written: Full("), "{said}");
    assert_eq!(file::read(&path).expect("whole"), Some(example()));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}
