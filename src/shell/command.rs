//! The shell's own commands: lines that begin with a dot.

use query::render::Format;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing: an empty line or a comment.
    Nothing,
    /// A question in the language.
    Ask(String),
    /// `.help`
    Help,
    /// `.mode FORMAT`
    Mode(Format),
    /// `.timer on|off`
    Timer(bool),
    /// `.quit`
    Quit,
    /// Not understood; the text says what was wanted.
    Wrong(String),
}

/// What `.help` prints.
pub const HELP: &str = "\
A question is a source, a time range, a filter and a pipe:

  devices where pending_reboot for 24h | by client: n = count(), names = list(device)
  timeline \"srv-01\" from 2026-06-09T01:00Z to 2026-06-09T06:00Z
  alerts from -24h where state = \"suppressed\" | by reason, client: n = count()
  patches where state in [\"staged\", \"installing\"] | sort since | top 20
  cpu from -1h where device = \"srv-01\" | show time, usage_user

Sources: devices alerts decisions watches patches events timeline signals, an event such as
patch.failed, a family such as cpu or service.

  .tables                what can be asked about
  .schema NAME           the columns of one source
  .mode FORMAT           table, json, ndjson, csv or markdown
  .timer on|off          how long each answer took
  .help                  this text
  .quit                  leave (so does Ctrl-D); Ctrl-C stops a running question
";

impl Command {
    /// Reads one line.
    pub fn parse(line: &str) -> Command {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Command::Nothing;
        }
        if !line.starts_with('.') {
            return Command::Ask(line.to_owned());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [".help"] => Command::Help,
            [".quit" | ".exit"] => Command::Quit,
            // The server knows them too: they are answered like questions, with a table.
            [".tables"] | [".schema", _] => Command::Ask(words.join(" ")),
            [".schema", ..] => {
                Command::Wrong("wanted is .schema and one name; .tables lists them".into())
            }
            [".timer", "on"] => Command::Timer(true),
            [".timer", "off"] => Command::Timer(false),
            [".timer", ..] => Command::Wrong("wanted is .timer on or .timer off".into()),
            [".mode", word] if Format::parse(word).is_some() => {
                Command::Mode(Format::parse(word).unwrap_or_default())
            }
            [".mode", ..] => {
                let words: Vec<&str> = Format::ALL.iter().map(|(_, word)| *word).collect();
                Command::Wrong(format!("wanted is .mode and one of {}", words.join(", ")))
            }
            [word, ..] => Command::Wrong(match nearest(word) {
                Some(near) => format!("no command {word}; did you mean {near}? (.help lists them)"),
                None => format!("no command {word}; .help lists them"),
            }),
            [] => Command::Nothing,
        }
    }
}

fn nearest(word: &str) -> Option<&'static str> {
    let known = [".help", ".mode", ".timer", ".tables", ".schema", ".quit"];
    let near = known
        .into_iter()
        .map(|name| (strsim::osa_distance(word, name), name))
        .min()?;
    (near.0 <= 2).then_some(near.1)
}

/// Whether a text is a whole question: brackets and quotes closed, no pipe or colon waiting at the end.
pub fn complete(text: &str) -> bool {
    let mut depth = 0i32;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => loop {
                match chars.next() {
                    None => return false,
                    Some('"') => break,
                    Some('\\') => drop(chars.next()),
                    Some(_) => {}
                }
            },
            '#' => drop(chars.by_ref().find(|char| *char == '\n')),
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    let end = text.trim_end();
    depth <= 0 && !end.ends_with(['|', ':', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Command) {
        assert_eq!(Command::parse(line), expected, "{line}");
    }

    #[test]
    fn lines() {
        check("  ", Command::Nothing);
        check("# patch night", Command::Nothing);
        check(" devices ", Command::Ask("devices".into()));
        check(".schema   cpu", Command::Ask(".schema cpu".into()));
        check(".mode csv", Command::Mode(Format::Csv));
        check(".timer on", Command::Timer(true));
        check(".exit", Command::Quit);
        check(
            ".mod csv",
            Command::Wrong("no command .mod; did you mean .mode? (.help lists them)".into()),
        );
        check(
            ".mode xml",
            Command::Wrong("wanted is .mode and one of table, json, ndjson, csv, markdown".into()),
        );
        check(
            ".frobnicate",
            Command::Wrong("no command .frobnicate; .help lists them".into()),
        );
    }

    #[test]
    fn whole_questions() {
        for whole in [
            "devices",
            "devices where f(\")\") | top 3",
            "a \"\\\"(\"",
            ")",
        ] {
            assert!(complete(whole), "{whole}");
        }
        for open in [
            "devices |",
            "devices | by client:",
            "devices where (a",
            "timeline \"srv",
            "x in [1,",
        ] {
            assert!(!complete(open), "{open}");
        }
    }
}
