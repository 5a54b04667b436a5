use super::*;

/// Keys and values as Kafka 3.9 writes them.
fn record(
    group: &str,
    partition: u32,
    commit: Option<(u64, Millis)>,
) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut key = vec![0, 1];
    for text in [group, "orders"] {
        key.extend((text.len() as i16).to_be_bytes());
        key.extend(text.as_bytes());
    }
    key.extend(partition.to_be_bytes());
    let value = commit.map(|(offset, at_ms)| {
        let mut value = vec![0, 3];
        value.extend(offset.to_be_bytes());
        value.extend([0; 4]);
        value.extend([0; 2]);
        value.extend(at_ms.to_be_bytes());
        value
    });
    (key, value)
}

const SHARD: usize = 1;
const GROUP: &str = "pay";

/// A ledger of two shards that follows one group, with records one after another.
struct Story {
    ledger: Ledger,
    offset: u64,
}

impl Story {
    fn begin() -> Self {
        let mut ledger = Ledger::new(2, 3_000);
        ledger.advance(SHARD, 100);
        ledger.follow(SHARD, GROUP);
        ledger.begin_cycle();
        Self {
            ledger,
            offset: 100,
        }
    }

    /// What it reads is the past until then, in cycles that are so long.
    fn of_the_past(mut ledger: Ledger, until_ms: Millis, interval_ms: Millis) -> Self {
        ledger.begin_past(PastTold {
            until_ms,
            interval_ms,
            parts: 30,
        });
        ledger.advance(SHARD, 100);
        ledger.follow(SHARD, GROUP);
        Self {
            ledger,
            offset: 100,
        }
    }

    fn told(base: &[(u32, u64)]) -> Self {
        let mut story = Self::begin();
        story.base(base);
        story.ledger.tell(GROUP);
        story
    }

    fn base(&mut self, base: &[(u32, u64)]) {
        let topic = StrBytes::from_static_str("orders");
        let topics = (!base.is_empty()).then_some((&topic, base));
        self.ledger.take_base(GROUP, topics.into_iter());
    }

    fn read(&mut self, of: &str, partition: u32, commit: Option<(u64, Millis)>, read_ms: Millis) {
        let (key, value) = record(of, partition, commit);
        let place = (SHARD, self.offset);
        self.ledger
            .take(place, (Some(&key), value.as_deref()), read_ms);
        self.offset += 1;
    }

    /// Commits of partition 0, as `(offset, time)`; read at once.
    fn commits(&mut self, commits: &[(u64, Millis)]) {
        for (offset, at_ms) in commits {
            self.read(GROUP, 0, Some((*offset, *at_ms)), *at_ms);
        }
    }

    fn partitions(&mut self) -> Vec<(u32, u64)> {
        let told = self.ledger.tell(GROUP).expect("it is followed");
        told.into_iter()
            .flat_map(|topic| topic.partitions)
            .collect()
    }

    fn edges(&mut self) -> Option<Vec<(u32, u64, Millis)>> {
        let told = self.ledger.tell(GROUP).expect("it is followed").pop()?;
        let edges = told.edges?.into_iter();
        Some(
            edges
                .map(|edge| (edge.partition, edge.offset, edge.at_ms))
                .collect(),
        )
    }
}

#[test]
fn what_was_asked_for_holds_until_the_stream_tells_otherwise() {
    let mut story = Story::begin();
    story.read(GROUP, 1, Some((50, 1_000)), 1_000);
    story.base(&[(0, 7), (1, 40), (2, 9)]);
    assert_eq!(story.partitions(), [(0, 7), (1, 50), (2, 9)]);
    story.read(GROUP, 0, Some((8, 2_000)), 2_000);
    story.read(GROUP, 2, None, 2_000);
    assert_eq!(story.partitions(), [(0, 8), (1, 50)]);
    story.base(&[(0, 7), (3, 1)]);
    assert_eq!(
        story.partitions(),
        [(0, 8), (1, 50), (3, 1)],
        "and may be asked for again"
    );
}

