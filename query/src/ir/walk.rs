//! Visiting expressions.

use super::*;

/// Visits an expression and all inside it, lets unfolded, outside in.
pub fn walk<'a>(expr: &'a Expr, program: &'a Program, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    if let Node::Let(id) = &expr.node {
        walk(&program.lets[id.index()].value, program, visit);
    }
    children(expr, &mut |child| walk(child, program, visit));
}

/// Visits the expressions directly inside one (not through lets).
pub fn children<'a>(expr: &'a Expr, each: &mut dyn FnMut(&'a Expr)) {
    match &expr.node {
        Node::Literal(_)
        | Node::Label(_)
        | Node::Param(_)
        | Node::InstanceKey(_)
        | Node::Column(_) => {}
        Node::Event { .. } | Node::Watch(..) | Node::Firing(_) | Node::Let(_) => {}
        Node::Signal { key, .. } => {
            if let Key::Expr(key) = key {
                each(key);
            }
        }
        Node::ListOf(items) | Node::And(items) | Node::Or(items) | Node::Call(_, items) => {
            items.iter().for_each(each);
        }
        Node::Not(value) | Node::Negate(value) | Node::Since(value) => each(value),
        Node::IsKnown { value, .. } | Node::For { value, .. } => each(value),
        Node::Compare { left, right, .. }
        | Node::Arith { left, right, .. }
        | Node::Coalesce(left, right) => {
            each(left);
            each(right);
        }
        Node::Matches { text, pattern, .. } => {
            each(text);
            each(pattern);
        }
        Node::In { value, list, .. } => {
            each(value);
            each(list);
        }
        Node::At { value, time } => {
            each(value);
            each(time);
        }
        Node::Within { event, .. } | Node::SinceEvent(event) | Node::LastEvent { event, .. } => {
            event.filter.iter().for_each(|filter| each(filter));
        }
        Node::CountEvents { event, anchor, .. } => {
            event.filter.iter().for_each(|filter| each(filter));
            if let Anchor::Before(time) | Anchor::After(time) = anchor {
                each(time);
            }
        }
        Node::Window { value, anchor, .. } => {
            each(value);
            if let Anchor::Before(time) | Anchor::After(time) = anchor {
                each(time);
            }
        }
        Node::Quantify {
            filter,
            value,
            listed,
            ..
        } => {
            for inner in [filter, value, listed].into_iter().flatten() {
                each(inner);
            }
        }
    }
}
