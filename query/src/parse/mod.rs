//! Tokens to syntax trees, with nom.
//!
//! [`Tokens`] is the nom input: a position in a token list plus the [`Context`] of one parse. Primitives note
//! in the context what they would have taken, so the error of a failed statement names everything that was
//! possible at the furthest place reached. A failed statement is skipped up to the next line that starts one;
//! all errors of a file come out of one pass.

mod declare;
pub mod expr;
mod later;
mod part;
pub mod query;
pub mod rule;
mod watch;

use crate::ast::{Ident, Statement};
use crate::diagnostic::{Diagnostic, nearest};
use crate::lex::{Tok, Token, lex};
use crate::limits::{FILE_BYTES_MAX, FILE_ERRORS_MAX, NESTING_MAX, STATEMENT_NODES_MAX};
use crate::print;
use crate::span::{Source, Span};
use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Input, Needed};
use std::cell::{Cell, RefCell};

/// Something that would have fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// This word or symbol.
    Exactly(&'static str),
    /// Something of this kind.
    Kind(&'static str),
}

/// What one parse shares among its functions.
pub struct Context<'a> {
    /// The whole file.
    pub source: &'a str,
    /// Its number.
    pub file: u32,
    /// Found so far.
    pub diagnostics: &'a RefCell<Vec<Diagnostic>>,
    furthest: Cell<usize>,
    expected: RefCell<Vec<Expect>>,
    depth: Cell<usize>,
    nodes: Cell<usize>,
}

impl<'a> Context<'a> {
    fn new(source: &'a str, file: u32, diagnostics: &'a RefCell<Vec<Diagnostic>>) -> Context<'a> {
        Context {
            source,
            file,
            diagnostics,
            furthest: Cell::new(0),
            expected: RefCell::new(Vec::new()),
            depth: Cell::new(0),
            nodes: Cell::new(0),
        }
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }
}

/// The nom input.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    all: &'a [Token],
    at: usize,
    end: usize,
    ctx: &'a Context<'a>,
}

/// Failure of a parser; what was expected stands in the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miss;

impl ParseError<Tokens<'_>> for Miss {
    fn from_error_kind(_: Tokens<'_>, _: ErrorKind) -> Miss {
        Miss
    }
    fn append(_: Tokens<'_>, _: ErrorKind, _: Miss) -> Miss {
        Miss
    }
}

/// Result of a parser.
pub type Step<'a, O> = IResult<Tokens<'a>, O, Miss>;

impl<'a> Input for Tokens<'a> {
    type Item = &'a Token;
    type Iter = std::slice::Iter<'a, Token>;
    type IterIndices = std::iter::Enumerate<std::slice::Iter<'a, Token>>;

    fn input_len(&self) -> usize {
        self.end - self.at
    }
    fn take(&self, index: usize) -> Self {
        Tokens {
            end: self.at + index,
            ..*self
        }
    }
    fn take_from(&self, index: usize) -> Self {
        Tokens {
            at: self.at + index,
            ..*self
        }
    }
    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }
    fn position<P: Fn(Self::Item) -> bool>(&self, predicate: P) -> Option<usize> {
        self.iter_elements().position(predicate)
    }
    fn iter_elements(&self) -> Self::Iter {
        self.all[self.at..self.end].iter()
    }
    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }
    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        match self.input_len().checked_sub(count) {
            Some(_) => Ok(count),
            None => Err(Needed::new(count - self.input_len())),
        }
    }
}

