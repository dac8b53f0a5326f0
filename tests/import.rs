//! Old logs into an empty store: what they raise is listed, not sent, and a second import changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::core::{Core, RuleSet, Source};
use afterboot::import::{Import, Summary};
use common::*;
use std::sync::Arc;
use storage::SimDisk;

const LOG_1703: &str = "win10-1703-system.evtx";
const LOG_1803: &str = "win10-1803-system.evtx";

fn standard() -> RuleSet {
    let text = include_str!("../rules/standard.rules");
    RuleSet::check(vec![Source::new("standard.rules", text)]).unwrap()
}

fn open_standard() -> Core {
    Core::open(
        Arc::new(SimDisk::memory()),
        options(),
        &standard(),
        minute(0),
    )
    .unwrap()
    .core
}

fn read(name: &str) -> Import {
    let path = format!("{}/tests/data/windows/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut import = Import::default();
    import
        .add(name, &std::fs::read(path).unwrap(), &Default::default())
        .unwrap();
    import
}

fn import(core: &mut Core, name: &str, minutes: i64, notify: bool) -> Summary {
    read(name)
        .into_store(core, minute(minutes), notify)
        .unwrap()
}

/// `rule key state reason` of each decision.
fn lines(core: &Core) -> Vec<String> {
    let line = |d: &afterboot::engine::Decision| {
        let reason = d.reason.as_deref().unwrap_or("-");
        format!(
            "{} {} {} {reason}",
            d.rule,
            d.key.as_deref().unwrap_or("-"),
            d.state.word()
        )
    };
    decisions(core).iter().map(line).collect()
}

#[test]
fn the_log_of_2017_raises_its_three_zombies_and_sends_nothing() {
    let mut core = open_standard();
    let summary = import(&mut core, LOG_1703, 1, false);
    assert!(summary.events > 30, "{summary:?}");
    assert_eq!(summary.refused_count, 0, "{summary:?}");
    let expected = [
        "patch_failed KB4025342 suppressed imported",
        "patch_failed KB890830 suppressed imported",
        "zombie_update KB4022725 suppressed imported",
        "zombie_update KB4038788 suppressed imported",
        "zombie_update KB4041676 suppressed imported",
    ];
    assert_eq!(lines(&core), expected);
    assert_eq!(core.pending().count(), 0);
}

#[test]
fn a_second_import_changes_nothing() {
    for name in [LOG_1703, LOG_1803] {
        let mut core = open_standard();
        let first = import(&mut core, name, 1, false);
        let (seq, told) = (core.last_seq(), lines(&core));
        let second = import(&mut core, name, 1, false);
        assert_eq!(first.reports, second.duplicates, "{second:?}");
        assert_eq!((second.reports, second.events), (0, 0));
        assert_eq!((core.last_seq(), lines(&core)), (seq, told));
    }
}

#[test]
fn posts_to_a_server_hold_the_same_reports() {
    let count = read(LOG_1803).reports();
    let (posts, _) = read(LOG_1803).posts();
    let lines: usize = posts.iter().map(|post| post.lines().count()).sum();
    assert_eq!(lines, count);
    let lines = posts.iter().flat_map(|post| native(post).lines).count();
    assert_eq!(lines, count);
}
