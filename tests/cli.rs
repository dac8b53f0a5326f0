//! The binary from outside: help, exit codes, errors, and what a real process survives.

mod served;

use served::{PATIENCE, Response, request, try_request};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const AFTERBOOT: &str = env!("CARGO_BIN_EXE_afterboot");

fn run(args: &[&str]) -> Output {
    run_in(Path::new("."), args)
}

fn run_in(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(AFTERBOOT);
    command
        .current_dir(folder)
        .args(args)
        .env_remove("AFTERBOOT_URL")
        .env_remove("AFTERBOOT_DATA");
    command
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// Runs it, and compares the exit code and parts of what it says on standard output and standard error.
fn check(args: &[&str], code: i32, out: &[&str], err: &[&str]) -> Output {
    let output = run(args);
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let whole = format!(
        "afterboot {}\n--- out\n{said}--- err\n{complained}",
        args.join(" ")
    );
    assert_eq!(output.status.code(), Some(code), "{whole}");
    for part in out {
        assert!(said.contains(part), "no {part:?} in {whole}");
    }
    for part in err {
        assert!(complained.contains(part), "no {part:?} in {whole}");
    }
    output
}

#[test]
fn help_shows_every_command_with_an_example() {
    let help = check(
        &["--help"],
        0,
        &["Usage: afterboot", "Examples:", "Exit codes:"],
        &[],
    );
    let help = String::from_utf8(help.stdout).expect("text");
    let commands = help
        .split("Commands:")
        .nth(1)
        .and_then(|rest| rest.split("Options:").next())
        .expect("a list");
    let names: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !["help", "version"].contains(name))
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        check(
            &[name, "--help"],
            0,
            &["Usage: afterboot ", "Example", &format!("afterboot {name}")],
            &[],
        );
    }
    check(
        &["version"],
        0,
        &[concat!("afterboot ", env!("CARGO_PKG_VERSION"))],
        &[],
    );
}

#[test]
fn wrong_usage_is_2() {
    check(&[], 2, &[], &["Usage: afterboot"]);
    check(&["frobnicate"], 2, &[], &["frobnicate"]);
    check(&["serv"], 2, &[], &["serve"]);
    check(&["serve", "--listen", "nowhere"], 2, &[], &["--listen"]);
    check(&["query"], 2, &[], &["TEXT"]);
    check(&["query", "--format", "xml", "devices"], 2, &[], &["csv"]);
    check(
        &["query", "--url", "http://a", "--data", "b", "devices"],
        2,
        &[],
        &["cannot be used with"],
    );
}

#[test]
fn a_world_that_is_not_as_needed_is_3() {
    check(
        &["query", "--url", "http://127.0.0.1:1", "devices"],
        3,
        &[],
        &["http://127.0.0.1:1", "afterboot serve"],
    );
    check(
        &["check", "no/such.rules"],
        3,
        &[],
        &["no/such.rules", "No such file"],
    );
    check(
        &["serve", "--config", "no/such.toml"],
        3,
        &[],
        &["no/such.toml"],
    );
    check(
        &["serve", "--listen", "192.0.2.1:8470"],
        3,
        &[],
        &["no tokens", "allow_insecure_listen"],
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data").display().to_string();
    check(
        &["serve", "--listen", &address, "--data", &data],
        3,
        &[],
        &["cannot listen", &address, "--listen"],
    );
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let inside = file.join("data").display().to_string();
    check(
        &["serve", "--listen", "127.0.0.1:0", "--data", &inside],
        3,
        &[],
        &["--data"],
    );
}

#[test]
fn settings_files() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("config.toml");
    let name = config.display().to_string();
    let check = |text: &str, code: i32, err: &[&str]| {
        std::fs::write(&config, text).expect("a file");
        check(&["serve", "--config", &name], code, &[], err);
    };
    check(
        "\nlisen = \"127.0.0.1:0\"\n",
        2,
        &[
            "config.toml, line 2",
            "unknown field",
            "did you mean `listen`?",
        ],
    );
    check("data = [\n", 2, &["config.toml, line"]);
    check(
        "listen = \"0.0.0.0:0\"\n",
        3,
        &["no tokens", "allow_insecure_listen = true"],
    );
}

