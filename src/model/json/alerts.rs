//! The body of `POST /api/v2/alerts`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::date_error::date_error;
use super::push_json_string;
use super::scan::{Scanner, SyntaxError};
use super::uri::is_request_uri;
use crate::model::{Alert, LabelSet, MatcherMode, Timestamp, quote};

/// An alert as it was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedAlert {
    /// The labels, without those whose value is empty.
    pub labels: LabelSet,
    /// The annotations, empty ones included.
    pub annotations: LabelSet,
    /// Since when it fires, if the sender says so; the zero time says nothing.
    pub starts_at: Option<Timestamp>,
    /// When it ends or ended, if the sender says so; the zero time says nothing.
    pub ends_at: Option<Timestamp>,
    /// Where it comes from, or the empty text.
    pub generator_url: Arc<str>,
}

/// A request that Alertmanager's framework refuses as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// The HTTP status.
    pub status: u16,
    /// The number in the answer's body.
    pub code: u16,
    /// The text in the answer's body.
    pub message: String,
}

impl RequestError {
    /// The answer's body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = format!("{{\"code\":{},\"message\":", self.code).into_bytes();
        push_json_string(&self.message, &mut json);
        json.push(b'}');
        json
    }

    /// A body whose JSON is broken or does not fit; `what` it should be.
    pub(super) fn parse(what: &str, error: impl std::fmt::Display) -> Self {
        let message = format!("parsing {what} body from \"\" failed, because {error}");
        Self { status: 400, code: 400, message }
    }

    /// Something that has to be there and is not.
    pub(super) fn required(name: &str) -> Self {
        Self { status: 422, code: 602, message: format!("{name} in body is required") }
    }
}

/// Reads a body; either every element or the first error, as Alertmanager does. A `null` among the elements, on
/// which Alertmanager's request handler crashes, is told as a missing one.
pub fn decode_alerts(body: &[u8]) -> Result<Vec<PostedAlert>, RequestError> {
    let mut decoder = Decoder::default();
    let mut scanner = Scanner::new(body);
    match decoder.body(&mut scanner) {
        Ok(()) => {}
        Err(SyntaxError::Empty) => return Err(RequestError::required("alerts")),
        Err(error) => return Err(RequestError::parse("alerts", error)),
    }
    match (decoder.type_error, decoder.refusal) {
        (Some(error), _) => Err(RequestError::parse("alerts", error)),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Ok(decoder.alerts),
    }
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

#[derive(Default)]
struct Decoder<'a> {
    alerts: Vec<PostedAlert>,
    /// The first value of the wrong type. The rest is read all the same: a syntax error further on would be
    /// reported instead.
    type_error: Option<String>,
    /// The first element that is readable but not acceptable.
    refusal: Option<RequestError>,
    elements: usize,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    /// The last generator URL: the alerts of one rule share it.
    generator_url: Option<Arc<str>>,
    /// Where label sets are packed.
    packed: String,
}

/// Where Go would report an error: it reads every element twice, once for each embedded struct, and in each pass
/// an error of a type with its own parser comes before others.
#[derive(Default)]
struct ElementErrors {
    first_pass: PassErrors,
    second_pass: PassErrors,
}

#[derive(Default)]
struct PassErrors {
    parser: Option<String>,
    kind: Option<String>,
}

/// Members of an alert while it is read.
#[derive(Default)]
struct Members<'a> {
    has_labels: bool,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    generator_url: Cow<'a, str>,
}

impl<'a> Decoder<'a> {
    fn body(&mut self, scanner: &mut Scanner<'a>) -> Result<(), SyntaxError> {
        match scanner.peek()? {
            b'[' => scanner.array(|scanner| {
                self.element(scanner)?;
                self.elements += 1;
                Ok(())
            }),
            b'n' => scanner.null(),
            _ => {
                let kind = scanner.skip()?;
                self.type_error = Some(format!(
                    "json: cannot unmarshal {kind} into Go value of type models.PostableAlerts"
                ));
                Ok(())
            }
        }
    }

    fn element(&mut self, scanner: &mut Scanner<'a>) -> Result<(), SyntaxError> {
        match scanner.peek()? {
            b'{' => {}
            b'n' => {
                scanner.null()?;
                let number = self.elements;
                self.refuse(|| RequestError::required(&number.to_string()));
                return Ok(());
            }
            _ => {
                let kind = scanner.skip()?;
                self.fail(format!("json: cannot unmarshal {kind} into Go value of type {ELEMENT_TYPE}"));
                return Ok(());
            }
        }
        self.labels.clear();
        self.annotations.clear();
        let mut members = Members::default();
        let mut errors = ElementErrors::default();
        scanner.object(|scanner, name| self.member(scanner, &name, &mut members, &mut errors))?;
        let ElementErrors { first_pass, second_pass } = errors;
        let error = first_pass.parser.or(first_pass.kind).or(second_pass.parser).or(second_pass.kind);
        match error {
            Some(error) => self.fail(error),
            None => self.finish(members),
        }
        Ok(())
    }

