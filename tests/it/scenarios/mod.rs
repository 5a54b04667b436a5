//! Stories of consumer groups as text files: each is acted out, watched by the analysis, and compared with what it expects. A file that
//! is dropped into `stories/` is run; README.md there explains the words.

mod event;
mod expectation;
pub(crate) mod log;
mod story;
mod words;
pub(crate) mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lagslope::analysis::report::TopicReport;
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings, Signal};

use crate::analysis::evidence;
use expectation::{Moment, unexpected};
use story::Story;
use world::World;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scenarios");

/// As many files at once as most machines have room for.
const THREADS: usize = 4;

/// The world moves in steps of so many seconds; no divisor of most times between samples and commits, so that these don't fall together.
const STEP_SECONDS: f64 = 3.0;

/// From so many partitions on it moves in longer steps: theirs would take most of the test's time.
const MANY_PARTITIONS: usize = 10;
const LONG_STEP_SECONDS: f64 = 5.0;

/// Samples until it is asked again why the verdicts are what they are.
const SAMPLES_BETWEEN_QUESTIONS: usize = 40;

#[test]
fn stories_are_told_as_they_expect() {
    let files = story_files();
    assert!(files.len() >= 30, "only {} stories", files.len());
    let (rest, wrong) = (Mutex::new(files.into_iter()), Mutex::new(Vec::new()));
    let next = || rest.lock().expect("no test panics with it").next();
    let work = || {
        while let Some(file) = next() {
            let found = run(&file);
            wrong.lock().expect("no test panics with it").extend(found);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let mut wrong = wrong.into_inner().expect("no test panics with it");
    wrong.sort();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_word_of_the_stories_is_explained() {
    let readme = fs::read_to_string(Path::new(FOLDER).join("README.md")).expect("it is there");
    let words = story::KEYWORDS.iter().chain(&event::KEYWORDS);
    let missing: Vec<_> = words
        .filter(|word| !readme.contains(&format!("`{word} ")))
        .collect();
    assert!(missing.is_empty(), "README.md does not explain {missing:?}");
}

#[test]
fn bad_story_is_refused_with_its_line() {
    let cases = [
        ("partitions 5", 1, "the first line must be"),
        ("# It shows.\nfly 5", 2, "\"fly\" is none of partitions,"),
        ("# It shows.\nproduce 5", 2, "no rate like"),
        (
            "# It shows.\nproduce 5/s then",
            2,
            "\"then\" is one word too many",
        ),
        ("# It shows.\n\nfor 5 parsecs", 3, "no time like"),
        ("# It shows.\nfor 5h", 1, "what is expected?"),
        ("# It shows.\nexpect silence", 1, "for how long?"),
        (
            "# It shows.\nfor 1h\nexpect silence\nat 2h pause of 5m",
            1,
            "behind the end",
        ),
        (
            "# It shows.\nfor 1h\nexpect lag warning",
            3,
            "\"lag\" is none of lag_growth",
        ),
    ];
    for (text, line, what) in cases {
        let (found, why) = Story::read(text).expect_err(text);
        assert!(
            found == line && why.contains(what),
            "{text:?}: {found}: {why}"
        );
    }
}

#[test]
fn story_that_expects_the_wrong_thing_fails() {
    let story = |expected: &str| {
        let text = format!(
            "# A consumer stops.\nproduce 100/s\nconsume 200/s\nat 1h consume 0/s\nfor 90m\n{expected}"
        );
        problems(&Story::read(&text).expect("a story"))
    };
    assert_eq!(
        story("expect lag_growth critical within 5m of 1h"),
        Vec::<String>::new()
    );
    for wrong in [
        "expect silence",
        "expect lag_growth critical within 1m of 1h",
        "expect lag_growth critical within 5m of 70m",
        "expect ceiling warning within 5m of 1h\nmay lag_growth",
        "expect lag_growth ok from 65m\nmay lag_growth",
        "expect loss\nmay lag_growth",
        "expect slope 50/s within 10 % at 80m\nmay lag_growth",
        "expect hits 1 of lag\nmay lag_growth",
    ] {
        assert_ne!(story(wrong), Vec::<String>::new(), "{wrong}");
    }
}

fn story_files() -> Vec<PathBuf> {
    let folder = fs::read_dir(Path::new(FOLDER).join("stories")).expect("it is there");
    let files = folder.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    files
}

/// What is wrong with a file or with what is said of its story, each with the file's name and line.
fn run(path: &Path) -> Vec<String> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let text = fs::read_to_string(path).expect("it can be read");
    let story = match Story::read(&text) {
        Ok(story) => story,
        Err((line, what)) => return vec![format!("{name}:{line}: {what}")],
    };
    let wrong = problems(&story);
    match story.weakness {
        Some(weakness) if wrong.is_empty() => {
            vec![format!(
                "{name}: this works now, take the line out: known weakness: {weakness}"
            )]
        }
        Some(_) => Vec::new(),
        None => wrong
            .into_iter()
            .map(|what| format!("{name}:{what}: {}", story.header))
            .collect(),
    }
}

/// Each with its line.
fn problems(story: &Story) -> Vec<String> {
    (0..story.seeds)
        .flat_map(|seed| problems_with(story, seed))
        .collect()
}

fn problems_with(story: &Story, seed: u64) -> Vec<String> {
    let told = tell(story, seed);
    let judged = story.expectations.iter().filter_map(|(line, expected)| {
        let what = expected.judge(&told).err()?;
        Some(format!("{line}: {what} (seed {seed})"))
    });
    let contradictions = told
        .iter()
        .filter_map(|moment| moment.contradiction.as_ref());
    let contradictions = contradictions
        .take(1)
        .map(|what| format!("1: {what} (seed {seed})"));
    let surprises = unexpected(&story.expectations, &told);
    let surprises = surprises
        .into_iter()
        .map(|what| format!("1: {what} (seed {seed})"));
    judged.chain(surprises).chain(contradictions).collect()
}

/// Acts the story out in front of the analysis.
fn tell(story: &Story, seed: u64) -> Vec<Moment> {
    let mut world = World::new(story.partitions, seed);
    world.noise = story.noise;
    world.keeps = story.keeps;
    let mut analysis = watcher(story.sample_every, story.ceilings);
    let mut events: Vec<_> = story.events.iter().rev().cloned().collect();
    let step = if story.partitions < MANY_PARTITIONS {
        STEP_SECONDS
    } else {
        LONG_STEP_SECONDS
    };
    let (mut told, mut next_sample) = (Vec::new(), story.sample_every);
    while world.now < story.lasts {
        while let Some(event) = events.pop_if(|event| event.at <= world.now) {
            if let Some(again) = event.happen(&mut world) {
                let later = events.partition_point(|other| other.at > again.at);
                events.insert(later, again);
            }
        }
        world.pass(step);
        if world.now >= next_sample {
            next_sample += story.sample_every;
            let report = analysis.observe(world.sample());
            let topics = report.groups.into_iter().flat_map(|group| group.topics);
            for mut topic in topics.filter(|topic| *topic.topic == *world::TOPIC) {
                topic.partitions.clear();
                let contradiction = contradiction(&analysis, &topic, &told);
                told.push(Moment {
                    contradiction,
                    t: world.now,
                    report: topic,
                    loses: world.logs.iter().any(|log| log.loses),
                });
            }
        }
    }
    told
}

/// Asking costs more than watching: it is asked now and then, and whenever a verdict changed.
fn contradiction(analysis: &Analysis, topic: &TopicReport, told: &[Moment]) -> Option<String> {
    let is_other = |before: &Moment| {
        let severity = |of: &TopicReport| Signal::ALL.map(|signal| of.severity(signal));
        severity(&before.report) != severity(topic)
    };
    if !told.len().is_multiple_of(SAMPLES_BETWEEN_QUESTIONS) && !told.last().is_some_and(is_other) {
        return None;
    }
    let why = analysis.explain(world::GROUP, world::TOPIC);
    evidence::contradiction(topic, &why.expect("it is watched"))
}

/// An analysis with the world's names and these ceilings.
pub(crate) fn watcher(sample_every: f64, ceilings: Ceilings) -> Analysis {
    let rules = Rules::new(Settings::new(sample_every), ceilings);
    Analysis::new(rules.for_all(), world::retry_names())
}
