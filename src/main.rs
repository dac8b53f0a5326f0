//! The binary: reads the command line, runs one command, says what went wrong, exits.

use afterboot::{args::Cli, commands};
use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(Cli::parse().command) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(failure) => {
            eprint!("{failure}");
            ExitCode::from(failure.exit as u8)
        }
    }
}
