//! A whole server in this process: listener, owner of the store, deliveries.
//!
//! `serve`, `demo` and the tests start one of these. It listens before it is ready: while the store
//! recovers, `/healthz` answers and everything else says 503. It ends in the order that loses nothing: no
//! new connections, requests under way, the owner with its log, then the threads.

use crate::clock::Clock;
use crate::config::Config;
use crate::core::{self, Core, OpenError, RuleSet};
use crate::http::{self, App};
use crate::outbox::{self, Policy, Webhook, WebhookSettings};
use crate::owner;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use storage::{Damage, Nanos, RealDisk};
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
    delivering: Option<JoinHandle<()>>,
    runtime: Runtime,
}

/// What recovery found.
#[derive(Debug)]
pub struct Recovered {
    /// Devices known.
    pub devices: usize,
    /// Records read from the log after the last checkpoint.
    pub records: u64,
    /// How long it took.
    pub took: Nanos,
    /// What could not be read; the rest is served.
    pub damage: Vec<Damage>,
    /// What is odd but harmless.
    pub warnings: Vec<String>,
}

/// Why a server cannot become ready.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The folder cannot be had.
    #[error("{0}")]
    Disk(#[from] storage::Error),
    /// The store cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The settings name a target that cannot be one.
    #[error("{0}")]
    Webhook(String),
    /// The owner's thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
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
            delivering: None,
            runtime,
        })
    }

    /// Opens the store, puts `rules` into force, and makes the server ready.
    pub fn recover(&mut self, rules: &RuleSet) -> Result<Recovered, RecoverError> {
        let began = self.app.clock.now();
        let webhook = self.webhook()?;
        let target = webhook.as_ref().map(|webhook| webhook.name().clone());
        let options = core::Options {
            target,
            ..core::Options::default()
        };
        let disk = Arc::new(RealDisk::new(&self.app.config.data)?);
        let opened = Core::open(disk, options, rules, began)?;
        let handle = owner::start(
            opened.core,
            &opened.released,
            Arc::clone(&self.app.clock),
            owner::Options::default(),
        )?;
        let recovered = Recovered {
            devices: handle.snapshot().schema().device_count().saturating_sub(1),
            records: opened.records_replayed,
            took: self.app.clock.now().saturating_sub(began),
            damage: opened.damage,
            warnings: opened.warnings,
        };
        if let Some(webhook) = webhook {
            let (clock, stop) = (Arc::clone(&self.app.clock), self.app.stop.clone());
            let seed = began.unsigned_abs();
            let delivering = outbox::run(
                handle.clone(),
                webhook,
                Policy::default(),
                clock,
                seed,
                stop,
            );
            self.delivering = Some(self.runtime.spawn(delivering));
        }
        self.app.recovered(handle);
        Ok(recovered)
    }

    /// The target of notifications, if the settings name one.
    fn webhook(&self) -> Result<Option<Webhook>, RecoverError> {
        let Some(settings) = &self.app.config.webhook else {
            return Ok(None);
        };
        let link_base = settings
            .link_base
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.address));
        let timeout = Duration::from_secs(u64::from(settings.timeout_seconds.max(1)));
        let (name, url) = (settings.name.clone(), settings.url.clone());
        let webhook = Webhook::new(WebhookSettings {
            name,
            url,
            link_base,
            timeout,
        });
        webhook.map(Some).map_err(RecoverError::Webhook)
    }

    /// The store's owner, once recovered.
    pub fn owner(&self) -> Option<&owner::OwnerHandle> {
        self.app.owner().ok()
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
        if let Some(delivering) = self.delivering {
            // The attempt under way ends and is logged.
            let _ = self.runtime.block_on(delivering);
        }
        let ended = match self.app.owner() {
            Err(_) => Ok(()),
            Ok(owner) => match owner.shutdown().map(|answer| answer.blocking_recv()) {
                Ok(Ok(Ok(()))) => Ok(()),
                Ok(Ok(Err(refusal))) | Err(refusal) => Err(refusal.to_string()),
                Ok(Err(_)) => Err("the owner of the store ended before it was told to".to_string()),
            },
        };
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        ended
    }
}

/// Ends with SIGINT or SIGTERM.
#[cfg(unix)]
pub(crate) async fn signal() -> io::Result<()> {
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

/// Ends with Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
