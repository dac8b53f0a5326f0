//! A small HTTP client for the commands that ask a running server.
//!
//! One request at a time, with a bound on the answer and a way to stop waiting. It owns a runtime of its
//! own, so its callers stay plain synchronous code.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri, header};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use thiserror::Error;

/// The longest answer that is taken, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How often a waiting request looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(20);

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;

/// A server as seen by a client command.
pub struct Client {
    base: String,
    token: Option<String>,
    pool: Pool<Connector, Full<Bytes>>,
    runtime: tokio::runtime::Runtime,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address cannot be one.
    #[error("{0:?} is not a server's address; wanted is one like http://127.0.0.1:8470")]
    Url(String),
    /// No connection, or it broke.
    #[error("no answer from {url}: {reason}; is a server running there? (`afterboot serve`)")]
    Unreachable {
        /// The server.
        url: String,
        /// In words.
        reason: String,
    },
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
}

impl Client {
    /// A client of the server at `url` (`http://host:port`, or https); nothing is sent yet.
    pub fn new(url: &str, token: Option<&str>) -> Result<Client, ClientError> {
        let base = url.trim_end_matches('/').to_owned();
        let good = base.parse::<Uri>().is_ok_and(|uri| {
            uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
        });
        if !good || base.contains(['?', '#']) {
            return Err(ClientError::Url(url.to_owned()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| unreachable_server(&base, &error))?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Ok(Client {
            base,
            token: token.map(str::to_owned),
            pool,
            runtime,
        })
    }

    /// `GET path?name=value…`, values percent-encoded here.
    pub fn get(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        cancel: &dyn Fn() -> bool,
    ) -> Result<Answer, ClientError> {
        self.send(Method::GET, path, parameters, Bytes::new(), cancel)
    }

    /// `POST path?name=value…` with a body.
    pub fn post(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        self.send(Method::POST, path, parameters, body, &|| false)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        body: Bytes,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Answer, ClientError> {
        let mut target = format!("{}{path}", self.base);
        for (at, (name, value)) in parameters.iter().enumerate() {
            target.push(if at == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            percent_encode(value, &mut target);
        }
        let mut request = Request::builder().method(method).uri(&target);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Full::new(body))
            .map_err(|_| ClientError::Url(self.base.clone()))?;
        self.runtime.block_on(async {
            let answered = self.exchange(request);
            tokio::pin!(answered);
            loop {
                tokio::select! {
                    answer = &mut answered => return answer,
                    () = tokio::time::sleep(CANCEL_POLL) => if cancel() { return Err(ClientError::Cancelled) },
                }
            }
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        let response = self
            .pool
            .request(request)
            .await
            .map_err(|error| unreachable_server(&self.base, &error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| ClientError::Unreachable {
            url: self.base.clone(),
            reason: error.to_string(),
        })?;
        Ok(Answer {
            status,
            body: body.to_bytes(),
        })
    }
}

/// The innermost reason says most ("connection refused").
fn unreachable_server(url: &str, error: &dyn std::error::Error) -> ClientError {
    let mut reason = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        reason = error.to_string();
        inner = error.source();
    }
    ClientError::Unreachable {
        url: url.to_owned(),
        reason,
    }
}

fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded() {
        let mut out = String::new();
        percent_encode("cpu | top 3&a=\"ü\"", &mut out);
        assert_eq!(out, "cpu%20%7C%20top%203%26a%3D%22%C3%BC%22");
    }

    #[test]
    fn addresses() {
        for good in [
            "http://127.0.0.1:8470",
            "http://[::1]:8470/",
            "https://afterboot.example/base",
        ] {
            assert!(Client::new(good, None).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8470",
            "ftp://x",
            "http://",
            "http://a b",
            "http://x?y",
        ] {
            assert!(
                matches!(Client::new(bad, None), Err(ClientError::Url(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn no_server_is_said_so() {
        // Port 1 of this machine: nobody listens there.
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let error = client
            .get("/healthz", &[], &|| false)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("http://127.0.0.1:1") && error.contains("afterboot serve"),
            "{error}"
        );
    }
}
