//! `GET` and `POST /api/v1/query`: one question, one answer, in the format asked for.
//!
//! A query runs on a thread of its own over the latest snapshot, so it neither waits for the writer nor
//! makes it wait. It ends at its deadline, and when its client goes away.

use super::call::form;
use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::hresult;
use crate::limits;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use query::render::{self, Format};
use query::run::{AnswerError, Ask, Limits, RunError, answer};
use query::table::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// The parameters of a query, wherever they stood.
struct Question {
    text: String,
    format: Format,
}

/// `GET /api/v1/query`
pub async fn get(app: Arc<App>, call: Call) -> Result<Reply, ApiError> {
    let question = question(&call.parameters, None)?;
    reply_to(&app, question).await
}

/// `POST /api/v1/query`: a form, JSON, or the text of the query itself.
pub async fn post(app: Arc<App>, mut call: Call) -> Result<Reply, ApiError> {
    let body = call.body().await?;
    let content = call.content(&body)?;
    let text = std::str::from_utf8(&content).map_err(|error| {
        ApiError::invalid("invalid_body", format!("the body is not UTF-8: {error}"))
    })?;
    let question = match call.media_type().as_str() {
        "application/json" => {
            let fields: std::collections::BTreeMap<String, String> = serde_json::from_str(text)
                .map_err(|error| {
                    ApiError::invalid("invalid_body", error.to_string())
                        .hint(r#"like {"q":"alerts","format":"csv"}"#)
                })?;
            let mut fields: Vec<(String, String)> = fields.into_iter().collect();
            fields.extend(call.parameters.iter().cloned());
            question(&fields, None)?
        }
        "text/plain" => question(&call.parameters, Some(text))?,
        "" | "application/x-www-form-urlencoded" => {
            let mut fields = form(text);
            fields.extend(call.parameters.iter().cloned());
            question(&fields, None)?
        }
        other => {
            let message = format!("content type {other:?} is not read here");
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_type",
                message,
            )
            .place("Content-Type")
            .hint("a form, application/json, or text/plain with the query itself"));
        }
    };
    reply_to(&app, question).await
}

fn question(fields: &[(String, String)], body: Option<&str>) -> Result<Question, ApiError> {
    let field = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    };
    if let Some((name, _)) = fields
        .iter()
        .find(|(name, _)| !["q", "format"].contains(&name.as_str()))
    {
        return Err(
            ApiError::invalid("unknown_parameter", format!("no parameter {name:?} here"))
                .place(format!("?{name}="))
                .hint("known: q, format"),
        );
    }
    let Some(text) = body.or_else(|| field("q")) else {
        return Err(ApiError::invalid("missing_parameter", "there is no query")
            .place("?q=")
            .hint("like ?q=alerts"));
    };
    if text.len() > limits::QUERY_BYTES_MAX {
        let message = format!(
            "the query has {} bytes, the limit is {}",
            text.len(),
            limits::QUERY_BYTES_MAX
        );
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "query_too_large",
            message,
        ));
    }
    let format = match field("format") {
        None => Format::Json,
        Some("text") => Format::Table,
        Some(word) => Format::parse(word).ok_or_else(|| {
            let known: Vec<&str> = Format::ALL.iter().map(|(_, word)| *word).collect();
            ApiError::invalid("invalid_parameter", format!("no format {word:?}"))
                .place("?format=")
                .hint(format!("known: {}", known.join(", ")))
        })?,
    };
    Ok(Question {
        text: text.to_string(),
        format,
    })
}

async fn reply_to(app: &App, question: Question) -> Result<Reply, ApiError> {
    let table = ask(app, question.text, Limits::default()).await?;
    let text = render::to_text(&table, question.format);
    let mut reply = reply::text(StatusCode::OK, question.format.media_type(), text);
    if !question.format.carries_notes() {
        for note in &table.notes {
            if let Ok(value) =
                HeaderValue::from_str(&note.replace(|c: char| !c.is_ascii() || c.is_control(), "?"))
            {
                reply.headers_mut().append("afterboot-note", value);
            }
        }
    }
    Ok(reply)
}

/// Tells a running query to stop when whoever waits for it goes away.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The answer to a query.
pub async fn ask(app: &App, text: String, limits: Limits) -> Result<Table, ApiError> {
    let view = app.owner()?.view();
    let Ok(permit) = Arc::clone(&app.queries).try_acquire_owned() else {
        let message = format!(
            "{} queries are running, which is the limit",
            limits::QUERIES_MAX
        );
        return Err(ApiError {
            retry_after: Some(1),
            ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_queries", message)
        });
    };
    // What was acknowledged is known, also when the clock went back.
    let now = app.clock.now().max(view.snapshot.clock());
    let stop = Arc::new(AtomicBool::new(false));
    let stopper = StopOnDrop(Arc::clone(&stop));
    let mut running = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let ask = Ask {
            program: &view.program,
            snapshot: &view.snapshot,
            now,
            limits: &limits,
            hresult: hresult::describe,
            cancel: &|| stop.load(Ordering::Relaxed),
        };
        answer(&text, &ask)
    });
    let deadline = Duration::from_secs(limits::QUERY_SECONDS_MAX);
    let answered = match timeout(deadline, &mut running).await {
        Ok(answered) => answered,
        Err(_) => {
            stopper.0.store(true, Ordering::Relaxed);
            running.await
        }
    };
    match answered {
        Ok(Ok(table)) => Ok(table),
        Ok(Err(error)) => Err(refusal(&error)),
        Err(_) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "query_failed",
            "the query ended without an answer",
        )),
    }
}

fn refusal(error: &AnswerError) -> ApiError {
    let message = error.to_string();
    match error {
        AnswerError::Run(RunError::Stopped { .. }) => ApiError::invalid("query_stopped", message)
            .hint(format!("a query may take {} s", limits::QUERY_SECONDS_MAX)),
        AnswerError::Question {
            rendered,
            message,
            place,
            hint,
        } => ApiError::invalid("invalid_query", message.clone())
            .place(place.clone())
            .hint(hint.clone())
            .with("rendered", rendered.clone()),
        error if error.is_question() => ApiError::invalid("invalid_query", message),
        _ => ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "store_unreadable",
            message,
        ),
    }
}
