//! The body of `POST /api/v2/silences`, and silences as the API shows them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::alerts::{RequestError, folds_to, text, wrong_type};
use super::date_error::date_error;
use super::scan::{Scanner, SyntaxError};
use super::write::{push_json_string, push_list, push_time};
use crate::model::{MatchType, Silence, SilenceMatcher, Timestamp};

/// Reads a body: one silence, or the first error as Alertmanager's framework finds it. The silence has one set of
/// matchers and no time of change; an empty id means that there is none. A `null` among the matchers, on which
/// Alertmanager's request handler crashes, is told as a missing one.
pub fn decode_silence(body: &[u8]) -> Result<Silence, RequestError> {
    let mut posted = Posted::default();
    match posted.read(&mut Scanner::new(body)) {
        Ok(()) => {}
        Err(SyntaxError::Empty) => return Err(RequestError::required("silence")),
        Err(error) => return Err(RequestError::parse("silence", error)),
    }
    match posted.errors.first() {
        Some(error) => Err(RequestError::parse("silence", error)),
        None => posted.validate(),
    }
}

/// Where Go would report a value of the wrong type: it reads the body once for the id and once for all else, and in
/// each pass an error of a type with its own parser comes before others.
#[derive(Default)]
struct TypeErrors {
    id: Option<String>,
    time: Option<String>,
    other: Option<String>,
}

impl TypeErrors {
    fn first(&mut self) -> Option<String> {
        self.id.take().or_else(|| self.time.take()).or_else(|| self.other.take())
    }
}

/// A silence while it is read.
#[derive(Default)]
struct Posted<'a> {
    id: Cow<'a, str>,
    matchers: Option<Vec<PostedMatcher<'a>>>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    created_by: Option<Cow<'a, str>>,
    comment: Option<Cow<'a, str>>,
    annotations: BTreeMap<String, String>,
    errors: TypeErrors,
}

#[derive(Default)]
struct PostedMatcher<'a> {
    /// Whether it is an object at all.
    present: bool,
    is_equal: Option<bool>,
    is_regex: Option<bool>,
    name: Option<Cow<'a, str>>,
    value: Option<Cow<'a, str>>,
}

/// What Go names when a body is no object.
const BODY_TYPE: &str = r#"struct { ID string "json:\"id,omitempty\"" }"#;

const MEMBERS: [&str; 7] = ["id", "matchers", "startsAt", "endsAt", "createdBy", "comment", "annotations"];
const MATCHER_MEMBERS: [&str; 4] = ["isEqual", "isRegex", "name", "value"];

