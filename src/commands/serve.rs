//! `afterboot serve`: settings, rules, recovery, then requests until a signal.

use super::{Failure, print};
use crate::args::Serve;
use crate::clock::SystemClock;
use crate::config::{Config, LISTEN_HINT};
use crate::server::Server;
use std::sync::Arc;

/// Runs it; gives the exit code.
pub fn run(args: Serve) -> Result<i32, Failure> {
    let config = settings(args)?;
    config
        .check_listen()
        .map_err(|error| Failure::environment(error).hint(LISTEN_HINT))?;
    let listen = config.listen;
    let server = Server::listen(config, Arc::new(SystemClock)).map_err(|error| {
        Failure::environment(format!("cannot listen on {listen}: {error}"))
            .hint("is another server running? choose a port with --listen")
    })?;
    print(&format!(
        "afterboot {} on http://{}\n",
        env!("CARGO_PKG_VERSION"),
        server.address
    ))?;
    server
        .wait_for_signal()
        .map_err(|error| Failure::environment(format!("signals: {error}")))?;
    server.stop().map_err(Failure::environment)?;
    Ok(0)
}

/// The settings file, if any, and over it the options.
fn settings(args: Serve) -> Result<Config, Failure> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let path_of = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::environment(format!("{path_of}: {error}")))?;
            Config::parse(&text)
                .map_err(|error| Failure::usage(format!("{path_of}: {error}")).hint(error.hint))?
        }
    };
    if let Some(data) = args.data {
        config.data = data;
    }
    if args.rules.is_some() {
        config.rules = args.rules;
    }
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    Ok(config)
}