impl<'a> Tokens<'a> {
    /// The next token; the last of a list is always [`Tok::End`].
    pub fn next(self) -> &'a Token {
        &self.all[self.at.min(self.all.len() - 1)]
    }

    /// The token after the next.
    pub fn second(self) -> &'a Token {
        &self.all[(self.at + 1).min(self.all.len() - 1)]
    }

    /// The next token as a word.
    pub fn word(self) -> Option<&'a str> {
        match &self.next().tok {
            Tok::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The next token is this symbol.
    pub fn is_symbol(self, symbol: &str) -> bool {
        matches!(&self.next().tok, Tok::Symbol(found) if *found == symbol)
    }

    /// Past the next token.
    pub fn advance(self) -> Tokens<'a> {
        Tokens {
            at: (self.at + 1).min(self.all.len() - 1),
            ..self
        }
    }

    /// Where the next token stands.
    pub fn span(self) -> Span {
        self.next().span
    }

    /// From `start` to the end of the last token taken.
    pub fn since(self, start: Tokens<'a>) -> Span {
        let last = self.at.max(start.at + 1) - 1;
        start.span().to(self.all[last].span)
    }

    /// Notes that `expect` would have fitted here.
    pub fn note(self, expect: Expect) {
        let ctx = self.ctx;
        if self.at > ctx.furthest.get() {
            ctx.furthest.set(self.at);
            ctx.expected.borrow_mut().clear();
        }
        if self.at == ctx.furthest.get() {
            let mut expected = ctx.expected.borrow_mut();
            if !expected.contains(&expect) {
                expected.push(expect);
            }
        }
    }

    /// Fails here, noting what would have fitted.
    pub fn miss<O>(self, expect: Expect) -> Step<'a, O> {
        self.note(expect);
        Err(Err::Error(Miss))
    }

    /// Ends this statement with this error.
    pub fn fatal<O>(self, diagnostic: Diagnostic) -> Step<'a, O> {
        self.ctx.report(diagnostic);
        Err(Err::Failure(Miss))
    }

    /// Counts a node against the bound of the statement.
    fn count(self) -> Result<(), Err<Miss>> {
        let nodes = self.ctx.nodes.get() + 1;
        self.ctx.nodes.set(nodes);
        if nodes <= STATEMENT_NODES_MAX {
            return Ok(());
        }
        self.fatal::<()>(
            Diagnostic::error(
                "too-large",
                self.span(),
                format!("this statement has more than {STATEMENT_NODES_MAX} parts"),
                "too large from here on",
            )
            .hint("name parts of it with `let`"),
        )
        .map(|_| ())
    }
}

/// Runs `parser` one level deeper; an error past the bound.
pub fn nested<'a, O>(
    input: Tokens<'a>,
    parser: impl FnOnce(Tokens<'a>) -> Step<'a, O>,
) -> Step<'a, O> {
    let depth = input.ctx.depth.get();
    if depth >= NESTING_MAX {
        return input.fatal(
            Diagnostic::error(
                "too-deep",
                input.span(),
                format!("this is nested more than {NESTING_MAX} levels deep"),
                "too deep from here on",
            )
            .hint("name parts of it with `let`"),
        );
    }
    input.ctx.depth.set(depth + 1);
    let result = parser(input);
    input.ctx.depth.set(depth);
    result
}

