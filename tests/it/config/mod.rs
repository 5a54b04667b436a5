//! Configuration and command line: what is accepted, and the exact words for what is not.

mod accepted;
mod certificates;
mod command_line;
mod contradictions;
mod example;
mod faults;
mod overrides;
mod replay;
mod security;
mod thresholds;

use std::ffi::OsString;
use std::fs;

use lagslope::config::{self, Settings, Start};

/// The least that a file must say.
const LEAST: &str = "clusters: [{name: prod, bootstrap_servers: ['kafka-1:9092']}]\n";

/// Loads a file that says `text`, called `f.yaml` in messages, with `NAME=value` variables applied.
fn load(text: impl AsRef<[u8]>, variables: &[&str]) -> Result<Settings, Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.yaml");
    fs::write(&file, text).expect("written");
    config::load(&Start::File(file), &pairs(variables)).map_err(|problems| {
        let prefix = format!("{}/", folder.path().display());
        let text = problems.to_string().replace(&prefix, "");
        text.lines().map(str::to_owned).collect()
    })
}

fn pairs(variables: &[&str]) -> Vec<(OsString, OsString)> {
    let pair = |variable: &&str| {
        variable
            .split_once('=')
            .map(|(name, value)| (name.into(), value.into()))
    };
    variables.iter().filter_map(pair).collect()
}

/// The messages for a file that must not be accepted.
fn faults(text: impl AsRef<[u8]>, variables: &[&str]) -> Vec<String> {
    load(text, variables).map(|_| ()).expect_err("it is wrong")
}
