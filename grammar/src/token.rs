//! The tokens: one table of kinds, and the part of the lexer that is a regular language.
//!
//! Numbers, strings and names with letters outside ASCII are only begun here; `lex` scans them to their end.

use crate::tree::Span;
use logos::Logos;

/// A token where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub tok: Tok,
    pub start: u32,
    pub end: u32,
}

impl Token {
    /// Where the token stands.
    pub fn span(self) -> Span {
        Span::new(self.start, self.end)
    }
}

macro_rules! toks {
    (fixed { $($fixed:ident = $spelling:literal,)* } other { $($(#[$attribute:meta])* $other:ident,)* }) => {
        /// The kinds of tokens.
        #[derive(Logos, Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[logos(skip(r"[ \t\x0C]+"))]
        #[logos(skip(r"#[^\r\n]*", allow_greedy = true))]
        pub enum Tok {
            $(#[token($spelling)] $fixed,)*
            $($(#[$attribute])* $other,)*
        }

        impl Tok {
            /// How a keyword, operator or bracket is spelt; `None` for tokens of many spellings.
            pub fn spelling(self) -> Option<&'static str> {
                match self {
                    $(Tok::$fixed => Some($spelling),)*
                    _ => None,
                }
            }
        }

        /// The keywords that are keywords everywhere.
        pub const KEYWORDS: &[&str] = &keywords([$($spelling),*]);
    };
}

/// How many of the fixed spellings are words.
const KEYWORD_COUNT: usize = 35;

/// The words among the fixed spellings, which stand first.
const fn keywords<const N: usize>(spellings: [&'static str; N]) -> [&'static str; KEYWORD_COUNT] {
    let mut words = [""; KEYWORD_COUNT];
    let mut at = 0;
    while at < KEYWORD_COUNT {
        assert!(spellings[at].as_bytes()[0].is_ascii_alphabetic());
        words[at] = spellings[at];
        at += 1;
    }
    words
}

toks! {
    fixed {
        False = "False", None = "None", True = "True", And = "and", As = "as", Assert = "assert", Async = "async",
        Await = "await", Break = "break", Class = "class", Continue = "continue", Def = "def", Del = "del",
        Elif = "elif", Else = "else", Except = "except", Finally = "finally", For = "for", From = "from",
        Global = "global", If = "if", Import = "import", In = "in", Is = "is", Lambda = "lambda",
        Nonlocal = "nonlocal", Not = "not", Or = "or", Pass = "pass", Raise = "raise", Return = "return",
        Try = "try", While = "while", With = "with", Yield = "yield",
        LParen = "(", RParen = ")", LBracket = "[", RBracket = "]", LBrace = "{", RBrace = "}",
        Comma = ",", Colon = ":", ColonEq = ":=", Semi = ";", Dot = ".", Ellipsis = "...", Arrow = "->", At = "@",
        Eq = "=", EqEq = "==", NotEq = "!=", Lt = "<", LtEq = "<=", Gt = ">", GtEq = ">=", LtGt = "<>",
        Plus = "+", Minus = "-", Star = "*", StarStar = "**", Slash = "/", SlashSlash = "//", Percent = "%",
        Shl = "<<", Shr = ">>", Amp = "&", Bar = "|", Caret = "^", Tilde = "~", Bang = "!",
        PlusEq = "+=", MinusEq = "-=", StarEq = "*=", SlashEq = "/=", SlashSlashEq = "//=", PercentEq = "%=",
        AtEq = "@=", AmpEq = "&=", BarEq = "|=", CaretEq = "^=", ShlEq = "<<=", ShrEq = ">>=",
        StarStarEq = "**=",
    }
    other {
        #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
        Name,
        /// `match` at the head of a match statement; elsewhere a name, as are the next two.
        Match,
        /// `case` at the head of a case.
        Case,
        /// `type` at the head of a type statement.
        Type,
        #[regex(r"\.?[0-9]")]
        Number,
        #[regex("(?i:r|u|b|br|rb)?[\"']")]
        Str,
        /// The prefix and opening quotes of an f-string.
        #[regex("(?i:f|fr|rf)[\"']")]
        FStart,
        /// The prefix and quote of a template string, which the lexer refuses.
        #[regex("(?i:t|tr|rt)[\"']")]
        TStart,
        /// Literal text of an f-string.
        FMiddle,
        /// Literal text of a raw f-string.
        FMiddleRaw,
        /// Literal text of a format specification.
        FSpec,
        /// Literal text of a format specification in a raw f-string.
        FSpecRaw,
        /// The closing quotes of an f-string.
        FEnd,
        /// `{` that opens a field of an f-string.
        FieldOpen,
        /// `:` before a format specification.
        FieldColon,
        /// `}` that closes a field of an f-string.
        FieldClose,
        /// `(` after `with`, when `as` stands within.
        WithOpen,
        /// The end of a line in the text.
        #[regex(r"\r\n|\n|\r")]
        LineEnd,
        /// A backslash and what follows it.
        #[token("\\")]
        Backslash,
        /// The end of a statement or of a statement's head.
        Newline,
        Indent,
        Dedent,
        End,
        /// Stands before the first token of a file.
        StartFile,
        /// Stands before the first token of an expression to be evaluated.
        StartEval,
        /// A character that can begin no token.
        #[regex(r"[$?`]")]
        Bad,
    }
}

impl Tok {
    /// Whether an expression can begin with this token.
    pub fn starts_expr(self) -> bool {
        use Tok::*;
        matches!(
            self,
            Name | Number
                | Str
                | FStart
                | LParen
                | LBracket
                | LBrace
                | Plus
                | Minus
                | Tilde
                | Not
                | Lambda
                | Await
                | None
                | True
                | False
                | Ellipsis
                | WithOpen
        )
    }

    /// Whether an expression can end with this token.
    pub fn ends_expr(self) -> bool {
        use Tok::*;
        matches!(
            self,
            Name | Number | Str | FEnd | RParen | RBracket | RBrace | None | True | False | Ellipsis
        )
    }

    /// Whether the token opens a bracket.
    pub fn opens(self) -> bool {
        matches!(self, Tok::LParen | Tok::LBracket | Tok::LBrace | Tok::WithOpen | Tok::FieldOpen)
    }

    /// Whether the token closes a bracket.
    pub fn closes(self) -> bool {
        matches!(self, Tok::RParen | Tok::RBracket | Tok::RBrace | Tok::FieldClose)
    }

    /// Whether the token is a keyword everywhere.
    pub fn is_keyword(self) -> bool {
        self.spelling().is_some_and(|word| word.as_bytes()[0].is_ascii_alphabetic())
    }
}
