//! The same line-protocol bodies into other stores of this machine, in the same run: what they cost there.
//!
//! Each peer is a program of the distribution's packages, found on the path and started on a free loopback port with a
//! folder of its own. One that is not installed is left out and said so. CPU is the kernel's account of the peer's process.

use super::child::{bytes_under, cpu_seconds_of};
use super::{Figure, Options};
use crate::fleet::hosts::Hosts;
use crate::fleet::wire::Wire;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use storage::{Nanos, SECOND};

const MINUTE: Nanos = 60 * SECOND;
/// Looks for an answer so often before a peer is given up.
const TRIES: usize = 300;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// A store to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// VictoriaMetrics, single node.
    VictoriaMetrics,
    /// InfluxDB 1.x.
    InfluxDb,
}

impl Peer {
    /// Every peer with its program and the Debian package that holds it.
    pub const ALL: [(Peer, &str, &str); 2] = [
        (
            Peer::VictoriaMetrics,
            "victoria-metrics",
            "victoria-metrics",
        ),
        (Peer::InfluxDb, "influxd", "influxdb"),
    ];

    fn name(self) -> &'static str {
        match self {
            Peer::VictoriaMetrics => "VictoriaMetrics",
            Peer::InfluxDb => "InfluxDB",
        }
    }

    fn command(self, program: &str, folder: &Path, port: u16) -> io::Result<Command> {
        let mut command = Command::new(program);
        match self {
            Peer::VictoriaMetrics => {
                command
                    .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
                    .arg(format!("-storageDataPath={}", folder.display()))
                    .arg("-retentionPeriod=12");
            }
            Peer::InfluxDb => {
                let config = folder.join("influxdb.conf");
                let of = |part: &str| folder.join(part).display().to_string();
                let text = format!(
                    "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n[meta]\n  dir = {:?}\n[data]\n  dir = {:?}\n  wal-dir = {:?}\n  index-version = \"tsi1\"\n  max-values-per-tag = 0\n[http]\n  bind-address = \"127.0.0.1:{port}\"\n  log-enabled = false\n[monitor]\n  store-enabled = false\n",
                    of("meta"),
                    of("data"),
                    of("wal"),
                );
                fs::write(&config, text)?;
                command.arg("-config").arg(config);
            }
        }
        Ok(command)
    }

    /// Whether an answer to this path means that it is ready.
    fn ready_path(self) -> &'static str {
        match self {
            Peer::VictoriaMetrics => "/health",
            Peer::InfluxDb => "/ping",
        }
    }

    fn prepare(self, wire: &mut Wire) -> io::Result<()> {
        match self {
            Peer::VictoriaMetrics => Ok(()),
            Peer::InfluxDb => super::expect(wire.post(
                "/query",
                "application/x-www-form-urlencoded",
                b"q=CREATE+DATABASE+bench",
            )?),
        }
    }

    fn write_path(self) -> &'static str {
        match self {
            Peer::VictoriaMetrics => "/write?precision=ns",
            Peer::InfluxDb => "/write?db=bench&precision=ns",
        }
    }

    /// Makes it put everything where it stays, if it can be told to.
    fn settle(self, wire: &mut Wire) -> io::Result<()> {
        if self == Peer::VictoriaMetrics {
            super::expect(wire.get("/internal/force_flush")?)?;
            super::expect(wire.get("/internal/force_merge")?)?;
        }
        Ok(())
    }
}

/// A peer that runs; ends with this value.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(peer: Peer, program: &str, folder: &Path) -> io::Result<Running> {
    fs::create_dir_all(folder)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let child = peer
        .command(program, folder, address.port())?
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut running = Running { child, address };
    for _ in 0..TRIES {
        if let Some(status) = running.child.try_wait()? {
            return Err(io::Error::other(format!("{program} ended: {status}")));
        }
        let answer = Wire::connect(address).and_then(|mut wire| {
            let (status, _) = wire.get(peer.ready_path())?;
            Ok(status)
        });
        if matches!(answer, Ok(200..300)) {
            return Ok(running);
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(io::Error::other(format!("{program} does not answer")))
}

/// Runs every peer that is installed.
pub fn run(
    options: &Options,
    folder: &Path,
    now: Nanos,
    told: &mut dyn FnMut(&str),
) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (peer, program, package) in Peer::ALL {
        let data = folder.join(program);
        let running = match start(peer, program, &data) {
            Ok(running) => running,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                told(&format!(
                    "peers: {} is left out, {program} is not on the path (apt-get install {package})",
                    peer.name()
                ));
                continue;
            }
            Err(error) => return Err(error),
        };
        told(&format!(
            "peers: {}, {} bodies of {} hosts × 18 fields",
            peer.name(),
            options.steps,
            options.hosts
        ));
        figures.extend(measure(peer, &running, options, &data, now)?);
    }
    Ok(figures)
}

fn measure(
    peer: Peer,
    running: &Running,
    options: &Options,
    data: &Path,
    now: Nanos,
) -> io::Result<Vec<Figure>> {
    let mut wire = Wire::connect(running.address)?;
    peer.prepare(&mut wire)?;
    let start = now - now % MINUTE - options.steps as Nanos * MINUTE;
    let mut hosts = Hosts::new(options.hosts, "a", 0, start);
    let mut body = String::new();
    let mut samples = 0;
    let cpu = || cpu_seconds_of(running.child.id());
    let before = cpu()?;
    for step in 1..=options.steps {
        samples += hosts.body(start + step as Nanos * MINUTE, &mut body);
        super::expect(wire.post(peer.write_path(), "text/plain", body.as_bytes())?)?;
    }
    let taken = cpu()? - before;
    peer.settle(&mut wire)?;
    let bytes = bytes_under(data, "")?;
    let name = peer.name();
    Ok(vec![
        Figure::new(
            format!("peers: {name}, CPU a million samples to the last acknowledgement"),
            taken / (samples as f64 / 1e6),
            "s",
        ),
        Figure::new(
            format!("peers: {name}, bytes a sample on disk, whole folder"),
            bytes as f64 / samples as f64,
            "B",
        ),
    ])
}
