//! Expressions, durations and messages. Each function is one line of the grammar.

use super::part::{dur, over};
use super::{Expect, Step, Tokens, nested, symbol, word};
use crate::ast::{Call, Expr, Kind, Literal, Part, Path};
use crate::diagnostic::Diagnostic;
use crate::ir::{ArithOp, CompareOp};
use crate::lex::Tok;
use crate::limits::TREE_HEIGHT_MAX;
use crate::span::Span;
use nom::Parser;
use nom::multi::separated_list0;

/// Makes an expression, bounding its size and height.
#[inline(never)]
fn make<'a>(rest: Tokens<'a>, kind: Kind, span: Span) -> Step<'a, Box<Expr>> {
    rest.count()?;
    let height = 1 + children(&kind)
        .into_iter()
        .map(|e| e.height)
        .max()
        .unwrap_or(0);
    if height as usize > TREE_HEIGHT_MAX {
        return rest.fatal(
            Diagnostic::error(
                "too-deep",
                span,
                format!("this expression is more than {TREE_HEIGHT_MAX} operators high"),
                "too high",
            )
            .hint("name parts of it with `let`"),
        );
    }
    Ok((
        rest,
        Box::new(Expr {
            kind,
            span,
            height,
            grouped: false,
        }),
    ))
}

/// The direct subexpressions.
pub fn children(kind: &Kind) -> Vec<&Expr> {
    fn of_path(path: &Path) -> Vec<&Expr> {
        path.parts
            .iter()
            .filter_map(|p| p.filter.as_deref())
            .collect()
    }
    match kind {
        Kind::Literal(_) => Vec::new(),
        Kind::List(items) | Kind::And(items) | Kind::Or(items) => items.iter().collect(),
        Kind::Path(path) => of_path(path),
        Kind::Within(path, ..) => of_path(path),
        Kind::Call(call) => {
            let anchor = call
                .over
                .iter()
                .filter_map(|o| o.anchor.as_ref().map(|a| &*a.1));
            call.args.iter().chain(anchor).collect()
        }
        Kind::Not(a) | Kind::Negate(a) | Kind::IsKnown(a, _) | Kind::For(a, _) => vec![a],
        Kind::Compare(_, a, b)
        | Kind::Arith(_, a, b)
        | Kind::Matches(a, b)
        | Kind::In(a, b, _)
        | Kind::Coalesce(a, b)
        | Kind::At(a, b) => vec![a, b],
    }
}

/// `expr = or ["for" dur]`
pub fn expr(input: Tokens<'_>) -> Step<'_, Expr> {
    boxed(input).map(|(rest, value)| (rest, *value))
}

fn boxed(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    nested(input, |input| {
        let (rest, value) = or(input)?;
        if rest.word() != Some("for") {
            return Ok((rest, value));
        }
        let (after, dur) = dur(rest.advance())?;
        if let Some(joined @ ("or" | "and" | "for")) = after.word() {
            return after_for(after, joined, rest.span().to(dur.span));
        }
        make(after, Kind::For(value, Box::new(dur)), after.since(input))
    })
}

/// What stands after `for D` and cannot.
#[cold]
fn after_for<'a>(after: Tokens<'a>, joined: &str, covered: Span) -> Step<'a, Box<Expr>> {
    let error = Diagnostic::error(
        "for",
        after.span(),
        format!("`for` ends an expression, `{joined}` cannot follow it"),
        "it is not clear what the duration covers",
    );
    let joined = if joined == "for" { "and" } else { joined };
    after.fatal(error.also(covered, "this covers everything before it").hint(format!(
        "put parentheses around what must last: `(a for 5m) {joined} (b for 5m)` or `(a {joined} b) for 5m`"
    )))
}

/// `a op b op c …` as one node.
fn joined<'a>(
    input: Tokens<'a>,
    operator: &'static str,
    part: fn(Tokens<'a>) -> Step<'a, Box<Expr>>,
    kind: fn(Vec<Expr>) -> Kind,
) -> Step<'a, Box<Expr>> {
    let (mut rest, first) = part(input)?;
    let mut items = vec![*first];
    while rest.word() == Some(operator) {
        let (after, next) = part(rest.advance())?;
        items.push(*next);
        rest = after;
    }
    rest.note(Expect::Kind("an operator"));
    if items.len() == 1 {
        return Ok((rest, Box::new(items.remove(0))));
    }
    make(rest, kind(items), rest.since(input))
}

fn or(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    joined(input, "or", and, Kind::Or)
}

fn and(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    joined(input, "and", not, Kind::And)
}

