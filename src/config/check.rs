//! Written → checked: what is required is there, what holds between keys holds, and defaults fill the rest. A section that
//! could not be read whole is not judged: its faults would be those already named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::leaf::{Pattern, Text};
use super::problem::{Problem, Problems};
use super::properties;
use super::security;
use super::tree::{Node, Path, Step};
use super::written::{self, Bound};
use super::{CeilingRule, Cluster, Metrics, Override, RetryPatterns, Settings, State};
use super::{overrides, retries, signals};
use crate::kafka::Secret;
use crate::{analysis, kafka};

/// Often enough to see a trend within minutes, seldom enough to cost a cluster nothing.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// About 30 MB of text, which takes Prometheus seconds to read: its habit is to limit what it scrapes to less.
const MAX_SERIES: usize = 200_000;

/// What is learned within it is lost when the machine is: little, for it takes days to learn.
const STATE_INTERVAL: Duration = Duration::from_secs(300);

/// A key and what is wrong with it.
pub(super) type Wrong = (Path, String);

/// Judges everything that was written, beside what was found wrong with it before.
pub(super) fn check(
    file: &written::File,
    tree: &Node,
    aws: &BTreeMap<String, Secret>,
    mut problems: Vec<Problem>,
) -> Result<Settings, Problems> {
    let unread: BTreeSet<Vec<Step>> = problems
        .iter()
        .map(|problem| problem.path.section().to_vec())
        .collect();
    let root = Path::default();
    let mut keep = |wrong: Wrong| {
        if !unread.contains(wrong.0.section()) {
            problems.push(tree.problem(wrong.0, wrong.1));
        }
    };
    let interval = interval(file, &unread);
    let max_age = max_age(file, interval, &root).unwrap_or_else(|wrong| {
        keep(wrong);
        SAMPLE_INTERVAL
    });
    let mut clusters = clusters(file, aws, &root.key("clusters"), &mut keep);
    let ceilings = ceilings(file, &root.key("ceilings"), &mut keep);
    let base = base(file, interval, max_age);
    let analysis = analysis(file, interval, &base, &root.key("signals"));
    let analysis = Arc::new(analysis.unwrap_or_else(|wrong| {
        keep(wrong);
        base.clone()
    }));
    let overrides = overrides(file, &base, &analysis, &root, &mut keep);
    if !problems.is_empty() {
        return Err(Problems::sorted(problems));
    }
    for cluster in &mut clusters {
        cluster.kafka.rate_window = Duration::from_secs_f64(analysis.rate_window_seconds);
    }
    Ok(Settings {
        sample_interval: interval.expect("what could not be read is a problem"),
        clusters,
        ceilings,
        retries: retries(file),
        overrides,
        analysis,
        metrics: metrics(file),
        state: state(file),
    })
}

/// Absent when what was written for it could not be read: then nothing is judged against the default, which nobody wanted.
fn interval(file: &written::File, unread: &BTreeSet<Vec<Step>>) -> Option<Duration> {
    let at = Path::default().key("sample_interval");
    match &file.sample_interval {
        Some(Text(span)) => Some(span.0),
        None if unread.contains(at.section()) => None,
        None => Some(SAMPLE_INTERVAL),
    }
}

fn max_age(
    file: &written::File,
    interval: Option<Duration>,
    root: &Path,
) -> Result<Duration, Wrong> {
    let wanted = file.max_age.as_ref().map(|Text(span)| span.0);
    let Some(interval) = interval else {
        return Ok(wanted.unwrap_or(SAMPLE_INTERVAL));
    };
    let default = analysis::Settings::new(interval.as_secs_f64()).max_age_seconds;
    let max_age = wanted.unwrap_or(Duration::from_secs_f64(default));
    if max_age < interval {
        let (least, is) = (duration::shown(interval), duration::shown(max_age));
        return Err((
            root.key("max_age"),
            format!("must not be below sample_interval ({least}), is {is}"),
        ));
    }
    Ok(max_age)
}

