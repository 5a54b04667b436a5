//! What a recording says of its ceilings, retention and retry topics: lines like `#ceiling group=g topic=t lag_messages=100000`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::analysis::sample::Retention;
use crate::analysis::{Ceilings, RetryKind, RetryName};

/// Those read so far. A later sample may ask for them, so they are shared.
#[derive(Clone, Debug, Default)]
pub(super) struct Directives(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    in_force: Vec<Directive>,
    /// Read, and about later rows than those that are looked at: a reader is ahead by a row.
    to_come: Vec<Directive>,
}

#[derive(Clone, Debug, PartialEq)]
enum Directive {
    Ceiling {
        group: Option<String>,
        topic: Option<String>,
        lag_messages: Option<f64>,
        delay_seconds: Option<f64>,
    },
    Retention {
        topic: Option<String>,
        seconds: f64,
    },
    Beside {
        topic: String,
        name: RetryName,
    },
}

impl Directives {
    /// Takes a line, without its `#`; it is in force from the next [`Directives::begin`] on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(&self, line: &str) -> Result<(), String> {
        let directive = parse(line)?;
        self.all().to_come.push(directive);
        Ok(())
    }

    /// What was read is in force from now on; `true` when there was something. One that is about the same as a former takes its
    /// place: a ceiling that is changed in the middle of a recording.
    pub(super) fn begin(&self) -> bool {
        let mut said = self.all();
        let to_come = std::mem::take(&mut said.to_come);
        let is_changed = !to_come.is_empty();
        for directive in to_come {
            let former = said.in_force.iter_mut();
            match former.into_iter().find(|d| d.is_about_the_same(&directive)) {
                Some(former) => *former = directive,
                None => said.in_force.push(directive),
            }
        }
        is_changed
    }

    /// The ceilings of a group and topic: the first that matches, for each kind.
    pub(super) fn ceilings(&self, group: &str, topic: &str) -> Ceilings {
        let mut found = Ceilings::default();
        for directive in &self.all().in_force {
            if let Directive::Ceiling {
                group: of_group,
                topic: of_topic,
                lag_messages,
                delay_seconds,
            } = directive
                && matches(of_group.as_deref(), group)
                && matches(of_topic.as_deref(), topic)
            {
                found.lag_messages = found.lag_messages.or(*lag_messages);
                found.delay_seconds = found.delay_seconds.or(*delay_seconds);
            }
        }
        found
    }

    /// When a topic deletes messages.
    pub(super) fn retention(&self, topic: &str) -> Option<Retention> {
        self.all()
            .in_force
            .iter()
            .find_map(|directive| match directive {
                Directive::Retention {
                    topic: of_topic,
                    seconds,
                } if matches(of_topic.as_deref(), topic) => Some(Retention {
                    seconds: Some(*seconds),
                    bytes: None,
                    compacted: false,
                }),
                _ => None,
            })
    }

    /// Whose retries or dead letters a topic holds, as it was said.
    pub(super) fn retry_name_of(&self, topic: &str) -> Option<RetryName> {
        self.all()
            .in_force
            .iter()
            .find_map(|directive| match directive {
                Directive::Beside {
                    topic: of_topic,
                    name,
                } if of_topic == topic => Some(name.clone()),
                _ => None,
            })
    }

    fn all(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directive {
    fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Ceiling {
                    group,
                    topic,
                    lag_messages,
                    delay_seconds,
                },
                Self::Ceiling {
                    group: of_group,
                    topic: of_topic,
                    lag_messages: other_lag,
                    delay_seconds: other_delay,
                },
            ) => {
                (group, topic) == (of_group, of_topic)
                    && lag_messages.is_some() == other_lag.is_some()
                    && delay_seconds.is_some() == other_delay.is_some()
            }
            (Self::Retention { topic, .. }, Self::Retention { topic: other, .. }) => topic == other,
            (Self::Beside { topic, .. }, Self::Beside { topic: other, .. }) => topic == other,
            _ => false,
        }
    }
}

fn matches(of: Option<&str>, name: &str) -> bool {
    of.is_none_or(|of| of == name)
}

/// The kinds of directives, with the keys of each.
const KINDS: [(&str, &[&str]); 4] = [
    (
        "ceiling",
        &["group", "topic", "lag_messages", "delay_seconds"],
    ),
    ("retention", &["topic", "seconds"]),
    ("retry", &["main", "retry", "group"]),
    ("dead_letter", &["main", "dead_letter", "group"]),
];

