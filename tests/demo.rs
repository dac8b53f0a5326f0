//! The demo, small and as fast as it goes: exactly these alerts page, whatever the machine's speed.

use afterboot::demo::{self, Options, Story};
use std::cell::Cell;

fn night(devices: usize, seed: u64, stopped: &dyn Fn() -> bool) -> (Story, String) {
    let options = Options {
        devices,
        speed: 1e9,
        seed,
        data: None,
        listen: Some(([127, 0, 0, 1], 0).into()),
        exit: true,
        program: "afterboot".into(),
    };
    let mut out = Vec::new();
    let story = demo::run(&options, &mut out, false, stopped).expect("a night");
    (story, String::from_utf8(out).expect("text"))
}

#[test]
fn twelve_machines() {
    let (story, told) = night(12, 1, &|| false);
    let paged: Vec<String> = story
        .paged
        .iter()
        .map(|page| format!("{} {}: {}", page.rule, page.state.word(), page.message))
        .collect();
    let expected = [
        "post_patch unverified: rtm-dc-010: trigger: post-patch reboot (KB5094127); verification: NTDS stopped",
        "reboot_overdue firing: Update compliance: reboot pending on lon-dc-004 for 0s",
        "patch_failed firing: KB5094127 failed on bgo-sql-007: 0x800f0922 a step of the installation failed; \
            often too little room on the system or boot partition",
        "unscheduled_reboot firing: lon-app-005 rebooted without a plan: stop error 0x0000009f (driver power state)",
        "post_patch overdue: Patch deployment failure: bgo-web-008 did not recover after reboot (KB5094127)",
    ];
    let sorted = |mut texts: Vec<String>| {
        texts.sort_unstable();
        texts
    };
    assert_eq!(
        sorted(paged),
        sorted(expected.map(str::to_owned).to_vec()),
        "{told}"
    );
    // Every machine that was away for longer than three reports, and every service that was slow.
    assert!(story.suppressed() >= 5, "{told}");
    assert!(told.contains("post-patch reboot (KB5094127)"), "{told}");
}

#[test]
fn it_ends_when_it_is_told_to() {
    let asked = Cell::new(0);
    let (story, told) = night(3, 1, &|| {
        asked.set(asked.get() + 1);
        asked.get() > 10
    });
    assert!(story.paged.is_empty(), "{told}");
    let folder = told
        .split("store   ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("the store's folder");
    assert!(
        !std::path::Path::new(folder).exists(),
        "{folder} is left behind"
    );
}
