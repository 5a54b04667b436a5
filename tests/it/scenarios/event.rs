//! What may happen in a story, and what it does to the world.

use super::words::Words;
use super::world::{Swing, World};

/// The first words of what happens. The README explains each.
pub(super) const KEYWORDS: [&str; 11] = [
    "produce",
    "consume",
    "burst",
    "pause",
    "restart",
    "rebalance",
    "commit",
    "rewind",
    "skip",
    "retry",
    "topic",
];

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Seconds since the story began.
    pub(super) at: f64,
    /// Again after so many seconds.
    every: Option<f64>,
    /// Not after this time.
    until: Option<f64>,
    /// Of which partitions; all when there are none.
    on: Vec<usize>,
    /// Within so many seconds.
    over: f64,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    /// Messages per second, of the topic or of each partition that is named.
    Produce(f64),
    Consume(f64),
    Swing {
        share: f64,
        period: f64,
    },
    Burst(f64),
    Pause(f64),
    /// The group commits and stops, members go and come.
    Restart(f64),
    Rebalance(f64),
    CommitEvery(f64),
    Rewind(f64),
    SkipToEnd,
    RetryShare(f64),
    RetryBurst(f64),
    Recreate,
    AddPartitions(usize),
}

/// Reads what happens at a time.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(keyword: &str, words: &mut Words, at: f64) -> Result<Option<Event>, String> {
    let action = match keyword {
        "produce" if words.has("swings") => {
            let share = words.share()?;
            words.must("every")?;
            let period = words.duration()?;
            Action::Swing { share, period }
        }
        "produce" => Action::Produce(words.rate()?),
        "consume" => Action::Consume(words.rate()?),
        "burst" => {
            words.must("of")?;
            let messages = words.number()?;
            words.must("messages")?;
            Action::Burst(messages)
        }
        "pause" => Action::Pause(of(words)?),
        "restart" => Action::Restart(of(words)?),
        "rebalance" => Action::Rebalance(of(words)?),
        "commit" => {
            words.must("every")?;
            Action::CommitEvery(words.duration()?)
        }
        "rewind" => {
            words.must("by")?;
            let messages = words.number()?;
            words.must("messages")?;
            Action::Rewind(messages)
        }
        "skip" => {
            words.must_all("to the end")?;
            Action::SkipToEnd
        }
        "retry" => read_retry(words)?,
        "topic" => read_topic(words)?,
        other => return Err(format!("{other:?} is none of {}", KEYWORDS.join(", "))),
    };
    let mut event = Event {
        at,
        every: None,
        until: None,
        on: Vec::new(),
        over: 0.0,
        action,
    };
    event.read_circumstances(words)?;
    Ok(Some(event))
}

fn of(words: &mut Words) -> Result<f64, String> {
    words.must("of")?;
    words.duration()
}

fn read_retry(words: &mut Words) -> Result<Action, String> {
    if words.has("burst") {
        words.must("of")?;
        let messages = words.number()?;
        words.must("messages")?;
        return Ok(Action::RetryBurst(messages));
    }
    words.must_all("topic takes")?;
    let share = words.share()?;
    words.must_all("of reads")?;
    Ok(Action::RetryShare(share))
}

fn read_topic(words: &mut Words) -> Result<Action, String> {
    if words.has("gains") {
        let count = words.count()?;
        words.must("partitions")?;
        return Ok(Action::AddPartitions(count));
    }
    words.must_all("is recreated")?;
    Ok(Action::Recreate)
}

impl Event {
    /// Where, how quickly, how often.
    fn read_circumstances(&mut self, words: &mut Words) -> Result<(), String> {
        if words.has("on") {
            self.on = words.partitions()?;
        }
        self.over = words.optional("over")?.unwrap_or(0.0);
        self.every = words.optional("every")?.filter(|period| *period > 0.0);
        self.until = words.optional("until")?;
        Ok(())
    }

    /// It happens; gives when again.
    pub(super) fn happen(&self, world: &mut World) -> Option<Self> {
        self.act(world);
        let again = self.at + self.every?;
        (self.until.is_none_or(|until| again <= until)).then(|| Self {
            at: again,
            ..self.clone()
        })
    }

    fn act(&self, world: &mut World) {
        let now = world.now;
        match self.action {
            Action::Produce(rate) => self.each(world, |log, share| {
                log.produce = log.produce.moved(rate * share, now, self.over);
            }),
            Action::Consume(rate) => self.each(world, |log, share| {
                log.consume = log.consume.moved(rate * share, now, self.over);
            }),
            Action::Swing { share, period } => {
                world.swing = Some(Swing {
                    share,
                    period,
                    phase: now,
                });
            }
            Action::Burst(messages) if self.over > 0.0 => self.each(world, |log, share| {
                log.burst = (messages * share / self.over, now + self.over);
            }),
            Action::Burst(messages) => self.each(world, |log, share| log.end += messages * share),
            Action::Pause(seconds) => world.pause(seconds),
            Action::Restart(seconds) => {
                world.commit();
                world.generation += 2;
                world.pause(seconds);
            }
            Action::Rebalance(seconds) => {
                world.generation += 1;
                world.pause(seconds);
            }
            Action::CommitEvery(seconds) => world.commit_every = seconds,
            Action::Rewind(messages) => {
                self.each(world, |log, share| {
                    log.position = (log.position - messages * share).max(log.start);
                });
                world.commit();
            }
            Action::SkipToEnd => {
                self.each(world, |log, _| log.position = log.end);
                world.commit();
            }
            Action::RetryShare(share) => {
                world.has_retries = true;
                world.retry_share = world.retry_share.moved(share, now, self.over);
            }
            Action::RetryBurst(messages) => {
                world.has_retries = true;
                world.retried += messages;
            }
            Action::Recreate => world.recreate(),
            Action::AddPartitions(count) => world.add_partitions(count),
        }
    }

    /// Those that are named, each with the whole; or all, each with its part.
    fn each(&self, world: &mut World, mut change: impl FnMut(&mut super::log::Log, f64)) {
        let part = 1.0 / world.logs.len().max(1) as f64;
        for (number, log) in world.logs.iter_mut().enumerate() {
            if self.on.is_empty() {
                change(log, part);
            } else if self.on.contains(&number) {
                change(log, 1.0);
            }
        }
    }
}
