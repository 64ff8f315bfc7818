//! Generates the parser from `src/python.lalrpop` into the build's output folder.

fn main() {
    lalrpop::Configuration::new()
        .emit_rerun_directives(true)
        .use_cargo_dir_conventions()
        .process()
        .expect("python.lalrpop is a grammar without conflicts");
}
