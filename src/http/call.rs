//! A request as a handler sees it: parameters, headers, and a body read within bounds.

use super::error::ApiError;
use crate::config::Patience;
use crate::ingest::{BodyCode, BodyError, body};
use crate::limits;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};
use std::borrow::Cow;
use tokio::time::timeout;

/// A request whose path was found.
#[derive(Debug)]
pub struct Call {
    /// Values of the `{…}` parts of the route's path, in order.
    pub path_values: Vec<String>,
    /// The query string, decoded, in order.
    pub parameters: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    patience: Patience,
}

impl Call {
    /// A call out of a request's parts.
    pub fn new(
        path_values: Vec<String>,
        query: &str,
        headers: HeaderMap,
        body: Incoming,
        patience: Patience,
    ) -> Call {
        Call {
            path_values,
            parameters: form(query),
            headers,
            body,
            patience,
        }
    }

    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Refuses parameters that the route does not have: a misspelt filter must not answer everything.
    pub fn only_parameters(&self, known: &[&str]) -> Result<(), ApiError> {
        match self
            .parameters
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::invalid(
                "unknown_parameter",
                format!("no parameter {name:?} here"),
            )
            .place(format!("?{name}="))
            .hint(format!("known: {}", known.join(", ")))),
        }
    }

    /// The text of a header; None when absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type without its parameters, in lower case; "" when not sent.
    pub fn media_type(&self) -> String {
        let text = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        text.split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase()
    }

    /// The body as received, within the bounds of size and time.
    pub async fn body(&mut self) -> Result<Bytes, ApiError> {
        let stated = self
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if let Some(bytes) = stated.filter(|bytes| *bytes > limits::BODY_BYTES_MAX) {
            return Err(body::received_too_large(bytes).into());
        }
        timeout(self.patience.body, self.frames())
            .await
            .unwrap_or_else(|_| Err(too_slow()))
    }

    async fn frames(&mut self) -> Result<Bytes, ApiError> {
        let pause = self.patience.body_pause;
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        loop {
            let frame = match timeout(pause, self.body.frame()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    return Err(ApiError::invalid(
                        "body_broken_off",
                        format!("the body ended early: {error}"),
                    ));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let size = first.len().max(all.len()) + data.len();
            if size > limits::BODY_BYTES_MAX {
                return Err(body::received_too_large(size).into());
            }
            // A body that came in one part is not copied.
            if first.is_empty() && all.is_empty() {
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve(size.max(self.body.size_hint().lower() as usize + size));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    /// What a body holds once its `Content-Encoding` is undone.
    pub fn content<'b>(&self, body: &'b [u8]) -> Result<Cow<'b, [u8]>, ApiError> {
        let encoding = match self.headers.get(CONTENT_ENCODING) {
            None => None,
            Some(value) => Some(value.to_str().map_err(|_| {
                let reason = "the header Content-Encoding is not text";
                BodyError::whole(
                    BodyCode::UnsupportedEncoding,
                    reason,
                    "send it with gzip, or as it is",
                )
            })?),
        };
        Ok(body::content(encoding, body)?)
    }
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_too_slow",
        "the body did not arrive in time",
    )
    .hint(format!(
        "a body may pause for {} s and take {} s in all",
        limits::HTTP_BODY_PAUSE_SECONDS_MAX,
        limits::HTTP_BODY_SECONDS_MAX
    ))
}

/// Decodes `a=1&b=x%20y` (application/x-www-form-urlencoded).
pub fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name, true), percent_decode(value, true))
        })
        .collect()
}

/// Undoes percent encoding; what is not valid stays as it is. `plus`: a `+` is a space.
pub fn percent_decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let got = form(text);
            let got: Vec<(&str, &str)> =
                got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(got, expected, "{text}");
        };
        check("", &[]);
        check("q=a+b%20c&format=csv", &[("q", "a b c"), ("format", "csv")]);
        check("&a&b=&=c&", &[("a", ""), ("b", ""), ("", "c")]);
        check("q=100%&r=%zz%e2%82%ac%", &[("q", "100%"), ("r", "%zz€%")]);
        check("q=a=b", &[("q", "a=b")]);
        check("q=%ff", &[("q", "\u{fffd}")]);
    }
}
