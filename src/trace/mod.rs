//! Events to reports. Names only the vocabulary of `run::event`; whatever else a report needs to know (source text,
//! names of natives, the moment of the end) is handed in by the shell. Invariant: a report is a function of its
//! input, so equal events give equal bytes.

pub mod chrome;
pub mod deadlock;
pub mod deadlock_text;
pub mod exit_report;
pub mod gil_report;
pub mod gil_text;
pub mod json;
pub mod life;
pub mod lock_report;
pub mod lock_text;
pub mod narrate;
pub mod page;
pub mod procs_report;
pub mod story;
pub mod table;
pub mod timeline;
pub mod wire;