fn not(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    if input.word() != Some("not") {
        return predicate(input);
    }
    nested(input, |input| {
        let (rest, value) = not(input.advance())?;
        make(rest, Kind::Not(value), rest.since(input))
    })
}

fn comparison(input: Tokens<'_>) -> Option<CompareOp> {
    let Tok::Symbol(symbol) = input.next().tok else {
        return None;
    };
    Some(match symbol {
        "=" => CompareOp::Equal,
        "!=" => CompareOp::NotEqual,
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessEqual,
        ">" => CompareOp::Greater,
        ">=" => CompareOp::GreaterEqual,
        _ => return None,
    })
}

fn predicate(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    if input.word() == Some("no") {
        let (rest, event) = path(input.advance())?;
        let (rest, _) = word("within")(rest)?;
        let (rest, dur) = dur(rest)?;
        return make(
            rest,
            Kind::Within(Box::new(event), Box::new(dur), true),
            rest.since(input),
        );
    }
    let (rest, left) = sum(input)?;
    let (rest, value) = match rest.word() {
        Some("within") => {
            let Kind::Path(event) = left.kind else {
                return not_an_event(rest, left.span);
            };
            let (rest, dur) = dur(rest.advance())?;
            make(
                rest,
                Kind::Within(Box::new(event), Box::new(dur), false),
                rest.since(input),
            )?
        }
        Some("in") => membership(input, rest.advance(), left, false)?,
        Some("not") if matches!(&rest.second().tok, Tok::Name(w) if w == "in") => {
            membership(input, rest.advance().advance(), left, true)?
        }
        Some("is") => {
            let rest = rest.advance();
            let (rest, negated) = match rest.word() {
                Some("not") => (rest.advance(), true),
                _ => (rest, false),
            };
            let (rest, _) = word("known")(rest)?;
            make(rest, Kind::IsKnown(left, negated), rest.since(input))?
        }
        _ if rest.is_symbol("~") => {
            let (rest, right) = sum(rest.advance())?;
            let kind = Kind::Matches(left, right);
            make(rest, kind, rest.since(input))?
        }
        _ => match comparison(rest) {
            Some(op) => {
                let (rest, right) = sum(rest.advance())?;
                let kind = Kind::Compare(op, left, right);
                make(rest, kind, rest.since(input))?
            }
            None => (rest, left),
        },
    };
    if matches!(value.kind, Kind::Compare(..)) && comparison(rest).is_some() {
        return chained(rest);
    }
    Ok((rest, value))
}

#[cold]
fn not_an_event(rest: Tokens<'_>, span: Span) -> Step<'_, Box<Expr>> {
    rest.fatal(
        Diagnostic::error(
            "within",
            span,
            "only an event can happen within a time",
            "expected the name of an event",
        )
        .hint("a condition lasts: write `… for 5m`"),
    )
}

#[cold]
fn chained(rest: Tokens<'_>) -> Step<'_, Box<Expr>> {
    rest.fatal(
        Diagnostic::error(
            "compare",
            rest.span(),
            "comparisons do not chain",
            "a second comparison",
        )
        .hint("join two comparisons with `and`"),
    )
}

fn membership<'a>(
    start: Tokens<'a>,
    input: Tokens<'a>,
    left: Box<Expr>,
    negated: bool,
) -> Step<'a, Box<Expr>> {
    let (rest, list) = sum(input)?;
    let kind = Kind::In(left, list, negated);
    make(rest, kind, rest.since(start))
}

