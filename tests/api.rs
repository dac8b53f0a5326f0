//! The server from outside, over real sockets: every route, and every kind of wrong input.

mod served;

use serde_json::Value;
use served::{Response, Running, connect, gzip, request};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What must hold of every refusal, whatever it is about.
fn check_error(response: &Response, status: u16, code: &str, place: &str, said: &str) {
    let text = response.text();
    assert_eq!(response.status, status, "{text}");
    assert_eq!(
        response.header("content-type"),
        Some("application/json"),
        "{text}"
    );
    let error = response.json();
    for key in ["code", "message", "where", "hint"] {
        assert!(error[key].is_string(), "no {key} in {text}");
    }
    assert_eq!(error["code"], code, "{text}");
    let whole_or_more = |said: &str| {
        if place.is_empty() {
            said.is_empty()
        } else {
            said.starts_with(place)
        }
    };
    assert!(
        error["where"].as_str().is_some_and(whole_or_more),
        "not at {place:?}: {text}"
    );
    let whole = format!("{} {}", error["message"], error["hint"]);
    assert!(whole.contains(said), "{said:?} is not in {text}");
    assert_eq!(
        response.header("retry-after").is_some(),
        [429, 503].contains(&status),
        "{text}"
    );
}

#[test]
fn a_report_is_kept_and_found() {
    let server = Running::start();
    let receipt = server.report(
        r#"{"device":"srv-01","labels":{"client":"Acme","role":"sql"},
            "signals":{"cpu":12.5,"service":{"MSSQLSERVER":{"state":"running","start":"auto"}}},
            "events":[{"kind":"patch.installed","kb":"KB5034441"}]}"#,
    );
    assert_eq!(receipt["reports"], 1);
    assert_eq!(receipt["samples"], 3);
    assert_eq!(receipt["events"], 1);
    assert_eq!(receipt["duplicates"], 0);
    assert_eq!(receipt["arrival"], "2026-06-09T02:00:00Z");
    assert_eq!(
        server.rows("devices | show client, device, role, cpu"),
        ["Acme,srv-01,sql,12.5"]
    );
    assert_eq!(
        server.rows("patches | show device, kb, state"),
        ["srv-01,KB5034441,installed"]
    );
}

#[test]
fn bodies_come_as_json_as_a_list_as_lines_and_packed() {
    let server = Running::start();
    let check = |headers: &[(&str, &str)], body: &[u8], reports: u64| {
        let response = server.post("/api/v1/reports", headers, body);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["reports"], reports);
    };
    check(
        &[("Content-Type", "application/json")],
        br#"{"device":"a"}"#,
        1,
    );
    check(
        &[("Content-Type", "application/json; charset=utf-8")],
        br#"[{"device":"b"},{"device":"c"}]"#,
        2,
    );
    check(
        &[("Content-Type", "application/x-ndjson")],
        b"{\"device\":\"d\"}\n{\"device\":\"e\"}\n",
        2,
    );
    check(
        &[("Content-Encoding", "gzip")],
        &gzip(br#"{"device":"f"}"#),
        1,
    );
    check(
        &[("Content-Type", "application/x-www-form-urlencoded")],
        br#"{"device":"g"}"#,
        1,
    );
    assert_eq!(
        server.rows("devices | show device | sort device"),
        ["a", "b", "c", "d", "e", "f", "g"]
    );
}

