//! The files of templates that an `alertmanager.yml` or a command line names.

use std::path::{Path, PathBuf};

use crate::discovery::glob;
use crate::template::{self, TemplateSet};

/// Why the templates cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFileError {
    /// A pattern of file names is broken.
    #[error("{}: syntax error in pattern", .0.display())]
    Pattern(PathBuf),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no template.
    #[error("{}: {source}", path.display())]
    Parse {
        /// Which one.
        path: PathBuf,
        /// What is wrong, with its line.
        source: template::Error,
    },
    /// The default templates: ours to mend.
    #[error("the default templates: {0}")]
    Defaults(template::Error),
}

/// The default templates, and over them those of all files that match one of the patterns, each under its base name,
/// in the order of the patterns and then of their paths. A pattern without files is fine. Bytes that are not UTF-8
/// become U+FFFD, as they would in the JSON that Alertmanager sends.
pub fn load_templates(patterns: &[impl AsRef<Path>]) -> Result<TemplateSet, TemplateFileError> {
    let mut set = TemplateSet::with_defaults().map_err(TemplateFileError::Defaults)?;
    for pattern in patterns.iter().map(AsRef::as_ref) {
        if !glob::is_valid(pattern) {
            return Err(TemplateFileError::Pattern(pattern.to_owned()));
        }
        for path in glob::files(pattern) {
            let bytes = std::fs::read(&path)
                .map_err(|source| TemplateFileError::Read { path: path.clone(), source })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            set.add(&name, &String::from_utf8_lossy(&bytes))
                .map_err(|source| TemplateFileError::Parse { path: path.clone(), source })?;
        }
    }
    Ok(set)
}
