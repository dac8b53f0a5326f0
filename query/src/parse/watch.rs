//! `watch`.

use super::expr::{event, expr};
use super::part::dur;
use super::rule::{action, once, option};
use super::{Expect, Step, Tokens, name, symbol, word};
use crate::ast::{Ident, StatementKind, WatchStatement};
use nom::Parser;
use nom::multi::separated_list1;
use nom::sequence::preceded;
use smol_str::SmolStr;

/// Outcomes of a watch.
pub const OUTCOMES: [&str; 4] = ["done", "idle", "overdue", "unverified"];

pub(super) fn watch(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name_) = name("the name of the watch")(input)?;
    let (rest, _) = word("on")(rest)?;
    let (rest, on) = separated_list1(symbol(","), event).parse(rest)?;
    let (rest, _) = word("as")(rest)?;
    let (mut rest, binder) = name("a name for the event")(rest)?;
    let mut watch = WatchStatement {
        name: name_,
        on,
        binder,
        where_: None,
        open: None,
        ready: None,
        down: None,
        back: None,
        verify: None,
        cancel: None,
        outcomes: Vec::new(),
    };
    let when = |rest| preceded(word("when"), expr).parse(rest);
    let within = |rest| preceded(word("within"), dur).parse(rest);
    loop {
        let at = rest;
        let next = rest.advance();
        match rest.word() {
            Some("where") => {
                let (after, value) = expr(next)?;
                (rest, ()) = once(&mut watch.where_, value, at, after)?;
            }
            Some("open") => {
                let (after, value) = dur(next)?;
                (rest, ()) = once(&mut watch.open, value, at, after)?;
            }
            Some("ready") => {
                let (after, value) = when(next)?;
                (rest, ()) = once(&mut watch.ready, value, at, after)?;
            }
            Some("down") => {
                let (after, value) = when(next)?;
                (rest, ()) = once(&mut watch.down, value, at, after)?;
            }
            Some("back") => {
                let (after, value) = within(next)?;
                (rest, ()) = once(&mut watch.back, value, at, after)?;
            }
            Some("verify") => {
                let (after, value) = (within, expr).parse(next)?;
                (rest, ()) = once(&mut watch.verify, value, at, after)?;
            }
            Some("cancel") => {
                let (after, value) = preceded(word("on"), event).parse(next)?;
                (rest, ()) = once(&mut watch.cancel, value, at, after)?;
            }
            Some(found) if OUTCOMES.contains(&found) => {
                let outcome = Ident {
                    text: SmolStr::new(found),
                    span: at.span(),
                };
                let mut seen = watch
                    .outcomes
                    .iter()
                    .any(|(o, _)| o.text == found)
                    .then_some(());
                (rest, ()) = once(&mut seen, (), at, next)?;
                let mut options = Vec::new();
                while let (after, Some(found)) = option(rest)? {
                    options.push((found, after.since(rest)));
                    rest = after;
                }
                let (after, action) = action(rest, options)?;
                watch.outcomes.push((outcome, action));
                rest = after;
            }
            _ => break,
        }
    }
    for word in ["where", "open", "ready", "down", "back", "verify", "cancel"]
        .iter()
        .chain(&OUTCOMES)
    {
        rest.note(Expect::Exactly(word));
    }
    Ok((rest, StatementKind::Watch(Box::new(watch))))
}