#[test]
fn what_was_asked_for_before_it_was_followed_does_not_count() {
    let mut ledger = Ledger::new(2, 3_000);
    ledger.follow(SHARD, GROUP);
    let nothing = || std::iter::empty::<(&StrBytes, &[(u32, u64)])>();
    ledger.take_base(GROUP, nothing());
    assert_eq!(ledger.knows(GROUP), None);
    ledger.begin_cycle();
    ledger.take_base(GROUP, nothing());
    assert_eq!(ledger.knows(GROUP), Some(SHARD));
    ledger.forget_all_but(|_| false);
    assert_eq!(ledger.knows(GROUP), None);
}

#[test]
fn a_shard_is_reached_when_all_before_its_end_was_read() {
    let mut story = Story::told(&[]);
    assert!(story.ledger.has_reached(SHARD, 100));
    assert!(!story.ledger.has_reached(SHARD, 101));
    assert!(!story.ledger.has_reached(0, 0), "nothing was read of it");
    story.commits(&[(1, 1_000)]);
    assert!(story.ledger.has_reached(SHARD, 101));
    story.ledger.advance(SHARD, 103);
    assert!(
        story.ledger.has_reached(SHARD, 103),
        "two ends of transactions"
    );
    story.ledger.advance(SHARD, 90);
    assert!(story.ledger.has_reached(SHARD, 103));
}

#[test]
fn what_lies_beyond_the_end_waits_for_the_next_cycle() {
    let mut story = Story::told(&[(0, 5)]);
    story.ledger.close(&[(SHARD, 101)]);
    story.commits(&[(6, 1_000), (7, 2_000)]);
    assert!(
        story.ledger.has_reached(SHARD, 102),
        "it was read all the same"
    );
    assert_eq!(story.edges(), Some(vec![(0, 6, 1_000)]));
    story.ledger.open();
    assert_eq!(story.edges(), Some(vec![(0, 7, 2_000)]));
}

#[test]
fn edges_are_those_since_the_last_time_if_that_was_told_from_here_too() {
    let mut story = Story::begin();
    story.base(&[(0, 5)]);
    story.commits(&[(6, 1_000)]);
    assert_eq!(story.edges(), None, "nobody knows what was told before");
    story.commits(&[(7, 2_000)]);
    story.read(GROUP, 3, Some((1, 2_500)), 2_500);
    let edges = vec![(0, 7, 2_000), (3, 1, 2_500)];
    assert_eq!(story.edges(), Some(edges));
    assert_eq!(story.edges(), Some(vec![]));
    story.commits(&[(8, 3_000)]);
    story.ledger.drop_edges(GROUP);
    story.commits(&[(9, 4_000)]);
    assert_eq!(story.edges(), None);
}

#[test]
fn edges_that_crowd_are_one_and_the_last_is_always_kept() {
    let mut story = Story::told(&[(0, 0)]);
    let each_second: Vec<_> = (1..=10).map(|n| (n * 10, 1_000 * n as Millis)).collect();
    story.commits(&each_second);
    let edges: Vec<Millis> = story.edges().expect("told").iter().map(|e| e.2).collect();
    assert_eq!(edges, [1_000, 4_000, 7_000, 10_000]);
}

#[test]
fn a_commits_time_lies_between_the_last_look_and_when_it_was_read() {
    let mut story = Story::told(&[(0, 0)]);
    story.ledger.note_complete(SHARD, 10_000);
    for (at_ms, read_ms) in [(60_000, 12_000), (3_000, 13_000), (14_000, 14_200)] {
        story.read(GROUP, 0, Some((1, at_ms)), read_ms);
    }
    let edges: Vec<Millis> = story.edges().expect("told").iter().map(|e| e.2).collect();
    assert_eq!(
        edges,
        [12_000, 14_000],
        "the second one is no later than the first, and crowds"
    );
    assert_eq!(story.ledger.stamped_ahead(), 1);
    assert_eq!(story.ledger.take_freshest(), Some(48_000));
    assert_eq!(story.ledger.take_freshest(), None);
}

#[test]
fn before_a_hole_only_the_last_commits_are_known() {
    let mut story = Story::of_the_past(Ledger::new(2, 0), 9_000, 1_000);
    story.read(GROUP, 1, Some((4, 1_000)), 9_000);
    story.commits(&[(1, 2_000), (2, 3_000)]);
    story.offset += 5;
    story.commits(&[(7, 4_000), (8, 5_000)]);
    let edges = vec![(0, 7, 4_000), (0, 8, 5_000), (1, 4, 1_000)];
    assert_eq!(story.edges(), Some(edges), "told with their times at once");
}