#[test]
fn rules_are_checked_all_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().display().to_string();
    check(&["check", &folder], 3, &[], &["no *.rules file"]);
    std::fs::write(
        dir.path().join("good.rules"),
        "rule r\n  when cpu > 90%\n  alert warn \"{device} is busy\"\n",
    )
    .expect("a file");
    check(
        &["check", &folder],
        0,
        &["1 file: 1 rule, 0 watches, 0 suppressions"],
        &[],
    );
    std::fs::write(dir.path().join("bad.rules"), "rule a\n  when cpuu > 90%\n  alert warn \"x\"\n\nrule b\n  when disk[\"C:\"].free < 10%\n  alert warn \"y\"\n").expect("a file");
    std::fs::write(dir.path().join("worse.rules"), "rule c when\n").expect("a file");
    let errors = [
        "bad.rules",
        "cpuu",
        "cpu",
        "bytes",
        "percent",
        "worse.rules",
    ];
    check(&["check", &folder], 1, &[], &errors);
    // A server does not start on them, and says the same.
    let data = dir.path().join("data").display().to_string();
    check(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &data,
            "--rules",
            &folder,
        ],
        1,
        &[],
        &errors,
    );
    check(
        &[
            "check",
            concat!(env!("CARGO_MANIFEST_DIR"), "/rules/standard.rules"),
        ],
        0,
        &["1 file: "],
        &[],
    );
}

/// A real server process.
struct Process {
    child: Child,
    address: SocketAddr,
    first_line: String,
}

impl Process {
    fn start(data: &Path) -> Process {
        let mut command = Command::new(AFTERBOOT);
        command
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"]);
        Process::spawn(command)
    }

    fn spawn(mut command: Command) -> Process {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let mut first_line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped"))
            .read_line(&mut first_line)
            .expect("a line");
        let address = first_line.split("http://").nth(1).and_then(|rest| {
            rest.split(':')
                .take(2)
                .collect::<Vec<_>>()
                .join(":")
                .parse()
                .ok()
        });
        let Some(address) = address else {
            let mut said = String::new();
            let _ = child
                .stderr
                .as_mut()
                .expect("piped")
                .read_to_string(&mut said);
            panic!("no address in {first_line:?}: {said}");
        };
        Process {
            child,
            address,
            first_line,
        }
    }

    fn post(&self, target: &str, body: &str) -> Response {
        request(self.address, "POST", target, &[], body.as_bytes())
    }

