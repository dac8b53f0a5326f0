//! `afterboot query`: one question, one answer.

use super::{Failure, target};
use crate::args::Query;
use crate::query_cmd;
use std::io::{self, Read};

/// Runs it; gives the exit code.
pub fn run(args: Query) -> Result<i32, Failure> {
    let text = match args.text.as_str() {
        "-" => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::environment(format!("standard input: {error}")))?;
            text
        }
        _ => args.text,
    };
    Ok(query_cmd::run(
        &text,
        &target(&args.source),
        args.format,
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    ))
}
