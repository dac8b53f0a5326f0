//! `afterboot serve`: settings, rules, recovery, then requests until a signal.

use super::{Failure, check, print};
use crate::args::Serve;
use crate::clock::SystemClock;
use crate::config::{Config, LISTEN_HINT};
use crate::server::{Recovered, Server};
use std::sync::Arc;

/// Runs it; gives the exit code.
pub fn run(args: Serve) -> Result<i32, Failure> {
    let config = settings(args)?;
    config
        .check_listen()
        .map_err(|error| Failure::environment(error).hint(LISTEN_HINT))?;
    let rules = super::rules(config.rules.as_slice())?;
    let (listen, data) = (config.listen, config.data.clone());
    log_to_stderr();
    let mut server = Server::listen(config, Arc::new(SystemClock)).map_err(|error| {
        Failure::environment(format!("cannot listen on {listen}: {error}")).hint(
            "is another server running there? --listen takes another port, 0 for any free one",
        )
    })?;
    let recovered = server.recover(&rules).map_err(|error| {
        Failure::environment(error.to_string()).hint("--data names another folder")
    })?;
    for line in recovered.warnings.iter().chain(
        &recovered
            .damage
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
    ) {
        eprintln!("afterboot: {line}");
    }
    print(&format!(
        "afterboot {} on http://{}: data {} ({}), rules: {}\n",
        env!("CARGO_PKG_VERSION"),
        server.address,
        data.display(),
        found(&recovered),
        check::summary(&rules.program),
    ))?;
    server
        .wait_for_signal()
        .map_err(|error| Failure::environment(format!("signals: {error}")))?;
    eprintln!("afterboot: stopping; a second signal stops at once");
    server.stop().map_err(Failure::environment)?;
    Ok(0)
}

/// What recovery found, in words.
fn found(recovered: &Recovered) -> String {
    let damage = match recovered.damage.len() {
        0 => String::new(),
        count => format!(", {count} damaged places left out"),
    };
    let seconds = recovered.took as f64 / 1e9;
    format!(
        "{}, recovered in {seconds:.3} s{damage}",
        check::count(recovered.devices, "device")
    )
}

/// The settings file, if any, and over it the options.
fn settings(args: Serve) -> Result<Config, Failure> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let name = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::environment(format!("{name}: {error}")))?;
            Config::parse(&text)
                .map_err(|error| Failure::usage(format!("{name}, {error}")).hint(error.hint))?
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

/// Warnings of a running server go to standard error; `AFTERBOOT_LOG=debug` says more.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AFTERBOOT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Only the first one counts; a test may have set it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
