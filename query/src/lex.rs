//! Text to tokens: names, literals with their units, texts, messages, symbols.
//!
//! Every token knows its byte range. A lexical error is reported and lexing goes on, so that one bad
//! character does not hide the other errors of a file. A text after `log`, `reason` or a severity is a
//! message: its `{…}` parts are kept as ranges, to be lexed again by the parser.

mod scan;
mod text;

use crate::diagnostic::{Diagnostic, nearest};
use crate::limits::{DURATION_NS_MAX, FILE_ERRORS_MAX};
use crate::span::Span;
use crate::value::{Measure, Unit};
pub use scan::suffix;
use scan::{Lexed, SUFFIXES, blank, date, name, number, per_second, time_chars, unit};
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
}
