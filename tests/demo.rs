//! The demo, small and as fast as it goes: exactly these alerts page, whatever the machine's speed.

use afterboot::demo::{self, Options};

fn check(devices: usize, seed: u64, expected: &[&str]) {
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
    let story = demo::run(&options, &mut out, false, &|| false).expect("a night");
    let told = String::from_utf8(out).expect("text");
    let paged: Vec<String> = story
        .paged
        .iter()
        .map(|page| format!("{} {} {}", page.rule, page.state.word(), page.message))
        .collect();
    assert_eq!(paged, expected, "{told}");
    assert!(story.suppressed() > 0, "{told}");
}

#[test]
fn twelve_machines() {
    check(12, 1, &[]);
}
