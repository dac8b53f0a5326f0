//! The demo: a real server, the standard rules, and a simulated fleet that lives a Patch Tuesday night in a minute.
//!
//! The fleet's reports go through the server's own HTTP door. The server's clock is the fleet's: it runs faster than the
//! world and is held at the instant of the reports under way, so that a slow machine tells the same story, later. When the
//! night is over the clock goes on at the world's pace, and so does the fleet.

mod screen;
mod story;

pub use story::Story;

use crate::clock::{Clock, ScaledClock, Stopwatch};
use crate::config::Config;
use crate::core::RuleSet;
use crate::fleet::fate::Fate;
use crate::fleet::wire::Wire;
use crate::fleet::{Batch, EVENING, Fleet};
use crate::rule_files;
use crate::server::{RecoverError, Server};
use screen::Screen;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storage::{Nanos, SECOND};
use tokio::sync::broadcast::error::TryRecvError;

/// How often it looks whether it is to stop.
const STOP_POLL: Duration = Duration::from_millis(50);
/// Without a terminal the progress is a line so often, by the fleet's clock.
const PROGRESS_EVERY: Nanos = 30 * 60 * SECOND;

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct Options {
    /// Machines.
    pub devices: usize,
    /// How many times faster than the world the night passes.
    pub speed: f64,
    /// Another seed, another night.
    pub seed: u64,
    /// Folder of the store; None: a temporary one.
    pub data: Option<PathBuf>,
    /// Where the server listens; None: the usual port, or any free one when that is taken.
    pub listen: Option<SocketAddr>,
    /// Ends when the night is over.
    pub exit: bool,
    /// How the user calls this program.
    pub program: String,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A folder that cannot be used.
    #[error("{0}")]
    Folder(String),
    /// No address to listen on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The store.
    #[error("{0}")]
    Recover(#[from] RecoverError),
    /// The standard rules, which a test checks.
    #[error("the standard rules have errors\n{0}")]
    Rules(String),
    /// The server did not take a body.
    #[error("the server did not take the fleet's reports: {0}")]
    Refused(String),
    /// The end was not clean.
    #[error("the server did not end cleanly: {0}")]
    Stop(String),
}

/// Runs the demo until the night is over, `stopped` says so, or nobody reads `out` any more.
pub fn run(
    options: &Options,
    out: &mut dyn Write,
    terminal: bool,
    stopped: &dyn Fn() -> bool,
) -> Result<Story, DemoError> {
    let folder = Folder::of(options.data.as_ref())?;
    let rules = RuleSet::check(rule_files::standard())
        .map_err(|errors| DemoError::Rules(errors.to_string()))?;
    let clock = Arc::new(ScaledClock::new(EVENING, options.speed));
    let mut server = listen(options.listen, folder.path(), &clock)?;
    server.recover(&rules)?;
    let mut show = Show {
        fleet: Fleet::new(options.devices, options.seed),
        story: Story::default(),
        screen: Screen::new(out, terminal),
        reports: 0,
        options,
        address: server.address,
        clock,
        stopped,
    };
    show.open(&folder);
    let shown = show.play(&server);
    let story = show.story;
    server.stop().map_err(DemoError::Stop)?;
    shown.map(|()| story)
}

/// A server on the address asked for.
fn listen(
    wanted: Option<SocketAddr>,
    data: PathBuf,
    clock: &Arc<ScaledClock>,
) -> Result<Server, DemoError> {
    let config = |listen| Config {
        data: data.clone(),
        listen,
        ..Config::default()
    };
    let usual = Config::default().listen;
    let first = wanted.unwrap_or(usual);
    match Server::listen(config(first), Arc::clone(clock) as Arc<dyn Clock>) {
        Ok(server) => Ok(server),
        Err(_) if wanted.is_none() => {
            let free = SocketAddr::new(usual.ip(), 0);
            Server::listen(config(free), Arc::clone(clock) as Arc<dyn Clock>)
                .map_err(|error| DemoError::Listen(free, error))
        }
        Err(error) => Err(DemoError::Listen(first, error)),
    }
}

/// Where the store is.
enum Folder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn of(data: Option<&PathBuf>) -> Result<Folder, DemoError> {
        let Some(path) = data else {
            let made = tempfile::Builder::new().prefix("afterboot-demo-").tempdir();
            return made
                .map(Folder::Temporary)
                .map_err(|error| DemoError::Folder(format!("no temporary folder: {error}")));
        };
        let occupied = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            return Err(DemoError::Folder(format!(
                "{} is not empty; the demo begins with a store of its own",
                path.display()
            )));
        }
        Ok(Folder::Kept(path.clone()))
    }

    fn path(&self) -> PathBuf {
        match self {
            Folder::Kept(path) => path.clone(),
            Folder::Temporary(folder) => folder.path().into(),
        }
    }
}

struct Show<'a> {
    fleet: Fleet,
    story: Story,
    screen: Screen<'a>,
    reports: usize,
    options: &'a Options,
    address: SocketAddr,
    clock: Arc<ScaledClock>,
    stopped: &'a dyn Fn() -> bool,
}

