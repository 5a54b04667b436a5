//! Plays one scene with a topic, a group and a daemon of its own, and judges every scrape.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};

use super::super::config;
use super::QUICK_DETECTOR;
use super::document::Row;
use super::published::{Published, Truth, Waits};
use super::scenes::{Scene, Step};
use crate::kafka::clients::Member;
use crate::kafka::{Kafka, unique};
use crate::lagslope::{Lagslope, Scrape};

/// A page is made every second; twice as often, none is missed.
const SCRAPE_EVERY: Duration = Duration::from_millis(500);

/// Longer than a pair may stand for the present (three intervals of a second): what is published for so long rests on new ones.
const STAYS: Duration = Duration::from_secs(4);

/// Eight cycles of a quiet machine; here a JVM starts now and then.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);

/// Seconds by which a time lag may be off: the message arrived between two samples, up to two intervals apart where a cycle is late,
/// and the page may be as old as a value can be (`max_age` and an interval), with one more for the scrape itself.
const AGE_SLACK: f64 = 7.0;

/// Where a scene is set.
pub(super) struct Stage {
    pub(super) kafka: Arc<Kafka>,
    pub(super) topic: String,
    pub(super) group: String,
    /// Stays in the group until it is taken out of here.
    pub(super) member: Mutex<Option<Member>>,
}

/// What was seen of a scene.
pub(super) struct Played {
    title: &'static str,
    steps: Vec<Seen>,
}

struct Seen {
    what: &'static str,
    truth: Truth,
    /// What was published, and in how many scrapes in a row.
    scrapes: Vec<(Published, usize)>,
    /// The oldest and the newest moment at which messages of this step can have arrived.
    acted: (Instant, Instant),
}

impl Played {
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.steps.iter().map(|step| Row {
            title: self.title,
            step: step.what,
            published: step.scrapes[step.scrapes.len() - 1].0.clone(),
            shows_group: step.truth.group.is_some(),
        })
    }

    /// Every change from scrape to scrape.
    pub(super) fn told(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for step in &self.steps {
            text += &format!("  {}\n", step.what);
            let mut last = (String::new(), 0);
            for (published, scrapes) in &step.scrapes {
                let line = published.to_string();
                if line == last.0 {
                    last.1 += scrapes;
                    continue;
                }
                text += &told(&last);
                last = (line, *scrapes);
            }
            text += &told(&last);
        }
        text
    }
}

fn told((line, scrapes): &(String, usize)) -> String {
    if line.is_empty() {
        return String::new();
    }
    format!("    {scrapes} x {line}\n")
}

pub(super) async fn play(scene: Scene, kafka: Arc<Kafka>) -> Played {
    let stage = Arc::new(Stage {
        topic: unique("changed"),
        group: unique("changed-group"),
        kafka,
        member: Mutex::default(),
    });
    act(&stage, scene.begin).await;
    let config = config(&stage.kafka.bootstrap()) + QUICK_DETECTOR;
    let lagslope = Lagslope::start(&config).await;
    // What arrives from now on is watched arriving.
    let watched =
        |scrape: &Scrape| scrape.sum("kafka_requests_total", &[("api", "ListOffsets")]) >= 4.0;
    lagslope
        .wait_for("two samples", SETTLES_WITHIN, watched)
        .await;
    let mut played = Played {
        title: scene.title,
        steps: Vec::new(),
    };
    for step in scene.steps {
        let seen = take(step, &stage, &lagslope, &played).await;
        let took = seen.acted.0.elapsed();
        println!("{}: {} took {took:.1?}", scene.title, seen.what);
        played.steps.push(seen);
    }
    played
}