/// The member of this name, or else one that is it in another case.
fn member<const N: usize>(name: &str, members: [&'static str; N]) -> Option<&'static str> {
    let exact = members.into_iter().find(|candidate| *candidate == name);
    exact.or_else(|| members.into_iter().find(|candidate| folds_to(name, candidate)))
}

impl<'a> Posted<'a> {
    fn read(&mut self, scanner: &mut Scanner<'a>) -> Result<(), SyntaxError> {
        match scanner.peek()? {
            b'{' => {}
            b'n' => return scanner.null(),
            _ => {
                let kind = scanner.skip()?;
                self.errors.id =
                    Some(format!("json: cannot unmarshal {kind} into Go value of type {BODY_TYPE}"));
                return Ok(());
            }
        }
        scanner.object(|scanner, name| match member(&name, MEMBERS) {
            Some("id") => {
                if let Some(id) = text(scanner, ".id", &mut self.errors.id)? {
                    self.id = id;
                }
                Ok(())
            }
            Some("matchers") => self.matchers(scanner),
            Some("startsAt") => time(scanner, &mut self.starts_at, &mut self.errors),
            Some("endsAt") => time(scanner, &mut self.ends_at, &mut self.errors),
            Some("createdBy") => {
                self.created_by = text(scanner, "Silence.createdBy", &mut self.errors.other)?;
                Ok(())
            }
            Some("comment") => {
                self.comment = text(scanner, "Silence.comment", &mut self.errors.other)?;
                Ok(())
            }
            Some(_) => self.annotations(scanner),
            None => scanner.skip().map(drop),
        })
    }

    fn matchers(&mut self, scanner: &mut Scanner<'a>) -> Result<(), SyntaxError> {
        match scanner.peek()? {
            b'[' => {}
            b'n' => {
                self.matchers = None;
                return scanner.null();
            }
            _ => {
                let kind = scanner.skip()?;
                self.errors
                    .other
                    .get_or_insert_with(|| wrong_type(kind, "Silence.matchers", "models.Matchers"));
                return Ok(());
            }
        }
        let mut matchers = Vec::new();
        let error = &mut self.errors.other;
        scanner.array(|scanner| {
            matchers.push(matcher(scanner, matchers.len(), error)?);
            Ok(())
        })?;
        self.matchers = Some(matchers);
        Ok(())
    }

    fn annotations(&mut self, scanner: &mut Scanner<'a>) -> Result<(), SyntaxError> {
        match scanner.peek()? {
            b'{' => {}
            b'n' => {
                self.annotations.clear();
                return scanner.null();
            }
            _ => {
                let kind = scanner.skip()?;
                self.errors
                    .other
                    .get_or_insert_with(|| wrong_type(kind, "Silence.annotations", "models.LabelSet"));
                return Ok(());
            }
        }
        scanner.object(|scanner, name| {
            let field = format!("Silence.annotations.{name}");
            let value = text(scanner, &field, &mut self.errors.other)?;
            self.annotations.insert(name.into_owned(), value.unwrap_or_default().into_owned());
            Ok(())
        })
    }

    /// The checks of the API's document, in the order of the members' names.
    fn validate(self) -> Result<Silence, RequestError> {
        let comment = self.comment.ok_or_else(|| RequestError::required("comment"))?;
        let created_by = self.created_by.ok_or_else(|| RequestError::required("createdBy"))?;
        let ends_at = self.ends_at.ok_or_else(|| RequestError::required("endsAt"))?;
        let matchers = self.matchers.ok_or_else(|| RequestError::required("matchers"))?;
        if matchers.is_empty() {
            let message = "matchers in body should have at least 1 items".to_owned();
            return Err(RequestError { status: 422, code: 612, message });
        }
        let matchers: Result<Vec<SilenceMatcher>, RequestError> =
            matchers.into_iter().enumerate().map(|(place, matcher)| matcher.validate(place)).collect();
        Ok(Silence {
            id: SmolStr::new(&self.id),
            matcher_sets: vec![matchers?],
            starts_at: self.starts_at.ok_or_else(|| RequestError::required("startsAt"))?,
            ends_at,
            updated_at: Timestamp::ZERO,
            created_by: created_by.into_owned(),
            comment: comment.into_owned(),
            annotations: self.annotations,
            wire: None,
        })
    }
}

impl PostedMatcher<'_> {
    fn validate(self, place: usize) -> Result<SilenceMatcher, RequestError> {
        if !self.present {
            return Err(RequestError::required(&format!("matchers.{place}")));
        }
        let missing = |member: &str| RequestError::required(&format!("matchers.{place}.{member}"));
        let is_regex = self.is_regex.ok_or_else(|| missing("isRegex"))?;
        let name = self.name.ok_or_else(|| missing("name"))?;
        let value = self.value.ok_or_else(|| missing("value"))?;
        let kind = match (self.is_equal.unwrap_or(true), is_regex) {
            (true, false) => MatchType::Equal,
            (false, false) => MatchType::NotEqual,
            (true, true) => MatchType::Regex,
            (false, true) => MatchType::NotRegex,
        };
        Ok(SilenceMatcher { kind, name: SmolStr::new(name), value: SmolStr::new(value) })
    }
}

fn matcher<'a>(
    scanner: &mut Scanner<'a>,
    place: usize,
    error: &mut Option<String>,
) -> Result<PostedMatcher<'a>, SyntaxError> {
    let mut matcher = PostedMatcher::default();
    match scanner.peek()? {
        b'{' => matcher.present = true,
        b'n' => {
            scanner.null()?;
            return Ok(matcher);
        }
        _ => {
            let kind = scanner.skip()?;
            error.get_or_insert_with(|| {
                format!("json: cannot unmarshal {kind} into Silence.matchers.{place} of type models.Matcher")
            });
            return Ok(matcher);
        }
    }
    scanner.object(|scanner, name| {
        let Some(name) = member(&name, MATCHER_MEMBERS) else { return scanner.skip().map(drop) };
        let field = format!("Silence.matchers.{place}.{name}");
        match name {
            "isEqual" => matcher.is_equal = boolean(scanner, &field, error)?,
            "isRegex" => matcher.is_regex = boolean(scanner, &field, error)?,
            "name" => matcher.name = text(scanner, &field, error)?,
            _ => matcher.value = text(scanner, &field, error)?,
        }
        Ok(())
    })?;
    Ok(matcher)
}

fn boolean(
    scanner: &mut Scanner<'_>,
    field: &str,
    error: &mut Option<String>,
) -> Result<Option<bool>, SyntaxError> {
    let first = scanner.peek()?;
    let kind = scanner.skip()?;
    match first {
        b't' => return Ok(Some(true)),
        b'f' => return Ok(Some(false)),
        b'n' => {}
        _ => {
            error.get_or_insert_with(|| wrong_type(kind, field, "bool"));
        }
    }
    Ok(None)
}

fn time(
    scanner: &mut Scanner<'_>,
    time: &mut Option<Timestamp>,
    errors: &mut TypeErrors,
) -> Result<(), SyntaxError> {
    match scanner.peek()? {
        b'"' => {
            let text = scanner.string()?;
            match Timestamp::parse(&text) {
                Ok(parsed) => *time = Some(parsed),
                Err(_) => {
                    errors.time.get_or_insert_with(|| date_error(&text));
                }
            }
        }
        b'n' => {
            scanner.null()?;
            *time = None;
        }
        _ => {
            let kind = scanner.skip()?;
            errors
                .time
                .get_or_insert_with(|| format!("json: cannot unmarshal {kind} into Go value of type string"));
        }
    }
    Ok(())
}

