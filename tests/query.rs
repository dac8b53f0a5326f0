//! A real event log in a folder, and questions to it: through `query` and through the shell's session.

use afterboot::core::{Core, Options, RuleSet, Source};
use afterboot::import::Import;
use afterboot::ingest::files::FileSettings;
use afterboot::query_cmd::{self, Target};
use query::render::Format;
use std::path::Path;
use std::sync::Arc;
use storage::RealDisk;
use tempfile::TempDir;

/// The instant of the imports.
const NOW: i64 = 1_780_970_000_000_000_000;

fn filled(log: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let standard = Source::new("standard.rules", include_str!("../rules/standard.rules"));
    let rules = RuleSet::check(vec![standard]).unwrap();
    let disk = RealDisk::new(folder.path()).unwrap();
    let mut core = Core::open(Arc::new(disk), Options::default(), &rules, NOW).unwrap().core;
    let mut import = Import::default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/windows").join(log);
    import.add(log, &std::fs::read(path).unwrap(), &FileSettings::default()).unwrap();
    import.into_store(&mut core, NOW, false).unwrap();
    core.commit().unwrap();
    folder
}

fn ask(folder: &TempDir, question: &str) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let target = Target::Data(folder.path().to_path_buf());
    let code = query_cmd::run(question, &target, Format::Table, &mut out, &mut err);
    format!("{}{}exit {code}\n", String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn check(folder: &TempDir, question: &str, expected: &str) {
    let got = ask(folder, question);
    assert!(got == expected, "{question}\n{got}");
}

#[test]
fn zombies_of_1703() {
    let folder = filled("win10-1703-system.evtx");
    check(&folder, "devices | show client, device", "");
    check(&folder, "patches where state = \"installing\" | show kb, state, since, title", "");
    check(&folder, "alerts where rule = \"zombie_update\"", "");
}
#[test]
fn z2() {
    let folder = filled("win10-1803-system.evtx");
    println!("{}", ask(&folder, "devices"));
    println!("{}", ask(&folder, "timeline \"DESKTOP\""));
    println!("{}", ask(&folder, "events from 2010-01-01T00:00:00Z | by kind: n = count()"));
    println!("{}", ask(&folder, "alerts"));
    println!("{}", ask(&folder, "patches"));
    println!("{}", ask(&folder, "patches | by state: n = count(), kbs = list(kb)"));
    println!("{}", ask(&folder, ".tables"));
    panic!();
}
