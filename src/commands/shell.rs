//! `afterboot shell`: questions one after the other.

use super::{Failure, target};
use crate::args::Shell;
use crate::clock::{Clock, SystemClock};

/// Runs it; gives the exit code.
pub fn run(args: Shell) -> Result<i32, Failure> {
    Ok(crate::shell::run(&target(&args.source), || {
        SystemClock.now()
    }))
}
