//! Where a value stands in its file.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// The file, line and column of a value, kept with it so that a fault found after reading (a missing certificate,
/// a receiver nobody defined) still names its place. Displays as `file:line:column`.
///
/// All positions are equal to each other and hash alike: where a value stands is no part of what it is, so
/// configurations that hold positions compare by their contents.
#[derive(Clone)]
pub struct Position {
    file: Arc<Path>,
    line: u32,
    column: u32,
}

impl Position {
    /// A place in `file`; `line` and `column` count from 1, a column counts characters.
    #[must_use]
    pub fn new(file: Arc<Path>, line: u32, column: u32) -> Self {
        Self { file, line, column }
    }

    /// The file, as it was named when it was opened.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl Default for Position {
    /// The place of a value that was not read from a file, such as one built in a test.
    fn default() -> Self {
        Self { file: Arc::from(Path::new("(built in)")), line: 1, column: 1 }
    }
}

impl PartialEq for Position {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Position {}

impl Hash for Position {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
