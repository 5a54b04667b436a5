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
    let after = |since: Instant, then: Instant| {
        let seconds = then.saturating_duration_since(since).as_secs();
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    };
    let began = played.trouble_began;
    let lasted = after(began, played.trouble_ended);
    writeln!(
        text,
        "{}: group {}, topic {}",
        act.scenario, act.group, act.topic
    )?;
    writeln!(
        text,
        "  the trouble began after {} of normal work and lasted {lasted}",
        after(started, began)
    )?;
    let spell_line = |what: String, spell: &Spell| {
        let came = after(began, spell.first);
        let end = if record.is_now(spell) {
            "still there".to_owned()
        } else if spell.last < played.trouble_ended {
            format!(
                "gone {} after the beginning, before the trouble ended",
                after(began, spell.last)
            )
        } else {
            format!(
                "gone {} after the end",
                after(played.trouble_ended, spell.last)
            )
        };
        let times = if spell.times == 1 {
            String::new()
        } else {
            format!(", {} times", spell.times)
        };
        format!("  {what:<46} {came:>12} after the beginning, {end}{times}")
    };
    let whose = act.whose();
    for ((_, name), spell) in record.signals.iter().filter(|((of, _), _)| *of == whose) {
        let what = if name == act.signal {
            format!("signal {name} (made for this)")
        } else {
            format!("signal {name}")
        };
        writeln!(text, "{}", spell_line(what, spell))?;
    }
    for (alert, spell) in record.alerts_of(&whose) {
        let what = format!("alert {} ({})", alert.name, alert.severity);
        writeln!(text, "{}\n    \"{}\"", spell_line(what, spell), spell.text)?;
    }
    let resolved = played.resolved.map_or("no".to_owned(), |at| {
        format!("yes, {} after the end", after(played.trouble_ended, at))
    });
    writeln!(text, "  all resolved: {resolved}\n")
}
