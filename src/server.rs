//! A whole server in this process: listener, owner of the store, deliveries.
//!
//! `serve`, `demo` and the tests start one of these. It listens before it is ready: while the store
//! recovers, `/healthz` answers and everything else says 503. It ends in the order that loses nothing: no
//! new connections, requests under way, the owner with its log, then the threads.

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, App};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads that decode and answer; the owner has one of its own.
const WORKERS: usize = 2;

/// See the module.
pub struct Server {
    /// Where it listens; the port is the real one where the settings say 0.
    pub address: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    runtime: Runtime,
}

impl Server {
    /// Listens and answers, not yet ready.
    pub fn listen(config: Config, clock: Arc<dyn Clock>) -> io::Result<Server> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("http")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(config.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App::new(config, clock, stopped.clone()));
        let serving = runtime.spawn(http::serve(listener, Arc::clone(&app), stopped));
        Ok(Server {
            address,
            app,
            stop,
            serving,
            runtime,
        })
    }

    /// Waits for SIGINT or SIGTERM. A second one ends the process at once: the log makes that safe.
    pub fn wait_for_signal(&self) -> io::Result<()> {
        self.runtime.block_on(signal())?;
        self.runtime.spawn(async {
            if signal().await.is_ok() {
                std::process::exit(3);
            }
        });
        Ok(())
    }

    /// Ends cleanly; Err says what could not be made durable.
    pub fn stop(self) -> Result<(), String> {
        self.stop.send_replace(true);
        let _ = self.runtime.block_on(self.serving);
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        Ok(())
    }
}

#[cfg(unix)]
async fn signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
