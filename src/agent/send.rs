//! Posting a body of reports to the server, and what its reply means.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use storage::Nanos;

/// What came of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Acknowledged; the server's words.
    Accepted(String),
    /// Never to be accepted as it is; the server's words.
    Refused(String),
    /// Not now: the server is busy, or does not know the token.
    Later(String, Option<Duration>),
    /// No answer.
    Unreachable(String),
}

/// The way to one server.
pub struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    reports: Uri,
    token: Option<String>,
}

const TIMEOUT: Duration = Duration::from_secs(30);
const REPLY_BYTES_MAX: usize = 64 << 10;

impl Sender {
    /// A way to the server at `url`, such as `http://127.0.0.1:8470`. Err says what is wrong with it.
    pub fn new(url: &str, token: Option<String>) -> Result<Sender, String> {
        let reports = reports_uri(url)?;
        if let Some(token) = &token
            && !token.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err("the token contains characters that no token has".to_owned());
        }
        let builder = HttpsConnectorBuilder::new();
        // A machine without root certificates of its own still reaches servers with public ones.
        let builder = if reports.scheme_str() == Some("https") {
            let own = builder.with_native_roots();
            own.unwrap_or_else(|_| HttpsConnectorBuilder::new().with_webpki_roots())
        } else {
            builder.with_webpki_roots()
        };
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Sender {
            client: Client::builder(TokioExecutor::new()).build(connector),
            reports,
            token,
        })
    }

    /// Posts `body` at `now`, the clock of this machine.
    pub async fn post(&self, body: Vec<u8>, now: Nanos) -> Reply {
        let sent = i128::from(now);
        let sent = jiff::Timestamp::from_nanosecond(sent)
            .map_or_else(|_| String::new(), |t| t.to_string());
        let mut request = Request::post(self.reports.clone())
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header(
                USER_AGENT,
                concat!("afterboot-agent/", env!("CARGO_PKG_VERSION")),
            )
            .header("Afterboot-Sent", sent);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = match request.body(Full::new(Bytes::from(body))) {
            Ok(request) => request,
            Err(error) => return Reply::Refused(error.to_string()),
        };
        match tokio::time::timeout(TIMEOUT, self.exchange(request)).await {
            Ok(reply) => reply,
            Err(_) => Reply::Unreachable(format!("no answer within {} s", TIMEOUT.as_secs())),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Reply {
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Reply::Unreachable(root_cause(&error)),
        };
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER);
        let asked = asked.and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok());
        let content = Limited::new(response.into_body(), REPLY_BYTES_MAX)
            .collect()
            .await;
        let content = match content {
            Ok(content) => content.to_bytes(),
            Err(error) => return Reply::Unreachable(format!("the answer broke off: {error}")),
        };
        let words = String::from_utf8_lossy(&content).trim().to_owned();
        judge(status, words, asked.map(Duration::from_secs))
    }
}

fn reports_uri(url: &str) -> Result<Uri, String> {
    let base = url.trim().trim_end_matches('/');
    let wrong = |what: &str| format!("{url:?}: {what}; such as http://127.0.0.1:8470");
    let uri: Uri = format!("{base}/api/v1/reports")
        .parse()
        .map_err(|_| wrong("not a URL"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        Some("http" | "https") | None => Err(wrong("not a URL of a server")),
        Some(_) => Err(wrong("the scheme is neither http nor https")),
    }
}

fn judge(status: StatusCode, words: String, asked: Option<Duration>) -> Reply {
    let named = format!("{status}: {words}");
    match status.as_u16() {
        200..=299 => Reply::Accepted(words),
        // A wrong token can be put right on the server, and what is busy will not stay so.
        401 | 403 | 408 | 429 | 500..=599 => Reply::Later(named, asked),
        _ => Reply::Refused(named),
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(url: &str, expected: &str) {
        let got = reports_uri(url)
            .map(|uri| uri.to_string())
            .unwrap_or_else(|error| error);
        assert_eq!(got, expected);
    }

    #[test]
    fn urls() {
        uri(
            "http://127.0.0.1:8470",
            "http://127.0.0.1:8470/api/v1/reports",
        );
        uri(
            "https://patch.example/base/ ",
            "https://patch.example/base/api/v1/reports",
        );
        uri(
            "patch.example",
            "\"patch.example\": not a URL; such as http://127.0.0.1:8470",
        );
        uri(
            "ftp://x",
            "\"ftp://x\": the scheme is neither http nor https; such as http://127.0.0.1:8470",
        );
        uri(
            "http://",
            "\"http://\": not a URL; such as http://127.0.0.1:8470",
        );
        assert!(Sender::new("http://a", Some("a b".into())).is_err());
        assert!(Sender::new("https://a", Some("ab_1".into())).is_ok());
    }

    fn verdict(status: u16, expected: &str) {
        let reply = judge(StatusCode::from_u16(status).unwrap(), "w".into(), None);
        let got = match reply {
            Reply::Accepted(_) => "accepted",
            Reply::Refused(_) => "refused",
            Reply::Later(..) => "later",
            Reply::Unreachable(_) => "unreachable",
        };
        assert_eq!(got, expected, "{status}");
    }

    #[test]
    fn replies() {
        for (statuses, expected) in [
            (vec![200, 204], "accepted"),
            (vec![400, 404, 413, 415], "refused"),
            (vec![401, 403, 429, 500, 503], "later"),
        ] {
            for status in statuses {
                verdict(status, expected);
            }
        }
    }
}
