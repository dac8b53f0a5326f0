//! `afterboot import`: old logs and reports into a running server or a store's folder.

use super::{Failure, print};
use crate::args::Import as Args;
use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::core::{Core, Options, RuleSet};
use crate::import::{Import, Summary};
use crate::ingest::evtx::EvtxSettings;
use crate::ingest::files::FileSettings;
use crate::ingest::line::LineSettings;
use crate::limits;
use crate::query_cmd::{Target, stored_rules};
use crate::rule_files;
use std::path::Path;
use std::sync::Arc;
use storage::{RealDisk, Store};

/// Runs it; gives the exit code.
pub fn run(args: Args) -> Result<i32, Failure> {
    let evtx = EvtxSettings {
        device: args.device,
        without_kb: args.without_kb,
        ..EvtxSettings::default()
    };
    let settings = FileSettings {
        evtx,
        line: LineSettings::default(),
        precision: args.precision,
    };
    let mut import = Import::default();
    let mut unusable = false;
    for file in &args.files {
        let bytes = read(file)?;
        if let Err(error) = import.add(&file.display().to_string(), &bytes, &settings) {
            eprintln!("afterboot: {}: {error}", file.display());
            unusable = true;
        }
    }
    let summary = match super::target(&args.source) {
        Target::Data(folder) => into_folder(&folder, import, args.notify)?,
        Target::Url { url, .. } => into_server(&url, import, args.notify)?,
    };
    print(&summary.text())?;
    Ok(i32::from(unusable || summary.refused_count > 0))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let name = file.display();
    let unreadable = |error: std::io::Error| Failure::environment(format!("{name}: {error}"));
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > limits::IMPORT_BYTES_MAX {
        let message = format!(
            "{name}: {size} bytes, an import may have {}",
            limits::IMPORT_BYTES_MAX
        );
        return Err(Failure::environment(message).hint("split the file"));
    }
    std::fs::read(file).map_err(unreadable)
}

/// Opens the store with the rules it has (the standard rules when it is new) and keeps everything there.
fn into_folder(folder: &Path, import: Import, notify: bool) -> Result<Summary, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::environment(error.to_string());
    let disk = Arc::new(RealDisk::new(folder).map_err(|error| failed(&error))?);
    let opened =
        Store::open(disk.clone(), storage::Options::default()).map_err(|error| failed(&error))?;
    let mut sources = stored_rules(&opened.store.snapshot()).map_err(|error| failed(&error))?;
    drop(opened);
    if sources.is_empty() {
        sources = rule_files::standard();
    }
    let rules = RuleSet::check(sources).map_err(|error| {
        failed(&error).hint("the rules kept in the store do not check with this version; start a server on it with --rules first")
    })?;
    let now = SystemClock.now();
    // With a target, what `--notify` raises waits for the next server instead of being given up.
    let options = Options {
        target: Some("webhook".into()),
        ..Options::default()
    };
    let mut core = Core::open(disk, options, &rules, now)
        .map_err(|error| failed(&error))?
        .core;
    import
        .into_store(&mut core, now, notify)
        .map_err(|error| failed(&error))
}

fn into_server(url: &str, import: Import, notify: bool) -> Result<Summary, Failure> {
    let client = Client::new(url, None).map_err(|error| Failure::usage(error.to_string()))?;
    let parameters = [("import", if notify { "notify" } else { "quiet" })];
    let (posts, mut summary) = import.posts();
    for post in posts {
        let answer = client
            .post("/api/v1/reports", &parameters, post.into())
            .map_err(|error| Failure::environment(error.to_string()))?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status != 200 {
            let message = said["message"].as_str().unwrap_or("no reason given");
            return Err(Failure::environment(format!(
                "{url} answered {}: {message}",
                answer.status
            ))
            .hint("what came before is kept; importing again changes nothing of it"));
        }
        let number = |name: &str| said[name].as_u64().unwrap_or(0);
        summary.reports += number("reports");
        summary.samples += number("samples");
        summary.events += number("events");
        summary.duplicates += number("duplicates");
        let refused = said["refused"].as_array().into_iter().flatten();
        let before = summary.refused.len();
        summary
            .refused
            .extend(refused.filter_map(|line| line.as_str().map(String::from)));
        summary.refused_count += (summary.refused.len() - before) as u64;
    }
    Ok(summary)
}
