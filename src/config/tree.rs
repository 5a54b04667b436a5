//! What was written, before anything is made of it: a tree of raw text in which every node knows where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::problem::Problem;
use super::properties;

/// Deeper than any setting; without a bound a hostile file would exhaust the stack when the tree is walked.
pub(super) const MAX_DEPTH: usize = 16;

/// Where something was written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Origin {
    /// The file as a whole.
    WholeFile(Arc<str>),
    /// A line of the file, counted from 1.
    Line(Arc<str>, usize),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

/// The way to a node, from the root.
#[derive(Clone, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Path(pub(super) Vec<Step>);

/// One step on the way to a node.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Step {
    /// Into a map.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// Text is kept as it was written: only the setting knows whether `007` is a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Empty, `~` or `null`: as if the key weren't there.
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

impl Path {
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    pub(super) fn then(&self, step: Step) -> Self {
        let mut longer = self.clone();
        longer.0.push(step);
        longer
    }

    pub(super) fn parent(&self) -> Self {
        Self(
            self.0
                .split_last()
                .map_or_else(Vec::new, |(_, rest)| rest.to_vec()),
        )
    }

    pub(super) fn ends_in_list(&self) -> bool {
        matches!(self.0.last(), Some(Step::Index(_)))
    }

    /// The part of the configuration that is judged as one: a top-level key, or one entry of a top-level list.
    pub(super) fn section(&self) -> &[Step] {
        let entry = matches!(self.0.get(1), Some(Step::Index(_)));
        &self.0[..self.0.len().min(if entry { 2 } else { 1 })]
    }
}

impl Step {
    /// Into the block of librdkafka's properties.
    pub(super) fn is_kafka(&self) -> bool {
        matches!(self, Self::Key(key) if key == properties::BLOCK)
    }
}

impl Node {
    pub(super) fn new(origin: Origin, value: Value) -> Self {
        Self { origin, value }
    }

    pub(super) fn empty_map(origin: Origin) -> Self {
        Self::new(origin, Value::Map(BTreeMap::new()))
    }

    /// The node at a path, or its closest ancestor that was written.
    pub(super) fn closest(&self, path: &Path) -> &Self {
        let mut node = self;
        for step in &path.0 {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    pub(super) fn find_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.0
            .iter()
            .try_fold(self, |node, step| match (&mut node.value, step) {
                (Value::Map(map), Step::Key(key)) => map.get_mut(key),
                (Value::List(list), Step::Index(index)) => list.get_mut(*index),
                _ => None,
            })
    }

    /// A problem with what stands at a path.
    pub(super) fn problem(&self, path: Path, message: String) -> Problem {
        let origin = self.closest(&path).origin.clone();
        Problem {
            origin,
            path,
            message,
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.value, step) {
            (Value::Map(map), Step::Key(key)) => map.get(key),
            (Value::List(list), Step::Index(index)) => list.get(*index),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Text(text) => write!(f, "the text {text:?}"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WholeFile(file) => f.write_str(file),
            Self::Line(file, line) => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// As it is shown: a secret may have got into a key.
impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            let above = depth.checked_sub(1).map(|above| &self.0[above]);
            match step {
                Step::Key(key) if depth == 0 => f.write_str(key)?,
                Step::Key(key) if above.is_some_and(Step::is_kafka) => {
                    write!(f, ".{}", properties::shown(key))?;
                }
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
