//! Lines, columns and widths.

use minipy_grammar::{LineIndex, decode, display_width};

#[test]
fn every_kind_of_line_end_counts() {
    let text = "a\nbc\r\nd\re";
    let lines = LineIndex::new(text);
    assert_eq!(lines.count(), 4);
    let texts: Vec<&str> = (1..=4).map(|line| lines.text(text, line)).collect();
    assert_eq!(texts, ["a", "bc", "d", "e"]);
    assert_eq!(lines.position(text, 3), (2, 1));
    assert_eq!(lines.line(9), 4);
    assert_eq!(lines.start(2), 2);
    assert_eq!(lines.text(text, 9), "");
}

#[test]
fn columns_count_characters_and_widths_count_cells() {
    let text = "x = '日本' + é";
    let plus = text.find('+').unwrap() as u32;
    assert_eq!(LineIndex::new(text).position(text, plus), (1, 9));
    assert_eq!(display_width("'日本'"), 6);
    assert_eq!(display_width("é\t"), 2);
}

#[test]
fn a_file_that_is_no_utf8_is_a_fault() {
    assert_eq!(decode(b"x = 1".to_vec()).unwrap(), "x = 1");
    let faults = decode(b"x = 1\ny = '\xe9'".to_vec()).unwrap_err();
    assert!(faults.first().message.contains("'\\xe9' on line 2"));
}