    fn rows(&self, query: &str) -> Vec<String> {
        let url = format!("http://{}", self.address);
        let output = run(&["query", "--url", &url, "--format", "csv", query]);
        assert!(
            output.status.success(),
            "{query}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("text")
            .lines()
            .skip(1)
            .map(String::from)
            .collect()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args([name, &pid])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Waits for its end; gives the exit code and what it complained about.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("an end");
        let mut said = String::new();
        self.child
            .stderr
            .take()
            .expect("piped")
            .read_to_string(&mut said)
            .expect("text");
        (status.code(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_starts_says_so_and_ends_on_a_signal() {
    let dir = tempfile::tempdir().expect("a folder");
    for (round, signal) in ["-INT", "-TERM"].into_iter().enumerate() {
        let server = Process::start(&dir.path().join("data"));
        for part in ["data", &format!("{round} device"), "recovered in", "rules"] {
            assert!(
                server.first_line.contains(part),
                "no {part:?} in {}",
                server.first_line
            );
        }
        assert_eq!(
            server.post("/api/v1/reports", r#"{"device":"a"}"#).status,
            200
        );
        let second = run(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &dir.path().join("data").display().to_string(),
        ]);
        assert_eq!(second.status.code(), Some(3));
        assert!(
            String::from_utf8_lossy(&second.stderr).contains("in use"),
            "{second:?}"
        );
        server.signal(signal);
        let (code, said) = server.end();
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn a_reader_that_closes_the_pipe_ends_a_query_quietly() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Process::start(&dir.path().join("data"));
    let lines: String = (0..5000)
        .map(|device| format!("{{\"device\":\"device-{device}\"}}\n"))
        .collect();
    assert_eq!(server.post("/api/v1/reports", &lines).status, 200);
    let url = format!("http://{}", server.address);
    let mut query = Command::new(AFTERBOOT)
        .args(["query", "--url", &url, "devices | show device"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the process starts");
    drop(query.stdout.take());
    let output = query.wait_with_output().expect("an end");
    assert_eq!(
        (output.status.code(), output.stderr.len()),
        (Some(0), 0),
        "{output:?}"
    );
}

#[test]
fn kill_9_during_ingest_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let server = Process::start(&data);
    let address = server.address;
    // Four senders, each until the server is gone; each counts what was acknowledged.
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            std::thread::spawn(move || {
                let mut acknowledged = 0;
                loop {
                    let body = format!(r#"{{"device":"d{sender}","signals":{{"uptime":{acknowledged}}},"labels":{{"client":"Acme"}}}}"#);
                    match try_request(address, "POST", "/api/v1/reports", &[], body.as_bytes()) {
                        Ok(response) if response.status == 200 => acknowledged += 1,
                        Ok(response) => panic!("{}", response.text()),
                        Err(_) => return acknowledged,
                    }
                }
            })
        })
        .collect();
    // Killed once it has written some, while more is coming.
    while !request(address, "GET", "/metrics", &[], b"")
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("afterboot_reports_total "))
        .any(|count| count.parse::<f64>().is_ok_and(|count| count > 200.0))
    {}
    server.signal("-KILL");
    let acknowledged: Vec<u64> = senders
        .into_iter()
        .map(|sender| sender.join().expect("a count"))
        .collect();
    drop(server);
    assert!(acknowledged.iter().sum::<u64>() > 0);
    let server = Process::start(&data);
    for (sender, count) in acknowledged.into_iter().enumerate() {
        let rows = server.rows(&format!(
            "uptime where device = \"d{sender}\" | by device: n = count()"
        ));
        let kept: u64 = rows
            .first()
            .and_then(|row| row.split(',').nth(1))
            .map_or(0, |n| n.parse().expect("a number"));
        // At most the one whose acknowledgement was on its way.
        assert!(
            kept == count || kept == count + 1,
            "sender {sender}: {count} acknowledged, {kept} kept"
        );
    }
}

#[test]
fn nothing_is_acknowledged_after_a_sync_failed() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    // The store is made by a run without faults; then the log's syncs begin to fail.
    let server = Process::start(&data);
    assert_eq!(
        server
            .post("/api/v1/reports", r#"{"device":"before"}"#)
            .status,
        200
    );
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
    let mut command = Command::new("strace");
    command.args([
        "-D",
        "-f",
        "-qq",
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:error=EIO:when=6+",
        "-o",
        "/dev/null",
    ]);
    command
        .arg(AFTERBOOT)
        .arg("serve")
        .arg("--data")
        .arg(&data)
        .args(["--listen", "127.0.0.1:0"]);
    let server = Process::spawn(command);
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..40 {
        let response = server.post("/api/v1/reports", &format!(r#"{{"device":"d{number}"}}"#));
        match response.status {
            200 => {
                assert_eq!(refused, 0, "acknowledged after a sync failed");
                acknowledged.push(format!("d{number}"));
            }
            503 => {
                assert_eq!(
                    response.json()["code"],
                    "store_failed",
                    "{}",
                    response.text()
                );
                assert!(response.header("retry-after").is_some());
                refused += 1;
            }
            other => panic!("{other}: {}", response.text()),
        }
    }
    assert!(
        !acknowledged.is_empty() && refused > 0,
        "{} acknowledged, {refused} refused",
        acknowledged.len()
    );
    let ready = request(server.address, "GET", "/readyz", &[], b"");
    assert_eq!(
        (
            ready.status,
            ready.json()["code"].as_str().map(String::from)
        ),
        (503, Some("store_failed".into()))
    );
    let metrics = request(server.address, "GET", "/metrics", &[], b"").text();
    assert!(
        metrics.contains("afterboot_commit_failures_total 1\n"),
        "{metrics}"
    );
    drop(server);
    // With a disk that is well again, every acknowledged report is there.
    let server = Process::start(&data);
    let devices = server.rows("devices | show device");
    for device in acknowledged.iter().chain([&"before".to_string()]) {
        assert!(
            devices.contains(device),
            "{device} was acknowledged and is gone"
        );
    }
}

const SCENARIO: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/scenarios/clean-night.ndjson"
);

#[test]
fn a_replay_gives_the_same_bytes_every_time() {
    let args = [
        "replay",
        "--input",
        SCENARIO,
        "--to",
        "2026-06-09T02:00:00Z",
    ];
    let once = check(
        &args,
        0,
        &["\"rule\":\"post_patch\"", "\"state\":\"done\""],
        &[],
    );
    assert_eq!(run(&args).stdout, once.stdout);
    check(
        &["replay", "--input", SCENARIO, "--format", "table"],
        0,
        &["post_patch"],
        &[],
    );
    check(
        &["replay", "--input", "no/such.ndjson"],
        3,
        &[],
        &["no/such.ndjson"],
    );
    check(&["replay"], 2, &[], &["--input"]);
    let dir = tempfile::tempdir().expect("a folder");
    let input = dir.path().join("input.ndjson");
    std::fs::write(
        &input,
        "{\"device\":\"a\",\"arrived\":\"2026-06-09T00:00:00Z\"}\nnonsense\n",
    )
    .expect("a file");
    check(
        &["replay", "--input", &input.display().to_string()],
        1,
        &[],
        &["line 2", "left out"],
    );
    let rules = dir.path().join("bad.rules");
    std::fs::write(&rules, "rule a when\n").expect("a file");
    check(
        &[
            "replay",
            "--input",
            SCENARIO,
            "--rules",
            &rules.display().to_string(),
        ],
        1,
        &[],
        &["bad.rules"],
    );
}

const WINDOWS_LOG: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/windows/win10-1703-system.evtx"
);

#[test]
fn an_import_finds_the_updates_that_never_ended_and_counts_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data").display().to_string();
    check(
        &["import", "--data", &data, WINDOWS_LOG],
        0,
        &["35 reports kept"],
        &[],
    );
    check(
        &["import", "--data", &data, WINDOWS_LOG],
        0,
        &["0 reports kept", "35 known already"],
        &[],
    );
    let query = "patches where state = \"installing\" | sort kb | show kb";
    let rows = check(
        &["query", "--data", &data, "--format", "csv", query],
        0,
        &[],
        &[],
    );
    assert_eq!(
        String::from_utf8_lossy(&rows.stdout)
            .lines()
            .collect::<Vec<_>>(),
        ["kb", "KB4022725", "KB4038788", "KB4041676"]
    );
    let server = Process::start(&dir.path().join("served"));
    let url = format!("http://{}", server.address);
    check(
        &["import", "--url", &url, WINDOWS_LOG],
        0,
        &["35 reports kept"],
        &[],
    );
    check(
        &["import", "--url", &url, WINDOWS_LOG],
        0,
        &["0 reports kept", "35 known already"],
        &[],
    );
    assert_eq!(server.rows(query), ["KB4022725", "KB4038788", "KB4041676"]);
    // What cannot be used is named, and the rest is kept.
    let cut = dir.path().join("cut.evtx");
    let whole = std::fs::read(WINDOWS_LOG).expect("a log");
    std::fs::write(&cut, &whole[..2000]).expect("a file");
    let lines = dir.path().join("lines.lp");
    std::fs::write(&lines, "cpu,host=a usage=1\nnonsense\n").expect("a file");
    let (cut, lines) = (cut.display().to_string(), lines.display().to_string());
    check(
        &["import", "--url", &url, &cut, &lines],
        1,
        &["1 reports kept", "refused", "line 2"],
        &["cut.evtx"],
    );
    check(
        &["import", "--url", &url, "no/such.evtx"],
        3,
        &[],
        &["no/such.evtx"],
    );
    check(
        &["import", "--url", "http://127.0.0.1:1", WINDOWS_LOG],
        3,
        &[],
        &["afterboot serve"],
    );
}

#[test]
fn the_agent_reports_this_machine() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Process::start(&dir.path().join("data"));
    let url = format!("http://{}", server.address);
    check(
        &[
            "agent",
            "--once",
            "--url",
            &url,
            "--device",
            "here",
            "--label",
            "client=Acme",
        ],
        0,
        &[],
        &["accepted by"],
    );
    let rows =
        server.rows("devices | show client, device, up = uptime is known, boot = boot_id is known");
    assert_eq!(rows, ["Acme,here,true,true"]);
    check(
        &["agent", "--once", "--url", "http://127.0.0.1:1"],
        3,
        &[],
        &["http://127.0.0.1:1"],
    );
    check(&["agent", "--label", "client"], 2, &[], &["NAME=VALUE"]);
}

#[test]
fn patience_is_longer_than_any_step() {
    assert!(PATIENCE.as_secs() > afterboot::limits::HTTP_HEAD_SECONDS_MAX);
}
