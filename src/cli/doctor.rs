//! `lagslope doctor`: asks all clusters, and prints what was found so that it can be read at three in the morning. What is wrong is marked with
//! an exclamation mark, and what mends it stands at the end, ready to be pasted.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use futures_util::future::join_all;

use super::FAILED;
use crate::analysis::sample::Time;
use crate::config::Settings;
use crate::kafka::doctor::{Checkup, Clock, Finding, Reached, Skew, Verdict, Who, examine};

/// Asks every cluster at once; writes a page for each, in the order of the configuration. Gives the exit code: 0 when all that
/// is needed is allowed everywhere.
///
/// # Errors
/// When the writer refuses.
pub async fn doctor(
    settings: &Settings,
    now: Time,
    watch_clocks: Duration,
    out: &mut impl Write,
) -> io::Result<u8> {
    let clusters = settings.clusters.iter();
    let checkups = clusters.map(|cluster| examine(&cluster.kafka, now, watch_clocks));
    let checkups = join_all(checkups).await;
    let pages: Vec<String> = checkups.iter().map(page).collect();
    writeln!(out, "{}", pages.join("\n").trim_end())?;
    let well = checkups.iter().all(Checkup::is_well);
    Ok(if well { 0 } else { FAILED })
}

/// Everything about one cluster.
pub fn page(checkup: &Checkup) -> String {
    let mut text = format!("Cluster {}\n", checkup.cluster);
    table(&mut text, checkup.reached.iter().map(reached_row));
    if !checkup.findings.is_empty() {
        text.push('\n');
        table(&mut text, checkup.findings.iter().map(finding_row));
    }
    if !checkup.skews.is_empty() {
        text.push('\n');
        table(&mut text, checkup.skews.iter().map(skew_row));
    }
    text.push_str(&rights(checkup));
    text.push('\n');
    text.push_str(&summary(checkup));
    text
}

/// Is it marked, and its columns.
type Row = (bool, Vec<String>);

