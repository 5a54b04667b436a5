//! What is wrong with a configuration, and where: every message names a file and line, a variable or a flag, and the key.

use std::fmt;

use super::tree::{Origin, Path};

/// One thing to correct.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where it was written.
    pub origin: Origin,
    /// The key; empty for the whole file.
    pub path: Path,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with a configuration, in the order in which it was written; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// In the order in which they were written.
    pub(super) fn sorted(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (&a.origin, &a.path).cmp(&(&b.origin, &b.path)));
        Self(problems)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
