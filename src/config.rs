//! The settings of a server: a TOML file, every key with a default.
//!
//! An unknown key is an error that names the line and the nearest key: a misspelt setting never
//! passes for one that holds. `docs/operate.md` lists every key; a test compares.

use crate::ingest::line::LineSettings;
use crate::limits;
use serde::Deserialize;
use smol_str::SmolStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the store; made when missing.
    pub data: PathBuf,
    /// Folder of rule files; None: the standard rules.
    pub rules: Option<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Allows a `listen` that other machines reach, without any authentication.
    pub allow_insecure_listen: bool,
    /// Which tags of line protocol mean what.
    pub line: LineSettings,
    /// Where notifications go; None: nowhere, and the delivery log says so.
    pub webhook: Option<Webhook>,
    /// What a connection may take; not a setting, tests make it small.
    #[serde(skip)]
    pub patience: Patience,
}

/// Bounds of connections, those of [`crate::limits`] unless a test says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// Most connections open at once.
    pub connections: usize,
    /// For the head of a request, idle time before it included.
    pub head: Duration,
    /// For a pause inside a body.
    pub body_pause: Duration,
    /// For a whole body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connections: limits::HTTP_CONNECTIONS_MAX,
            head: Duration::from_secs(limits::HTTP_HEAD_SECONDS_MAX),
            body_pause: Duration::from_secs(limits::HTTP_BODY_PAUSE_SECONDS_MAX),
            body: Duration::from_secs(limits::HTTP_BODY_SECONDS_MAX),
        }
    }
}

/// `[webhook]`: one POST of JSON a notification, tried again until it is taken.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: String,
    /// Its name in the delivery log.
    #[serde(default = "webhook_name")]
    pub name: SmolStr,
    /// Address of this server as people reach it, for the link in the body; default: where it listens.
    #[serde(default)]
    pub link_base: Option<String>,
    /// How long one attempt may take.
    #[serde(default = "webhook_timeout_seconds")]
    pub timeout_seconds: u32,
}

fn webhook_name() -> SmolStr {
    SmolStr::new_static("webhook")
}

fn webhook_timeout_seconds() -> u32 {
    10
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data: "afterboot-data".into(),
            rules: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8470)),
            allow_insecure_listen: false,
            line: LineSettings::default(),
            webhook: None,
            patience: Patience::default(),
        }
    }
}

/// What is wrong with a settings file.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("line {line}: {message}")]
pub struct ConfigError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl Config {
    /// Reads a settings file's text.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            let message = error.message().replace('\n', " ");
            ConfigError {
                line,
                hint: nearest_key(&message).unwrap_or_default(),
                message,
            }
        })
    }

    /// Refuses what cannot be served safely: an address that other machines reach has no
    /// authentication in this version, so it must be asked for in words.
    pub fn check_listen(&self) -> Result<(), String> {
        if self.listen.ip().is_loopback() || self.allow_insecure_listen {
            return Ok(());
        }
        Err(format!(
            "{} is reachable from other machines, and this version has no tokens to tell them apart",
            self.listen
        ))
    }
}

/// What to do about a refused [`Config::check_listen`].
pub const LISTEN_HINT: &str = "listen on 127.0.0.1 behind a proxy that authenticates, or, on a network where everyone may \
read and write, set allow_insecure_listen = true in the settings file";

/// "did you mean …" out of serde's "unknown field `x`, expected one of `a`, `b`".
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message
        .strip_prefix("unknown field")?
        .split('`')
        .skip(1)
        .step_by(2);
    let wrong = quoted.next()?;
    let nearest = quoted
        .max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)))?;
    (strsim::jaro_winkler(wrong, nearest) > 0.75).then(|| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of the defaults, or line, message and hint of an error.
    type Expected<'a> = Result<fn(&mut Config), (usize, &'a str, &'a str)>;

    fn check(text: &str, expected: Expected) {
        match (Config::parse(text), expected) {
            (Ok(config), Ok(change)) => {
                let mut expected = Config::default();
                change(&mut expected);
                assert_eq!(config, expected, "{text}");
            }
            (Err(error), Err((line, message, hint))) => {
                assert_eq!(error.line, line, "{text}: {error}");
                assert!(error.message.contains(message), "{text}: {error}");
                assert!(error.hint.contains(hint), "{text}: {:?}", error.hint);
            }
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn files() {
        check("", Ok(|_| ()));
        check(
            "listen = \"127.0.0.1:9\"\n",
            Ok(|c| c.listen = "127.0.0.1:9".parse().expect("address")),
        );
        check(
            "[line]\ndevice = [\"pc\"]\n",
            Ok(|c| c.line.device = vec!["pc".into()]),
        );
        check(
            "data = \"x\"\nlisten = \"no address\"\n",
            Err((2, "invalid socket address", "")),
        );
        check(
            "\nlisen = \"127.0.0.1:9\"\n",
            Err((2, "unknown field `lisen`", "did you mean `listen`?")),
        );
        check(
            "[line]\n\ndevices = []\n",
            Err((3, "unknown field", "`device`")),
        );
        check("[webhook]\n", Err((1, "missing field `url`", "")));
        check(
            "[webhook]\nurl = \"http://a/b\"\n",
            Ok(|c| {
                let (name, url) = ("webhook".into(), "http://a/b".into());
                c.webhook = Some(Webhook {
                    url,
                    name,
                    link_base: None,
                    timeout_seconds: 10,
                });
            }),
        );
        check("frobnicate = 1\n", Err((1, "expected one of", "")));
        check("data = \n", Err((1, "", "")));
    }

    #[test]
    fn only_loopback_is_served_without_being_asked() {
        let listen = |address: &str, allowed| {
            Config {
                listen: address.parse().expect("address"),
                allow_insecure_listen: allowed,
                ..Config::default()
            }
            .check_listen()
            .is_ok()
        };
        assert!(listen("127.0.0.1:8470", false));
        assert!(listen("[::1]:8470", false));
        assert!(!listen("0.0.0.0:8470", false));
        assert!(!listen("192.0.2.1:8470", false));
        assert!(listen("0.0.0.0:8470", true));
    }
}
