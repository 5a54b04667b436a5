//! Which topics hold the retries and the dead letters of which, by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What may stand between a topic's name and a group's.
const SEPARATORS: [&str; 5] = [".", "_", "-", "__", "--"];

/// Dead letters of retries of retries are as deep as it gets; two names that were said to be each other's retries have no end.
const MOST_NESTED: usize = 4;

/// What a topic beside a main topic holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryKind {
    /// Messages that are to be tried again.
    Retry,
    /// Messages that were given up.
    DeadLetter,
}

/// Whose retries or dead letters a topic holds, by its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetryName {
    /// Which of the two.
    pub kind: RetryKind,
    /// The main topic; a group's name may stand behind it.
    pub main: String,
    /// The group, where the name says it apart.
    pub group: Option<String>,
}

/// Whose retries or dead letters the topic of that name holds; `None` for one that holds none. A function, because patterns are
/// matched outside the core.
pub type RetryNameOf = Box<dyn Fn(&str) -> Option<RetryName> + Send>;

/// The topics that hold retries or dead letters.
pub(super) struct RetryTopics {
    name_of: RetryNameOf,
    /// `(main topic and perhaps the group's name, in lower case; the topic beside it)`.
    by_main: BTreeSet<(String, Arc<str>)>,
    /// What each is for: the topic that it is named after, then the topic that one is named after, and so on.
    names: BTreeMap<Arc<str>, Vec<RetryName>>,
}

impl RetryTopics {
    pub(super) fn new(name_of: RetryNameOf) -> Self {
        Self {
            name_of,
            by_main: BTreeSet::new(),
            names: BTreeMap::new(),
        }
    }

    /// A topic is there.
    pub(super) fn meet(&mut self, topic: &Arc<str>) {
        let names = self.names_of(topic);
        if names.is_empty() {
            return;
        }
        for name in &names {
            self.by_main
                .insert((name.main.to_lowercase(), Arc::clone(topic)));
        }
        self.names.insert(Arc::clone(topic), names);
    }

    /// Forgets those that are not there any more.
    pub(super) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.by_main.retain(|(_, topic)| exists(topic));
        self.names.retain(|topic, _| exists(topic));
    }

    /// Those of a group and main topic. What is beside another topic itself has none: they are that topic's. Only where that
    /// one does not exist is it a main topic whose name happens to end so.
    pub(super) fn of(
        &self,
        group: &str,
        main: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Vec<(Arc<str>, RetryKind)> {
        let above = self.names.get(main).into_iter().flatten();
        let mut above = above.map(|name| name.main.as_str());
        if above.any(|name| exists(name) || without_group(name, group).is_some_and(&exists)) {
            return Vec::new();
        }
        let (group, main) = (group.to_lowercase(), main.to_lowercase());
        let mut keys = vec![main.clone()];
        keys.extend(SEPARATORS.map(|separator| format!("{main}{separator}{group}")));
        keys.iter()
            .flat_map(|key| self.named(key, &group))
            .collect()
    }

    /// Those that are named so, for this group or for any.
    fn named(&self, key: &str, group: &str) -> Vec<(Arc<str>, RetryKind)> {
        let named_so = self.by_main.range((key.to_owned(), Arc::from(""))..);
        let named_so = named_so.take_while(|(main, _)| main == key);
        let ours = named_so.filter_map(|(_, topic)| {
            let names = self.names.get(topic)?;
            let name = names.iter().find(|name| name.main.to_lowercase() == key)?;
            let is_ours = name
                .group
                .as_deref()
                .is_none_or(|of| of.to_lowercase() == group);
            is_ours.then(|| (Arc::clone(topic), name.kind))
        });
        ours.collect()
    }

    /// The kind is the topic's own; a group that one of the names says is the group of all that follow.
    fn names_of(&self, topic: &str) -> Vec<RetryName> {
        let mut names: Vec<RetryName> = Vec::new();
        let mut next = (self.name_of)(topic);
        while let Some(mut name) = next.filter(|_| names.len() < MOST_NESTED) {
            next = (self.name_of)(&name.main);
            if let Some(below) = names.last() {
                name.kind = below.kind;
                name.group = name.group.or_else(|| below.group.clone());
            }
            names.push(name);
        }
        names
    }
}

