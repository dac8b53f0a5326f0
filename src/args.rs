//! The command line: every subcommand, option and example of `--help`.
//!
//! Only words here: nothing opens a file, a socket or a clock. Each subcommand is one struct, run by
//! the file of the same name in [`crate::commands`]. A command stands here once it works.

use crate::ingest::line::Precision;
use crate::{bench, limits, replay};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use query::render::Format;
use smol_str::SmolStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use storage::Nanos;

/// Where a server listens, and where the clients look for one, when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8470";
/// The server that the client commands ask when nothing else is said.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8470";

/// Afterboot: patching is finished when the machine came back and its services run.
#[derive(Debug, Parser)]
#[command(
    name = "afterboot",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  afterboot serve                                       a server on 127.0.0.1:8470 with the standard rules
  afterboot demo                                        see it work on a simulated Patch Tuesday night
  afterboot query 'alerts from -24h'                    what it raised
  afterboot check rules/                                every error of every rule file

Exit codes: 0 good, 1 the answer is bad news (an error in a rule, damage found), 2 wrong usage,
3 the environment (no such file, no such server, address in use)."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: receive reports, keep them, raise alerts.
    Serve(Serve),
    /// See it work: a server, the standard rules, and a simulated fleet on Patch Tuesday night.
    Demo(Demo),
    /// Ask one question and print the answer.
    Query(Query),
    /// Ask questions one after the other; with history and completion.
    Shell(Shell),
    /// Check rule files: every error of every file, with carets.
    Check(Check),
    /// Decide again: what rules make of recorded reports.
    Replay(Replay),
    /// Read old logs and reports: .evtx, .ndjson, .lp.
    Import(Import),
    /// Report this Linux machine: load, memory, disks, boots, whether it waits for a reboot.
    Agent(Agent),
    /// Measure this machine: ingest, latency, size on disk, start after a crash.
    Bench(Bench),
    /// The server under test of `bench`, with a clock that its parent moves.
    #[command(hide = true)]
    BenchServer(BenchServer),
    /// Print the version.
    Version,
}

/// `afterboot serve`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  afterboot serve
  afterboot serve --data /var/lib/afterboot --rules /etc/afterboot/rules --listen 127.0.0.1:8470
  afterboot serve --config /etc/afterboot/config.toml

A rule file with an error stops the start: every error of every file is listed. Ctrl-C or SIGTERM
ends the server cleanly. Options given here win over the file.")]
pub struct Serve {
    /// Settings; without it the defaults hold (see docs/operate.md).
    #[arg(long, value_name = "FILE", env = "AFTERBOOT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the store; made when missing [default: afterboot-data].
    #[arg(long, value_name = "DIR", env = "AFTERBOOT_DATA")]
    pub data: Option<PathBuf>,
    /// Folder of rule files; without it the standard rules run.
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8470].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// `afterboot demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot demo
  afterboot demo --devices 1000 --speed 100 --seed 7
  afterboot demo --data demo-data --exit

A night of five hours passes in a minute. Then the server stays up, to be asked, until Ctrl-C.
The same seed tells the same story.")]
pub struct Demo {
    /// Folder of the store, empty or missing; it is kept [default: a temporary one, removed at the end].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Machines of the fleet.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub devices: u32,
    /// How many times faster than the world the night passes.
    #[arg(long, value_name = "N", default_value_t = 300.0, value_parser = speed)]
    pub speed: f64,
    /// Address and port of the server [default: 127.0.0.1:8470, or any free port when that one is taken].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Another seed, another night.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Ends when the night is over.
    #[arg(long, alias = "once")]
    pub exit: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1e6).contains(&speed) => Ok(speed),
        _ => Err("wanted is a number from 1 to 1000000".into()),
    }
}

/// `afterboot bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot bench --short
  afterboot bench ingest --connections 2 --json ingest.json

