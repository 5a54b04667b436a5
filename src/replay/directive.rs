//! What a recording says of its ceilings, retention and retry topics: lines like `#ceiling group=g topic=t lag_messages=100000`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::analysis::sample::Retention;
use crate::analysis::{Ceilings, RetryName};

/// Those read so far. A later sample may ask for them, so they are shared.
#[derive(Clone, Debug, Default)]
pub(super) struct Directives(Arc<Mutex<Vec<Directive>>>);

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
    Retry {
        main: String,
        retry: String,
        group: Option<String>,
    },
}

impl Directives {
    /// Takes a line, without its `#`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(&self, line: &str) -> Result<(), String> {
        let directive = parse(line)?;
        self.all().push(directive);
        Ok(())
    }

    /// The ceilings of a group and topic: the first that matches, for each kind.
    pub(super) fn ceilings(&self, group: &str, topic: &str) -> Ceilings {
        let mut found = Ceilings::default();
        for directive in self.all().iter() {
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
        self.all().iter().find_map(|directive| match directive {
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

    /// Whose retries a topic holds, as it was said.
    pub(super) fn retry_name_of(&self, topic: &str) -> Option<RetryName> {
        self.all().iter().find_map(|directive| match directive {
            Directive::Retry { main, retry, group } if retry == topic => Some(RetryName {
                main: main.clone(),
                group: group.clone(),
            }),
            _ => None,
        })
    }

    fn all(&self) -> MutexGuard<'_, Vec<Directive>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn matches(of: Option<&str>, name: &str) -> bool {
    of.is_none_or(|of| of == name)
}

fn parse(line: &str) -> Result<Directive, String> {
    let mut words = line.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let settings: Vec<(&str, &str)> = words
        .map(|word| {
            word.split_once('=')
                .ok_or_else(|| format!("{word:?} is not of the form key=value"))
        })
        .collect::<Result<_, _>>()?;
    let text = |key: &str| {
        settings
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, v)| (*v).to_owned())
    };
    let number = |key: &str| -> Result<Option<f64>, String> {
        let Some(value) = text(key) else {
            return Ok(None);
        };
        let parsed = value
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite() && *value > 0.0);
        parsed
            .map(Some)
            .ok_or_else(|| format!("{key}={value} is no number above zero"))
    };
    let required = |key: &str| text(key).ok_or_else(|| format!("#{kind} needs {key}=…"));
    match kind {
        "ceiling" => Ok(Directive::Ceiling {
            group: text("group"),
            topic: text("topic"),
            lag_messages: number("lag_messages")?,
            delay_seconds: number("delay_seconds")?,
        }),
        "retention" => Ok(Directive::Retention {
            topic: text("topic"),
            seconds: number("seconds")?.ok_or("#retention needs seconds=…")?,
        }),
        "retry" => Ok(Directive::Retry {
            main: required("main")?,
            retry: required("retry")?,
            group: text("group"),
        }),
        _ => Err(format!(
            "#{kind} is no directive: ceiling, retention and retry are"
        )),
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
        let of = |group, topic| directives.ceilings(group, topic);
        assert_eq!(of("g", "t").lag_messages, Some(100.0));
        assert_eq!(of("g", "t").delay_seconds, Some(60.0));
        assert_eq!(of("g", "u").lag_messages, Some(7.0));
        assert_eq!(of("h", "t"), Ceilings::default());
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
                "#nothing is no directive: ceiling, retention and retry are",
            ),
        ];
        for (line, expected) in wrong {
            assert_eq!(Directives::default().read(line), Err(expected.to_owned()));
        }
    }
}