/// `orders` of `orders-payments`.
fn without_group<'a>(name: &'a str, group: &str) -> Option<&'a str> {
    let rest = name.strip_suffix(group)?;
    let rest = rest.trim_end_matches(['.', '_', '-']);
    (!rest.is_empty() && rest.len() + group.len() < name.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::RetryKind::{DeadLetter, Retry};
    use super::*;

    /// Names as `main>retry` and `main!dead letter`, a group in front of a colon behind: enough for the rules in here.
    fn name_of(topic: &str) -> Option<RetryName> {
        let (at, kind) = [('>', Retry), ('!', DeadLetter)]
            .into_iter()
            .filter_map(|(mark, kind)| Some((topic.rfind(mark)?, kind)))
            .max_by_key(|(at, _)| *at)?;
        let group = topic[at + 1..].split_once(':').map(|(group, _)| group);
        Some(RetryName {
            kind,
            main: topic[..at].to_owned(),
            group: group.map(str::to_owned),
        })
    }

    #[test]
    fn each_topic_counts_for_the_main_topic_that_exists() {
        // (why, topics, group and main topic, what is found)
        type Found<'a> = &'a [(&'a str, RetryKind)];
        type Case<'a> = (&'a str, &'a [&'a str], (&'a str, &'a str), Found<'a>);
        let cases: [Case; 9] = [
            ("its own", &["a", "a>"], ("g", "a"), &[("a>", Retry)]),
            (
                "of both names",
                &["a", "a-g>"],
                ("g", "a"),
                &[("a-g>", Retry)],
            ),
            ("of another group", &["a", "a-h>", "a>h:"], ("g", "a"), &[]),
            (
                "of this group, behind",
                &["a", "a>g:"],
                ("G", "A"),
                &[("a>g:", Retry)],
            ),
            (
                "dead letters of a retry topic are the main topic's",
                &["a", "a>", "a>!"],
                ("g", "a"),
                &[("a>", Retry), ("a>!", DeadLetter)],
            ),
            (
                "and not the retry topic's",
                &["a", "a>", "a>!"],
                ("g", "a>"),
                &[],
            ),
            (
                "with the group in between",
                &["a", "a__g>", "a__g>!"],
                ("g", "a__g>"),
                &[],
            ),
            (
                "a topic whose name only ends so is a main topic",
                &["a>", "a>>", "a>!"],
                ("g", "a>"),
                &[("a>!", DeadLetter), ("a>>", Retry)],
            ),
            (
                "the group of a retry topic is that of its dead letters",
                &["a", "a>h:", "a>h:!"],
                ("g", "a"),
                &[],
            ),
        ];
        for (why, topics, (group, main), expected) in cases {
            let mut known = RetryTopics::new(Box::new(name_of));
            for topic in topics {
                known.meet(&Arc::from(*topic));
            }
            let mut found = known.of(group, main, |topic| topics.contains(&topic));
            found.sort_by(|a, b| a.0.cmp(&b.0));
            let mut expected: Vec<_> = expected.iter().map(|(t, k)| (Arc::from(*t), *k)).collect();
            expected.sort_by(|a: &(Arc<str>, _), b| a.0.cmp(&b.0));
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn two_that_are_each_others_retries_have_an_end() {
        let circle = |topic: &str| {
            Some(RetryName {
                kind: Retry,
                main: if topic == "a" { "b" } else { "a" }.to_owned(),
                group: None,
            })
        };
        let mut known = RetryTopics::new(Box::new(circle));
        known.meet(&Arc::from("a"));
        known.meet(&Arc::from("b"));
        assert_eq!(known.of("g", "a", |_| true), []);
        known.retain(|_| false);
        assert!(known.by_main.is_empty() && known.names.is_empty());
    }
}
