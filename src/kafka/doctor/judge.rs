//! What the answers mean, pure. The difficulty is that a missing right can look like an empty cluster: lists come without an error,
//! and without what one may not see. The probes tell the two apart.

use super::acl::Acl;
use super::ask::{Heard, Items};
use super::findings::{Finding, Verdict};
use super::probe::{OffsetsTopic, Probed};
use super::questions::{
    CONSUMER_GROUP_DESCRIBE, DESCRIBE_CONFIGS, DESCRIBE_GROUPS, DESCRIBE_LOG_DIRS,
    DESCRIBE_SHARE_GROUP_OFFSETS, FETCH, LIST_GROUPS, LIST_OFFSETS, LIST_OFFSETS_BY_TIME, METADATA,
    OFFSET_FETCH, Question, SHARE_GROUP_DESCRIBE, Versions,
};
use crate::kafka::settings::Settings;
use crate::kafka::topic::Topic;

/// Everything that was learned.
pub(super) struct Evidence<'a> {
    pub(super) versions: Versions,
    pub(super) heard: &'a Heard,
    pub(super) probed: &'a Probed,
    pub(super) topics: &'a [Topic],
    pub(super) settings: &'a Settings,
    /// The bootstrap server that answered.
    pub(super) server: &'a str,
}

/// One finding for each question, in their order.
pub(super) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let probed = evidence.probed;
    let of = |question, everything, thing| {
        let mut items = evidence.heard.of(&question);
        // Kafka leaves commits out, too, where the topic may not be described.
        if probed.describe_topics != Some(true) {
            items.empty = 0;
        }
        finding(evidence, question, of_items(&items, everything, thing))
    };
    vec![
        finding(evidence, METADATA, topics(evidence)),
        finding(evidence, LIST_GROUPS, groups(evidence)),
        of(OFFSET_FETCH, probed.offset_fetch, "group"),
        of(
            DESCRIBE_SHARE_GROUP_OFFSETS,
            probed.share_group_offsets,
            "share group",
        ),
        of(LIST_OFFSETS, probed.list_offsets, "partition"),
        of(LIST_OFFSETS_BY_TIME, probed.list_offsets, "partition"),
        of(DESCRIBE_GROUPS, probed.describe_groups, "group"),
        of(
            CONSUMER_GROUP_DESCRIBE,
            probed.consumer_group_describe,
            "group",
        ),
        of(
            SHARE_GROUP_DESCRIBE,
            probed.share_group_describe,
            "share group",
        ),
        of(DESCRIBE_CONFIGS, probed.describe_configs, "topic"),
        finding(evidence, DESCRIBE_LOG_DIRS, log_dirs(probed)),
        finding(evidence, FETCH, offsets_topic(probed)),
    ]
}

/// A verdict, what was found, and whether the right would help.
type Judged = (Verdict, String, bool);

fn allowed(found: String) -> Judged {
    (Verdict::Allowed, found, false)
}

fn refused(found: String) -> Judged {
    (Verdict::Refused, found, true)
}

fn finding(evidence: &Evidence<'_>, question: Question, judged: Judged) -> Finding {
    let version = evidence.versions.get(question.api).copied();
    let (verdict, found, right_would_help) = match version {
        None if question.needed => {
            let found = format!("since Kafka {}", question.since);
            (Verdict::Unsupported, found, false)
        }
        _ => judged,
    };
    let missing = right_would_help.then(|| {
        Acl::new(
            evidence.settings,
            evidence.server,
            question.operation,
            question.resource,
        )
    });
    Finding {
        question,
        version,
        verdict,
        found,
        missing,
    }
}

