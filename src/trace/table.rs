//! Text in columns: figures, shares and names, measured in cells of a terminal. Invariant: a padded text takes
//! exactly the width asked for unless it is wider by itself.

use minipy_grammar::display_width;

/// Widest line of a report.
pub const WIDTH: usize = 80;

/// `text` and spaces up to `width` cells; longer text is cut and ends in `…`.
pub fn left(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let room = width.saturating_sub(display_width(&text));
    format!("{text}{}", " ".repeat(room))
}

/// Spaces and `text`, `width` cells together.
pub fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(display_width(text))))
}

/// `text` cut to `width` cells.
pub fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = display_width(c.encode_utf8(&mut [0; 4]));
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

/// `text` broken between words into lines of at most [`WIDTH`] cells; lines after the first begin with `indent`.
pub fn wrap(text: &str, indent: &str) -> String {
    let lead = text.len() - text.trim_start().len();
    let (mut out, mut line) = (String::new(), text[..lead].to_string());
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && display_width(&line) + 1 + display_width(word) > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = indent.to_string();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(&line);
    out.push('\n');
    out
}

/// A count with its thousands apart: `824 742`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A length of time: `0.5 ms`, `412 ms`, `2.10 s`.
pub fn time(ns: u64) -> String {
    let us = (ns + 500) / 1000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{}.{} ms", (us + 50) / 1000, (us + 50) % 1000 / 100),
        10_000..999_500 => format!("{} ms", (us + 500) / 1000),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

/// Shares of a whole in tenths of a percent, by largest remainders: they sum to exactly 1000 (unless all are 0).
pub fn tenths<const N: usize>(parts: [u64; N]) -> [u64; N] {
    let whole: u128 = parts.iter().map(|p| *p as u128).sum();
    let mut out = [0; N];
    if whole == 0 {
        return out;
    }
    let mut rest: Vec<(u128, usize)> = Vec::new();
    for (i, p) in parts.iter().enumerate() {
        let scaled = *p as u128 * 1000;
        out[i] = (scaled / whole) as u64;
        rest.push((scaled % whole, i));
    }
    let missing = 1000 - out.iter().sum::<u64>();
    // Equal remainders go by position, so that the same parts always give the same shares.
    rest.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, i) in rest.iter().take(missing as usize) {
        out[*i] += 1;
    }
    out
}

/// Tenths as text: `49.9`.
pub fn percent(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The letter of the `i`th thread: A to Z, then AA, AB and so on.
pub fn letter(mut i: usize) -> String {
    let mut out = Vec::new();
    loop {
        out.push(b'A' + (i % 26) as u8);
        if i < 26 {
            break;
        }
        i = i / 26 - 1;
    }
    out.iter().rev().map(|b| *b as char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_the_whole() {
        for parts in [[1, 1, 1], [1, 2, 4], [0, 0, 7], [999, 1, 1], [u64::MAX / 2, 1, 3]] {
            assert_eq!(tenths(parts).iter().sum::<u64>(), 1000, "{parts:?}");
        }
        assert_eq!(tenths([1, 1, 1]), [334, 333, 333]);
        assert_eq!(tenths([0, 0]), [0, 0]);
    }

    #[test]
    fn texts_keep_their_width() {
        assert_eq!(left("ab", 4), "ab  ");
        assert_eq!(left("工作线程", 9), "工作线程 ");
        assert_eq!(left("工作线程", 6), "工作… ");
        assert_eq!(right("7", 3), "  7");
        assert_eq!(count(824_742), "824 742");
        assert_eq!(count(1_000), "1 000");
        assert_eq!(count(12), "12");
        assert_eq!(time(500_000), "500 µs");
        assert_eq!(time(5_040_000), "5.0 ms");
        assert_eq!(time(412_000_000), "412 ms");
        assert_eq!(time(2_100_000_000), "2.10 s");
        assert_eq!(
            (letter(0), letter(25), letter(26), letter(52)),
            ("A".into(), "Z".into(), "AA".into(), "BA".into())
        );
    }

    #[test]
    fn long_lines_break_between_words() {
        let text = wrap(&"word ".repeat(40), "  ");
        assert!(text.lines().all(|l| l.len() <= WIDTH));
        assert!(text.lines().skip(1).all(|l| l.starts_with("  w")));
        assert_eq!(wrap("  a b", "    "), "  a b\n");
    }
}