impl Show<'_> {
    fn open(&mut self, folder: &Folder) {
        let night = Duration::from_nanos((Fleet::dawn() - EVENING).unsigned_abs());
        let seconds = (night.as_secs_f64() / self.options.speed).ceil();
        let fate = match folder {
            Folder::Kept(_) => "kept",
            Folder::Temporary(_) => "removed at the end",
        };
        let lines = [
            format!(
                "Patch Tuesday night: {} machines of {} clients",
                self.options.devices,
                self.fleet.clients()
            ),
            format!("  server  http://{}, with the standard rules", self.address),
            format!("  store   {} ({fate})", folder.path().display()),
            format!(
                "  clock   2026-06-09 22:00 UTC, {} times as fast: the night takes about {seconds} s; Ctrl-C ends it",
                self.options.speed
            ),
            "  Every line below is an alert that would have called somebody.".to_owned(),
            String::new(),
        ];
        for line in lines {
            self.screen.line(&line);
        }
    }

    fn over(&self) -> bool {
        (self.stopped)() || self.screen.is_closed()
    }

    fn play(&mut self, server: &Server) -> Result<(), DemoError> {
        let watch = Stopwatch::start();
        let Some(owner) = server.owner().cloned() else {
            return Ok(());
        };
        let mut subscription = owner.subscribe(Some(0));
        let refused = |error: io::Error| DemoError::Refused(error.to_string());
        let mut wire = Wire::connect(self.address).map_err(refused)?;
        let mut night = true;
        let mut told_at = EVENING;
        loop {
            let batch = self.fleet.next_batch();
            self.clock.hold_at(batch.time);
            while self.clock.now() < batch.time {
                if self.over() {
                    return Ok(());
                }
                std::thread::sleep(
                    self.clock
                        .wait(batch.time - self.clock.now())
                        .min(STOP_POLL),
                );
            }
            if self.over() {
                return Ok(());
            }
            self.post(&mut wire, &batch)?;
            for decision in subscription.backlog.drain(..) {
                self.tell(&decision);
            }
            loop {
                match subscription.live.try_recv() {
                    Ok(decision) => self.tell(&decision),
                    // Never so many decisions in a quarter of a minute; the counts would miss them.
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            let progress = self.story.progress(batch.time);
            if night && !self.screen.is_terminal() && batch.time >= told_at + PROGRESS_EVERY {
                told_at = batch.time;
                self.screen.line(&format!("       {progress}"));
            }
            self.screen.moving(&progress);
            // The answer to a body comes before its decisions are released, but after all earlier ones.
            if night && batch.time > Fleet::dawn() {
                night = false;
                self.close(watch.elapsed());
                if self.options.exit {
                    return Ok(());
                }
                self.clock.set_speed(1.0);
            }
        }
    }

    fn post(&mut self, wire: &mut Wire, batch: &Batch) -> Result<(), DemoError> {
        if batch.reports == 0 {
            return Ok(());
        }
        let answered = wire.post(
            "/api/v1/reports",
            "application/x-ndjson",
            batch.body.as_bytes(),
        );
        match answered {
            Ok((200, _)) => {
                self.reports += batch.reports;
                Ok(())
            }
            Ok((status, text)) => Err(DemoError::Refused(format!(
                "{status}: {}",
                String::from_utf8_lossy(text)
            ))),
            Err(error) => Err(DemoError::Refused(error.to_string())),
        }
    }

    fn tell(&mut self, decision: &Arc<crate::engine::Decision>) {
        if let Some(line) = self.story.take(decision) {
            self.screen.line(&line);
        }
    }

    /// What the night came to, and what to look at.
    fn close(&mut self, took: Duration) {
        let now = story::clock(self.clock.now());
        self.screen.line("");
        self.screen.line(&format!(
            "The night is over: {now} by the fleet's clock, {} s by yours.",
            took.as_secs()
        ));
        self.screen.line(&format!(
            "  {} reports, each durable before it was acknowledged",
            self.reports
        ));
        let summary = self.story.summary();
        self.screen.line(summary.trim_end());
        if self.options.exit {
            return;
        }
        self.screen.line("");
        self.screen.line("What to look at next, in another terminal. The fleet goes on, now at its usual pace; Ctrl-C ends it.");
        for command in self.commands() {
            self.screen.line(&format!("  {command}"));
        }
        self.screen.line("");
    }

    fn commands(&self) -> Vec<String> {
        let url = format!("http://{}", self.address);
        let program = &self.options.program;
        let ask = |text: &str| format!("{program} query --url {url} '{text}'");
        let mut commands = vec![ask("alerts from -12h | by state: n = count()")];
        let examples = [
            (Fate::Hangs, "did not come back"),
            (Fate::LosesService, "came back without a service"),
        ];
        for (fate, what) in examples {
            if let Some(machine) = self.fleet.example(fate) {
                commands.push(
                    ask(&format!("timeline \"{}\" from -12h", machine.identity.name))
                        + &format!("   # {what}"),
                );
            }
        }
        commands.push(ask(
            "decisions from -12h where state = \"suppressed\" | by rule, reason: n = count()",
        ));
        commands.push(ask(
            "devices where pending_reboot | show client, device, uptime",
        ));
        commands.push(format!("curl -s {url}/api/v1/alerts"));
        commands.push(format!("curl -sN '{url}/api/v1/stream?after=0'"));
        commands
    }
}
