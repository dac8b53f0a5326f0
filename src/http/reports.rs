//! `POST /api/v1/reports`: native reports, JSON or NDJSON. A body is kept whole or refused whole.

use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::core::{Body, Manner};
use crate::ingest::native::{self, Mode};
use crate::ingest::rfc3339;
use hyper::StatusCode;
use serde_json::json;
use std::sync::Arc;
use storage::Nanos;

/// Content types that hold JSON or NDJSON; the last is what `curl -d` says when nothing is said.
const MEDIA_TYPES: [&str; 7] = [
    "",
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "text/plain",
    "application/x-www-form-urlencoded",
];

/// `POST /api/v1/reports`
pub async fn post(app: Arc<App>, mut call: Call) -> Result<Reply, ApiError> {
    let manner = manner(&call)?;
    let media_type = call.media_type();
    if !MEDIA_TYPES.contains(&media_type.as_str()) {
        let message = format!("content type {media_type:?} is not read here");
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_type",
            message,
        )
        .place("Content-Type")
        .hint(
            "send application/json or application/x-ndjson; line protocol goes to /api/v2/write",
        ));
    }
    let sent = sent(&call)?;
    app.owner()?;
    let body = call.body().await?;
    app.metrics.body_bytes.add(body.len() as u64);
    let content = call.content(&body)?;
    let lines = native::decode(&content, sent, Mode::Live)?;
    let receipt = app
        .submit(Body {
            lines,
            manner,
            bytes: content.len(),
        })
        .await?;
    let refused: Vec<String> = receipt.refused.iter().map(ToString::to_string).collect();
    Ok(reply::json(&json!({
        "reports": receipt.reports,
        "samples": receipt.samples,
        "events": receipt.events,
        "duplicates": receipt.duplicates,
        "refused": refused,
        "arrival": ::query::value::print_time(receipt.arrival),
    })))
}

/// `?import=quiet` and `?import=notify` mark a bulk import: old reports that become known at one instant,
/// of which the valid ones are kept; a quiet one pages nobody.
fn manner(call: &Call) -> Result<Manner, ApiError> {
    call.only_parameters(&["import"])?;
    match call.parameter("import") {
        None => Ok(Manner::NATIVE),
        Some("quiet") => Ok(Manner::IMPORT),
        Some("notify") => Ok(Manner::IMPORT.notifying()),
        Some(other) => Err(
            ApiError::invalid("invalid_parameter", format!("no import {other:?}"))
                .place("?import=")
                .hint("known: quiet, notify"),
        ),
    }
}

/// The header `Afterboot-Sent`: the sender's clock at this transmission.
fn sent(call: &Call) -> Result<Option<Nanos>, ApiError> {
    let Some(value) = call.headers.get("afterboot-sent") else {
        return Ok(None);
    };
    let time = value
        .to_str()
        .ok()
        .and_then(|text| rfc3339::parse(text.trim()));
    time.map(Some).ok_or_else(|| {
        ApiError::invalid("invalid_header", "this is not an RFC 3339 time")
            .place("Afterboot-Sent")
            .hint("like 2026-06-09T02:05:00Z; leave the header out when the sender has no clock")
    })
}
