//! Brokers that were stopped and come back: for a moment they answer with what was true before. Nothing of that is told.

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use lagslope::analysis::sample::Sample;
use lagslope::kafka::Sampler;

use super::scripted::{Mood, Scripted, World};
use super::{TIMEOUT, group, has_error, log_ends, sample_until, sampler};

/// What is different in a story's cluster.
type Prepare = fn(&mut World);

const OFFSETS: &str = "__consumer_offsets";

/// Group `ship` has its commits in this partition of three, which broker 2 leads; it also leads this partition of `orders`.
const OF_2: usize = 1;

/// Three brokers and some cycles, 10 s apart, as they come to know each other.
struct Stage {
    cluster: Scripted,
    sampler: Sampler,
    now: f64,
}

impl Stage {
    async fn new(prepare: impl Fn(&mut World)) -> Self {
        let cluster = Scripted::start(3).await;
        cluster.group("ship", 2, &[("orders", 1, 40)]);
        cluster.change(|world| {
            world.topics.insert(OFFSETS, vec![(1, 0), (2, 0), (3, 0)]);
            for topic in ["orders", OFFSETS] {
                world.epochs.insert(topic, vec![5; 3]);
            }
            prepare(world);
        });
        let mut stage = Self {
            sampler: sampler(&cluster, TIMEOUT),
            cluster,
            now: 1000.0,
        };
        for _ in 0..3 {
            let sample = stage.cycle().await;
            assert_eq!(told(&sample), (Some(40), Some(101)));
        }
        stage
    }

    /// No broker is asked more than five times.
    async fn cycle(&mut self) -> Sample {
        self.cluster.change(|world| world.requests.clear());
        self.now += 10.0;
        let sample = self.sampler.sample(self.now).await;
        let asked = self.cluster.change(|world| world.requests.clone());
        for broker in 1..=3 {
            let of_broker = asked.iter().filter(|(id, _)| *id == broker);
            let count = of_broker.filter(|(_, api)| *api != ApiKey::ApiVersions);
            assert!(count.count() <= 5, "to {broker} at {}: {asked:?}", self.now);
        }
        sample
    }

