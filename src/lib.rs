//! Afterboot: the server, the engine and the command line.

pub mod admission;
pub mod agent;
pub mod args;
pub mod bench;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod core;
pub mod demo;
pub mod engine;
pub mod fleet;
pub mod hresult;
pub mod http;
pub mod import;
pub mod ingest;
pub mod limits;
pub mod metrics;
pub mod outbox;
pub mod owner;
pub mod query_cmd;
pub mod replay;
pub mod report;
pub mod rule_files;
pub mod server;
pub mod shell;
