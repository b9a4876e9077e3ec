//! The log on standard error: logfmt or JSON, one line an event, with the field names of Go's slog as
//! Prometheus and Alertmanager write them (`time`, `level`, `source`, `msg`, then the fields of the event).

use std::fmt;
use std::str::FromStr;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::clock;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `time=… level=INFO msg="…" key=value`
    Logfmt,
    /// `{"time":"…","level":"INFO","msg":"…","key":"value"}`
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "logfmt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            _ => Err(format!("unrecognized log format {text:?}: expected logfmt or json")),
        }
    }
}

/// The least important level that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "debug" => Ok(Self(LevelFilter::DEBUG)),
            "info" => Ok(Self(LevelFilter::INFO)),
            "warn" => Ok(Self(LevelFilter::WARN)),
            "error" => Ok(Self(LevelFilter::ERROR)),
            _ => Err(format!("unrecognized log level {text:?}: expected debug, info, warn or error")),
        }
    }
}

/// Sends the events of this process to standard error. The libraries below us are heard from `warn` on.
///
/// Does nothing if the process logs already (tests run several daemons in one process).
pub fn start(level: LogLevel, format: LogFormat) {
    let ours = Targets::new().with_target("tocsin", level.0).with_default(level.0.min(LevelFilter::WARN));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(Line { format });
    // The error says that a subscriber is set already, which is what the doc promises to ignore.
    drop(tracing_subscriber::registry().with(ours).with(layer).try_init());
}

struct Line {
    format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let file = metadata.file().and_then(|path| path.rsplit('/').next()).unwrap_or("unknown");
        let mut line = LineWriter::new(self.format);
        line.field("time", &clock::now().to_rfc3339_millis());
        line.field("level", level_name(*metadata.level()));
        line.field("source", &format!("{file}:{}", metadata.line().unwrap_or_default()));
        line.field("msg", &fields.message);
        for (name, value) in &fields.others {
            line.field(name, value);
        }
        writeln!(writer, "{}", line.finish())
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.others.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        self.push(field, text);
    }
}

struct LineWriter {
    format: LogFormat,
    line: String,
}

impl LineWriter {
    fn new(format: LogFormat) -> Self {
        Self { format, line: String::with_capacity(160) }
    }

    fn field(&mut self, name: &str, value: &str) {
        match self.format {
            LogFormat::Logfmt => {
                if !self.line.is_empty() {
                    self.line.push(' ');
                }
                self.line.push_str(name);
                self.line.push('=');
                if needs_quotes(value) {
                    self.push_quoted(value);
                } else {
                    self.line.push_str(value);
                }
            }
            LogFormat::Json => {
                self.line.push(if self.line.is_empty() { '{' } else { ',' });
                self.push_quoted(name);
                self.line.push(':');
                self.push_quoted(value);
            }
        }
    }

    fn push_quoted(&mut self, value: &str) {
        self.line.push_str(&serde_json::Value::from(value).to_string());
    }

    fn finish(mut self) -> String {
        if self.format == LogFormat::Json {
            self.line.push('}');
        }
        self.line
    }
}

/// slog quotes a value that is empty or has blanks, quotes, equals signs or characters that do not print.
fn needs_quotes(value: &str) -> bool {
    value.is_empty()
        || value.chars().any(|character| {
            character == ' '
                || character == '"'
                || character == '='
                || character.is_control()
                || character == '\u{fffd}'
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat) -> String {
        let mut line = LineWriter::new(format);
        line.field("level", "INFO");
        line.field("msg", "Error sending alerts");
        line.field("alertmanager", "http://127.0.0.1:9093/api/v2/alerts");
        line.field("err", "said \"no\"\n");
        line.field("empty", "");
        line.finish()
    }

    #[test]
    fn writes_logfmt_that_operators_grep_for() {
        assert_eq!(
            line(LogFormat::Logfmt),
            "level=INFO msg=\"Error sending alerts\" alertmanager=http://127.0.0.1:9093/api/v2/alerts \
             err=\"said \\\"no\\\"\\n\" empty=\"\""
        );
    }

    #[test]
    fn writes_json() {
        assert_eq!(
            line(LogFormat::Json),
            "{\"level\":\"INFO\",\"msg\":\"Error sending alerts\",\
             \"alertmanager\":\"http://127.0.0.1:9093/api/v2/alerts\",\
             \"err\":\"said \\\"no\\\"\\n\",\"empty\":\"\"}"
        );
    }
}
