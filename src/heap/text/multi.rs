//! East Asian encodings of one to four bytes a character. Invariant: what is taken is what CPython's codec of that
//! name takes; the tables come from the Encoding Standard, which knows more, so the rest is refused here.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, EncoderResult, Encoding, GB18030, GBK, SHIFT_JIS};

/// A character set with its encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Multi {
    Gb2312,
    Gbk,
    Gb18030,
    Big5,
    Big5Hkscs,
    ShiftJis,
    Cp932,
    EucJp,
    EucKr,
    Cp949,
}

/// What stands at the beginning of some bytes.
pub enum Step {
    /// A character (sometimes two) and its number of bytes.
    Char(String, usize),
    /// The beginning of one.
    More,
    /// That many bytes that mean nothing.
    Bad(usize),
}

/// The set by a name without punctuation, in small letters.
pub fn named(plain: &str) -> Option<Multi> {
    Some(match plain {
        "gb2312" | "chinese" | "csiso58gb231280" | "euccn" | "eucgb2312cn" | "gb231280" | "gb23121980"
        | "isoir58" => Multi::Gb2312,
        "gbk" | "936" | "cp936" | "ms936" => Multi::Gbk,
        "gb18030" | "gb180302000" => Multi::Gb18030,
        "big5" | "big5tw" | "csbig5" => Multi::Big5,
        "big5hkscs" | "hkscs" => Multi::Big5Hkscs,
        "shiftjis" | "sjis" | "csshiftjis" => Multi::ShiftJis,
        "cp932" | "932" | "ms932" | "mskanji" | "windows31j" => Multi::Cp932,
        "eucjp" | "ujis" | "ujp" => Multi::EucJp,
        "euckr" | "korean" | "ksc5601" | "ksc56011987" | "ksx1001" => Multi::EucKr,
        "cp949" | "949" | "ms949" | "uhc" => Multi::Cp949,
        _ => return None,
    })
}

/// Where the sets of JIS mean other characters than the Encoding Standard: its character, theirs.
const JIS: [(char, char); 6] = [
    ('\u{ff5e}', '\u{301c}'),
    ('\u{2225}', '\u{2016}'),
    ('\u{ff0d}', '\u{2212}'),
    ('\u{ffe0}', '\u{a2}'),
    ('\u{ffe1}', '\u{a3}'),
    ('\u{ffe2}', '\u{ac}'),
];

impl Multi {
    /// The name that errors show.
    pub fn name(self) -> &'static str {
        match self {
            Multi::Gb2312 => "gb2312",
            Multi::Gbk => "gbk",
            Multi::Gb18030 => "gb18030",
            Multi::Big5 => "big5",
            Multi::Big5Hkscs => "big5hkscs",
            Multi::ShiftJis => "shift_jis",
            Multi::Cp932 => "cp932",
            Multi::EucJp => "euc_jp",
            Multi::EucKr => "euc_kr",
            Multi::Cp949 => "cp949",
        }
    }

    fn tables(self) -> &'static Encoding {
        match self {
            Multi::Gb2312 | Multi::Gbk => GBK,
            Multi::Gb18030 => GB18030,
            Multi::Big5 | Multi::Big5Hkscs => BIG5,
            Multi::ShiftJis | Multi::Cp932 => SHIFT_JIS,
            Multi::EucJp => EUC_JP,
            Multi::EucKr | Multi::Cp949 => EUC_KR,
        }
    }

    fn is_jis(self) -> bool {
        matches!(self, Multi::ShiftJis | Multi::EucJp)
    }

    /// Whether the set has this sequence, all of which the tables know.
    fn has(self, b: &[u8]) -> bool {
        match (self, b) {
            (_, [0..=127]) => true,
            (Multi::ShiftJis | Multi::Cp932, [b]) => (0xa1..=0xdf).contains(b),
            (_, [_]) => false,
            (Multi::Gb2312, [a, b]) => (0xa1..=0xf7).contains(a) && !(0xaa..=0xaf).contains(a) && *b >= 0xa1,
            (Multi::Gbk, [a, b]) => {
                // Rows 0xaa to 0xaf and 0xf8 to 0xfe are left to users where the second byte is high.
                !(*b >= 0xa1 && (matches!(a, 0xaa..=0xaf | 0xf8..=0xfe)) || *a == 0x80)
            }
            (Multi::Big5, [a, b]) => match a {
                0xa1..=0xa2 | 0xa4..=0xc5 | 0xc9..=0xf8 => true,
                0xa3 => *b <= 0xbf,
                0xc6 => *b <= 0x7e,
                0xf9 => *b <= 0xd5,
                _ => false,
            },
            (Multi::ShiftJis, [a, _]) => matches!(a, 0x81..=0x84 | 0x88..=0x9f | 0xe0..=0xea),
            (Multi::EucJp, [a, _]) => matches!(a, 0x8e | 0xa1..=0xa8 | 0xb0..=0xf4),
            (Multi::EucKr, [a, b]) => *a >= 0xa1 && *b >= 0xa1,
            _ => true,
        }
    }

    /// The first character of the bytes, of which there is one at least.
    pub fn step(self, bytes: &[u8]) -> Step {
        let first = bytes[0];
        if first < 128 {
            return Step::Char((first as char).to_string(), 1);
        }
        let single = match self {
            Multi::ShiftJis | Multi::Cp932 => matches!(first, 0x80 | 0xa0..=0xdf | 0xfd..=0xff),
            Multi::EucJp => !matches!(first, 0x8e | 0x8f | 0xa1..=0xfe),
            Multi::Gb2312 | Multi::EucKr => !(0xa1..=0xfe).contains(&first),
            _ => matches!(first, 0x80 | 0xff),
        };
        let n = match (self, bytes.get(1)) {
            // Only the sets of Shift JIS have bytes that cannot begin anything.
            (Multi::ShiftJis | Multi::Cp932, _) if single => 1,
            (_, Some(_)) if single => 1,
            (_, None) => return Step::More,
            (Multi::Gb18030, Some(b'0'..=b'9')) => 4,
            (Multi::EucJp, _) if first == 0x8f => 3,
            _ => 2,
        };
        if bytes.len() < n {
            return Step::More;
        }
        let part = &bytes[..n];
        match self.tables().decode_without_bom_handling_and_without_replacement(part) {
            Some(text) if self.has(part) => {
                let mut text = text.into_owned();
                if self.is_jis()
                    && n == 2
                    && let Some((_, theirs)) = JIS.iter().find(|(ours, _)| text.starts_with(*ours))
                {
                    text = theirs.to_string();
                }
                Step::Char(text, n)
            }
            _ => Step::Bad(1),
        }
    }

    /// Appends the bytes of a character; whether the set has it.
    pub fn encode(self, code: u32, out: &mut Vec<u8>) -> bool {
        if code < 128 {
            out.push(code as u8);
            return true;
        }
        let Some(mut c) = char::from_u32(code) else { return false };
        if self.is_jis() {
            if let Some((ours, _)) = JIS.iter().find(|(_, theirs)| *theirs == c) {
                c = *ours;
            } else if JIS.iter().any(|(ours, _)| *ours == c) {
                return false;
            }
        }
        let (mut text, mut room) = ([0; 4], [0; 8]);
        let text = c.encode_utf8(&mut text);
        let (result, _, n) =
            self.tables().new_encoder().encode_from_utf8_without_replacement(text, &mut room, true);
        let done = matches!(result, EncoderResult::InputEmpty) && self.has(&room[..n]);
        if done {
            out.extend_from_slice(&room[..n]);
        }
        done
    }
}
