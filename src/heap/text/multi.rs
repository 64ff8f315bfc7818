//! East Asian encodings of one to four bytes a character. Invariant: what is taken is what CPython's codec of that
//! name takes; the tables come from the Encoding Standard, which knows more, so the rest is refused here.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, EncoderResult, Encoding, GB18030, GBK, SHIFT_JIS};
use std::collections::HashMap;
use std::sync::OnceLock;

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
const JIS: &[(char, char)] = &[
    ('\u{ff5e}', '\u{301c}'),
    ('\u{2225}', '\u{2016}'),
    ('\u{ff0d}', '\u{2212}'),
    ('\u{ffe0}', '\u{a2}'),
    ('\u{ffe1}', '\u{a3}'),
    ('\u{ffe2}', '\u{ac}'),
];
/// The same for GB 2312.
const GB: &[(char, char)] = &[('\u{b7}', '\u{30fb}'), ('\u{2014}', '\u{2015}')];
/// The same for Big5.
const BIG: &[(char, char)] = &[
    ('\u{2027}', '\u{2022}'),
    ('\u{fe51}', '\u{ff64}'),
    ('\u{af}', '\u{203e}'),
    ('\u{ff5e}', '\u{223c}'),
    ('\u{2295}', '\u{2641}'),
    ('\u{2299}', '\u{2609}'),
    ('\u{2215}', '\u{ff0f}'),
    ('\u{fe68}', '\u{ff3c}'),
    ('\u{ffe5}', '\u{a5}'),
    ('\u{ffe0}', '\u{a2}'),
    ('\u{ffe1}', '\u{a3}'),
];
/// The characters that changed places between the editions of GB 18030.
const EDITIONS: &[(char, char)] = &[
    ('\u{fe10}', '\u{e78d}'),
    ('\u{fe12}', '\u{e78e}'),
    ('\u{fe11}', '\u{e78f}'),
    ('\u{fe13}', '\u{e790}'),
    ('\u{fe14}', '\u{e791}'),
    ('\u{fe15}', '\u{e792}'),
    ('\u{fe16}', '\u{e793}'),
    ('\u{fe17}', '\u{e794}'),
    ('\u{fe18}', '\u{e795}'),
    ('\u{fe19}', '\u{e796}'),
    ('\u{1e3f}', '\u{e7c7}'),
    ('\u{9fb4}', '\u{e81e}'),
    ('\u{9fb5}', '\u{e826}'),
    ('\u{9fb6}', '\u{e82b}'),
    ('\u{9fb7}', '\u{e82c}'),
    ('\u{9fb8}', '\u{e832}'),
    ('\u{9fb9}', '\u{e843}'),
    ('\u{9fba}', '\u{e854}'),
    ('\u{9fbb}', '\u{e864}'),
];
/// Single bytes of cp932 beyond those of JIS.
const SINGLES: [(u8, char); 5] =
    [(0x80, '\u{80}'), (0xa0, '\u{f8f0}'), (0xfd, '\u{f8f1}'), (0xfe, '\u{f8f2}'), (0xff, '\u{f8f3}')];