    fn member(
        &mut self,
        scanner: &mut Scanner<'a>,
        name: &str,
        members: &mut Members<'a>,
        errors: &mut ElementErrors,
    ) -> Result<(), SyntaxError> {
        match Member::named(name) {
            Some(Member::Labels) => {
                let errors = &mut errors.second_pass.kind;
                members.has_labels = label_set(scanner, &mut self.labels, "Alert.labels", errors)?;
            }
            Some(Member::Annotations) => {
                label_set(scanner, &mut self.annotations, ".annotations", &mut errors.first_pass.kind)?;
            }
            Some(Member::StartsAt) => {
                time(scanner, &mut members.starts_at, ".startsAt", &mut errors.first_pass.parser)?;
            }
            Some(Member::EndsAt) => {
                time(scanner, &mut members.ends_at, ".endsAt", &mut errors.first_pass.parser)?;
            }
            Some(Member::GeneratorUrl) => {
                let parser = &mut errors.second_pass.parser;
                if let Some(url) = text(scanner, "Alert.generatorURL", parser)? {
                    members.generator_url = url;
                }
            }
            None => {
                scanner.skip()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, members: Members<'a>) {
        let number = self.elements;
        let url = members.generator_url;
        let known_url = self.generator_url.as_deref() == Some(&*url);
        if !known_url && !url.is_empty() && !is_request_uri(&url) {
            self.refuse(|| RequestError {
                status: 422,
                code: 601,
                message: format!("{number}.generatorURL in body must be of type uri: {}", quote(&url)),
            });
        }
        if !members.has_labels {
            self.refuse(|| RequestError::required(&format!("{number}.labels")));
        }
        if self.labels.iter().any(|(_, value)| value.is_empty()) {
            remove_empty(&mut self.labels);
        }
        let generator_url = self.shared_url(&url);
        self.alerts.push(PostedAlert {
            labels: LabelSet::from_pairs_with(&mut self.labels, &mut self.packed),
            annotations: LabelSet::from_pairs_with(&mut self.annotations, &mut self.packed),
            starts_at: members.starts_at.filter(|time| !time.is_zero()),
            ends_at: members.ends_at.filter(|time| !time.is_zero()),
            generator_url,
        });
    }

    fn shared_url(&mut self, url: &str) -> Arc<str> {
        match &self.generator_url {
            Some(last) if **last == *url => Arc::clone(last),
            _ => Arc::clone(self.generator_url.insert(Arc::from(url))),
        }
    }

    fn fail(&mut self, error: String) {
        self.type_error.get_or_insert(error);
    }

    fn refuse(&mut self, refusal: impl FnOnce() -> RequestError) {
        self.refusal.get_or_insert_with(refusal);
    }
}

/// The type that Go names when an element is no object.
const ELEMENT_TYPE: &str = r#"struct { Annotations models.LabelSet "json:\"annotations,omitempty\""; EndsAt strfmt.DateTime "json:\"endsAt,omitempty\""; StartsAt strfmt.DateTime "json:\"startsAt,omitempty\"" }"#;

#[derive(Clone, Copy)]
enum Member {
    Labels,
    Annotations,
    StartsAt,
    EndsAt,
    GeneratorUrl,
}

impl Member {
    fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Member); 5] = [
            ("labels", Member::Labels),
            ("annotations", Member::Annotations),
            ("startsAt", Member::StartsAt),
            ("endsAt", Member::EndsAt),
            ("generatorURL", Member::GeneratorUrl),
        ];
        let exact = NAMES.iter().find(|(candidate, _)| *candidate == name);
        exact
            .or_else(|| NAMES.iter().find(|(candidate, _)| folds_to(name, candidate)))
            .map(|(_, member)| *member)
    }
}

/// Whether two names are equal when case is folded; the long s folds to s.
pub(super) fn folds_to(name: &str, ascii: &str) -> bool {
    let fold = |character: char| if character == 'ſ' { 's' } else { character.to_ascii_lowercase() };
    name.chars().map(fold).eq(ascii.chars().map(fold))
}