fn clusters(
    file: &written::File,
    aws: &BTreeMap<String, Secret>,
    at: &Path,
    keep: &mut impl FnMut(Wrong),
) -> Vec<Cluster> {
    let written = file.clusters.as_deref().unwrap_or_default();
    if written.is_empty() {
        keep((at.clone(), "missing: at least one cluster".to_owned()));
    }
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for (index, cluster) in written.iter().enumerate() {
        match self::cluster(cluster, aws, &at.index(index), &mut names) {
            Ok(cluster) => checked.push(cluster),
            Err(wrong) => keep(wrong),
        }
    }
    checked
}

fn cluster(
    written: &written::Cluster,
    aws: &BTreeMap<String, Secret>,
    at: &Path,
    names: &mut BTreeSet<String>,
) -> Result<Cluster, Wrong> {
    let name = required(written.name.as_ref(), at, "name")?.0.clone();
    if !names.insert(name.clone()) {
        return Err((
            at.key("name"),
            format!("another cluster is called {name:?} too"),
        ));
    }
    let servers = written.bootstrap_servers.as_deref().unwrap_or_default();
    if servers.is_empty() {
        return Err((
            at.key("bootstrap_servers"),
            "missing: at least one host:port".to_owned(),
        ));
    }
    let servers: Vec<String> = servers
        .iter()
        .map(|Text(address)| address.0.clone())
        .collect();
    let security = security::check(written.kafka.as_ref(), &servers, aws)
        .map_err(|(key, message)| (at.key(properties::BLOCK).key(key), message))?;
    let mut kafka = kafka::Settings::new(name.clone(), servers);
    kafka.security = security;
    kafka.groups = filter(written.groups.as_ref());
    kafka.topics = filter(written.topics.as_ref());
    kafka.limits = limits(written, kafka.limits);
    if let Some(Text(span)) = &written.request_timeout {
        kafka.request_timeout = span.0;
    }
    if let Some(Text(offsets)) = &written.offsets {
        kafka.offsets = *offsets;
        if let Some(why) = kafka.contradiction() {
            return Err((at.key("offsets"), why));
        }
    }
    if let Some(Text(level)) = &written.isolation_level {
        kafka.isolation_level = *level;
    }
    Ok(Cluster { name, kafka })
}

fn limits(written: &written::Cluster, default: kafka::Limits) -> kafka::Limits {
    let given = |bound: Option<&Text<Bound>>, default| {
        bound.map_or(default, |Text(bound)| {
            usize::try_from(bound.0).expect("no bound of ours is beyond a usize")
        })
    };
    kafka::Limits {
        max_groups: given(written.max_groups.as_ref(), default.max_groups),
        max_partitions: given(written.max_partitions.as_ref(), default.max_partitions),
    }
}

fn filter(names: Option<&written::Names>) -> kafka::Filter {
    let own = |patterns: &Option<Vec<Text<Pattern>>>| {
        let patterns = patterns.as_ref()?;
        Some(
            patterns
                .iter()
                .map(|Text(pattern)| pattern.0.clone())
                .collect(),
        )
    };
    let include = names
        .and_then(|names| own(&names.include))
        .unwrap_or_else(|| vec![".*".to_owned()]);
    let exclude: Vec<String> = names
        .and_then(|names| own(&names.exclude))
        .unwrap_or_default();
    kafka::Filter::new(&include, &exclude).expect("each pattern compiled when it was read")
}

fn ceilings(file: &written::File, at: &Path, keep: &mut impl FnMut(Wrong)) -> Vec<CeilingRule> {
    let mut checked = Vec::new();
    for (index, written) in file.ceilings.iter().flatten().enumerate() {
        match ceiling(written, &at.index(index)) {
            Ok(rule) => checked.push(rule),
            Err(wrong) => keep(wrong),
        }
    }
    checked
}

fn ceiling(written: &written::Ceiling, at: &Path) -> Result<CeilingRule, Wrong> {
    let rule = CeilingRule {
        group: required(written.group.as_ref(), at, "group")?.filter(),
        topic: required(written.topic.as_ref(), at, "topic")?.filter(),
        lag_messages: written
            .lag_messages
            .as_ref()
            .map(|Text(messages)| messages.0),
        delay: written.delay.as_ref().map(|Text(span)| span.0),
    };
    if rule.lag_messages.is_none() && rule.delay.is_none() {
        return Err((
            at.clone(),
            "missing: lag_messages, delay or both".to_owned(),
        ));
    }
    Ok(rule)
}