/// A question that names the things it asks about is refused by name.
fn of_items(items: &Items, everything: Option<bool>, thing: &str) -> Judged {
    let asked = items.asked;
    if items.refused > 0 {
        let names = some_of(&items.names);
        let found = format!("{} of {}{names}", items.refused, counted(asked, thing));
        return match everything {
            // Who may do it everywhere lacks no right: some are forbidden by a rule that an allowance doesn't outweigh.
            Some(true) => {
                let why = "by a rule that denies it: see kafka-acls --list";
                (Verdict::Refused, format!("{found}, {why}"), false)
            }
            _ => refused(found),
        };
    }
    match (&items.failure, asked, everything) {
        (Some(failure), ..) => (Verdict::Failed, failure.clone(), false),
        (None, 0, Some(true)) => allowed(format!("no {thing} yet")),
        (None, 0, Some(false)) => refused(format!("no {thing} is seen; any would be refused")),
        (None, 0, None) => (Verdict::Unknown, format!("no {thing} to ask about"), false),
        _ if items.empty > 0 => allowed(without_commit(items.empty, asked)),
        _ => allowed(counted(asked, thing)),
    }
}

/// Of these groups nothing but state and members is published, and somebody may look for their lag.
fn without_commit(empty: usize, asked: usize) -> String {
    let has = if empty == 1 { "has" } else { "have" };
    format!("{empty} of {} {has} no commit", counted(asked, "group"))
}

fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// So many names are shown of those that were refused.
const NAMES_SHOWN: usize = 3;

fn some_of(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let more = if names.len() > NAMES_SHOWN {
        ", …"
    } else {
        ""
    };
    names.truncate(NAMES_SHOWN);
    format!(" ({}{more})", names.join(", "))
}

/// What Kafka answers to somebody without the right.
const EMPTY_LIST: &str = "an empty list, which Kafka also answers without the right";
const PART_OF_A_LIST: &str = "others would be left out without an error";

fn topics(evidence: &Evidence<'_>) -> Judged {
    let listed = evidence.topics.iter().filter(|topic| !topic.internal);
    let listed = listed.count();
    let filter = &evidence.settings.topics;
    match (evidence.probed.describe_topics, listed) {
        (Some(false), 0) => refused(EMPTY_LIST.to_owned()),
        (Some(false), _) if filter.includes_all() => partial(listed, "topic"),
        _ => allowed(counted(listed, "topic")),
    }
}

/// Describe on the cluster lists all groups; without it those are listed that one may describe.
fn groups(evidence: &Evidence<'_>) -> Judged {
    let items = evidence.heard.of(&LIST_GROUPS);
    if let Some(failure) = items.failure.filter(|_| items.refused == 0) {
        return (Verdict::Failed, failure, false);
    }
    if items.refused > 0 {
        let brokers = counted(items.refused, "broker");
        return refused(format!("refused by {brokers}"));
    }
    let all_are_meant = evidence.settings.groups.includes_all();
    listed_groups(evidence.probed, items.asked, all_are_meant)
}

fn listed_groups(probed: &Probed, listed: usize, all_are_meant: bool) -> Judged {
    let groups = counted(listed, "group");
    match (probed.describe_cluster, probed.describe_groups) {
        (Some(false), Some(true)) => {
            let why = "by Describe on all groups; one that is denied would be left out";
            (Verdict::Allowed, format!("{groups}, {why}"), true)
        }
        (Some(true), _) | (_, Some(true) | None) => allowed(groups),
        (_, Some(false)) if listed == 0 => refused(EMPTY_LIST.to_owned()),
        (_, Some(false)) if all_are_meant => partial(listed, "group"),
        (_, Some(false)) => allowed(groups),
    }
}

fn partial(listed: usize, thing: &str) -> Judged {
    let found = format!("{}; {PART_OF_A_LIST}", counted(listed, thing));
    (Verdict::Partial, found, true)
}

fn log_dirs(probed: &Probed) -> Judged {
    match probed.describe_cluster {
        Some(true) => allowed(String::new()),
        Some(false) => refused(String::new()),
        None => (
            Verdict::Unknown,
            "needs Describe on the cluster".to_owned(),
            false,
        ),
    }
}

