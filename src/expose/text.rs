//! The Prometheus text format 0.0.4: labels and sample lines, appended to a string.

use std::fmt::Write;

/// A rendered label set without its closing brace, to which more labels can be added: rendered once, used for many families.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(String);

impl Labels {
    /// This set and one label more.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut text = self.0.clone();
        push_label_after(&mut text, self.0.is_empty(), name, value);
        Self(text)
    }

    /// Becomes `set` and one label more, whose value is a number, within the memory that is there.
    pub(super) fn become_numbered(&mut self, set: &Self, name: &str, number: u32) {
        self.0.clone_from(&set.0);
        push_label_after(&mut self.0, set.0.is_empty(), name, "");
        self.0.pop();
        write!(self.0, "{number}\"").expect("writing to a string cannot fail");
    }
}

/// Appends one sample: `name{labels,extra} value`.
pub(super) fn push_sample(
    out: &mut String,
    name: &str,
    labels: &Labels,
    extra: &[(&str, &str)],
    value: f64,
) {
    out.push_str(name);
    out.push_str(&labels.0);
    for (label, text) in extra {
        push_label_after(
            out,
            labels.0.is_empty() && *label == extra[0].0,
            label,
            text,
        );
    }
    if !labels.0.is_empty() || !extra.is_empty() {
        out.push('}');
    }
    out.push(' ');
    push_number(out, value);
    out.push('\n');
}

/// As `value` prints itself, which for whole numbers is much slower than integers do.
fn push_number(out: &mut String, value: f64) {
    let whole = value as i64;
    // Beyond 2^53 not every whole number is a float, and a float prints more digits than it has; −0 is `-0`.
    let written = if whole as f64 == value && whole.unsigned_abs() < 1 << 53 && whole != 0 {
        write!(out, "{whole}")
    } else {
        write!(out, "{value}")
    };
    written.expect("writing to a string cannot fail");
}

fn push_label_after(out: &mut String, first: bool, name: &str, value: &str) {
    out.push(if first { '{' } else { ',' });
    out.push_str(name);
    out.push_str("=\"");
    push_escaped(out, value);
    out.push('"');
}

/// Backslash, quote and line feed are the only characters that the format escapes.
fn push_escaped(out: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        out.push_str(value);
        return;
    }
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}
