//! Texts, messages and quoted names.

use super::{Lexer, Piece, Tok};
use crate::diagnostic::Diagnostic;

/// Words after which a text is a message.
const MESSAGE_WORDS: [&str; 6] = ["log", "reason", "p1", "critical", "warn", "info"];

impl<'a> Lexer<'a, '_> {
    pub(super) fn backquoted(&mut self) {
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

    pub(super) fn single_quoted(&mut self) {
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

    pub(super) fn quoted(&mut self) {
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

    pub(super) fn escape(&mut self, text: &mut String) {
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
    pub(super) fn code(&mut self, pieces: &mut Vec<Piece>) -> bool {
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
