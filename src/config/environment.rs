//! `LAGSLOPE__…` → tree: a `__` goes one level down, a number is a list index, and below `KAFKA` a `_` is a dot
//! (`LAGSLOPE__CLUSTERS__0__KAFKA__SASL_PASSWORD_FILE` is `sasl.password_file`). The only reader of the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::problem::Problem;
use super::properties;
use super::tree::{MAX_DEPTH, Node, Origin, Path, Step, Value};
use crate::kafka::Secret;

/// What a variable's name must begin with to be a setting.
pub const PREFIX: &str = "LAGSLOPE__";

/// What the variables of Amazon's tools begin with.
const AWS_PREFIX: &str = "AWS_";

/// Every variable of this process.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub fn of_this_process() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// What Amazon's tools would find out from these variables; `HOME` is where its files are.
pub(super) fn of_aws(variables: &[(OsString, OsString)]) -> BTreeMap<String, Secret> {
    let texts = variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    texts
        .filter(|(name, _)| name.starts_with(AWS_PREFIX) || *name == "HOME")
        .map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())))
        .collect()
}

/// Puts the variables that are settings into the tree, over what was in the file. Unknown keys are found later, with the file's.
pub(super) fn apply(variables: &[(OsString, OsString)], tree: &mut Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut settings: Vec<(Path, String, OsString)> = variables
        .iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter_map(|(name, value)| Some((path(name.strip_prefix(PREFIX)?), name, value.clone())))
        .collect();
    // In order of path, so that the entries of a list arrive by number: 9 before 10.
    settings.sort();
    for (path, name, value) in settings {
        if let Err(message) = set(tree, &path, &name, value) {
            problems.push(Problem {
                origin: Origin::Variable(name),
                path,
                message,
            });
        }
    }
    problems
}

fn path(name: &str) -> Path {
    let mut steps: Vec<Step> = Vec::new();
    for segment in name.split("__") {
        let below_kafka = steps.last() == Some(&Step::Key(properties::BLOCK.to_owned()));
        let key = segment.to_lowercase();
        steps.push(match key.parse() {
            Ok(index) => Step::Index(index),
            Err(_) if below_kafka => Step::Key(property(&key)),
            Err(_) => Step::Key(key),
        });
    }
    Path(steps)
}

/// A `_` is a dot, but for the one in `…_file`, which is ours: no property of librdkafka's ends in `.file` that we take.
fn property(key: &str) -> String {
    match key.strip_suffix("_file") {
        Some(secret) => format!("{}_file", secret.replace('_', ".")),
        None => key.replace('_', "."),
    }
}

fn set(tree: &mut Node, path: &Path, name: &str, value: OsString) -> Result<(), String> {
    let text = value
        .into_string()
        .map_err(|_| "the value is not UTF-8".to_owned())?;
    if path.0.len() > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    if path.0.contains(&Step::Key(String::new())) {
        return Err("there is a key missing between two `__` or at the end".to_owned());
    }
    let origin = Origin::Variable(name.to_owned());
    let mut node = tree;
    for step in &path.0 {
        node = child(node, step, &origin)?;
    }
    *node = Node::new(origin, Value::Text(text));
    Ok(())
}

/// One step down, made if it isn't there.
fn child<'a>(node: &'a mut Node, step: &Step, origin: &Origin) -> Result<&'a mut Node, String> {
    if node.value == Value::Nothing {
        node.value = match step {
            Step::Key(_) => Value::Map(BTreeMap::new()),
            Step::Index(_) => Value::List(Vec::new()),
        };
    }
    let nothing = || Node::new(origin.clone(), Value::Nothing);
    // Not the text itself: in the `kafka` block it may be a secret.
    let kind = match &node.value {
        Value::Text(_) => "text".to_owned(),
        other => other.to_string(),
    };
    match (&mut node.value, step) {
        (Value::Map(map), Step::Key(key)) => Ok(map.entry(key.clone()).or_insert_with(nothing)),
        (Value::List(list), Step::Index(index)) => entry(list, *index, nothing()),
        (_, Step::Index(index)) => Err(format!("`{index}` wants a list, but {kind} is there")),
        (_, Step::Key(key)) => Err(format!("`{key}` wants a map, but {kind} is there")),
    }
}

/// An entry of a list, or one more than there are.
fn entry(list: &mut Vec<Node>, index: usize, new: Node) -> Result<&mut Node, String> {
    let length = list.len();
    if index > length {
        return Err(format!(
            "entry {index} would leave a gap: the list has {length} so far, counted from 0"
        ));
    }
    if index == length {
        list.push(new);
    }
    Ok(&mut list[index])
}
