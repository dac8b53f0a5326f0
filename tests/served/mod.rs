//! What the tests of the server share: a small HTTP client over a bare socket, and a wait with an end.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use afterboot::clock::{Clock, ManualClock};
use afterboot::config::Config;
use afterboot::core::RuleSet;
use afterboot::rule_files;
use afterboot::server::Server;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The longest that any step of a test may take; reached only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A response, whole.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a text body")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }
}

/// One request on a connection of its own.
pub fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    try_request(address, method, target, headers, body)
        .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// The same, for servers that may be gone.
pub fn try_request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Response> {
    let mut stream = connect(address)?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes())?;
    // A server that refuses a large body may answer and close before it read all of it.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if bytes.is_empty() => Err(error),
        _ => parse(&bytes)
            .ok_or_else(|| std::io::Error::other("the connection ended before an answer")),
    }
}

/// A connection whose every step ends in time.
pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a text head");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_string(), value.trim().to_string())
    };
    let mut response = Response {
        status,
        headers: lines.map(header).collect(),
        body: bytes[end + 4..].to_vec(),
    };
    if response.header("transfer-encoding").is_some() {
        response.body = unchunk(&response.body);
    }
    Some(response)
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
}

/// `bytes` packed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// 2026-06-09T02:00:00Z, what the clock shows when the server of a test has started.
pub const NIGHT: i64 = 1_780_970_400_000_000_000;

/// A server inside this process, on a port and in a folder of its own, with a clock that the test sets.
pub struct Running {
    pub address: SocketAddr,
    pub clock: Arc<ManualClock>,
    pub dir: tempfile::TempDir,
    config: Config,
    server: Option<Server>,
}

impl Running {
    /// With the standard rules.
    pub fn start() -> Running {
        Running::start_with(|_| ())
    }

    /// With other settings than the default ones.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Running {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = Config {
            data: dir.path().join("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..Config::default()
        };
        change(&mut config);
        Running::start_in(
            dir,
            config,
            Arc::new(ManualClock::new(NIGHT - 1_000_000_000)),
        )
    }

    fn start_in(dir: tempfile::TempDir, config: Config, clock: Arc<ManualClock>) -> Running {
        let mut server = Server::listen(config.clone(), clock.clone()).expect("a port");
        let rules = RuleSet::check(rule_files::standard()).expect("the standard rules");
        server.recover(&rules).expect("a store");
        // Arrivals rise strictly: what comes next has an instant of its own.
        clock.set(clock.now() + 1_000_000_000);
        Running {
            address: server.address,
            clock,
            dir,
            config,
            server: Some(server),
        }
    }

    /// Ends it cleanly and starts it again on the same folder.
    pub fn restart(mut self) -> Running {
        self.stop();
        let other = tempfile::tempdir().expect("a folder");
        let dir = std::mem::replace(&mut self.dir, other);
        Running::start_in(dir, self.config.clone(), self.clock.clone())
    }

    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().expect("a clean end");
        }
    }

    pub fn get(&self, target: &str) -> Response {
        request(self.address, "GET", target, &[], b"")
    }

    pub fn post(&self, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Response {
        request(self.address, "POST", target, headers, body.as_ref())
    }

    /// Posts native reports that must be kept.
    pub fn report(&self, body: &str) -> Value {
        let response = self.post("/api/v1/reports", &[], body);
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// The rows of a query as CSV, without the head line.
    pub fn rows(&self, query: &str) -> Vec<String> {
        let response = self.post(
            "/api/v1/query?format=csv",
            &[("Content-Type", "text/plain")],
            query,
        );
        assert_eq!(response.status, 200, "{query}: {}", response.text());
        response.text().lines().skip(1).map(String::from).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}