fn base(file: &written::File, interval: Option<Duration>, max_age: Duration) -> analysis::Settings {
    let mut settings = analysis::Settings::new(interval.unwrap_or(SAMPLE_INTERVAL).as_secs_f64());
    let metrics = file.metrics.as_ref();
    let histogram = metrics.and_then(|metrics| metrics.delay_histogram.as_ref());
    settings.delay_histogram = histogram.is_some_and(|Text(wanted)| *wanted);
    settings.max_age_seconds = max_age.as_secs_f64();
    settings
}

fn analysis(
    file: &written::File,
    interval: Option<Duration>,
    base: &analysis::Settings,
    at: &Path,
) -> Result<analysis::Settings, Wrong> {
    let Some(signals) = &file.signals else {
        return Ok(base.clone());
    };
    let mut settings = signals::laid_over(base.clone(), &[(signals, at)])?;
    if let Some(Text(window)) = &signals.rate_window {
        // A slope over fewer than two samples is none.
        if let Some(least) = interval.map(|interval| 2 * interval)
            && window.0 < least
        {
            let least = duration::shown(least);
            return Err((
                at.key("rate_window"),
                format!("must be at least two sample intervals ({least})"),
            ));
        }
        settings.rate_window_seconds = window.0.as_secs_f64();
    }
    Ok(settings)
}

fn overrides(
    file: &written::File,
    base: &analysis::Settings,
    settings: &Arc<analysis::Settings>,
    root: &Path,
    keep: &mut impl FnMut(Wrong),
) -> Vec<Override> {
    let general_at = root.key("signals");
    let general = file.signals.as_ref().map(|signals| (signals, &general_at));
    let mut base = base.clone();
    base.rate_window_seconds = settings.rate_window_seconds;
    let mut checked = Vec::new();
    for (index, written) in file.overrides.iter().flatten().enumerate() {
        let at = root.key("overrides").index(index);
        match overrides::check(written, &at, &base, general, settings) {
            Ok(rule) => checked.push(rule),
            // What is wrong with what holds for all was said.
            Err((path, _)) if path.section() == general_at.section() => {}
            Err(wrong) => keep(wrong),
        }
    }
    checked
}

fn retries(file: &written::File) -> RetryPatterns {
    let own = |patterns: &Option<Vec<Text<retries::Pattern>>>| {
        let patterns = patterns.as_deref()?.iter();
        Some(patterns.map(|Text(pattern)| pattern.clone()).collect())
    };
    RetryPatterns::new(own(&file.retry_topics), own(&file.dead_letter_topics))
}

pub(super) fn metrics(file: &written::File) -> Metrics {
    let written = file.metrics.as_ref();
    let granularity = written.and_then(|metrics| metrics.granularity.as_ref());
    let max_series = written.and_then(|metrics| metrics.max_series.as_ref());
    Metrics {
        granularity: granularity.map_or_else(Default::default, |Text(granularity)| *granularity),
        max_series: max_series.map_or(MAX_SERIES, |Text(most)| {
            usize::try_from(most.0).expect("no bound of ours is beyond a usize")
        }),
    }
}

pub(super) fn state(file: &written::File) -> State {
    let written = file.state.as_ref();
    let path = written.and_then(|state| state.file.as_ref());
    let interval = written.and_then(|state| state.interval.as_ref());
    State {
        file: path.map(|Text(name)| name.0.clone().into()),
        interval: interval.map_or(STATE_INTERVAL, |Text(span)| span.0),
    }
}

pub(super) fn required<'a, T>(
    value: Option<&'a Text<T>>,
    at: &Path,
    key: &str,
) -> Result<&'a T, Wrong> {
    value
        .map(|Text(value)| value)
        .ok_or_else(|| (at.key(key), "missing".to_owned()))
}
