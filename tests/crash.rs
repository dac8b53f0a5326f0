//! The real process on a real disk: killed while it takes in reports, and with a sync that fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "served/mod.rs"]
mod served;

use served::try_request;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use storage::{RealDisk, Store, TableKind};

/// A server process; it is killed when dropped.
struct Process {
    child: Child,
    address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the server on this folder, `wrapper` before it, and waits until it says where it listens.
fn start(folder: &Path, wrapper: &[&str]) -> Process {
    let binary = env!("CARGO_BIN_EXE_afterboot");
    let words: Vec<&str> = wrapper.iter().copied().chain([binary]).collect();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{words:?}: {error}; `make test` installs it"));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| {
        rest.split([' ', ':'])
            .collect::<Vec<_>>()
            .get(..2)
            .map(|parts| parts.join(":"))
    });
    let address = address
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no address in {line:?}"));
    Process {
        child,
        address,
        _stdout: stdout,
    }
}

fn post(address: SocketAddr, device: usize) -> Option<u16> {
    let body = format!(
        r#"{{"device":"d-{device}","time":"2026-06-09T00:00:00Z","signals":{{"cpu":{}}}}}"#,
        device % 100
    );
    try_request(address, "POST", "/api/v1/reports", &[], body.as_bytes())
        .ok()
        .map(|response| response.status)
}

/// Devices with a report in the store.
fn stored(folder: &Path) -> BTreeSet<usize> {
    let disk = Arc::new(RealDisk::new(folder).unwrap());
    let opened = Store::open(disk, storage::Options::default()).unwrap();
    assert_eq!(opened.damage, Vec::new());
    let snapshot = opened.store.snapshot();
    let report = snapshot
        .schema()
        .find_table(TableKind::System, "report")
        .unwrap();
    let mut devices = BTreeSet::new();
    for record in snapshot.records(1).unwrap() {
        for row in record
            .unwrap()
            .rows
            .iter()
            .filter(|row| row.table == report)
        {
            let name = snapshot.schema().device_def(row.device).unwrap().name;
            let is_new = devices.insert(name.strip_prefix("d-").unwrap().parse().unwrap());
            assert!(is_new, "{name} is there twice");
        }
    }
    devices
}

/// How many times the server is killed; `make kills` asks for a thousand.
fn lives() -> usize {
    let wanted = std::env::var("AFTERBOOT_KILLS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(100)
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    let lives = lives();
    // Each life of the one store ends amid four senders and a flush; some end before much happened.
    for life in 1..=lives {
        let mut process = start(folder.path(), &[]);
        let address = process.address;
        let before = acknowledged.lock().unwrap().len();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let device = next.fetch_add(1, Ordering::Relaxed);
                        match post(address, device) {
                            Some(200) => acknowledged.lock().unwrap().insert(device),
                            Some(status) => panic!("status {status}"),
                            None => return,
                        };
                    }
                });
            }
            scope.spawn(
                || while try_request(address, "POST", "/api/v1/compact", &[], b"").is_ok() {},
            );
            while acknowledged.lock().unwrap().len() < before + life * 7 % 31 {
                std::thread::yield_now();
            }
            process.child.kill().unwrap();
        });
        drop(process);
        if life % 10 == 0 || life == lives {
            let stored = stored(folder.path());
            let acknowledged = acknowledged.lock().unwrap();
            let lost: Vec<_> = acknowledged.difference(&stored).collect();
            assert!(
                lost.is_empty(),
                "life {life}: acknowledged and lost: {lost:?}"
            );
            assert!(
                *stored.last().unwrap() < next.load(Ordering::Relaxed),
                "nothing is invented"
            );
        }
    }
    // Sent again, what was there changes nothing.
    let process = start(folder.path(), &[]);
    for device in acknowledged.lock().unwrap().iter().take(20) {
        assert_eq!(post(process.address, *device), Some(200));
    }
    drop(process);
    stored(folder.path());
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // From its 20th on, every sync fails.
    let inject = "inject=fdatasync,fsync:error=EIO:when=20+";
    let process = start(
        folder.path(),
        &[
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fdatasync,fsync",
            "-e",
            inject,
        ],
    );
    let (mut acknowledged, mut refused) = (BTreeSet::new(), 0);
    for device in 0..60 {
        match post(process.address, device) {
            Some(200) => {
                assert_eq!(
                    refused, 0,
                    "report {device} is acknowledged after a failed sync"
                );
                acknowledged.insert(device);
            }
            Some(503) => refused += 1,
            other => panic!("report {device}: {other:?}"),
        }
    }
    assert!(
        !acknowledged.is_empty() && refused > 20,
        "{} acknowledged, {refused} refused",
        acknowledged.len()
    );
    let ready = try_request(process.address, "GET", "/readyz", &[], b"").unwrap();
    assert_eq!(ready.status, 503);
    let pid = process.child.id();
    drop(process);
    end_traced(folder.path(), pid);
    let stored = stored(folder.path());
    assert!(
        acknowledged.is_subset(&stored),
        "{acknowledged:?} of {stored:?}"
    );
}

/// Killing strace leaves what it traced running: waits until the store can be had, ending the server by its folder's lock.
fn end_traced(folder: &Path, _strace: u32) {
    let marker = folder.as_os_str().as_encoded_bytes().to_vec();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|byte| *byte == 0).any(|word| word == marker) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
    while RealDisk::new(folder).is_err() {
        std::thread::yield_now();
    }
}
