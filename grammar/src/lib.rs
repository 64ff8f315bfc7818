//! Lexer, layout, grammar and syntax tree of minipy: text to tree, or located faults.
//!
//! One door: [`parse`]. It takes text and gives a [`tree::Module`], or [`Faults`] that say what is wrong, where,
//! and whether more text could mend it.

mod diagnose;
mod door;
mod fault;
mod lex;
mod lines;
mod literal;
mod make;
mod number;
mod old;
mod pasted;
mod scan;
mod show;
mod token;
pub mod tree;

#[expect(clippy::all, reason = "generated")]
mod grammar {
    //! The parser that LALRPOP makes of `python.lalrpop`.
    include!(concat!(env!("OUT_DIR"), "/python.rs"));
}

pub use door::{Mode, decode, parse, tokens};
pub use fault::{Fault, Faults, Kind};
pub use lines::{LineIndex, display_width};
pub use old::modern;
pub use pasted::{Repaired, repair};
pub use show::show;
pub use token::{KEYWORDS, Tok, Token};
pub use tree::{Module, Name, Span};
