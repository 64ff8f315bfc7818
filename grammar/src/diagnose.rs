//! Diagnosis.
use crate::fault::{Fault, Faults};
use crate::token::{Tok, Token};
use lalrpop_util::ParseError;
pub fn checked(_text: &str, _tokens: &[Token], _open: Option<Token>, fault: Fault) -> Faults {
    Faults::new(fault, false)
}
pub fn rejected(
    _text: &str,
    _tokens: &[Token],
    _open: Option<Token>,
    error: ParseError<u32, Tok, Fault>,
) -> Faults {
    let at = match error {
        ParseError::UnrecognizedToken { token, .. } => token.0,
        _ => 0,
    };
    Faults::new(Fault::syntax(crate::lex::one(at as usize), "invalid syntax"), false)
}
