//! The files of the machine that the agent reads; the one place where it touches them.
//!
//! The roots are arguments, so that a test can show the agent any machine.

use std::path::PathBuf;

/// Where the machine's own files are.
#[derive(Clone, Debug, PartialEq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/run`.
    pub run: PathBuf,
    /// `/etc`.
    pub etc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// `/lib`, for the kernels installed.
    pub lib: PathBuf,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots {
            proc: "/proc".into(),
            run: "/run".into(),
            etc: "/etc".into(),
            sys: "/sys".into(),
            lib: "/lib".into(),
        }
    }
}

/// A small file as text, without white space around it; None if it cannot be read.
pub(super) fn read(path: PathBuf) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// The names in a folder, ascending; none if it cannot be read.
pub(super) fn names(path: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// True if the file is there.
pub(super) fn exists(path: PathBuf) -> bool {
    path.exists()
}