#[test]
fn a_body_sent_twice_changes_nothing() {
    let server = Running::start();
    let body = r#"{"device":"a","time":"2026-06-09T01:59:00Z","signals":{"cpu":1}}"#;
    let once = server.report(body);
    server.clock.set(served::NIGHT + 10_000_000_000);
    let again = server.report(body);
    assert_eq!(
        (&once["reports"], &once["duplicates"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        (&again["reports"], &again["duplicates"]),
        (&0.into(), &1.into())
    );
    assert_eq!(server.rows("cpu | show device, cpu"), ["a,1"]);
}

#[test]
fn the_sender_s_clock_corrects_its_times() {
    let server = Running::start();
    let sent = [("Afterboot-Sent", "2026-06-09T01:00:00Z")];
    let response = server.post(
        "/api/v1/reports",
        &sent,
        r#"{"device":"a","time":"2026-06-09T00:59:30Z","signals":{"cpu":1}}"#,
    );
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(
        server.rows("cpu | show time, cpu"),
        ["2026-06-09T01:59:30Z,1"]
    );
}

#[test]
fn wrong_reports_are_refused_whole_and_nothing_kept_is_lost() {
    let server = Running::start();
    server.report(r#"{"device":"kept","signals":{"cpu":5,"pending_reboot":true}}"#);
    let check = |headers: &[(&str, &str)],
                 body: &[u8],
                 status: u16,
                 code: &str,
                 place: &str,
                 said: &str| {
        let response = server.post("/api/v1/reports", headers, body);
        check_error(&response, status, code, place, said);
        assert_eq!(
            server.rows("devices | show device, cpu"),
            ["kept,5"],
            "after {}",
            String::from_utf8_lossy(body)
        );
    };
    check(&[], b"", 400, "invalid_body", "", "no report");
    check(&[], b"{\"device\":", 400, "invalid_body", "line 1", "EOF");
    check(
        &[],
        b"{\"device\":\"a\"}\n{\"device\"\n",
        400,
        "invalid_body",
        "line 2",
        "",
    );
    check(
        &[],
        br#"{"signals":{"cpu":1}}"#,
        400,
        "invalid_body",
        "line 1, device",
        "device",
    );
    check(
        &[],
        br#"{"device":"a","colour":"red"}"#,
        400,
        "invalid_body",
        "line 1, colour",
        "unknown field",
    );
    check(
        &[],
        br#"{"device":"a","signals":{"cpu":null}}"#,
        400,
        "invalid_body",
        "line 1, signals.cpu",
        "null",
    );
    check(
        &[],
        br#"{"device":"a","signals":{"cpu":"hot"}}"#,
        400,
        "invalid_body",
        "line 1, signals.cpu",
        "number",
    );
    check(
        &[],
        br#"{"device":"a","time":"yesterday"}"#,
        400,
        "invalid_body",
        "line 1, time",
        "RFC 3339",
    );
    check(&[], &[0xff, 0xfe], 400, "invalid_body", "line 1", "");
    check(
        &[("Afterboot-Sent", "noon")],
        br#"{"device":"a"}"#,
        400,
        "invalid_header",
        "Afterboot-Sent",
        "RFC 3339",
    );
    check(
        &[("Content-Type", "application/xml")],
        b"<device/>",
        415,
        "unsupported_type",
        "Content-Type",
        "application/xml",
    );
    check(
        &[("Content-Encoding", "br")],
        b"x",
        415,
        "unsupported_encoding",
        "",
        "gzip",
    );
    check(
        &[("Content-Encoding", "gzip")],
        b"plain",
        400,
        "invalid_body",
        "",
        "gzip",
    );
    let half = gzip(br#"{"device":"a"}"#);
    check(
        &[("Content-Encoding", "gzip")],
        &half[..half.len() - 4],
        400,
        "invalid_body",
        "",
        "gzip",
    );
    check(
        &[("Content-Encoding", "gzip")],
        &gzip(&vec![b' '; 40 << 20]),
        413,
        "body_too_large",
        "",
        "expands",
    );
    check(
        &[],
        &vec![b' '; (8 << 20) + 1],
        413,
        "body_too_large",
        "",
        "8388608",
    );
}

#[test]
fn a_body_without_a_stated_length_is_bounded_too() {
    let server = Running::start();
    let mut stream = connect(server.address).expect("a connection");
    stream
        .write_all(b"POST /api/v1/reports HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        .expect("a head");
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    for _ in 0..9 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[test]
fn line_protocol_is_kept_and_found() {
    let server = Running::start();
    for (target, body) in [
        (
            "/write?db=telegraf&precision=s",
            "cpu,host=a usage=12.5 1780970400\n",
        ),
        (
            "/api/v2/write?org=o&bucket=b&precision=ms",
            "cpu,host=b usage=25 1780970400000\n",
        ),
    ] {
        let response = server.post(
            target,
            &[("Content-Encoding", "gzip")],
            gzip(body.as_bytes()),
        );
        assert_eq!(
            (response.status, response.body.len()),
            (204, 0),
            "{}",
            response.text()
        );
    }
    let rows = server.rows("cpu from -1h | show time, device, usage | sort device");
    assert_eq!(
        rows,
        ["2026-06-09T02:00:00Z,a,12.5", "2026-06-09T02:00:00Z,b,25"]
    );
}

#[test]
fn bad_lines_are_named_and_the_others_kept() {
    let server = Running::start();
    let body = "cpu,host=a usage=1\nnonsense\ncpu,host=b usage=2\ncpu,host=c\n";
    let response = server.post("/write", &[], body);
    let error = response.json();
    assert_eq!(response.status, 400);
    assert_eq!(error["code"], "invalid");
    assert_eq!(error["line"], 2);
    assert_eq!(error["dropped"], 2);
    assert_eq!(error["refused"].as_array().map(Vec::len), Some(2));
    assert_eq!(error["refused"][1]["line"], 4);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("partial write: line 2: "),
        "{error}"
    );
    assert_eq!(error["error"], error["message"]);
    assert_eq!(
        server.rows("devices | show device | sort device"),
        ["a", "b"]
    );
    check_error(
        &server.post("/write?precision=weeks", &[], "x"),
        400,
        "invalid_body",
        "precision",
        "ns, us, ms",
    );
    check_error(
        &server.post("/write", &[("Content-Encoding", "br")], "x"),
        415,
        "unsupported_encoding",
        "",
        "gzip",
    );
}

#[test]
fn paths_and_methods_that_are_not_there() {
    let server = Running::start();
    check_error(
        &server.get("/api/v1/alert"),
        404,
        "not_found",
        "/api/v1/alert",
        "GET /api/v1/alerts",
    );
    check_error(&server.get("/"), 404, "not_found", "/", "docs/http.md");
    let response = server.get("/api/v1/reports");
    check_error(
        &response,
        405,
        "method_not_allowed",
        "/api/v1/reports",
        "POST",
    );
    assert_eq!(response.header("allow"), Some("POST"));
    check_error(
        &server.get("/api/v1/alerts?stat=open"),
        400,
        "unknown_parameter",
        "?stat=",
        "state",
    );
    let head = request(server.address, "HEAD", "/healthz", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn queries_answer_in_every_format() {
    let server = Running::start();
    server.report(r#"{"device":"a|b","labels":{"client":"Acme"}}"#);
    let query = "devices | show client, device";
    let check = |format: &str, media_type: &str, expected: &str| {
        let target = format!("/api/v1/query?format={format}");
        let response = server.post(&target, &[("Content-Type", "text/plain")], query);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("content-type"), Some(media_type));
        assert!(
            response.text().contains(expected),
            "{format}: {}",
            response.text()
        );
    };
    check("json", "application/json", r#"["Acme","a|b"]"#);
    check(
        "ndjson",
        "application/x-ndjson",
        r#"{"client":"Acme","device":"a|b"}"#,
    );
    check("csv", "text/csv; charset=utf-8; header=present", "Acme,a|b");
    check("table", "text/plain; charset=utf-8", "a|b");
    check("text", "text/plain; charset=utf-8", "a|b");
    check("markdown", "text/markdown; charset=utf-8", "a\\|b");
    let by_get = server
        .get("/api/v1/query?q=devices+%7C+show+device&format=csv")
        .text();
    assert_eq!(by_get.lines().last(), Some("a|b"));
    let json = [("Content-Type", "application/json")];
    let by_json = server
        .post(
            "/api/v1/query",
            &json,
            r#"{"q":"devices | show device","format":"csv"}"#,
        )
        .text();
    assert_eq!(by_json, by_get);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let by_form = server
        .post(
            "/api/v1/query",
            &form,
            "q=devices+%7C+show+device&format=csv",
        )
        .text();
    assert_eq!(by_form, by_get);
}

#[test]
fn wrong_queries_say_where() {
    let server = Running::start();
    let ask = |query: &str| server.post("/api/v1/query", &[("Content-Type", "text/plain")], query);
    let response = ask("devicess");
    assert_eq!(
        (response.status, response.json()["code"].clone()),
        (400, Value::from("invalid_query"))
    );
    assert!(response.text().contains("devices"), "{}", response.text());
    let response = ask("disk where free < 10%");
    assert_eq!(response.status, 400, "{}", response.text());
    check_error(
        &server.get("/api/v1/query"),
        400,
        "missing_parameter",
        "?q=",
        "query",
    );
    check_error(
        &server.get("/api/v1/query?q=devices&format=xml"),
        400,
        "invalid_parameter",
        "?format=",
        "csv",
    );
    let json = [("Content-Type", "application/json")];
    check_error(
        &server.post("/api/v1/query", &json, "{}"),
        400,
        "missing_parameter",
        "?q=",
        "query",
    );
    check_error(
        &server.post("/api/v1/query", &json, "{"),
        400,
        "invalid_body",
        "",
        "EOF",
    );
    let deep = "(".repeat(60_000);
    assert_eq!(ask(&deep).status, 400);
    assert_eq!(ask(&"x".repeat(70 << 10)).status, 413);
}

#[test]
fn alerts_open_and_end() {
    let server = Running::start();
    server.report(r#"{"device":"a","labels":{"client":"Acme"},"signals":{"uptime":93600,"pending_reboot":true}}"#);
    server.report(r#"{"device":"b","labels":{"client":"Render \"GmbH\""},"signals":{"uptime":93600,"pending_reboot":true}}"#);
    let open = server.get("/api/v1/alerts").json();
    let subjects = |alerts: &Value| -> Vec<String> {
        let list = alerts.as_array().expect("a list").iter();
        list.map(|alert| alert["subject"].as_str().expect("a subject").to_string())
            .collect()
    };
    let mut both = subjects(&open);
    both.sort();
    assert_eq!(both, ["a", "b"]);
    assert_eq!(open[0]["rule"], "reboot_overdue");
    assert_eq!(open[0]["severity"], "warn");
    assert_eq!(
        subjects(&server.get("/api/v1/alerts?client=Acme").json()),
        ["a"]
    );
    assert_eq!(
        subjects(&server.get("/api/v1/alerts?client=Render+%22GmbH%22").json()),
        ["b"]
    );
    server
        .report(r#"{"device":"a","labels":{"client":"Acme"},"signals":{"pending_reboot":false}}"#);
    assert_eq!(subjects(&server.get("/api/v1/alerts").json()), ["b"]);
    assert_eq!(
        subjects(&server.get("/api/v1/alerts?state=resolved").json()),
        ["a"]
    );
    assert_eq!(
        subjects(&server.get("/api/v1/alerts?state=any").json()).len(),
        2
    );
    check_error(
        &server.get("/api/v1/alerts?state=opn"),
        400,
        "invalid_parameter",
        "?state=",
        "firing",
    );
}

/// The next event of a stream: its id and its data.
fn next_event(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> (u64, Value) {
    let mut id = None;
    for line in lines {
        let line = line.expect("a line");
        assert!(line != ": nothing new", "the event does not come");
        if let Some(number) = line.strip_prefix("id: ") {
            id = Some(number.parse().expect("a number"));
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return (
                id.expect("an id before the data"),
                serde_json::from_str(data).expect("JSON"),
            );
        }
    }
    panic!("the stream ended");
}

fn open_stream(
    server: &Running,
    headers: &str,
) -> impl Iterator<Item = std::io::Result<String>> + use<> {
    let mut stream = connect(server.address).expect("a connection");
    write!(
        stream,
        "GET /api/v1/stream HTTP/1.1\r\nHost: t\r\n{headers}\r\n"
    )
    .expect("a request");
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next().expect("a status").expect("a line");
    assert_eq!(status, "HTTP/1.1 200 OK");
    lines
}

#[test]
fn the_stream_brings_every_decision_and_resumes() {
    let mut server = Running::start();
    let overdue = |device: &str, pending: bool| {
        format!(
            r#"{{"device":"{device}","signals":{{"uptime":93600,"pending_reboot":{pending}}}}}"#
        )
    };
    let mut live = open_stream(&server, "");
    server.report(&overdue("a", true));
    let (first, line) = next_event(&mut live);
    assert_eq!(
        (line["subject"].as_str(), line["state"].as_str()),
        (Some("a"), Some("firing"))
    );
    server.report(&overdue("a", false));
    server.report(&overdue("b", true));
    assert_eq!(next_event(&mut live).0, first + 1);
    let mut resumed = open_stream(&server, &format!("Last-Event-ID: {first}\r\n"));
    let (second, line) = next_event(&mut resumed);
    assert_eq!(
        (second, line["state"].as_str()),
        (first + 1, Some("resolved"))
    );
    // After a restart nothing is remembered: it comes out of the store.
    server = server.restart();
    let mut stored = open_stream(&server, "Last-Event-ID: 0\r\n");
    assert_eq!(next_event(&mut stored).0, first);
    assert_eq!(next_event(&mut stored).0, first + 1);
    assert_eq!(next_event(&mut stored).1["subject"], "b");
    server.report(&overdue("c", true));
    assert_eq!(next_event(&mut stored).1["subject"], "c");
    let wrong = request(
        server.address,
        "GET",
        "/api/v1/stream",
        &[("Last-Event-ID", "x")],
        b"",
    );
    check_error(&wrong, 400, "invalid_parameter", "Last-Event-ID", "number");
    // A clean end ends the stream.
    server.stop();
    assert!(stored.all(|line| line.is_ok()));
}

/// A target of notifications: hands on what it got, and answers each once it is told to.
fn target() -> (String, Receiver<Value>, Sender<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (got, received) = channel();
    let (answer, told) = channel::<()>();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if let Some(text) = line.strip_prefix("content-length: ") {
                    length = text.trim_end().parse().expect("a length");
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            if got
                .send(serde_json::from_slice(&body).expect("JSON"))
                .is_err()
                || told.recv().is_err()
            {
                return;
            }
            let _ = reader
                .get_mut()
                .write_all(b"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n");
        }
    });
    (url, received, answer)
}

#[test]
fn an_alert_goes_to_the_webhook_once_also_when_the_server_ends_meanwhile() {
    let (url, received, answer) = target();
    let server = Running::start_with(|config| {
        config.webhook = Some(toml::from_str(&format!("url = \"{url}\"")).expect("settings"));
    });
    server.report(r#"{"device":"a","signals":{"uptime":93600,"pending_reboot":true}}"#);
    let first = received
        .recv_timeout(served::PATIENCE)
        .expect("a notification");
    assert_eq!(
        (&first["rule"], &first["subject"]),
        (&"reboot_overdue".into(), &"a".into())
    );
    assert_eq!(
        (&first["state"], &first["type"]),
        (&"firing".into(), &"alert.firing".into())
    );
    // The target answers only after the server has begun to end.
    let address = server.address;
    let late = std::thread::spawn(move || {
        while connect(address).is_ok() {}
        answer.send(()).expect("a target");
        answer
    });
    let server = server.restart();
    let answer = late.join().expect("an answer");
    server.report(r#"{"device":"a","signals":{"pending_reboot":false}}"#);
    let second = received
        .recv_timeout(served::PATIENCE)
        .expect("the end of it");
    assert_eq!(
        (&second["alert"], &second["state"]),
        (&first["alert"], &"resolved".into())
    );
    answer.send(()).expect("a target");
}

#[test]
fn metrics_say_what_was_done() {
    let server = Running::start();
    server.report(r#"{"device":"a","signals":{"cpu":1,"uptime":93600,"pending_reboot":true}}"#);
    server.post("/api/v1/reports", &[], "{");
    server.post("/write", &[], "nonsense");
    let text = server.get("/metrics").text();
    for line in [
        "afterboot_reports_total 1",
        "afterboot_samples_total 3",
        "afterboot_refusals_total{reason=\"invalid_body\"} 1",
        "afterboot_lines_refused_total 1",
        "afterboot_http_requests_total{route=\"/api/v1/reports\",status=\"200\"} 1",
        "afterboot_ready 1",
        "afterboot_devices 1",
        "afterboot_store_files{kind=\"wal\"} 1",
        "afterboot_alerts{state=\"firing\",severity=\"warn\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(
            name.starts_with("afterboot_") && value.parse::<f64>().is_ok(),
            "{line}"
        );
    }
}

#[test]
fn ready_while_it_accepts() {
    let server = Running::start();
    assert_eq!(server.get("/healthz").json()["status"], "alive");
    assert_eq!(server.get("/readyz").json()["status"], "ready");
}

#[test]
fn slow_and_silent_clients_are_left() {
    let server = Running::start_with(|config| {
        let short = std::time::Duration::from_millis(50);
        config.patience.head = short;
        config.patience.body_pause = short;
    });
    let check = |sent: &str, answer: &str| {
        let mut stream = connect(server.address).expect("a connection");
        stream
            .write_all(sent.as_bytes())
            .expect("a part of a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an end");
        assert!(
            text.starts_with(answer) && text.is_empty() == answer.is_empty(),
            "{sent:?}: {text}"
        );
    };
    check("", "");
    check("GET /healthz HT", "");
    check(
        "POST /api/v1/reports HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\n{",
        "HTTP/1.1 408",
    );
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Running::start_with(|config| config.patience.connections = 1);
    let mut first = connect(server.address).expect("a connection");
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")
        .expect("a request");
    let mut status = [0; 15];
    first.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    let mut second = connect(server.address).expect("a connection");
    let mut text = String::new();
    second.read_to_string(&mut text).expect("an answer");
    assert!(
        text.starts_with("HTTP/1.1 503 ") && text.contains("too_many_connections"),
        "{text}"
    );
}

#[test]
fn before_recovery_it_is_alive_and_not_ready() {
    let config = afterboot::config::Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        ..afterboot::config::Config::default()
    };
    let clock = std::sync::Arc::new(afterboot::clock::SystemClock);
    let server = afterboot::server::Server::listen(config, clock).expect("a port");
    let get = |target: &str| request(server.address, "GET", target, &[], b"");
    assert_eq!(get("/healthz").status, 200);
    assert!(get("/metrics").text().contains("afterboot_ready 0\n"));
    for target in [
        "/readyz",
        "/api/v1/query?q=alerts",
        "/api/v1/alerts",
        "/api/v1/stream",
    ] {
        check_error(&get(target), 503, "recovering", "", "/readyz");
    }
    let report = request(
        server.address,
        "POST",
        "/api/v1/reports",
        &[],
        br#"{"device":"a"}"#,
    );
    check_error(&report, 503, "recovering", "", "/readyz");
    server.stop().expect("a clean end");
}

#[test]
fn pages_of_other_sites_may_not_write() {
    let server = Running::start();
    let report = |origin: &str| {
        server.post(
            "/api/v1/reports",
            &[("Origin", origin)],
            r#"{"device":"a"}"#,
        )
    };
    check_error(
        &report("https://elsewhere.example"),
        403,
        "foreign_origin",
        "Origin",
        "other sites",
    );
    check_error(
        &report("null"),
        403,
        "foreign_origin",
        "Origin",
        "other sites",
    );
    assert_eq!(server.rows("devices").len(), 0);
    assert_eq!(report("http://test").status, 200);
}

#[test]
fn a_connection_is_kept_and_broken_requests_end_it() {
    let server = Running::start();
    let mut stream = connect(server.address).expect("a connection");
    let get = b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";
    stream
        .write_all(&[get.as_slice(), get, b"NONSENSE\r\n\r\n"].concat())
        .expect("three requests");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("three answers");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(
        text.matches("HTTP/1.1 400 Bad Request").count(),
        1,
        "{text}"
    );
    let mut stream = connect(server.address).expect("a connection");
    let long = format!("GET /healthz?{} HTTP/1.1\r\n\r\n", "x".repeat(100 << 10));
    let _ = stream.write_all(long.as_bytes());
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    assert!(
        status.starts_with(b"HTTP/1.1 4"),
        "{}",
        String::from_utf8_lossy(&status)
    );
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let mut server = Running::start();
    let mut stream = connect(server.address).expect("a connection");
    let body = r#"{"device":"late"}"#;
    let length = body.len();
    let head = format!(
        "POST /api/v1/reports HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("a head");
    let mut go_on = [0; 25];
    stream
        .read_exact(&mut go_on)
        .expect("the server asks for the body");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
        .write_all(&body.as_bytes()[..5])
        .expect("half a body");
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| server.stop());
        stream
            .write_all(&body.as_bytes()[5..])
            .expect("the other half");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        ending.join().expect("a clean end");
    });
    let server = server.restart();
    assert_eq!(server.rows("devices | show device"), ["late"]);
}
