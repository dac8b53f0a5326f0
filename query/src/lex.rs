//! Text to tokens: names, literals with their units, texts, messages, symbols.
//!
//! Every token knows its byte range. A lexical error is reported and lexing goes on, so that one bad
//! character does not hide the other errors of a file. A text after `log`, `reason` or a severity is a
//! message: its `{…}` parts are kept as ranges, to be lexed again by the parser.

use crate::diagnostic::{Diagnostic, nearest};
use crate::limits::{DURATION_NS_MAX, FILE_ERRORS_MAX};
use crate::span::Span;
use crate::value::{Measure, Unit};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{digit1, one_of, satisfy};
use nom::combinator::{opt, recognize};
use nom::sequence::pair;
use nom::{IResult, Parser};
use smol_str::SmolStr;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub tok: Tok,
    /// Where it stands.
    pub span: Span,
    /// First on its line, after this many bytes of indentation.
    pub indent: Option<u32>,
    /// Nothing stands between it and the token before it.
    pub glued: bool,
}

/// The kinds of token.
#[derive(Clone, Debug, PartialEq)]
pub enum Tok {
    /// A name or word.
    Name(SmolStr),
    /// A number in its base unit (seconds, bytes, percent).
    Number(f64, Unit),
    /// An RFC 3339 time, nanoseconds.
    Time(i64),
    /// A text, escapes resolved.
    Text(SmolStr),
    /// A text with `{…}` parts.
    Message(Vec<Piece>),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text, escapes resolved.
    Text(String),
    /// Byte range of the code between the braces.
    Code(Span),
}

const SYMBOLS: [&str; 28] = [
    "==", "&&", "||", "!=", "<=", ">=", "??", "..", "<>", "=", "<", ">", "~", "+", "-", "*", "/",
    "(", ")", "[", "]", "{", "}", ",", ".", ":", "|", "!",
];

/// Words after which a text is a message.
const MESSAGE_WORDS: [&str; 6] = ["log", "reason", "p1", "critical", "warn", "info"];

/// The tokens of `text`, which starts at byte `base` of file `file`; the last is [`Tok::End`].
pub fn lex(text: &str, file: u32, base: usize, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        file,
        base,
        at: 0,
        tokens: Vec::new(),
        diagnostics,
        errors: 0,
        fresh: None,
    };
    lexer.run();
    lexer.tokens
}

struct Lexer<'a, 'd> {
    text: &'a str,
    file: u32,
    base: usize,
    at: usize,
    tokens: Vec<Token>,
    diagnostics: &'d mut Vec<Diagnostic>,
    errors: usize,
    /// Indentation of the line, until its first token took it.
    fresh: Option<u32>,
}

type Lexed<'a> = IResult<&'a str, &'a str>;

fn blank(input: &str) -> Lexed<'_> {
    recognize(nom::multi::many0_count(alt((
        take_while1(|c: char| c.is_whitespace() || c == '\u{feff}'),
        recognize(pair(tag("#"), take_while(|c| c != '\n'))),
    ))))
    .parse(input)
}

