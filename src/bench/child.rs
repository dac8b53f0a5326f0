//! The server under test: a process of its own, so that its CPU time can be told from the load's.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use storage::Nanos;

/// Clock ticks a second of the times in `/proc`, as Linux has had them on every platform for twenty years.
const TICKS_A_SECOND: f64 = 100.0;

/// A running server.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    /// The line it printed: what recovery found, and how long it took.
    pub said: String,
    child: Child,
    /// To move the clock of a server that was started with one, and to hear that it moved.
    clock: Mutex<(Option<ChildStdin>, BufReader<ChildStdout>)>,
}

impl Served {
    /// Starts this program's own `serve` on a folder, and returns when it is ready.
    pub fn start(data: &Path) -> io::Result<Served> {
        Served::spawn(
            Command::new(std::env::current_exe()?)
                .args(["serve", "--listen", "127.0.0.1:0", "--data"])
                .arg(data)
                .stdin(Stdio::null()),
        )
    }

    /// The same server with a clock that shows `now` until it is told otherwise.
    pub fn start_at(data: &Path, now: Nanos) -> io::Result<Served> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench-server", "--now", &now.to_string(), "--data"]);
        Served::spawn(command.arg(data).stdin(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> io::Result<Served> {
        command
            .env_remove("AFTERBOOT_CONFIG")
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let out = child.stdout.take();
        let mut out =
            BufReader::new(out.ok_or_else(|| io::Error::other("the server has no output"))?);
        let mut said = String::new();
        out.read_line(&mut said)?;
        let address = said.split("http://").nth(1);
        let address = address.and_then(|rest| rest.split(": ").next()?.parse().ok());
        match address {
            Some(address) => {
                let clock = Mutex::new((child.stdin.take(), out));
                let said = said.trim_end().into();
                Ok(Served {
                    address,
                    said,
                    child,
                    clock,
                })
            }
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(io::Error::other(format!(
                    "the server did not start: {said:?}"
                )))
            }
        }
    }

    /// Moves the clock of a server of [`Served::start_at`]; returns when it shows `now`.
    pub fn set_clock(&self, now: Nanos) -> io::Result<()> {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = &mut clock.0 {
            writeln!(input, "{now}")?;
            clock.1.read_line(&mut String::new())?;
        }
        Ok(())
    }

    /// CPU seconds it has used so far, user and system, threads that ended included.
    pub fn cpu_seconds(&self) -> io::Result<f64> {
        cpu_seconds_of(self.child.id())
    }

    /// Anonymous memory, in bytes.
    pub fn anonymous_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .unwrap_or("0");
        let kib: u64 = line
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .map_err(io::Error::other)?;
        Ok(kib * 1024)
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU seconds that a process has used so far, user and system, threads that ended included.
pub fn cpu_seconds_of(process: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program may hold anything; after it come plain fields.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_A_SECOND),
        _ => Err(io::Error::other("/proc/PID/stat is not as expected")),
    }
}

/// Bytes of the files under a folder whose names begin so; "" for all.
pub fn bytes_under(folder: &Path, beginning: &str) -> io::Result<u64> {
    let mut bytes = 0;
    let mut folders: Vec<PathBuf> = vec![folder.into()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.metadata()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with(beginning) {
                bytes += kind.len();
            }
        }
    }
    Ok(bytes)
}
