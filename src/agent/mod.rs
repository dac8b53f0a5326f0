//! The agent for this Linux machine: reads it, reports it, keeps what could not be delivered.
//!
//! Every report states its time and each transmission the clock of this machine, so a report that is
//! sent again changes nothing. The agent never prints: it tells its caller. The clock is an argument.

mod collect;
mod disks;
mod reboot;
mod roots;
mod send;
mod unsent;

pub use collect::{Collector, Identity};
pub use disks::Disk;
pub use reboot::reason as pending_reboot;
pub use roots::Roots;
pub use send::{Reply, Sender};
pub use unsent::Unsent;

use std::time::Duration;
use storage::Nanos;
use tokio::time::{Instant, sleep, sleep_until};

/// How the agent runs.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentOptions {
    /// The server.
    pub url: String,
    /// Its token for this client, if it asks for one.
    pub token: Option<String>,
    /// One report, then end.
    pub once: bool,
    /// Between two reports.
    pub interval: Duration,
    /// Name of the device; None: the host name.
    pub device: Option<String>,
    /// Labels, `client` among them.
    pub labels: Vec<(String, String)>,
}

impl Default for AgentOptions {
    fn default() -> AgentOptions {
        AgentOptions {
            url: "http://127.0.0.1:8470".to_owned(),
            token: None,
            once: false,
            interval: Duration::from_secs(60),
            device: None,
            labels: Vec::new(),
        }
    }
}

/// How the agent ended; the number is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The report was acknowledged.
    Delivered = 0,
    /// The server answered, and did not take it.
    Refused = 1,
    /// The options are wrong.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
}

/// The share of the cpu needs two looks; the first report waits this long for the second.
const CPU_LOOK: Duration = Duration::from_secs(1);

/// Runs the agent. With `once` it ends after the first report; otherwise only wrong options end it,
/// and its caller stops it by dropping the future. `clock` is the time now; each line for the user
/// goes to `say`.
pub async fn run(
    options: &AgentOptions,
    mut collector: Collector,
    clock: impl Fn() -> Nanos,
    mut say: impl FnMut(&str),
) -> Ended {
    let sender = match Sender::new(&options.url, options.token.clone()) {
        Ok(sender) => sender,
        Err(error) => {
            say(&error);
            return Ended::Usage;
        }
    };
    let identity = Identity {
        device: options.device.clone(),
        labels: options.labels.clone(),
        interval: options.interval.as_secs_f64(),
    };
    collector.start();
    sleep(CPU_LOOK).await;
    if options.once {
        let line = collector.collect(clock(), &identity);
        return once(options, &sender, line, &clock, &mut say).await;
    }
    let mut courier = Courier {
        unsent: Unsent::new(options.device.as_deref().unwrap_or("")),
        retry_at: None,
        failing: false,
    };
    let mut next_report = Instant::now();
    loop {
        let now = Instant::now();
        if now >= next_report {
            courier.unsent.push(collector.collect(clock(), &identity));
            next_report += options.interval;
            if next_report <= now {
                // A machine that slept takes up its rhythm anew.
                next_report = now + options.interval;
            }
        }
        if courier.retry_at.is_none_or(|at| now >= at) {
            courier.deliver(options, &sender, &clock, &mut say).await;
        }
        let wake = courier
            .retry_at
            .map_or(next_report, |at| at.min(next_report));
        sleep_until(wake).await;
    }
}

async fn once(
    options: &AgentOptions,
    sender: &Sender,
    line: String,
    clock: &impl Fn() -> Nanos,
    say: &mut impl FnMut(&str),
) -> Ended {
    say(&line);
    match sender.post(line.into_bytes(), clock()).await {
        Reply::Accepted(words) => {
            say(&format!("accepted by {}: {words}", options.url));
            Ended::Delivered
        }
        Reply::Refused(words) | Reply::Later(words, _) => {
            say(&format!("not accepted by {}: {words}", options.url));
            Ended::Refused
        }
        Reply::Unreachable(why) => {
            say(&unreachable(options, &why));
            Ended::Unreachable
        }
    }
}

fn unreachable(options: &AgentOptions, why: &str) -> String {
    format!(
        "cannot reach {}: {why}; is the server running there? `afterboot serve` starts one, --url names another",
        options.url
    )
}

/// Delivers what waits.
struct Courier {
    unsent: Unsent,
    retry_at: Option<Instant>,
    failing: bool,
}

impl Courier {
    /// Sends until nothing waits or the server must be left alone for a while.
    async fn deliver(
        &mut self,
        options: &AgentOptions,
        sender: &Sender,
        clock: &impl Fn() -> Nanos,
        say: &mut impl FnMut(&str),
    ) {
        self.retry_at = None;
        while let Some((body, count)) = self.unsent.batch() {
            let (trouble, asked) = match sender.post(body, clock()).await {
                Reply::Accepted(_) => {
                    let dropped = self.unsent.delivered(count);
                    if self.failing || dropped > 0 {
                        let lost = match dropped {
                            0 => String::new(),
                            n => format!("; {n} of the oldest were dropped for want of room"),
                        };
                        say(&format!("{} takes reports again{lost}", options.url));
                    }
                    self.failing = false;
                    continue;
                }
                Reply::Refused(words) => {
                    if let Some(line) = self.unsent.refused(count) {
                        say(&format!(
                            "the server refused a report for good: {words}: {line}"
                        ));
                    }
                    continue;
                }
                Reply::Later(words, asked) => {
                    (format!("not accepted by {}: {words}", options.url), asked)
                }
                Reply::Unreachable(why) => (unreachable(options, &why), None),
            };
            let wait = self.unsent.failed(asked);
            say(&format!(
                "{trouble}; reports waiting: {}; next attempt in {} s",
                self.unsent.len(),
                wait.as_secs_f64().ceil()
            ));
            self.failing = true;
            self.retry_at = Some(Instant::now() + wait);
            return;
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
pub(crate) mod tests;