#[test]
fn no_time_is_too_strange() {
    for complete_ms in [None, Some(10_000)] {
        let mut story = Story::told(&[(0, 0)]);
        if let Some(complete_ms) = complete_ms {
            story.ledger.note_complete(SHARD, complete_ms);
        }
        let times = [Millis::MIN, -1, 0, Millis::MAX, 5_000];
        for (offset, at_ms) in (1..).zip(times) {
            story.read(GROUP, 0, Some((offset, at_ms)), 20_000);
        }
        let edges = story.edges().expect("told");
        let earliest = complete_ms.unwrap_or(0);
        assert!(
            edges
                .iter()
                .all(|edge| (earliest..=20_000).contains(&edge.2))
        );
        assert_eq!(edges.last().map(|edge| edge.1), Some(5), "{edges:?}");
    }
}

#[test]
fn a_topic_made_again_has_no_commits_of_the_former() {
    let mut story = Story::told(&[]);
    let place = |partition| Place {
        group: GROUP,
        topic: "orders",
        partition,
    };
    let commit = |topic_id| Commit {
        offset: 9,
        at_ms: 1_000,
        topic_id: Some(topic_id),
    };
    for (partition, id) in [(0, 1), (1, 1), (2, 2)] {
        let said = Said::Committed(place(partition), commit(id));
        story.ledger.note(SHARD, said, 1_000);
    }
    let told = story
        .ledger
        .tell(GROUP)
        .expect("told")
        .pop()
        .expect("a topic");
    assert_eq!((told.id, told.partitions), (Some(2), vec![(2, 9)]));
}

#[test]
fn a_group_whose_commit_cannot_be_read_is_asked_for_again() {
    let mut story = Story::told(&[(0, 5), (1, 6)]);
    story.commits(&[(7, 1_000)]);
    let (key, _) = record(GROUP, 0, None);
    let of_the_future = b"\0\x63\0\0";
    let place = (SHARD, story.offset);
    let bytes = (Some(&*key), Some(&of_the_future[..]));
    story.ledger.take(place, bytes, 2_000);
    assert_eq!(story.ledger.knows(GROUP), None, "what was read is old");
    story.base(&[(0, 9)]);
    assert_eq!(story.ledger.knows(GROUP), None, "asked for before, perhaps");
    story.ledger.begin_cycle();
    story.base(&[(0, 9), (1, 6)]);
    assert_eq!(story.ledger.knows(GROUP), Some(SHARD));
    assert_eq!(story.partitions(), [(0, 9), (1, 6)]);
}

#[test]
fn what_was_deleted_after_it_was_asked_for_does_not_come_back() {
    let mut story = Story::begin();
    story.read(GROUP, 0, None, 1_000);
    story.base(&[(0, 5), (1, 6)]);
    assert_eq!(story.partitions(), [(1, 6)]);
    story.ledger.begin_cycle();
    assert_eq!(story.partitions(), [(1, 6)]);
    story.base(&[(0, 8), (1, 6)]);
    assert_eq!(story.partitions(), [(0, 8), (1, 6)], "committed anew");
}

#[test]
fn times_that_nobody_heard_are_not_told() {
    let mut story = Story::told(&[(0, 5)]);
    story.ledger.note_complete(SHARD, 500);
    story.commits(&[(6, 1_000)]);
    story.ledger.forget_times();
    story.commits(&[(7, 2_000)]);
    assert_eq!(story.edges(), None);
    assert_eq!(
        story.ledger.take_freshest(),
        None,
        "it may be as old as it likes"
    );
    story.commits(&[(8, 3_000)]);
    assert_eq!(story.edges(), Some(vec![(0, 8, 3_000)]));
}

