//! The process behind [`super::child::Served::start_at`]: a server with the standard rules whose clock its parent moves.
//!
//! A line of standard input is an instant in nanoseconds; a line of output says that the clock shows it. So a
//! day of reports can come in a minute, and the rules see a day. The end of the input ends it.

use crate::clock::{Clock, ScaledClock};
use crate::config::Config;
use crate::core::RuleSet;
use crate::rule_files;
use crate::server::Server;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use storage::Nanos;

/// Serves until the input ends.
pub fn serve(data: PathBuf, now: Nanos) -> io::Result<()> {
    let clock = Arc::new(ScaledClock::new(now, f64::INFINITY));
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config {
        data,
        listen,
        ..Config::default()
    };
    let mut server = Server::listen(config, Arc::clone(&clock) as Arc<dyn Clock>)?;
    let rules = RuleSet::check(rule_files::standard())
        .map_err(|errors| io::Error::other(errors.to_string()))?;
    server
        .recover(&rules)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "afterboot on http://{}: its clock is its parent's",
        server.address
    )?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let at: Nanos = line?.parse().map_err(io::Error::other)?;
        clock.hold_at(at);
        writeln!(out, "{at}")?;
        out.flush()?;
    }
    server.stop().map_err(io::Error::other)
}