/// Appends a silence with the members of API v2 in their order: of its sets of matchers the first, since API v2 knows
/// no others.
pub fn push_api_silence(silence: &Silence, now: Timestamp, json: &mut Vec<u8>) {
    json.extend_from_slice(b"{\"id\":");
    push_json_string(&silence.id, json);
    json.extend_from_slice(b",\"status\":{\"state\":");
    push_json_string(silence.shown_state_at(now).as_str(), json);
    json.extend_from_slice(b"},\"updatedAt\":");
    push_time(silence.updated_at, json);
    if !silence.annotations.is_empty() {
        for (place, (name, value)) in silence.annotations.iter().enumerate() {
            json.extend_from_slice(if place == 0 { b",\"annotations\":{" } else { b"," });
            push_json_string(name, json);
            json.push(b':');
            push_json_string(value, json);
        }
        json.push(b'}');
    }
    json.extend_from_slice(b",\"comment\":");
    push_json_string(&silence.comment, json);
    json.extend_from_slice(b",\"createdBy\":");
    push_json_string(&silence.created_by, json);
    json.extend_from_slice(b",\"endsAt\":");
    push_time(silence.ends_at, json);
    json.extend_from_slice(b",\"matchers\":");
    let matchers = silence.matcher_sets.first().map(Vec::as_slice).unwrap_or_default();
    push_list(matchers, json, |matcher, json| {
        let word = |flag: bool| if flag { &b"true"[..] } else { b"false" };
        json.extend_from_slice(b"{\"isEqual\":");
        json.extend_from_slice(word(matcher.kind.is_positive()));
        json.extend_from_slice(b",\"isRegex\":");
        json.extend_from_slice(word(matcher.kind.is_regex()));
        json.extend_from_slice(b",\"name\":");
        push_json_string(&matcher.name, json);
        json.extend_from_slice(b",\"value\":");
        push_json_string(&matcher.value, json);
        json.push(b'}');
    });
    json.extend_from_slice(b",\"startsAt\":");
    push_time(silence.starts_at, json);
    json.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        r#""startsAt":"2026-01-01T00:00:00Z","endsAt":"2100-01-01T00:00:00Z","createdBy":"me","comment":"c""#;

    #[test]
    fn refusals_are_those_of_the_framework() {
        let cases = [
            ("".to_owned(), 602, "silence in body is required"),
            ("null".to_owned(), 602, "comment in body is required"),
            ("{".to_owned(), 400, "parsing silence body from \"\" failed, because unexpected EOF"),
            (format!("{{{WHOLE}}}"), 602, "matchers in body is required"),
            (format!("{{\"matchers\":[],{WHOLE}}}"), 612, "matchers in body should have at least 1 items"),
            (format!("{{\"matchers\":[null],{WHOLE}}}"), 602, "matchers.0 in body is required"),
            (format!("{{\"matchers\":[{{}}],{WHOLE}}}"), 602, "matchers.0.isRegex in body is required"),
            (
                format!("{{\"matchers\":[{{\"name\":1}}],{WHOLE}}}"),
                400,
                "parsing silence body from \"\" failed, because json: cannot unmarshal number into Go struct field \
                 Silence.matchers.0.name of type string",
            ),
            (
                format!("{{\"comment\":1,{},\"id\":2}}", WHOLE.replace("2026-01-01T00:00:00Z", "soon")),
                400,
                "parsing silence body from \"\" failed, because json: cannot unmarshal number into Go struct field \
                 .id of type string",
            ),
        ];
        for (body, code, message) in cases {
            let error = decode_silence(body.as_bytes()).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn a_silence_comes_back_as_it_was_posted() {
        let body = r#"{"MATCHERS":[{"name":"z","value":"<1>","isRegex":false},
            {"name":"a","value":"1","isRegex":true,"isEqual":false,"more":[{}]}],"annotations":{"k":"v","e":null},
            "id":"","startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-02T00:00:00Z","createdBy":"me","comment":""}{"#;
        let silence = decode_silence(body.as_bytes()).unwrap();
        let mut json = Vec::new();
        push_api_silence(&silence, Timestamp::parse("2026-01-02T00:00:00Z").unwrap(), &mut json);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            concat!(
                r#"{"id":"","status":{"state":"expired"},"updatedAt":"0001-01-01T00:00:00.000Z","annotations":{"e":"","k":"v"},"#,
                r#""comment":"","createdBy":"me","endsAt":"2026-01-02T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"#,
                r#""name":"z","value":"\u003c1\u003e"},{"isEqual":false,"isRegex":true,"name":"a","value":"1"}],"#,
                r#""startsAt":"2026-01-01T00:00:00.000Z"}"#
            )
        );
    }
}
