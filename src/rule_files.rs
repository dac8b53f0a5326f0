//! Rule files as text: those of a folder or of the command line, or the standard set inside the binary.
//!
//! Nothing is parsed here. The order is that of the names, so a rule set is the same on every machine.

use query::span::Source;
use std::io;
use std::path::{Path, PathBuf};

/// The rules that run when none are named; `rules/standard.rules` of the source tree.
pub const STANDARD: &str = include_str!("../rules/standard.rules");

/// A file or folder that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The standard set.
pub fn standard() -> Vec<Source> {
    vec![Source::new("standard.rules", STANDARD)]
}

/// The files named, and for each folder named its `*.rules` files by name.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Source>, Unreadable> {
    let mut sources = Vec::new();
    for path in paths {
        let unreadable = |error: io::Error| Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        };
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(path).map_err(unreadable)? {
                files.push(entry.map_err(unreadable)?.path());
            }
            files.retain(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "rules")
            });
            files.sort();
            if files.is_empty() {
                return Err(Unreadable {
                    path: path.clone(),
                    reason: "no *.rules file in this folder".into(),
                });
            }
            for file in files {
                sources.push(read_file(&file)?);
            }
        } else {
            sources.push(read_file(path)?);
        }
    }
    Ok(sources)
}

fn read_file(path: &Path) -> Result<Source, Unreadable> {
    let unreadable = |reason: String| Unreadable {
        path: path.into(),
        reason,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if size > query::limits::FILE_BYTES_MAX as u64 {
        return Err(unreadable(format!(
            "{size} bytes, a rule file may have {}",
            query::limits::FILE_BYTES_MAX
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Ok(Source::new(path.display().to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_rule_files_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("b.rules", "let b = 1"),
            ("a.rules", "let a = 1"),
            ("notes.txt", "no"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let single = dir.path().join("notes.txt");
        let sources = read(&[dir.path().into(), single]).unwrap();
        let texts: Vec<&str> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["let a = 1", "let b = 1", "no"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let check = |path: PathBuf, expected: &str| {
            let error = read(&[path]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(dir.path().into(), "no *.rules file");
        check(
            dir.path().join("absent.rules"),
            "absent.rules: No such file",
        );
        let large = dir.path().join("large.rules");
        std::fs::write(&large, vec![b' '; query::limits::FILE_BYTES_MAX + 1]).unwrap();
        check(large, "a rule file may have 1048576");
    }
}
