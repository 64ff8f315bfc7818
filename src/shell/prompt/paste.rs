//! Text pasted from a web page or another session. Invariant: text without prompts comes through unchanged.

/// Takes prompts off pasted lines, and leaves out the lines of output between them.
pub fn clean(text: &str) -> String {
    if !text.trim_start().starts_with(">>>") {
        return text.to_string();
    }
    let mut out: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        match line.strip_prefix(">>>").or_else(|| line.strip_prefix("...")) {
            Some(rest) => out.push(rest.strip_prefix(' ').unwrap_or(rest)),
            // A blank line ends a block, as it did where it was typed.
            None if line.is_empty() => out.push(""),
            None => {}
        }
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn prompts_and_output_go() {
        assert_eq!(clean("x = 1"), "x = 1");
        assert_eq!(clean(">>> x = 1"), "x = 1");
        assert_eq!(
            clean(">>> for i in (1,):\n...     print(i)\n...\n1\n>>> 2"),
            "for i in (1,):\n    print(i)\n\n2"
        );
        assert_eq!(clean("a = '>>> b'"), "a = '>>> b'");
        assert_eq!(clean(">>> if 1:\n...   2\n"), "if 1:\n  2");
    }
}
