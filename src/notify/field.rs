//! The texts of a configuration that are templates.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::failure::Failure;
use crate::config::{Secret, SecretUrl, Source};
use crate::template::{Data, Environment, Error, Template, TemplateSet};

/// A text of an integration, parsed once and rendered for each notification. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The key in the file, such as `title` or `fields[1].value`.
    pub(super) key: Arc<str>,
    /// Whether it is rendered with HTML escaping.
    pub(super) is_html: bool,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// No template at all.
    Literal(Arc<str>),
    Template(Template),
    /// Not a template; the error shows at load and at every use.
    Broken(Error),
}

impl Field {
    pub(super) fn text(templates: &TemplateSet, key: &str, source: &str) -> Self {
        let body = if source.contains("{{") {
            Body::new(templates.text(source))
        } else {
            Body::Literal(Arc::from(source))
        };
        Self { key: Arc::from(key), is_html: false, body }
    }

    /// A text that is no template.
    pub(super) fn literal(key: &str, text: &str) -> Self {
        Self { key: Arc::from(key), is_html: false, body: Body::Literal(Arc::from(text)) }
    }

    pub(super) fn html(templates: &TemplateSet, key: &str, source: &str) -> Self {
        let body =
            if source.is_empty() { Body::Literal(Arc::from("")) } else { Body::new(templates.html(source)) };
        Self { key: Arc::from(key), is_html: true, body }
    }

    /// Whether the text is empty, whatever the notification.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.body, Body::Literal(text) if text.is_empty())
    }

    pub(super) fn render(&self, data: &Arc<Data>, environment: &Environment) -> Result<String, Error> {
        match &self.body {
            Body::Literal(text) => Ok(text.as_ref().to_owned()),
            Body::Template(template) => template.render(data, environment),
            Body::Broken(error) => Err(error.clone()),
        }
    }

    /// Why the text is not a template.
    pub(super) fn broken(&self) -> Option<&Error> {
        match &self.body {
            Body::Broken(error) => Some(error),
            Body::Literal(_) | Body::Template(_) => None,
        }
    }
}

impl Body {
    fn new(parsed: Result<Template, Error>) -> Self {
        parsed.map_or_else(Self::Broken, Self::Template)
    }
}

/// A secret: the text itself, or a file that is read for each notification, white space at both ends cut off.
#[derive(Clone)]
pub(super) enum SecretField {
    /// From the configuration; a template if it is one there.
    Inline(Field),
    /// From a file.
    File {
        /// The key in the configuration, such as `url_file`.
        key: Arc<str>,
        /// The file.
        path: PathBuf,
        /// Renders the content where it is a template.
        templates: Option<TemplateSet>,
    },
}

impl SecretField {
    /// A secret that is taken as it is.
    pub(super) fn literal(key: &str, source: &Source<Secret>) -> Self {
        match source {
            Source::Inline(secret) => {
                let body = Body::Literal(Arc::from(secret.expose()));
                Self::Inline(Field { key: Arc::from(key), is_html: false, body })
            }
            Source::File(path) => {
                Self::File { key: format!("{key}_file").into(), path: path.clone(), templates: None }
            }
        }
    }

    /// A URL that is a secret and is taken as it is.
    pub(super) fn url(key: &str, source: &Source<SecretUrl>) -> Self {
        match source {
            Source::Inline(url) => Self::literal(key, &Source::Inline(Secret::new(url.expose()))),
            Source::File(path) => Self::literal(key, &Source::File(path.clone())),
        }
    }

    /// A secret that is a template.
    pub(super) fn template(templates: &TemplateSet, key: &str, source: &Source<Secret>) -> Self {
        match source {
            Source::Inline(secret) => Self::Inline(Field::text(templates, key, secret.expose())),
            Source::File(path) => Self::File {
                key: format!("{key}_file").into(),
                path: path.clone(),
                templates: Some(templates.clone()),
            },
        }
    }

    /// The secret for one notification. What a failure says holds no part of it: of a template's error only the place.
    pub(super) async fn reveal(
        &self,
        data: &Arc<Data>,
        environment: &Environment,
    ) -> Result<Secret, Failure> {
        let rendered = match self {
            Self::Inline(field) => field.render(data, environment).map_err(|error| (&field.key, error)),
            Self::File { key, path, templates } => {
                let content = tokio::fs::read_to_string(path).await;
                let content = content.map_err(|error| {
                    Failure::lasting(format!("{key}: could not read {}: {error}", path.display()))
                })?;
                match templates {
                    Some(templates) => Field::text(templates, key, content.trim())
                        .render(data, environment)
                        .map(|text| text.trim().to_owned())
                        .map_err(|error| (key, error)),
                    None => Ok(content.trim().to_owned()),
                }
            }
        };
        match rendered {
            Ok(text) => Ok(Secret::new(&text)),
            Err((key, error)) => Err(Failure::lasting(format!("{key}: {}", without_content(&error)))),
        }
    }
}

impl fmt::Debug for SecretField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Inline(Field { key, .. }) | Self::File { key, .. }) = self;
        write!(f, "SecretField({key})")
    }
}

/// A template's error without any of its source.
pub(super) fn without_content(error: &Error) -> String {
    match error {
        Error::Parse { line, .. } => format!("line {line} is not a template"),
        Error::Execute { location, .. } => {
            format!("the template fails at {}", location.trim_start_matches(':'))
        }
        _ => "the template cannot be rendered".to_owned(),
    }
}