/// Left-associative arithmetic.
fn arithmetic<'a>(
    input: Tokens<'a>,
    operators: [(&'static str, ArithOp); 2],
    part: fn(Tokens<'a>) -> Step<'a, Box<Expr>>,
) -> Step<'a, Box<Expr>> {
    let (mut rest, mut left) = part(input)?;
    while let Some((_, op)) = operators.iter().find(|(s, _)| rest.is_symbol(s)) {
        let (after, right) = part(rest.advance())?;
        let kind = Kind::Arith(*op, left, right);
        (rest, left) = make(after, kind, after.since(input))?;
    }
    Ok((rest, left))
}

fn sum(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    arithmetic(input, [("+", ArithOp::Add), ("-", ArithOp::Subtract)], term)
}

fn term(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    arithmetic(
        input,
        [("*", ArithOp::Multiply), ("/", ArithOp::Divide)],
        value,
    )
}

/// `value = atom ["at" atom] ["??" value]`
fn value(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    let (mut rest, mut left) = atom(input)?;
    if rest.word() == Some("at") {
        let (after, time) = atom(rest.advance())?;
        let kind = Kind::At(left, time);
        (rest, left) = make(after, kind, after.since(input))?;
    }
    if rest.is_symbol("??") {
        let (after, right) = nested(rest.advance(), value)?;
        let kind = Kind::Coalesce(left, right);
        (rest, left) = make(after, kind, after.since(input))?;
    }
    Ok((rest, left))
}

/// A literal that is one token.
pub fn literal(input: Tokens<'_>) -> Option<Literal> {
    Some(match &input.next().tok {
        Tok::Number(number, unit) => Literal::Number(*number, *unit),
        Tok::Time(time) => Literal::Time(*time),
        Tok::Text(text) => Literal::Text(text.clone()),
        Tok::Name(name) if name == "true" => Literal::Bool(true),
        Tok::Name(name) if name == "false" => Literal::Bool(false),
        _ => return None,
    })
}

#[cold]
fn reports(rest: Tokens<'_>, span: Span) -> Step<'_, Box<Expr>> {
    rest.fatal(
        Diagnostic::error(
            "reports",
            span,
            "a number of reports is not a value",
            "stands only after `for`, `within`, `over` and the like",
        )
        .hint("compare with a duration such as `3m`"),
    )
}

#[cold]
fn misplaced_no(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    input.fatal(
        Diagnostic::error(
            "within",
            input.span(),
            "`no` belongs to `no EVENT within DURATION`",
            "a condition cannot start here",
        )
        .hint("put it in parentheses, or write `not`"),
    )
}

pub(super) fn atom(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    if let Some(found) = literal(input) {
        let rest = input.advance();
        if matches!(found, Literal::Number(..)) && rest.word() == Some("reports") {
            return reports(rest, input.span().to(rest.span()));
        }
        return make(rest, Kind::Literal(found), input.span());
    }
    if input.is_symbol("(") {
        let (rest, mut inner) = boxed(input.advance())?;
        let (rest, _) = symbol(")")(rest)?;
        inner.grouped = true;
        return Ok((rest, inner));
    }
    if input.is_symbol("-") {
        return nested(input, |input| {
            let (rest, inner) = atom(input.advance())?;
            make(rest, Kind::Negate(inner), rest.since(input))
        });
    }
    if input.is_symbol("[") {
        let (rest, items) = separated_list0(symbol(","), expr).parse(input.advance())?;
        let (rest, _) = symbol("]")(rest)?;
        return make(rest, Kind::List(items), rest.since(input));
    }
    if input.word() == Some("no") {
        return misplaced_no(input);
    }
    let called =
        matches!(input.next().tok, Tok::Name(_)) && matches!(input.second().tok, Tok::Symbol("("));
    if called {
        return call(input);
    }
    let (rest, path) = path(input)?;
    let span = path.span;
    make(rest, Kind::Path(path), span)
}

fn call(input: Tokens<'_>) -> Step<'_, Box<Expr>> {
    let (rest, name) = super::name("an expression")(input)?;
    let (rest, _) = symbol("(")(rest)?;
    let (rest, args) = separated_list0(symbol(","), expr).parse(rest)?;
    let (rest, over) = over(rest)?;
    let (mut rest, _) = symbol(")")(rest)?;
    let mut fields = Vec::new();
    while rest.is_symbol(".") {
        let (after, field) = super::name("the name of a field")(rest.advance())?;
        fields.push(field);
        rest = after;
    }
    make(
        rest,
        Kind::Call(Box::new(Call {
            name,
            args,
            over,
            fields,
        })),
        rest.since(input),
    )
}

/// `path = name ["[" filter "]"] {"." name ["[" filter "]"]}`
pub fn path(input: Tokens<'_>) -> Step<'_, Path> {
    let (mut rest, first) = part("an expression")(input)?;
    let mut parts = vec![first];
    while rest.is_symbol(".") {
        let (after, next) = part("the name of a field")(rest.advance())?;
        parts.push(next);
        rest = after;
    }
    Ok((
        rest,
        Path {
            parts,
            span: rest.since(input),
        },
    ))
}

fn part<'a>(kind: &'static str) -> impl Fn(Tokens<'a>) -> Step<'a, Part> {
    move |input| {
        input.count()?;
        let (rest, name) = super::name(kind)(input)?;
        if !rest.is_symbol("[") {
            return Ok((rest, Part { name, filter: None }));
        }
        let (rest, filter) = boxed(rest.advance())?;
        let (rest, _) = symbol("]")(rest)?;
        Ok((
            rest,
            Part {
                name,
                filter: Some(filter),
            },
        ))
    }
}

/// An event: a path whose last name alone may have a filter.
pub fn event(input: Tokens<'_>) -> Step<'_, Path> {
    match path(input) {
        Err(nom::Err::Error(_)) => input.miss(Expect::Kind("the name of an event")),
        other => other,
    }
}
