//! Answers of robots, which refuse with status 200.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::model::FailureReason;
use crate::net::Response;
use crate::notify::failure::Failure;

/// How a robot answers.
#[derive(Debug, Clone, Copy)]
pub(in crate::notify) struct Codes {
    /// The members that may hold the code; 0 is success.
    pub(super) code: &'static [&'static str],
    /// The members that may hold the text.
    pub(super) text: &'static [&'static str],
    /// Codes that are tried again: the robot was asked too often, or is busy.
    pub(super) retried: &'static [i64],
}

impl Codes {
    /// Whether an answer, whatever its status, asks to try again.
    pub(in crate::notify) fn is_retried(&self, answer: &Response) -> bool {
        self.said(answer).0.is_some_and(|code| self.retried.contains(&code))
    }

    /// Judges an answer with status 2xx.
    pub(in crate::notify) fn check(&self, answer: &Response) -> Result<(), Failure> {
        let (code, text) = self.said(answer);
        let Some(code) = code else {
            let body = String::from_utf8_lossy(&answer.body);
            return Err(Failure::retry(format!("unexpected answer: {body}")));
        };
        if code == 0 {
            return Ok(());
        }
        let error = format!("refused with code {code}: {text}");
        if self.retried.contains(&code) {
            return Err(Failure::retry(error).because(FailureReason::RateLimited));
        }
        Err(Failure::lasting(error).because(FailureReason::ClientError))
    }

    /// The code and the text of an answer.
    fn said(&self, answer: &Response) -> (Option<i64>, String) {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let member = |names: &[&str]| names.iter().find_map(|name| said.get(name));
        let text = member(self.text).and_then(Value::as_str).unwrap_or_default().to_owned();
        (member(self.code).and_then(Value::as_i64), text)
    }
}

/// HMAC-SHA256 in Base64.
pub(super) fn signature(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}