#[test]
fn of_a_past_that_was_clipped_older_commits_are_known_from_its_beginning_on() {
    let mut story = Story::of_the_past(Ledger::new(2, 0), 9_000, 1_000);
    story.ledger.clip(SHARD);
    story.ledger.begin_cycle();
    story.base(&[(0, 5), (1, 6)]);
    story.commits(&[(7, 4_000)]);
    assert_eq!(story.edges(), Some(vec![(0, 7, 4_000), (1, 6, 4_000)]));
}

#[test]
fn of_the_past_the_last_commit_of_each_cycle_is_told_however_many_there_are() {
    let mut story = Story::of_the_past(Ledger::new(2, 1_000), 3_600_000, 10_000);
    let commits: Vec<_> = (1..3_600).map(|n| (n, n as Millis * 1_000 - 500)).collect();
    story.commits(&commits);
    let edges = story.edges().expect("told with their times");
    for end in (10_000..=3_600_000).step_by(10_000) {
        let held = edges.iter().filter(|(_, _, at)| *at <= end).max();
        let expected = u64::try_from(end / 1_000).expect("small").min(3_599);
        assert_eq!(held.map(|(_, offset, _)| *offset), Some(expected), "{end}");
    }
    assert!(edges.len() < 500, "{}", edges.len());
}

#[test]
fn times_of_a_shard_whose_freshest_commit_is_old_are_not_believed() {
    let mut story = Story::told(&[]);
    story.base(&[(0, 1)]);
    story.ledger.note_complete(SHARD, 1_000);
    for (behind_ms, is_believed) in [(500, true), (8_000, false), (500, true)] {
        story.read(GROUP, 0, Some((5, 90_000 - behind_ms)), 90_000);
        assert_eq!(story.ledger.take_freshest(), Some(-behind_ms));
        assert_eq!(story.edges().is_some(), is_believed, "{behind_ms} ms");
    }
}

#[test]
fn who_is_not_told_for_long_is_told_without_times() {
    let mut story = Story::told(&[]);
    story.base(&[(0, 1)]);
    let commits: Vec<_> = (0..2_000).map(|n| (n, n as Millis * 3_000)).collect();
    story.commits(&commits);
    assert_eq!(story.edges(), None);
    assert_eq!(story.partitions(), [(0, 1_999)]);
    story.commits(&[(3_000, 9_000_000)]);
    assert_eq!(story.edges(), Some(vec![(0, 3_000, 9_000_000)]));
}

#[test]
fn a_group_that_is_doubted_is_asked_for_anew() {
    let mut story = Story::told(&[(0, 1)]);
    assert_eq!(story.ledger.knows(GROUP), Some(SHARD));
    assert!(story.ledger.doubt(GROUP));
    assert_eq!(story.ledger.knows(GROUP), None);
    assert!(!story.ledger.doubt(GROUP), "known already");
    story.ledger.begin_cycle();
    story.base(&[(0, 2)]);
    assert_eq!(story.ledger.knows(GROUP), Some(SHARD));
}

#[test]
fn generations_are_told_once_anew() {
    let mut story = Story::told(&[]);
    let mut generation = |number| {
        let said = Said::Generation {
            group: GROUP,
            number,
        };
        story.ledger.note(SHARD, said, 0);
        story.ledger.generation(GROUP)
    };
    assert_eq!(generation(3), (Some(3), true));
    assert_eq!(
        generation(3),
        (Some(3), false),
        "written again, as Kafka does"
    );
    assert_eq!(generation(4), (Some(4), true));
}

#[test]
fn a_group_that_commits_in_another_shard_makes_the_whole_strange() {
    let mut story = Story::told(&[]);
    story.read("somebody else", 0, Some((1, 0)), 0);
    assert!(!story.ledger.is_strange());
    let (key, value) = record(GROUP, 0, Some((1, 0)));
    story.ledger.take((0, 5), (Some(&key), value.as_deref()), 0);
    assert!(story.ledger.is_strange());
}

#[test]
fn what_is_not_understood_is_counted() {
    let mut story = Story::told(&[]);
    story.ledger.take((SHARD, 100), (Some(b"\0\x63"), None), 0);
    story.ledger.take((SHARD, 101), (None, None), 0);
    let skipped = [("no_key", 1), ("unknown_key_version", 1)];
    assert_eq!(story.ledger.skipped(), skipped);
    assert!(story.ledger.has_reached(SHARD, 102));
}