fn offsets_topic(probed: &Probed) -> Judged {
    match probed.offsets_topic {
        OffsetsTopic::Readable => allowed(String::new()),
        // A right that this version has no use for is nothing to ask an administrator for.
        OffsetsTopic::Refused => (Verdict::Refused, String::new(), false),
        OffsetsTopic::Missing => (Verdict::Unknown, "nobody has committed yet".into(), false),
        OffsetsTopic::Unknown => (Verdict::Unknown, "needs Read on it".into(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(asked: usize, refused: usize) -> Items {
        Items {
            asked,
            refused,
            ..Items::default()
        }
    }

    #[test]
    fn what_is_asked_by_name_is_judged_by_its_answers_first() {
        let all = Some(true);
        let cases = [
            (items(3, 0), all, Verdict::Allowed, false, "all is well"),
            (
                items(3, 0),
                Some(false),
                Verdict::Allowed,
                false,
                "what there is may be asked about",
            ),
            (
                items(3, 3),
                Some(false),
                Verdict::Refused,
                true,
                "the right is missing",
            ),
            (
                items(3, 1),
                all,
                Verdict::Refused,
                false,
                "denied: no allowance helps",
            ),
            (items(0, 0), all, Verdict::Allowed, false, "nothing there"),
            (
                items(0, 0),
                Some(false),
                Verdict::Refused,
                true,
                "nothing to be seen",
            ),
            (
                items(0, 0),
                None,
                Verdict::Unknown,
                false,
                "the probe had no answer",
            ),
        ];
        for (items, everything, verdict, helps, why) in cases {
            let judged = of_items(&items, everything, "group");
            assert_eq!((judged.0, judged.2), (verdict, helps), "{why}");
        }
    }

    #[test]
    fn groups_that_never_committed_are_told() {
        let of = |empty| {
            let items = Items {
                empty,
                ..items(3, 0)
            };
            of_items(&items, Some(true), "group").1
        };
        assert_eq!(of(0), "3 groups");
        assert_eq!(of(1), "1 of 3 groups has no commit");
        assert_eq!(of(2), "2 of 3 groups have no commit");
    }

    #[test]
    fn an_empty_or_short_list_of_groups_is_told_from_a_whole_one() {
        let (yes, no) = (Some(true), Some(false));
        let cases = [
            (yes, no, 0, true, Verdict::Allowed, false, "nobody consumes"),
            (no, no, 0, true, Verdict::Refused, true, "nothing is seen"),
            (no, no, 2, true, Verdict::Partial, true, "some are seen"),
            (no, no, 2, false, Verdict::Allowed, false, "some are meant"),
            (
                no,
                yes,
                2,
                true,
                Verdict::Allowed,
                true,
                "one may be denied",
            ),
            (
                None,
                no,
                2,
                true,
                Verdict::Partial,
                true,
                "Kafka before 2.8",
            ),
            (None, None, 2, true, Verdict::Allowed, false, "no probe"),
        ];
        for (describe_cluster, describe_groups, listed, all, verdict, helps, why) in cases {
            let probed = Probed {
                describe_cluster,
                describe_groups,
                ..Probed::default()
            };
            let judged = listed_groups(&probed, listed, all);
            assert_eq!((judged.0, judged.2), (verdict, helps), "{why}");
        }
    }

    #[test]
    fn what_a_broker_is_too_old_for_is_unsupported_and_not_bad() {
        let settings = Settings::new("old".to_owned(), Vec::new());
        let evidence = Evidence {
            versions: Versions::from([(DESCRIBE_GROUPS.api, 5)]),
            heard: &Heard::default(),
            probed: &Probed::default(),
            topics: &[],
            settings: &settings,
            server: "a:1",
        };
        for finding in findings(&evidence) {
            let asked = finding.question.needed;
            let old = asked && finding.question.api != DESCRIBE_GROUPS.api;
            assert_eq!(finding.verdict == Verdict::Unsupported, old, "{finding:?}");
            assert!(!finding.is_bad(), "{finding:?}");
        }
    }

    #[test]
    fn some_names_of_what_is_refused_are_told() {
        let names = |count: usize| (0..count).map(|n| format!("g{n}")).collect::<Vec<_>>();
        assert_eq!(some_of(&names(0)), "");
        assert_eq!(some_of(&names(2)), " (g0, g1)");
        assert_eq!(some_of(&names(4)), " (g0, g1, g2, …)");
    }
}
