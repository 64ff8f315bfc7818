//! Lexer, layout, grammar and syntax tree of minipy: text to tree, or located faults.

pub mod tree;