Each part starts a server of its own on a free port and removes its store. Only a release build gives
figures worth keeping.")]
pub struct Bench {
    /// ingest (with size), latency, start, requests, series, peers; all of them when none is named.
    #[arg(value_name = "PART", value_parser = part_parser())]
    pub parts: Vec<bench::Part>,
    /// A run of seconds, to see that all is well.
    #[arg(long)]
    pub short: bool,
    /// Ingest: hosts of a body.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_000))]
    pub hosts: Option<u32>,
    /// Ingest: bodies of each connection.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,
    /// Ingest: connections, each with hosts of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub connections: u32,
    /// Start: devices in the store.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub devices: Option<u32>,
    /// Where the stores are made [default: the temporary folder].
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Writes the figures as JSON, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `afterboot bench-server`, which `bench` starts.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  echo 1780963260000000000 | afterboot bench-server --data bench-data --now 1780963200000000000")]
pub struct BenchServer {
    /// Folder of the store.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// What the clock shows first, in nanoseconds since 1970; lines of standard input move it.
    #[arg(long, value_name = "NANOS")]
    pub now: Nanos,
}

fn part_parser() -> impl TypedValueParser<Value = bench::Part> {
    PossibleValuesParser::new(bench::Part::ALL.map(|(word, _)| word)).map(|word| {
        let known = bench::Part::ALL.iter().find(|(known, _)| *known == word);
        known.map_or(bench::Part::Ingest, |(_, part)| *part)
    })
}

/// Where a client command reads: a running server, or a store's folder.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// A running server [env: AFTERBOOT_URL] [default: http://127.0.0.1:8470].
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// The folder of a store; read as it is on disk, without a server.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// `afterboot query`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot query 'alerts where state = \"firing\"'
  afterboot query --format csv 'patches where state = \"staged\" for 3d | by client, kb: n = count()'
  afterboot query --data /var/lib/afterboot 'timeline \"srv-01\" from -24h'
  echo 'devices | show device, client' | afterboot query -")]
pub struct Query {
    /// Where to read.
    #[command(flatten)]
    pub source: Source,
    /// How to print the answer.
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format_parser())]
    pub format: Format,
    /// The query; `-` reads it from standard input.
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub text: String,
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(|(_, word)| word))
        .map(|word| Format::parse(&word).unwrap_or_default())
}

/// `afterboot shell`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot shell
  afterboot shell --data /var/lib/afterboot

Then type a query and press enter; .help lists what else there is.")]
pub struct Shell {
    /// Where to read.
    #[command(flatten)]
    pub source: Source,
}

/// `afterboot check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot check rules/
  afterboot check rules/standard.rules site.rules

Files named together are checked together, so a rule may use what another file declares. A folder
means its *.rules files. Exit code 1 when there is an error.")]
pub struct Check {
    /// Rule files, or folders of *.rules files.
    #[arg(value_name = "RULES", required = true)]
    pub rules: Vec<PathBuf>,
}

/// `afterboot replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot replay --input night.ndjson
  afterboot replay --rules rules/ --input night.ndjson --to 2026-06-09T04:00:00Z --format table

The input is native reports, one a line, each with the time of its arrival in `arrived`. No clock is
read: the same input and rules give the same output. Exit code 1 when a line could not be used.")]
pub struct Replay {
    /// Rule files, or folders of *.rules files; without it the standard rules.
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
    /// The recorded reports; `-` reads them from standard input.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Runs all timers up to then; without it the replay ends at the last arrival.
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub to: Option<When>,
    /// How decisions are printed: ndjson or table.
    #[arg(long, value_name = "FORMAT", default_value = "ndjson", value_parser = replay_format_parser())]
    pub format: replay::Format,
}

fn replay_format_parser() -> impl TypedValueParser<Value = replay::Format> {
    PossibleValuesParser::new(["ndjson", "table"]).map(|word| match word.as_str() {
        "table" => replay::Format::Table,
        _ => replay::Format::Ndjson,
    })
}

