//! `afterboot agent`: reports this Linux machine.

use super::Failure;
use crate::agent::{self, AgentOptions, Collector};
use crate::args::Agent;
use crate::clock::{Clock, SystemClock};

/// Runs it; gives the exit code. Without `--once` only Ctrl-C ends it.
pub fn run(args: Agent) -> Result<i32, Failure> {
    let options = AgentOptions {
        url: super::server_url(args.url.as_ref()),
        token: None,
        once: args.once,
        interval: args.interval,
        device: args.device,
        labels: args.labels,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Failure::environment(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        tokio::select! {
            ended = agent::run(&options, Collector::new(), || SystemClock.now(), |line| eprintln!("{line}")) => {
                Ok(ended as i32)
            }
            _ = tokio::signal::ctrl_c() => Ok(0),
        }
    })
}
