//! The agent against a server of the test's own, and machines made of files.

use super::*;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A machine that has these files, by path below its roots.
pub(crate) fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = |name: &str| folder.path().join(name);
    let roots = Roots {
        proc: root("proc"),
        run: root("run"),
        etc: root("etc"),
        sys: root("sys"),
        lib: root("lib"),
    };
    (folder, roots)
}

/// Requests that a server got: the headers that matter, and the body.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that gives these replies, one a request, the last one for ever.
async fn server(replies: &'static [(u16, &'static str)]) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let all = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = all.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let of = |name: &str| {
                        head.headers
                            .get(name)
                            .map_or("", |v| v.to_str().unwrap())
                            .to_owned()
                    };
                    let line = format!(
                        "{} {} sent={} {}",
                        head.method,
                        head.uri,
                        of("afterboot-sent"),
                        of("authorization")
                    );
                    let body = body.collect().await.unwrap().to_bytes();
                    let mut seen = seen.lock().unwrap();
                    let (status, words) = replies[seen.len().min(replies.len() - 1)];
                    seen.push(format!("{line}\n{}", String::from_utf8_lossy(&body)));
                    let reply = Response::builder()
                        .status(status)
                        .body(Full::new(Bytes::from(words)));
                    Ok::<_, Infallible>(reply.unwrap())
                }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), answer));
        }
    });
    (url, seen)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn options(url: String) -> AgentOptions {
    AgentOptions {
        url,
        token: Some("secret".into()),
        once: true,
        ..AgentOptions::default()
    }
}

async fn run_once(options: &AgentOptions) -> (Ended, Vec<String>) {
    let sender = Sender::new(&options.url, options.token.clone()).unwrap();
    let mut said = Vec::new();
    let line = r#"{"device":"a"}"#.to_owned();
    let ended = once(
        options,
        &sender,
        line,
        &|| 1_500_000_000,
        &mut |text: &str| said.push(text.to_owned()),
    )
    .await;
    (ended, said)
}

#[test]
fn one_report() {
    block_on(async {
        let (url, seen) = server(&[(200, r#"{"reports":1}"#)]).await;
        let (ended, said) = run_once(&options(url.clone())).await;
        assert_eq!(ended, Ended::Delivered);
        assert_eq!(
            said,
            [
                r#"{"device":"a"}"#.to_owned(),
                format!(r#"accepted by {url}: {{"reports":1}}"#)
            ]
        );
        assert_eq!(
            *seen.lock().unwrap(),
            ["POST /api/v1/reports sent=1970-01-01T00:00:01.5Z Bearer secret\n{\"device\":\"a\"}"]
        );
    });
}

#[test]
fn one_report_that_is_not_taken() {
    block_on(async {
        let (url, _) = server(&[(400, "line 1: no")]).await;
        let (ended, said) = run_once(&options(url.clone())).await;
        assert_eq!(ended as u8, 1);
        assert_eq!(
            said[1],
            format!("not accepted by {url}: 400 Bad Request: line 1: no")
        );
    });
}

#[test]
fn a_server_that_is_not_there() {
    block_on(async {
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let url = format!("http://{free}");
        let (ended, said) = run_once(&options(url.clone())).await;
        assert_eq!(ended as u8, 3);
        assert!(
            said[1].starts_with(&format!("cannot reach {url}: Connection refused")),
            "{said:?}"
        );
        assert!(said[1].contains("`afterboot serve` starts one"), "{said:?}");
    });
}

#[test]
fn wrong_options() {
    let mut said = Vec::new();
    let ended = block_on(run(
        &options("localhost".into()),
        Collector::of(machine(&[]).1, Box::new(Vec::new)),
        || 0,
        |text| said.push(text.to_owned()),
    ));
    assert_eq!(ended, Ended::Usage);
    assert!(
        said[0].contains("such as http://127.0.0.1:8470"),
        "{said:?}"
    );
}

#[test]
fn what_waits_is_delivered_in_order_and_a_bad_report_left_out() {
    block_on(async {
        let (url, seen) = server(&[
            (503, "busy"),
            (400, "bad"),
            (200, ""),
            (400, "bad"),
            (200, ""),
        ])
        .await;
        let options = options(url);
        let sender = Sender::new(&options.url, None).unwrap();
        let mut courier = Courier {
            unsent: Unsent::new("a"),
            retry_at: None,
            failing: false,
        };
        for line in ["1", "2", "3"] {
            courier.unsent.push(line.to_owned());
        }
        let mut said = Vec::new();
        courier
            .deliver(&options, &sender, &|| 0, &mut |text: &str| {
                said.push(text.to_owned())
            })
            .await;
        assert!(courier.retry_at.is_some() && courier.unsent.len() == 3);
        courier
            .deliver(&options, &sender, &|| 0, &mut |text: &str| {
                said.push(text.to_owned())
            })
            .await;
        assert!(courier.retry_at.is_none() && courier.unsent.is_empty());
        let bodies: Vec<String> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.lines().skip(1).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(bodies, ["1 2 3", "1 2 3", "1", "2", "3"]);
        assert!(
            said[0].contains("503 Service Unavailable: busy; reports waiting: 3"),
            "{said:?}"
        );
        assert!(said[1].contains("takes reports again"), "{said:?}");
        assert!(
            said[2].contains("refused a report for good: 400 Bad Request: bad: 2"),
            "{said:?}"
        );
    });
}
