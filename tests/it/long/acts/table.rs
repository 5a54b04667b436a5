//! What the acts showed, as a table for people.

use std::fmt::Write;

use tokio::time::Instant;

use super::record::{Record, Spell};
use super::{ACTS, Act, Played};

/// A row for each act and, below, what each alert said when it came.
pub(super) fn of(record: &Record, played: &[Played], started: Instant) -> String {
    let mut text = String::new();
    for (act, played) in ACTS.iter().zip(played) {
        write_act(&mut text, act, played, record, started).expect("into memory");
    }
    let others = record
        .alerts
        .iter()
        .filter(|(alert, _)| ACTS.iter().all(|act| act.whose() != alert.whose));
    let others: Vec<String> = others.map(|(alert, _)| format!("{alert:?}")).collect();
    let others = if others.is_empty() {
        "none".to_owned()
    } else {
        others.join(", ")
    };
    writeln!(text, "alerts for any other group or topic (billing, which is well, among them) and of lagslope itself: {others}").expect("into memory");
    text
}

fn write_act(
    text: &mut String,
    act: &Act,
    played: &Played,
    record: &Record,
    started: Instant,
) -> std::fmt::Result {
    let (began, ended) = (played.trouble_began, played.trouble_ended);
    writeln!(
        text,
        "{}: group {}, topic {}\n  the trouble began after {} of normal work and lasted {}",
        act.scenario,
        act.group,
        act.topic,
        span(started, began),
        span(began, ended)
    )?;
    let whose = act.whose();
    for ((_, name), spell) in record.signals.iter().filter(|((of, _), _)| *of == whose) {
        let made_for_it = if name == act.signal {
            " (made for this)"
        } else {
            ""
        };
        let what = format!("signal {name}{made_for_it}");
        writeln!(text, "{}", line(&what, spell, played, record))?;
    }
    for (alert, spell) in record.alerts_of(&whose) {
        let what = format!("alert {} ({})", alert.name, alert.severity);
        let line = line(&what, spell, played, record);
        writeln!(text, "{line}\n    \"{}\"", spell.text)?;
    }
    let resolved = played.resolved.map_or("no".to_owned(), |at| {
        format!("yes, {} after the end", span(ended, at))
    });
    writeln!(text, "  all resolved: {resolved}\n")
}

/// When something came and went, from the beginning and the end of the trouble.
fn line(what: &str, spell: &Spell, played: &Played, record: &Record) -> String {
    let (began, ended) = (played.trouble_began, played.trouble_ended);
    let came = span(began, spell.first);
    let end = if record.is_now(spell) {
        "still there".to_owned()
    } else if spell.last < ended {
        let lasted = span(began, spell.last);
        format!("gone {lasted} after the beginning, before the trouble ended")
    } else {
        format!("gone {} after the end", span(ended, spell.last))
    };
    let times = if spell.times == 1 {
        String::new()
    } else {
        format!(", {} times", spell.times)
    };
    format!("  {what:<46} {came:>12} after the beginning, {end}{times}")
}

fn span(since: Instant, then: Instant) -> String {
    let seconds = then.saturating_duration_since(since).as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}