fn name(input: &str) -> Lexed<'_> {
    recognize(pair(
        satisfy(|c| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

fn number(input: &str) -> Lexed<'_> {
    recognize((
        digit1,
        opt(pair(tag("."), digit1)),
        opt((one_of("eE"), opt(one_of("+-")), digit1)),
    ))
    .parse(input)
}

fn unit(input: &str) -> Lexed<'_> {
    alt((
        tag("%"),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

/// `/s` that touches the literal and is not followed by a letter, digit or dot.
fn per_second(input: &str) -> Lexed<'_> {
    nom::sequence::terminated(
        tag("/s"),
        nom::combinator::not(satisfy(|c| c.is_alphanumeric() || c == '.' || c == '_')),
    )
    .parse(input)
}

/// Something shaped like the start of a date: four digits, `-`, two digits, `-`, two digits.
fn date(input: &str) -> bool {
    let bytes = input.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn time_chars(input: &str) -> Lexed<'_> {
    // A trailing `..` is the range operator, not part of the time.
    let end = input
        .char_indices()
        .find(|(at, c)| {
            !(c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '+') || *c == '.')
                || input[*at..].starts_with("..")
        })
        .map_or(input.len(), |(at, _)| at);
    Ok((&input[end..], &input[..end]))
}

/// Factor to the base unit and the unit of a literal's suffix.
pub fn suffix(suffix: &str) -> Option<(f64, Unit)> {
    let (factor, measure) = match suffix {
        "" => (1.0, Measure::Plain),
        "%" => (1.0, Measure::Percent),
        "ns" => (1e-9, Measure::Duration),
        "us" => (1e-6, Measure::Duration),
        "ms" => (1e-3, Measure::Duration),
        "s" => (1.0, Measure::Duration),
        "m" => (60.0, Measure::Duration),
        "h" => (3_600.0, Measure::Duration),
        "d" => (86_400.0, Measure::Duration),
        "w" => (604_800.0, Measure::Duration),
        "B" => (1.0, Measure::Bytes),
        "kB" | "KB" => (1e3, Measure::Bytes),
        "MB" => (1e6, Measure::Bytes),
        "GB" => (1e9, Measure::Bytes),
        "TB" => (1e12, Measure::Bytes),
        "PB" => (1e15, Measure::Bytes),
        "KiB" => (1024.0, Measure::Bytes),
        "MiB" => (1_048_576.0, Measure::Bytes),
        "GiB" => (1_073_741_824.0, Measure::Bytes),
        "TiB" => (1_099_511_627_776.0, Measure::Bytes),
        "PiB" => (1_125_899_906_842_624.0, Measure::Bytes),
        _ => return None,
    };
    Some((
        factor,
        Unit {
            measure,
            per_second: false,
        },
    ))
}

const SUFFIXES: [&str; 20] = [
    "ns", "us", "ms", "s", "m", "h", "d", "w", "B", "kB", "MB", "GB", "TB", "PB", "KiB", "MiB",
    "GiB", "TiB", "PiB", "%",
];

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.base + start, self.base + end)
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.errors += 1;
        if self.errors <= FILE_ERRORS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Length of what `parser` takes here, 0 if nothing.
    fn length(&self, parser: impl Fn(&'a str) -> Lexed<'a>) -> usize {
        parser(self.rest()).map_or(0, |(_, taken)| taken.len())
    }

    fn push(&mut self, tok: Tok, start: usize) {
        let indent = self.fresh.take();
        let span = self.span(start, self.at);
        let glued = self.tokens.last().is_some_and(|t| t.span.end == span.start);
        self.tokens.push(Token {
            tok,
            span,
            indent,
            glued,
        });
    }

    fn run(&mut self) {
        loop {
            let skipped = self.length(blank);
            let blank = &self.text[self.at..self.at + skipped];
            if let Some(line) = blank
                .rfind('\n')
                .map(|at| at + 1)
                .or((self.at == 0).then_some(0))
            {
                self.fresh = Some((skipped - line) as u32);
            }
            self.at += skipped;
            let start = self.at;
            let Some(first) = self.rest().chars().next() else {
                self.push(Tok::End, start);
                return;
            };
            if first.is_ascii_digit() {
                self.literal();
            } else if first.is_ascii_alphabetic() || first == '_' {
                self.at += self.length(name);
                self.push(Tok::Name(self.text[start..self.at].into()), start);
            } else if first == '"' {
                self.quoted();
            } else if first == '`' {
                self.backquoted();
            } else if first == '\'' {
                self.single_quoted();
            } else if let Some(symbol) = SYMBOLS.iter().find(|s| self.rest().starts_with(**s)) {
                self.symbol(symbol);
            } else {
                self.at += first.len_utf8();
                let span = self.span(start, self.at);
                self.error(Diagnostic::error(
                    "character",
                    span,
                    format!("{first:?} has no meaning here"),
                    "not part of the language",
                ));
            }
        }
    }

    /// Symbols of other languages are reported and read as what was meant.
    fn symbol(&mut self, symbol: &'static str) {
        let start = self.at;
        self.at += symbol.len();
        let meant = match symbol {
            "==" => Some((Tok::Symbol("="), "=")),
            "<>" => Some((Tok::Symbol("!="), "!=")),
            "&&" => Some((Tok::Name("and".into()), "and")),
            "||" => Some((Tok::Name("or".into()), "or")),
            "!" => Some((Tok::Name("not".into()), "not")),
            _ => None,
        };
        let tok = match meant {
            Some((tok, word)) => {
                let span = self.span(start, self.at);
                self.error(
                    Diagnostic::error(
                        "operator",
                        span,
                        format!("`{symbol}` is not an operator of this language"),
                        format!("expected `{word}`"),
                    )
                    .hint(format!("write `{word}`")),
                );
                tok
            }
            None => Tok::Symbol(symbol),
        };
        self.push(tok, start);
    }

    fn literal(&mut self) {
        let start = self.at;
        if date(self.rest()) {
            self.at += self.length(time_chars);
            let text = &self.text[start..self.at];
            let time = match crate::value::parse_time(text) {
                Some(time) => time,
                None => {
                    let span = self.span(start, self.at);
                    self.error(
                        Diagnostic::error(
                            "time",
                            span,
                            format!("`{text}` is not a time"),
                            "expected an RFC 3339 time",
                        )
                        .hint("write it like `2026-06-09T02:00:00Z`"),
                    );
                    0
                }
            };
            self.push(Tok::Time(time), start);
            return;
        }
        self.at += self.length(number);
        let digits = &self.text[start..self.at];
        let suffix_at = self.at;
        self.at += self.length(unit);
        let word = &self.text[suffix_at..self.at];
        let value: f64 = digits.parse().unwrap_or(f64::INFINITY);
        let (factor, mut unit) = suffix(word).unwrap_or_else(|| {
            let span = self.span(suffix_at, self.at);
            let mut error = Diagnostic::error(
                "literal",
                span,
                format!("`{word}` is not a unit"),
                "expected a unit such as `s m h d`, `%`, `MB`, `GiB`",
            );
            if let Some(near) = nearest(word, SUFFIXES) {
                error = error.hint(format!("did you mean `{digits}{near}`?"));
            } else if word.starts_with(|c: char| "smhdw".contains(c)) {
                error = error.hint("a duration has one unit: write `90m` for an hour and a half");
            }
            self.error(error);
            (1.0, Unit::default())
        });
        let rate = self.length(per_second);
        if rate > 0 {
            self.at += rate;
            unit.per_second = true;
        }
        let value = value * factor;
        let too_long = unit.measure == Measure::Duration && value * 1e9 > DURATION_NS_MAX;
        if !value.is_finite() || too_long {
            let span = self.span(start, self.at);
            self.error(Diagnostic::error(
                "number",
                span,
                if too_long {
                    "this duration is too long"
                } else {
                    "this number is too large"
                },
                if too_long {
                    "at most 100 years"
                } else {
                    "does not fit a 64-bit float"
                },
            ));
            self.push(Tok::Number(1.0, unit), start);
            return;
        }
        self.push(Tok::Number(value, unit), start);
    }

    fn backquoted(&mut self) {
        let start = self.at;
        let inner = self.rest()[1..]
            .find(['`', '\n'])
            .filter(|end| self.rest()[1 + end..].starts_with('`') && *end > 0);
        match inner {
            Some(end) => {
                self.at += end + 2;
                self.push(
                    Tok::Name(self.text[start + 1..start + 1 + end].into()),
                    start,
                );
            }
            None => {
                self.at += 1;
                let span = self.span(start, self.at);
                self.error(Diagnostic::error(
                    "text",
                    span,
                    "this quoted name is not closed on its line",
                    "expected a name and another backquote",
                ));
            }
        }
    }

    fn single_quoted(&mut self) {
        let start = self.at;
        let line = self.rest().find('\n').unwrap_or(self.rest().len());
        let end = self.rest()[1..line.max(1)]
            .find('\'')
            .map_or(line, |at| at + 2);
        self.at += end;
        let inner = self.text[start..self.at].trim_matches('\'').to_string();
        let span = self.span(start, self.at);
        self.error(
            Diagnostic::error(
                "text",
                span,
                "texts stand in double quotes",
                "expected a text",
            )
            .hint(format!("write \"{inner}\"")),
        );
        self.push(Tok::Text(inner.into()), start);
    }

    fn quoted(&mut self) {
        let start = self.at;
        let message = self.tokens.last().is_some_and(
            |t| matches!(&t.tok, Tok::Name(word) if MESSAGE_WORDS.contains(&word.as_str())),
        );
        let mut pieces = Vec::new();
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(next) = rest.chars().next().filter(|c| *c != '\n') else {
                let span = self.span(start, self.at);
                self.error(
                    Diagnostic::error(
                        "text",
                        span,
                        "this text is not closed on its line",
                        "expected a closing `\"`",
                    )
                    .hint("a line break inside a text is written `\\n`"),
                );
                break;
            };
            match next {
                '"' => {
                    self.at += 1;
                    break;
                }
                '\\' => self.escape(&mut text),
                '{' | '}' if message && rest[1..].starts_with(next) => {
                    text.push(next);
                    self.at += 2;
                }
                '{' if message => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    if !self.code(&mut pieces) {
                        break;
                    }
                }
                '}' if message => {
                    let span = self.span(self.at, self.at + 1);
                    self.error(
                        Diagnostic::error(
                            "message",
                            span,
                            "this brace closes nothing",
                            "no `{` before it",
                        )
                        .hint("a brace itself is written `}}`"),
                    );
                    self.at += 1;
                }
                other => {
                    text.push(other);
                    self.at += other.len_utf8();
                }
            }
        }
        if message {
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
            self.push(Tok::Message(pieces), start);
        } else {
            self.push(Tok::Text(text.into()), start);
        }
    }

    fn escape(&mut self, text: &mut String) {
        let rest = self.rest();
        match rest[1..].chars().next() {
            Some('n') => text.push('\n'),
            Some(c @ ('"' | '\\')) => text.push(c),
            // `\d` and the like are kept for regular expressions to complain about themselves.
            other => {
                let length = 1 + other.filter(|c| *c != '\n').map_or(0, char::len_utf8);
                let span = self.span(self.at, self.at + length);
                self.error(
                    Diagnostic::error(
                        "escape",
                        span,
                        format!("`{}` is not an escape", &rest[..length]),
                        "expected `\\\"`, `\\\\` or `\\n`",
                    )
                    .hint("a backslash itself is written `\\\\`"),
                );
                self.at += length;
                return;
            }
        }
        self.at += 2;
    }

    /// The code between braces; texts inside it may contain braces and quotes.
    fn code(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let mut in_text = false;
        loop {
            match self.rest().chars().next() {
                Some('\\') if in_text => {
                    self.at += 1;
                    self.at += self.rest().chars().next().map_or(0, char::len_utf8);
                }
                Some('"') => {
                    in_text = !in_text;
                    self.at += 1;
                }
                Some('}') if !in_text => {
                    pieces.push(Piece::Code(self.span(start, self.at)));
                    self.at += 1;
                    return true;
                }
                Some(c) if c != '\n' => self.at += c.len_utf8(),
                _ => {
                    let span = self.span(open, open + 1);
                    self.error(
                        Diagnostic::error(
                            "message",
                            span,
                            "this brace is not closed in its message",
                            "expected a `}` after the expression",
                        )
                        .hint("a brace itself is written `{{`"),
                    );
                    return false;
                }
            }
        }
    }
}
