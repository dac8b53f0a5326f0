//! `afterboot demo`: one process that shows what Afterboot is for.

use super::Failure;
use crate::args::Demo;
use crate::demo::{self, DemoError, Options};
use crate::server;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs it; gives the exit code.
pub fn run(args: Demo) -> Result<i32, Failure> {
    let options = Options {
        devices: args.devices as usize,
        speed: args.speed,
        seed: args.seed,
        data: args.data,
        listen: args.listen,
        exit: args.exit,
        program: called_as(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(Arc::clone(&stop))
        .map_err(|error| Failure::environment(format!("signals: {error}")))?;
    let out = &mut io::stdout();
    let terminal = out.is_terminal();
    let shown = demo::run(&options, out, terminal, &|| stop.load(Ordering::Acquire));
    match shown {
        Ok(_) => {
            if stop.load(Ordering::Acquire) {
                eprintln!("afterboot: stopped");
            }
            Ok(0)
        }
        Err(error @ DemoError::Folder(_)) => Err(Failure::environment(error.to_string())
            .hint("--data takes an empty folder; without it a temporary one")),
        Err(error @ DemoError::Listen(..)) => Err(Failure::environment(error.to_string())
            .hint("--listen 127.0.0.1:0 takes any free port")),
        Err(error) => Err(Failure::environment(error.to_string())),
    }
}

/// SIGINT and SIGTERM set `stop`; a second one ends the process at once.
fn stop_on_signal(stop: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let wait = move || {
        runtime.block_on(async {
            if server::signal().await.is_ok() {
                stop.store(true, Ordering::Release);
            }
            if server::signal().await.is_ok() {
                std::process::exit(3);
            }
        });
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map(|_| ())
}

/// How the user called this program: a path that works in the same folder, or the bare name from the PATH.
fn called_as() -> String {
    let called = std::env::args().next().unwrap_or_default();
    let path = Path::new(&called);
    let Ok(here) = std::env::current_dir() else {
        return called;
    };
    match path.strip_prefix(&here) {
        Ok(inside) => inside.display().to_string(),
        Err(_) if called.is_empty() => "afterboot".to_owned(),
        Err(_) => called,
    }
}