    /// The first cycle in which these answer: one that resumes needs a moment of real time for the question it still owes an
    /// answer to. What is told on the way there is not old either.
    async fn first_answering(&mut self, brokers: &[i32]) -> Sample {
        loop {
            let sample = self.cycle().await;
            let heard = |broker: &i32| {
                let list = (*broker, ApiKey::ListGroups);
                self.cluster.change(|world| world.requests.contains(&list))
            };
            if brokers.iter().all(heard) {
                return sample;
            }
            let (committed, end) = told(&sample);
            let truth = self.cluster.change(|world| {
                let committed = world.groups["ship"].commits[0].2;
                (committed, world.topics["orders"][OF_2].1)
            });
            assert!(committed.is_none_or(|offset| offset as i64 == truth.0));
            assert!(end.is_none_or(|offset| offset as i64 == truth.1));
            self.now -= 9.99;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything goes on.
    fn advance(&self) {
        self.cluster.change(|world| {
            world.topics.get_mut("orders").expect("it was made")[OF_2].1 += 1000;
            let ship = world.groups.get_mut("ship").expect("it was made");
            ship.commits[0].2 += 1000;
        });
    }

    /// Broker 3 takes over what broker 2 had.
    fn take_over(&self) {
        self.cluster.change(|world| {
            for topic in ["orders", OFFSETS] {
                world.topics.get_mut(topic).expect("it was made")[OF_2].0 = 3;
                if let Some(epochs) = world.epochs.get_mut(topic) {
                    epochs[OF_2] += 1;
                }
            }
            world
                .groups
                .get_mut("ship")
                .expect("it was made")
                .coordinator = 3;
        });
        self.advance();
    }
}

/// The committed offset of `ship`, and the log end of its partition.
fn told(sample: &Sample) -> (Option<u64>, Option<u64>) {
    let commits = group(sample, "ship").commits.as_ref();
    let orders = sample.topics.iter().position(|t| &*t.name == "orders");
    let orders = orders.expect("it is there");
    let of_orders = commits.and_then(|commits| commits.topics.first());
    let committed = of_orders.map(|commits| commits.partitions[0].1);
    let end = sample.topics[orders].partitions[OF_2].log_end;
    (committed, end.map(|end| end.offset))
}

const TRUTH: (Option<u64>, Option<u64>) = (Some(1040), Some(1101));

#[tokio::test]
async fn a_coordinator_that_lost_its_group_is_not_believed_while_the_new_one_is_late() {
    let mut stage = Stage::new(|_| {}).await;
    stage.cluster.stop(2);
    stage.take_over();
    assert_eq!(told(&stage.cycle().await), TRUTH, "broker 3 has it");
    stage.cluster.change(|world| {
        world.groups.get_mut("ship").expect("it was made").state = "Empty";
    });
    stage.cluster.resume(2);
    stage.cluster.mood(3, Mood::Hangs);
    let sample = stage.first_answering(&[2]).await;
    assert_eq!(told(&sample), (None, None), "only broker 2 told of it");
    stage.cluster.mood(3, Mood::Answers);
    stage.cluster.notices(2);
    let sample = stage.first_answering(&[3]).await;
    assert_eq!(told(&sample), TRUTH, "broker 1 vouches for broker 3");
    assert_eq!(group(&sample, "ship").state.as_deref(), Some("Empty"));
}

#[tokio::test]
async fn a_coordinator_that_was_replaced_between_two_looks_is_not_believed() {
    let mut stage = Stage::new(|_| {}).await;
    // The metadata that is known was read before.
    stage.cluster.stop(2);
    stage.cycle().await;
    stage.take_over();
    stage.cluster.resume(2);
    stage.cluster.mood(3, Mood::Hangs);
    let sample = stage.first_answering(&[2]).await;
    assert_eq!(told(&sample), (None, None));
}

#[tokio::test]
async fn nobody_vouches_and_a_broker_that_was_silent_is_held_for_a_cycle() {
    let mut stage = Stage::new(|_| {}).await;
    stage.cluster.stop(2);
    stage.cycle().await;
    stage.take_over();
    stage.cluster.resume(2);
    for broker in [1, 3] {
        stage.cluster.mood(broker, Mood::Hangs);
    }
    let sample = stage.first_answering(&[2]).await;
    assert_eq!(told(&sample), (None, None), "its word only");
    stage.cluster.notices(2);
    for broker in [1, 3] {
        stage.cluster.mood(broker, Mood::Answers);
    }
    let sample = stage.first_answering(&[1, 3]).await;
    assert_eq!(told(&sample), TRUTH, "it has settled, and vouches for them");
}

#[tokio::test]
async fn a_broker_that_hung_and_lost_nothing_is_whole_in_its_first_cycle() {
    let cases: [(Prepare, &str); 3] = [
        (|_| {}, "with epochs"),
        (|world| world.epochs.clear(), "without"),
        (
            |world| {
                world.topics.remove(OFFSETS);
            },
            "Kafka's offsets may not be seen: nobody else lists the group",
        ),
    ];
    for (prepare, why) in cases {
        let mut stage = Stage::new(prepare).await;
        stage.cluster.mood(2, Mood::Hangs);
        assert_eq!(told(&stage.cycle().await), (None, None), "{why}");
        stage.advance();
        stage.cluster.mood(2, Mood::Answers);
        assert_eq!(told(&stage.first_answering(&[2]).await), TRUTH, "{why}");
        stage.cycle().await;
        let asked = stage.cluster.change(|world| world.requests.clone());
        let looks = asked.iter().filter(|(_, api)| *api == ApiKey::Metadata);
        assert_eq!(looks.count(), 0, "nothing is doubted any more: {why}");
    }
}

#[tokio::test]
async fn without_a_view_of_the_offsets_a_group_waits_until_all_have_listed() {
    let mut stage = Stage::new(|world| {
        world.topics.remove(OFFSETS);
        world.epochs.remove(OFFSETS);
    })
    .await;
    stage.cluster.stop(2);
    stage.cycle().await;
    stage.cluster.change(|world| {
        world
            .groups
            .get_mut("ship")
            .expect("it was made")
            .coordinator = 3;
    });
    stage.cluster.resume(2);
    stage.cluster.mood(3, Mood::Hangs);
    assert_eq!(told(&stage.first_answering(&[2]).await).0, None);
}

#[tokio::test]
async fn what_a_broker_says_of_itself_is_no_proof() {
    let mut stage = Stage::new(|_| {}).await;
    stage.cluster.stop(2);
    stage.take_over();
    assert_eq!(told(&stage.cycle().await), TRUTH);
    for broker in [1, 3] {
        stage.cluster.mood(broker, Mood::Hangs);
    }
    stage.cycle().await;
    stage.cluster.resume(2);
    let sample = stage.first_answering(&[2]).await;
    let look = (2, ApiKey::Metadata);
    assert!(stage.cluster.change(|world| world.requests.contains(&look)));
    assert_eq!(told(&sample), (None, None));
}

#[tokio::test]
async fn a_leader_with_another_epoch_is_asked_again_in_the_same_cycle() {
    let mut stage = Stage::new(|_| {}).await;
    stage.cluster.change(|world| {
        world.topics.get_mut("orders").expect("it was made")[0].1 = 900;
        world.epochs.insert("orders", vec![6, 5, 5]);
    });
    let sample = stage.cycle().await;
    assert!(has_error(&sample, "fenced_leader_epoch"));
    assert_eq!(log_ends(&sample)[0], Some(900), "with the new epoch");
}

#[tokio::test]
async fn a_leader_that_does_not_know_its_own_epoch_yet_is_silent() {
    let mut stage = Stage::new(|_| {}).await;
    stage.cluster.stop(2);
    // It lost its partition and has it again, by what the others know.
    stage.cluster.change(|world| {
        world.epochs.insert("orders", vec![5, 7, 5]);
        world.topics.get_mut("orders").expect("it was made")[OF_2].1 = 1101;
    });
    stage.cycle().await;
    stage.cluster.resume(2);
    let sample = stage.first_answering(&[2]).await;
    assert_eq!(told(&sample).1, None);
    assert!(has_error(&sample, "unknown_leader_epoch"));
    stage.cluster.notices(2);
    assert_eq!(told(&stage.cycle().await).1, TRUTH.1);
}

#[tokio::test]
async fn the_only_broker_is_whole_as_soon_as_it_answers() {
    let cluster = Scripted::start(1).await;
    cluster.group("ship", 1, &[("orders", 1, 40)]);
    let mut sampler = sampler(&cluster, TIMEOUT);
    sampler.sample(1000.0).await;
    cluster.mood(1, Mood::Hangs);
    assert!(!sampler.sample(1010.0).await.cycle.up);
    cluster.mood(1, Mood::Answers);
    // The clock hardly moves: nothing is waited for but its answer.
    let sample = sample_until(&mut sampler, 1020.0, |sample| sample.cycle.up).await;
    assert_eq!(told(&sample), (Some(40), Some(101)));
}

#[tokio::test]
async fn when_all_were_silent_they_are_held_until_they_have_settled() {
    let mut stage = Stage::new(|_| {}).await;
    (1..=3).for_each(|broker| stage.cluster.stop(broker));
    assert!(!stage.cycle().await.cycle.up);
    // 1 and 3 were back first, and took over before 2 was.
    stage.take_over();
    [1, 3]
        .iter()
        .for_each(|broker| stage.cluster.notices(*broker));
    (1..=3).for_each(|broker| stage.cluster.resume(broker));
    let sample = stage.first_answering(&[1, 2, 3]).await;
    assert!(sample.cycle.up);
    assert_eq!(told(&sample), (None, None));
    stage.cluster.notices(2);
    let sample = stage.cycle().await;
    assert_eq!(told(&sample), TRUTH);
    assert_eq!(log_ends(&sample).len(), 3);
}

#[tokio::test]
async fn old_brokers_without_epochs_are_fenced_by_the_metadata_of_others() {
    let mut stage = Stage::new(|world| {
        world.epochs.clear();
        world.metadata_max = 8;
    })
    .await;
    stage.cluster.stop(2);
    stage.cycle().await;
    stage.take_over();
    stage.cluster.resume(2);
    assert_eq!(told(&stage.first_answering(&[2]).await), TRUTH);
}