/// Rows 0xc6a1 to 0xc7fc of Big5: letters and signs.
const MORE: &str = "\u{30fe}\u{309d}\u{309e}\u{3005}\u{3041}\u{3042}\u{3043}\u{3044}\u{3045}\u{3046}\u{3047}\u{3048}\u{3049}\u{304a}\u{304b}\u{304c}\
    \u{304d}\u{304e}\u{304f}\u{3050}\u{3051}\u{3052}\u{3053}\u{3054}\u{3055}\u{3056}\u{3057}\u{3058}\u{3059}\u{305a}\u{305b}\u{305c}\
    \u{305d}\u{305e}\u{305f}\u{3060}\u{3061}\u{3062}\u{3063}\u{3064}\u{3065}\u{3066}\u{3067}\u{3068}\u{3069}\u{306a}\u{306b}\u{306c}\
    \u{306d}\u{306e}\u{306f}\u{3070}\u{3071}\u{3072}\u{3073}\u{3074}\u{3075}\u{3076}\u{3077}\u{3078}\u{3079}\u{307a}\u{307b}\u{307c}\
    \u{307d}\u{307e}\u{307f}\u{3080}\u{3081}\u{3082}\u{3083}\u{3084}\u{3085}\u{3086}\u{3087}\u{3088}\u{3089}\u{308a}\u{308b}\u{308c}\
    \u{308d}\u{308e}\u{308f}\u{3090}\u{3091}\u{3092}\u{3093}\u{30a1}\u{30a2}\u{30a3}\u{30a4}\u{30a5}\u{30a6}\u{30a7}\u{30a8}\u{30a9}\
    \u{30aa}\u{30ab}\u{30ac}\u{30ad}\u{30ae}\u{30af}\u{30b0}\u{30b1}\u{30b2}\u{30b3}\u{30b4}\u{30b5}\u{30b6}\u{30b7}\u{30b8}\u{30b9}\
    \u{30ba}\u{30bb}\u{30bc}\u{30bd}\u{30be}\u{30bf}\u{30c0}\u{30c1}\u{30c2}\u{30c3}\u{30c4}\u{30c5}\u{30c6}\u{30c7}\u{30c8}\u{30c9}\
    \u{30ca}\u{30cb}\u{30cc}\u{30cd}\u{30ce}\u{30cf}\u{30d0}\u{30d1}\u{30d2}\u{30d3}\u{30d4}\u{30d5}\u{30d6}\u{30d7}\u{30d8}\u{30d9}\
    \u{30da}\u{30db}\u{30dc}\u{30dd}\u{30de}\u{30df}\u{30e0}\u{30e1}\u{30e2}\u{30e3}\u{30e4}\u{30e5}\u{30e6}\u{30e7}\u{30e8}\u{30e9}\
    \u{30ea}\u{30eb}\u{30ec}\u{30ed}\u{30ee}\u{30ef}\u{30f0}\u{30f1}\u{30f2}\u{30f3}\u{30f4}\u{30f5}\u{30f6}\u{414}\u{415}\u{401}\
    \u{416}\u{417}\u{418}\u{419}\u{41a}\u{41b}\u{41c}\u{423}\u{424}\u{425}\u{426}\u{427}\u{428}\u{429}\u{42a}\u{42b}\
    \u{42c}\u{42d}\u{42e}\u{42f}\u{430}\u{431}\u{432}\u{433}\u{434}\u{435}\u{451}\u{436}\u{437}\u{438}\u{439}\u{43a}\
    \u{43b}\u{43c}\u{43d}\u{43e}\u{43f}\u{440}\u{441}\u{442}\u{443}\u{444}\u{445}\u{446}\u{447}\u{448}\u{449}\u{44a}\
    \u{44b}\u{44c}\u{44d}\u{44e}\u{44f}\u{2460}\u{2461}\u{2462}\u{2463}\u{2464}\u{2465}\u{2466}\u{2467}\u{2468}\u{2469}\u{2474}\
    \u{2475}\u{2476}\u{2477}\u{2478}\u{2479}\u{247a}\u{247b}\u{247c}\u{247d}";

/// Letters of KS X 1001 that spell a syllable: leading, vowel, trailing.
const LETTERS: [&[u8]; 3] = [
    &[
        0xa1, 0xa2, 0xa4, 0xa7, 0xa8, 0xa9, 0xb1, 0xb2, 0xb3, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc,
        0xbd, 0xbe,
    ],
    &[
        0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf,
        0xd0, 0xd1, 0xd2, 0xd3,
    ],
    &[
        0xd4, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0, 0xb1,
        0xb2, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xba, 0xbb, 0xbc, 0xbd, 0xbe,
    ],
];

/// The syllable that eight bytes of EUC-KR spell by its letters.
fn spelled(b: &[u8]) -> Option<char> {
    let place = |i: usize| {
        let at = LETTERS[i].iter().position(|x| *x == b[2 * i + 3])? as u32;
        (b[2 * i + 2] == 0xa4).then_some(at)
    };
    char::from_u32(0xac00 + (place(0)? * 21 + place(1)?) * 28 + place(2)?)
}

/// The sequence of Big5 in the rows of letters and signs, by its place there.
fn big5_place(a: u8, b: u8) -> Option<usize> {
    match (a, b) {
        (0xc6, 0xa1..=0xfe) => Some(b as usize - 0xa1),
        (0xc7, 0x40..=0x7e) => Some(94 + b as usize - 0x40),
        (0xc7, 0xa1..=0xfc) => Some(157 + b as usize - 0xa1),
        _ => None,
    }
}

/// What NEC selected of the extensions of IBM, which cp932 prefers.
fn selected() -> &'static HashMap<char, [u8; 2]> {
    static TABLE: OnceLock<HashMap<char, [u8; 2]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for (a, b) in [0xed, 0xee].into_iter().flat_map(|a| (0x40..=0xfc).map(move |b| (a, b))) {
            let bytes = [a, b];
            let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(&bytes);
            if let Some(c) = text.and_then(|t| t.chars().next()) {
                table.entry(c).or_insert(bytes);
            }
        }
        table
    })
}

