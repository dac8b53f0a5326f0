//! A real event log in a folder, and questions to it: through `query` and through a shell's script.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

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
        "\
kb         state       since
KB4022725  installing  2017-07-23T07:25:29.1155402Z
KB4038788  installing  2017-09-26T08:59:29.8746549Z
KB4041676  installing  2017-10-14T08:02:12.6132712Z
exit 0
",
    );
    check(
        &folder,
        Format::Markdown,
        "alerts from 2026-06-09T00:00:00Z to 2026-06-10T00:00:00Z | by rule, state, reason: keys = list(key)",
        "\
| rule | state | reason | keys |
| --- | --- | --- | --- |
| patch_failed | suppressed | imported | KB4025342, KB890830 |
| zombie_update | suppressed | imported | KB4022725, KB4038788, KB4041676 |
exit 0
",
    );
    check(
        &folder,
        Format::Csv,
        "timeline \"DESKTOP-2KGM189\" from 2017-07-23T00:00:00Z to 2017-07-24T00:00:00Z | show time, what, name",
        "time,what,name\r\n\
         2017-07-23T07:21:42.7683887Z,patch staged,KB4022725\r\n\
         2017-07-23T07:25:29.1155402Z,patch started,KB4022725\r\n\
         2017-07-23T07:25:41.7070663Z,patch started,KB4025342\r\n\
         2017-07-23T07:25:41.8045046Z,patch failed,KB4025342\r\n\
         exit 0\n",
    );
}

#[test]
fn a_patch_night() {
    let folder = filled("win10-1803-system.evtx");
    check(
        &folder,
        Format::Table,
        "timeline \"DESKTOP-1N4R894\" | where name = \"KB4338819\" or what ~ \"restart|boot\" | show time, what, name | top 9",
        "\
time                          what             name
2018-07-06T18:37:44.8816283Z  boot
2018-07-06T18:40:13.233315Z   restart planned
2018-07-06T18:40:24.9728598Z  boot clean
2018-07-11T16:20:16.966549Z   patch staged     KB4338819
2018-07-11T16:24:28.4643706Z  patch started    KB4338819
2018-07-12T00:41:00.5678011Z  restart planned
2018-07-12T00:41:50.9447303Z  boot clean
2018-07-12T00:44:15.269372Z   patch installed  KB4338819
2018-07-12T20:40:52.0042241Z  patch staged     KB4338819
note: nothing happened in the last 1d: the whole history is shown
exit 0
",
    );
    check(
        &folder,
        Format::Ndjson,
        "devices | show client, device",
        "\
{\"client\":\"default\",\"device\":\"DESKTOP-1N4R894\"}
exit 0
",
    );
    check(
        &folder,
        Format::Table,
        "devices | shew client",
        "\
[syntax] Error: expected `by`, `every`, `show`, `sort`, `top`, `last` or `where`, found `shew`
   ╭─[ query:1:11 ]
   │
 1 │ devices | shew client
   │           ──┬─
   │             ╰─── not expected here
   │
   │ Help: did you mean `show`?
───╯
exit 2
",
    );
    check(
        &folder,
        Format::Table,
        "timeline \"DESKTOP-1N4R895\"",
        "no device \"DESKTOP-1N4R895\"; did you mean \"DESKTOP-1N4R894\"?\nexit 2\n",
    );
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