/// This word.
pub fn word<'a>(wanted: &'static str) -> impl Fn(Tokens<'a>) -> Step<'a, Span> {
    move |input| match input.word() {
        Some(found) if found == wanted => Ok((input.advance(), input.span())),
        _ => input.miss(Expect::Exactly(wanted)),
    }
}

/// This symbol.
pub fn symbol<'a>(wanted: &'static str) -> impl Fn(Tokens<'a>) -> Step<'a, Span> {
    move |input| {
        if input.is_symbol(wanted) {
            Ok((input.advance(), input.span()))
        } else {
            input.miss(Expect::Exactly(wanted))
        }
    }
}

/// Words that are never names of things.
pub const RESERVED: [&str; 12] = [
    "and", "or", "not", "no", "in", "is", "for", "within", "at", "over", "true", "false",
];

/// A name; `kind` says of what.
pub fn name<'a>(kind: &'static str) -> impl Fn(Tokens<'a>) -> Step<'a, Ident> {
    move |input| match &input.next().tok {
        Tok::Name(text) if !RESERVED.contains(&text.as_str()) => {
            let ident = Ident {
                text: text.clone(),
                span: input.span(),
            };
            Ok((input.advance(), ident))
        }
        _ => input.miss(Expect::Kind(kind)),
    }
}

/// A text.
pub fn text(input: Tokens<'_>) -> Step<'_, (smol_str::SmolStr, Span)> {
    match &input.next().tok {
        Tok::Text(text) => Ok((input.advance(), (text.clone(), input.span()))),
        _ => input.miss(Expect::Kind("a text in double quotes")),
    }
}

/// What a token is called in an error.
fn found(token: &Token, source: &str) -> String {
    match &token.tok {
        Tok::End => "the end of the text".to_string(),
        Tok::Text(_) | Tok::Message(_) => "a text".to_string(),
        _ => format!("`{}`", token.span.of(source)),
    }
}

/// The error at the furthest place reached.
fn syntax_error(ctx: &Context<'_>, tokens: &[Token], start: usize) -> Diagnostic {
    let at = ctx.furthest.get().clamp(start, tokens.len() - 1);
    let token = &tokens[at];
    let expected = ctx.expected.borrow();
    let mut words = Vec::new();
    let mut texts = Vec::new();
    for expect in expected.iter() {
        match expect {
            Expect::Exactly(word) => {
                words.push(*word);
                texts.push(format!("`{word}`"));
            }
            Expect::Kind(kind) => texts.push((*kind).to_string()),
        }
    }
    const SHOWN_MAX: usize = 9;
    if texts.len() > SHOWN_MAX {
        texts.truncate(SHOWN_MAX);
        texts.push("…".to_string());
    }
    let list = match texts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "something else".to_string(),
    };
    let found = found(token, ctx.source);
    let mut error = Diagnostic::error(
        "syntax",
        token.span,
        format!("expected {list}, found {found}"),
        if texts.len() > 3 {
            "not expected here".to_string()
        } else {
            format!("expected {list}")
        },
    );
    if let Tok::Name(name) = &token.tok {
        if let Some(near) = nearest(name, words.iter().copied()) {
            error = error.hint(format!("did you mean `{near}`?"));
        } else if RESERVED.contains(&name.as_str()) && words.is_empty() {
            error = error.hint(format!(
                "`{name}` is a word of the language and cannot be a name"
            ));
        }
    }
    error
}

/// Whether a file is small enough to read at all.
fn too_large(source: &Source, file: u32) -> Option<Diagnostic> {
    (source.text.len() > FILE_BYTES_MAX).then(|| {
        Diagnostic::error(
            "too-large",
            Span::new(file, 0, 0),
            format!(
                "this file has {} bytes, more than the {FILE_BYTES_MAX} allowed",
                source.text.len()
            ),
            "too large",
        )
        .hint("split it into several files")
    })
}

/// All statements of a rule file; those with errors are left out, their errors added.
pub fn statements(source: &Source, file: u32, diagnostics: &mut Vec<Diagnostic>) -> Vec<Statement> {
    if let Some(error) = too_large(source, file) {
        diagnostics.push(error);
        return Vec::new();
    }
    let tokens = lex(&source.text, file, 0, diagnostics);
    let shared = RefCell::new(Vec::new());
    let ctx = Context::new(&source.text, file, &shared);
    let mut found = Vec::new();
    let mut input = Tokens {
        all: &tokens,
        at: 0,
        end: tokens.len(),
        ctx: &ctx,
    };
    let mut errors = 0;
    while input.next().tok != Tok::End && errors < FILE_ERRORS_MAX {
        ctx.nodes.set(0);
        ctx.depth.set(0);
        match rule::statement(input) {
            Ok((rest, kind)) => {
                found.push(Statement {
                    kind,
                    span: rest.since(input),
                    text: print::normal(&tokens[input.at..rest.at], &source.text),
                });
                input = rest;
            }
            Err(error) => {
                errors += 1;
                if !matches!(error, Err::Failure(_)) {
                    ctx.report(syntax_error(&ctx, &tokens, input.at));
                }
                input = rule::skip(input);
            }
        }
    }
    diagnostics.append(&mut shared.take());
    found
}

/// One query.
pub fn query(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<crate::ast::Query> {
    let source = Source::new("query", text);
    if let Some(error) = too_large(&source, 0) {
        diagnostics.push(error);
        return None;
    }
    let tokens = lex(text, 0, 0, diagnostics);
    let shared = RefCell::new(Vec::new());
    let ctx = Context::new(text, 0, &shared);
    let input = Tokens {
        all: &tokens,
        at: 0,
        end: tokens.len(),
        ctx: &ctx,
    };
    let result = match query::query(input) {
        Ok((_, query)) => Some(query),
        Err(error) => {
            if !matches!(error, Err::Failure(_)) {
                ctx.report(syntax_error(&ctx, &tokens, 0));
            }
            None
        }
    };
    diagnostics.append(&mut shared.take());
    result
}

/// The expression between the braces of a message.
fn code(input: Tokens<'_>, range: Span) -> Option<crate::ast::Expr> {
    let ctx = input.ctx;
    let mut lexical = Vec::new();
    let tokens = lex(
        range.of(ctx.source),
        ctx.file,
        range.start as usize,
        &mut lexical,
    );
    let failed = !lexical.is_empty();
    ctx.diagnostics.borrow_mut().append(&mut lexical);
    let inner = Context::new(ctx.source, ctx.file, ctx.diagnostics);
    inner.nodes.set(ctx.nodes.get());
    let input = Tokens {
        all: &tokens,
        at: 0,
        end: tokens.len(),
        ctx: &inner,
    };
    let result = match expr::expr(input).and_then(|(rest, value)| {
        if rest.next().tok == Tok::End {
            Ok(value)
        } else {
            rest.miss(Expect::Exactly("}")).map(|(_, v)| v)
        }
    }) {
        Ok(value) => Some(value),
        Err(error) => {
            if !matches!(error, Err::Failure(_)) && !failed {
                let mut error = syntax_error(&inner, &tokens, 0);
                if error.span.start >= range.end {
                    error.span = Span {
                        start: range.end,
                        end: range.end + 1,
                        ..range
                    };
                    error.message = error.message.replace("the end of the text", "`}`");
                }
                ctx.report(error);
            }
            None
        }
    };
    ctx.nodes.set(inner.nodes.get());
    result
}
