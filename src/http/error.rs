//! What the server says when it refuses: always the same JSON object {code, message, where, hint}.
//!
//! `code` is stable and for programs, `message` says what is wrong, `where` names the place in what
//! was sent, `hint` what to do next. The line-protocol doors add the keys that InfluxDB's clients read.

use super::reply::{self, Reply};
use crate::ingest::BodyError;
use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use serde_json::{Map, Value, json};

/// A refusal.
#[derive(Debug, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// For programs; stable.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The place in what was sent; may be empty.
    pub place: Box<str>,
    /// What to do next; may be empty.
    pub hint: String,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
    /// The methods that the path has, when the method was wrong.
    pub allow: Option<Box<str>>,
    /// Further keys of the object.
    pub more: Box<Map<String, Value>>,
}

impl ApiError {
    /// A refusal with this status and code.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            code,
            message: message.into(),
            place: Box::default(),
            hint: String::new(),
            retry_after: None,
            allow: None,
            more: Box::default(),
        }
    }

    /// 400.
    pub fn invalid(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 503 with `Retry-After`.
    pub fn unavailable(
        code: &'static str,
        message: impl Into<String>,
        retry_after: u32,
    ) -> ApiError {
        ApiError {
            retry_after: Some(retry_after),
            ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }

    /// The same, naming the place.
    pub fn place(mut self, place: impl Into<Box<str>>) -> ApiError {
        self.place = place.into();
        self
    }

    /// The same, with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> ApiError {
        self.hint = hint.into();
        self
    }

    /// The same, with one more key.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> ApiError {
        self.more.insert(key.into(), value.into());
        self
    }

    /// The response.
    pub fn reply(self) -> Reply {
        let mut object = json!({
            "code": self.code,
            "message": self.message,
            "where": self.place,
            "hint": self.hint,
        });
        if let Value::Object(map) = &mut object {
            map.extend(*self.more);
        }
        let mut reply = reply::text(self.status, "application/json", object.to_string() + "\n");
        if let Some(seconds) = self.retry_after {
            reply.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self
            .allow
            .and_then(|allow| HeaderValue::from_str(&allow).ok())
        {
            reply.headers_mut().insert(ALLOW, allow);
        }
        reply
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> ApiError {
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let mut answer = ApiError::new(status, error.code.name(), &error.reason)
            .place(error.place())
            .hint(&error.hint);
        if error.line > 0 {
            answer = answer.with("line", error.line).with("field", error.field);
        }
        answer
    }
}
