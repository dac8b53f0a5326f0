//! Afterboot: the server, the engine and the command line.

<<<<<<< HEAD
pub mod admission;
pub mod args;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod core;
=======
pub mod agent;
>>>>>>> doors
pub mod engine;
pub mod hresult;
pub mod http;
pub mod ingest;
pub mod limits;
<<<<<<< HEAD
pub mod metrics;
pub mod outbox;
pub mod owner;
pub mod query_cmd;
=======
>>>>>>> doors
pub mod report;
pub mod rule_files;
pub mod server;
pub mod shell;
