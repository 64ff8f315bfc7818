//! Located faults: what is wrong with a text, where, and whether more text could mend it.

use crate::tree::Span;

/// Which exception a fault becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SyntaxError`.
    Syntax,
    /// `IndentationError`.
    Indentation,
    /// `TabError`.
    Tab,
}

impl Kind {
    /// The name of the exception.
    pub fn exception(self) -> &'static str {
        match self {
            Kind::Syntax => "SyntaxError",
            Kind::Indentation => "IndentationError",
            Kind::Tab => "TabError",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    pub message: String,
    /// At least one byte long; it may cover the end of a line, or lie just behind the last byte of the text.
    pub span: Span,
    /// Advice that is no part of the exception's message.
    pub hint: Option<String>,
}

impl Fault {
    /// A `SyntaxError`.
    #[cold]
    pub fn syntax(span: Span, message: impl Into<String>) -> Fault {
        Fault { kind: Kind::Syntax, message: message.into(), span, hint: None }
    }

    /// An `IndentationError`.
    #[cold]
    pub fn indentation(span: Span, message: impl Into<String>) -> Fault {
        Fault { kind: Kind::Indentation, ..Fault::syntax(span, message) }
    }

    /// A `TabError`.
    #[cold]
    pub fn tab(span: Span, message: impl Into<String>) -> Fault {
        Fault { kind: Kind::Tab, ..Fault::syntax(span, message) }
    }

    /// The same fault with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a text is not a module. There is always a first fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    first: Box<Fault>,
    incomplete: bool,
}

impl Faults {
    pub(crate) fn new(first: Fault, incomplete: bool) -> Faults {
        Faults { first: Box::new(first), incomplete }
    }

    /// The fault to report.
    pub fn first(&self) -> &Fault {
        &self.first
    }

    /// Whether the text is sound as far as it goes, so that more lines could complete it: an open bracket or
    /// triple-quoted string, a block that has not begun or not ended, a backslash at the end.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }
}