/// One step: acted while the daemon is scraped, and watched until what it ends with has stayed for a while.
async fn take(step: Step, stage: &Arc<Stage>, lagslope: &Lagslope, played: &Played) -> Seen {
    let before = played.steps.last();
    let from = before.map_or(Truth::default(), |before| before.truth);
    let began = Instant::now();
    let mut seen = Seen {
        what: step.what,
        truth: step.truth,
        scrapes: Vec::new(),
        acted: (began, began + SETTLES_WITHIN),
    };
    if step.unseen {
        signal(lagslope, "STOP").await;
        // What it had asked before is answered before: of what an answer says that comes in the middle, it would have been told.
        act(stage, |stage| {
            stage.kafka.log_end(&stage.topic, 0);
        })
        .await;
        act(stage, step.act).await;
        signal(lagslope, "CONT").await;
        seen.acted.1 = Instant::now();
    }
    let acting = (!step.unseen).then(|| act_of(Arc::clone(stage), step.act));
    let mut acting = acting.map(tokio::spawn);
    let mut right_since = None;
    loop {
        if acting.as_ref().is_some_and(|acting| acting.is_finished()) {
            let acted = acting.take().expect("looked at above");
            acted.await.unwrap_or_else(again);
            seen.acted.1 = Instant::now();
        }
        let published = published(stage, lagslope).await;
        seen.note(&published);
        let told = || format!("{}: {}\n{}", played.title, step.what, seen.history());
        let age = seen.age(&step.truth, played);
        let ages = [seen.age(&from, played), age];
        if let Some(why) = published.wrong(&from, &step.truth, ages, step.arrives) {
            panic!("{why}: {published:?}\n{}{}", told(), lagslope.log());
        }
        let is_right = acting.is_none() && published.is(&step.truth, age);
        right_since = right_since
            .filter(|_| is_right)
            .or(is_right.then(Instant::now));
        if right_since.is_some_and(|since: Instant| since.elapsed() >= STAYS) {
            return seen;
        }
        assert!(
            began.elapsed() < SETTLES_WITHIN,
            "it never settles: {published:?} is not {:?}\n{}{}",
            step.truth,
            told(),
            lagslope.log()
        );
        sleep(SCRAPE_EVERY).await;
    }
}

impl Seen {
    fn note(&mut self, published: &Published) {
        match self.scrapes.last_mut() {
            Some((last, scrapes)) if last == published => *scrapes += 1,
            _ => self.scrapes.push((published.clone(), 1)),
        }
    }

    fn history(&self) -> String {
        let lines = self.scrapes.iter();
        lines.map(|(p, n)| told(&(p.to_string(), *n))).collect()
    }

    /// Seconds that the oldest waiting message may have waited by now, by this truth.
    fn age(&self, truth: &Truth, played: &Played) -> Option<(f64, f64)> {
        let number = match truth.waits {
            Waits::Unknown => return None,
            Waits::Nothing => return Some((0.0, 0.0)),
            Waits::SinceStep(number) => number,
        };
        let step = played.steps.get(number);
        let (oldest, newest) = step.map_or(self.acted, |step| step.acted);
        let least = newest.elapsed().as_secs_f64() - AGE_SLACK;
        Some((least, oldest.elapsed().as_secs_f64() + AGE_SLACK))
    }
}

async fn published(stage: &Stage, lagslope: &Lagslope) -> Published {
    let scrape = lagslope.scrape().await;
    for family in [
        "lag_messages",
        "time_lag_seconds",
        "partition_lag_messages",
        "partition_time_lag_seconds",
    ] {
        let negative = scrape.all(family, &[]).find(|(_, value)| *value < 0.0);
        assert_eq!(negative, None, "{}", scrape.text());
    }
    Published::of(&scrape, &stage.group, &stage.topic)
}

async fn act(stage: &Arc<Stage>, act: fn(&Stage)) {
    act_of(Arc::clone(stage), act).await;
}

/// Kafka's clients and tools block.
async fn act_of(stage: Arc<Stage>, act: fn(&Stage)) {
    let acted = tokio::task::spawn_blocking(move || act(&stage));
    acted.await.unwrap_or_else(again);
}

/// The panic of a task goes on in the one that waited for it.
fn again(error: JoinError) {
    std::panic::resume_unwind(error.into_panic())
}

async fn signal(lagslope: &Lagslope, name: &str) {
    let (name, pid) = (format!("-{name}"), lagslope.pid().to_string());
    let sent = Command::new("kill").args([name, pid]).status().await;
    assert!(sent.expect("kill runs").success());
}