/// Aligned columns; of the last, which may be long, nothing is padded.
fn table(text: &mut String, rows: impl Iterator<Item = Row>) {
    let rows: Vec<Row> = rows.collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    for (marked, cells) in &rows {
        let mut line = (if *marked { "! " } else { "  " }).to_owned();
        for (column, cell) in cells.iter().enumerate() {
            let width = width(column);
            // Into memory.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn reached_row(reached: &Reached) -> Row {
    let who = match reached.who {
        Who::Bootstrap => "bootstrap server".to_owned(),
        Who::Broker(id) => format!("broker {id}"),
    };
    let answer = match &reached.failure {
        None => format!("answers after {} ms", reached.took.as_millis()),
        Some(failure) => failure.clone(),
    };
    let marked = reached.failure.is_some();
    (marked, vec![who, reached.address.clone(), answer])
}

fn finding_row(finding: &Finding) -> Row {
    let question = &finding.question;
    let what = match (question.api, question.of) {
        (api, "") => api.to_owned(),
        (api, of) => format!("{api} ({of})"),
    };
    let version = finding.version.map_or(String::new(), |v| format!("v{v}"));
    let verdict = match finding.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Partial => "partial",
        Verdict::Refused => "refused",
        Verdict::Unsupported => "unsupported",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    };
    let mut found = vec![finding.found.clone()];
    if !matches!(finding.verdict, Verdict::Allowed | Verdict::Unknown) {
        found.push(format!("without it: {}", question.without));
    }
    found.push(question.note.to_owned());
    found.retain(|part| !part.is_empty());
    let cells = vec![what, version, verdict.to_owned(), found.join("; ")];
    (finding.is_bad(), cells)
}

fn skew_row(skew: &Skew) -> Row {
    let told = match &skew.clock {
        Clock::Unknown(why) => format!("unknown: {why}"),
        Clock::Ahead(lower, upper) if *lower > 0.0 => {
            format!("ahead of ours by {lower:.1} to {upper:.1} s")
        }
        Clock::Ahead(lower, upper) if *upper < 0.0 => {
            format!("behind ours by {:.1} to {:.1} s", -upper, -lower)
        }
        Clock::Ahead(lower, upper) => {
            format!("agrees with ours within {:.1} s", upper.max(-lower))
        }
    };
    (
        skew.is_bad(),
        vec![format!("clock of {}", skew.whose), told],
    )
}

/// Each missing right once, those first that the daemon needs today.
fn rights(checkup: &Checkup) -> String {
    let missing = checkup.findings.iter().filter_map(|finding| {
        let acl = finding.missing.as_ref()?;
        Some((finding.is_bad(), acl.to_string()))
    });
    let (needed, useful): (Vec<_>, Vec<_>) = missing.partition(|(needed, _)| *needed);
    let mut told: Vec<String> = Vec::new();
    let mut text = String::new();
    for (title, list) in [("Missing rights", needed), ("Useful rights", useful)] {
        let before = told.len();
        for (_, acl) in list {
            if !told.contains(&acl) {
                told.push(acl);
            }
        }
        if told.len() > before {
            let list = told[before..].join("\n  ");
            let _ = write!(text, "\n{title}, for an administrator to give:\n  {list}\n");
        }
    }
    text
}

fn summary(checkup: &Checkup) -> String {
    let cluster = &checkup.cluster;
    let away = checkup.reached.iter().filter(|r| r.failure.is_some());
    let bad = checkup.findings.iter().filter(|f| f.is_bad());
    let skewed = checkup.skews.iter().filter(|skew| skew.is_bad());
    let (away, bad, skewed) = (away.count(), bad.count(), skewed.count());
    if checkup.findings.is_empty() {
        return format!("{cluster}: nothing could be asked\n");
    }
    if checkup.is_well() {
        return format!("{cluster}: all that is needed is allowed\n");
    }
    let parts = [
        (
            bad,
            "question is not answered",
            "questions are not answered",
        ),
        (away, "address doesn't answer", "addresses don't answer"),
        (skewed, "clock is off", "clocks are off"),
    ];
    let told = parts.iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> = told
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    format!("{cluster}: {}\n", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::doctor::QUESTIONS;

    fn checkup() -> Checkup {
        let reached = |who, address: &str, failure: Option<&str>| Reached {
            who,
            address: address.to_owned(),
            took: Duration::from_millis(7),
            failure: failure.map(str::to_owned),
        };
        let verdicts = [Verdict::Allowed, Verdict::Unsupported];
        let findings = QUESTIONS.iter().zip(verdicts);
        Checkup {
            cluster: "prod".to_owned(),
            reached: vec![
                reached(Who::Bootstrap, "kafka:9092", None),
                reached(Who::Broker(2), "kafka-2:9092", Some("connection refused")),
            ],
            findings: findings
                .map(|(question, verdict)| Finding {
                    question: *question,
                    version: Some(4).filter(|_| verdict == Verdict::Allowed),
                    verdict,
                    found: String::new(),
                    missing: None,
                })
                .collect(),
            skews: Vec::new(),
        }
    }

    #[test]
    fn columns_are_aligned_what_is_wrong_is_marked_and_the_end_sums_up() {
        let page = page(&checkup());
        let expected = "Cluster prod
  bootstrap server  kafka:9092    answers after 7 ms
! broker 2          kafka-2:9092  connection refused

  Metadata    v4  allowed
  ListGroups      unsupported  without it: groups it hides are not watched

prod: 1 address doesn't answer
";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_skew_is_told_as_far_as_it_is_known() {
        let cases = [
            (
                Clock::Ahead(-0.2, 0.3),
                false,
                "agrees with ours within 0.3 s",
            ),
            (
                Clock::Ahead(0.2, 0.8),
                false,
                "ahead of ours by 0.2 to 0.8 s",
            ),
            (
                Clock::Ahead(29.5, 30.0),
                true,
                "ahead of ours by 29.5 to 30.0 s",
            ),
            (
                Clock::Ahead(-5.5, -5.0),
                true,
                "behind ours by 5.0 to 5.5 s",
            ),
            (Clock::Unknown("why".to_owned()), false, "unknown: why"),
        ];
        for (clock, bad, told) in cases {
            let skew = Skew {
                whose: "broker 1".to_owned(),
                clock,
                is_broker: true,
            };
            let row = skew_row(&skew);
            assert_eq!(
                row,
                (bad, vec!["clock of broker 1".to_owned(), told.to_owned()])
            );
        }
    }
}
