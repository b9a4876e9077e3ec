//! The message that is sent where a template failed: nobody is left untold because of a typing error.

use std::fmt::Write as _;

use super::attempt::TemplateFault;
use super::truncate;
use crate::template::{Alert, Data, Kv};

/// How many alerts are listed; the others are counted.
const MOST_ALERTS: usize = 20;
/// How many characters of a label's or annotation's value are shown.
const MOST_VALUE: usize = 300;
/// How many characters of an error are shown.
const MOST_ERROR: usize = 500;

/// One line: how many alerts fire, and the values of the labels by which they are grouped.
pub(super) fn headline(data: &Data) -> String {
    let firing = data.alerts.iter().filter(|alert| is_firing(alert)).count();
    let mut line = if firing > 0 { format!("[FIRING:{firing}]") } else { "[RESOLVED]".to_owned() };
    for (_, value) in data.group_labels.pairs() {
        line.push(' ');
        line.push_str(&value.lossy());
    }
    line
}

/// The alerts, and which templates failed.
pub(super) fn message(data: &Data, faults: &[TemplateFault]) -> String {
    let mut text = headline(data);
    text.push('\n');
    for alert in data.alerts.iter().take(MOST_ALERTS) {
        push_alert(&mut text, alert);
    }
    let more = data.alerts.len().saturating_sub(MOST_ALERTS);
    if more > 0 {
        push_line(&mut text, format_args!("\nand {more} more"));
    }
    text.push('\n');
    text.push_str(&self::faults(faults));
    text
}

/// Which templates failed, and why.
pub(super) fn faults(faults: &[TemplateFault]) -> String {
    let mut text = String::new();
    for TemplateFault { field, error } in faults {
        let error = truncate::runes(error, MOST_ERROR);
        push_line(&mut text, format_args!("The template of {field} failed: {error}"));
    }
    text
}

/// A text as HTML shows it.
pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

fn push_alert(text: &mut String, alert: &Alert) {
    push_line(text, format_args!("\n{}: {}", alert.status, pairs(&alert.labels)));
    for (name, value) in alert.annotations.pairs() {
        push_line(text, format_args!("  {name}: {}", truncate::runes(&value.lossy(), MOST_VALUE)));
    }
    if !alert.generator_url.is_empty() {
        push_line(text, format_args!("  {}", alert.generator_url));
    }
}

fn pairs(labels: &Kv) -> String {
    let shown = labels.pairs().map(|(name, value)| {
        let value = truncate::runes(&value.lossy(), MOST_VALUE);
        format!("{name}={value}")
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    writeln!(text, "{line}").ok();
}

fn is_firing(alert: &Alert) -> bool {
    alert.status.as_ref() == b"firing"
}
