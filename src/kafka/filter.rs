//! Which names are watched: patterns that include and patterns that exclude.

use std::fmt;

use regex::Regex;

/// The pattern that every name matches.
const ANYTHING: &str = ".*";

/// A name passes when a pattern of `include` matches the whole of it and none of `exclude` does.
#[derive(Clone, Debug)]
pub struct Filter {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
}

/// A pattern that is no regular expression.
#[derive(Clone, Debug)]
pub struct BadPattern {
    /// The pattern as it was written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Filter {
    /// Compiles the patterns. Each must match a whole name, as Prometheus' matchers do.
    ///
    /// # Errors
    /// The first pattern that doesn't compile.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, BadPattern> {
        Ok(Self {
            include: compile(include)?,
            exclude: compile(exclude)?,
        })
    }

    /// Lets every name pass.
    pub fn all() -> Self {
        Self::new(&[ANYTHING.to_owned()], &[]).expect("`.*` is a pattern")
    }

    /// Does it include every name, whatever is excluded again?
    pub(crate) fn includes_all(&self) -> bool {
        let all = anchored(ANYTHING).expect("`.*` is a pattern");
        self.include
            .iter()
            .any(|pattern| pattern.as_str() == all.as_str())
    }

    /// Is this name watched?
    pub fn passes(&self, name: &str) -> bool {
        let matches = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(name));
        matches(&self.include) && !matches(&self.exclude)
    }
}

/// By the patterns as they were written.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        let same = |ours: &[Regex], theirs: &[Regex]| {
            let theirs = theirs.iter().map(Regex::as_str);
            ours.iter().map(Regex::as_str).eq(theirs)
        };
        same(&self.include, &other.include) && same(&self.exclude, &other.exclude)
    }
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the pattern {:?} is no regular expression: {}",
            self.pattern, self.reason
        )
    }
}

impl std::error::Error for BadPattern {}

fn compile(patterns: &[String]) -> Result<Vec<Regex>, BadPattern> {
    patterns.iter().map(|pattern| anchored(pattern)).collect()
}

/// Compiled alone first: an unbalanced `)` would otherwise pair with ours, and messages would show a pattern nobody wrote.
/// `(?s)`: a group's name may contain a line break.
fn anchored(pattern: &str) -> Result<Regex, BadPattern> {
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!("^(?s:{pattern})$")))
        .map_err(|error| BadPattern {
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Result<Filter, BadPattern> {
        let owned =
            |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        Filter::new(&owned(include), &owned(exclude))
    }

    #[test]
    fn a_pattern_matches_whole_names_only() {
        let filter = filter(&["pay|ord.*"], &["orders-dlq"]).unwrap();
        let passed: Vec<&str> = ["pay", "payments", "xpay", "orders", "orders-dlq"]
            .into_iter()
            .filter(|name| filter.passes(name))
            .collect();
        assert_eq!(passed, ["pay", "orders"]);
    }

    #[test]
    fn a_name_may_contain_anything() {
        assert!(Filter::all().passes("a\nb"));
        assert!(Filter::all().passes(""));
    }

    #[test]
    fn only_the_pattern_for_anything_surely_includes_all() {
        assert!(Filter::all().includes_all());
        assert!(filter(&["a", ".*"], &["b"]).unwrap().includes_all());
        assert!(!filter(&["a.*", ".*b"], &[]).unwrap().includes_all());
    }

    #[test]
    fn nothing_included_means_nothing_watched() {
        assert!(!filter(&[], &[]).unwrap().passes("a"));
    }

    #[test]
    fn filters_are_compared_by_their_patterns() {
        let one = filter(&["a", "b"], &["c"]).unwrap();
        assert_eq!(one, filter(&["a", "b"], &["c"]).unwrap());
        for other in [filter(&["a"], &["c"]), filter(&["a", "b"], &["d"])] {
            assert_ne!(one, other.unwrap());
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = filter(&["ok", "(a"], &[]).unwrap_err();
        assert_eq!(error.pattern, "(a");
        assert!(
            filter(&["a)(b"], &[]).is_err(),
            "balanced only by our own brackets"
        );
    }
}
