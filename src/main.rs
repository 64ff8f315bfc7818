//! The `minipy` command.
fn main() {}
