//! `POST /write` and `POST /api/v2/write`: line protocol, as Telegraf and InfluxDB's clients send it.
//!
//! Valid lines are kept and the others named, as those senders expect: 204 when all were kept, else 400
//! in the shape that InfluxDB 1 (`error`) and 2 (`code`, `message`, `line`) have, with every named line in
//! `refused`. A sender that drops a batch on 400 thus loses only what nobody could have kept.

use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::core::{Body, Fault, Manner};
use crate::ingest::line::{self, Precision};
use crate::report::Line;
use hyper::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// `POST /write`, `POST /api/v2/write`. Database, bucket, organisation and the like are not looked at.
pub async fn post(app: Arc<App>, call: Call) -> Result<Reply, ApiError> {
    write(&app, call).await.map_err(|error| {
        let said = error.message.clone();
        error.with("error", said)
    })
}

async fn write(app: &App, mut call: Call) -> Result<Reply, ApiError> {
    let precision = Precision::parse(call.parameter("precision").unwrap_or(""))?;
    app.owner()?;
    let body = call.body().await?;
    app.metrics.body_bytes.add(body.len() as u64);
    let content = call.content(&body)?;
    let outcome = line::decode(&content, precision, &app.config.line)?;
    let mut refused: Vec<Fault> = outcome.errors.into_iter().map(fault).collect();
    let mut count = u64::from(outcome.refused);
    if !outcome.reports.is_empty() {
        let lines = outcome.reports.into_iter().map(Line::Report).collect();
        let receipt = app
            .submit(Body {
                lines,
                manner: Manner::FOREIGN,
                bytes: content.len(),
            })
            .await?;
        count += receipt.refused.len() as u64;
        refused.extend(receipt.refused);
    }
    if count == 0 {
        return Ok(reply::empty(StatusCode::NO_CONTENT));
    }
    app.metrics.lines_refused.add(count);
    refused.sort_by_key(|fault| fault.line);
    Err(partial(&refused, count))
}

fn fault(error: line::LineError) -> Fault {
    Fault {
        line: error.line,
        field: error.field,
        reason: error.reason,
        hint: error.hint,
    }
}

/// The 400 that names what was not kept.
fn partial(refused: &[Fault], count: u64) -> ApiError {
    let first = refused.first();
    let reason = first.map_or(String::new(), |fault| {
        format!("line {}: {}; ", fault.line, fault.reason)
    });
    let mut error = ApiError::invalid("invalid", format!("partial write: {reason}dropped={count}"));
    if let Some(first) = first {
        error.place = place(first).into();
        error.hint = first.hint.clone();
        error = error.with("line", first.line);
    }
    let named: Vec<_> = refused
        .iter()
        .map(|fault| json!({ "line": fault.line, "where": place(fault), "message": fault.reason, "hint": fault.hint }))
        .collect();
    error.with("dropped", count).with("refused", named)
}

fn place(fault: &Fault) -> String {
    match fault.field.as_str() {
        "" => format!("line {}", fault.line),
        field => format!("line {}, {field}", fault.line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_reads_as_influxdb_s_own() {
        let fault = |line| Fault {
            line,
            field: "column 5".into(),
            reason: "no fields".into(),
            hint: "add one".into(),
        };
        let error = partial(&[fault(2), fault(7)], 9);
        assert_eq!(error.message, "partial write: line 2: no fields; dropped=9");
        assert_eq!((error.status.as_u16(), error.code), (400, "invalid"));
        assert_eq!(
            (&*error.place, error.hint.as_str()),
            ("line 2, column 5", "add one")
        );
        assert_eq!(error.more["line"], 2);
        assert_eq!(error.more["refused"][1]["where"], "line 7, column 5");
    }
}
