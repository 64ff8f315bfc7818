//! Lines and columns: from byte offsets to what people count.
//!
//! Lines end at `\n`, `\r\n` or `\r` and are counted from 1, columns from 0 in characters.

use unicode_width::UnicodeWidthStr;

/// Where the lines of one text begin.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Box<[u32]>,
}

impl LineIndex {
    /// Finds the lines of `text`.
    pub fn new(text: &str) -> LineIndex {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                starts.push(at as u32 + 1);
            }
        }
        LineIndex { starts: starts.into() }
    }

    /// The line (from 1) that holds the byte at `offset`.
    pub fn line(&self, offset: u32) -> u32 {
        self.starts.partition_point(|&start| start <= offset) as u32
    }

    /// Line (from 1) and column (from 0, in characters) of the byte at `offset` of `text`.
    pub fn position(&self, text: &str, offset: u32) -> (u32, u32) {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1] as usize;
        (line, text.get(start..offset as usize).map_or(0, |before| before.chars().count()) as u32)
    }

    /// The offset at which a line (from 1) begins; past the last line, that of the last.
    pub fn start(&self, line: u32) -> u32 {
        let last = self.starts.len() - 1;
        self.starts[(line.max(1) as usize - 1).min(last)]
    }

    /// The text of a line (from 1) without its end; empty past the last.
    pub fn text<'t>(&self, text: &'t str, line: u32) -> &'t str {
        if line == 0 || line as usize > self.starts.len() {
            return "";
        }
        let start = self.starts[line as usize - 1] as usize;
        let end = self.starts.get(line as usize).map_or(text.len(), |&end| end as usize);
        text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// How many lines there are: one more than line ends.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }
}

/// How many cells of a terminal `text` takes: East Asian wide characters take two, a tab counts as one.
pub fn display_width(text: &str) -> usize {
    let tabs = text.bytes().filter(|&byte| byte == b'\t').count();
    text.split('\t').map(UnicodeWidthStr::width).sum::<usize>() + tabs
}
