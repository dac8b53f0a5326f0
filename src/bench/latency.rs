//! From a report to its decision: the request's first byte written, to the event read from the stream.
//!
//! One flip of a rule at a time: a device waits for a reboot, and then does not. The body carries other devices' reports
//! too, so that it is as large as a gateway's.

use super::child::Served;
use super::{Figure, Options};
use crate::clock::Stopwatch;
use crate::fleet::wire::Wire;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// How long a decision may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Devices that take turns.
const DEVICES: usize = 100;

/// Runs it in a store of its own.
pub fn run(
    options: &Options,
    folder: &Path,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let server = Served::start(&folder.join("latency"))?;
    let mut figures = Vec::new();
    for reports in [1, DEVICES] {
        told(&format!(
            "latency: {} decisions, {reports} reports a body",
            options.decisions
        ));
        let mut waits = measure(&server, options.decisions, reports)?;
        waits.sort_unstable();
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let name =
                format!("latency: report to decision on the stream, {reports} in a body, {name}");
            figures.push(Figure::new(
                name,
                quantile(&waits, share).as_secs_f64() * 1e3,
                "ms",
            ));
        }
    }
    server.kill()?;
    Ok(figures)
}

fn measure(server: &Served, decisions: usize, reports: usize) -> io::Result<Vec<Duration>> {
    let arrivals = stream(server)?;
    let mut wire = Wire::connect(server.address)?;
    let mut waits = Vec::with_capacity(decisions);
    for turn in 0..decisions {
        let body = body(turn, reports);
        let watch = Stopwatch::start();
        // The decision may be on the stream before the answer is read; both are awaited.
        super::expect(wire.post("/api/v1/reports", "application/x-ndjson", body.as_bytes())?)?;
        let late = |_| io::Error::other(format!("no decision after report {turn}"));
        let arrived: Stopwatch = arrivals.recv_timeout(PATIENCE).map_err(late)?;
        waits.push(watch.elapsed().saturating_sub(arrived.elapsed()));
    }
    Ok(waits)
}

/// A device that waits for a reboot in even rounds and does not in odd ones; the others have nothing new.
fn body(turn: usize, reports: usize) -> String {
    let flips = turn % DEVICES;
    let pending = (turn / DEVICES).is_multiple_of(2);
    let mut body = String::new();
    for offset in 0..reports {
        let device = (flips + offset) % DEVICES;
        let news = match offset {
            0 => format!(r#","pending_reboot":{pending}"#),
            _ => String::new(),
        };
        body += &format!(
            r#"{{"device":"srv-{reports}-{device:03}","labels":{{"client":"Acme","class":"server"}},"signals":{{"cpu":{}.5,"mem":40,"uptime":{}{news}}}}}"#,
            turn % 50,
            200_000 + turn,
        );
        body.push('\n');
    }
    body
}

/// Listens to the stream on a thread; a stopwatch is started for each decision.
fn stream(server: &Served) -> io::Result<mpsc::Receiver<Stopwatch>> {
    let mut socket = TcpStream::connect(server.address)?;
    socket.set_nodelay(true)?;
    socket.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: load\r\n\r\n")?;
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    // The first event says that it listens.
    while !line.starts_with("retry:") {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name("stream".into())
        .spawn(move || {
            loop {
                line.clear();
                match reader.read_line(&mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) if line.starts_with("data:") => {
                        if sender.send(Stopwatch::start()).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                }
            }
        })?;
    Ok(receiver)
}

/// The value that this share of the sorted ones does not exceed.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.clamp(1, sorted.len().max(1)) - 1)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let check =
            |share, expected| assert_eq!(quantile(&sorted, share), Duration::from_millis(expected));
        check(0.5, 100);
        check(0.99, 198);
        check(0.999, 200);
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn one_device_flips_at_a_time() {
        assert_eq!(body(0, 1), body(0, 1));
        assert_eq!(body(0, 100).matches("\"pending_reboot\":true").count(), 1);
        assert_eq!(
            body(100, 100).matches("\"pending_reboot\":false").count(),
            1
        );
        assert!(body(101, 100).starts_with(r#"{"device":"srv-100-001""#));
    }
}
