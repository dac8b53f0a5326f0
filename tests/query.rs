//! A real event log in a folder, and questions to it: through `query` and through a shell's script.

use afterboot::core::{Core, Options, RuleSet, Source};
use afterboot::import::Import;
use afterboot::ingest::files::FileSettings;
use afterboot::query_cmd::{self, Target};
use query::render::Format;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use storage::RealDisk;
use tempfile::TempDir;

/// The instant of the imports, 2026-06-09.
const NOW: i64 = 1_780_970_000_000_000_000;

fn filled(log: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let standard = Source::new("standard.rules", include_str!("../rules/standard.rules"));
    let rules = RuleSet::check(vec![standard]).unwrap();
    let disk = Arc::new(RealDisk::new(folder.path()).unwrap());
    let mut core = Core::open(disk, Options::default(), &rules, NOW)
        .unwrap()
        .core;
    let mut import = Import::default();
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/windows");
    let bytes = std::fs::read(logs.join(log)).unwrap();
    import.add(log, &bytes, &FileSettings::default()).unwrap();
    import.into_store(&mut core, NOW, false).unwrap();
    folder
}

fn check(folder: &TempDir, format: Format, question: &str, expected: &str) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let target = Target::Data(folder.path().to_path_buf());
    let code = query_cmd::run(question, &target, format, &mut out, &mut err);
    out.extend(err);
    let got = format!("{}exit {code}\n", String::from_utf8(out).unwrap());
    assert!(got == expected, "{question}\n{got}");
}

#[test]
fn updates_that_started_and_never_reported() {
    let folder = filled("win10-1703-system.evtx");
    check(
        &folder,
        Format::Table,
        "patches where state = \"installing\" | show kb, state, since",
        "",
    );
    check(
        &folder,
        Format::Markdown,
        "alerts from 2026-06-09T00:00:00Z to 2026-06-10T00:00:00Z | by rule, state, reason: keys = list(key)",
        "",
    );
    check(
        &folder,
        Format::Csv,
        "timeline \"DESKTOP-2KGM189\" from 2017-07-23T00:00:00Z to 2017-07-24T00:00:00Z | show time, what, name",
        "",
    );
}

#[test]
fn a_patch_night() {
    let folder = filled("win10-1803-system.evtx");
    check(
        &folder,
        Format::Table,
        "timeline \"DESKTOP-1N4R894\" | where name = \"KB4338819\" or what ~ \"restart|boot\" | show time, what, name | top 9",
        "",
    );
    check(&folder, Format::Ndjson, "devices | show client, device", "");
    check(&folder, Format::Table, "devices | shew client", "");
    check(&folder, Format::Table, "timeline \"DESKTOP-1N4R895\"", "");
}

#[test]
fn a_script_runs_to_its_end_and_tells() {
    let folder = filled("win10-1803-system.evtx");
    let script = "# what is there\n.mode csv\npatches | by state: n = count()\nnonsense\n.schema boot\n.mod\n.quit\ndevices\n";
    let mut shell = Command::new(env!("CARGO_BIN_EXE_afterboot"))
        .arg("shell")
        .arg("--data")
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let ended = shell.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(ended.stdout).unwrap(),
        "state,n\r\ninstalled,5\r\ncolumn,type,unit,printed\r\ntime,time,,true\r\nclient,text,,true\r\n\
         device,text,,true\r\nboot_id,text,,true\r\nclean,bool,,true\r\n"
    );
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert!(errors.contains("`nonsense` is not a source"), "{errors}");
    assert!(errors.contains("did you mean .mode?"), "{errors}");
}

#[test]
fn a_folder_that_holds_no_store() {
    let folder = TempDir::new().unwrap();
    let target = |path: &Path| Target::Data(path.to_path_buf());
    let mut err = Vec::new();
    let code = query_cmd::run(
        "devices",
        &target(folder.path()),
        Format::Table,
        &mut Vec::new(),
        &mut err,
    );
    assert_eq!(code, 3);
    let code = query_cmd::run(
        "devices",
        &target(&folder.path().join("none")),
        Format::Table,
        &mut Vec::new(),
        &mut err,
    );
    assert_eq!(code, 3);
    let _held = RealDisk::new(folder.path()).unwrap();
    let code = query_cmd::run(
        "devices",
        &target(folder.path()),
        Format::Table,
        &mut Vec::new(),
        &mut err,
    );
    assert_eq!(code, 3);
    let err = String::from_utf8(err).unwrap();
    for part in ["holds no store", "No such file", "--url"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert!(
        !folder.path().join("none").exists(),
        "asking makes no folder"
    );
}
