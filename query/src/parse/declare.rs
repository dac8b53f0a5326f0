//! Declarations: `signal`, `event`, `let`, `param`.

use super::expr::{expr, literal};
use super::part::fixed;
use super::{Expect, Step, Tokens, name, symbol, text, word};
use crate::ast::{Ident, Literal, SignalStatement, StatementKind, TypeName};
use crate::catalog::SignalKind;
use crate::lex::Tok;
use crate::span::Span;
use crate::value::{Measure, Type, Unit};
use nom::Parser;
use nom::multi::{separated_list0, separated_list1};

pub(super) fn dotted(input: Tokens<'_>) -> Step<'_, Ident> {
    let (rest, parts) = separated_list1(symbol("."), name("a name")).parse(input)?;
    let names: Vec<&str> = parts.iter().map(|p| p.text.as_str()).collect();
    Ok((
        rest,
        Ident {
            text: names.join(".").into(),
            span: rest.since(input),
        },
    ))
}

pub(super) fn signal(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, signal) = name("the name of a signal")(input)?;
    let (rest, member) = if rest.is_symbol("[") {
        let (rest, key) = name("the name of the key")(rest.advance())?;
        let (rest, _) = symbol("]")(rest)?;
        let (rest, _) = symbol(".")(rest)?;
        let (rest, field) = name("the name of a field")(rest)?;
        (rest, Some((key, field)))
    } else {
        rest.note(Expect::Exactly("["));
        (rest, None)
    };
    let kind = match rest.word() {
        Some("gauge") => SignalKind::Gauge,
        Some("counter") => SignalKind::Counter,
        Some("state") => SignalKind::State,
        _ => {
            rest.note(Expect::Exactly("gauge"));
            rest.note(Expect::Exactly("counter"));
            return rest.miss(Expect::Exactly("state"));
        }
    };
    let (rest, ty) = type_name(rest.advance())?;
    let (rest, holds) = if rest.word() == Some("holds") {
        let rest = rest.advance();
        if rest.word() == Some("forever") {
            (rest.advance(), Some(None))
        } else {
            rest.note(Expect::Exactly("forever"));
            let (rest, nanos) = fixed(rest)?;
            (rest, Some(Some(nanos)))
        }
    } else {
        rest.note(Expect::Exactly("holds"));
        (rest, None)
    };
    Ok((
        rest,
        StatementKind::Signal(SignalStatement {
            name: signal,
            member,
            kind,
            ty,
            holds,
        }),
    ))
}

pub(super) fn type_name(input: Tokens<'_>) -> Step<'_, TypeName> {
    let number = |measure| {
        Type::Number(Unit {
            measure,
            per_second: false,
        })
    };
    let mut ty = match input.word() {
        Some("number") => number(Measure::Plain),
        Some("percent") => number(Measure::Percent),
        Some("bytes") => number(Measure::Bytes),
        Some("duration") => number(Measure::Duration),
        Some("bool") => Type::Bool,
        Some("text") => Type::Text,
        Some("time") => Type::Time,
        _ => {
            for word in ["number", "percent", "bytes", "duration", "bool", "text"] {
                input.note(Expect::Exactly(word));
            }
            return input.miss(Expect::Exactly("time"));
        }
    };
    let mut rest = input.advance();
    if let Type::Number(unit) = &mut ty
        && rest.is_symbol("/")
    {
        rest = word("s")(rest.advance())?.0;
        unit.per_second = true;
    }
    Ok((
        rest,
        TypeName {
            ty,
            span: rest.since(input),
        },
    ))
}

pub(super) fn event_statement(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name_) = dotted(input)?;
    let (rest, _) = symbol("{")(rest)?;
    let field = |input| (name("the name of a field"), type_name).parse(input);
    let (rest, fields) = separated_list0(symbol(","), field).parse(rest)?;
    let (rest, _) = symbol("}")(rest)?;
    Ok((
        rest,
        StatementKind::Event {
            name: name_,
            fields,
        },
    ))
}

pub(super) fn let_(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name) = name("a name")(input)?;
    let (rest, _) = symbol("=")(rest)?;
    let (rest, value) = expr(rest)?;
    Ok((rest, StatementKind::Let(name, value)))
}

/// A literal, perhaps negative.
pub(super) fn signed(input: Tokens<'_>) -> Step<'_, (Literal, Span)> {
    let negative = input.is_symbol("-");
    let at = if negative { input.advance() } else { input };
    match literal(at) {
        Some(Literal::Number(number, unit)) if negative => {
            let rest = at.advance();
            Ok((rest, (Literal::Number(-number, unit), rest.since(input))))
        }
        Some(found) if !negative => Ok((at.advance(), (found, at.span()))),
        _ => at.miss(Expect::Kind("a literal such as `90%`")),
    }
}

pub(super) fn param(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name_) = name("a name")(input)?;
    let (rest, _) = symbol("=")(rest)?;
    let (mut rest, default) = signed(rest)?;
    let mut overrides = Vec::new();
    loop {
        let labelled =
            rest.word().is_some() && matches!(rest.second().tok, Tok::Text(_) | Tok::Message(_));
        if !labelled {
            rest.note(Expect::Kind("a label and its text"));
            break;
        }
        let (after, label) = name("the name of a label")(rest)?;
        let (after, (value, _)) = text(after)?;
        let (after, _) = symbol(":")(after)?;
        let (after, literal) = signed(after)?;
        overrides.push((label, value, literal));
        rest = after;
    }
    Ok((
        rest,
        StatementKind::Param {
            name: name_,
            default,
            overrides,
        },
    ))
}
