//! Parameters of functions and lambdas, and type parameters.

use super::{Made, refuse};
use crate::tree::*;

/// One piece of a parameter list.
pub enum ParamPiece {
    Plain(Param),
    /// `/`.
    Slash(Span),
    /// `*`.
    Star(Span),
    /// `*name`.
    Rest(Param),
    /// `**name`.
    Keywords(Param),
}

/// A parameter.
pub fn param(l: u32, name: Ident, annotation: Option<Expr>, default: Option<Expr>, r: u32) -> Param {
    Param { name, annotation, default, span: Span::new(l, r) }
}

/// Refuses `*name=default`.
pub fn star_default(l: u32, r: u32, what: &str) -> Made<ParamPiece> {
    refuse(Span::new(l, r), format!("var-{what} argument cannot have default value"))
}

/// Sorts the pieces into a parameter list and checks their order.
pub fn params(pieces: Vec<ParamPiece>) -> Made<Params> {
    let mut params = Params::default();
    let mut slash = false;
    let mut star: Option<Span> = None;
    for piece in pieces {
        if params.double_star.is_some() {
            return refuse(span_of(&piece), "arguments cannot follow var-keyword argument");
        }
        match piece {
            ParamPiece::Plain(param) if star.is_some() => params.keyword_only.push(param),
            ParamPiece::Plain(param) => {
                let earlier = params.positional.last().or(params.positional_only.last());
                if param.default.is_none() && earlier.is_some_and(|earlier| earlier.default.is_some()) {
                    return refuse(
                        param.span,
                        "parameter without a default follows parameter with a default",
                    );
                }
                params.positional.push(param);
            }
            ParamPiece::Slash(span) => {
                let message = if slash {
                    "/ may appear only once"
                } else if star.is_some() {
                    "/ must be ahead of *"
                } else if params.positional.is_empty() {
                    "at least one argument must precede /"
                } else {
                    slash = true;
                    params.positional_only = std::mem::take(&mut params.positional);
                    continue;
                };
                return refuse(span, message);
            }
            ParamPiece::Star(span) => {
                if star.is_some() {
                    return refuse(span, "* argument may appear only once");
                }
                star = Some(span);
            }
            ParamPiece::Rest(param) => {
                if star.is_some() {
                    let span = Span::new(param.span.start.saturating_sub(1), param.span.start);
                    return refuse(span, "* argument may appear only once");
                }
                star = Some(param.span);
                params.star = Some(param);
            }
            ParamPiece::Keywords(param) => {
                if let (Some(span), None, true) = (star, &params.star, params.keyword_only.is_empty()) {
                    return refuse(span, "named arguments must follow bare *");
                }
                params.double_star = Some(param);
            }
        }
    }
    if let (Some(span), None, true) = (star, &params.star, params.keyword_only.is_empty()) {
        return refuse(span, "named arguments must follow bare *");
    }
    check_names(&params)?;
    Ok(params)
}

fn span_of(piece: &ParamPiece) -> Span {
    match piece {
        ParamPiece::Plain(param) | ParamPiece::Rest(param) | ParamPiece::Keywords(param) => param.name.span,
        ParamPiece::Slash(span) | ParamPiece::Star(span) => *span,
    }
}

fn check_names(params: &Params) -> Made<()> {
    let names = || {
        let plain = params.positional_only.iter().chain(&params.positional).chain(&params.star);
        plain.chain(&params.keyword_only).chain(&params.double_star).map(|param| &param.name)
    };
    let repeated = |ident: &Ident| {
        let message = format!("duplicate argument '{}' in function definition", ident.name);
        refuse(ident.span, message)
    };
    let count = names().count();
    if count > 32 {
        let mut seen = std::collections::HashSet::with_capacity(count);
        return match names().find(|ident| !seen.insert(&*ident.name)) {
            Some(ident) => repeated(ident),
            None => Ok(()),
        };
    }
    for (at, ident) in names().enumerate() {
        if names().take(at).any(|earlier| earlier.name == ident.name) {
            return repeated(ident);
        }
    }
    Ok(())
}

/// A type parameter.
pub fn type_param(
    kind: TypeParamKind,
    l: u32,
    name: Ident,
    bound: Option<Expr>,
    default: Option<Expr>,
    r: u32,
) -> TypeParam {
    TypeParam { kind, name, bound, default, span: Span::new(l, r) }
}