/// Adds the members of an object of texts, and tells whether there was an object. `null` takes back what came
/// before.
fn label_set<'a>(
    scanner: &mut Scanner<'a>,
    pairs: &mut Pairs<'a>,
    field: &str,
    error: &mut Option<String>,
) -> Result<bool, SyntaxError> {
    match scanner.peek()? {
        b'{' => {}
        b'n' => {
            scanner.null()?;
            pairs.clear();
            return Ok(false);
        }
        _ => {
            let kind = scanner.skip()?;
            error.get_or_insert_with(|| wrong_type(kind, field, "models.LabelSet"));
            return Ok(false);
        }
    }
    scanner.object(|scanner, name| {
        match scanner.peek()? {
            b'"' => pairs.push((name, scanner.string()?)),
            b'n' => {
                scanner.null()?;
                pairs.push((name, Cow::Borrowed("")));
            }
            _ => {
                let kind = scanner.skip()?;
                error.get_or_insert_with(|| wrong_type(kind, field, "string"));
            }
        }
        Ok(())
    })?;
    Ok(true)
}

pub(super) fn wrong_type(kind: &str, field: &str, wanted: &str) -> String {
    format!("json: cannot unmarshal {kind} into Go struct field {field} of type {wanted}")
}

/// A string, or nothing for `null`; a value of another type is skipped and noted in `error` as Go words it.
pub(super) fn text<'a>(
    scanner: &mut Scanner<'a>,
    field: &str,
    error: &mut Option<String>,
) -> Result<Option<Cow<'a, str>>, SyntaxError> {
    match scanner.peek()? {
        b'"' => return scanner.string().map(Some),
        b'n' => scanner.null()?,
        _ => {
            let kind = scanner.skip()?;
            error.get_or_insert_with(|| wrong_type(kind, field, "string"));
        }
    }
    Ok(None)
}

fn time(
    scanner: &mut Scanner<'_>,
    time: &mut Option<Timestamp>,
    field: &str,
    error: &mut Option<String>,
) -> Result<(), SyntaxError> {
    if let Some(text) = text(scanner, field, error)? {
        match Timestamp::parse(&text) {
            Ok(parsed) => *time = Some(parsed),
            Err(_) => {
                error.get_or_insert_with(|| date_error(&text));
            }
        }
    }
    Ok(())
}

/// Removes pairs whose last value is empty; the later of two with one name wins.
fn remove_empty(pairs: &mut Pairs<'_>) {
    pairs.reverse();
    pairs.sort_by(|left, right| left.0.cmp(&right.0));
    pairs.dedup_by(|later, first| later.0 == first.0);
    pairs.retain(|(_, value)| !value.is_empty());
}

/// Why a readable alert is not accepted, in Alertmanager's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// The alert ends before it starts.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// No label has a value.
    #[error("at least one label pair required")]
    NoLabels,
    /// The name of a label is not valid in the mode in force.
    #[error("invalid label set: invalid name {}", quote(.0))]
    LabelName(String),
    /// The name of an annotation is not valid in the mode in force.
    #[error("invalid annotations: invalid name {}", quote(.0))]
    AnnotationName(String),
}

impl PostedAlert {
    /// Whether the alert counts as firing when it arrives at `now`.
    #[must_use]
    pub fn is_firing_at(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|ends_at| ends_at > now)
    }

    /// The alert that follows when this is accepted at `now`. A missing start is the end or now; a missing end is
    /// `resolve_timeout` from now and marks the alert as timed out by us.
    pub fn validate(
        self,
        now: Timestamp,
        resolve_timeout: Duration,
        names: MatcherMode,
    ) -> Result<Alert, AlertError> {
        let starts_at = self.starts_at.or(self.ends_at).unwrap_or(now);
        let timeout = self.ends_at.is_none();
        let ends_at = self.ends_at.unwrap_or(now + resolve_timeout);
        if ends_at < starts_at {
            return Err(AlertError::EndsBeforeStart);
        }
        if self.labels.is_empty() {
            return Err(AlertError::NoLabels);
        }
        let bad_name = |labels: &LabelSet| {
            labels.iter().map(|(name, _)| name).find(|name| !names.is_label_name(name)).map(str::to_owned)
        };
        if let Some(name) = bad_name(&self.labels) {
            return Err(AlertError::LabelName(name));
        }
        if let Some(name) = bad_name(&self.annotations) {
            return Err(AlertError::AnnotationName(name));
        }
        Ok(Alert {
            labels: self.labels,
            annotations: self.annotations,
            starts_at,
            ends_at,
            updated_at: now,
            generator_url: self.generator_url,
            timeout,
        })
    }
}
