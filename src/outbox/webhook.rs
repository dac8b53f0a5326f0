//! The generic webhook: one POST of JSON a decision.
//!
//! Header `webhook-id` is the same for every attempt of one decision, so that a receiver can tell a repetition;
//! `webhook-timestamp` is the second of the attempt (names of <https://www.standardwebhooks.com>).

use crate::engine::Decision;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value as Json, json};
use smol_str::SmolStr;
use std::time::Duration;
use storage::{Nanos, SECOND};

/// How much of an answer is read, for the log.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// How much of it the log keeps.
const DETAIL_CHARS_MAX: usize = 200;

/// Where to deliver to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Its name in the delivery log.
    pub name: SmolStr,
    /// `http` or `https`.
    pub url: String,
    /// Address of this server as people reach it, for the link in the body.
    pub link_base: String,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// A target, ready to send.
pub struct Webhook {
    settings: WebhookSettings,
    url: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the target said, or why it was not reached.
    pub detail: String,
    /// True: trying again cannot help.
    pub is_final: bool,
}

impl Webhook {
    /// Err: what is wrong with the settings.
    pub fn new(settings: WebhookSettings) -> Result<Webhook, String> {
        let url: Uri = settings
            .url
            .parse()
            .map_err(|error| format!("webhook url {:?}: {error}", settings.url))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err(format!(
                "webhook url {:?}: expected one like https://host/path",
                settings.url
            ));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Ok(Webhook {
            settings,
            url,
            client,
        })
    }

    /// Its name in the delivery log.
    pub fn name(&self) -> &SmolStr {
        &self.settings.name
    }

    /// Sends one decision; Ok is what to note of the answer.
    pub async fn send(&self, decision: &Decision, now: Nanos) -> Result<String, Failure> {
        let body = payload(decision, &self.settings.link_base).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header("content-type", "application/json")
            .header(
                "user-agent",
                concat!("afterboot/", env!("CARGO_PKG_VERSION")),
            )
            .header("webhook-id", id(decision))
            .header("webhook-timestamp", (now / SECOND).to_string())
            .body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| Failure {
            detail: error.to_string(),
            is_final: true,
        })?;
        match tokio::time::timeout(self.settings.timeout, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(Failure {
                detail: format!("no answer within {:?}", self.settings.timeout),
                is_final: false,
            }),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<String, Failure> {
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| Failure {
                detail: short(&reasons(&error)),
                is_final: false,
            })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let text = body.map(|body| body.to_bytes()).unwrap_or_default();
        let detail = short(format!("{status} {}", String::from_utf8_lossy(&text)).trim());
        if status.is_success() {
            return Ok(detail);
        }
        // What a target refuses as wrong stays wrong; too busy, too early, timed out and moved do not.
        let is_final = status.is_client_error()
            && !matches!(status.as_u16(), 401 | 403 | 404 | 408 | 425 | 429);
        Err(Failure { detail, is_final })
    }
}

/// The same for every attempt of one decision.
fn id(decision: &Decision) -> String {
    format!("afterboot-{}-{}", decision.number, decision.time)
}

/// The body: the decision line, its numbers and a link to the alert's explanation.
pub fn payload(decision: &Decision, link_base: &str) -> Json {
    let link = format!(
        "{}/api/v1/alerts/{}/why",
        link_base.trim_end_matches('/'),
        decision.alert
    );
    json!({
        "id": id(decision),
        "type": format!("alert.{}", decision.state.word()),
        "decision": decision.number,
        "alert": decision.alert,
        "time": query::value::print_time(decision.time),
        "rule": decision.rule.as_str(),
        "client": decision.client.as_str(),
        "subject": decision.subject.as_str(),
        "key": decision.key.as_deref(),
        "state": decision.state.word(),
        "severity": decision.severity.map(|severity| severity.word()),
        "message": decision.message,
        "reason": decision.reason,
        "link": link,
    })
}

/// An error with its causes.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn short(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).collect()
}
