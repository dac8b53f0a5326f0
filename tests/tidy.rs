//! What a machine can hold well: the arrows between the crates, the one-door rules, links and lengths.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file.
const LINES_MAX: usize = 600;

/// Words that reach the outside world, and the only files in which they may stand.
const DOORS: &[(&str, &[&str])] = &[
    ("SystemTime::now", &["src/clock.rs"]),
    // The agent keeps its own rhythm by the monotonic clock.
    ("Instant::now", &["src/clock.rs", "src/agent/mod.rs"]),
    ("Timestamp::now", &[]),
    ("Zoned::now", &[]),
    ("thread_rng", &[]),
    ("rand::", &[]),
    ("getrandom", &[]),
    ("RandomState", &[]),
];

/// Which crates no file under a folder may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("storage", &["query", "afterboot", "tokio", "hyper"]),
    ("query", &["afterboot", "tokio", "hyper"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `folder` with this ending, as (path from the root, text).
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                let name = path
                    .strip_prefix(root())
                    .expect("under the root")
                    .display()
                    .to_string();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for folder in ["src", "storage/src", "query/src"] {
        let found = files(folder, "rs");
        assert!(!found.is_empty(), "no sources in {folder}");
        all.extend(found);
    }
    all
}

/// The code of a file without its comments and without its test module.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_source_says_what_it_owns() {
    let faults = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"));
    report(
        faults
            .map(|(name, _)| format!("{name}: does not open with `//!`"))
            .collect(),
    );
}

#[test]
fn no_file_is_long_without_a_reason() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{name}: {lines} lines; split it by noun"));
        }
    }
    report(faults);
}

#[test]
fn clock_and_chance_have_one_door() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let code = code(&text);
        for (word, doors) in DOORS {
            if code.contains(word) && !doors.contains(&name.as_str()) {
                faults.push(format!(
                    "{name}: `{word}`; time and chance come in as arguments"
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn the_store_reaches_files_through_its_disk() {
    let mut faults = Vec::new();
    for (name, text) in files("storage/src", "rs") {
        if name.starts_with("storage/src/disk/") {
            continue;
        }
        for word in [
            "std::fs",
            "File::open",
            "File::create",
            "OpenOptions",
            "rustix::",
        ] {
            if code(&text).contains(word) {
                faults.push(format!(
                    "{name}: `{word}`; all file access goes through storage/src/disk"
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn the_arrows_point_one_way() {
    let mut faults = Vec::new();
    for (folder, forbidden) in ARROWS {
        let manifest =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("manifest");
        let dependencies = manifest
            .split("[dependencies]")
            .nth(1)
            .expect("dependencies");
        for name in *forbidden {
            let depends = |line: &str| line.split(['.', ' ', '=']).next() == Some(name);
            if dependencies.lines().any(depends) {
                faults.push(format!("{folder}/Cargo.toml: depends on {name}"));
            }
        }
        for (name, text) in files(&format!("{folder}/src"), "rs") {
            for forbidden in *forbidden {
                if code(&text).contains(&format!("{forbidden}::")) && *folder != *forbidden {
                    faults.push(format!("{name}: uses {forbidden}"));
                }
            }
        }
    }
    report(faults);
}

#[test]
fn links_in_the_documents_resolve() {
    let mut faults = Vec::new();
    let mut documents = files("docs", "md");
    documents.push((
        "README.md".into(),
        fs::read_to_string(root().join("README.md")).expect("README"),
    ));
    for (name, text) in &documents {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                root().join(name)
            } else {
                root().join(folder).join(file)
            };
            if !path.exists() {
                faults.push(format!("{name}: no file {target}"));
            } else if !anchor.is_empty() && !anchors(&path).contains(&anchor.to_string()) {
                faults.push(format!("{name}: no heading {target}"));
            }
        }
    }
    report(faults);
}

/// The anchors of a document's headings, as code hosts make them.
fn anchors(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let slug = |heading: &str| {
        let text = heading
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .replace(' ', "-");
        text.chars()
            .filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_')
            .collect()
    };
    headings.map(slug).collect()
}

#[test]
fn the_settings_in_the_document_are_the_defaults() {
    let document = fs::read_to_string(root().join("docs/operate.md")).expect("docs/operate.md");
    let rows = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut toml = String::new();
    let mut keys = 0;
    for (key, rest) in rows {
        keys += 1;
        let default = rest
            .split(" | ")
            .next()
            .expect("a default")
            .trim_matches('`');
        if default != "none" {
            toml += &format!("{key} = {default}\n");
        }
    }
    assert!(keys >= 11, "{keys} rows");
    toml += "webhook.url = \"http://a\"\n";
    let read =
        afterboot::config::Config::parse(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let mut expected = afterboot::config::Config::default();
    let webhook = afterboot::config::Config::parse("webhook.url = \"http://a\"")
        .expect("settings")
        .webhook;
    expected.webhook = webhook;
    assert_eq!(read, expected);
}

#[test]
fn the_list_of_paths_is_the_table_of_routes() {
    let document = fs::read_to_string(root().join("docs/http.md")).expect("docs/http.md");
    let methods = ["GET", "POST", "PUT", "DELETE"];
    let is_route = |line: &&str| {
        methods
            .iter()
            .any(|m| line.starts_with(&format!("| `{m} /")))
    };
    let written: Vec<&str> = document.lines().filter(is_route).collect();
    let rows = afterboot::http::routes::ROUTES.iter();
    let table: Vec<String> = rows
        .map(|route| format!("| `{} {}` | {} |", route.method, route.path, route.purpose))
        .collect();
    assert_eq!(
        written,
        table,
        "docs/http.md should read\n{}\n",
        table.join("\n")
    );
}
