//! `GET /api/v1/alerts`: alerts as a list of objects, open ones unless another state is asked for.

use super::query::ask;
use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::args::When;
use hyper::StatusCode;
use query::render::{self, Format};
use query::run::Limits;
use std::sync::Arc;

/// States that an alert can be in.
const STATES: [&str; 5] = ["firing", "suppressed", "absorbed", "resolved", "closed"];

/// `GET /api/v1/alerts`
pub async fn get(app: Arc<App>, call: Call) -> Result<Reply, ApiError> {
    call.only_parameters(&["state", "client", "from"])?;
    let text = question(
        call.parameter("state"),
        call.parameter("client"),
        call.parameter("from"),
    )?;
    let table = ask(&app, text, Limits::default()).await?;
    let rows = render::to_text(&table, Format::Ndjson);
    let list: Vec<&str> = rows.lines().collect();
    Ok(reply::text(
        StatusCode::OK,
        "application/json",
        format!("[{}]\n", list.join(",\n")),
    ))
}

/// The query that answers.
fn question(
    state: Option<&str>,
    client: Option<&str>,
    from: Option<&str>,
) -> Result<String, ApiError> {
    let mut conditions = Vec::new();
    match state {
        None | Some("open") => conditions.push("ended is not known".to_string()),
        Some("any") => {}
        Some(state) if STATES.contains(&state) => conditions.push(format!("state = \"{state}\"")),
        Some(other) => {
            return Err(
                ApiError::invalid("invalid_parameter", format!("no state {other:?}"))
                    .place("?state=")
                    .hint(format!("known: open, any, {}", STATES.join(", "))),
            );
        }
    }
    if let Some(client) = client {
        conditions.push(format!("client = {}", quoted(client)));
    }
    let from = from.unwrap_or("-24h");
    When::parse(from)
        .map_err(|error| ApiError::invalid("invalid_parameter", error).place("?from="))?;
    let filter = if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    };
    Ok(format!(
        "alerts from {from}{filter} | sort raised desc | show id, rule, client, subject, key, state, severity, \
         message, reason, raised, changed, ended"
    ))
}

/// A text as the language writes it.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{}\"", escaped.replace(char::is_control, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(quoted("a\" or \"b"), r#""a\" or \"b""#);
        assert_eq!(quoted("a\\\" or 1"), r#""a\\\" or 1""#);
        assert_eq!(quoted("a\nb\u{1b}"), r#""a\nb""#);
    }
}