/// The characters of JIS X 0212, which EUC-JP writes with three bytes.
fn supplement() -> &'static HashMap<char, [u8; 3]> {
    static TABLE: OnceLock<HashMap<char, [u8; 3]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for (a, b) in (0xa1..=0xfe).flat_map(|a| (0xa1..=0xfe).map(move |b| (a, b))) {
            let bytes = [0x8f, a, b];
            let text = EUC_JP.decode_without_bom_handling_and_without_replacement(&bytes);
            if let Some(c) = text.and_then(|t| t.chars().next()) {
                table.insert(c, bytes);
            }
        }
        // The tilde has its place among the single bytes.
        table.remove(&'\u{ff5e}');
        table
    })
}

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

    fn swaps(self) -> &'static [(char, char)] {
        match self {
            Multi::ShiftJis | Multi::EucJp => JIS,
            Multi::Gb2312 => GB,
            Multi::Big5 => BIG,
            Multi::Gb18030 => EDITIONS,
            _ => &[],
        }
    }

    /// Whether the set gives a meaning to what the tables leave to private use.
    fn assigned(self, text: &str) -> bool {
        matches!(self, Multi::Gb18030 | Multi::Cp932)
            || !text.chars().any(|c| ('\u{e000}'..='\u{f8ff}').contains(&c))
    }

    /// Whether the set has this sequence, all of which the tables know.
    fn has(self, b: &[u8]) -> bool {
        match (self, b) {
            (_, [0..=127]) => true,
            (Multi::ShiftJis | Multi::Cp932, [b]) => (0xa1..=0xdf).contains(b),
            (_, [_]) => false,
            (Multi::Gb2312, [a, b]) => {
                let row = u16::from_be_bytes([*a, *b]);
                (0xa1..=0xf7).contains(a)
                    && !(0xa9 < *a && *a < 0xb0)
                    && *b >= 0xa1
                    && !matches!(row, 0xa2a1..=0xa2aa | 0xa2e3 | 0xa6d9..=0xa6f5 | 0xa8bb..=0xa8c0)
            }
            (Multi::Gbk, [a, b]) => {
                let row = u16::from_be_bytes([*a, *b]);
                !matches!(row, 0xa2e3 | 0xa3a0 | 0xa6d9..=0xa6df | 0xa6ec..=0xa6ed | 0xa6f3 | 0xa8bc | 0xa8bf)
                    && !matches!(row, 0xa989..=0xa995 | 0xfe50..)
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
        if let (Multi::Cp932, [b]) = (self, part)
            && let Some((_, c)) = SINGLES.iter().find(|(x, _)| x == b)
        {
            return Step::Char(c.to_string(), 1);
        }
        if (self, part) == (Multi::EucKr, &[0xa4, 0xd4]) {
            return match bytes.get(..8) {
                None => Step::More,
                Some(b) => spelled(b).map_or(Step::Bad(1), |c| Step::Char(c.to_string(), 8)),
            };
        }
        if self == Multi::Big5
            && let Some(c) = big5_place(part[0], part[part.len() - 1]).and_then(|i| MORE.chars().nth(i))
        {
            return Step::Char(c.to_string(), 2);
        }
        let special = match (self, part) {
            (Multi::EucJp, [0x8f, 0xa2, 0xb7]) => "~",
            (Multi::Gb18030, [0xa3, 0xa0]) => "\u{e5e5}",
            _ => "",
        };
        if !special.is_empty() {
            return Step::Char(special.to_string(), n);
        }
        match self.tables().decode_without_bom_handling_and_without_replacement(part) {
            Some(text) if self.has(part) && self.assigned(&text) => {
                Step::Char(self.swapped(text.into_owned(), n), n)
            }
            _ => Step::Bad(1),
        }
    }

    /// The text of a sequence of `n` bytes with this set's own characters.
    fn swapped(self, text: String, n: usize) -> String {
        let other = |c: char| {
            self.swaps().iter().find_map(|(standard, own)| match n {
                2 if *standard == c => Some(*own),
                4 if *own == c => Some(*standard),
                _ => None,
            })
        };
        match text.chars().next().and_then(other) {
            Some(c) => c.to_string(),
            None => text,
        }
    }

    /// Appends the bytes of a character; whether the set has it.
    pub fn encode(self, code: u32, out: &mut Vec<u8>) -> bool {
        if code < 128 {
            out.push(code as u8);
            return true;
        }
        let Some(mut c) = char::from_u32(code) else { return false };
        if self == Multi::Cp932
            && let Some((b, _)) = SINGLES.iter().find(|(_, x)| *x == c)
        {
            out.push(*b);
            return true;
        }
        let roman = match c {
            '\u{a5}' => b'\\',
            '\u{203e}' => b'~',
            _ => 0,
        };
        if roman != 0 && matches!(self, Multi::ShiftJis | Multi::EucJp) {
            out.push(roman);
            return true;
        }
        match self {
            Multi::Cp932 => match c {
                '\u{a0}' | '\u{a5}' | '\u{203e}' => return false,
                '\u{a2}' => c = '\u{ffe0}',
                '\u{a3}' => c = '\u{ffe1}',
                '\u{ac}' => c = '\u{ffe2}',
                '\u{2016}' => c = '\u{2225}',
                '\u{301c}' => c = '\u{ff5e}',
                '\u{e000}'..='\u{e757}' => {
                    let (row, i) = ((code - 0xe000) / 188, (code - 0xe000) % 188);
                    out.extend([0xf0 + row as u8, (0x40 + i + (i >= 63) as u32) as u8]);
                    return true;
                }
                _ => {}
            },
            Multi::Big5 => {
                // Lines that the tables find a second time further on.
                let line = match c {
                    '\u{2550}' => 0xa4,
                    '\u{255e}' => 0xa5,
                    '\u{256a}' => 0xa6,
                    '\u{2561}' => 0xa7,
                    _ => 0,
                };
                if line != 0 {
                    out.extend([0xa2, line]);
                    return true;
                }
                let place = MORE.chars().position(|x| x == c);
                let all = (0xc6..=0xc7).flat_map(|a| (0x40..=0xfe).map(move |b| (a, b)));
                if let Some(i) = place
                    && let Some((a, b)) = all.into_iter().find(|(a, b)| big5_place(*a, *b) == Some(i))
                {
                    // A character that has a place in the main rows too stays there.
                    let mut room = Vec::new();
                    match self.by_tables(c, &mut room) {
                        true => out.append(&mut room),
                        false => out.extend([a, b]),
                    }
                    return true;
                }
            }
            Multi::EucKr if (0xac00..0xd7a4).contains(&code) => {
                if !self.by_tables(c, out) {
                    let i = code - 0xac00;
                    let letters = [i / 588, i / 28 % 21, i % 28];
                    out.extend([0xa4, 0xd4]);
                    letters.iter().zip(LETTERS).for_each(|(k, table)| out.extend([0xa4, table[*k as usize]]));
                }
                return true;
            }
            Multi::Gb18030 if matches!(code, 0x9fb4..=0x9fbb | 0xfe10..=0xfe19) => {
                // Counted on from the first of each group, as sequences of four bytes are.
                let n = if code < 0xa000 { 19057 + code - 0x9fb4 } else { 39076 + code - 0xfe10 };
                let digit = |n: u32| b'0' + (n % 10) as u8;
                out.extend([
                    0x81 + (n / 12600) as u8,
                    digit(n / 1260),
                    0x81 + (n / 10 % 126) as u8,
                    digit(n),
                ]);
                return true;
            }
            _ => {}
        }
        if self == Multi::Gb18030 && c == '\u{e5e5}' {
            out.extend([0xa3, 0xa0]);
            return true;
        }
        if let Some((standard, _)) = self.swaps().iter().find(|(_, own)| *own == c) {
            c = *standard;
        } else if let Some((_, own)) = self.swaps().iter().find(|(standard, _)| *standard == c) {
            if self != Multi::Gb18030 {
                return false;
            }
            c = *own;
        }
        if self == Multi::EucJp
            && let Some(b) = supplement().get(&c)
        {
            out.extend(b);
            return true;
        }
        self.by_tables(c, out)
    }

    /// Appends the bytes that the tables have for a character, as far as the set has them.
    fn by_tables(self, c: char, out: &mut Vec<u8>) -> bool {
        let (mut text, mut room) = ([0; 4], [0; 8]);
        let text = c.encode_utf8(&mut text);
        let (result, _, n) =
            self.tables().new_encoder().encode_from_utf8_without_replacement(text, &mut room, true);
        let done = matches!(result, EncoderResult::InputEmpty) && self.has(&room[..n]) && self.assigned(text);
        if done {
            match selected().get(&c) {
                Some(b) if self == Multi::Cp932 && room[0] >= 0xfa => out.extend(b),
                _ => out.extend_from_slice(&room[..n]),
            }
        }
        done
    }
}
