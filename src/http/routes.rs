//! The routes: one table from which dispatch, 404 and 405, and the list in `docs/http.md` follow.
//!
//! A new route is one row here and one handler in the file of its noun.

use super::call::percent_decode;
use super::error::ApiError;
use super::reply::Reply;
use super::{App, Call};
use hyper::{Method, StatusCode};
use std::pin::Pin;
use std::sync::Arc;

/// What a handler returns.
pub type Answer = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// One row of the table.
pub struct Route {
    /// The method; HEAD is answered wherever GET is.
    pub method: Method,
    /// The path; a part in braces takes any one part.
    pub path: &'static str,
    /// What it is for, as `docs/http.md` has it.
    pub purpose: &'static str,
    /// What answers.
    pub handler: fn(Arc<App>, Call) -> Answer,
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path, $purpose:literal;)*) => {
        &[$(Route {
            method: Method::$method,
            path: $path,
            purpose: $purpose,
            handler: |app, call| Box::pin($handler(app, call)),
        }),*]
    };
}

/// Every route, in the order of the documentation.
pub const ROUTES: &[Route] = routes! {
    POST "/api/v1/reports" super::reports::post, "native reports, JSON or NDJSON";
    POST "/write" super::write::post, "line protocol (Telegraf, InfluxDB 1 clients)";
    POST "/api/v2/write" super::write::post, "line protocol (InfluxDB 2 clients)";
    GET "/api/v1/query" super::query::get, "one query, one answer";
    POST "/api/v1/query" super::query::post, "the same, for long queries";
    GET "/api/v1/alerts" super::alerts::get, "alerts with state and reason, open ones by default";
    POST "/api/v1/compact" super::compact::post, "what is in memory goes to segments now; answers when done";
    GET "/api/v1/stream" super::stream::get, "server-sent events of every decision";
    GET "/metrics" super::metrics::page, "the server's own numbers, Prometheus text format";
    GET "/healthz" super::health::alive, "200 while the process runs";
    GET "/readyz" super::health::ready, "200 once recovery is done and the store can write, else 503";
};

/// The route of a request, with the values of its braces; or the 404 or 405 that says what there is.
pub fn find(method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), ApiError> {
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let mut methods: Vec<&str> = Vec::new();
    for route in ROUTES {
        if let Some(values) = matched(route.path, path) {
            if route.method == *method {
                return Ok((route, values));
            }
            methods.push(route.method.as_str());
            if route.method == Method::GET {
                methods.push("HEAD");
            }
        }
    }
    if methods.is_empty() {
        return Err(not_found(path));
    }
    let allow = methods.join(", ");
    Err(ApiError {
        allow: Some(allow.as_str().into()),
        ..ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("no {method} here"),
        )
        .place(path)
        .hint(format!("allowed: {allow}"))
    })
}

fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(values),
            (Some(p), Some(part)) if p.starts_with('{') && !part.is_empty() => {
                values.push(percent_decode(part, false))
            }
            (Some(p), Some(part)) if p == part => {}
            _ => return None,
        }
    }
}

fn not_found(path: &str) -> ApiError {
    let path: String = path.chars().take(200).collect();
    let nearness = |route: &Route| strsim::jaro_winkler(route.path, &path);
    let nearest = ROUTES
        .iter()
        .max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
    let hint = match nearest {
        Some(route) if nearness(route) > 0.8 => {
            format!("did you mean {} {}?", route.method, route.path)
        }
        _ => "the paths are listed in docs/http.md".to_string(),
    };
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "no such path")
        .place(path)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, expected: &str) {
        let got = match find(&method, path) {
            Ok((route, _)) => format!("{} {}", route.method, route.path),
            Err(error) => format!("{} {} {:?}", error.status.as_u16(), error.hint, error.allow),
        };
        assert_eq!(got, expected, "{method} {path}");
    }

    #[test]
    fn finding() {
        check(Method::GET, "/metrics", "GET /metrics");
        check(Method::HEAD, "/metrics", "GET /metrics");
        check(
            Method::POST,
            "/metrics",
            "405 allowed: GET, HEAD Some(\"GET, HEAD\")",
        );
        check(
            Method::GET,
            "/metric",
            "404 did you mean GET /metrics? None",
        );
        check(
            Method::GET,
            "/metrics/",
            "404 did you mean GET /metrics? None",
        );
        check(
            Method::GET,
            "/zzz",
            "404 the paths are listed in docs/http.md None",
        );
        check(
            Method::GET,
            "",
            "404 the paths are listed in docs/http.md None",
        );
    }

    #[test]
    fn braces_take_one_part() {
        assert_eq!(
            matched("/a/{id}/b", "/a/x%20y/b"),
            Some(vec!["x y".to_string()])
        );
        assert_eq!(matched("/a/{id}/b", "/a//b"), None);
        assert_eq!(matched("/a/{id}", "/a/b/c"), None);
    }

    #[test]
    fn no_route_stands_twice() {
        for (at, route) in ROUTES.iter().enumerate() {
            assert!(
                ROUTES[at + 1..]
                    .iter()
                    .all(|r| r.path != route.path || r.method != route.method)
            );
        }
    }
}
