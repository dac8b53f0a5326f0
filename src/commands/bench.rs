//! `afterboot bench`: figures of this machine.

use super::{Failure, print};
use crate::args::{Bench, BenchServer};
use crate::bench::{self, Options, Part};

/// Runs it; gives the exit code.
pub fn run(args: Bench) -> Result<i32, Failure> {
    let sizes = if args.short {
        Options::short()
    } else {
        Options::full()
    };
    let options = Options {
        hosts: args.hosts.map_or(sizes.hosts, |hosts| hosts as usize),
        steps: args.steps.map_or(sizes.steps, |steps| steps as usize),
        connections: args.connections as usize,
        devices: args
            .devices
            .map_or(sizes.devices, |devices| devices as usize),
        folder: args.folder,
        ..sizes
    };
    let all = || Part::ALL.map(|(_, part)| part).to_vec();
    let parts = if args.parts.is_empty() {
        all()
    } else {
        args.parts
    };
    let figures = bench::run(&parts, &options, &mut |line| eprintln!("{line}"));
    let figures = figures.map_err(|error| {
        Failure::environment(format!("the benchmark did not end: {error}"))
            .hint("it needs Linux, and room for some GB")
    })?;
    if let Some(path) = &args.json {
        std::fs::write(path, bench::json(&figures))
            .map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
    }
    print(&bench::table(&figures))
}

/// The server under test of a part that moves its clock.
pub fn serve(args: BenchServer) -> Result<i32, Failure> {
    bench::clocked::serve(args.data, args.now)
        .map_err(|error| Failure::environment(error.to_string()))?;
    Ok(0)
}
