//! Whether this machine waits for a reboot, and why.
//!
//! Three witnesses: the mark that Debian and Ubuntu packages leave in `/run/reboot-required`, the one
//! of SUSE in `/run/reboot-needed`, and, anywhere, a newer kernel installed than the one that runs.

use super::roots::{Roots, exists, names, read};
use crate::limits;
use std::cmp::Ordering;

/// Why a reboot is pending; None: it is not.
pub fn reason(roots: &Roots) -> Option<String> {
    let mut reasons = Vec::new();
    if exists(roots.run.join("reboot-required")) {
        let packages = read(roots.run.join("reboot-required.pkgs")).unwrap_or_default();
        let mut packages: Vec<&str> = packages.lines().map(str::trim).collect();
        packages.retain(|name| !name.is_empty());
        packages.sort_unstable();
        packages.dedup();
        reasons.push(match packages.as_slice() {
            [] => "/run/reboot-required".to_owned(),
            packages => format!("/run/reboot-required: {}", packages.join(", ")),
        });
    }
    if exists(roots.run.join("reboot-needed")) {
        reasons.push("/run/reboot-needed".to_owned());
    }
    reasons.extend(newer_kernel(roots));
    if reasons.is_empty() {
        return None;
    }
    let mut text = reasons.join("; ");
    let mut end = text.len().min(limits::TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Some(text)
}

fn newer_kernel(roots: &Roots) -> Option<String> {
    let runs = read(roots.proc.join("sys/kernel/osrelease"))?;
    let modules = roots.lib.join("modules");
    let mut installed = names(modules.clone());
    installed.retain(|kernel| {
        flavour(kernel) == flavour(&runs) && exists(modules.join(kernel).join("modules.dep"))
    });
    let newest = installed.into_iter().max_by(|a, b| compare(a, b))?;
    (compare(&newest, &runs) == Ordering::Greater)
        .then(|| format!("kernel {newest} is installed, {runs} runs"))
}

/// What follows the version, such as `generic`, `amd64` or `x86_64`: only the same are alternatives.
fn flavour(kernel: &str) -> &str {
    let last = kernel.rsplit(['-', '.']).next().unwrap_or("");
    let is_word = last.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_word { last } else { "" }
}

/// Compares versions part by part: numbers by value, words by letters, a number above a word.
fn compare(a: &str, b: &str) -> Ordering {
    parts(a).cmp(parts(b))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'t> {
    Word(&'t str),
    Number(u64),
}

fn parts(version: &str) -> impl Iterator<Item = Part<'_>> {
    let runs = version.split(|c: char| !c.is_ascii_alphanumeric());
    let runs = runs.flat_map(|run| {
        run.as_bytes()
            .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
    });
    runs.filter_map(|run| {
        let text = std::str::from_utf8(run).ok()?;
        Some(text.parse().map_or(Part::Word(text), Part::Number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::machine;

    fn check(files: &[(&str, &str)], expected: &str) {
        let (_folder, roots) = machine(files);
        assert_eq!(reason(&roots).unwrap_or_default(), expected);
    }

    #[test]
    fn marks() {
        check(&[], "");
        check(
            &[("run/reboot-required", "*** System restart required ***")],
            "/run/reboot-required",
        );
        check(
            &[
                ("run/reboot-required", ""),
                ("run/reboot-required.pkgs", "linux-base\nlibc6\n\nlibc6\n"),
            ],
            "/run/reboot-required: libc6, linux-base",
        );
        check(&[("run/reboot-needed", "")], "/run/reboot-needed");
    }

    fn kernels(runs: &str, installed: &[&str], expected: &str) {
        let modules = installed
            .iter()
            .map(|kernel| format!("lib/modules/{kernel}/modules.dep"));
        let modules: Vec<String> = modules.collect();
        let mut files: Vec<(&str, &str)> = modules.iter().map(|file| (file.as_str(), "")).collect();
        files.push(("proc/sys/kernel/osrelease", runs));
        check(&files, expected);
    }

    #[test]
    fn kernels_that_wait() {
        kernels("6.1.0-18-amd64", &["6.1.0-18-amd64"], "");
        kernels("6.1.0-18-amd64", &["6.1.0-18-amd64", "6.1.0-9-amd64"], "");
        kernels(
            "6.1.0-9-amd64",
            &["6.1.0-9-amd64", "6.1.0-18-amd64"],
            "kernel 6.1.0-18-amd64 is installed, 6.1.0-9-amd64 runs",
        );
        kernels("6.8.0-45-generic", &["6.11.0-8-lowlatency"], "");
        kernels(
            "5.14.0-427.el9.x86_64",
            &["5.14.0-427.8.1.el9.x86_64", "5.14.0-427.el9.x86_64"],
            "kernel 5.14.0-427.8.1.el9.x86_64 is installed, 5.14.0-427.el9.x86_64 runs",
        );
        kernels("6.18.44", &[], "");
        // A folder left behind by a removed kernel.
        check(
            &[
                ("proc/sys/kernel/osrelease", "6.1.0-9-amd64"),
                ("lib/modules/6.1.0-18-amd64/left", ""),
            ],
            "",
        );
    }
}
