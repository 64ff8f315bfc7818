//! The `minipy` command.

fn main() {
    minipy::shell::main()
}