fn parse(line: &str) -> Result<Directive, String> {
    let written = Written::read(line)?;
    match written.kind {
        "ceiling" => {
            let (lag_messages, delay_seconds) = (
                written.number("lag_messages")?,
                written.number("delay_seconds")?,
            );
            if lag_messages.or(delay_seconds).is_none() {
                return Err("#ceiling needs lag_messages=… or delay_seconds=…".to_owned());
            }
            Ok(Directive::Ceiling {
                group: written.text("group"),
                topic: written.text("topic"),
                lag_messages,
                delay_seconds,
            })
        }
        "retention" => Ok(Directive::Retention {
            topic: written.text("topic"),
            seconds: written
                .number("seconds")?
                .ok_or_else(|| written.needs("seconds"))?,
        }),
        kind => Ok(Directive::Beside {
            topic: written.required(kind)?,
            name: RetryName {
                kind: match kind {
                    "retry" => RetryKind::Retry,
                    _ => RetryKind::DeadLetter,
                },
                main: written.required("main")?,
                group: written.text("group"),
            },
        }),
    }
}

/// A line in its parts, each of them known.
struct Written<'a> {
    kind: &'a str,
    settings: Vec<(&'a str, &'a str)>,
}

impl<'a> Written<'a> {
    fn read(line: &'a str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let Some((_, keys)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            let known = KINDS.map(|(kind, _)| kind).join(", ");
            return Err(format!("#{kind} is no directive; there are: {known}"));
        };
        let mut settings = Vec::new();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("{word:?} is not of the form key=value"))?;
            if !keys.contains(&key) {
                let keys = keys.join(", ");
                return Err(format!("#{kind} has no {key}; it has: {keys}"));
            }
            if settings.iter().any(|(known, _)| *known == key) {
                return Err(format!("{key} is said twice"));
            }
            settings.push((key, value));
        }
        Ok(Self { kind, settings })
    }

    fn text(&self, key: &str) -> Option<String> {
        let found = self.settings.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| (*value).to_owned())
    }

    fn required(&self, key: &str) -> Result<String, String> {
        self.text(key).ok_or_else(|| self.needs(key))
    }

    fn needs(&self, key: &str) -> String {
        format!("#{} needs {key}=…", self.kind)
    }

    fn number(&self, key: &str) -> Result<Option<f64>, String> {
        let Some(value) = self.text(key) else {
            return Ok(None);
        };
        let parsed = value.parse::<f64>().ok();
        parsed
            .filter(|value| value.is_finite() && *value > 0.0)
            .map(Some)
            .ok_or_else(|| format!("{key}={value} is no number above zero"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_ceiling_that_matches_counts() {
        let directives = Directives::default();
        for line in [
            "ceiling group=g topic=t lag_messages=100",
            "ceiling group=g delay_seconds=60 lag_messages=7",
        ] {
            directives.read(line).expect("a directive");
        }
        assert_eq!(directives.ceilings("g", "t"), Ceilings::default());
        assert!(directives.begin(), "they are in force from here on");
        let of = |group, topic| directives.ceilings(group, topic);
        assert_eq!(of("g", "t").lag_messages, Some(100.0));
        assert_eq!(of("g", "t").delay_seconds, Some(60.0));
        assert_eq!(of("g", "u").lag_messages, Some(7.0));
        assert_eq!(of("h", "t"), Ceilings::default());
        assert!(!directives.begin(), "nothing new");
        let changed = directives.read("ceiling group=g topic=t lag_messages=200");
        changed.expect("a directive");
        directives.begin();
        let of = |group, topic| directives.ceilings(group, topic).lag_messages;
        assert_eq!(of("g", "t"), Some(200.0), "the same one, changed");
        assert_eq!(of("g", "u"), Some(7.0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = [
            ("ceiling group", "\"group\" is not of the form key=value"),
            (
                "ceiling lag_messages=x",
                "lag_messages=x is no number above zero",
            ),
            ("retention topic=t", "#retention needs seconds=…"),
            ("retry main=a", "#retry needs retry=…"),
            (
                "nothing",
                "#nothing is no directive; there are: ceiling, retention, retry, dead_letter",
            ),
            (
                "ceiling lag_mesages=5",
                "#ceiling has no lag_mesages; it has: group, topic, lag_messages, delay_seconds",
            ),
            (
                "ceiling group=g",
                "#ceiling needs lag_messages=… or delay_seconds=…",
            ),
            ("retry main=a main=b", "main is said twice"),
            ("dead_letter dead_letter=a", "#dead_letter needs main=…"),
        ];
        for (line, expected) in wrong {
            assert_eq!(Directives::default().read(line), Err(expected.to_owned()));
        }
    }
}
