//! Kafka's own `kafka-consumer-groups`, asked again and again: when does Kafka itself know the truth again?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::look::now;
use super::rest::AtRest;
use crate::kafka::Kafka;

/// Each answer costs seconds of a JVM, on the machine on which everything else runs.
const PAUSE: Duration = Duration::from_secs(2);

/// One answer of the tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// When it had ended, in seconds since the epoch.
    pub(super) at: f64,
    /// It told the truth of every group-partition.
    pub(super) whole: bool,
}

/// The tool in a loop; ends when dropped.
pub(super) struct Judge {
    answers: Arc<Mutex<Vec<Answer>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Judge {
    pub(super) fn start(kafka: &Arc<Kafka>, rest: &Arc<AtRest>) -> Self {
        let (answers, ended) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (into, until) = (Arc::clone(&answers), Arc::clone(&ended));
        let (kafka, rest) = (Arc::clone(kafka), Arc::clone(rest));
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let whole = rest.is_told_by(&kafka.describe_what_it_can());
                let answer = Answer { at: now(), whole };
                into.lock().expect("not poisoned").push(answer);
                thread::sleep(PAUSE);
            }
        });
        Self {
            answers,
            ended,
            thread: Some(thread),
        }
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        self.answers.lock().expect("not poisoned").clone()
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; a second one here would abort the test.
            let _ = thread.join();
        }
    }
}
