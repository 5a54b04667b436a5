//! The words of one line of a story: numbers with their units, and what is wrong with them.

use std::iter::Peekable;
use std::vec::IntoIter;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Stands behind a number, with or without a space between.
const UNITS: [&str; 5] = ["s", "m", "h", "d", "%"];

/// What is left of a line.
pub(super) struct Words(Peekable<IntoIter<String>>);

impl Words {
    pub(super) fn of(line: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            match words.last_mut() {
                Some(last) if UNITS.contains(&word) && ends_in_digit(last) => last.push_str(word),
                _ => words.push(word.to_owned()),
            }
        }
        Self(words.into_iter().peekable())
    }

    pub(super) fn next(&mut self, what: &str) -> Result<String, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    /// Takes the word, if it is the next one.
    pub(super) fn has(&mut self, word: &str) -> bool {
        self.0.next_if(|next| next == word).is_some()
    }

    pub(super) fn must(&mut self, word: &str) -> Result<(), String> {
        if self.has(word) {
            return Ok(());
        }
        let found = self.0.peek();
        let found = found.map_or("the end of the line".to_owned(), |word| format!("{word:?}"));
        Err(format!("{word:?} is expected instead of {found}"))
    }

    /// Several in a row.
    pub(super) fn must_all(&mut self, words: &str) -> Result<(), String> {
        words.split(' ').try_for_each(|word| self.must(word))
    }

    pub(super) fn end(mut self) -> Result<(), String> {
        self.0
            .next()
            .map_or(Ok(()), |word| Err(format!("{word:?} is one word too many")))
    }

    /// `50`.
    pub(super) fn count(&mut self) -> Result<usize, String> {
        let word = self.next("a number")?;
        word.parse()
            .map_err(|_| format!("{word:?} is no whole number"))
    }

    /// `100000` or `100,000`.
    pub(super) fn number(&mut self) -> Result<f64, String> {
        number(&self.next("a number")?)
    }

    /// `9500/s`.
    pub(super) fn rate(&mut self) -> Result<f64, String> {
        let word = self.next("a rate")?;
        let rate = word.strip_suffix("/s").map(number);
        rate.unwrap_or_else(|| Err(format!("{word:?} is no rate like 9500/s")))
    }

    /// `12%`, as 0.12.
    pub(super) fn share(&mut self) -> Result<f64, String> {
        let word = self.next("a percentage")?;
        let share = word.strip_suffix('%').map(number);
        let share = share.unwrap_or_else(|| Err(format!("{word:?} is no percentage like 12%")));
        share.map(|percent| percent / 100.0)
    }

    /// `90s`, `1h30m`, as seconds.
    pub(super) fn duration(&mut self) -> Result<f64, String> {
        let word = self.next("a time")?;
        duration(&word).ok_or_else(|| format!("{word:?} is no time like 90s or 1h30m"))
    }

    /// A number, if `unit` stands behind it.
    pub(super) fn number_before(&mut self, unit: &str) -> Result<Option<f64>, String> {
        let mut ahead = self.0.clone();
        ahead.next();
        if ahead.next().as_deref() != Some(unit) {
            return Ok(None);
        }
        let found = self.number()?;
        self.must(unit)?;
        Ok(Some(found))
    }

    /// `partition 7`, `partitions 0-9`.
    pub(super) fn partitions(&mut self) -> Result<Vec<usize>, String> {
        if !self.has("partitions") {
            self.must("partition")?;
        }
        let word = self.next("a partition")?;
        let (first, last) = word.split_once('-').unwrap_or((&word, &word));
        let whole = |text: &str| {
            text.parse::<usize>()
                .map_err(|_| format!("{word:?} is no partition like 7 or 0-9"))
        };
        Ok((whole(first)?..=whole(last)?).collect())
    }

    /// A time behind `word`, if that is there.
    pub(super) fn optional(&mut self, word: &str) -> Result<Option<f64>, String> {
        if self.has(word) {
            self.duration().map(Some)
        } else {
            Ok(None)
        }
    }
}

fn ends_in_digit(word: &str) -> bool {
    word.ends_with(|c: char| c.is_ascii_digit())
}

fn number(word: &str) -> Result<f64, String> {
    let parsed = word.replace(',', "").parse::<f64>().ok();
    let parsed = parsed.filter(|number| number.is_finite() && *number >= 0.0);
    parsed.ok_or_else(|| format!("{word:?} is no number"))
}

fn duration(word: &str) -> Option<f64> {
    let (mut seconds, mut rest) = (0.0, word);
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, behind) = rest.split_at(unit_at);
        let (unit, behind) = behind.split_at_checked(1)?;
        let each = match unit {
            "s" => 1.0,
            "m" => MINUTE,
            "h" => HOUR,
            "d" => 24.0 * HOUR,
            _ => return None,
        };
        seconds += digits.parse::<f64>().ok()? * each;
        rest = behind;
    }
    (!word.is_empty()).then_some(seconds)
}
