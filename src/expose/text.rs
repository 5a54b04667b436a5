//! The Prometheus text format 0.0.4: labels and sample lines, appended to a string.

use std::fmt::Write;

/// A rendered label set without its closing brace, to which more labels can be added: rendered once, used for many families.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(String);

impl Labels {
    /// This set and one label more.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut text = self.0.clone();
        push_label(&mut text, name, value);
        Self(text)
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
    writeln!(out, " {value}").expect("writing to a string cannot fail");
}

fn push_label(out: &mut String, name: &str, value: &str) {
    push_label_after(out, out.is_empty(), name, value);
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
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}
