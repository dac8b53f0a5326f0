//! The normalised text of a statement: its tokens, comments and layout gone. Two statements of equal
//! normalised text are the same statement; the text reads back as the same tokens.

use crate::lex::{Tok, Token};
use crate::parse::RESERVED;

/// The tokens as one line.
pub fn normal(tokens: &[Token], source: &str) -> String {
    let mut out = String::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        if before.is_some_and(|before| spaced(before, token)) {
            out.push(' ');
        }
        out.push_str(token.span.of(source));
        before = Some(token);
    }
    out
}

fn spaced(before: &Token, token: &Token) -> bool {
    match (&before.tok, &token.tok) {
        (Tok::Symbol("(" | "[" | "."), _) => false,
        (_, Tok::Symbol("." | "," | ")" | "]" | ":")) => false,
        (Tok::Name(name), Tok::Symbol("(" | "[")) => RESERVED.contains(&name.as_str()),
        (Tok::Symbol(")" | "]"), Tok::Symbol("[")) => false,
        _ => true,
    }
}
