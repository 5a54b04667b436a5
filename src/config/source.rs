//! Tree → written settings, through the `config` crate, with every unknown key and every bad value found in one go.

use std::collections::BTreeSet;

use ::config::{Config, ConfigError, Map, Source, ValueKind};
use serde::Deserialize;
use serde_path_to_error::{Segment, Track};

use super::keys;
use super::librdkafka;
use super::problem::Problem;
use super::tree::{Node, Path, Step, Value};
use super::written::File;

/// Bad values after which no more are looked for: each costs another walk, and nobody reads further.
const MAX_BAD_VALUES: usize = 50;

/// What was written, as far as it can be read, and what can't; nothing but that when there is too much of it.
pub(super) fn read(tree: &Node) -> (Option<File>, Vec<Problem>) {
    let mut rest = tree.clone();
    let mut bad = BTreeSet::new();
    let mut problems = Vec::new();
    while bad.len() < MAX_BAD_VALUES {
        match attempt(&rest) {
            Ok((file, unknown)) => {
                problems.extend(unknown.into_iter().map(|path| unknown_key(tree, path)));
                return (Some(file), problems);
            }
            Err((path, message)) => {
                let first = bad.insert(path.clone());
                set_aside(&mut rest, &path, first);
                if first {
                    problems.push(tree.problem(path, message));
                }
            }
        }
    }
    problems.push(Problem {
        origin: tree.origin.clone(),
        path: Path::default(),
        message: format!(
            "{MAX_BAD_VALUES} bad values: correct them first, the rest was not looked at"
        ),
    });
    (None, problems)
}

/// The settings and their unknown keys, or the first bad value.
fn attempt(tree: &Node) -> Result<(File, Vec<Path>), (Path, String)> {
    // Not by the builder: it joins its sources by a method that reads a key `a.b` at the top as a path.
    let mut config = Config::default();
    tree.collect_to(&mut config.cache)
        .map_err(|error| (Path::default(), error.to_string()))?;
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(ignored(&path));
    let mut track = Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(config, &mut track);
    match File::deserialize(serde_ignored::Deserializer::new(deserializer, &mut note)) {
        Ok(file) => Ok((file, unknown)),
        Err(error) => {
            let path = tracked(&track.path());
            let got = &tree.closest(&path).value;
            let message = match got {
                // A value of the wrong kind, as `sasl.password:…` without the space is for the whole block.
                Value::Text(_) if path.0.last().is_some_and(Step::is_kafka) => {
                    "expected a map of properties such as {security.protocol: SASL_SSL}, got text"
                        .to_owned()
                }
                _ => message(&error, got),
            };
            Err((path, message))
        }
    }
}

/// Takes a bad value away so that what follows it can be judged too. In a list its place must stay taken, or the paths of its
/// neighbours would shift: by an empty map, and if that won't do either, the list goes.
fn set_aside(tree: &mut Node, path: &Path, first: bool) {
    let (path, value) = match (path.ends_in_list(), first) {
        (true, true) => (path.clone(), Value::Map(Default::default())),
        (true, false) => (path.parent(), Value::Nothing),
        (false, _) => (path.clone(), Value::Nothing),
    };
    if let Some(node) = tree.find_mut(&path) {
        node.value = value;
    }
}

fn unknown_key(tree: &Node, path: Path) -> Problem {
    let property = match path.0.as_slice() {
        [.., above, Step::Key(key)] if above.is_kafka() => Some(key),
        _ => None,
    };
    let message = match (
        property.and_then(|key| librdkafka::instead(key)),
        keys::nearest(&path),
    ) {
        (Some(instead), _) => instead,
        (None, Some(known)) => format!("unknown key: did you mean `{known}`?"),
        (None, None) if property.is_some() => {
            "neither lagslope nor librdkafka has this property".to_owned()
        }
        (None, None) if keys::is_kafka_property(&path) => {
            "unknown key here: it belongs under `kafka:`".to_owned()
        }
        (None, None) => "unknown key".to_owned(),
    };
    tree.problem(path, message)
}

/// One wording for what the two crates say in theirs.
fn message(error: &ConfigError, got: &Value) -> String {
    let expected = match error {
        ConfigError::At { error, .. } => return message(error, got),
        ConfigError::Type { expected, .. } => expected,
        other => {
            let text = other.to_string();
            match text.split_once(", expected ") {
                Some((before, expected)) if before.starts_with("invalid ") => {
                    return wrong_kind(expected, got);
                }
                _ => return text,
            }
        }
    };
    wrong_kind(expected, got)
}

fn wrong_kind(expected: &str, got: &Value) -> String {
    match (expected, got) {
        // A name and a password may be in such an address.
        ("a sequence", Value::Text(text)) if text.contains('@') => {
            "expected a list, got text: write it in brackets".to_owned()
        }
        ("a sequence", Value::Text(text)) => {
            let items: Vec<&str> = text.split(',').map(str::trim).collect();
            format!("expected a list, got {got}: write {items:?}")
        }
        ("a sequence", _) => format!("expected a list, got {got}"),
        _ => format!("expected {expected}, got {got}"),
    }
}

fn tracked(path: &serde_path_to_error::Path) -> Path {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    Path(path.iter().filter_map(step).collect())
}

fn ignored(path: &serde_ignored::Path<'_>) -> Path {
    use serde_ignored::Path as Ignored;
    match path {
        Ignored::Root => Path::default(),
        Ignored::Seq { parent, index } => ignored(parent).index(*index),
        Ignored::Map { parent, key } => ignored(parent).key(key),
        Ignored::Some { parent }
        | Ignored::NewtypeStruct { parent }
        | Ignored::NewtypeVariant { parent } => ignored(parent),
    }
}

impl Source for Node {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, ::config::Value>, ConfigError> {
        value(self).into_table()
    }

    /// As it is: the provided method too would read `a.b` as a path.
    fn collect_to(&self, cache: &mut ::config::Value) -> Result<(), ConfigError> {
        *cache = value(self);
        Ok(())
    }
}

fn value(node: &Node) -> ::config::Value {
    let kind = match &node.value {
        Value::Nothing => ValueKind::Nil,
        Value::Text(text) => ValueKind::String(text.clone()),
        Value::List(list) => ValueKind::Array(list.iter().map(value).collect()),
        Value::Map(map) => ValueKind::Table(
            map.iter()
                .map(|(key, node)| (key.clone(), value(node)))
                .collect(),
        ),
    };
    ::config::Value::new(Some(&node.origin.to_string()), kind)
}
