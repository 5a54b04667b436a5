//! A story file, read: what is there, what happens when, and what must be said of it.

use lagslope::analysis::Ceilings;

use super::event::{self, Event};
use super::expectation::Expectation;
use super::log::Keeps;
use super::words::Words;

/// The first words that a line may have, besides those of [`event::KEYWORDS`]. The README explains each: a test checks that.
pub(super) const KEYWORDS: [&str; 12] = [
    "partitions",
    "for",
    "sample",
    "noise",
    "seeds",
    "ceiling",
    "retention",
    "segments",
    "at",
    "expect",
    "may",
    "known",
];

/// Longer ones would make the tests slow.
const LONGEST_SECONDS: f64 = 3.0 * 24.0 * 3600.0;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Why it is told: its first line.
    pub(super) header: String,
    pub(super) partitions: usize,
    pub(super) lasts: f64,
    pub(super) sample_every: f64,
    pub(super) noise: f64,
    pub(super) seeds: u64,
    pub(super) ceilings: Ceilings,
    pub(super) keeps: Option<Keeps>,
    /// In order of time.
    pub(super) events: Vec<Event>,
    /// Each with the number of its line.
    pub(super) expectations: Vec<(usize, Expectation)>,
    /// What is known not to work yet.
    pub(super) weakness: Option<String>,
}

impl Story {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The number of the first bad line, and what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, (usize, String)> {
        let header = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let header = header.ok_or((
            1,
            "the first line must be # and what the story shows".to_owned(),
        ))?;
        let mut story = Self {
            header: header.to_owned(),
            partitions: 1,
            sample_every: 15.0,
            noise: 0.05,
            seeds: 1,
            ..Self::default()
        };
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or("");
            if !line.trim().is_empty() {
                story.take(number, line).map_err(|what| (number, what))?;
            }
        }
        story.events.sort_by(|a, b| a.at.total_cmp(&b.at));
        story.check().map_err(|what| (1, what))?;
        Ok(story)
    }

    fn check(&self) -> Result<(), String> {
        if self.lasts <= 0.0 || self.lasts > LONGEST_SECONDS {
            return Err("for how long? (`for 8h`, at most 3d)".to_owned());
        }
        if self.expectations.is_empty() {
            return Err("what is expected? (`expect silence`)".to_owned());
        }
        let latest = self
            .expectations
            .iter()
            .map(|(_, expected)| expected.latest());
        let beyond = latest.fold(0.0, f64::max) > self.lasts;
        if beyond || self.events.iter().any(|event| event.at > self.lasts) {
            return Err("something lies behind the end of the story".to_owned());
        }
        Ok(())
    }

    fn take(&mut self, number: usize, line: &str) -> Result<(), String> {
        let mut words = Words::of(line);
        let keyword = words.next("a word")?;
        match keyword.as_str() {
            "partitions" => self.partitions = words.count()?.clamp(1, 1_000),
            "for" => self.lasts = words.duration()?,
            "sample" => {
                words.must("every")?;
                self.sample_every = words.duration()?.max(1.0);
            }
            "noise" => self.noise = words.share()?,
            "seeds" => self.seeds = words.count()?.clamp(1, 20) as u64,
            "ceiling" => self.take_ceiling(&mut words)?,
            "retention" => self.take_retention(&mut words)?,
            "segments" => self.take_segments(&mut words)?,
            "at" => {
                let at = words.duration()?;
                let keyword = words.next("what happens")?;
                self.events.extend(event::read(&keyword, &mut words, at)?);
            }
            "expect" => {
                let expected = Expectation::read(&mut words)?;
                self.expectations.push((number, expected));
            }
            "may" => {
                let signal = words.next("a signal")?.parse()?;
                self.expectations.push((number, Expectation::May(signal)));
            }
            "known" => {
                let text = line.trim().strip_prefix("known weakness:");
                let text = text.ok_or("known weakness: and what it is".to_owned())?;
                self.weakness = Some(text.trim().to_owned());
                return Ok(());
            }
            other if event::KEYWORDS.contains(&other) => {
                self.events.extend(event::read(other, &mut words, 0.0)?);
            }
            other => {
                let known = [KEYWORDS.as_slice(), event::KEYWORDS.as_slice()].concat();
                return Err(format!("{other:?} is none of {}", known.join(", ")));
            }
        }
        words.end()
    }

    fn take_ceiling(&mut self, words: &mut Words) -> Result<(), String> {
        match words.next("lag or delay")?.as_str() {
            "lag" => self.ceilings.lag_messages = Some(words.number()?),
            "delay" => self.ceilings.delay_seconds = Some(words.duration()?),
            other => return Err(format!("{other:?} is neither lag nor delay")),
        }
        words.has("messages");
        Ok(())
    }

    /// By age, or by size: `24h` or `500000 messages`.
    fn take_retention(&mut self, words: &mut Words) -> Result<(), String> {
        let keeps = self.keeps();
        match words.number_before("messages")? {
            Some(messages) => keeps.messages = Some(messages),
            None => keeps.seconds = Some(words.duration()?),
        }
        Ok(())
    }

    fn take_segments(&mut self, words: &mut Words) -> Result<(), String> {
        words.must("of")?;
        let keeps = self.keeps();
        match words.number_before("messages")? {
            Some(messages) => keeps.segment_messages = messages,
            None => keeps.segment_seconds = words.duration()?,
        }
        Ok(())
    }

    fn keeps(&mut self) -> &mut Keeps {
        self.keeps.get_or_insert(Keeps {
            segment_seconds: f64::INFINITY,
            segment_messages: f64::INFINITY,
            ..Keeps::default()
        })
    }
}
