//! `afterboot replay`: what rules make of recorded reports.

use super::{Failure, rules};
use crate::args::Replay;
use crate::clock::{Clock, SystemClock};
use crate::replay::{self, ReplayError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};

/// Runs it; gives the exit code.
pub fn run(args: Replay) -> Result<i32, Failure> {
    let rules = rules(&args.rules)?;
    let name = args.input.display();
    let input: Box<dyn BufRead> = match args.input.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(BufReader::new(
            File::open(&args.input)
                .map_err(|error| Failure::environment(format!("{name}: {error}")))?,
        )),
    };
    let to = args.to.map(|to| to.resolve(SystemClock.now()));
    let mut out = BufWriter::new(io::stdout().lock());
    let replayed = replay::run(
        input,
        &rules,
        to,
        args.format,
        &mut out,
        &mut io::stderr().lock(),
    );
    match replayed.and_then(|summary| out.flush().map(|()| summary).map_err(ReplayError::Io)) {
        Ok(summary) if summary.left_out > 0 => Ok(1),
        Ok(_) => Ok(0),
        // A reader that closed the pipe has what it wanted.
        Err(ReplayError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Failure::environment(format!("{name}: {error}"))),
    }
}
