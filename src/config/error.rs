//! What is wrong with a configuration, and where.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::position::Position;
use super::yaml::MOST_BYTES;

/// Why a configuration cannot be used. Displays as lines of the form `file:line:column: key: message`, one for
/// each fault, which never hold a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<std::io::Error>,
    },
    /// The file says something that cannot be.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
    /// Two files of one kind were given.
    #[error("{} and {} are both {kind} files: give one of each kind", .first.display(), .second.display())]
    TwoOfOneKind {
        /// What both are: `prometheus.yml` or `alertmanager.yml`.
        kind: &'static str,
        /// The file given first.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// A part of the program cannot work with the configuration.
    #[error("{subscriber}: {source}")]
    Refused {
        /// The part.
        subscriber: &'static str,
        /// Its reason.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl ConfigError {
    /// A fault at a place of a file that was read before, such as a certificate that cannot be loaded.
    #[must_use]
    pub fn at(position: &Position, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Faults(vec![Fault {
            position: position.clone(),
            path: String::new(),
            message,
            help: None,
            line: None,
        }])
    }

    /// The faults with their places, in the order of the file; empty for the other errors.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Faults(faults) => faults,
            _ => &[],
        }
    }

    /// The error for a terminal: each fault with the line of the file it is about. Of the line only the key or value
    /// at fault is shown, and a secret never is.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let faults = self.faults();
        if faults.is_empty() {
            return format!("error: {self}");
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let rendered: Vec<String> = faults.iter().map(|fault| fault.render(&renderer)).collect();
        rendered.join("\n\n")
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong with a file. Displays as `file:line:column: key: message (help)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub position: Position,
    /// The key with those above it, such as `alerting.alertmanagers[0].timeout`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right, if that can be said.
    pub help: Option<String>,
    pub(super) line: Option<ShownLine>,
}

impl Fault {
    fn title(&self) -> String {
        if self.path.is_empty() { self.message.clone() } else { format!("{}: {}", self.path, self.message) }
    }

    fn render(&self, renderer: &Renderer) -> String {
        let title = self.title();
        let file = self.position.file().display().to_string();
        let Some(line) = &self.line else {
            return format!("error: {title}\n --> {}", self.position);
        };
        let snippet = Snippet::source(line.text.as_str())
            .line_start(self.position.line() as usize)
            .path(file)
            .annotation(AnnotationKind::Primary.span(line.start..line.end));
        let report = Level::ERROR.primary_title(title.as_str()).element(snippet);
        match &self.help {
            None => renderer.render(&[report]),
            Some(help) => renderer.render(&[report.element(Level::HELP.message(help.as_str()))]),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.title())?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// What may be shown of a line: indentation and the key before the fault, and the fault itself unless it is about a
/// secret. Everything else of a line might be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownLine {
    text: String,
    /// The part at fault, in bytes of `text`.
    start: usize,
    end: usize,
}

impl ShownLine {
    /// The line of `text` at `position`, of which `width` characters are at fault.
    pub(super) fn new(text: &str, position: &Position, width: u32, secret: bool) -> Option<Self> {
        let line = text.lines().nth(position.line() as usize - 1)?;
        let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(byte, _)| byte);
        let first = position.column() as usize - 1;
        let (start, end) = (byte(first), byte(first + width as usize));
        let (before, fault, after) = (&line[..start], &line[start..end], &line[end..]);

        let mut shown = if is_key_prefix(before) { before.to_owned() } else { "… ".to_owned() };
        let start = shown.len();
        shown.push_str(if secret { "<secret>" } else { fault });
        let end = shown.len();
        let colon = after.starts_with(':');
        shown.push_str(if colon { ":" } else { "" });
        if !after[usize::from(colon)..].trim().is_empty() {
            shown.push_str(" …");
        }
        Some(Self { text: shown, start, end })
    }
}

/// Whether this is the beginning of a line up to a value: spaces, list dashes, at most one plain key.
fn is_key_prefix(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t', '-']);
    let key = text.trim_end();
    let key = key.strip_suffix(':').unwrap_or(key);
    let plain = key.chars().all(|character| character.is_alphanumeric() || "_-.".contains(character));
    text.is_empty() || (plain && text.contains(':'))
}

/// Reads a file as text. Of one that is too large for a configuration only as much is read as shows that it is.
pub(super) fn read_file(path: &Path) -> Result<String, ConfigError> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    };
    read().map_err(|error| ConfigError::Read { path: path.to_owned(), source: Arc::new(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, column: u32, width: u32, secret: bool) -> String {
        let position = Position::new(Arc::from(Path::new("f.yml")), 1, column);
        ShownLine::new(text, &position, width, secret).unwrap().text
    }

    #[test]
    fn shows_of_a_line_what_cannot_be_a_secret() {
        assert_eq!(shown("  - pasword: hunter2", 5, 7, false), "  - pasword: …");
        assert_eq!(shown("  timeout: 5 minutes # x", 12, 9, false), "  timeout: 5 minutes …");
        assert_eq!(shown("  password: [hunter2]", 13, 9, true), "  password: <secret>");
        assert_eq!(shown("{password: hunter2, tmeout: 1s}", 21, 6, false), "… tmeout: …");
        assert_eq!(shown("a: b", 40, 1, false), "… ");
    }

    #[test]
    fn displays_on_one_line_and_renders_on_several() {
        let position = Position::new(Arc::from(Path::new("f.yml")), 3, 5);
        let fault = Fault {
            line: ShownLine::new("\n\n    tmeout: 1s\n", &position, 6, false),
            position,
            path: "alerting".to_owned(),
            message: "field tmeout not found".to_owned(),
            help: Some("did you mean timeout?".to_owned()),
        };
        let error = ConfigError::Faults(vec![fault]);
        assert_eq!(error.to_string(), "f.yml:3:5: alerting: field tmeout not found (did you mean timeout?)");
        insta::assert_snapshot!(error.render(false), @r"
        error: alerting: field tmeout not found
         --> f.yml:3:5
          |
        3 |     tmeout: …
          |     ^^^^^^
          |
          = help: did you mean timeout?
        ");
    }
}