/// `afterboot import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot import System.evtx
  afterboot import --data /var/lib/afterboot old/*.evtx old/reports.ndjson.gz
  afterboot import --notify --precision s metrics.lp

Into a running server, or into a store's folder that no server has open. Everything becomes known now
and keeps its own time. Importing a file again changes nothing. Exit code 1 when something could not be
used.")]
pub struct Import {
    /// Where to import to.
    #[command(flatten)]
    pub source: Source,
    /// Delivers what the import raises; without it that is listed as suppressed, reason \"imported\".
    #[arg(long)]
    pub notify: bool,
    /// Windows logs: name of the device, in place of the computer that each record names.
    #[arg(long, value_name = "NAME")]
    pub device: Option<SmolStr>,
    /// Windows logs: takes updates without a KB number under their title.
    #[arg(long)]
    pub without_kb: bool,
    /// Line protocol: the unit of its timestamps, one of ns, us, ms, s, m, h.
    #[arg(long, value_name = "UNIT", default_value = "ns", value_parser = precision)]
    pub precision: Precision,
    /// Windows event logs (.evtx), native reports (.ndjson, .json), line protocol (.lp); each also with .gz.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

fn precision(text: &str) -> Result<Precision, String> {
    Precision::parse(text).map_err(|error| error.to_string())
}

/// `afterboot agent`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  afterboot agent --once
  afterboot agent --url http://afterboot.example:8470 --interval 60s --label client=Acme --label role=sql

What a server cannot take now is kept and sent again.")]
pub struct Agent {
    /// The server [env: AFTERBOOT_URL] [default: http://127.0.0.1:8470].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// One report, shown and sent, then end.
    #[arg(long)]
    pub once: bool,
    /// Between two reports.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = interval)]
    pub interval: Duration,
    /// Name of the device; without it the host's name.
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// A label of the device, such as client=Acme; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let nanos = duration(text)?;
    if (storage::SECOND..=limits::INTERVAL_MAX).contains(&nanos) {
        return Ok(Duration::from_nanos(nanos.unsigned_abs()));
    }
    Err("wanted is at least 1s and at most 366d".into())
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("wanted is NAME=VALUE, such as client=Acme".into()),
    }
}

/// `90s`, `1.5h`: nanoseconds.
fn duration(text: &str) -> Result<Nanos, String> {
    const WANTED: &str = "wanted is a number and a unit, such as 60s";
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(WANTED)?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| WANTED)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return Err(format!("no unit {unit:?}: ms, s, m, h, d and w are known")),
    };
    Ok((number * seconds * 1e9) as Nanos)
}

/// An instant on the command line: RFC 3339, or back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `2026-06-09T02:00:00Z`
    At(Nanos),
    /// `-24h`, or `now` when zero.
    Ago(Nanos),
}

impl When {
    /// Reads `2026-06-09T02:00:00Z`, `-24h`, `-1.5d` or `now`.
    pub fn parse(text: &str) -> Result<When, String> {
        const WANTED: &str =
            "wanted is a time like 2026-06-09T02:00:00Z or one back from now like -24h";
        if text == "now" {
            return Ok(When::Ago(0));
        }
        if let Some(back) = text.strip_prefix('-') {
            return duration(back).map(When::Ago);
        }
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Nanos::try_from(time.as_nanosecond())
                .map(When::At)
                .map_err(|_| "that year is out of range".into()),
            Err(error) => Err(format!("{WANTED} ({error})")),
        }
    }

    /// The instant, when it is `now`.
    pub fn resolve(self, now: Nanos) -> Nanos {
        match self {
            When::At(time) => time,
            When::Ago(back) => now.saturating_sub(back),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            if command.get_name() != "version" {
                let help = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    help.contains(&format!("afterboot {}", command.get_name())),
                    "{}",
                    command.get_name()
                );
            }
        }
    }

    fn check(text: &str, expected: Result<When, &str>) {
        match (When::parse(text), expected) {
            (Ok(when), Ok(expected)) => assert_eq!(when, expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (got, expected) => panic!("{text}: {got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn times() {
        check("1970-01-01T00:00:01Z", Ok(When::At(1_000_000_000)));
        check("1970-01-01T01:00:00.5+01:00", Ok(When::At(500_000_000)));
        check("-24h", Ok(When::Ago(86_400_000_000_000)));
        check("-1.5d", Ok(When::Ago(129_600_000_000_000)));
        check("now", Ok(When::Ago(0)));
        check("-24x", Err("ms, s, m, h, d and w"));
        check("yesterday", Err("like -24h"));
        check("-24", Err("a number and a unit"));
        assert_eq!(When::Ago(5).resolve(12), 7);
    }
}
